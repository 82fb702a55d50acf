//! What was written, asked and acknowledged, read from the entries' own bytes.

pub mod cuts;
pub mod sessions;

use std::collections::{BTreeMap, BTreeSet};

use actors::entry::Entry;
use domain::command::Command;
use domain::fact::{Fact, fact_hash};
use domain::id::{EntryId, EpochId, NodeId, RequestId};
use domain::operator::OperatorRole;

use super::hosts::{Hosts, Trouble, loses_disk};
use crate::cluster::Cluster;
use crate::event::{Event, HostId, Stop};
use cuts::{Cuts, Revoked};
use sessions::Sessions;

/// An entry as it was written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Where.
    pub host: HostId,
    /// When.
    pub at_ms: u64,
    /// What it says; `None` for a kind that this release does not know.
    pub fact: Option<Fact>,
    /// Hash of its bytes.
    pub hash: [u8; 32],
    /// The hash that it gives for the entry before it.
    pub prev: [u8; 32],
    /// The last word between facts that conflict.
    pub fact_hash: [u8; 32],
}

/// A question.
#[derive(Debug, Clone)]
pub struct Question {
    /// Where it was asked first.
    pub host: HostId,
    /// When.
    pub at_ms: u64,
    /// What.
    pub command: Command,
    /// By an operator of this role, or by the kiosk's patron.
    pub role: Option<OperatorRole>,
}

/// An acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// By which host.
    pub host: HostId,
    /// When.
    pub at_ms: u64,
}

/// An acknowledged entry whose host lost its disk: who else held it then, and has not lost it since.
#[derive(Debug, Clone)]
struct Orphan {
    since_ms: u64,
    holders: BTreeSet<HostId>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: BTreeMap<EntryId, Written>,
    twice: Vec<(EntryId, HostId)>,
    asked: BTreeMap<RequestId, Question>,
    by_request: BTreeMap<RequestId, Vec<EntryId>>,
    acknowledged: BTreeMap<EntryId, Acknowledged>,
    orphans: BTreeMap<EntryId, Orphan>,
    refused_whole: BTreeSet<EpochId>,
    forks: BTreeMap<EpochId, u64>,
    attacks: BTreeSet<EntryId>,
    cuts: Cuts,
    /// What was written about sessions.
    pub sessions: Sessions,
}

impl Ledger {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events write nothing")]
    pub(super) fn see(&mut self, at_ms: u64, event: &Event, hosts: &Hosts, cluster: &dyn Cluster) {
        match event {
            Event::Wrote { host, entries } => {
                for entry in entries {
                    self.wrote(at_ms, *host, entry, hosts, cluster);
                }
            }
            Event::Asked { host, request, command, role } => {
                let (host, role, command) = (*host, *role, command.clone());
                let question = Question { host, at_ms, command, role };
                self.asked.entry(*request).or_insert(question);
            }
            Event::Accepted { host, request, entries, .. } => {
                let of_request = self.by_request.entry(*request).or_default();
                for entry in entries {
                    let acknowledged = Acknowledged { host: *host, at_ms };
                    self.acknowledged.entry(*entry).or_insert(acknowledged);
                    if !of_request.contains(entry) {
                        of_request.push(*entry);
                    }
                }
            }
            Event::Stopped { host, how } => self.stopped(at_ms, *host, *how, hosts, cluster),
            Event::Rebuilt { host } if hosts.had(*host, Trouble::Disk) => {
                self.stopped(at_ms, *host, Stop::DiskLost, hosts, cluster);
            }
            Event::RefusedWhole { epoch, .. } => {
                self.refused_whole.insert(*epoch);
            }
            Event::Equivocated { epoch, seq, .. } => {
                let lowest = self.forks.entry(*epoch).or_insert(*seq);
                *lowest = (*lowest).min(*seq);
            }
            Event::Attacked { entries, .. } => self.attacks.extend(entries),
            _ => {}
        }
    }

    fn wrote(
        &mut self,
        at_ms: u64,
        host: HostId,
        id: &EntryId,
        hosts: &Hosts,
        cluster: &dyn Cluster,
    ) {
        let bytes = cluster.node(host).and_then(|node| node.entry_bytes(id));
        let Some(entry) = bytes.and_then(|bytes| Entry::parse(&bytes).ok()) else {
            return;
        };
        if self.entries.contains_key(id) {
            self.twice.push((*id, host));
            return;
        }
        let fact = Fact::decode(&entry.body).ok().flatten();
        let (hash, fact_hash) = (entry.hash(), fact_hash(id, &entry.body));
        if let Some(fact) = &fact {
            let kiosk = hosts.of(&id.epoch).and_then(|birth| birth.kiosk);
            self.cuts.take(at_ms, id, fact, kiosk.is_some());
            self.sessions.take(id, fact, kiosk);
            if let Some(request) = request_of(fact) {
                self.by_request.entry(request).or_default().push(*id);
            }
        }
        let prev = entry.prev;
        self.entries.insert(*id, Written { host, at_ms, fact, hash, prev, fact_hash });
    }

