//! Peers: who this node is linked to, and who it tries to reach.
//!
//! One supervised actor owns the dial book and the accept loop, and supervises one `link` actor
//! per peer. A link whose actor dies is told as down and dialled again; nothing here knows what
//! the frames mean. Hints of where nodes are (discovery, a configured list, addresses of earlier
//! links) are believed only as far as to dial them: who answers proves a key, and the judge says
//! whether it belongs here.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use ractor::concurrency::JoinHandle;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorCell, ActorRef, SpawnErr};
use tokio::sync::{mpsc, oneshot};

use crate::link::close::{CloseReason, LinkEnd};
use crate::link::endpoint::Endpoint;
use crate::link::handshake::{Introduction, PeerKind};
use crate::link::intake::Intake;
use crate::link::session::ClusterLane;
use crate::pairing::waiting::Pairings;

mod avoided;
mod book;
mod claim;
mod door;
mod fan_out;
pub mod found;
mod link;
mod shell;

pub use avoided::LONGEST_CUT;
pub use book::Hint;
pub use fan_out::FanOut;

/// How long an answer from the actor may take.
const ANSWER: Duration = Duration::from_secs(2);

/// What the actor needs; a clone of it starts the actor again after a failure.
#[derive(Debug, Clone)]
pub struct PeersSettings {
    /// The node's port.
    pub endpoint: Endpoint,
    /// What this node says of itself.
    pub introduction: Introduction,
    /// To how many peers it links.
    pub fan_out: FanOut,
    /// Peers known from the start: the configured list, last-known addresses.
    pub hints: Vec<Hint>,
    /// Where received frames, comings and goings go. Whoever empties it must not wait for an
    /// answer from [`Peers`] while doing so.
    pub intake: Intake,
    /// Where strangers go to be judged. A full channel makes strangers wait.
    pub meetings: mpsc::Sender<Meeting>,
    /// Where ractor_cluster's streams go; see [`crate::gateway`].
    pub cluster: mpsc::Sender<ClusterLane>,
    /// Where machines wait to be paired, on an admin node.
    pub pairings: Option<Arc<Pairings>>,
    /// The peers told as up, kept over restarts of the actor: made by [`Default`].
    pub told: Told,
}

/// The peers of whom `Up` was told and `Down` not yet.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<BTreeSet<[u8; 32]>>>);

impl Told {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<[u8; 32]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stranger that waits to be judged. Dropping it refuses the stranger.
#[derive(Debug)]
pub struct Meeting {
    /// The key that it has proven.
    pub node: [u8; 32],
    /// Whether this node dialled it.
    pub dialled: bool,
    /// The protocol version that both will speak.
    pub version: u16,
    /// Its greeting: hostile bytes.
    pub greeting: Vec<u8>,
    pub(crate) answer: oneshot::Sender<Result<PeerKind, CloseReason>>,
}

impl Meeting {
    /// Lets the stranger in as a node of this kind.
    pub fn admit(self, kind: PeerKind) {
        self.conclude(Ok(kind));
    }

    /// Closes the connection for this reason.
    pub fn refuse(self, reason: CloseReason) {
        self.conclude(Err(reason));
    }

    fn conclude(self, verdict: Result<PeerKind, CloseReason>) {
        if self.answer.send(verdict).is_err() {
            tracing::debug!("a stranger left before it was judged");
        }
    }
}

/// One open link, for status and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkNow {
    /// The node at its other end.
    pub peer: [u8; 32],
    /// Its kind, as the judge said.
    pub kind: PeerKind,
    /// Where it is: the address at which it can be dialled, too.
    pub address: SocketAddr,
    /// Whether this node dialled it.
    pub dialled: bool,
    /// How long it has been up.
    pub up: Duration,
    /// Its round trip, as QUIC estimates it.
    pub round_trip: Duration,
    /// Frames dropped because one of its queues was full.
    pub dropped: u64,
}

