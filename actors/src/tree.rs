//! The supervision tree of a node, and what its actors share.
//!
//! ```text
//! root ─┬─ clerk      owns the Replica, the only writer
//!       ├─ peers      accepts and dials; one link actor a peer below it
//!       ├─ gateway    the only remotable actor; groups `admins`, `kiosks`
//!       ├─ kiosk      on a kiosk: what its page shows; one session actor while a session runs
//!       ├─ desk       on an admin node: what consoles show, codes drawn, accounts
//!       └─ keeper     retention and the daily backup
//! ```
//!
//! A child that fails is started again. One that keeps failing takes the node down, so that the
//! service manager starts it afresh and says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::authority::NodeKind;
use domain::fact::Fact;
use domain::id::NodeId;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{mpsc, watch};

use crate::clerk::{Clerk, ClerkMessage, Store, node_kind, peer_kind};
use crate::desk::FloorNow;
use crate::desk::shell::{DeskActor, DeskMessage};
use crate::gateway::{Gateway, GatewayEvent, GatewaySettings, Group, Lanes, LiveCalls, lanes};
use crate::keeper::{Keeper, KeeperMessage, KeeperSettings};
use crate::kiosk::{KioskActor, KioskMessage};
use crate::link::close::CloseReason;
use crate::link::endpoint::Endpoint;
use crate::link::handshake::Introduction;
use crate::link::intake::{Intake, LinkEvent};
use crate::link::outbound::Outbound;
use crate::pairing::waiting::Pairings;
use crate::peers::{FanOut, Hint, Meeting, Peers, PeersSettings, Told};
use crate::replica::duty::View;
use crate::replica::greeting::Unwelcome;
use crate::replica::{Identity, Replica};
use crate::vault::key::VaultKey;

/// Restarts within [`RESTART_SPAN`] before the node gives up.
const MOST_RESTARTS: usize = 20;
const RESTART_SPAN: Duration = Duration::from_secs(60);
/// Strangers whose refusal is remembered, for status.
const MOST_STRANGERS: usize = 32;
const MEETINGS: usize = 64;
const EVENTS: usize = 256;

type Links = BTreeMap<NodeId, (NodeKind, Outbound)>;

/// What the actors of one node share; outlives each of them.
pub struct Shared {
    /// The store.
    pub store: Store,
    /// Who this node is.
    pub identity: Identity,
    /// The vault's key, on an admin node.
    pub vault_key: Option<VaultKey>,
    /// What this node's console pages are called.
    pub pages: Vec<String>,
    clerk: Mutex<Option<ActorRef<ClerkMessage>>>,
    desk: Mutex<Option<ActorRef<DeskMessage>>>,
    kiosk: Mutex<Option<ActorRef<KioskMessage>>>,
    keeper: Mutex<Option<ActorRef<KeeperMessage>>>,
    peers: Mutex<Option<Peers>>,
    gateway: Mutex<Option<Gateway>>,
    links: Mutex<Links>,
    strangers: Mutex<BTreeMap<NodeId, String>>,
    greeting: watch::Sender<Vec<u8>>,
    /// Where machines wait to be paired, on an admin node.
    pub(crate) pairings: Option<Arc<Pairings>>,
    /// What the kiosk's page shows.
    pub view: watch::Sender<Option<Arc<View>>>,
    /// What consoles show.
    pub floor: watch::Sender<Option<Arc<FloorNow>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Tells the clerk; `false` while it is being started again.
    pub fn tell_clerk(&self, message: ClerkMessage) -> bool {
        match lock(&self.clerk).as_ref() {
            Some(clerk) => clerk.cast(message).is_ok(),
            None => false,
        }
    }

    /// The clerk, for a test or a fault injector.
    pub fn clerk(&self) -> Option<ActorRef<ClerkMessage>> {
        lock(&self.clerk).clone()
    }

    /// The kiosk actor, for a test or a fault injector.
    pub fn kiosk_actor(&self) -> Option<ActorRef<KioskMessage>> {
        lock(&self.kiosk).clone()
    }

    /// The desk actor, for a test or a fault injector.
    pub fn desk_actor(&self) -> Option<ActorRef<DeskMessage>> {
        lock(&self.desk).clone()
    }

    /// The peers actor's handle.
    pub fn peers(&self) -> Option<Peers> {
        lock(&self.peers).clone()
    }

