//! What a target can show of its nodes when an invariant asks.

use std::borrow::Cow;

use domain::id::{EntryId, EpochId, KioskId, NodeId, RowId};
use domain::moment::Moment;
use domain::site::Site;

use crate::event::HostId;

/// The state of one node, read when asked.
pub trait NodeState {
    /// The node.
    fn node(&self) -> NodeId;
    /// Its running epoch.
    fn epoch(&self) -> EpochId;
    /// The kiosk that it serves; `None` for an admin node.
    fn kiosk(&self) -> Option<KioskId>;
    /// Its moment, in site time as it sees it.
    fn moment(&self) -> Moment;
    /// Its site. The laboratory folds it from the entries that the node exports, so that the node's
    /// own word about its state is never taken for it.
    fn site(&self) -> Cow<'_, Site>;
    /// What the node itself says its fingerprint is.
    fn fingerprint(&self) -> [u8; 32];
    /// Whether it holds an entry, or a checkpoint that covers it.
    fn holds(&self, entry: &EntryId) -> bool;
    /// Whether an entry that it holds would outlive a power cut now; `None` where that cannot be seen.
    fn is_durable(&self, _entry: &EntryId) -> Option<bool> {
        None
    }
    /// The bytes that it holds under a name, beneath a checkpoint too, where it holds them.
    fn entry_bytes(&self, entry: &EntryId) -> Option<Vec<u8>>;
    /// The entries of one epoch that it holds: from the lowest kept to below the height.
    fn reach(&self, epoch: &EpochId) -> Option<(u64, u64)>;
    /// Every epoch of which it holds anything.
    fn epochs(&self) -> Vec<EpochId>;
    /// Whether bytes of this row are anywhere in its store or its backups; `None` where a target
    /// cannot tell.
    fn keeps_row(&self, row: &RowId) -> Option<bool>;
    /// Nodes to which it has a link now.
    fn links(&self) -> Vec<NodeId>;
    /// What it tells its operators of an entry that this process wrote: how many durable nodes hold
    /// it, this one included, of how many that should. `None` where nothing is told.
    fn replicated(&self, entry: &EntryId) -> Option<(u32, u32)>;
}

/// The whole of a run, read when asked.
pub trait Cluster {
    /// Every host, in order.
    fn hosts(&self) -> Vec<HostId>;
    /// Its name in reports: `admin-1`, `poste-3`.
    fn name(&self, host: HostId) -> String;
    /// The node that runs on a host now; `None` while it is down, stopped or not to be reached.
    fn node(&self, host: HostId) -> Option<&dyn NodeState>;
    /// Whether its node was given up to a thief: what it says of itself proves nothing.
    fn is_hostile(&self, host: HostId) -> bool;
}
