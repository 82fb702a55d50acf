//! The gateway: what ractor_cluster is for, and all that it is trusted with.
//!
//! It tells which nodes are up, and carries live calls: what do you show, look at your ledger,
//! lock, reboot, bear a fault. It is never truth: a call may be lost, and a call that changes something carries
//! a signed order which the node itself checks, since any linked node can call.
//!
//! ractor_cluster runs over the `cluster` lane of links, one session per link.
//! One actor per node can be called from afar, the one here; everything else in the process keeps
//! to messages that do not travel.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ractor::concurrency::JoinHandle;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort, SpawnErr};
use ractor_cluster::RactorClusterMessage;
use tokio::sync::{Mutex, mpsc};

use crate::link::session::ClusterLane;

mod guard;
mod listener;
mod membership;
mod server;
mod transport;
mod wire;

use membership::{Membership, MembershipMessage};

/// How long a live call may take, there and back.
pub const CALL: Duration = Duration::from_secs(2);

/// The longest answer to `showing`, in bytes; the rest is cut off.
pub const MAX_SHOWING: usize = 32 * 1024;

/// What a kiosk says that it shows once its disk takes nothing any more, whatever the patron sees.
pub const DISK_FAILED: &str = "disk_failed";

/// The longest signed order that a call carries, in bytes: one that names 200 nodes has 14 KB.
pub const MAX_ORDER: usize = 16 * 1024;

/// The longest answer to a fault's order, in bytes: a sentence.
pub const MAX_WORD: usize = 1024;

/// Streams for ractor_cluster that may wait to be taken up.
const MAX_LANES: usize = 64;

/// The group of a node's gateway: how ractor_cluster knows its kind. A claim, not a proof; what
/// a node may do is in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Admin nodes.
    Admins,
    /// Kiosks.
    Kiosks,
}

impl Group {
    /// The name of the process group.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admins => "admins",
            Self::Kiosks => "kiosks",
        }
    }
}

/// What a node answers to live calls. Called from the gateway's actor: must not block.
pub trait LiveCalls: Send + Sync + 'static {
    /// What the screen shows now, as text. Nothing personal: any linked node may ask.
    fn showing(&self) -> String;
    /// A word to look at the ledger now. Carries nothing.
    fn nudge(&self);
    /// Locks the screen, if `order` (hostile bytes) is a signed order to do so. Whether it was.
    fn lock(&self, order: &[u8]) -> bool;
    /// Reboots the machine, if `order` (hostile bytes) is a signed order to do so. Whether it was.
    fn reboot(&self, order: &[u8]) -> bool;
    /// Bears a fault, if `order` (hostile bytes) is a signed order to do so. `answer` takes what is
    /// said to it, now or later.
    fn fault(&self, order: Vec<u8>, answer: FaultAnswer);
}

/// Takes the answer to an order to bear a fault, at most [`MAX_WORD`] bytes of it.
pub type FaultAnswer = Box<dyn FnOnce(Vec<u8>) + Send>;

/// A change of membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayEvent {
    /// This node can be called.
    MemberUp([u8; 32]),
    /// This node can be called no more.
    MemberDown([u8; 32]),
}

/// Why a live call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The node is not up.
    #[error("the node is not up")]
    NotHere,
    /// It did not answer in time.
    #[error("the node did not answer in time")]
    NoAnswer,
    /// It answered something else than what was asked.
    #[error("the node's answer makes no sense")]
    Unreadable,
    /// The order is longer than a call may carry.
    #[error("the order is too long")]
    TooLong,
}

/// What the gateway needs; a clone of it starts the gateway again after a failure.
#[derive(Clone)]
pub struct GatewaySettings {
    /// This node.
    pub node: [u8; 32],
    /// Its site; nodes of another cannot speak with it here, either.
    pub site: [u8; 32],
    /// The group that this node joins.
    pub group: Group,
    /// What answers.
    pub calls: Arc<dyn LiveCalls>,
    /// The streams that links lend; from [`lanes`].
    pub lanes: Lanes,
    /// Where changes of membership go. Whoever empties it must not wait for an answer from
    /// [`Gateway`] while doing so.
    pub events: mpsc::Sender<GatewayEvent>,
}