    /// The gateway's handle.
    pub fn gateway(&self) -> Option<Gateway> {
        lock(&self.gateway).clone()
    }

    /// Where the clerk's mail goes from now on.
    pub(crate) fn seat_clerk(&self, clerk: ActorRef<ClerkMessage>) {
        *lock(&self.clerk) = Some(clerk);
    }

    pub(crate) fn links(&self) -> Links {
        lock(&self.links).clone()
    }

    pub(crate) fn close(&self, peer: NodeId, reason: CloseReason) {
        if let Some(peers) = lock(&self.peers).as_ref() {
            peers.close(peer.0, reason);
        }
    }

    /// Remembers why a stranger was refused; `false` when that is known: it asks again every few
    /// seconds, for as long as it is left to.
    pub(crate) fn note_stranger(&self, peer: NodeId, why: &Unwelcome) -> bool {
        let why = why.to_string();
        let mut strangers = lock(&self.strangers);
        if !strangers.contains_key(&peer) && strangers.len() >= MOST_STRANGERS {
            strangers.pop_first();
        }
        strangers.insert(peer, why.clone()) != Some(why)
    }

    /// Nodes that were refused a link lately, and why.
    pub fn strangers(&self) -> BTreeMap<NodeId, String> {
        lock(&self.strangers).clone()
    }

    /// Renews what this node says of itself to those that it meets.
    pub(crate) fn greet(&self, replica: &Replica<Store>) {
        match replica.greeting() {
            Ok(greeting) => {
                self.greeting.send_if_modified(|now| {
                    let differs = *now != greeting;
                    *now = greeting;
                    differs
                });
            }
            Err(error) => tracing::error!(%error, "no greeting can be made"),
        }
    }

    pub(crate) fn changed(&self, by_fact: bool) {
        if let Some(desk) = lock(&self.desk).as_ref()
            && desk.cast(DeskMessage::Changed { by_fact }).is_err()
        {
            tracing::debug!("the desk is being started again");
        }
        if let Some(kiosk) = lock(&self.kiosk).as_ref()
            && kiosk.cast(KioskMessage::Changed).is_err()
        {
            tracing::debug!("the kiosk actor is being started again");
        }
    }
}

/// What a node is started with.
pub struct NodeSettings {
    /// The store, opened.
    pub store: Store,
    /// Who it is.
    pub identity: Identity,
    /// The vault's key, on an admin node.
    pub vault_key: Option<VaultKey>,
    /// The port for links.
    pub endpoint: Endpoint,
    /// Where peers may be.
    pub hints: Vec<Hint>,
    /// Addresses of this node's console.
    pub pages: Vec<String>,
    /// What answers live calls besides.
    pub calls: Arc<dyn LiveCalls>,
    /// The keeper's.
    pub keeper: KeeperSettings,
}

/// A running node.
pub struct Node {
    /// What its actors share.
    pub shared: Arc<Shared>,
    root: ActorRef<RootMessage>,
    ended: ractor::concurrency::JoinHandle<()>,
    endpoint: Endpoint,
}

impl Node {
    /// Starts the tree; returns once the ledger is folded and the port answers.
    ///
    /// # Errors
    /// What kept the clerk or another child from starting.
    pub async fn start(settings: NodeSettings) -> Result<Node, ractor::SpawnErr> {
        let pairings = pairings(&settings.identity, &settings.endpoint);
        let shared = Arc::new(Shared {
            store: settings.store,
            identity: settings.identity,
            vault_key: settings.vault_key,
            pages: settings.pages,
            clerk: Mutex::new(None),
            desk: Mutex::new(None),
            kiosk: Mutex::new(None),
            keeper: Mutex::new(None),
            peers: Mutex::new(None),
            gateway: Mutex::new(None),
            links: Mutex::new(BTreeMap::new()),
            strangers: Mutex::new(BTreeMap::new()),
            greeting: watch::Sender::new(Vec::new()),
            pairings,
            view: watch::Sender::new(None),
            floor: watch::Sender::new(None),
        });
        let (intake, events) = Intake::new();
        let (meetings, strangers) = mpsc::channel(MEETINGS);
        let (cluster, cluster_lanes) = lanes();
        let (members, member_events) = mpsc::channel(EVENTS);
        let site = shared.identity.site.0;
        let peers = PeersSettings {
            endpoint: settings.endpoint.clone(),
            introduction: Introduction::new(site, shared.greeting.subscribe()),
            fan_out: FanOut::of(peer_kind(shared.identity.kind)),
            hints: settings.hints,
            intake,
            meetings,
            cluster,
            pairings: shared.pairings.clone(),
            told: Told::default(),
        };
        tokio::spawn(pump_links(Arc::clone(&shared), events));
        tokio::spawn(pump_meetings(Arc::clone(&shared), strangers));
        tokio::spawn(pump_members(Arc::clone(&shared), member_events));
        let plan = Plan {
            shared: Arc::clone(&shared),
            peers,
            lanes: cluster_lanes,
            members,
            calls: settings.calls,
            keeper: settings.keeper,
        };
        let (root, ended) = Actor::spawn(None, Root, plan).await?;
        Ok(Node { shared, root, ended, endpoint: settings.endpoint })
    }

