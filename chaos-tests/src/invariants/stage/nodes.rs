//! The nodes on the stage: what each holds is what the test gave it, and its site is folded from that.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use actors::entry::{Author, Entry};
use domain::authority::Chain;
use domain::checkpoint::{Floor, Ground};
use domain::fact::Fact;
use domain::id::{EntryId, EpochId, KioskId, NodeId, RowId, SessionId, SiteId};
use domain::moment::Moment;
use domain::session::{Reading, StepKind};
use domain::site::Site;
use ed25519_dalek::SigningKey;

use super::kiosk_of;
use crate::cluster::{Cluster, NodeState};
use crate::event::HostId;
use crate::replay::Replay;

/// One node.
#[derive(Clone)]
pub(in crate::invariants) struct Node {
    pub(in crate::invariants) host: HostId,
    pub(in crate::invariants) node: NodeId,
    pub(in crate::invariants) key: SigningKey,
    pub(in crate::invariants) author: Author,
    pub(in crate::invariants) entries: BTreeMap<EntryId, Vec<u8>>,
    pub(in crate::invariants) readings: Vec<Reading>,
    pub(in crate::invariants) site: Site,
    pub(in crate::invariants) running: bool,
    pub(in crate::invariants) amnesic: bool,
    pub(in crate::invariants) rows: BTreeSet<RowId>,
    pub(in crate::invariants) replicated: BTreeMap<EntryId, (u32, u32)>,
    /// Forks that it holds proof of.
    pub(in crate::invariants) forks: BTreeMap<EpochId, u64>,
    /// A fingerprint that it claims, other than its state's.
    pub(in crate::invariants) claims: Option<[u8; 32]>,
    /// Below which number it has pruned each epoch.
    pub(in crate::invariants) pruned: BTreeMap<EpochId, u64>,
    pub(in crate::invariants) links: Vec<NodeId>,
    /// What it takes for the site's time.
    pub(in crate::invariants) wall_ms: i64,
    /// Entries that a power cut would leave.
    pub(in crate::invariants) durable: BTreeSet<EntryId>,
    /// By how much its time is off.
    pub(in crate::invariants) off_ms: i64,
}

impl Node {
    pub(super) fn of(host: HostId, node: NodeId, key: SigningKey, site: SiteId) -> Self {
        Node {
            host,
            node,
            key,
            author: Author::new([0; 32]),
            entries: BTreeMap::new(),
            readings: Vec::new(),
            site: Site::new(site),
            running: false,
            amnesic: false,
            rows: BTreeSet::new(),
            replicated: BTreeMap::new(),
            forks: BTreeMap::new(),
            claims: None,
            pruned: BTreeMap::new(),
            links: Vec::new(),
            wall_ms: 0,
            durable: BTreeSet::new(),
            off_ms: 0,
        }
    }

    /// Folds its site again from what it holds.
    pub(in crate::invariants) fn refold(&mut self) {
        let mut known = Site::new(self.site.id());
        for (epoch, seq) in &self.forks {
            known.apply_fork(*epoch, *seq);
        }
        let mut site = Replay::with(self.facts(), &known).fold(7);
        let beginning = Moment { boot_ms: 0, wall_ms: 0, trusted: true };
        for reading in &self.readings {
            site.read(*reading, beginning);
        }
        self.site = site;
    }

    /// Stands on a checkpoint that covers all that it holds of one log, and drops half of that.
    pub(super) fn prune(&mut self, epoch: EpochId) {
        let held = self.entries.iter().filter(|(id, _)| id.epoch == epoch);
        let (last, bytes) = held.max().unwrap();
        let floor = Floor { height: last.seq + 1, head: Entry::parse(bytes).unwrap().hash() };
        let floors = BTreeMap::from([(epoch, floor)]);
        let ground = Ground { as_of_ms: Some(1), since_ms: 1, floors };
        let facts: Vec<(EntryId, Fact)> = self.facts().collect();
        let (beneath, above): (Vec<_>, Vec<_>) =
            facts.into_iter().partition(|(id, _)| ground.covers(id));
        let members = beneath.iter().filter(|(_, fact)| Chain::concerns(fact)).cloned();
        let mut site = Site::new(self.site.id());
        site.rebase(ground, members);
        beneath.iter().for_each(|(id, fact)| site.settle(*id, fact, true));
        for _ in 0..3 {
            above.iter().for_each(|(id, fact)| {
                site.apply(*id, fact);
            });
        }
        self.site = site;
        self.pruned.insert(epoch, floor.height / 2);
    }

