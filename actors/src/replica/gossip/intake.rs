//! Judging entries that peers send, and keeping those that join what is held.

use std::collections::{BTreeMap, BTreeSet};

use domain::fact::Fact;
use domain::id::{EpochId, NodeId};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use storage::ledger_store::LedgerStore;
use storage::operation::Op;

use super::further_back;
use crate::entry::{Entry, NO_ENTRY};
use crate::replica::message::{LedgerMessage, MOST_WANTS, Message};
use crate::replica::{Notice, ROUND_MS, Replica};

impl<S: LedgerStore + Clone> Replica<S> {
    /// Takes entries in: whole runs that join what is held, each signed by its epoch. Returns how
    /// many were new. What cannot be taken is refused and nothing else suffers for it.
    pub(in crate::replica) fn take_entries(
        &mut self,
        from: NodeId,
        entries: &[Vec<u8>],
        now: Moment,
    ) -> usize {
        let mut fresh: Vec<Entry> = Vec::new();
        let mut heads: BTreeMap<EpochId, (u64, [u8; 32])> = BTreeMap::new();
        let (mut count, mut refused, mut why) = (0, 0, None);
        let (mut missed, mut again) = (Vec::new(), BTreeSet::new());
        let mut suspicious = false;
        for bytes in entries {
            let mut judged = self.judge(bytes, &heads);
            // What this very log said a moment ago may make its author a member.
            if let Ok(Judged::Unwelcome(epoch)) = &judged
                && heads.contains_key(epoch)
            {
                count += self.keep(from, std::mem::take(&mut fresh), now);
                heads.clear();
                judged = self.judge(bytes, &heads);
            }
            match judged {
                Ok(Judged::Fresh(entry)) => {
                    heads.insert(entry.id.epoch, (entry.id.seq + 1, entry.hash()));
                    fresh.push(entry);
                }
                Ok(Judged::Known(epoch)) => {
                    again.insert(epoch);
                }
                Ok(Judged::Ahead(epoch, held)) => missed.push((epoch, held)),
                Ok(Judged::Forked(..)) if planted::is(Bug::EquivocationSilent) => {}
                Ok(Judged::Forked(one, other)) => self.hear_fork(from, &one, &other, now),
                Ok(Judged::OtherHistory(epoch, height)) => {
                    if let Some(peer) = self.peers.get_mut(&from)
                        && peer.probe < height
                        && peer.suspected.len() < MOST_WANTS
                    {
                        if peer.suspected.insert(epoch) {
                            peer.probe = further_back(peer.probe);
                        }
                        suspicious = true;
                    }
                }
                Ok(Judged::Unwelcome(_)) => {
                    refused += 1;
                    why.get_or_insert(String::from("its author has no authority for it"));
                }
                Err(reason) => {
                    assert!(!planted::is(Bug::PoisonFells), "{reason}");
                    refused += 1;
                    why.get_or_insert(reason);
                }
            }
        }
        if let Some(why) = why {
            self.notice(Notice::Refused { peer: from, count: refused, why });
        }
        count += self.keep(from, fresh, now);
        self.owe_again(from, again, now);
        if suspicious {
            self.pull(from, now);
        }
        missed.dedup();
        missed.truncate(MOST_WANTS);
        if !missed.is_empty()
            && let Some(peer) = self.peers.get_mut(&from)
            && !peer.is_answering(now)
        {
            peer.pulling_until = Some(now.boot_ms + ROUND_MS);
            self.send(from, Message::Ledger(LedgerMessage::Want(missed)));
        }
        count
    }

