//! Invariant 13: two histories of one epoch, known to two connected nodes, are proven everywhere
//! within ten rounds.

use std::collections::{BTreeMap, BTreeSet};

use actors::replica::ROUND_MS;
use domain::id::{EntryId, EpochId};

use super::{ROUNDS, without_effect};
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::Event;
use crate::scenario::{Hold, Words};

/// How often nodes are asked for what they hold, in milliseconds.
const LOOKED_MS: u64 = 1_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Equivocation {
    most_ms: u64,
    looked_ms: u64,
    /// When two honest nodes first held two histories, or one the proof.
    known_ms: BTreeMap<EpochId, u64>,
    proven_ms: BTreeMap<EpochId, u64>,
    judged: u64,
    worst_ms: u64,
}

impl Equivocation {
    pub(super) fn new(hold: &Hold) -> Self {
        let rounds = u64::from(hold.rounds.unwrap_or(ROUNDS));
        Equivocation {
            most_ms: rounds * ROUND_MS,
            looked_ms: 0,
            known_ms: BTreeMap::new(),
            proven_ms: BTreeMap::new(),
            judged: 0,
            worst_ms: 0,
        }
    }

    fn look(&mut self, scene: Scene<'_>) {
        for (epoch, seq) in scene.book.ledger.forks() {
            if self.proven_ms.contains_key(epoch) {
                continue;
            }
            let (mut contents, mut proofs, mut nodes) = (BTreeSet::new(), 0, 0);
            let mut folded = false;
            for (_, node) in scene.book.honest(scene.cluster) {
                nodes += 1;
                folded |= node.site().ground().height(epoch) > *seq;
                proofs += usize::from(node.site().chain().forks().contains_key(epoch));
                contents.extend(node.entry_bytes(&EntryId { epoch: *epoch, seq: *seq }));
            }
            if contents.len() > 1 || proofs > 0 {
                self.known_ms.entry(*epoch).or_insert(scene.at_ms);
            }
            if proofs == 0 && folded {
                // A checkpoint speaks for one of them, and the other has no effect on anybody: no node
                // keeps both any more. (World 13251.)
                self.known_ms.remove(epoch);
            }
            if proofs > 0 && proofs == nodes {
                self.proven_ms.insert(*epoch, scene.at_ms);
            }
        }
    }
}

impl Invariant for Equivocation {
    fn number(&self) -> u8 {
        13
    }

    fn name(&self) -> &'static str {
        "equivocation"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Un poste qui raconte deux histoires différentes est démasqué partout, et le personnel en est averti.",
            "A kiosk that tells two different stories is found out everywhere, and staff are told.",
        )
    }

    fn see(&mut self, _event: &Event, scene: Scene<'_>) -> Held {
        let none = scene.book.ledger.forks().is_empty();
        if !none && scene.at_ms >= self.looked_ms.saturating_add(LOOKED_MS) {
            self.looked_ms = scene.at_ms;
            self.look(scene);
        }
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        self.look(scene);
        let healed_ms = scene.book.healed_ms().unwrap_or(0);
        for (epoch, known_ms) in &self.known_ms {
            self.judged += 1;
            let from = (*known_ms).max(healed_ms);
            let until = self.proven_ms.get(epoch).copied().unwrap_or(scene.at_ms);
            let took = until.saturating_sub(from);
            self.worst_ms = self.worst_ms.max(took);
            if self.proven_ms.contains_key(epoch) && took <= self.most_ms {
                continue;
            }
            let site = |(_, node): &(_, &dyn crate::cluster::NodeState)| {
                node.site().chain().forks().contains_key(epoch)
            };
            let without = scene.book.honest(scene.cluster).find(|found| !site(found));
            let what = format!("two histories of {epoch}, and {took} ms later no proof everywhere");
            return Err(Broken { host: without.map(|(host, _)| host), what });
        }
        let Some((_, node)) = scene.book.honest(scene.cluster).next() else {
            return Ok(());
        };
        let site = node.site();
        let forks = site.chain().forks();
        let beyond = scene.book.ledger.entries().map(|(entry, _)| *entry);
        let beyond: BTreeSet<EntryId> = beyond
            .filter(|entry| forks.get(&entry.epoch).is_some_and(|fork| entry.seq >= *fork))
            .collect();
        if beyond.is_empty() {
            return Ok(());
        }
        without_effect(&beyond, "what was written from a fork on", scene)
    }

    fn judged(&self) -> u64 {
        self.judged
    }

    fn worst(&self) -> Option<(f64, &'static str)> {
        (self.judged > 0).then_some((self.worst_ms as f64 / 1000.0, "s"))
    }
}

#[cfg(test)]
mod tests {
    use actors::entry::Author;

    use super::*;
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_ADMIN, OTHER_KIOSK, Stage};

    /// A kiosk's log with two entries of one number: one told to an admin host, one to the other.
    fn two_histories() -> (Stage<Equivocation>, EpochId, u64) {
        let mut stage = Stage::with(Equivocation::new(&Hold::default()));
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.spread();
        let before: Author = stage.nodes.at(KIOSK).author.clone();
        let one = stage.open(KIOSK, issued.session);
        let other = before.entry(vec![255, 255], 0).unwrap();
        stage.tell(ADMIN, one);
        stage.place(OTHER_ADMIN, &other);
        let (epoch, seq) = (one.epoch, one.seq);
        stage.see(Event::Equivocated { host: KIOSK, epoch, seq });
        stage.nodes.hostile.insert(KIOSK);
        stage.pass(2_000);
        stage.see(Event::Sometimes("a while passed"));
        (stage, epoch, seq)
    }

    fn prove(
        stage: &mut Stage<Equivocation>,
        hosts: &[crate::event::HostId],
        fork: (EpochId, u64),
    ) {
        for host in hosts {
            let node = stage.nodes.at_mut(*host);
            node.forks.insert(fork.0, fork.1);
            node.refold();
        }
    }

    #[test]
    fn a_fork_that_is_proven_everywhere_is_known() {
        let (mut stage, epoch, seq) = two_histories();
        prove(&mut stage, &[ADMIN, OTHER_ADMIN, OTHER_KIOSK], (epoch, seq));
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 1));
    }

    #[test]
    fn a_fork_that_one_has_not_heard_of_is_not() {
        let (mut stage, epoch, seq) = two_histories();
        prove(&mut stage, &[ADMIN, OTHER_ADMIN], (epoch, seq));
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(OTHER_KIOSK)));
    }

    #[test]
    fn a_fork_that_a_checkpoint_has_folded_is_nobodys_to_prove() {
        let (mut stage, _, _) = two_histories();
        stage.prune(ADMIN, KIOSK);
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 0));
    }

    #[test]
    fn a_history_that_only_one_side_was_told_of_proves_nothing() {
        let mut stage = Stage::with(Equivocation::new(&Hold::default()));
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.spread();
        let one = stage.open(KIOSK, issued.session);
        stage.spread();
        stage.see(Event::Equivocated { host: KIOSK, epoch: one.epoch, seq: one.seq });
        stage.nodes.hostile.insert(KIOSK);
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 0));
    }
}
