//! The desk's actor: draws the picture that all consoles show, whenever the state changes, and
//! remembers where the other admin nodes' consoles are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::authority::NodeKind;
use domain::floor::Floor;
use domain::id::{NodeId, RowId};
use domain::moment::Moment;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::FloorNow;
use crate::clerk::{ClerkMessage, Store};
use crate::gateway::GatewayEvent;
use crate::replica::Replica;
use crate::tree::Shared;

/// Least time between two pictures of which the second shows only readings.
const READINGS_EVERY: Duration = Duration::from_millis(250);
/// Least time between any two pictures.
const PICTURES_EVERY: Duration = Duration::from_millis(10);
/// Longest list of pages that another admin node may name, in bytes.
const MOST_PAGES: usize = 1_024;

/// What the desk's actor is told.
#[derive(ractor_cluster::RactorMessage)]
pub enum DeskMessage {
    /// The state has changed.
    Changed {
        /// Whether by more than a reading.
        by_fact: bool,
    },
    /// Draw the picture now.
    Draw,
    /// The picture.
    Drawn(Box<FloorNow>),
    /// A node can be called, or not any more.
    Member(GatewayEvent),
    /// Where an admin node's console is.
    Pages(NodeId, Vec<String>),
}

/// See the module.
pub(crate) struct DeskActor;

/// What it keeps.
pub(crate) struct DeskState {
    shared: Arc<Shared>,
    drawn: Option<Instant>,
    drawing: bool,
    again: bool,
    planned: bool,
    pages: BTreeMap<NodeId, Vec<String>>,
}

impl Actor for DeskActor {
    type Msg = DeskMessage;
    type State = DeskState;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<DeskMessage>,
        shared: Arc<Shared>,
    ) -> Result<DeskState, ActorProcessingErr> {
        myself.cast(DeskMessage::Draw)?;
        // Pages learnt before a restart are in the last picture.
        let before = shared
            .floor
            .borrow()
            .as_ref()
            .map(|floor| floor.admins.clone());
        let pages = before.unwrap_or_default();
        Ok(DeskState {
            shared,
            drawn: None,
            drawing: false,
            again: false,
            planned: false,
            pages,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<DeskMessage>,
        message: DeskMessage,
        state: &mut DeskState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            DeskMessage::Changed { by_fact } => state.plan(&myself, by_fact),
            DeskMessage::Draw => {
                state.planned = false;
                state.draw(&myself);
            }
            DeskMessage::Drawn(floor) => {
                state.drawing = false;
                state.drawn = Some(Instant::now());
                state.shared.floor.send_replace(Some(Arc::new(*floor)));
                if std::mem::take(&mut state.again) {
                    state.plan(&myself, true);
                }
            }
            DeskMessage::Member(GatewayEvent::MemberUp(node)) => state.ask_pages(&myself, node),
            DeskMessage::Member(GatewayEvent::MemberDown(_)) => {}
            DeskMessage::Pages(node, pages) => {
                state.pages.insert(node, pages);
                state.plan(&myself, true);
            }
        }
        Ok(())
    }
}

