//! The run as anybody could have written it down who saw all of it: who ran when, which links stood,
//! which faults were in force, what was written and acknowledged, and for how long each session
//! really ran.
//!
//! It is reconstructed from events, and from the entries' own bytes, never from what a node makes of
//! them: the invariants compare the two.

pub mod hosts;
pub mod knowledge;
pub mod ledger;
pub mod usage;

use std::collections::BTreeSet;

use domain::id::EpochId;

use crate::cluster::{Cluster, NodeState};
use crate::event::{Event, HostId};
use hosts::{Hosts, Trouble};
use ledger::Ledger;
use usage::Usage;

/// See the module.
#[derive(Debug, Default)]
pub struct Book {
    /// Machines, links, faults.
    pub hosts: Hosts,
    /// What was written, asked and acknowledged.
    pub ledger: Ledger,
    /// For how long sessions ran.
    pub usage: Usage,
    began_ms: u64,
    healed_ms: Option<u64>,
    agreed_ms: Option<u64>,
    compared_ms: u64,
    /// Hosts that were down when healing ended.
    to_come: BTreeSet<HostId>,
    /// When the last of them that came up did.
    came_ms: u64,
}

/// How often the nodes' fingerprints are compared while they converge, in milliseconds.
const COMPARE_MS: u64 = 1_000;

impl Book {
    /// Writes an event down.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events heal nothing")]
    pub fn see(&mut self, at_ms: u64, event: &Event, cluster: &dyn Cluster) {
        match event {
            Event::Healed => {
                (self.healed_ms, self.agreed_ms, self.came_ms) = (Some(at_ms), None, at_ms);
                let down = self.hosts.machines().filter(|(_, known)| known.running_since.is_none());
                self.to_come = down.map(|(host, _)| host).collect();
            }
            Event::Started { host, .. } if self.to_come.remove(host) => {
                (self.agreed_ms, self.came_ms) = (None, at_ms);
            }
            _ => {}
        }
        self.usage.see(at_ms, event, &self.hosts);
        self.hosts.see(at_ms, event);
        self.ledger.see(at_ms, event, &self.hosts, cluster);
        self.look_for_agreement(at_ms, cluster);
    }

    /// What happened before is history: the scenario begins now.
    pub fn begin(&mut self, at_ms: u64) {
        self.began_ms = at_ms;
    }

    /// When the scenario began.
    pub fn began_ms(&self) -> u64 {
        self.began_ms
    }

    /// When healing ended.
    pub fn healed_ms(&self) -> Option<u64> {
        self.healed_ms
    }

    /// Time to the first moment at which all honest nodes had one fingerprint: since healing, or since the
    /// last machine came up that was down then.
    pub fn converged_ms(&self) -> Option<u64> {
        Some(self.agreed_ms?.saturating_sub(self.came_ms))
    }

    fn look_for_agreement(&mut self, at_ms: u64, cluster: &dyn Cluster) {
        let converging = self.healed_ms.is_some() && self.agreed_ms.is_none();
        if !converging || at_ms < self.compared_ms.saturating_add(COMPARE_MS) {
            return;
        }
        self.compared_ms = at_ms;
        let agreed = {
            let mut prints = self.honest(cluster).map(|(_, node)| node.fingerprint());
            let first = prints.next();
            first.is_some() && prints.all(|other| Some(other) == first)
        };
        self.agreed_ms = agreed.then_some(at_ms);
    }

    /// The running nodes of hosts whose word counts: not in a thief's hands, and members still.
    pub fn honest<'a>(
        &'a self,
        cluster: &'a dyn Cluster,
    ) -> impl Iterator<Item = (HostId, &'a dyn NodeState)> {
        cluster.hosts().into_iter().filter_map(|host| {
            let node = cluster.node(host)?;
            let counts = !self.is_hostile(host, cluster)
                && self.ledger.revocation(&node.node()).is_none()
                && !self.ledger.is_forked(&node.epoch());
            counts.then_some((host, node))
        })
    }

    /// Whether a host is, or was, in a thief's hands.
    pub fn is_hostile(&self, host: HostId, cluster: &dyn Cluster) -> bool {
        cluster.is_hostile(host) || self.hosts.had(host, Trouble::Hostile)
    }

    /// Whether an admin node is, or was, in a thief's hands: it may grant what it likes, seen by nobody.
    pub fn has_thief_at_a_desk(&self, cluster: &dyn Cluster) -> bool {
        let desks = self.hosts.births().filter(|(_, birth)| birth.kiosk.is_none());
        desks.map(|(_, birth)| birth.host).any(|host| self.is_hostile(host, cluster))
    }

    /// Whether entries of an epoch come from a host that was never in a thief's hands.
    pub fn is_honest_epoch(&self, epoch: &EpochId, cluster: &dyn Cluster) -> bool {
        self.hosts.of(epoch).is_some_and(|birth| !self.is_hostile(birth.host, cluster))
    }

    /// Acknowledged entries that had to live on, and that no honest node holds; `None` where nobody was seen
    /// to have been told that an entry is stored.
    pub fn lost(&self, cluster: &dyn Cluster) -> Option<u64> {
        self.ledger.acknowledged().next()?;
        let nodes: Vec<_> = self.honest(cluster).map(|(_, node)| node).collect();
        let owed = self.ledger.acknowledged().filter(|(entry, _)| self.is_owed(entry, cluster));
        let lost = owed.filter(|(entry, _)| !nodes.iter().any(|node| node.holds(entry)));
        u64::try_from(lost.count()).ok()
    }

    /// Whether an acknowledged entry must be on every node in the end: its author was honest, it is
    /// within its author's cut and before its fork, and it was not lost with the only disks that held
    /// it.
    pub fn is_owed(&self, entry: &domain::id::EntryId, cluster: &dyn Cluster) -> bool {
        self.is_honest_epoch(&entry.epoch, cluster)
            && self.ledger.is_within(entry)
            && !self.ledger.is_excused(entry)
    }
}
