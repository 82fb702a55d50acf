//! Hosts: a machine with its clocks and its disk, and the process that runs on it, if one does.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use actors::replica::{AskId, Identity, Replica};
use domain::id::{EntryId, EpochId, KioskId, NodeId, RequestId, RowId, SessionId};
use domain::moment::Moment;
use domain::site::Site;
use storage::ledger_store::LedgerStore;

use super::clock::MachineClock;
use super::dialling::Dials;
use super::disk::Disk;
use super::people::Errand;
use crate::cluster::{Cluster, NodeState};
use crate::event::{HostId, Shown};

/// How long a barrier takes on a sound disk.
pub(super) const BARRIER_MS: u64 = 2;

/// A machine.
pub(super) struct Host {
    pub(super) id: HostId,
    pub(super) name: String,
    pub(super) identity: Identity,
    pub(super) clock: Rc<MachineClock>,
    pub(super) disk: Disk,
    pub(super) process: Option<Process>,
    /// Faults that keep it from running: while there is one it is down.
    pub(super) held_down: u32,
    /// Whether the machine boots before its process starts again.
    pub(super) boots: bool,
    /// Faults for which its process stands still.
    pub(super) frozen: u32,
    /// Whether its node's key is in the wrong hands, or ever was.
    pub(super) hostile: bool,
    /// Whether it runs the other release.
    pub(super) later_release: bool,
    pub(super) barrier_ms: u64,
    /// A bit of the store is wrong: found at the next start.
    pub(super) damaged: bool,
    /// An older copy was put back: the vault stays shut until the ledger has caught up.
    pub(super) restored: bool,
}

/// What somebody waits to hear.
pub(super) struct Asking {
    pub(super) request: Option<RequestId>,
    pub(super) errand: Errand,
}

/// A running process.
pub(super) struct Process {
    /// Which of the run's processes it is.
    pub(super) number: u64,
    pub(super) replica: Replica<Disk>,
    /// The epoch that it was last seen to write in.
    pub(super) epoch: EpochId,
    pub(super) clock: Rc<MachineClock>,
    pub(super) disk: Disk,
    /// When it wants to be woken (boot time), and when it will be looked at for that (true time).
    pub(super) wake_at: u64,
    pub(super) armed: Option<u64>,
    /// Before this its page is not looked at by the second again.
    pub(super) next_second: u64,
    pub(super) barrier_running: bool,
    pub(super) barrier_wanted: bool,
    pub(super) shown: Option<(Shown, bool)>,
    /// The picture of which the node itself last said that it had changed, and looks since that found
    /// another one.
    pub(super) told: Option<(Shown, bool)>,
    pub(super) looks_untold: u32,
    /// The session that ran here last: the page speaks of it when it has ended.
    pub(super) last_session: Option<SessionId>,
    pub(super) dials: Dials,
    /// Open links by the node at the other end: one each, wherever it is.
    pub(super) peers: BTreeMap<NodeId, HostId>,
    pub(super) asking: BTreeMap<AskId, Asking>,
}

impl Host {
    /// Whether it executes anything now.
    pub(super) fn runs(&self) -> bool {
        self.process.is_some() && self.frozen == 0
    }

    /// Its process, unless it stands still.
    pub(super) fn running(&mut self) -> Option<&mut Process> {
        self.process.as_mut().filter(|_| self.frozen == 0)
    }

    /// The number of its process.
    pub(super) fn process_number(&self) -> Option<u64> {
        self.process.as_ref().map(|process| process.number)
    }
}

impl NodeState for Process {
    fn node(&self) -> NodeId {
        self.replica.me().node()
    }

    fn epoch(&self) -> EpochId {
        self.replica.epoch()
    }

    fn kiosk(&self) -> Option<KioskId> {
        self.replica.me().kiosk
    }

    fn moment(&self) -> Moment {
        self.replica.moment(self.clock.moment())
    }

    fn site(&self) -> Cow<'_, Site> {
        Cow::Borrowed(self.replica.site())
    }

    fn fingerprint(&self) -> [u8; 32] {
        self.replica.site().fingerprint().unwrap_or_default()
    }

    fn holds(&self, entry: &EntryId) -> bool {
        self.replica.reach(&entry.epoch).is_some_and(|reach| {
            entry.seq < reach.pruned_below
                || (entry.seq < reach.height && self.entry_bytes(entry).is_some())
        })
    }

    fn is_durable(&self, entry: &EntryId) -> Option<bool> {
        let stored = self.disk.entry(&entry.epoch.0, entry.seq).ok()?;
        stored.map(|_| self.disk.is_durable(entry))
    }

    fn entry_bytes(&self, entry: &EntryId) -> Option<Vec<u8>> {
        self.replica.entry_bytes(entry)
    }

    fn reach(&self, epoch: &EpochId) -> Option<(u64, u64)> {
        self.replica.reach(epoch).map(|reach| (reach.pruned_below, reach.height))
    }

    fn epochs(&self) -> Vec<EpochId> {
        self.replica.frontier().map(|reach| reach.epoch).collect()
    }

    fn keeps_row(&self, row: &RowId) -> Option<bool> {
        Some(self.disk.keeps_row(row))
    }

    fn links(&self) -> Vec<NodeId> {
        self.replica.links().map(|(node, _, _)| *node).collect()
    }

    fn replicated(&self, entry: &EntryId) -> Option<(u32, u32)> {
        let told = self.replica.delivery(entry, self.moment())?;
        Some((told.held_by, told.of))
    }
}

/// All hosts of a world.
#[derive(Default)]
pub(super) struct Stage {
    pub(super) hosts: Vec<Host>,
}

impl Stage {
    pub(super) fn host(&self, id: HostId) -> Option<&Host> {
        self.hosts.get(usize::from(id.0))
    }

    pub(super) fn host_mut(&mut self, id: HostId) -> Option<&mut Host> {
        self.hosts.get_mut(usize::from(id.0))
    }

    /// The process of a host, unless it stands still.
    pub(super) fn running(&mut self, id: HostId) -> Option<&mut Process> {
        self.host_mut(id)?.running()
    }

    /// The process of this number, unless it is gone or stands still.
    pub(super) fn process(&mut self, id: HostId, number: u64) -> Option<&mut Process> {
        self.running(id).filter(|process| process.number == number)
    }
}

impl Cluster for Stage {
    fn hosts(&self) -> Vec<HostId> {
        self.hosts.iter().map(|host| host.id).collect()
    }

    fn name(&self, host: HostId) -> String {
        self.host(host).map(|host| host.name.clone()).unwrap_or_default()
    }

    fn node(&self, host: HostId) -> Option<&dyn NodeState> {
        let host = self.host(host).filter(|host| host.frozen == 0)?;
        host.process.as_ref().map(|process| process as &dyn NodeState)
    }

    fn is_hostile(&self, host: HostId) -> bool {
        self.host(host).is_some_and(|host| host.hostile)
    }
}
