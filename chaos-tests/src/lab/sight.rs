//! What is seen of one node from outside: its status, and the state that its entries make.
//!
//! The site is folded here from the entries and readings that the node exports, each signature
//! verified; of the node's own word only its fingerprint, its links and its clocks are taken, to be
//! compared.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actors::readings_file;
use domain::id::{EntryId, EpochId, KioskId, NodeId, RowId, SessionId};
use domain::moment::Moment;
use domain::session::Reading;
use domain::site::Site;

use crate::cluster::{Cluster, NodeState};
use crate::event::HostId;

use super::control::{Control, Status};
use super::library::Library;

/// Looks in a row that may not fit: a node whose state is not that of its entries is seen as it is.
const MOST_LOOKS: u32 = 5;

/// A node as it was seen at one moment.
pub(crate) struct Sight {
    pub(crate) status: Status,
    fingerprint: [u8; 32],
    site: Arc<Site>,
    entries: Arc<BTreeMap<EntryId, Vec<u8>>>,
}

impl Sight {
    /// Every entry that it holds.
    pub(crate) fn entries(&self) -> &BTreeMap<EntryId, Vec<u8>> {
        &self.entries
    }

    /// Whether its ledger is the very one that another look saw.
    pub(crate) fn has_ledger_of(&self, other: &Sight) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries)
    }

    /// The site that they make.
    pub(crate) fn folded(&self) -> &Site {
        &self.site
    }
}

impl NodeState for Sight {
    fn node(&self) -> NodeId {
        self.status.node
    }

    fn epoch(&self) -> EpochId {
        self.status.epoch
    }

    fn kiosk(&self) -> Option<KioskId> {
        self.site.standing().members.get(&self.status.node)?.kiosk
    }

    fn moment(&self) -> Moment {
        let clocks = &self.status.clocks;
        Moment { boot_ms: clocks.boot_ms, wall_ms: clocks.site_ms, trusted: clocks.trusted }
    }

    fn site(&self) -> Cow<'_, Site> {
        Cow::Borrowed(&self.site)
    }

    fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    fn holds(&self, entry: &EntryId) -> bool {
        let reach = self.status.frontier.iter().find(|reach| reach.epoch == entry.epoch);
        reach.is_some_and(|reach| entry.seq < reach.height)
    }

    fn entry_bytes(&self, entry: &EntryId) -> Option<Vec<u8>> {
        self.entries.get(entry).cloned()
    }

    fn reach(&self, epoch: &EpochId) -> Option<(u64, u64)> {
        let reach = self.status.frontier.iter().find(|reach| reach.epoch == *epoch)?;
        Some((reach.pruned_below, reach.height))
    }

    fn epochs(&self) -> Vec<EpochId> {
        self.status.frontier.iter().map(|reach| reach.epoch).collect()
    }

    fn keeps_row(&self, _: &RowId) -> Option<bool> {
        // The vault is encrypted at rest: from outside nobody can tell.
        None
    }

    fn links(&self) -> Vec<NodeId> {
        self.status.links.iter().map(|link| link.node).collect()
    }

    fn replicated(&self, _: &EntryId) -> Option<(u32, u32)> {
        // Told to consoles by request, and not kept here.
        None
    }
}

/// Readings with the node's moment at which each was first seen there.
type Readings = BTreeMap<(SessionId, EpochId), (Reading, Moment)>;

/// What was last read of a node.
struct Read {
    fingerprint: String,
    at: Instant,
    site: Arc<Site>,
    entries: Arc<BTreeMap<EntryId, Vec<u8>>>,
    readings: Readings,
}

/// How carefully a node is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Care {
    /// In passing: at its ledger now and then.
    Idle,
    /// At its ledger too, however short ago that was read.
    Fresh,
    /// Until its ledger and what it says of itself are of one moment.
    Exact,
}

/// Looks at one host's node.
pub(crate) struct Observer {
    pub(crate) host: HostId,
    control: Control,
    /// Where the node writes its ledger for us, as it sees that folder.
    inside: PathBuf,
    /// The same, as we do.
    outside: PathBuf,
    library: Arc<Library>,
    number: AtomicU32,
    /// The ledger is read at most this often, unless somebody must know.
    interval: Duration,
    read: Mutex<Option<Read>>,
}

impl Observer {
    pub(crate) fn new(
        host: HostId,
        control: Control,
        (inside, outside): (PathBuf, PathBuf),
        library: Arc<Library>,
        interval: Duration,
    ) -> Self {
        let (number, read) = (AtomicU32::new(0), Mutex::new(None));
        Self { host, control, inside, outside, library, number, interval, read }
    }

    /// What the node says of itself.
    pub(crate) fn status(&self) -> Option<Status> {
        self.control.status()
    }

