//! Rare branches that no event tells of, and that the state shows in the end.

use std::collections::BTreeMap;

use domain::fact::Cause;
use domain::session::{FORGIVEN_EPOCHS, StepKind};

use super::world::World;

impl World {
    /// The branches that the sessions of a node show, and how many do. Which node does not matter: all
    /// of them are in one state, or an invariant is broken.
    pub(super) fn aftermath(&self) -> BTreeMap<&'static str, u64> {
        let mut branches = BTreeMap::new();
        let processes = self.stage.hosts.iter().filter_map(|home| home.process.as_ref());
        let Some(process) = processes.into_iter().next() else {
            return branches;
        };
        let site = process.replica.site();
        for (_, session) in site.sessions() {
            let node_of = |epoch: &_| site.node_of(epoch);
            let unended = session.unended(node_of);
            let displaced = StepKind::Closed(Cause::Displaced);
            let shown = [
                ("third charge forgiven", unended >= FORGIVEN_EPOCHS),
                ("fourth charge not forgiven", unended > FORGIVEN_EPOCHS),
                ("use beyond what was granted listed", session.excess_ms(node_of) > 0),
                (
                    "code open on two kiosks resolved",
                    session.steps().any(|(_, s)| s.kind == displaced),
                ),
            ];
            for (branch, _) in shown.into_iter().filter(|(_, shown)| *shown) {
                *branches.entry(branch).or_default() += 1;
            }
        }
        branches
    }
}