    fn facts(&self) -> impl Iterator<Item = (EntryId, Fact)> {
        self.entries.iter().filter_map(|(id, bytes)| {
            let entry = Entry::parse(bytes).ok()?;
            Some((*id, Fact::decode(&entry.body).ok()??))
        })
    }

    /// What the next step of a session's life follows.
    pub(super) fn heads(&self, session: SessionId) -> Vec<EntryId> {
        self.site.session(&session).map(|found| found.head_ids()).unwrap_or_default()
    }

    /// What a step on this very kiosk follows.
    pub(super) fn own_heads(&self, session: SessionId) -> Vec<EntryId> {
        let kiosk = kiosk_of(self.host).unwrap();
        self.site.session(&session).map(|found| found.head_ids_on(kiosk)).unwrap_or_default()
    }

    /// Openings of a session that it knows of.
    pub(super) fn openings(&self, session: SessionId) -> u32 {
        let steps = self.site.session(&session).into_iter().flat_map(|found| found.steps());
        let opened = steps.filter(|(_, step)| matches!(step.kind, StepKind::Opened { .. }));
        u32::try_from(opened.count()).unwrap()
    }
}

impl NodeState for Node {
    fn node(&self) -> NodeId {
        self.node
    }

    fn epoch(&self) -> EpochId {
        self.author.epoch()
    }

    fn kiosk(&self) -> Option<KioskId> {
        kiosk_of(self.host)
    }

    fn moment(&self) -> Moment {
        let wall_ms = self.wall_ms + self.off_ms;
        Moment { boot_ms: 0, wall_ms, trusted: true }
    }

    fn is_durable(&self, entry: &EntryId) -> Option<bool> {
        Some(self.durable.contains(entry))
    }

    fn site(&self) -> Cow<'_, Site> {
        Cow::Borrowed(&self.site)
    }

    fn fingerprint(&self) -> [u8; 32] {
        self.claims.unwrap_or_else(|| self.site.fingerprint().unwrap())
    }

    fn holds(&self, entry: &EntryId) -> bool {
        self.entries.contains_key(entry)
            || self.pruned.get(&entry.epoch).is_some_and(|below| entry.seq < *below)
    }

    fn entry_bytes(&self, entry: &EntryId) -> Option<Vec<u8>> {
        self.entries.get(entry).cloned()
    }

    fn reach(&self, epoch: &EpochId) -> Option<(u64, u64)> {
        let held = self.entries.keys().filter(|id| id.epoch == *epoch);
        let height = held.map(|id| id.seq + 1).max()?;
        Some((self.pruned.get(epoch).copied().unwrap_or(0), height))
    }

    fn epochs(&self) -> Vec<EpochId> {
        let epochs: BTreeSet<EpochId> = self.entries.keys().map(|id| id.epoch).collect();
        epochs.into_iter().collect()
    }

    fn keeps_row(&self, row: &RowId) -> Option<bool> {
        Some(self.rows.contains(row))
    }

    fn links(&self) -> Vec<NodeId> {
        self.links.clone()
    }

    fn replicated(&self, entry: &EntryId) -> Option<(u32, u32)> {
        self.replicated.get(entry).copied()
    }
}

/// All of them.
pub(in crate::invariants) struct Nodes {
    nodes: Vec<Node>,
    pub(in crate::invariants) hostile: BTreeSet<HostId>,
}

impl Nodes {
    pub(super) fn new(nodes: Vec<Node>) -> Self {
        Nodes { nodes, hostile: BTreeSet::new() }
    }

    pub(in crate::invariants) fn at(&self, host: HostId) -> &Node {
        &self.nodes[usize::from(host.0)]
    }

    pub(in crate::invariants) fn at_mut(&mut self, host: HostId) -> &mut Node {
        &mut self.nodes[usize::from(host.0)]
    }

    pub(super) fn spread(&mut self) {
        let mut entries = BTreeMap::new();
        let mut readings = BTreeMap::new();
        for node in &self.nodes {
            entries.extend(node.entries.clone());
            readings.extend(node.readings.iter().map(|r| ((r.session, r.epoch, r.n), *r)));
        }
        for node in &mut self.nodes {
            node.entries.clone_from(&entries);
            node.readings = readings.values().copied().collect();
            node.refold();
        }
    }
}

impl Cluster for Nodes {
    fn hosts(&self) -> Vec<HostId> {
        self.nodes.iter().map(|node| node.host).collect()
    }

    fn name(&self, host: HostId) -> String {
        format!("host-{}", host.0)
    }

    fn node(&self, host: HostId) -> Option<&dyn NodeState> {
        let node = self.nodes.get(usize::from(host.0))?;
        node.running.then_some(node)
    }

    fn is_hostile(&self, host: HostId) -> bool {
        self.hostile.contains(&host)
    }
}