    /// Looks; `None` where nobody answers.
    pub(crate) fn look(&self, care: Care) -> Option<Sight> {
        let status = self.control.status()?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let due = match &*read {
            None => true,
            Some(last) if last.fingerprint == status.fingerprint => false,
            Some(last) => care > Care::Idle || last.at.elapsed() >= self.interval,
        };
        let status = if due {
            let before = read.take().map(|read| read.readings).unwrap_or_default();
            let (status, fresh) = self.read_whole(status, &before, care)?;
            *read = Some(fresh);
            status
        } else {
            status
        };
        let last = read.as_ref()?;
        let fingerprint = fingerprint(&status.fingerprint)?;
        let (site, entries) = (Arc::clone(&last.site), Arc::clone(&last.entries));
        Some(Sight { status, fingerprint, site, entries })
    }

    /// Reads status, ledger and readings. They are three questions, between which the node goes on: who
    /// must have them as of one moment asks again until they fit, or so often that they never will.
    fn read_whole(
        &self,
        mut status: Status,
        before: &Readings,
        care: Care,
    ) -> Option<(Status, Read)> {
        let most = if care == Care::Exact { MOST_LOOKS } else { 1 };
        let mut looks = 0;
        loop {
            let read = self.ledger(&status, before)?;
            let own = read.site.fingerprint().ok();
            let fits = |status: &Status| own == fingerprint(&status.fingerprint);
            looks += 1;
            if !fits(&status) && looks < most {
                status = self.control.status()?;
                if !fits(&status) {
                    continue;
                }
            }
            let fingerprint = status.fingerprint.clone();
            return Some((status, Read { fingerprint, ..read }));
        }
    }

    fn ledger(&self, status: &Status, before: &Readings) -> Option<Read> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let (ledger, readings) = (format!("{number}.ledger"), format!("{number}.readings"));
        let written = self.control.export(&self.inside.join(&ledger), &self.inside.join(&readings));
        let [ledger, readings] = [ledger, readings].map(|name| {
            let file = self.outside.join(name);
            let bytes = fs::read(&file);
            // Where the node wrote nothing there is nothing to remove.
            fs::remove_file(&file).ok();
            bytes
        });
        if !written {
            return None;
        }
        let volume = self.library.read(&ledger.ok()?)?;
        let mut site = volume.site.clone();
        let clocks = &status.clocks;
        let now =
            Moment { boot_ms: clocks.boot_ms, wall_ms: clocks.site_ms, trusted: clocks.trusted };
        let mut seen = Readings::new();
        for signed in readings_file::read(readings.ok()?.as_slice(), site.id()).ok()? {
            let reading = signed.reading;
            let register = (reading.session, reading.epoch);
            let known = before.get(&register).filter(|(known, _)| *known == reading);
            let first = known.map_or(now, |(_, first)| *first);
            site.read(reading, first);
            seen.insert(register, (reading, first));
        }
        Some(Read {
            fingerprint: String::new(),
            at: Instant::now(),
            site: Arc::new(site),
            entries: Arc::clone(&volume.entries),
            readings: seen,
        })
    }
}

fn fingerprint(text: &str) -> Option<[u8; 32]> {
    text.parse::<NodeId>().ok().map(|hex| hex.0)
}

/// The cluster as it was last seen.
#[derive(Default)]
pub(crate) struct Sights {
    names: Vec<String>,
    nodes: BTreeMap<HostId, Arc<Sight>>,
}

impl Sights {
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self { names, nodes: BTreeMap::new() }
    }

    /// The node of a host was seen, or is not to be seen any more.
    pub(crate) fn set(&mut self, host: HostId, sight: Option<Arc<Sight>>) {
        match sight {
            Some(sight) => self.nodes.insert(host, sight),
            None => self.nodes.remove(&host),
        };
    }

    /// What is seen of a host.
    pub(crate) fn of(&self, host: HostId) -> Option<&Arc<Sight>> {
        self.nodes.get(&host)
    }

    /// Everything that is seen.
    pub(crate) fn all(&self) -> impl Iterator<Item = (HostId, &Arc<Sight>)> {
        self.nodes.iter().map(|(host, sight)| (*host, sight))
    }
}

impl Cluster for Sights {
    fn hosts(&self) -> Vec<HostId> {
        (0..).zip(&self.names).map(|(number, _)| HostId(number)).collect()
    }

    fn name(&self, host: HostId) -> String {
        self.names.get(usize::from(host.0)).cloned().unwrap_or_default()
    }

    fn node(&self, host: HostId) -> Option<&dyn NodeState> {
        self.nodes.get(&host).map(|sight| sight.as_ref() as &dyn NodeState)
    }

    fn is_hostile(&self, _: HostId) -> bool {
        // No fault of the laboratory gives a key away.
        false
    }
}
