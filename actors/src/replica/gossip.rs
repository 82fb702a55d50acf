//! Taking entries in from peers, passing them on, and pulling what is missing.
//!
//! News is pushed to every link that is not known to have it. What was missed is pulled: a frontier
//! that says more than ours leads to a want, a want to bounded answers, and the last answer to the
//! next want. One log is pulled from one peer at a time.

use std::collections::BTreeMap;

use domain::authority::NodeKind;
use domain::fact::Fact;
use domain::id::{EpochId, NodeId};
use domain::moment::Moment;
use storage::ledger_store::LedgerStore;
use storage::operation::{Op, Table};

use super::message::{LedgerMessage, MOST_ANSWERS, MOST_ENTRY_BYTES, MOST_WANTS, Message, Reach};
use super::{Notice, Output, ROUND_MS, Replica};
use crate::entry::{Entry, NO_ENTRY};
use crate::vault::exchange::RowMessage;

/// Entries that are taken from the log of an epoch whose node is no member: enough for it to become
/// one, and for its log to be completed once it is.
const MOST_FROM_STRANGER: u64 = 8;
/// Logs of nodes that are no members.
const MOST_STRANGERS: usize = 4_096;

/// The other end of a link.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) kind: NodeKind,
    pub(super) since_boot_ms: u64,
    /// Below which number the peer has each log, as far as is known.
    pub(super) theirs: BTreeMap<EpochId, u64>,
    /// Until when an answer to a want is waited for (boot time).
    pub(super) pulling_until: Option<u64>,
    /// Changes of registers up to this count were sent.
    pub(super) uses_sent: u64,
    /// Logs whose heads differ from ours at the same height.
    pub(super) suspected: Vec<EpochId>,
}

impl<S: LedgerStore + Clone> Replica<S> {
    pub(super) fn link_up(&mut self, peer: NodeId, kind: NodeKind, now: Moment) {
        let uses_sent = self.readings.count();
        let fresh = Peer {
            kind,
            since_boot_ms: now.boot_ms,
            theirs: BTreeMap::new(),
            pulling_until: None,
            uses_sent,
            suspected: Vec::new(),
        };
        self.peers.insert(peer, fresh);
        self.seen.insert(peer, now.boot_ms);
        self.send_round(peer, now);
        self.send_use_digest(peer, true);
        self.send_row_round(peer);
        self.send_texts_to(peer, now);
        self.out.push(Output::Changed { by_fact: true });
    }

    pub(super) fn link_down(&mut self, peer: NodeId, now: Moment) {
        if self.peers.remove(&peer).is_some() {
            self.seen.insert(peer, now.boot_ms);
            self.out.push(Output::Changed { by_fact: true });
        }
    }

