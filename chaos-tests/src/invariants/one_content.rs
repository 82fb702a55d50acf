//! Invariant 14: without an adversary no number of an epoch has two contents, no epoch is begun
//! twice, and each entry names the one before it.

use domain::id::EntryId;

use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::Event;
use crate::scenario::Words;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct OneContent {
    judged: u64,
}

impl OneContent {
    fn follows(&mut self, entry: &EntryId, scene: Scene<'_>) -> Held {
        let ledger = &scene.book.ledger;
        let Some(written) = ledger.written(entry).filter(|_| !ledger.is_forked(&entry.epoch))
        else {
            return Ok(());
        };
        self.judged += 1;
        let before = entry.seq.checked_sub(1).map(|seq| EntryId { seq, ..*entry });
        let expected = match before {
            None => Some([0; 32]),
            Some(before) => ledger.written(&before).map(|before| before.hash),
        };
        if expected.is_none_or(|expected| expected == written.prev) {
            return Ok(());
        }
        Err(Broken::on(written.host, format!("{entry} does not name the entry before it")))
    }
}

impl Invariant for OneContent {
    fn number(&self) -> u8 {
        14
    }

    fn name(&self) -> &'static str {
        "one_content"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Un disque restauré ou copié ne se contredit jamais : aucun poste honnête n’est pris pour un tricheur.",
            "A disk that was restored or copied never contradicts itself: no honest kiosk is taken for a cheat.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events write nothing")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        match event {
            Event::Started { host, epoch, .. }
                if book.hosts.reborn().iter().any(|(reborn, _)| reborn == epoch) =>
            {
                return Err(Broken::on(*host, format!("{epoch} has begun before")));
            }
            Event::Wrote { host, entries } if !book.is_hostile(*host, cluster) => {
                let again = |(entry, _): &&(EntryId, _)| {
                    entries.contains(entry) && !book.ledger.is_forked(&entry.epoch)
                };
                if let Some((entry, _)) = book.ledger.twice().iter().find(again) {
                    return Err(Broken::on(*host, format!("{entry} was written before")));
                }
                for entry in entries {
                    self.follows(entry, scene)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        let nodes: Vec<_> = book.honest(cluster).collect();
        for (entry, written) in book.ledger.entries() {
            if !book.is_honest_epoch(&entry.epoch, cluster) || book.ledger.is_forked(&entry.epoch) {
                continue;
            }
            for (host, node) in &nodes {
                let Some(bytes) = node.entry_bytes(entry) else {
                    continue;
                };
                let hash = actors::entry::Entry::parse(&bytes).map(|entry| entry.hash());
                self.judged += 1;
                if hash != Ok(written.hash) {
                    return Err(Broken::on(*host, format!("{entry} is not what was written")));
                }
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}

#[cfg(test)]
mod tests {
    use actors::entry::Author;

    use super::*;
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_ADMIN, Stage};

    #[test]
    fn a_log_that_grows_says_each_thing_once() {
        let mut stage = Stage::with(OneContent::default());
        stage.opened(ADMIN, KIOSK, 600);
        stage.spread();
        stage.heal();
        assert_eq!(stage.broken(), None);
        assert!(stage.judged() > 0);
    }

    #[test]
    fn a_log_that_is_continued_from_an_older_copy_is_seen() {
        let mut stage = Stage::with(OneContent::default());
        let before: Author = stage.nodes.at(ADMIN).author.clone();
        stage.issue(ADMIN, 600);
        stage.nodes.at_mut(ADMIN).author = before;
        stage.issue(ADMIN, 700);
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn an_entry_that_forgets_the_one_before_it_is_seen() {
        let mut stage = Stage::with(OneContent::default());
        let (_, issued) = stage.issue(ADMIN, 600);
        let mut fresh = Author::new([77; 32]);
        let entry = stage.nodes.at(ADMIN).entries[&issued.entry].clone();
        let entry = actors::entry::Entry::parse(&entry).unwrap();
        let first = fresh.entry(entry.body.clone(), 0).unwrap();
        stage.place(ADMIN, &first);
        stage.see(Event::Wrote { host: ADMIN, entries: vec![first.id] });
        assert_eq!(stage.broken(), None);
        fresh.advance(&first);
        let mut second = fresh.entry(entry.body, 0).unwrap();
        second.prev = [9; 32];
        stage.place(ADMIN, &second);
        stage.see(Event::Wrote { host: ADMIN, entries: vec![second.id] });
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn a_node_that_holds_something_else_is_seen() {
        let mut stage = Stage::with(OneContent::default());
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.spread();
        let entry = stage.nodes.at(ADMIN).entries[&issued.entry].clone();
        let mut other = actors::entry::Entry::parse(&entry).unwrap();
        other.hint_ms = 1;
        stage.place(OTHER_ADMIN, &other);
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(OTHER_ADMIN)));
    }

    #[test]
    fn an_epoch_that_begins_again_is_seen() {
        let mut stage = Stage::with(OneContent::default());
        let (node, epoch) = (stage.node(ADMIN), stage.epoch(ADMIN));
        let (kiosk, new_boot, amnesic) = (None, false, false);
        stage.see(Event::Started { host: ADMIN, node, kiosk, epoch, new_boot, amnesic });
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }
}