/// The receiving end of [`lanes`]; a restarted gateway takes it up again.
#[derive(Debug, Clone)]
pub struct Lanes(Arc<Mutex<mpsc::Receiver<ClusterLane>>>);

/// The way from links to the gateway: the sender goes to [`crate::peers::PeersSettings`].
pub fn lanes() -> (mpsc::Sender<ClusterLane>, Lanes) {
    let (sender, receiver) = mpsc::channel(MAX_LANES);
    (sender, Lanes(Arc::new(Mutex::new(receiver))))
}

/// Handle to the gateway; cheap to clone, and good over restarts.
#[derive(Debug, Clone)]
pub struct Gateway {
    membership: Arc<RwLock<ActorRef<MembershipMessage>>>,
}

impl Gateway {
    /// Starts the gateway under `supervisor`. One per process: ractor's groups are global.
    pub async fn start(
        settings: GatewaySettings,
        supervisor: Option<ActorCell>,
    ) -> Result<(Self, JoinHandle<()>), SpawnErr> {
        let (membership, ended) = spawn(settings, supervisor).await?;
        Ok((Self { membership: Arc::new(RwLock::new(membership)) }, ended))
    }

    /// Starts the gateway again after it has ended; every clone of this handle then leads to it.
    pub async fn start_again(
        &self,
        settings: GatewaySettings,
        supervisor: Option<ActorCell>,
    ) -> Result<JoinHandle<()>, SpawnErr> {
        let (membership, ended) = spawn(settings, supervisor).await?;
        *self.membership.write().unwrap_or_else(PoisonError::into_inner) = membership;
        Ok(ended)
    }

