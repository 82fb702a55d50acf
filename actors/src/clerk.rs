//! The clerk: the one actor that writes. It owns the Replica and does for it what the Replica cannot:
//! read clocks, wait for the disk, pass messages to links, wake it in time.
//!
//! A clerk that fails is started again on what the store holds, as a new epoch, like a restarted
//! process; the links stay up and are told to it again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::authority::NodeKind;
use domain::command::Asked;
use domain::decide::Author as OnBehalf;
use domain::fact::Fact;
use domain::id::NodeId;
use domain::moment::Moment;
use domain::operator::By;
use ed25519_dalek::SigningKey;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use storage::ledger_store::LedgerStore;
use storage::operation::Ticket;
use tokio::sync::oneshot;

use crate::clock::BootClock;
use crate::link::close::CloseReason;
use crate::link::handshake::PeerKind;
use crate::link::intake::Place;
use crate::link::lane::Lane;
use crate::link::outbound::{Outbound, Unsent};
use crate::peers::Meeting;
use crate::replica::greeting::Unwelcome;
use crate::replica::message::{LedgerMessage, Message, UseMessage};
use crate::replica::{AskId, Done, Failure, Input, Output, Replica};
use crate::tree::Shared;
use crate::vault::Vault;
use crate::vault::exchange::RowMessage;
use crate::vault::key::VaultKey;

/// Longest sleep until the clock is looked at again: timers stand still while a machine suspends, and
/// boot time does not, so that a session may have ended in the meantime.
pub const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// The store behind a running node.
pub type Store = Arc<dyn LedgerStore>;
/// Where an answer goes.
pub type Answer = oneshot::Sender<Result<Done, Failure>>;
/// Something done with the Replica in the clerk's turn.
pub type Turn = Box<dyn FnOnce(&mut Replica<Store>, Moment) -> Vec<Output> + Send>;

/// What the clerk is told.
#[derive(ractor_cluster::RactorMessage)]
pub enum ClerkMessage {
    /// A link stands.
    Up(NodeId, NodeKind, Outbound),
    /// A link ended.
    Down(NodeId),
    /// A frame came.
    Frame(NodeId, Lane, Vec<u8>, Place),
    /// A stranger waits to be judged.
    Meet(Meeting),
    /// Somebody wants something.
    Ask(OnBehalf, Asked, Answer),
    /// A message with its text.
    Say(By, Asked, String, Answer),
    /// A code was typed; its key pair, if it can be a code at all.
    Typed(Option<Box<SigningKey>>, Answer),
    /// A certificate that the site key made.
    Certify(Box<Fact>, Answer),
    /// Answer once everything written so far is durable.
    Settle(Answer),
    /// Do this in your turn.
    Turn(Turn),
    /// A barrier returned.
    Barrier(Result<Ticket, String>),
    /// Time passed; the number tells which wish it was.
    Wake(u64),
}

/// See the module.
pub struct Clerk;

/// What the clerk keeps.
pub struct State {
    shared: Arc<Shared>,
    replica: Replica<Store>,
    outbounds: BTreeMap<NodeId, Outbound>,
    answers: BTreeMap<AskId, Answer>,
    next_ask: u64,
    barrier_running: bool,
    barrier_wanted: bool,
    wake_at: u64,
    wake_number: u64,
}