/// Handle to the actor; cheap to clone, and good over restarts. Sending while the actor is down
/// does nothing: its supervisor starts it again.
#[derive(Debug, Clone)]
pub struct Peers {
    actor: Arc<RwLock<ActorRef<shell::PeersMessage>>>,
}

impl Peers {
    /// Starts the actor under `supervisor`, at once dialling and answering.
    pub async fn start(
        settings: PeersSettings,
        supervisor: Option<ActorCell>,
    ) -> Result<(Self, JoinHandle<()>), SpawnErr> {
        let (actor, ended) = spawn(settings, supervisor).await?;
        Ok((Self { actor: Arc::new(RwLock::new(actor)) }, ended))
    }

    /// Starts the actor again after it has ended; every clone of this handle then leads to it.
    pub async fn start_again(
        &self,
        settings: PeersSettings,
        supervisor: Option<ActorCell>,
    ) -> Result<JoinHandle<()>, SpawnErr> {
        let (actor, ended) = spawn(settings, supervisor).await?;
        *self.actor.write().unwrap_or_else(PoisonError::into_inner) = actor;
        Ok(ended)
    }

    /// Somebody may be there.
    pub fn hint(&self, hint: Hint) {
        self.cast(shell::PeersMessage::Hint(hint));
    }

    /// What kind of node this is, when the ledger says so.
    pub fn know(&self, node: [u8; 32], kind: PeerKind) {
        self.cast(shell::PeersMessage::Know(node, kind));
    }

    /// Dial this node no more (until it is hinted again). An open link stays.
    pub fn forget(&self, node: [u8; 32]) {
        self.cast(shell::PeersMessage::Forget(node));
    }

    /// Closes the link to this node now.
    pub fn close(&self, node: [u8; 32], reason: CloseReason) {
        self.cast(shell::PeersMessage::Close(node, reason));
    }

    /// Refuses links with these nodes and with no others, for so long and at most
    /// [`LONGEST_CUT`]; the links that stand are closed. An empty list heals.
    pub fn avoid(&self, nodes: Vec<[u8; 32]>, length: Duration) {
        self.cast(shell::PeersMessage::Avoid(nodes, length));
    }

    /// The open links, by node; empty if the actor is being restarted.
    pub async fn links(&self) -> Vec<LinkNow> {
        let actor = self.actor();
        match actor.call(shell::PeersMessage::Links, Some(ANSWER)).await {
            Ok(CallResult::Success(links)) => links,
            Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => Vec::new(),
        }
    }

    /// Where somebody answered and refused this node, or was refused by it, and how; an address
    /// leaves the list when a link there stands.
    pub async fn closed_doors(&self) -> Vec<(SocketAddr, LinkEnd)> {
        let actor = self.actor();
        let asked = actor.call(shell::PeersMessage::ClosedDoors, Some(ANSWER));
        match asked.await {
            Ok(CallResult::Success(doors)) => doors,
            Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => Vec::new(),
        }
    }

    /// The actor itself, for its supervisor.
    pub fn cell(&self) -> ActorCell {
        self.actor().get_cell()
    }

    /// The actors of open links, by node: what a test or a fault injector may kill.
    pub async fn link_cells(&self) -> Vec<([u8; 32], ActorCell)> {
        let actor = self.actor();
        match actor.call(shell::PeersMessage::Cells, Some(ANSWER)).await {
            Ok(CallResult::Success(cells)) => cells,
            Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => Vec::new(),
        }
    }

    fn actor(&self) -> ActorRef<shell::PeersMessage> {
        self.actor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn cast(&self, message: shell::PeersMessage) {
        if self.actor().cast(message).is_err() {
            tracing::debug!("the peers actor is not running");
        }
    }
}

async fn spawn(
    settings: PeersSettings,
    supervisor: Option<ActorCell>,
) -> Result<(ActorRef<shell::PeersMessage>, JoinHandle<()>), SpawnErr> {
    match supervisor {
        Some(supervisor) => Actor::spawn_linked(None, shell::Shell, settings, supervisor).await,
        None => Actor::spawn(None, shell::Shell, settings).await,
    }
}
