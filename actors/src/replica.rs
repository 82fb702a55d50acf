//! A node's whole behaviour as one machine without clock, network, disk thread or randomness of its
//! own.
//!
//! [`Replica::handle`] takes an [`Input`] and the present [`Moment`] and returns what must be done.
//! The actors of this crate and the simulator drive the same machine. It holds the site's state, the
//! ledger's frontier, the registers of use, the vault on an admin node, and the duty of a kiosk.
//!
//! Writing goes through the store at once ([`LedgerStore::stage`]); [`Output::Persist`] asks for the
//! durability barrier, and [`Input::Durable`] tells that it has returned. Nothing is acknowledged
//! before that.

mod base;
mod checkpoints;
pub mod delivery;
pub mod duty;
mod gossip;
pub mod greeting;
#[cfg(feature = "chaos")]
mod later_release;
mod load;
mod machines;
pub mod message;
#[cfg(feature = "chaos")]
pub mod pace;
mod propose;
mod prune;
mod readings;
mod receipts;
mod rounds;
mod rows;
pub mod site_time;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use domain::authority::NodeKind;
use domain::command::Asked;
use domain::decide::Author as OnBehalf;
use domain::fact::Fact;
use domain::id::{EntryId, EpochId, KioskId, NodeId, SessionId, SiteId};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use domain::refusal::Refusal;
use domain::site::Site;
use ed25519_dalek::SigningKey;
use rand::SeedableRng;
use rand::rngs::StdRng;
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::operation::Ticket;

use crate::entry::Author;
use crate::vault::Vault;
use base::Base;
use delivery::Deliveries;
use duty::Duty;
use gossip::Peer;
use machines::Machines;
use message::{Message, Reach};
use readings::Readings;
use receipts::Receipts;
use site_time::SiteTime;

/// Interval between two rounds of anti-entropy, in milliseconds.
pub const ROUND_MS: u64 = 5_000;

/// Who this node is.
#[derive(Clone)]
pub struct Identity {
    /// The site that it belongs to, or asks to.
    pub site: SiteId,
    /// The node's key.
    pub node_key: SigningKey,
    /// What it is for.
    pub kind: NodeKind,
    /// The kiosk that it serves.
    pub kiosk: Option<KioskId>,
    /// Certificates that this node brings along and writes into the ledger where they are missing:
    /// the founding and its own admission.
    pub certificates: Vec<Fact>,
    /// Whether the node forgets everything when it stops.
    pub amnesic: bool,
    /// The fingerprint of the machine beneath: what another one left open, on a disk that was copied or
    /// moved, is not this one's to end.
    pub machine: [u8; 32],
    /// The boot of the machine: a session goes on by itself within one.
    pub boot_id: [u8; 16],
}

impl Identity {
    /// The node's name.
    pub fn node(&self) -> NodeId {
        NodeId(self.node_key.verifying_key().to_bytes())
    }
}

/// A question's number, chosen by who asks, for the reply to find its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u64);

/// What comes in.
#[derive(Debug)]
pub enum Input {
    /// Time passed.
    Wake,
    /// An operator or the kiosk's patron wants something.
    Ask {
        /// For the reply.
        ask: AskId,
        /// On whose behalf.
        by: OnBehalf,
        /// What.
        asked: Asked,
    },
    /// A patron typed a code, whose key pair was derived.
    Typed {
        /// For the reply.
        ask: AskId,
        /// The code's key pair; `None` for text that cannot be a code.
        key: Option<Box<SigningKey>>,
    },
    /// A certificate of the site key's is to be written down.
    Certify {
        /// For the reply.
        ask: AskId,
        /// The fact that carries it.
        certificate: Box<Fact>,
    },
    /// Reply once everything staged so far is durable.
    Settle {
        /// For the reply.
        ask: AskId,
    },
    /// A link stands, its greeting accepted by [`Replica::meet`].
    LinkUp {
        /// The other end.
        peer: NodeId,
        /// Its kind.
        kind: NodeKind,
    },
    /// A link ended.
    LinkDown {
        /// The other end.
        peer: NodeId,
    },
    /// Messages to a peer were dropped because its queue was full.
    Lagging {
        /// The other end.
        peer: NodeId,
    },
    /// A message came.
    Heard {
        /// From whom.
        peer: NodeId,
        /// What.
        message: Message,
    },
    /// Propose a checkpoint now, if there is anything to say and enough admin nodes are linked.
    Checkpoint,
    /// A barrier returned: everything up to this ticket is on the disk.
    Durable(Ticket),
    /// The barrier failed: nothing that waits for it may be acknowledged.
    DiskFailed,
}

