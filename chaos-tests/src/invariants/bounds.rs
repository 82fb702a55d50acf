//! Invariant 17: memory, disk, queues and links stay bounded, under a partition of a day and a
//! hostile peer too.

use std::collections::BTreeMap;

use actors::link::outbound::MAX_WAITING;

use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId};
use crate::scenario::Words;

/// What a node takes with nothing in it, generously, in bytes: an idle one was measured at 8 MB, its
/// store's cache comes to 32.
const EMPTY: u64 = 96 * 1024 * 1024;
/// What each entry may add, of 1,200 bytes at most, its place in the state and indexes included.
const PER_ENTRY: u64 = 8 * 1024;
/// Lanes of one link, each with a queue of its own.
const LANES: u64 = 3;
/// Links of a kiosk to other kiosks.
const MOST_KIOSKS: usize = 8;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    judged: u64,
    worst_bytes: u64,
    /// Hosts that serve a kiosk.
    kiosks: BTreeMap<HostId, bool>,
}

impl Bounds {
    fn weighs(&mut self, host: HostId, weights: (u64, u64, u64), scene: Scene<'_>) -> Held {
        let (memory, disk, queued) = weights;
        self.judged += 1;
        self.worst_bytes = self.worst_bytes.max(memory);
        let ledger = &scene.book.ledger;
        let entries = ledger.entries().len() + ledger.attacks().len();
        let most = EMPTY + PER_ENTRY * u64::try_from(entries).unwrap_or(u64::MAX);
        for (what, bytes) in [("memory", memory), ("disk", disk)] {
            if bytes > most {
                let what = format!("{bytes} bytes of {what} for {entries} entries");
                return Err(Broken::on(host, what));
            }
        }
        // A link that has just ended may have left its queue behind.
        let links = scene.book.hosts.neighbours(host).len().max(1) + 1;
        let waiting = u64::try_from(links * MAX_WAITING).unwrap_or(u64::MAX);
        if queued > LANES * waiting {
            return Err(Broken::on(host, format!("{queued} messages wait for {links} links")));
        }
        Ok(())
    }

    fn linked(&mut self, host: HostId, scene: Scene<'_>) -> Held {
        let kiosk = |host: &HostId| self.kiosks.get(host).copied().unwrap_or(false);
        if !kiosk(&host) || scene.book.is_hostile(host, scene.cluster) {
            return Ok(());
        }
        let neighbours = scene.book.hosts.neighbours(host);
        let others = neighbours.iter().filter(|other| kiosk(other)).count();
        self.judged += 1;
        if others <= MOST_KIOSKS {
            return Ok(());
        }
        Err(Broken::on(host, format!("a kiosk with links to {others} kiosks")))
    }
}

impl Invariant for Bounds {
    fn number(&self) -> u8 {
        17
    }

    fn name(&self) -> &'static str {
        "bounds"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Une longue coupure ou un poste malveillant ne remplit ni la mémoire ni le disque des autres.",
            "Neither a long cut nor a hostile kiosk fills the memory or the disk of the others.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events weigh nothing")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        match event {
            Event::Started { host, kiosk, .. } => {
                self.kiosks.insert(*host, kiosk.is_some());
                Ok(())
            }
            Event::Weighs { host, memory, disk, queued } => {
                self.weighs(*host, (*memory, *disk, *queued), scene)
            }
            Event::Linked { one, other } => {
                self.linked(*one, scene)?;
                self.linked(*other, scene)
            }
            _ => Ok(()),
        }
    }

    fn healed(&mut self, _scene: Scene<'_>) -> Held {
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }

    fn worst(&self) -> Option<(f64, &'static str)> {
        (self.worst_bytes > 0).then_some((self.worst_bytes as f64 / 1_048_576.0, "MiB"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_KIOSK, Stage};

    fn weighed(memory: u64, disk: u64, queued: u64) -> Option<Option<HostId>> {
        let mut stage = Stage::with(Bounds::default());
        stage.link(ADMIN, KIOSK);
        stage.see(Event::Weighs { host: KIOSK, memory, disk, queued });
        stage.broken()
    }

    #[test]
    fn what_a_node_needs_is_allowed() {
        assert_eq!(weighed(40 << 20, 20 << 20, 700), None);
    }

    #[test]
    fn what_grows_without_bound_is_seen() {
        assert_eq!(weighed(1 << 30, 0, 0), Some(Some(KIOSK)));
        assert_eq!(weighed(0, 1 << 30, 0), Some(Some(KIOSK)));
        assert_eq!(weighed(0, 0, 1_600), Some(Some(KIOSK)));
    }

    #[test]
    fn a_kiosk_keeps_few_links() {
        let mut stage = Stage::with(Bounds::default());
        stage.link(KIOSK, OTHER_KIOSK);
        assert_eq!(stage.broken(), None);
        for number in 10..18 {
            stage.pretend_kiosk(HostId(number));
            stage.link(KIOSK, HostId(number));
        }
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }
}
