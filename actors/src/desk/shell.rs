//! The desk's actor: draws the picture that all consoles show, whenever the state changes, and
//! remembers where the other admin nodes' consoles are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::authority::NodeKind;
use domain::floor::Floor;
use domain::id::{NodeId, RowId};
use domain::moment::Moment;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinSet;

use super::FloorNow;
use crate::clerk::{ClerkMessage, Store};
use crate::gateway::{DISK_FAILED, Gateway, GatewayEvent, Group};
use crate::replica::Replica;
use crate::tree::Shared;

/// Least time between two pictures of which the second shows only readings.
const READINGS_EVERY: Duration = Duration::from_millis(250);
/// Least time between any two pictures.
const PICTURES_EVERY: Duration = Duration::from_millis(10);
/// A long ledger makes pictures and fingerprints dear. They are made in the clerk's turn, so that each
/// is made again only after this many times what it took.
const PICTURE_SHARE: u32 = 4;
const FINGERPRINT_SHARE: u32 = 20;
/// Longest list of pages that another admin node may name, in bytes.
const MOST_PAGES: usize = 1_024;

/// Kiosks are asked so often whether their disk still takes writes: the ledger cannot say it.
const KIOSKS_EVERY: Duration = Duration::from_secs(10);
/// Kiosks that are asked at a time.
const KIOSKS_AT_ONCE: usize = 16;

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
    /// The picture, and what it took.
    Drawn(Box<FloorNow>, Took),
    /// The clerk ended before it drew the picture.
    NotDrawn,
    /// A node can be called, or not any more.
    Member(GatewayEvent),
    /// Where an admin node's console is.
    Pages(NodeId, Vec<String>),
    /// The kiosks whose disk takes nothing any more.
    Failing(BTreeSet<NodeId>),
}

/// What a picture took of the clerk's time.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// All of it but the fingerprint.
    picture: Duration,
    /// The fingerprint, where it was made.
    fingerprint: Option<Duration>,
}

/// The fingerprint that pictures show.
#[derive(Debug, Clone, Copy)]
struct Fingerprint {
    hash: [u8; 32],
    made: Instant,
    took: Duration,
}

impl Fingerprint {
    /// When it may be made again.
    fn due(&self) -> Instant {
        self.made + self.took * FINGERPRINT_SHARE
    }
}

/// What the clerk draws with; let go of unused, it says so, since a clerk may end with the picture
/// still before it.
struct Brush {
    desk: ActorRef<DeskMessage>,
    used: bool,
}

impl Drop for Brush {
    fn drop(&mut self) {
        if !self.used && self.desk.cast(DeskMessage::NotDrawn).is_err() {
            tracing::debug!("the desk has ended too");
        }
    }
}

/// See the module.
pub(crate) struct DeskActor;