/// What must be done.
#[derive(Debug)]
pub enum Output {
    /// Send a message.
    Send {
        /// To whom.
        peer: NodeId,
        /// What.
        message: Message,
    },
    /// Call the durability barrier and say [`Input::Durable`].
    Persist(Ticket),
    /// Answer a question.
    Reply {
        /// Which.
        ask: AskId,
        /// What became of it.
        outcome: Result<Done, Failure>,
    },
    /// The state that faces show has changed.
    Changed {
        /// Whether by more than a reading.
        by_fact: bool,
    },
    /// Say [`Input::Wake`] at this boot time; replaces an earlier wish.
    WakeAt(u64),
    /// Start this node's process, or what owns this machine, again: its epoch is proven to have
    /// two histories, and nothing that it writes counts any more.
    StartAgain,
    /// End the link: the peer was revoked.
    Drop {
        /// To whom.
        peer: NodeId,
    },
    /// Something that people should know; goes to the log.
    Notice(Notice),
}

/// What an accepted command became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Its entries; none if the same request had been carried out before.
    pub entries: Vec<EntryId>,
    /// The session that it is about, where there is one.
    pub session: Option<SessionId>,
}

/// Why a command was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The rules said no.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// This node's disk takes nothing: nothing was acknowledged.
    #[error("this node cannot write to its disk")]
    Disk,
}

/// What people should know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Notice {
    /// An epoch is proven to have written two histories.
    #[error("node {node:?} wrote two histories (epoch {epoch}, entry {seq})")]
    Fork {
        /// The node, if known.
        node: Option<NodeId>,
        /// The epoch.
        epoch: EpochId,
        /// The first entry that exists twice.
        seq: u64,
    },
    /// Entries were refused.
    #[error("refused {count} entries from {peer}: {why}")]
    Refused {
        /// Who sent them.
        peer: NodeId,
        /// How many.
        count: usize,
        /// Why the first of them.
        why: String,
    },
    /// The disk takes nothing any more.
    #[error("the disk failed, nothing more is acknowledged: {0}")]
    Disk(String),
    /// This machine's clock cannot be right.
    #[error("this machine's clock says {0} ms since 1970, which cannot be; it is not believed")]
    Clock(i64),
    /// A restored vault has caught up and is open again.
    #[error("the ledger has caught up: the restored vault is open again")]
    VaultOpened,
    /// A checkpoint became part of the base.
    #[error("checkpoint of {as_of_ms} ms since 1970 adopted: it speaks for {logs} logs")]
    Adopted {
        /// Its site time (ms since 1970).
        as_of_ms: i64,
        /// Logs that the base speaks for.
        logs: usize,
    },
    /// No checkpoint was proposed.
    #[error("no checkpoint proposed: {0}")]
    NotProposed(String),
    /// A checkpoint that another admin node proposes was not signed.
    #[error("checkpoint of {as_of_ms} ms since 1970 not signed: {why}")]
    NotSigned {
        /// Its site time (ms since 1970).
        as_of_ms: i64,
        /// Why.
        why: String,
    },
    /// Pieces of an adopted checkpoint cannot be read: other nodes have them.
    #[error("a checkpoint on this disk is damaged, and is asked for again")]
    BaseDamaged,
    /// An epoch that no checkpoint has seen came after the horizon.
    #[error("epoch {epoch} of {} came too late: nothing that it wrote has effect", named(node.as_ref()))]
    TooLate {
        /// The node, if known.
        node: Option<NodeId>,
        /// The epoch.
        epoch: EpochId,
    },
    /// A session of this kiosk ended otherwise than by its time or its patron.
    #[error("session {session} ended here: {cause:?}")]
    Ended {
        /// Which.
        session: SessionId,
        /// Why.
        cause: domain::fact::Cause,
    },
}