    /// Ends the node: links closed, everything written on the disk.
    pub async fn stop(self) {
        self.root.stop(None);
        if let Err(error) = self.ended.await {
            tracing::error!(%error, "the tree ended badly");
        }
        self.endpoint.close();
        self.endpoint.closed().await;
        let store = self.shared.store.clone();
        let barrier = tokio::task::spawn_blocking(move || store.barrier()).await;
        match barrier {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(%error, "last barrier failed"),
            Err(error) => tracing::error!(%error, "last barrier did not run"),
        }
    }

    /// Waits until the tree has ended by itself: it gave up.
    pub async fn gave_up(&mut self) {
        if let Err(error) = (&mut self.ended).await {
            tracing::error!(%error, "the tree ended badly");
        }
    }
}

/// Where machines may wait: at a node that can show the site key's word for itself.
fn pairings(identity: &Identity, endpoint: &Endpoint) -> Option<Arc<Pairings>> {
    if identity.kind != NodeKind::Admin {
        return None;
    }
    let own = identity.node();
    let admission = identity.certificates.iter().find_map(|fact| {
        if let Fact::AdminAdmitted(admission) = fact
            && admission.node == own
        {
            return Some(admission.clone());
        }
        None
    })?;
    match endpoint.answer_pairings(&identity.node_key) {
        Ok(()) => Some(Arc::new(Pairings::new(identity.site, admission))),
        Err(error) => {
            tracing::error!(%error, "nobody can be paired here");
            None
        }
    }
}

async fn pump_links(shared: Arc<Shared>, mut events: mpsc::Receiver<LinkEvent>) {
    while let Some(event) = events.recv().await {
        let told = match event {
            LinkEvent::Up { peer, kind, version, address, outbound } => {
                let (peer, kind) = (NodeId(peer), node_kind(kind));
                tracing::info!(%peer, ?kind, version, %address, "link up");
                lock(&shared.links).insert(peer, (kind, outbound.clone()));
                shared.tell_clerk(ClerkMessage::Up(peer, kind, outbound))
            }
            LinkEvent::Down { peer, reason } => {
                let peer = NodeId(peer);
                tracing::info!(%peer, %reason, "link down");
                lock(&shared.links).remove(&peer);
                shared.tell_clerk(ClerkMessage::Down(peer))
            }
            LinkEvent::Frame { peer, lane, bytes, place } => {
                shared.tell_clerk(ClerkMessage::Frame(NodeId(peer), lane, bytes, place))
            }
        };
        if !told {
            tracing::debug!("the clerk is being started again: rounds will bring what it missed");
        }
    }
}

async fn pump_meetings(shared: Arc<Shared>, mut strangers: mpsc::Receiver<Meeting>) {
    while let Some(meeting) = strangers.recv().await {
        // Dropped unjudged, it is refused, and comes again.
        if !shared.tell_clerk(ClerkMessage::Meet(meeting)) {
            tracing::debug!("nobody to judge a stranger");
        }
    }
}

async fn pump_members(shared: Arc<Shared>, mut events: mpsc::Receiver<GatewayEvent>) {
    while let Some(event) = events.recv().await {
        if let Some(desk) = lock(&shared.desk).as_ref()
            && desk.cast(DeskMessage::Member(event)).is_err()
        {
            tracing::debug!("the desk is being started again");
        }
    }
}

