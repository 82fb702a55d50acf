//! Invariant 12: a revoked node is cut off in 5 s by whoever knows of it, nothing beyond its cut
//! has effect but use, and revocations given at once end alike everywhere.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::{EntryId, NodeId};

use super::{LATE_MS, without_effect};
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId};
use crate::scenario::Words;

/// A linked peer drops a revoked node within this time, in milliseconds.
const DROPS_MS: u64 = 5_000;
/// How often links to revoked nodes are looked for, in milliseconds.
const LOOKED_MS: u64 = 1_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Revocation {
    looked_ms: u64,
    /// Since when a host has known that the other end of its link was revoked.
    known: BTreeMap<(HostId, HostId), u64>,
    worst_ms: u64,
    judged: u64,
}

impl Revocation {
    fn look(&mut self, scene: Scene<'_>) -> Held {
        let Scene { at_ms, book, cluster } = scene;
        let mut known = BTreeSet::new();
        for node in book.ledger.revoked() {
            let Some(revoked) = book.ledger.revocation(node) else {
                continue;
            };
            let births = book.hosts.births().filter(|(_, birth)| birth.node == *node);
            // A machine that forgets comes back as another node.
            let is_still = |host: &HostId| {
                let last = book.hosts.machine(*host).and_then(|machine| machine.epochs.last());
                last.and_then(|epoch| book.hosts.of(epoch)).is_some_and(|birth| birth.node == *node)
            };
            let homes: BTreeSet<HostId> =
                births.map(|(_, birth)| birth.host).filter(is_still).collect();
            for home in homes {
                for peer in book.hosts.neighbours(home) {
                    let learned = cluster
                        .node(peer)
                        .is_some_and(|peer| revoked.entries.iter().any(|entry| peer.holds(entry)));
                    if learned && !book.is_hostile(peer, cluster) {
                        known.insert((peer, home));
                    }
                }
            }
        }
        self.known.retain(|link, _| known.contains(link));
        for (peer, home) in known {
            let since = *self.known.entry((peer, home)).or_insert(at_ms);
            // A process that stands still drops nobody.
            let calm = book.hosts.calm_since(peer, since);
            let linked_ms = at_ms.saturating_sub(since);
            if calm {
                self.judged += 1;
                self.worst_ms = self.worst_ms.max(linked_ms);
            }
            if calm && linked_ms > DROPS_MS + LATE_MS {
                let name = cluster.name(home);
                let what = format!("still linked to {name} {linked_ms} ms after it was revoked");
                return Err(Broken::on(peer, what));
            }
        }
        Ok(())
    }
}

/// Nodes whose revocation nobody holds any more: the disk of whoever wrote it was lost before anybody
/// was told. Whether it may be gone is durable_ack's to say. (World 501019.)
fn lost(scene: Scene<'_>) -> BTreeSet<NodeId> {
    let Scene { book, cluster, .. } = scene;
    let holds = |entry: &EntryId| book.honest(cluster).any(|(_, node)| node.holds(entry));
    let revoked = book.ledger.revoked().filter_map(|node| {
        let revocation = book.ledger.revocation(node)?;
        (!revocation.entries.iter().any(holds)).then_some(*node)
    });
    revoked.collect()
}

impl Invariant for Revocation {
    fn number(&self) -> u8 {
        12
    }