/// A node in a sentence, where it is known.
fn named(node: Option<&NodeId>) -> String {
    node.map_or_else(|| String::from("an unknown node"), |node| format!("node {node}"))
}

struct Waiting {
    ask: AskId,
    done: Done,
}

/// A node. See the module.
pub struct Replica<S> {
    store: S,
    me: Identity,
    site: Site,
    author: Author,
    frontier: BTreeMap<EpochId, Reach>,
    root: Option<[u8; 32]>,
    fork_proofs: BTreeMap<EpochId, (Vec<u8>, Vec<u8>)>,
    fork_told: BTreeMap<EpochId, u64>,
    peers: BTreeMap<NodeId, Peer>,
    seen: BTreeMap<NodeId, u64>,
    machines: Machines,
    readings: Readings,
    receipts: Receipts,
    deliveries: Deliveries,
    waiting: BTreeMap<Ticket, Vec<Waiting>>,
    staged: Ticket,
    asked_barrier: Ticket,
    durable: Ticket,
    disk_failed: bool,
    base: Base,
    time: SiteTime,
    /// What this machine's own wall clock said last.
    own_wall_ms: i64,
    duty: Option<Duty>,
    vault: Option<Vault<S>>,
    rng: StdRng,
    told_forked: bool,
    next_round: u64,
    rounds: u64,
    out: Vec<Output>,
}

impl<S: LedgerStore + Clone> Replica<S> {
    /// Starts a node on what its store holds: a new epoch, with its boot certificate. `seed` is
    /// fresh randomness from the operating system, never used twice; `vault` is an admin node's.
    pub fn start(
        store: S,
        me: Identity,
        vault: Option<Vault<S>>,
        seed: [u8; 32],
        now: Moment,
    ) -> Result<(Self, Vec<Output>), StoreError> {
        let mut rng = StdRng::from_seed(seed);
        let mut author = Author::new(rand::RngExt::random(&mut rng));
        if planted::is(Bug::EpochReused) {
            author = Author::new(me.node_key.to_bytes());
        }
        let duty = me.kiosk.filter(|_| me.kind == NodeKind::Kiosk).map(Duty::new);
        let mut replica = Replica {
            site: Site::new(me.site),
            time: SiteTime::new(me.kind),
            own_wall_ms: now.wall_ms,
            store,
            me,
            author,
            frontier: BTreeMap::new(),
            root: None,
            fork_proofs: BTreeMap::new(),
            fork_told: BTreeMap::new(),
            peers: BTreeMap::new(),
            seen: BTreeMap::new(),
            machines: Machines::default(),
            readings: Readings::default(),
            receipts: Receipts::default(),
            deliveries: Deliveries::default(),
            waiting: BTreeMap::new(),
            staged: Ticket(0),
            asked_barrier: Ticket(0),
            durable: Ticket(0),
            disk_failed: false,
            base: Base::default(),
            duty,
            vault,
            rng,
            told_forked: false,
            next_round: now.boot_ms,
            rounds: 0,
            out: Vec::new(),
        };
        let now = replica.time.moment(now);
        replica.load(now)?;
        replica.begin_epoch(now)?;
        replica.resume_duty(now)?;
        let outputs = replica.finish(now);
        Ok((replica, outputs))
    }