    /// What the screen of `node` shows now.
    pub async fn showing(&self, node: [u8; 32]) -> Result<String, CallError> {
        let mut bytes = self.call(node, GatewayMessage::Showing).await?;
        bytes.truncate(MAX_SHOWING);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Tells `node` to look at its ledger now. Whether the word arrives is not known.
    pub async fn nudge(&self, node: [u8; 32]) -> Result<(), CallError> {
        let gateway = self.find(node).await?;
        gateway.cast(GatewayMessage::Nudge).map_err(|_| CallError::NotHere)
    }

    /// Has `node` lock its screen; `order` is what proves the right to ask. Whether it did.
    pub async fn lock(&self, node: [u8; 32], order: Vec<u8>) -> Result<bool, CallError> {
        self.order(node, order, GatewayMessage::Lock).await
    }

    /// Has `node` reboot; `order` is what proves the right to ask. Whether it will.
    pub async fn reboot(&self, node: [u8; 32], order: Vec<u8>) -> Result<bool, CallError> {
        self.order(node, order, GatewayMessage::Reboot).await
    }

    /// Has `node` bear a fault; `order` is what proves the right to ask. What it says to it: hostile
    /// bytes.
    pub async fn fault(&self, node: [u8; 32], order: Vec<u8>) -> Result<Vec<u8>, CallError> {
        let mut word = self.signed(node, order, GatewayMessage::Fault).await?;
        word.truncate(MAX_WORD);
        Ok(word)
    }

    /// The nodes whose gateways are in `group` and can be called now, this one not included.
    pub async fn members(&self, group: Group) -> Vec<[u8; 32]> {
        let membership = self.membership();
        let asked = membership.call(|port| MembershipMessage::Members(group, port), Some(CALL));
        match asked.await {
            Ok(CallResult::Success(members)) => members,
            Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => Vec::new(),
        }
    }

    /// The actor itself, for its supervisor.
    pub fn cell(&self) -> ActorCell {
        self.membership().get_cell()
    }

    fn membership(&self) -> ActorRef<MembershipMessage> {
        self.membership.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn order(
        &self,
        node: [u8; 32],
        order: Vec<u8>,
        message: fn(Vec<u8>, RpcReplyPort<Vec<u8>>) -> GatewayMessage,
    ) -> Result<bool, CallError> {
        match self.signed(node, order, message).await?[..] {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(CallError::Unreadable),
        }
    }

    async fn signed(
        &self,
        node: [u8; 32],
        order: Vec<u8>,
        message: fn(Vec<u8>, RpcReplyPort<Vec<u8>>) -> GatewayMessage,
    ) -> Result<Vec<u8>, CallError> {
        if order.len() > MAX_ORDER {
            return Err(CallError::TooLong);
        }
        self.call(node, |port| message(order, port)).await
    }

    async fn call(
        &self,
        node: [u8; 32],
        message: impl FnOnce(RpcReplyPort<Vec<u8>>) -> GatewayMessage,
    ) -> Result<Vec<u8>, CallError> {
        let gateway = self.find(node).await?;
        // Never without a timeout: a reply port that is dropped afar answers nothing.
        match gateway.call(message, Some(CALL)).await {
            Ok(CallResult::Success(bytes)) => Ok(bytes),
            Ok(CallResult::Timeout | CallResult::SenderError) => Err(CallError::NoAnswer),
            Err(_) => Err(CallError::NotHere),
        }
    }

    /// The gateway of `node`, looked up anew at each call: a reference does not outlive its link.
    async fn find(&self, node: [u8; 32]) -> Result<ActorRef<GatewayMessage>, CallError> {
        let membership = self.membership();
        let asked = membership.call(|port| MembershipMessage::Find(node, port), Some(CALL));
        match asked.await {
            Ok(CallResult::Success(Some(cell))) => Ok(cell.into()),
            Ok(CallResult::Success(None) | CallResult::Timeout | CallResult::SenderError)
            | Err(_) => Err(CallError::NotHere),
        }
    }
}

async fn spawn(
    settings: GatewaySettings,
    supervisor: Option<ActorCell>,
) -> Result<(ActorRef<MembershipMessage>, JoinHandle<()>), SpawnErr> {
    match supervisor {
        Some(supervisor) => Actor::spawn_linked(None, Membership, settings, supervisor).await,
        None => Actor::spawn(None, Membership, settings).await,
    }
}

/// What travels. Arguments and answers are plain bytes: the codecs of other types panic on what a
/// hostile peer may send.
#[derive(RactorClusterMessage)]
enum GatewayMessage {
    #[rpc]
    Showing(RpcReplyPort<Vec<u8>>),
    Nudge,
    #[rpc]
    Lock(Vec<u8>, RpcReplyPort<Vec<u8>>),
    #[rpc]
    Reboot(Vec<u8>, RpcReplyPort<Vec<u8>>),
    #[rpc]
    Fault(Vec<u8>, RpcReplyPort<Vec<u8>>),
}

/// The one actor of the process that can be called from afar.
struct GatewayActor;

impl Actor for GatewayActor {
    type Msg = GatewayMessage;
    type State = Arc<dyn LiveCalls>;
    type Arguments = (Group, Arc<dyn LiveCalls>);

    async fn pre_start(
        &self,
        myself: ActorRef<GatewayMessage>,
        (group, calls): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        ractor::pg::join(group.name().to_owned(), vec![myself.get_cell()]);
        Ok(calls)
    }

    async fn handle(
        &self,
        _myself: ActorRef<GatewayMessage>,
        message: GatewayMessage,
        calls: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let verdict = |done: bool| vec![u8::from(done)];
        let answered = match message {
            GatewayMessage::Showing(port) => {
                let mut shown = calls.showing().into_bytes();
                shown.truncate(MAX_SHOWING);
                port.send(shown)
            }
            GatewayMessage::Nudge => {
                calls.nudge();
                Ok(())
            }
            GatewayMessage::Lock(order, port) => {
                port.send(verdict(order.len() <= MAX_ORDER && calls.lock(&order)))
            }
            GatewayMessage::Reboot(order, port) => {
                port.send(verdict(order.len() <= MAX_ORDER && calls.reboot(&order)))
            }
            GatewayMessage::Fault(order, port) => {
                // A port that is dropped answers nothing: whoever called waits in vain, and not long.
                if order.len() <= MAX_ORDER {
                    calls.fault(order, Box::new(move |word| note(port.send(word).is_ok())));
                }
                return Ok(());
            }
        };
        note(answered.is_ok());
        Ok(())
    }
}

fn note(answered: bool) {
    if !answered {
        tracing::debug!("whoever called waits no more");
    }
}