/// What it keeps.
pub(crate) struct DeskState {
    shared: Arc<Shared>,
    /// When the last picture was drawn, and what it took.
    drawn: Option<(Instant, Duration)>,
    fingerprint: Option<Fingerprint>,
    drawing: bool,
    again: bool,
    /// When the next picture is planned for.
    planned: Option<Instant>,
    pages: BTreeMap<NodeId, Vec<String>>,
    failing: BTreeSet<NodeId>,
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
        ask_kiosks(&shared, &myself);
        // What was learnt before a restart is in the last picture.
        let before = shared.floor.borrow().clone();
        let (pages, failing) =
            before.map(|floor| (floor.admins.clone(), floor.failing.clone())).unwrap_or_default();
        Ok(DeskState {
            shared,
            drawn: None,
            fingerprint: None,
            drawing: false,
            again: false,
            planned: None,
            pages,
            failing,
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
                state.planned = None;
                state.draw(&myself);
            }
            DeskMessage::Drawn(floor, took) => state.show(&myself, *floor, took),
            DeskMessage::NotDrawn => {
                state.drawing = false;
                state.draw_at(&myself, Instant::now() + READINGS_EVERY);
            }
            DeskMessage::Member(GatewayEvent::MemberUp(node)) => state.ask_pages(&myself, node),
            DeskMessage::Member(GatewayEvent::MemberDown(_)) => {}
            DeskMessage::Pages(node, pages) => {
                state.pages.insert(node, pages);
                state.plan(&myself, true);
            }
            DeskMessage::Failing(failing) => {
                if state.failing != failing {
                    state.failing = failing;
                    state.plan(&myself, true);
                }
                ask_kiosks(&state.shared, &myself);
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
        let least = if by_fact { PICTURES_EVERY } else { READINGS_EVERY };
        let now = Instant::now();
        let due = self.drawn.map_or(now, |(at, took)| at + least.max(took * PICTURE_SHARE));
        if due > now {
            self.draw_at(myself, due);
        } else {
            self.draw(myself);
        }
    }

    fn draw_at(&mut self, myself: &ActorRef<DeskMessage>, due: Instant) {
        if self.planned.is_some_and(|planned| planned <= due) {
            return;
        }
        self.planned = Some(due);
        let desk = myself.clone();
        tokio::spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            if desk.cast(DeskMessage::Draw).is_err() {
                tracing::debug!("the desk ended before its next picture");
            }
        });
    }

    fn show(&mut self, myself: &ActorRef<DeskMessage>, floor: FloorNow, took: Took) {
        let now = Instant::now();
        self.drawing = false;
        self.drawn = Some((now, took.picture));
        if let Some(took) = took.fingerprint {
            self.fingerprint = Some(Fingerprint { hash: floor.fingerprint, made: now, took });
        }
        self.shared.floor.send_replace(Some(Arc::new(floor)));
        if std::mem::take(&mut self.again) {
            self.plan(myself, true);
        } else if took.fingerprint.is_none()
            && let Some(known) = self.fingerprint
        {
            // This picture showed an older fingerprint: the last one of all must not.
            self.draw_at(myself, known.due());
        }
    }

    fn draw(&mut self, myself: &ActorRef<DeskMessage>) {
        if self.drawing {
            self.again = true;
            return;
        }
        let mut brush = Brush { desk: myself.clone(), used: false };
        let (pages, failing) = (self.pages(), self.failing.clone());
        let now = Instant::now();
        let known = self.fingerprint.filter(|known| known.due() > now);
        self.drawing = self.shared.tell_clerk(ClerkMessage::Turn(Box::new(move |replica, raw| {
            let began = Instant::now();
            let mut floor = picture(replica, replica.moment(raw), pages, failing);
            let picture = began.elapsed();
            let fingerprint = match known {
                Some(known) => {
                    floor.fingerprint = known.hash;
                    None
                }
                None => {
                    floor.fingerprint = replica.site().fingerprint().unwrap_or_default();
                    Some(began.elapsed().saturating_sub(picture))
                }
            };
            let took = Took { picture, fingerprint };
            brush.used = true;
            if brush.desk.cast(DeskMessage::Drawn(Box::new(floor), took)).is_err() {
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

/// Asks the kiosks that can be called, in a while; the answer brings on the next round.
fn ask_kiosks(shared: &Arc<Shared>, myself: &ActorRef<DeskMessage>) {
    let (shared, desk) = (Arc::clone(shared), myself.clone());
    tokio::spawn(async move {
        tokio::time::sleep(KIOSKS_EVERY).await;
        let failing = match shared.gateway() {
            Some(gateway) => failing(&gateway).await,
            None => BTreeSet::new(),
        };
        if desk.cast(DeskMessage::Failing(failing)).is_err() {
            tracing::debug!("the desk ended before the kiosks had answered");
        }
    });
}

/// Who says that its disk has failed. Who does not answer says nothing.
async fn failing(gateway: &Gateway) -> BTreeSet<NodeId> {
    let mut failing = BTreeSet::new();
    for some in gateway.members(Group::Kiosks).await.chunks(KIOSKS_AT_ONCE) {
        let mut asked = JoinSet::new();
        for node in some.iter().copied() {
            let gateway = gateway.clone();
            asked.spawn(async move { (node, gateway.showing(node).await) });
        }
        while let Some(said) = asked.join_next().await {
            if let Ok((node, Ok(shown))) = said
                && shown == DISK_FAILED
            {
                failing.insert(NodeId(node));
            }
        }
    }
    failing
}

fn picture(
    replica: &Replica<Store>,
    now: Moment,
    pages: BTreeMap<NodeId, Vec<String>>,
    failing: BTreeSet<NodeId>,
) -> FloorNow {
    let floor = replica.site().floor(now);
    let me = replica.me().node();
    let boot = |boot_ms: u64| {
        now.wall_ms.saturating_sub(i64::try_from(now.since(boot_ms)).unwrap_or(i64::MAX))
    };
    let linked: BTreeMap<NodeId, u64> =
        replica.links().map(|(node, _, since)| (*node, since)).collect();
    let mut links: BTreeMap<NodeId, (bool, Option<i64>)> = replica
        .last_seen()
        .iter()
        .map(|(node, at)| (*node, (linked.contains_key(node), Some(boot(*at)))))
        .collect();
    for node in replica.site().standing().members.keys() {
        links.entry(*node).or_insert((false, None));
    }
    let admins = replica.site().standing().nodes(NodeKind::Admin);
    let admins: BTreeMap<NodeId, Vec<String>> =
        admins.map(|node| (*node, pages.get(node).cloned().unwrap_or_default())).collect();
    // Another admin node that is out of sight may know what this one does not.
    let silent = admins.keys().filter(|node| **node != me && !linked.contains_key(node));
    let silent = silent.filter_map(|node| replica.last_seen().get(node));
    FloorNow {
        as_of_ms: now.wall_ms,
        node: me,
        behind_ms: silent.map(|at| now.since(*at)).max().unwrap_or(0),
        fingerprint: [0; 32],
        deliveries: replica.deliveries(now),
        texts: texts(replica, &floor, now),
        doubled: replica.doubled(now),
        failing,
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
    let labels = floor.sessions.iter().chain(on_tiles).filter_map(|session| session.label);
    let notes = floor.tiles.iter().filter_map(|tile| tile.note);
    labels
        .chain(notes)
        .filter_map(|row| {
            let note = vault.note(row, now).ok()??;
            Some((row, note.texts.into_iter().next()?))
        })
        .collect()
}
