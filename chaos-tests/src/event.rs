//! What happened in a run: what the harness did, and what it saw from outside.
//!
//! Targets report events as they come; invariants and the report read nothing else, but for the state
//! of nodes that a target can show ([`crate::cluster::Cluster`]). Each is reported once what it tells
//! of can be seen in that state, and before anything that follows from it.

use domain::command::Command;
use domain::fact::Cause;
use domain::id::{EntryId, EpochId, KioskId, NodeId, RequestId, RowId, SessionId};
use domain::operator::OperatorRole;
use domain::refusal::Refusal;

use crate::fault::Fault;

/// A machine of the run, by its place in the scenario: admin hosts first. Stays itself when its
/// process, its disk or its node key changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u16);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The process alone: what it wrote to the disk's cache lives.
    Killed,
    /// The machine: only what a barrier covered lives.
    PowerLost,
    /// The machine, in good order.
    Rebooted,
    /// The disk was lost with it.
    DiskLost,
    /// The disk was replaced by an older copy.
    Restored,
    /// It asked to be started again: its epoch is proven to have two histories.
    AskedFor,
}

/// Why a question was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// By the rules.
    Refused(Refusal),
    /// The disk takes nothing.
    Disk,
    /// No answer came: it may or may not have been carried out.
    NoAnswer,
}

/// What a kiosk shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Waits for a code.
    Locked,
    /// Takes nobody, and says so.
    OutOfService,
    /// Time runs down.
    Running {
        /// Of this session.
        session: SessionId,
        /// With so much left, as the page shows it.
        remaining_ms: u64,
    },
    /// A session pauses.
    Paused {
        /// Which.
        session: SessionId,
    },
    /// A session has just ended.
    Ended {
        /// Which.
        session: SessionId,
        /// Why.
        cause: Cause,
    },
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A process started on a host.
    Started {
        /// Where.
        host: HostId,
        /// The node that it is.
        node: NodeId,
        /// The kiosk that it serves.
        kiosk: Option<KioskId>,
        /// Its epoch.
        epoch: EpochId,
        /// Whether the machine booted anew.
        new_boot: bool,
        /// Whether it forgets all when it stops.
        amnesic: bool,
    },
    /// A running process goes on in another log: its first one began too late for the site.
    BeganLog {
        /// Where.
        host: HostId,
        /// The new epoch.
        epoch: EpochId,
    },
    /// A process ended.
    Stopped {
        /// Where.
        host: HostId,
        /// How.
        how: Stop,
    },
    /// A fault begins: reported before its first effect.
    FaultBegan {
        /// Number within the run.
        number: u32,
        /// Which.
        fault: Fault,
        /// The hosts that it came to mean.
        hosts: Vec<HostId>,
    },
    /// A fault ended: reported after its last effect, and before what was held up goes on.
    FaultEnded {
        /// Number within the run.
        number: u32,
    },
    /// No fault is in force any more; convergence is expected from here on.
    Healed,
    /// A link stands, and both ends know it.
    Linked {
        /// One.
        one: HostId,
        /// The other.
        other: HostId,
    },
    /// It ended: the first of its ends has noticed.
    Unlinked {
        /// One.
        one: HostId,
        /// The other.
        other: HostId,
    },
    /// Somebody asked for something.
    Asked {
        /// Where.
        host: HostId,
        /// Under which request.
        request: RequestId,
        /// What.
        command: Command,
        /// The role in which an operator asks; `None` for the kiosk's own patron.
        role: Option<OperatorRole>,
    },
    /// The node said that it is done: it is durable there.
    Accepted {
        /// Where.
        host: HostId,
        /// Which request.
        request: RequestId,
        /// The entries that it became.
        entries: Vec<EntryId>,
        /// The session that it is about.
        session: Option<SessionId>,
    },
    /// The node said no, or nothing.
    Denied {
        /// Where.
        host: HostId,
        /// Which request.
        request: RequestId,
        /// Why.
        why: Denied,
    },
    /// A code was typed, and this came of it.
    Typed {
        /// Where.
        host: HostId,
        /// The session of the code.
        session: SessionId,
        /// `None`: it opened.
        why_not: Option<Denied>,
    },
    /// Entries were written by a node's own process: in the simulator as they are staged, from the
    /// boot certificate on; in the laboratory as they are seen. Their bytes can be read from the host
    /// now ([`crate::cluster::NodeState::entry_bytes`]).
    Wrote {
        /// Where.
        host: HostId,
        /// The entries.
        entries: Vec<EntryId>,
    },
    /// A barrier returned: everything that was staged up to that time is on the disk. Where barriers
    /// cannot be seen from outside, none is reported.
    Durable {
        /// Where.
        host: HostId,
        /// True time of the latest operation that the barrier covers.
        staged_ms: u64,
    },
    /// A node gives a receipt: it says to others that these logs are on its disk, each up to below
    /// this number. Reported as the receipt leaves.
    Vouched {
        /// Which.
        host: HostId,
        /// The logs.
        held: Vec<(EpochId, u64)>,
    },
    /// A node sends something of its vault to another, be it only what rows there are; the text that a
    /// kiosk is to show is none of this. Reported as it leaves, where messages can be seen.
    ToldRows {
        /// Which.
        host: HostId,
        /// To this one.
        to: NodeId,
    },
    /// A start finds a damaged store, moves it aside, says so, and begins an empty one: reported before
    /// the process counts as started.
    Rebuilt {
        /// Where.
        host: HostId,
    },
    /// A node refused an epoch whole, as older than the horizon, and listed it.
    RefusedWhole {
        /// Which node.
        host: HostId,
        /// Whose entries.
        epoch: EpochId,
    },
    /// The picture of a kiosk: at its process's start, whenever it changed other than by counting
    /// down, and each second. None comes while the process stands still (stopped, suspended).
    Shows {
        /// Where.
        host: HostId,
        /// What.
        shown: Shown,
        /// Whether the node takes itself for alone.
        alone: bool,
    },
    /// A kiosk's page goes on showing what its node no longer says: nobody told the page. Only the
    /// simulator sees both.
    PageStale {
        /// Where.
        host: HostId,
        /// What the page still shows.
        shown: Shown,
    },
    /// A hostile node wrote or said something of this kind.
    Attacked {
        /// From which host.
        host: HostId,
        /// Entries with which it breaks a rule, where it wrote some.
        entries: Vec<EntryId>,
    },
    /// An epoch now has two contents under one number, by the harness's doing.
    Equivocated {
        /// Whose.
        host: HostId,
        /// The epoch.
        epoch: EpochId,
        /// The first number that exists twice.
        seq: u64,
    },
    /// A row was erased for ever.
    Erased {
        /// Which.
        row: RowId,
    },
    /// What a host takes up.
    Weighs {
        /// Which.
        host: HostId,
        /// Bytes in memory: resident in the laboratory; in the simulator what its disk holds, since all
        /// nodes share one process there.
        memory: u64,
        /// Bytes on its disk.
        disk: u64,
        /// Messages that wait for the wire.
        queued: u64,
    },
    /// A rare branch was taken: its name, for the "sometimes" list.
    Sometimes(&'static str),
    /// The process said something that people should know.
    Notice {
        /// Where.
        host: HostId,
        /// In its words.
        words: String,
    },
    /// The process panicked, or ended without being told to.
    Fell {
        /// Where.
        host: HostId,
        /// Its last words.
        words: String,
    },
}