    /// Takes one input in, at one moment. Never blocks on anything but the store's memory.
    pub fn handle(&mut self, input: Input, raw: Moment) -> Vec<Output> {
        self.own_wall_ms = raw.wall_ms;
        let now = self.time.moment(raw);
        match input {
            Input::Wake => {}
            Input::Ask { ask, by, asked } => self.ask(ask, by, &asked, now),
            Input::Typed { ask, key } => self.typed(ask, key.as_deref(), now),
            Input::Certify { ask, certificate } => self.certify(ask, *certificate, now),
            Input::Settle { ask } => {
                let done = Done { entries: Vec::new(), session: None };
                self.answer_when_durable(ask, Ok(done));
            }
            Input::LinkUp { peer, kind } => self.link_up(peer, kind, now),
            Input::LinkDown { peer } => self.link_down(peer, now),
            Input::Lagging { peer } => {
                self.lagging(peer);
                return Vec::new();
            }
            Input::Heard { peer, message } => self.heard(peer, message, now),
            Input::Checkpoint => self.propose(now),
            Input::Durable(ticket) => self.became_durable(ticket, now),
            Input::DiskFailed => self.disk_failed(String::from("barrier"), now),
        }
        self.finish(now)
    }

    fn finish(&mut self, now: Moment) -> Vec<Output> {
        self.round_if_due(now);
        self.tend_stirred(now);
        self.do_duty(now);
        if self.staged > self.asked_barrier && !self.disk_failed {
            self.asked_barrier = self.staged;
            self.out.push(Output::Persist(self.staged));
        }
        if self.is_forked() && !self.told_forked {
            self.told_forked = true;
            self.out.push(Output::StartAgain);
        }
        let next = self.next_round.min(self.duty_wake(now).unwrap_or(u64::MAX));
        self.out.push(Output::WakeAt(next));
        std::mem::take(&mut self.out)
    }

    /// The site's state.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Who this node is.
    pub fn me(&self) -> &Identity {
        &self.me
    }

    /// This process's epoch.
    pub fn epoch(&self) -> EpochId {
        self.author.epoch()
    }

    /// `raw` as the site sees it.
    pub fn moment(&self, raw: Moment) -> Moment {
        self.time.moment(raw)
    }

    /// How far each log is held.
    pub fn frontier(&self) -> impl Iterator<Item = &Reach> {
        self.frontier.values()
    }

    /// How far one log is held.
    pub fn reach(&self, epoch: &EpochId) -> Option<&Reach> {
        self.frontier.get(epoch)
    }

    /// The nodes with a link, and since when (boot time).
    pub fn links(&self) -> impl Iterator<Item = (&NodeId, NodeKind, u64)> {
        self.peers.iter().map(|(node, peer)| (node, peer.kind, peer.since_boot_ms))
    }

    /// When each node was last linked (boot time), those linked now included.
    pub fn last_seen(&self) -> &BTreeMap<NodeId, u64> {
        &self.seen
    }

    /// The nodes for which two machines answer: their disk was copied.
    pub fn doubled(&self, raw: Moment) -> BTreeSet<NodeId> {
        self.machines.doubled(self.time.moment(raw))
    }

    /// Whether the disk has failed: nothing more is acknowledged until a restart.
    pub fn is_disk_failed(&self) -> bool {
        self.disk_failed
    }

    /// The store beneath.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The vault of an admin node.
    pub fn vault(&self) -> Option<&Vault<S>> {
        self.vault.as_ref()
    }

    /// Whether the next entry of this epoch would have effect.
    fn counts(&self) -> bool {
        let next = EntryId { epoch: self.author.epoch(), seq: self.author.height() };
        self.site.standing().author(&next).is_some()
    }

    /// Whether this epoch was proven to have written two histories, by a snapshot of this very
    /// process.
    fn is_forked(&self) -> bool {
        self.site.chain().forks().contains_key(&self.author.epoch())
    }

    fn notice(&mut self, notice: Notice) {
        self.out.push(Output::Notice(notice));
    }
}

#[cfg(test)]
pub(crate) mod tests;
