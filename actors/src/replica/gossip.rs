//! Taking entries in from peers, passing them on, and pulling what is missing.
//!
//! News is pushed to every link that is not known to have it. What was missed is pulled: a frontier
//! that says more than ours leads to a want, a want to bounded answers, and the last answer to the
//! next want. One log is pulled from one peer at a time.

mod forks;
mod intake;

use std::collections::{BTreeMap, BTreeSet};

use domain::authority::NodeKind;
use domain::checkpoint::CheckpointHash;
use domain::fact::Fact;
use domain::id::{EpochId, NodeId};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use domain::session::Reading;
use storage::ledger_store::LedgerStore;

use super::base::NO_BASE;
use super::message::{LedgerMessage, MOST_ANSWERS, MOST_ENTRY_BYTES, MOST_WANTS, Message, Reach};
use super::readings::Register;
use super::{Output, ROUND_MS, Replica};
use crate::entry::{Entry, NO_ENTRY};

/// Entries that are taken from the log of an epoch whose node is no member: enough for it to become
/// one, and for its log to be completed once it is.
const MOST_FROM_STRANGER: u64 = 8;
/// Logs of nodes that are no members.
const MOST_STRANGERS: usize = 4_096;

/// Registers that a peer is remembered to hold; beyond, some are told twice.
const MOST_HELD: usize = 4_096;

/// The other end of a link.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) kind: NodeKind,
    pub(super) since_boot_ms: u64,
    /// Below which number the peer has each log, as far as is known.
    pub(super) theirs: BTreeMap<EpochId, u64>,
    /// Below which number the peer has dropped a log's entries, where it has.
    pub(super) pruned: BTreeMap<EpochId, u64>,
    /// The checkpoints that make up the peer's base, as it last said.
    pub(super) heads: BTreeSet<CheckpointHash>,
    /// When it last said so (boot time).
    pub(super) heads_told: Option<u64>,
    /// Until when an answer to a want is waited for (boot time).
    pub(super) pulling_until: Option<u64>,
    /// Whether that answer has brought anything so far.
    pub(super) pulled: bool,
    /// The last log that was asked for in vain: the next want begins behind it.
    pub(super) in_vain: Option<EpochId>,
    /// Changes of registers up to this count were sent.
    pub(super) uses_sent: u64,
    /// Logs of which the peer holds another history.
    pub(super) suspected: BTreeSet<EpochId>,
    /// How far back their difference is looked for.
    pub(super) probe: u64,
    /// Readings that the peer is known to hold, or was sent: by register, their number.
    pub(super) uses_held: BTreeMap<Register, u32>,
    /// Whether the peer's readings brought anything since it was last sent a digest.
    pub(super) uses_news: bool,
    /// Rows came whose authors were not known yet: they are asked for again with the next round.
    pub(super) rows_behind: bool,
    /// Readings were dropped on their way: a digest will tell which.
    pub(super) uses_behind: bool,
    /// Whether the peer stands on a checkpoint, as its last round says.
    pub(super) has_base: Option<bool>,
    /// Whether a part of its frontier is still to come.
    pub(super) is_telling: bool,
}

impl Peer {
    /// Whether an answer of the peer may still be on its way.
    fn is_answering(&self, now: Moment) -> bool {
        let until = self.pulling_until;
        until.is_some_and(|until| until > now.boot_ms || planted::is(Bug::WaitsForEver))
    }

    /// Notes that the peer holds a reading or was sent it.
    pub(super) fn note_held(&mut self, reading: &Reading) {
        if self.uses_held.len() >= MOST_HELD {
            self.uses_held.clear();
        }
        let register = (reading.session, reading.epoch);
        let held = self.uses_held.entry(register).or_insert(0);
        *held = reading.n.max(*held);
    }

    /// Whether it does.
    pub(super) fn is_held(&self, reading: &Reading) -> bool {
        let held = self.uses_held.get(&(reading.session, reading.epoch));
        held.is_some_and(|held| *held >= reading.n)
    }
}