impl Actor for Clerk {
    type Msg = ClerkMessage;
    type State = State;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<ClerkMessage>,
        shared: Arc<Shared>,
    ) -> Result<State, ActorProcessingErr> {
        let (store, identity) = (shared.store.clone(), shared.identity.clone());
        let vault_key = shared.vault_key.clone();
        let now = BootClock.now(false);
        let seed: [u8; 32] = rand::random();
        // Folding a long ledger takes a while: not on a thread that others wait for.
        let started = tokio::task::spawn_blocking(move || {
            let vault = vault_key.map(|key| open_vault(store.clone(), key)).transpose()?;
            Replica::start(store, identity, vault, seed, now).map_err(|error| error.to_string())
        });
        let (replica, outputs) = started.await??;
        let mut state = State {
            replica,
            outbounds: BTreeMap::new(),
            answers: BTreeMap::new(),
            next_ask: 0,
            barrier_running: false,
            barrier_wanted: false,
            wake_at: u64::MAX,
            wake_number: 0,
            shared,
        };
        state.carry_out(&myself, outputs);
        // From here on comings and goings of links reach this clerk; those before are in the list.
        state.shared.seat_clerk(myself.clone());
        let links = state.shared.links();
        for (peer, (kind, outbound)) in links {
            state.outbounds.insert(peer, outbound);
            state.input(&myself, Input::LinkUp { peer, kind });
        }
        state.shared.greet(&state.replica);
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<ClerkMessage>,
        message: ClerkMessage,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ClerkMessage::Up(peer, kind, outbound) => {
                state.outbounds.insert(peer, outbound);
                state.input(&myself, Input::LinkUp { peer, kind });
            }
            ClerkMessage::Down(peer) => {
                state.outbounds.remove(&peer);
                state.input(&myself, Input::LinkDown { peer });
            }
            ClerkMessage::Frame(peer, lane, bytes, place) => {
                state.frame(&myself, peer, lane, &bytes);
                drop(place);
            }
            ClerkMessage::Meet(meeting) => state.meet(&myself, meeting),
            ClerkMessage::Ask(by, asked, answer) => {
                let ask = state.expect(answer);
                state.input(&myself, Input::Ask { ask, by, asked });
            }
            ClerkMessage::Say(by, asked, text, answer) => {
                let ask = state.expect(answer);
                let now = BootClock.now(false);
                let outputs = state.replica.say(ask, by, asked, &text, now);
                state.carry_out(&myself, outputs);
            }
            ClerkMessage::Typed(key, answer) => {
                let ask = state.expect(answer);
                state.input(&myself, Input::Typed { ask, key });
            }
            ClerkMessage::Certify(certificate, answer) => {
                let ask = state.expect(answer);
                state.input(&myself, Input::Certify { ask, certificate });
            }
            ClerkMessage::Settle(answer) => {
                let ask = state.expect(answer);
                state.input(&myself, Input::Settle { ask });
            }
            ClerkMessage::Turn(turn) => {
                let outputs = turn(&mut state.replica, BootClock.now(false));
                state.carry_out(&myself, outputs);
            }
            ClerkMessage::Barrier(outcome) => {
                state.barrier_running = false;
                match outcome {
                    Ok(ticket) => state.input(&myself, Input::Durable(ticket)),
                    Err(error) => {
                        tracing::error!(%error, "the disk did not take what was written");
                        state.input(&myself, Input::DiskFailed);
                    }
                }
                if std::mem::take(&mut state.barrier_wanted) {
                    state.barrier(&myself);
                }
            }
            ClerkMessage::Wake(number) => {
                if number == state.wake_number {
                    state.wake_at = u64::MAX;
                    state.input(&myself, Input::Wake);
                }
            }
        }
        Ok(())
    }
}

fn open_vault(store: Store, key: VaultKey) -> Result<Vault<Store>, String> {
    Vault::open(store, key, &mut rand::rng()).map_err(|error| error.to_string())
}

impl State {
    fn expect(&mut self, answer: Answer) -> AskId {
        self.next_ask += 1;
        let ask = AskId(self.next_ask);
        self.answers.insert(ask, answer);
        ask
    }

    fn input(&mut self, myself: &ActorRef<ClerkMessage>, input: Input) {
        let outputs = self.replica.handle(input, BootClock.now(false));
        self.carry_out(myself, outputs);
    }

    fn frame(&mut self, myself: &ActorRef<ClerkMessage>, peer: NodeId, lane: Lane, bytes: &[u8]) {
        match decode(lane, bytes) {
            Some(message) => self.input(myself, Input::Heard { peer, message }),
            None => {
                tracing::warn!(%peer, ?lane, "malformed frame: link closed");
                self.shared.close(peer, CloseReason::Malformed);
            }
        }
    }

    fn meet(&mut self, myself: &ActorRef<ClerkMessage>, meeting: Meeting) {
        let peer = NodeId(meeting.node);
        match self.replica.meet(peer, &meeting.greeting, BootClock.now(false)) {
            Ok((kind, outputs)) => {
                self.carry_out(myself, outputs);
                meeting.admit(peer_kind(kind));
            }
            Err(why) => {
                if self.shared.note_stranger(peer, &why) {
                    tracing::info!(%peer, %why, "link refused");
                }
                meeting.refuse(close_reason(&why));
            }
        }
    }

