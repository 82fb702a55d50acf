//! Shapes of `poste status --json` and of the lists.
//!
//! Programs read them: a field may be added, and none changes its meaning.

use domain::authority::NodeKind;
use domain::id::{EpochId, KioskId, NodeId, SiteId, TokenId};
use serde::{Deserialize, Serialize};

use crate::site_fault::order::Word;
use crate::site_fault::referee::Foul;
use crate::texts::{Both, site_faults};

/// How a node is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StatusView {
    /// Release of the program.
    pub(crate) version: String,
    /// Its process.
    pub(crate) pid: u32,
    /// The node.
    pub(crate) node: NodeId,
    /// The log that this process writes.
    #[serde(default)]
    pub(crate) epoch: Option<EpochId>,
    /// Its site, once it has joined.
    pub(crate) site: Option<SiteId>,
    /// The site's name.
    pub(crate) site_name: String,
    /// `admin` or `kiosk`.
    pub(crate) kind: String,
    /// Whether it has joined and may write.
    pub(crate) joined: bool,
    /// Whether its disk takes what it acknowledges.
    pub(crate) writable: bool,
    /// Hash of the state, 64 hexadecimal digits: two nodes whose fingerprints are
    /// equal hold the same truth.
    pub(crate) fingerprint: String,
    /// Its links.
    pub(crate) links: Vec<LinkView>,
    /// Where somebody answered and no link came of it.
    #[serde(default)]
    pub(crate) closed_doors: Vec<DoorView>,
    /// What it has of the ledger, by epoch.
    pub(crate) frontier: Vec<EpochView>,
    /// The newest checkpoint beneath it.
    #[serde(default)]
    pub(crate) checkpoint: Option<CheckpointView>,
    /// Epochs that came too late, after no checkpoint had waited for them any more:
    /// nothing that they wrote has effect.
    #[serde(default)]
    pub(crate) refused_epochs: Vec<EpochId>,
    /// How safe what it wrote is.
    pub(crate) replication: ReplicationView,
    /// Its clocks.
    pub(crate) clocks: ClocksView,
    /// SHA-256 of its console's certificate, 64 hexadecimal digits, where it serves
    /// the console over TLS: what a browser shows of it.
    #[serde(default)]
    pub(crate) console_certificate: Option<String>,
    /// Rows of the vault that an admin node holds: accounts, messages, notes.
    pub(crate) rows: Option<u64>,
}

/// A link to another node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LinkView {
    /// The other end.
    pub(crate) node: NodeId,
    /// Its kind, if the ledger says so.
    pub(crate) kind: Option<NodeKind>,
    /// Its address, where known.
    pub(crate) address: Option<String>,
}

/// A place where somebody refused this node, or was refused by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DoorView {
    /// Where.
    pub(crate) address: String,
    /// Who closed it, and by which reason.
    pub(crate) why: String,
}

/// A checkpoint that speaks for the older entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CheckpointView {
    /// Its name, 64 hexadecimal digits.
    pub(crate) checkpoint: String,
    /// Its site time, milliseconds since 1970.
    pub(crate) as_of_ms: i64,
}

/// What a node has of one epoch's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EpochView {
    /// The epoch.
    pub(crate) epoch: EpochId,
    /// Its node, if known.
    pub(crate) node: Option<NodeId>,
    /// Entries below this are gone: a checkpoint speaks for them.
    pub(crate) pruned_below: u64,
    /// Number of entries.
    pub(crate) height: u64,
}

/// How safe what a node wrote is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReplicationView {
    /// Entries that this node holds.
    pub(crate) entries: u64,
    /// Entries written by this process.
    pub(crate) written: u64,
    /// Operators' commands given here lately.
    pub(crate) commands: u64,
    /// Of these, how many another durable node holds too.
    pub(crate) elsewhere: u64,
}

/// A node's clocks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClocksView {
    /// Milliseconds since the machine booted.
    pub(crate) boot_ms: u64,
    /// This machine's wall clock, milliseconds since 1970.
    pub(crate) wall_ms: i64,
    /// Site time, milliseconds since 1970.
    pub(crate) site_ms: i64,
    /// Whether site time is an admin node's word.
    pub(crate) trusted: bool,
}

/// A join token that still lets somebody in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TokenView {
    /// Which.
    pub(crate) token: TokenId,
    /// Its end, milliseconds since 1970.
    pub(crate) expires_ms: i64,
}

/// A machine that waits to be paired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PairingView {
    /// Its node.
    pub(crate) node: NodeId,
    /// The digits that its screen must show.
    pub(crate) digits: String,
    /// The kiosk that it takes itself for.
    pub(crate) kiosk: KioskId,
    /// Since when, milliseconds since 1970.
    pub(crate) since_ms: i64,
}

/// Why no fault is ordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FoulView {
    /// Why.
    pub(crate) why: Foul,
    /// The same in words.
    pub(crate) words: Both,
}

impl From<Foul> for FoulView {
    fn from(why: Foul) -> Self {
        Self { why, words: site_faults::foul(why) }
    }
}

/// A node that is told to bear a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FaultView {
    /// Which.
    pub(crate) node: NodeId,
    /// Seconds until it ends by itself.
    pub(crate) left_s: u32,
    /// What it said.
    pub(crate) said: Word,
    /// Why it bears nothing, in words.
    pub(crate) words: Option<Both>,
}

impl FaultView {
    /// What a node said to a fault of so many seconds.
    pub(crate) fn new(node: NodeId, left_s: u32, said: Word) -> Self {
        let words = match &said {
            Word::Refused(why) => Some(site_faults::disobeyed(*why)),
            Word::Epoch(_) | Word::Obeyed => None,
        };
        Self { node, left_s, said, words }
    }
}

/// A node of the site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NodeView {
    /// Which.
    pub(crate) node: NodeId,
    /// Its kind.
    pub(crate) kind: NodeKind,
    /// The kiosk that it serves.
    pub(crate) kiosk: Option<KioskId>,
    /// That kiosk's name.
    pub(crate) kiosk_name: Option<String>,
    /// Whether this node has a link to it, or is it.
    pub(crate) linked: bool,
    /// Whether it was revoked.
    pub(crate) revoked: bool,
    /// Whether it was caught writing two histories.
    pub(crate) forked: bool,
}