/// How far an answer has come in one log.
struct Place {
    epoch: EpochId,
    from: u64,
    until: u64,
}

/// Messages of entries in answer to one want.
struct Answer {
    frames: Vec<Vec<Vec<u8>>>,
    /// Bytes in the last of them.
    size: usize,
}

impl Answer {
    fn put(&mut self, bytes: Vec<u8>) {
        if self.size + bytes.len() > MOST_ENTRY_BYTES {
            self.frames.push(Vec::new());
            self.size = 0;
        }
        self.size += bytes.len();
        if let Some(frame) = self.frames.last_mut() {
            frame.push(bytes);
        }
    }
}

impl<S: LedgerStore + Clone> Replica<S> {
    pub(in crate::replica) fn link_up(&mut self, peer: NodeId, kind: NodeKind, now: Moment) {
        if self.site.standing().members.get(&peer).is_some_and(|member| member.revoked) {
            // Its revocation came after its greeting was judged and before its lanes were open.
            self.out.push(Output::Drop { peer });
            return;
        }
        let uses_sent = self.readings.count();
        let fresh = Peer {
            kind,
            since_boot_ms: now.boot_ms,
            theirs: BTreeMap::new(),
            pruned: BTreeMap::new(),
            heads: BTreeSet::new(),
            heads_told: None,
            pulling_until: None,
            pulled: false,
            in_vain: None,
            uses_sent,
            suspected: BTreeSet::new(),
            probe: 0,
            uses_held: BTreeMap::new(),
            uses_news: false,
            rows_behind: false,
            uses_behind: false,
            has_base: None,
            is_telling: false,
        };
        self.peers.insert(peer, fresh);
        self.base.in_vain.clear(); // this one may have what nobody else had
        self.seen.insert(peer, now.boot_ms);
        self.send_round(peer);
        self.send_use_digest(peer, true);
        self.send_row_round(peer);
        self.send_texts_to(peer, now);
        self.out.push(Output::Changed { by_fact: true });
    }

    pub(in crate::replica) fn link_down(&mut self, peer: NodeId, now: Moment) {
        if self.peers.remove(&peer).is_some() {
            self.seen.insert(peer, now.boot_ms);
            self.out.push(Output::Changed { by_fact: true });
        }
    }