    fn carry_out(&mut self, myself: &ActorRef<ClerkMessage>, outputs: Vec<Output>) {
        let mut changed = None;
        let mut lagging = Vec::new();
        for output in outputs {
            match output {
                Output::Send { peer, message } => {
                    if self.send(peer, &message) == Err(Unsent::Full) {
                        lagging.push(peer);
                    }
                }
                Output::Persist(_) => self.barrier(myself),
                Output::Reply { ask, outcome } => {
                    if let Some(answer) = self.answers.remove(&ask)
                        && answer.send(outcome).is_err()
                    {
                        tracing::debug!("nobody waits for the answer any more");
                    }
                }
                Output::Changed { by_fact } => {
                    changed = Some(changed.unwrap_or(false) || by_fact);
                }
                Output::WakeAt(at) => self.wake_at(myself, at),
                Output::StartAgain => {
                    tracing::error!("this process's log has two histories: a new one begins");
                    myself.stop(Some(String::from("its log has two histories")));
                }
                Output::Drop { peer } => {
                    tracing::info!(%peer, "revoked: link closed");
                    self.shared.close(peer, CloseReason::Revoked);
                }
                Output::Notice(notice) => tracing::warn!("{notice}"),
            }
        }
        lagging.sort();
        lagging.dedup();
        for peer in lagging {
            tracing::debug!(%peer, "link lags: rounds will bring what was dropped");
            let outputs = self.replica.handle(Input::Lagging { peer }, BootClock.now(false));
            debug_assert!(outputs.is_empty(), "being told of a lag asks for nothing");
        }
        if let Some(by_fact) = changed {
            self.shared.greet(&self.replica);
            self.shared.changed(by_fact);
        }
    }

    fn send(&self, peer: NodeId, message: &Message) -> Result<(), Unsent> {
        let Some(outbound) = self.outbounds.get(&peer) else {
            return Err(Unsent::Gone);
        };
        match message.encode() {
            Ok(frame) => outbound.send(lane_of(message), frame),
            Err(error) => {
                tracing::error!(%error, "message that cannot be written");
                Err(Unsent::Length)
            }
        }
    }

    /// One barrier at a time: those that want one while it runs share the next.
    fn barrier(&mut self, myself: &ActorRef<ClerkMessage>) {
        if self.barrier_running {
            self.barrier_wanted = true;
            return;
        }
        self.barrier_running = true;
        let (store, clerk) = (self.shared.store.clone(), myself.clone());
        tokio::task::spawn_blocking(move || {
            let outcome = store.barrier().map_err(|error| error.to_string());
            if clerk.cast(ClerkMessage::Barrier(outcome)).is_err() {
                tracing::debug!("the clerk ended before its barrier returned");
            }
        });
    }

    fn wake_at(&mut self, myself: &ActorRef<ClerkMessage>, at: u64) {
        if at == self.wake_at {
            return;
        }
        self.wake_at = at;
        self.wake_number += 1;
        let wait = Duration::from_millis(at.saturating_sub(BootClock.boot_ms()));
        let (number, clerk) = (self.wake_number, myself.clone());
        tokio::spawn(async move {
            tokio::time::sleep(wait.min(LONGEST_SLEEP)).await;
            if clerk.cast(ClerkMessage::Wake(number)).is_err() {
                tracing::debug!("the clerk ended before it was woken");
            }
        });
    }
}

/// The lane of a message.
pub fn lane_of(message: &Message) -> Lane {
    match message {
        Message::Ledger(_) => Lane::Ledger,
        Message::Use(_) => Lane::Uses,
        Message::Row(_) => Lane::Rows,
    }
}

/// What a frame of a lane says, if it says anything.
pub fn decode(lane: Lane, frame: &[u8]) -> Option<Message> {
    match lane {
        Lane::Ledger => LedgerMessage::decode(frame).map(Message::Ledger).ok(),
        Lane::Uses => UseMessage::decode(frame).map(Message::Use).ok(),
        Lane::Rows => RowMessage::decode(frame).map(Message::Row).ok(),
    }
}

/// The link floor's word for why a stranger is not wanted.
pub fn close_reason(why: &Unwelcome) -> CloseReason {
    match why {
        Unwelcome::Malformed => CloseReason::Malformed,
        Unwelcome::Revoked => CloseReason::Revoked,
        Unwelcome::NotMember | Unwelcome::Token(_) => CloseReason::NotMember,
    }
}

/// The link floor's word for a node's kind.
pub fn peer_kind(kind: NodeKind) -> PeerKind {
    match kind {
        NodeKind::Admin => PeerKind::Admin,
        NodeKind::Kiosk => PeerKind::Kiosk,
    }
}

/// The rules' word for a link's kind.
pub fn node_kind(kind: PeerKind) -> NodeKind {
    match kind {
        PeerKind::Admin => NodeKind::Admin,
        // A node of unknown kind has the lesser rights; the ledger will tell.
        PeerKind::Kiosk | PeerKind::Unknown => NodeKind::Kiosk,
    }
}