    fn name(&self) -> &'static str {
        "revocation"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Un poste volé et révoqué ne pèse plus rien : aussitôt coupé, et ce qu’il écrit ensuite ne compte pas.",
            "A stolen kiosk, once revoked, weighs nothing: cut off at once, and what it writes later does not count.",
        )
    }

    fn see(&mut self, _event: &Event, scene: Scene<'_>) -> Held {
        let none = scene.book.ledger.revoked().next().is_none();
        if none || scene.at_ms < self.looked_ms.saturating_add(LOOKED_MS) {
            return Ok(());
        }
        self.looked_ms = scene.at_ms;
        self.look(scene)
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        let lost = lost(scene);
        for node in book.ledger.revoked() {
            if lost.contains(node) || book.ledger.revocation(node).is_none() {
                continue;
            }
            for (host, other) in book.honest(cluster) {
                self.judged += 1;
                let site = other.site();
                let member = site.standing().members.get(node);
                if member.is_some_and(|member| !member.revoked) {
                    return Err(Broken::on(host, format!("{node} is still a member here")));
                }
            }
        }
        let beyond: BTreeSet<EntryId> = book
            .ledger
            .entries()
            .filter(|(entry, written)| !book.ledger.is_within(entry) && written.fact.is_some())
            .filter(|(entry, _)| !book.ledger.is_forked(&entry.epoch))
            .filter(|(entry, _)| {
                let author = book.hosts.of(&entry.epoch);
                author.is_none_or(|birth| !lost.contains(&birth.node))
            })
            .map(|(entry, _)| *entry)
            .collect();
        // Boot certificates tell whose an epoch is, and its registers of use count beyond the cut.
        let beyond: BTreeSet<EntryId> = beyond.into_iter().filter(|entry| entry.seq > 0).collect();
        if beyond.is_empty() {
            return Ok(());
        }
        self.judged += 1;
        without_effect(&beyond, "what was written beyond a cut", scene)
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
    use domain::fact::{Cut, NodeRevoked};

    use super::*;
    use crate::event::Stop;
    use crate::invariants::stage::{ADMIN, BY, KIOSK, OTHER_KIOSK, Stage};

    /// An admin host revokes a kiosk's node; its entries below that height stay in effect.
    fn revoke(stage: &mut Stage<Revocation>, height: u64) {
        let (node, epoch) = (stage.node(KIOSK), stage.epoch(KIOSK));
        let cut = vec![Cut { epoch, height, head: [0; 32] }];
        let part = stage.part(&cut);
        stage.write(ADMIN, NodeRevoked { node, part, cut, by: BY });
    }

    fn seconds(stage: &mut Stage<Revocation>, count: u64) {
        for _ in 0..count {
            stage.pass(1_000);
            stage.see(Event::Sometimes("a second passed"));
        }
    }

    #[test]
    fn a_link_that_is_dropped_in_time_is_fine() {
        let mut stage = Stage::with(Revocation::default());
        stage.link(ADMIN, KIOSK);
        stage.pass(20_000);
        revoke(&mut stage, 1);
        seconds(&mut stage, 5);
        stage.unlink(ADMIN, KIOSK);
        seconds(&mut stage, 10);
        assert_eq!(stage.broken(), None);
        assert!(stage.judged() > 0);
    }

    #[test]
    fn a_link_that_stays_is_seen_where_it_is_known() {
        let mut stage = Stage::with(Revocation::default());
        stage.link(ADMIN, KIOSK);
        stage.link(OTHER_KIOSK, KIOSK);
        stage.pass(20_000);
        revoke(&mut stage, 1);
        seconds(&mut stage, 9);
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn a_link_of_one_that_does_not_know_may_stay() {
        let mut stage = Stage::with(Revocation::default());
        stage.link(OTHER_KIOSK, KIOSK);
        stage.pass(20_000);
        revoke(&mut stage, 1);
        seconds(&mut stage, 20);
        assert_eq!(stage.broken(), None);
    }

    #[test]
    fn what_is_written_beyond_the_cut_changes_nothing() {
        let mut stage = Stage::with(Revocation::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.reads(KIOSK, session, 30_000, 0);
        stage.closed(KIOSK, session, domain::fact::Cause::Left);
        revoke(&mut stage, 2);
        stage.spread();
        stage.heal();
        assert_eq!((stage.broken(), stage.words()), (None, ""));
    }

    #[test]
    fn a_revocation_that_went_with_the_disk_binds_nobody() {
        let mut stage = Stage::with(Revocation::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.closed(KIOSK, session, domain::fact::Cause::Left);
        stage.spread();
        // Written after the others had heard of everything, and told to nobody.
        revoke(&mut stage, 2);
        stage.stop(ADMIN, Stop::DiskLost);
        stage.heal();
        assert_eq!((stage.broken(), stage.words()), (None, ""));
    }

    #[test]
    fn a_state_that_takes_it_for_good_is_seen() {
        let mut stage = Stage::with(Revocation::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.closed(KIOSK, session, domain::fact::Cause::Left);
        revoke(&mut stage, 2);
        // As if the nodes let the cut pass: they hold a longer one than was written.
        stage.spread();
        let mut careless = Stage::with(Revocation::default());
        let same = careless.opened(ADMIN, KIOSK, 600);
        careless.closed(KIOSK, same, domain::fact::Cause::Left);
        revoke(&mut careless, 9);
        careless.spread();
        let state = careless.nodes.at(ADMIN).site.clone();
        stage.nodes.at_mut(ADMIN).site = state;
        stage.heal();
        assert!(stage.broken().is_some());
    }
}
