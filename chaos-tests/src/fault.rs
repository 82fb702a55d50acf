//! What can go wrong, in words that every target understands.
//!
//! A fault is an intent: the simulator, the laboratory and a real site each carry it out by their own
//! means, or say before anything runs that they cannot ([`crate::target::NotRun::Cannot`]).

use serde::{Deserialize, Serialize};

mod words;

/// Which hosts a fault is about, as scenario files write it: `admin-1`, `poste-3`, `admins`,
/// `kiosks`, `all`, `half` (the first admin host, with the first kiosk and every second one from
/// there), `any-kiosk`, `any-admin` (drawn from the seed), or several joined by `+`. What they mean
/// is [`Hosts::mean`]'s to say, in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hosts(pub String);

/// How a network may lie in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// The named hosts on one side, all others on the other.
    Apart,
    /// Each named host alone.
    Alone,
    /// Two halves that only the first named host sees both of.
    Bridge,
    /// Each host sees only its two neighbours.
    Ring,
    /// The named hosts hear others, and are not heard.
    Mute,
    /// The named hosts are heard, and hear nobody.
    Deaf,
}

/// One thing that goes wrong. It lasts as long as its step says, or for one moment where nothing can
/// last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what", deny_unknown_fields)]
pub enum Fault {
    /// The network lies in pieces.
    Cut {
        /// Whom it cuts.
        hosts: Hosts,
        /// Along which lines.
        shape: Shape,
    },
    /// A switch that comes and goes: cut and healed by turns.
    Flap {
        /// Whom it cuts from all others.
        hosts: Hosts,
        /// Length of one cut, and of one pause between cuts.
        period_ms: u64,
    },
    /// A bad network. Shares are per hundred packets (messages in the simulator).
    Degrade {
        /// Whose links.
        hosts: Hosts,
        /// Lost, at most 30.
        #[serde(default)]
        loss: u8,
        /// Twice.
        #[serde(default)]
        duplicate: u8,
        /// Out of turn.
        #[serde(default)]
        reorder: u8,
        /// With a bit changed.
        #[serde(default)]
        corrupt: u8,
        /// On their way for at least so long.
        #[serde(default)]
        delay_ms: u32,
        /// And up to so much longer.
        #[serde(default)]
        jitter_ms: u32,
        /// Kilobytes in a second; 0: no cap.
        #[serde(default)]
        kilobytes_s: u32,
    },
    /// The address changes: links end, new ones begin.
    NewAddress {
        /// Whose.
        hosts: Hosts,
    },
    /// SIGKILL; started again at the fault's end.
    Kill {
        /// Which processes.
        hosts: Hosts,
    },
    /// SIGSTOP; goes on at the fault's end.
    Pause {
        /// Which processes.
        hosts: Hosts,
    },
    /// The machine suspends: boot time goes on, the process does not.
    Suspend {
        /// Which machines.
        hosts: Hosts,
    },
    /// The power goes, with everything that no barrier covered; a new boot at the fault's end.
    PowerCut {
        /// Which machines.
        hosts: Hosts,
    },
    /// An orderly reboot; a new boot at the fault's end.
    Reboot {
        /// Which machines.
        hosts: Hosts,
    },
    /// The disk is lost: the host starts with the same keys and an empty store.
    Amnesia {
        /// Which machines.
        hosts: Hosts,
    },
    /// Another machine takes the place: a new node with an empty store, admitted by the site key or by
    /// the kiosks' token. The node that was there is not revoked by that.
    Replace {
        /// Which machines.
        hosts: Hosts,
    },
    /// The store as it was so long ago comes back.
    Restore {
        /// Which machines.
        hosts: Hosts,
        /// Age of the copy.
        age_ms: u64,
    },
    /// The disk is copied, and the copy runs on a second machine beside the first.
    Clone {
        /// Which machine.
        hosts: Hosts,
    },
    /// The other release: a build that writes a kind of fact which this one does not know.
    OtherRelease {
        /// On which machines.
        hosts: Hosts,
    },
    /// The disk takes nothing more.
    DiskFull {
        /// Whose.
        hosts: Hosts,
    },
    /// Barriers take this long.
    DiskSlow {
        /// Whose.
        hosts: Hosts,
        /// How long.
        barrier_ms: u32,
    },
    /// The next barrier fails.
    DiskFails {
        /// Whose.
        hosts: Hosts,
    },
    /// The power goes and the last batch is half there.
    TornTail {
        /// Whose.
        hosts: Hosts,
    },
    /// A bit of the store is wrong at the next start.
    BitFlip {
        /// Whose.
        hosts: Hosts,
    },
    /// The wall clock jumps; back at the fault's end.
    ClockJump {
        /// Whose.
        hosts: Hosts,
        /// By so much.
        by_s: i64,
    },
    /// The wall clock stands in 1970.
    ClockLost {
        /// Whose.
        hosts: Hosts,
    },
    /// The wall clock jumps to and fro.
    ClockStrobe {
        /// Whose.
        hosts: Hosts,
        /// By so much.
        by_s: i64,
        /// Each so long.
        period_ms: u64,
    },
    /// The wall clock runs fast or slow.
    ClockDrift {
        /// Whose.
        hosts: Hosts,
        /// Millionths, negative for slow.
        millionths: i32,
    },
    /// A member's key is in the wrong hands.
    Hostile {
        /// Whose.
        hosts: Hosts,
        /// What the thief does with it.
        with: Malice,
    },
    /// An operator revokes the hosts' nodes.
    Revoke {
        /// Whose.
        hosts: Hosts,
        /// The admin host where it is done.
        on: Hosts,
    },
}

/// What a hostile member does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Malice {
    /// Facts beyond its role: grants itself time, admits nodes.
    Forge,
    /// Old messages, again and again.
    Replay,
    /// Two histories under one epoch.
    Equivocate,
    /// As many bytes as it can.
    Flood,
    /// Goes on writing after its revocation.
    Defy,
    /// Malformed and oversized messages, entries that follow nothing.
    Poison,
    /// Signs a checkpoint that leaves out what the ledger says; on an admin host.
    Lie,
}

impl Fault {
    /// Whom it is about.
    pub fn hosts(&self) -> &Hosts {
        match self {
            Fault::Cut { hosts, .. }
            | Fault::Flap { hosts, .. }
            | Fault::Degrade { hosts, .. }
            | Fault::NewAddress { hosts }
            | Fault::Kill { hosts }
            | Fault::Pause { hosts }
            | Fault::Suspend { hosts }
            | Fault::PowerCut { hosts }
            | Fault::Reboot { hosts }
            | Fault::Amnesia { hosts }
            | Fault::Replace { hosts }
            | Fault::Restore { hosts, .. }
            | Fault::Clone { hosts }
            | Fault::OtherRelease { hosts }
            | Fault::DiskFull { hosts }
            | Fault::DiskSlow { hosts, .. }
            | Fault::DiskFails { hosts }
            | Fault::TornTail { hosts }
            | Fault::BitFlip { hosts }
            | Fault::ClockJump { hosts, .. }
            | Fault::ClockLost { hosts }
            | Fault::ClockStrobe { hosts, .. }
            | Fault::ClockDrift { hosts, .. }
            | Fault::Hostile { hosts, .. }
            | Fault::Revoke { hosts, .. } => hosts,
        }
    }
}