    /// What a host acknowledged lives elsewhere, or nowhere, from when its disk is lost.
    fn stopped(
        &mut self,
        at_ms: u64,
        host: HostId,
        how: Stop,
        hosts: &Hosts,
        cluster: &dyn Cluster,
    ) {
        let machine = hosts.machine(host);
        let durable_ms = machine.and_then(|machine| machine.durable_ms).unwrap_or(0);
        let lost = loses_disk(how, machine.is_some_and(|machine| machine.amnesic));
        for orphan in self.orphans.values_mut() {
            if lost || (how == Stop::PowerLost && durable_ms < orphan.since_ms) {
                orphan.holders.remove(&host);
            }
        }
        if !lost {
            return;
        }
        let others: Vec<HostId> =
            cluster.hosts().into_iter().filter(|other| *other != host).collect();
        for (entry, _) in self.acknowledged.iter().filter(|(_, by)| by.host == host) {
            let holds = |other: &HostId| {
                !hosts.had(*other, Trouble::Hostile)
                    && cluster.node(*other).is_some_and(|node| node.holds(entry))
            };
            let orphan = || Orphan {
                since_ms: at_ms,
                holders: others.iter().copied().filter(holds).collect(),
            };
            self.orphans.entry(*entry).or_insert_with(orphan);
        }
    }

    /// An entry.
    pub fn written(&self, entry: &EntryId) -> Option<&Written> {
        self.entries.get(entry)
    }

    /// Every entry, by epoch and number.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&EntryId, &Written)> {
        self.entries.iter()
    }

    /// Every entry that says something to this release.
    pub fn facts(&self) -> impl Iterator<Item = (EntryId, Fact)> {
        let facts = self.entries.iter();
        facts.filter_map(|(entry, written)| Some((*entry, written.fact.clone()?)))
    }

    /// The entries from one name to another.
    pub fn range(
        &self,
        first: EntryId,
        last: EntryId,
    ) -> impl Iterator<Item = (&EntryId, &Written)> {
        self.entries.range(first..=last)
    }

    /// Names that were given a second time, and where.
    pub fn twice(&self) -> &[(EntryId, HostId)] {
        &self.twice
    }

    /// A question.
    pub fn question(&self, request: &RequestId) -> Option<&Question> {
        self.asked.get(request)
    }

    /// The entries that a request is known to have become.
    pub fn entries_of(&self, request: &RequestId) -> &[EntryId] {
        self.by_request.get(request).map_or(&[], Vec::as_slice)
    }

    /// Acknowledged entries.
    pub fn acknowledged(&self) -> impl Iterator<Item = (&EntryId, &Acknowledged)> {
        self.acknowledged.iter()
    }

    /// Acknowledged entries of one epoch, the latest first.
    pub fn acknowledged_of(&self, epoch: EpochId) -> impl Iterator<Item = &EntryId> {
        let (first, last) = (EntryId { epoch, seq: 0 }, EntryId { epoch, seq: u64::MAX });
        self.acknowledged.range(first..=last).rev().map(|(entry, _)| entry)
    }

    /// Entries with which a hostile node broke a rule.
    pub fn attacks(&self) -> &BTreeSet<EntryId> {
        &self.attacks
    }

    /// Epochs with two histories, by the harness's doing, and where they part.
    pub fn forks(&self) -> &BTreeMap<EpochId, u64> {
        &self.forks
    }

    /// Whether an epoch has two histories.
    pub fn is_forked(&self, epoch: &EpochId) -> bool {
        self.forks.contains_key(epoch)
    }

    /// A node's revocation, if anything effective was said of one.
    pub fn revocation(&self, node: &NodeId) -> Option<Revoked> {
        self.cuts.revocation(node, |entry| self.forks.get(&entry.epoch))
    }

    /// The nodes of which any revocation was written.
    pub fn revoked(&self) -> impl Iterator<Item = &NodeId> {
        self.cuts.nodes()
    }

    /// Whether an entry lies within its author's cut and before its fork.
    pub fn is_within(&self, entry: &EntryId) -> bool {
        let forked = self.forks.get(&entry.epoch).is_some_and(|fork| entry.seq >= *fork);
        !forked && self.cuts.allows(entry, |entry| self.forks.get(&entry.epoch))
    }

    /// Whether an acknowledged entry may be gone: every disk that held it was lost, or its epoch is
    /// older than the horizon.
    pub fn is_excused(&self, entry: &EntryId) -> bool {
        self.refused_whole.contains(&entry.epoch)
            || self.orphans.get(entry).is_some_and(|orphan| orphan.holders.is_empty())
    }

    /// Whether the host that acknowledged an entry has lost its disk since.
    pub fn is_orphan(&self, entry: &EntryId) -> bool {
        self.orphans.contains_key(entry)
    }

    /// Epochs that some node refused whole.
    pub fn refused_whole(&self) -> &BTreeSet<EpochId> {
        &self.refused_whole
    }
}

/// The intent that a fact carries, where it carries one.
#[allow(clippy::wildcard_enum_match_arm, reason = "the other facts carry none")]
fn request_of(fact: &Fact) -> Option<RequestId> {
    match fact {
        Fact::CodeIssued(f) => Some(f.request),
        Fact::SessionExtended(f) => Some(f.request),
        Fact::CodesIssued(f) => Some(f.part.intent),
        Fact::NodeRevoked(f) => Some(f.part.intent),
        _ => None,
    }
}