impl DeskState {
    fn plan(&mut self, myself: &ActorRef<DeskMessage>, by_fact: bool) {
        if self.drawing {
            self.again = true;
            return;
        }
        if self.planned && !by_fact {
            return;
        }
        let pause = if by_fact {
            PICTURES_EVERY
        } else {
            READINGS_EVERY
        };
        let since = self.drawn.map_or(pause, |at| at.elapsed());
        match pause.checked_sub(since).filter(|wait| !wait.is_zero()) {
            None => self.draw(myself),
            Some(wait) => {
                self.planned = true;
                let desk = myself.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    if desk.cast(DeskMessage::Draw).is_err() {
                        tracing::debug!("the desk ended before its next picture");
                    }
                });
            }
        }
    }

    fn draw(&mut self, myself: &ActorRef<DeskMessage>) {
        if self.drawing {
            self.again = true;
            return;
        }
        let (desk, pages) = (myself.clone(), self.pages());
        self.drawing = self
            .shared
            .tell_clerk(ClerkMessage::Turn(Box::new(move |replica, raw| {
                let floor = picture(replica, replica.moment(raw), pages);
                if desk.cast(DeskMessage::Drawn(Box::new(floor))).is_err() {
                    tracing::debug!("the desk ended before its picture was drawn");
                }
                Vec::new()
            })));
    }

    fn pages(&self) -> BTreeMap<NodeId, Vec<String>> {
        let mut pages = self.pages.clone();
        pages.insert(self.shared.identity.node(), self.shared.pages.clone());
        pages
    }

    /// An admin node's screen is its console: what it shows is where that is.
    fn ask_pages(&self, myself: &ActorRef<DeskMessage>, node: [u8; 32]) {
        let Some(gateway) = self.shared.gateway() else {
            return;
        };
        let desk = myself.clone();
        tokio::spawn(async move {
            match gateway.showing(node).await {
                Ok(shown) if shown.len() <= MOST_PAGES => {
                    let pages: Vec<String> = shown
                        .lines()
                        .filter(|line| line.starts_with("http://") || line.starts_with("https://"))
                        .map(str::to_owned)
                        .collect();
                    if !pages.is_empty()
                        && desk.cast(DeskMessage::Pages(NodeId(node), pages)).is_err()
                    {
                        tracing::debug!("the desk ended before it learnt a page");
                    }
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "a node did not say what it shows"),
            }
        });
    }
}

fn picture(
    replica: &Replica<Store>,
    now: Moment,
    pages: BTreeMap<NodeId, Vec<String>>,
) -> FloorNow {
    let floor = replica.site().floor(now);
    let me = replica.me().node();
    let boot = |boot_ms: u64| {
        now.wall_ms
            .saturating_sub(i64::try_from(now.since(boot_ms)).unwrap_or(i64::MAX))
    };
    let linked: BTreeMap<NodeId, u64> = replica
        .links()
        .map(|(node, _, since)| (*node, since))
        .collect();
    let mut links: BTreeMap<NodeId, (bool, Option<i64>)> = replica
        .last_seen()
        .iter()
        .map(|(node, at)| (*node, (linked.contains_key(node), Some(boot(*at)))))
        .collect();
    for node in replica.site().standing().members.keys() {
        links.entry(*node).or_insert((false, None));
    }
    let admins = replica.site().standing().nodes(NodeKind::Admin);
    let admins: BTreeMap<NodeId, Vec<String>> = admins
        .map(|node| (*node, pages.get(node).cloned().unwrap_or_default()))
        .collect();
    // Another admin node that is out of sight may know what this one does not.
    let silent = admins
        .keys()
        .filter(|node| **node != me && !linked.contains_key(node));
    let silent = silent.filter_map(|node| replica.last_seen().get(node));
    FloorNow {
        as_of_ms: now.wall_ms,
        node: me,
        behind_ms: silent.map(|at| now.since(*at)).max().unwrap_or(0),
        fingerprint: replica.site().fingerprint().unwrap_or_default(),
        deliveries: replica.deliveries(now),
        texts: texts(replica, &floor, now),
        links,
        admins,
        floor,
    }
}

fn texts(replica: &Replica<Store>, floor: &Floor, now: Moment) -> BTreeMap<RowId, String> {
    let Some(vault) = replica.vault() else {
        return BTreeMap::new();
    };
    let on_tiles = floor.tiles.iter().filter_map(|tile| tile.session.as_ref());
    let labels = floor
        .sessions
        .iter()
        .chain(on_tiles)
        .filter_map(|session| session.label);
    let notes = floor.tiles.iter().filter_map(|tile| tile.note);
    labels
        .chain(notes)
        .filter_map(|row| {
            let note = vault.note(row, now).ok()??;
            Some((row, note.texts.into_iter().next()?))
        })
        .collect()
}
