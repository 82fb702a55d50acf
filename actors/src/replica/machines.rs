//! On which machines nodes were met. A disk can be copied, and a node's key with it: two machines that
//! answer for one node are for staff to sort out.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::NodeId;
use domain::moment::Moment;

/// Machines met within this time are both alive, in milliseconds: of two that answer for one node each
/// takes the other's links away, and dials again within ten seconds.
const BOTH_MS: u64 = 60_000;
/// Machines that are remembered of a node: more than two say nothing new.
const MOST: usize = 4;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Machines {
    met: BTreeMap<NodeId, BTreeMap<[u8; 32], u64>>,
}

impl Machines {
    /// Notes the machine on which a node was met.
    pub(super) fn meet(&mut self, node: NodeId, machine: [u8; 32], now: Moment) {
        let met = self.met.entry(node).or_default();
        met.retain(|_, at| now.since(*at) < BOTH_MS);
        if met.len() < MOST || met.contains_key(&machine) {
            met.insert(machine, now.boot_ms);
        }
    }

    /// The nodes that were met on more than one machine lately.
    pub(super) fn doubled(&self, now: Moment) -> BTreeSet<NodeId> {
        let lately =
            |met: &BTreeMap<_, u64>| met.values().filter(|at| now.since(**at) < BOTH_MS).count();
        self.met.iter().filter(|(_, met)| lately(met) > 1).map(|(node, _)| *node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_met_again_stays_known_among_the_most_that_are() {
        let (mut machines, node) = (Machines::default(), NodeId([1; 32]));
        let at = |boot_ms| Moment { boot_ms, wall_ms: 0, trusted: false };
        for machine in 0..4 {
            machines.meet(node, [machine; 32], at(0));
        }
        for machine in 0..2 {
            machines.meet(node, [machine; 32], at(BOTH_MS - 1));
        }
        assert!(machines.doubled(at(BOTH_MS + 1)).contains(&node));
    }
}