    /// What was sent may not have come: let the next rounds find out.
    pub(in crate::replica) fn lagging(&mut self, peer: NodeId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.theirs.clear();
            peer.uses_behind = true;
        }
    }

    pub(in crate::replica) fn send(&mut self, peer: NodeId, message: Message) {
        self.out.push(Output::Send { peer, message });
    }

    pub(in crate::replica) fn heard(&mut self, peer: NodeId, message: Message, now: Moment) {
        let Some(kind) = self.peers.get(&peer).map(|peer| peer.kind) else {
            return;
        };
        self.seen.insert(peer, now.boot_ms);
        match message {
            Message::Ledger(LedgerMessage::Round { root, base, wall_ms }) => {
                if kind == NodeKind::Admin || planted::is(Bug::KioskClockVotes) {
                    self.time.hear(peer, wall_ms, now);
                }
                let (level, on_one_base) = (root == self.root(), base == self.base.name());
                if let Some(told) = self.peers.get_mut(&peer) {
                    told.has_base = Some(base != NO_BASE);
                }
                if !level {
                    self.send_frontier(peer);
                } else if kind == NodeKind::Admin {
                    self.caught_up();
                }
                if !on_one_base {
                    // After the frontier: who has dropped what tells the other end whether it can judge.
                    self.send_checkpoints(peer);
                }
                if !(level && on_one_base || self.begins_rounds(peer, kind)) {
                    // So that the other end says what it holds, too.
                    self.send_round(peer);
                }
            }
            Message::Ledger(LedgerMessage::Frontier { more, reaches }) => {
                self.hear_frontier(peer, more, reaches, now);
            }
            Message::Ledger(LedgerMessage::Want(wants)) => self.answer_want(peer, wants),
            Message::Ledger(LedgerMessage::Entries { more, answer, entries }) => {
                let took = self.take_entries(peer, &entries, now);
                if answer && self.answered(peer, took, more) {
                    self.pull(peer, now);
                    if self.peers.get(&peer).is_some_and(|peer| peer.pulling_until.is_none()) {
                        // All is here: readings of sessions that were not known yet may be had now.
                        self.send_use_digest(peer, true);
                        // Likewise rows, whose authors were not known yet.
                        self.send_row_round(peer);
                    }
                }
            }
            Message::Ledger(LedgerMessage::Fork(one, other)) => {
                self.hear_fork(peer, &one, &other, now);
            }
            Message::Ledger(LedgerMessage::Receipt(receipt)) => self.hear_receipt(&receipt, now),
            Message::Ledger(LedgerMessage::Checkpoints { signed, certificates }) => {
                self.hear_checkpoints(peer, &signed, &certificates, now);
            }
            Message::Ledger(LedgerMessage::WantList(checkpoint)) => {
                self.answer_want_list(peer, checkpoint);
            }
            Message::Ledger(LedgerMessage::List(checkpoint, pieces)) => {
                self.hear_list(peer, checkpoint, pieces, now);
            }
            Message::Ledger(LedgerMessage::WantPieces(checkpoint, from, count)) => {
                self.answer_want_pieces(peer, checkpoint, from, count);
            }
            Message::Ledger(LedgerMessage::Piece(checkpoint, number, bytes)) => {
                self.hear_piece(peer, checkpoint, number, bytes, now);
            }
            Message::Use(message) => self.hear_use(peer, message, now),
            Message::Row(message) => self.hear_row(peer, kind, message, now),
        }
    }

    /// Part of an answer to a want came; says whether it was the last and there may be more to have.
    fn answered(&mut self, from: NodeId, took: usize, more: bool) -> bool {
        let Some(peer) = self.peers.get_mut(&from) else {
            return false;
        };
        peer.pulled |= took > 0;
        if more {
            return false;
        }
        peer.pulling_until = None;
        if peer.pulled {
            peer.in_vain = None;
        }
        std::mem::take(&mut peer.pulled) || !peer.suspected.is_empty()
    }

    pub(in crate::replica) fn hear_frontier(
        &mut self,
        from: NodeId,
        more: bool,
        reaches: Vec<Reach>,
        now: Moment,
    ) {
        let mut suspected = BTreeSet::new();
        for reach in &reaches {
            let mine = self.frontier.get(&reach.epoch).map(|mine| self.told(mine));
            if let Some(mine) = mine
                && mine.height == reach.height
                && mine.head != reach.head
                && mine.head != NO_ENTRY
                && reach.head != NO_ENTRY
                && suspected.len() < MOST_WANTS
            {
                suspected.insert(reach.epoch);
            }
        }
        if let Some(peer) = self.peers.get_mut(&from) {
            // Of a log that this node has nothing of so much is remembered, and no more: the rest comes up
            // once these are held. What was told is never forgotten in the middle of a frontier.
            let most = self.frontier.len() + 4 * MOST_STRANGERS;
            if !peer.is_telling && peer.theirs.len() + reaches.len() > most {
                peer.theirs.clear();
                peer.pruned.clear();
            }
            peer.is_telling = more;
            for reach in &reaches {
                let known = self.frontier.contains_key(&reach.epoch);
                if !(known || peer.theirs.contains_key(&reach.epoch)) && peer.theirs.len() >= most {
                    continue;
                }
                peer.theirs.insert(reach.epoch, reach.height);
                if reach.pruned_below > 0 {
                    peer.pruned.insert(reach.epoch, reach.pruned_below);
                }
            }
            peer.suspected.extend(suspected);
            if !more {
                if peer.suspected.is_empty() {
                    peer.probe = 0;
                } else {
                    peer.probe = further_back(peer.probe);
                }
            }
        }
        if !more {
            self.pull(from, now);
            let proofs: Vec<_> = self.fork_proofs.values().cloned().collect();
            for (one, other) in proofs {
                if planted::is(Bug::ForkNotPassedOn) {
                    break;
                }
                self.send(from, Message::Ledger(LedgerMessage::Fork(one, other)));
            }
        }
    }

    /// Whether this node has no base and a peer has one to give: most of what its logs say lies beneath,
    /// and would be fetched, verified and dropped.
    fn waits_for_a_base(&self, peer: &Peer) -> bool {
        self.base.heads.is_empty()
            && peer.has_base == Some(true)
            && (peer.heads_told.is_none() || self.is_fetching_agreed())
    }

    /// Asks a peer for what it has more than this node, unless that is on its way already.
    pub(in crate::replica) fn pull(&mut self, from: NodeId, now: Moment) {
        let Some(peer) = self.peers.get(&from) else {
            return;
        };
        if peer.is_answering(now) || self.waits_for_a_base(peer) {
            return;
        }
        let (before, behind): (Vec<_>, Vec<_>) =
            peer.theirs.iter().partition(|(epoch, _)| Some(**epoch) <= peer.in_vain);
        let mut wants: Vec<_> = behind
            .into_iter()
            .chain(before)
            .filter_map(|(epoch, theirs)| {
                let mine = self.frontier.get(epoch).map_or(0, |reach| reach.height);
                let there = peer.pruned.get(epoch).is_none_or(|pruned| *pruned <= mine);
                let wanted = there && mine < (*theirs).min(self.welcome_below(epoch));
                wanted.then_some((*epoch, mine))
            })
            .take(MOST_WANTS)
            .collect();
        let probe = peer.probe;
        for epoch in &peer.suspected {
            let mine = self.frontier.get(epoch);
            let (height, low) = mine.map_or((0, 0), |reach| (reach.height, reach.pruned_below));
            let low = low.max(peer.pruned.get(epoch).copied().unwrap_or(0));
            wants.insert(0, (*epoch, height.saturating_sub(probe).max(low)));
        }
        wants.truncate(MOST_WANTS);
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.suspected.clear();
            if wants.is_empty() {
                return;
            }
            peer.pulling_until = Some(now.boot_ms + 2 * ROUND_MS);
            peer.pulled = false;
            peer.in_vain = wants.last().map(|(epoch, _)| *epoch);
        }
        self.send(from, Message::Ledger(LedgerMessage::Want(wants)));
    }

    /// Entries of a log are shown and taken below this number: all of a member's that have effect
    /// and its boot certificate in any case, few of a stranger's.
    pub(in crate::replica) fn below(&self, epoch: &EpochId) -> u64 {
        let standing = self.site.standing().epochs.get(epoch);
        standing.map_or(MOST_FROM_STRANGER, |member| member.below.max(1))
    }

    /// As [`Self::below`], for a log of which nothing may be held yet: a stranger's begins here only
    /// if something was said that admits its node. A node that is no member itself knows too little
    /// to tell, and takes what its peers have, up to a bound.
    fn welcome_below(&self, epoch: &EpochId) -> u64 {
        let held = self.frontier.contains_key(epoch);
        let standing = self.site.standing().epochs.contains_key(epoch);
        let joined = self.site.standing().is_member(&self.me.node());
        if held || standing || joined || self.strangers() < MOST_STRANGERS {
            self.below(epoch)
        } else {
            0
        }
    }

    fn strangers(&self) -> usize {
        self.frontier.len().saturating_sub(self.site.standing().epochs.len())
    }

    /// How much of a log others are told of and given.
    pub(in crate::replica) fn visible(&self, reach: &Reach) -> u64 {
        reach.height.min(self.below(&reach.epoch))
    }

    /// What others are told of a log: its head only where nothing hides what may follow it, since
    /// beyond a cut or a fork nodes hold different entries.
    pub(in crate::replica) fn told(&self, reach: &Reach) -> Reach {
        let below = self.below(&reach.epoch);
        let head = if reach.height < below { reach.head } else { NO_ENTRY };
        Reach { height: reach.height.min(below), head, ..*reach }
    }

    /// Answers a want: first a fair share of every log, since the entries without which the others
    /// mean nothing may stand in any of them; then the rest, as far as one answer goes.
    pub(in crate::replica) fn answer_want(&mut self, to: NodeId, wants: Vec<(EpochId, u64)>) {
        let share = MOST_ANSWERS * MOST_ENTRY_BYTES / wants.len().max(1);
        let mut places: Vec<Place> = wants
            .into_iter()
            .filter_map(|(epoch, from)| {
                let reach = self.frontier.get(&epoch)?;
                let until = self.visible(reach);
                // What follows a part that is gone is of no use: the base tells of that part.
                (from >= reach.pruned_below).then_some(Place { epoch, from, until })
            })
            .collect();
        let mut answer = Answer { frames: vec![Vec::new()], size: 0 };
        for budget in [share, usize::MAX] {
            for place in &mut places {
                self.fill(&mut answer, place, budget);
            }
        }
        if let Some(peer) = self.peers.get_mut(&to) {
            for place in places {
                let theirs = peer.theirs.entry(place.epoch).or_insert(0);
                *theirs = (*theirs).max(place.from.min(place.until));
            }
        }
        let last = answer.frames.len() - 1;
        for (place, entries) in answer.frames.into_iter().enumerate() {
            let message = LedgerMessage::Entries { more: place < last, answer: true, entries };
            self.send(to, Message::Ledger(message));
        }
    }

    /// Puts entries of one log into an answer, of about `budget` bytes, while there is room.
    fn fill(&self, answer: &mut Answer, place: &mut Place, budget: usize) {
        let mut left = budget;
        while place.from < place.until && left > 0 && answer.frames.len() <= MOST_ANSWERS {
            let most = left.min(MOST_ENTRY_BYTES);
            let Ok(page) = self.store.entries(&place.epoch.0, place.from, 64, most) else {
                return;
            };
            let Some((last, _)) = page.last() else { return };
            place.from = last + 1;
            for (_, bytes) in page.into_iter().filter(|(seq, _)| *seq < place.until) {
                if is_of_unknown_kind(&bytes) && planted::is(Bug::UnknownNotRelayed) {
                    continue;
                }
                left = left.saturating_sub(bytes.len());
                answer.put(bytes);
            }
        }
    }

    /// Sends entries at once to every link that is not known to have them.
    pub(in crate::replica) fn push(&mut self, entries: &[Entry], from: Option<NodeId>) {
        let peers: Vec<NodeId> =
            self.peers.keys().copied().filter(|peer| Some(*peer) != from).collect();
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
                if from.is_some()
                    && is_of_unknown_kind(&bytes)
                    && planted::is(Bug::UnknownNotRelayed)
                {
                    continue;
                }
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

    pub(in crate::replica) fn send_news(&mut self, to: NodeId, entries: Vec<Vec<u8>>) {
        if !entries.is_empty() {
            let message = LedgerMessage::Entries { more: false, answer: false, entries };
            self.send(to, Message::Ledger(message));
        }
    }

    /// Ends the links of nodes that no longer belong.
    pub(in crate::replica) fn drop_revoked(&mut self) {
        let standing = self.site.standing();
        let revoked: Vec<NodeId> = self
            .peers
            .keys()
            .copied()
            .filter(|peer| standing.members.get(peer).is_some_and(|member| member.revoked))
            .filter(|_| !planted::is(Bug::RevokedStays))
            .collect();
        for peer in revoked {
            self.peers.remove(&peer);
            self.time.forget(&peer);
            self.out.push(Output::Drop { peer });
        }
    }
}

/// Whether these are the bytes of an entry that only a later release can read.
fn is_of_unknown_kind(bytes: &[u8]) -> bool {
    Entry::parse(bytes).is_ok_and(|entry| Fact::decode(&entry.body) == Ok(None))
}

/// How far back to look next for the place where two histories part: quickly further, but never by
/// more than one answer holds.
pub(in crate::replica) fn further_back(probe: u64) -> u64 {
    if probe < 4_096 { (probe * 4).max(64) } else { probe + 4_000 }
}