struct Plan {
    shared: Arc<Shared>,
    peers: PeersSettings,
    lanes: Lanes,
    members: mpsc::Sender<GatewayEvent>,
    calls: Arc<dyn LiveCalls>,
    keeper: KeeperSettings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Child {
    Clerk,
    Peers,
    Gateway,
    Kiosk,
    Desk,
    Keeper,
}

/// The root takes no messages.
#[derive(ractor_cluster::RactorMessage)]
enum RootMessage {}

struct Root;

struct RootState {
    plan: Plan,
    children: BTreeMap<ActorId, Child>,
    restarts: Vec<Instant>,
}

impl Actor for Root {
    type Msg = RootMessage;
    type State = RootState;
    type Arguments = Plan;

    async fn pre_start(
        &self,
        myself: ActorRef<RootMessage>,
        plan: Plan,
    ) -> Result<RootState, ActorProcessingErr> {
        let mut state = RootState { plan, children: BTreeMap::new(), restarts: Vec::new() };
        let face = match state.plan.shared.identity.kind {
            NodeKind::Admin => Child::Desk,
            NodeKind::Kiosk => Child::Kiosk,
        };
        for child in [Child::Clerk, face, Child::Keeper, Child::Gateway, Child::Peers] {
            state.start(child, myself.get_cell()).await?;
        }
        Ok(state)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<RootMessage>,
        event: SupervisionEvent,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        let (ended, why) = match event {
            SupervisionEvent::ActorFailed(cell, error) => (cell, error.to_string()),
            SupervisionEvent::ActorTerminated(cell, _, reason) => {
                (cell, reason.unwrap_or_else(|| String::from("stopped")))
            }
            SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_)
            | SupervisionEvent::PidLifecycleEvent(_) => return Ok(()),
        };
        let Some(child) = state.children.remove(&ended.get_id()) else {
            return Ok(());
        };
        tracing::error!(?child, %why, "an actor ended and is started again");
        state.restarts.retain(|at| at.elapsed() < RESTART_SPAN);
        state.restarts.push(Instant::now());
        if state.restarts.len() > MOST_RESTARTS {
            return Err(format!("{child:?} keeps failing").into());
        }
        state.start(child, myself.get_cell()).await
    }
}

impl RootState {
    async fn start(&mut self, child: Child, root: ActorCell) -> Result<(), ActorProcessingErr> {
        let shared = Arc::clone(&self.plan.shared);
        let cell = match child {
            Child::Clerk => {
                let (clerk, _) =
                    Actor::spawn_linked(None, Clerk, Arc::clone(&shared), root).await?;
                shared.changed(true);
                clerk.get_cell()
            }
            Child::Peers => {
                let (peers, _) = Peers::start(self.plan.peers.clone(), Some(root)).await?;
                *lock(&shared.peers) = Some(peers.clone());
                peers.cell()
            }
            Child::Gateway => {
                let settings = GatewaySettings {
                    node: shared.identity.node().0,
                    site: shared.identity.site.0,
                    group: match shared.identity.kind {
                        NodeKind::Admin => Group::Admins,
                        NodeKind::Kiosk => Group::Kiosks,
                    },
                    calls: Arc::clone(&self.plan.calls),
                    lanes: self.plan.lanes.clone(),
                    events: self.plan.members.clone(),
                };
                let (gateway, _) = Gateway::start(settings, Some(root)).await?;
                *lock(&shared.gateway) = Some(gateway.clone());
                gateway.cell()
            }
            Child::Kiosk => {
                let (kiosk, _) =
                    Actor::spawn_linked(None, KioskActor, Arc::clone(&shared), root).await?;
                *lock(&shared.kiosk) = Some(kiosk.clone());
                kiosk.get_cell()
            }
            Child::Desk => {
                let (desk, _) =
                    Actor::spawn_linked(None, DeskActor, Arc::clone(&shared), root).await?;
                *lock(&shared.desk) = Some(desk.clone());
                desk.get_cell()
            }
            Child::Keeper => {
                let settings = self.plan.keeper.clone();
                let arguments = (Arc::clone(&shared), settings);
                let (keeper, _) = Actor::spawn_linked(None, Keeper, arguments, root).await?;
                *lock(&shared.keeper) = Some(keeper.clone());
                keeper.get_cell()
            }
        };
        self.children.insert(cell.get_id(), child);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
