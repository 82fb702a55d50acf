//! Invariant 2: nothing is acknowledged before a durability barrier has covered it, nor is a receipt
//! given.

use domain::id::{EntryId, EpochId};

use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId};
use crate::scenario::Words;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct EarlyAck {
    judged: u64,
    /// Whether this target can see barriers.
    sees_barriers: bool,
}

impl EarlyAck {
    /// A receipt is an acknowledgement, too: to whoever wrote the entries.
    fn vouched(&mut self, host: HostId, held: &[(EpochId, u64)], scene: Scene<'_>) -> Held {
        let Some(node) = scene.cluster.node(host) else {
            return Ok(());
        };
        for (epoch, below) in held {
            let Some(seq) = below.checked_sub(1) else {
                continue;
            };
            let last = EntryId { epoch: *epoch, seq };
            let Some(durable) = node.is_durable(&last) else {
                continue;
            };
            self.judged += 1;
            if !durable {
                let what = format!("a receipt for {last}, which no barrier has covered");
                return Err(Broken::on(host, what));
            }
        }
        Ok(())
    }
}

impl Invariant for EarlyAck {
    fn number(&self) -> u8 {
        2
    }

    fn name(&self) -> &'static str {
        "early_ack"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Une coupure de courant juste après « enregistré » n’efface rien : le disque a répondu avant la console.",
            "A power cut right after « stored » takes nothing back: the disk had answered before the console did.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events acknowledge nothing")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        let (host, request) = match event {
            Event::Durable { .. } => {
                self.sees_barriers = true;
                return Ok(());
            }
            Event::Vouched { host, held } => return self.vouched(*host, held, scene),
            Event::Accepted { host, request, .. } if self.sees_barriers => (*host, request),
            _ => return Ok(()),
        };
        let ledger = &scene.book.ledger;
        let durable = scene.book.hosts.machine(host).and_then(|machine| machine.durable_ms);
        // A request that is repeated is acknowledged with nothing new: what the first one became
        // counts.
        for entry in ledger.entries_of(request) {
            let Some(written) = ledger.written(entry).filter(|written| written.host == host) else {
                continue;
            };
            self.judged += 1;
            if durable.is_none_or(|durable| durable < written.at_ms) {
                let what = format!(
                    "{entry}, written at {} ms, acknowledged with barriers up to {durable:?} ms",
                    written.at_ms
                );
                return Err(Broken::on(host, what));
            }
        }
        Ok(())
    }

    fn healed(&mut self, _scene: Scene<'_>) -> Held {
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stop;
    use crate::invariants::stage::{ADMIN, Stage};

    #[test]
    fn an_answer_after_the_barrier_is_in_time() {
        let mut stage = Stage::with(EarlyAck::default());
        let (request, issued) = stage.issue(ADMIN, 600);
        stage.durable(ADMIN);
        stage.accept(ADMIN, request, &[issued.entry]);
        assert_eq!((stage.broken(), stage.judged()), (None, 1));
    }

    #[test]
    fn an_answer_before_the_barrier_is_early() {
        let mut stage = Stage::with(EarlyAck::default());
        stage.durable(ADMIN);
        stage.pass(10);
        let (request, issued) = stage.issue(ADMIN, 600);
        stage.accept(ADMIN, request, &[issued.entry]);
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn a_repeated_request_waits_for_the_first_ones_barrier() {
        let mut stage = Stage::with(EarlyAck::default());
        stage.durable(ADMIN);
        stage.pass(10);
        let (request, _) = stage.issue(ADMIN, 600);
        stage.stop(ADMIN, Stop::Killed);
        stage.start(ADMIN, false);
        stage.accept(ADMIN, request, &[]);
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn a_target_that_sees_no_barriers_judges_nothing() {
        let mut stage = Stage::with(EarlyAck::default());
        let (request, issued) = stage.issue(ADMIN, 600);
        stage.accept(ADMIN, request, &[issued.entry]);
        assert_eq!((stage.broken(), stage.judged()), (None, 0));
    }

    #[test]
    fn a_receipt_for_what_is_in_the_cache_alone_is_early() {
        let mut stage = Stage::with(EarlyAck::default());
        let (_, issued) = stage.issue(ADMIN, 600);
        let vouched = |held| Event::Vouched { host: ADMIN, held };
        stage.nodes.at_mut(ADMIN).durable.insert(issued.entry);
        stage.see(vouched(vec![(issued.entry.epoch, issued.entry.seq + 1)]));
        assert_eq!((stage.broken(), stage.judged()), (None, 1));
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.see(vouched(vec![(issued.entry.epoch, issued.entry.seq + 1)]));
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }
}