    /// What was sent may not have come: let the next rounds find out.
    pub(super) fn lagging(&mut self, peer: NodeId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.theirs.clear();
            peer.uses_sent = 0;
        }
    }

    pub(super) fn send(&mut self, peer: NodeId, message: Message) {
        self.out.push(Output::Send { peer, message });
    }

    pub(super) fn heard(&mut self, peer: NodeId, message: Message, now: Moment) {
        let Some(kind) = self.peers.get(&peer).map(|peer| peer.kind) else {
            return;
        };
        self.seen.insert(peer, now.boot_ms);
        match message {
            Message::Ledger(LedgerMessage::Round { root, wall_ms }) => {
                if kind == NodeKind::Admin {
                    self.time.hear(wall_ms, now);
                }
                if root != self.root() {
                    self.send_frontier(peer);
                }
            }
            Message::Ledger(LedgerMessage::Frontier { more, reaches }) => {
                self.hear_frontier(peer, more, reaches, now);
            }
            Message::Ledger(LedgerMessage::Want(wants)) => self.answer_want(peer, wants),
            Message::Ledger(LedgerMessage::Entries {
                more,
                answer,
                entries,
            }) => {
                let took = self.take_entries(peer, &entries, now);
                if answer && !more {
                    if let Some(peer) = self.peers.get_mut(&peer) {
                        peer.pulling_until = None;
                    }
                    if took > 0 {
                        self.pull(peer, now);
                    }
                }
            }
            Message::Ledger(LedgerMessage::Fork(one, other)) => {
                self.hear_fork(peer, &one, &other, now);
            }
            Message::Ledger(LedgerMessage::Receipt(receipt)) => self.hear_receipt(&receipt, now),
            Message::Use(message) => self.hear_use(peer, message, now),
            Message::Row(message) => self.hear_row(peer, kind, message, now),
        }
    }

    fn hear_frontier(&mut self, from: NodeId, more: bool, reaches: Vec<Reach>, now: Moment) {
        let mut suspected = Vec::new();
        for reach in &reaches {
            if let Some(mine) = self.frontier.get(&reach.epoch)
                && mine.height == reach.height
                && mine.head != reach.head
                && !self.fork_proofs.contains_key(&reach.epoch)
            {
                suspected.push(reach.epoch);
            }
        }
        if let Some(peer) = self.peers.get_mut(&from) {
            if peer.theirs.len() + reaches.len() > 4 * MOST_STRANGERS {
                peer.theirs.clear();
            }
            peer.theirs
                .extend(reaches.iter().map(|reach| (reach.epoch, reach.height)));
            suspected.truncate(MOST_WANTS);
            peer.suspected = suspected;
        }
        if !more {
            self.pull(from, now);
            let proofs: Vec<_> = self.fork_proofs.values().cloned().collect();
            for (one, other) in proofs {
                self.send(from, Message::Ledger(LedgerMessage::Fork(one, other)));
            }
        }
    }

    /// Asks a peer for what it has more than this node, unless that is on its way already.
    pub(super) fn pull(&mut self, from: NodeId, now: Moment) {
        let Some(peer) = self.peers.get(&from) else {
            return;
        };
        if peer.pulling_until.is_some_and(|until| until > now.boot_ms) {
            return;
        }
        let mut wants: Vec<_> = peer
            .theirs
            .iter()
            .filter_map(|(epoch, theirs)| {
                let mine = self.frontier.get(epoch).map_or(0, |reach| reach.height);
                (mine < (*theirs).min(self.welcome_below(epoch))).then_some((*epoch, mine))
            })
            .take(MOST_WANTS)
            .collect();
        wants.extend(peer.suspected.iter().map(|epoch| (*epoch, 0)));
        wants.truncate(MOST_WANTS);
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.suspected.clear();
            if wants.is_empty() {
                return;
            }
            peer.pulling_until = Some(now.boot_ms + 2 * ROUND_MS);
        }
        self.send(from, Message::Ledger(LedgerMessage::Want(wants)));
    }

    /// Entries of a log are taken below this number: all of a member's that have effect, few of a
    /// stranger's, nothing beyond a cut or a proven fork.
    fn welcome_below(&self, epoch: &EpochId) -> u64 {
        match self.site.standing().epochs.get(epoch) {
            Some(member) => member.below,
            None if self.frontier.contains_key(epoch) => MOST_FROM_STRANGER,
            None if self.strangers() < MOST_STRANGERS => MOST_FROM_STRANGER,
            None => 0,
        }
    }

    fn strangers(&self) -> usize {
        self.frontier
            .len()
            .saturating_sub(self.site.standing().epochs.len())
    }

    /// How much of a log others are told of and given.
    pub(super) fn visible(&self, reach: &Reach) -> u64 {
        let below = self
            .site
            .standing()
            .epochs
            .get(&reach.epoch)
            .map_or(u64::MAX, |e| e.below);
        reach.height.min(below)
    }

    fn answer_want(&mut self, to: NodeId, wants: Vec<(EpochId, u64)>) {
        let mut frames: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
        let mut size = 0;
        for (epoch, from) in wants {
            let Some(until) = self.frontier.get(&epoch).map(|reach| self.visible(reach)) else {
                continue;
            };
            let mut from = from;
            while from < until && frames.len() <= MOST_ANSWERS {
                let Ok(page) = self.store.entries(&epoch.0, from, 64, MOST_ENTRY_BYTES) else {
                    break;
                };
                let Some((last, _)) = page.last() else { break };
                let next = last + 1;
                for (_, bytes) in page.into_iter().filter(|(seq, _)| *seq < until) {
                    if size + bytes.len() > MOST_ENTRY_BYTES {
                        frames.push(Vec::new());
                        size = 0;
                    }
                    size += bytes.len();
                    if let Some(frame) = frames.last_mut() {
                        frame.push(bytes);
                    }
                }
                from = next;
            }
            if let Some(peer) = self.peers.get_mut(&to) {
                let theirs = peer.theirs.entry(epoch).or_insert(0);
                *theirs = (*theirs).max(from.min(until));
            }
        }
        let last = frames.len() - 1;
        for (place, entries) in frames.into_iter().enumerate() {
            let message = LedgerMessage::Entries {
                more: place < last,
                answer: true,
                entries,
            };
            self.send(to, Message::Ledger(message));
        }
    }

    /// Takes entries in: whole runs that join what is held, each signed by its epoch. Returns how
    /// many were new. What cannot be taken is refused and nothing else suffers for it.
    fn take_entries(&mut self, from: NodeId, entries: &[Vec<u8>], now: Moment) -> usize {
        let mut fresh: Vec<Entry> = Vec::new();
        let mut heads: BTreeMap<EpochId, (u64, [u8; 32])> = BTreeMap::new();
        let (mut refused, mut why) = (0, None);
        let mut missed = Vec::new();
        for bytes in entries {
            match self.judge(bytes, &heads) {
                Ok(Judged::Fresh(entry)) => {
                    heads.insert(entry.id.epoch, (entry.id.seq + 1, entry.hash()));
                    fresh.push(entry);
                }
                Ok(Judged::Known) => {}
                Ok(Judged::Ahead(epoch, held)) => missed.push((epoch, held)),
                Ok(Judged::Forked(one, other)) => self.hear_fork(from, &one, &other, now),
                Err(reason) => {
                    refused += 1;
                    why.get_or_insert(reason);
                }
            }
        }
        if let Some(why) = why {
            self.notice(Notice::Refused {
                peer: from,
                count: refused,
                why,
            });
        }
        let count = fresh.len();
        self.keep(from, fresh, now);
        missed.dedup();
        missed.truncate(MOST_WANTS);
        if !missed.is_empty()
            && let Some(peer) = self.peers.get_mut(&from)
            && peer.pulling_until.is_none_or(|until| until <= now.boot_ms)
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
        let stored = self
            .frontier
            .get(&epoch)
            .map(|reach| (reach.height, reach.head));
        let (height, head) = heads
            .get(&epoch)
            .copied()
            .or(stored)
            .unwrap_or((0, NO_ENTRY));
        if entry.id.seq < height {
            return self.compare_with_held(entry, bytes);
        }
        if entry.id.seq > height {
            return Ok(Judged::Ahead(epoch, height));
        }
        if entry.id.seq >= self.welcome_below(&epoch) {
            return Err(String::from("its author has no authority for it"));
        }
        entry.verify().map_err(|error| error.to_string())?;
        if entry.prev != head {
            // Another history of this log: its difference lies further back. Ask for all of it.
            return if height == 0 {
                Err(String::from("first entry names one before it"))
            } else {
                Ok(Judged::Ahead(epoch, 0))
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
            Ok(_) => Ok(Judged::Known),
            Err(error) => Err(error.to_string()),
        }
    }

    fn begins_a_log(&self, entry: &Entry) -> bool {
        match Fact::decode(&entry.body) {
            Ok(Some(fact @ Fact::BootCertificate(_))) => {
                let Fact::BootCertificate(boot) = &fact else {
                    return false;
                };
                boot.epoch == entry.id.epoch && fact.certificate_holds(&self.me.site)
            }
            Ok(_) | Err(_) => false,
        }
    }

    pub(super) fn keep(&mut self, from: NodeId, fresh: Vec<Entry>, now: Moment) {
        if fresh.is_empty() {
            return;
        }
        let ops = fresh.iter().map(|entry| Op::PutEntry {
            epoch: entry.id.epoch.0,
            seq: entry.id.seq,
            bytes: entry.to_bytes(),
        });
        if self.stage(ops.collect(), now).is_err() {
            return;
        }
        for entry in &fresh {
            self.reached(entry);
            self.receipts.owe(entry.id.epoch, from);
            if let Some(peer) = self.peers.get_mut(&from) {
                let theirs = peer.theirs.entry(entry.id.epoch).or_insert(0);
                *theirs = (*theirs).max(entry.id.seq + 1);
            }
        }
        for entry in &fresh {
            self.hear_hint(entry);
            if let Ok(Some(fact)) = Fact::decode(&entry.body) {
                self.apply_fact(entry.id, &fact, now);
            }
        }
        self.push(&fresh, Some(from));
    }

    /// Sends entries at once to every link that is not known to have them.
    pub(super) fn push(&mut self, entries: &[Entry], from: Option<NodeId>) {
        let peers: Vec<NodeId> = self
            .peers
            .keys()
            .copied()
            .filter(|peer| Some(*peer) != from)
            .collect();
        for to in peers {
            let (mut news, mut size) = (Vec::new(), 0);
            for entry in entries {
                let Some(peer) = self.peers.get_mut(&to) else {
                    break;
                };
                let theirs = peer.theirs.entry(entry.id.epoch).or_insert(0);
                if *theirs > entry.id.seq {
                    continue;
                }
                *theirs = entry.id.seq + 1;
                let bytes = entry.to_bytes();
                size += bytes.len();
                news.push(bytes);
                if size > MOST_ENTRY_BYTES / 2 {
                    self.send_news(to, std::mem::take(&mut news));
                    size = 0;
                }
            }
            self.send_news(to, news);
        }
    }

    fn send_news(&mut self, to: NodeId, entries: Vec<Vec<u8>>) {
        if !entries.is_empty() {
            let message = LedgerMessage::Entries {
                more: false,
                answer: false,
                entries,
            };
            self.send(to, Message::Ledger(message));
        }
    }

    /// Takes the proof in that an epoch wrote two histories, keeps it and passes it on.
    fn hear_fork(&mut self, from: NodeId, one: &[u8], other: &[u8], now: Moment) {
        let Some(epoch) = self.take_fork(one, other, now) else {
            return;
        };
        let proof = (one.to_vec(), other.to_vec());
        let Ok(value) = domain::codec::encode(&proof) else {
            return;
        };
        let key = Self::fork_key(&epoch);
        if self
            .stage(
                vec![Op::Put {
                    table: Table::Local,
                    key,
                    value,
                }],
                now,
            )
            .is_err()
        {
            return;
        }
        if let Ok(entry) = Entry::parse(one) {
            let node = self.site.node_of(&epoch);
            self.notice(Notice::Fork {
                node,
                epoch,
                seq: entry.id.seq,
            });
        }
        let others: Vec<NodeId> = self
            .peers
            .keys()
            .copied()
            .filter(|peer| *peer != from)
            .collect();
        for peer in others {
            let (one, other) = proof.clone();
            self.send(peer, Message::Ledger(LedgerMessage::Fork(one, other)));
        }
    }

    /// Judges a proof; returns the epoch if it says something new.
    pub(super) fn take_fork(&mut self, one: &[u8], other: &[u8], now: Moment) -> Option<EpochId> {
        let (first, second) = (Entry::parse(one).ok()?, Entry::parse(other).ok()?);
        let proven = first.id == second.id
            && one != other
            && first.verify().is_ok()
            && second.verify().is_ok();
        if !proven || !self.frontier_or_chain_knows(&first.id.epoch) {
            return None;
        }
        let lowest = self.site.chain().forks().get(&first.id.epoch).copied();
        if lowest.is_some_and(|seq| seq <= first.id.seq) {
            return None;
        }
        let effect = self.site.apply_fork(first.id.epoch, first.id.seq);
        self.fork_proofs
            .insert(first.id.epoch, (one.to_vec(), other.to_vec()));
        self.root = None;
        self.follow(effect, now);
        Some(first.id.epoch)
    }

    /// Proofs about nobody are not kept: anyone can make up keys.
    fn frontier_or_chain_knows(&self, epoch: &EpochId) -> bool {
        self.frontier.is_empty()
            || self.frontier.contains_key(epoch)
            || self.site.chain().node_of(epoch).is_some()
    }

    /// Ends the links of nodes that no longer belong.
    pub(super) fn drop_revoked(&mut self) {
        let standing = self.site.standing();
        let revoked: Vec<NodeId> = self
            .peers
            .keys()
            .copied()
            .filter(|peer| {
                standing
                    .members
                    .get(peer)
                    .is_some_and(|member| member.revoked)
            })
            .collect();
        for peer in revoked {
            self.peers.remove(&peer);
            self.out.push(Output::Drop { peer });
        }
    }

    fn hear_row(&mut self, from: NodeId, kind: NodeKind, message: RowMessage, now: Moment) {
        if let RowMessage::Text(text) = message {
            if let Some(duty) = &mut self.duty
                && duty.take_text(kind, text, now)
            {
                self.out.push(Output::Changed { by_fact: true });
            }
            return;
        }
        let standing = self.site.standing();
        let authorised = |epoch: &EpochId, bytes: &[u8], signature: &domain::id::Signature| {
            let admin = standing
                .epochs
                .get(epoch)
                .is_some_and(|e| e.kind == NodeKind::Admin);
            admin && domain::id::verifies(&epoch.0, &[bytes], signature)
        };
        let Some(vault) = &mut self.vault else { return };
        match vault.handle(kind, message, &authorised, &mut self.rng) {
            Ok(handled) => {
                if let Some(ticket) = handled.ticket {
                    self.staged = self.staged.max(ticket);
                }
                for reply in handled.replies {
                    self.send(from, Message::Row(reply));
                }
                if !handled.learned.is_empty() {
                    self.send_learned_texts(&handled.learned, now);
                    self.out.push(Output::Changed { by_fact: true });
                }
            }
            Err(error) => self.notice(Notice::Disk(error.to_string())),
        }
    }
}

enum Judged {
    Fresh(Entry),
    Known,
    /// Entries between what is held and this one are missing: ask from that number on.
    Ahead(EpochId, u64),
    Forked(Vec<u8>, Vec<u8>),
}