    fn judge(
        &self,
        bytes: &[u8],
        heads: &BTreeMap<EpochId, (u64, [u8; 32])>,
    ) -> Result<Judged, String> {
        let entry = Entry::parse(bytes).map_err(|error| error.to_string())?;
        let epoch = entry.id.epoch;
        let stored = self.frontier.get(&epoch).map(|reach| (reach.height, reach.head));
        let (height, head) = heads.get(&epoch).copied().or(stored).unwrap_or((0, NO_ENTRY));
        if entry.id.seq < height {
            return self.compare_with_held(entry, bytes);
        }
        if entry.id.seq > height {
            if planted::is(Bug::GapAccepted) {
                return Ok(Judged::Fresh(entry));
            }
            return Ok(Judged::Ahead(epoch, height));
        }
        if entry.id.seq >= self.welcome_below(&epoch) {
            return Ok(Judged::Unwelcome(epoch));
        }
        if let Err(error) = entry.verify()
            && !planted::is(Bug::SignatureUnchecked)
        {
            return Err(error.to_string());
        }
        if entry.hint_ms > self.own_wall_ms.saturating_add(500) && planted::is(Bug::FutureRefused) {
            return Err(String::from("entry from the future"));
        }
        if Fact::decode(&entry.body) == Ok(None) && planted::is(Bug::UnknownDropped) {
            return Ok(Judged::Known(epoch));
        }
        if entry.prev != head && !planted::is(Bug::HeadUnchecked) {
            // Another history of this log: where they part lies further back.
            return if height == 0 {
                Err(String::from("first entry names one before it"))
            } else {
                Ok(Judged::OtherHistory(epoch, height))
            };
        }
        if entry.id.seq == 0 && !self.begins_a_log(&entry) {
            return Err(String::from("log does not begin with a boot certificate"));
        }
        Ok(Judged::Fresh(entry))
    }

    fn compare_with_held(&self, entry: Entry, bytes: &[u8]) -> Result<Judged, String> {
        match self.store.entry(&entry.id.epoch.0, entry.id.seq) {
            Ok(Some(held)) if held != bytes => {
                entry.verify().map_err(|error| error.to_string())?;
                Ok(Judged::Forked(held, bytes.to_vec()))
            }
            Ok(_) => Ok(Judged::Known(entry.id.epoch)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether an entry may be the first of a log: the boot certificate of a node that is a member,
    /// or of which somebody said something that admits it. Anyone can make up keys.
    fn begins_a_log(&self, entry: &Entry) -> bool {
        let Ok(Some(fact)) = Fact::decode(&entry.body) else {
            return false;
        };
        let Fact::BootCertificate(boot) = &fact else {
            return false;
        };
        let standing = self.site.standing();
        let known = !standing.is_member(&self.me.node())
            || standing.members.contains_key(&boot.node)
            || self.site.chain().names(boot.node);
        known && boot.epoch == entry.id.epoch && fact.certificate_holds(&self.me.site)
    }

    /// Keeps entries that join what is held, and passes them on; returns how many.
    pub(in crate::replica) fn keep(
        &mut self,
        from: NodeId,
        fresh: Vec<Entry>,
        now: Moment,
    ) -> usize {
        if fresh.is_empty() || self.disk_failed {
            return 0;
        }
        let ops = fresh.iter().map(|entry| Op::PutEntry {
            epoch: entry.id.epoch.0,
            seq: entry.id.seq,
            bytes: entry.to_bytes(),
        });
        let Ok(ticket) = self.stage(ops.collect(), now) else {
            return 0;
        };
        for entry in &fresh {
            self.reached(entry);
            self.receipts.owe(ticket, entry.id.epoch, entry.id.seq + 1, from);
            if let Some(peer) = self.peers.get_mut(&from) {
                let theirs = peer.theirs.entry(entry.id.epoch).or_insert(0);
                *theirs = (*theirs).max(entry.id.seq + 1);
            }
        }
        for entry in &fresh {
            let stamped_late = self.time.is_signed_later(entry.hint_ms);
            self.hear_hint(entry);
            if let Ok(Some(fact)) = Fact::decode(&entry.body) {
                if stamped_late
                    && matches!(fact, Fact::SettingsChanged(_) | Fact::KioskNamed(_))
                    && planted::is(Bug::LastWriteByWallClock)
                {
                    continue;
                }
                self.apply_fact(entry.id, &fact, now);
            }
        }
        self.push(&fresh, Some(from));
        fresh.len()
    }
}

enum Judged {
    Fresh(Entry),
    Known(EpochId),
    /// Entries between what is held and this one are missing: ask from that number on.
    Ahead(EpochId, u64),
    Forked(Vec<u8>, Vec<u8>),
    /// It follows another entry than the last one held; so many are held.
    OtherHistory(EpochId, u64),
    /// Its author has no authority for it, as far as is known.
    Unwelcome(EpochId),
}
