//! What nodes say to each other about checkpoints: who signed which, and the pieces of their
//! snapshots.
//!
//! A node takes nothing from a peer here that a majority of the admin nodes has not signed, but for
//! an admin node, which looks at what another proposes. One snapshot is on its way at a time, each of
//! its pieces known by its hash before it is asked for; a peer that falls silent is replaced by
//! another where it stopped.

use std::collections::{BTreeMap, BTreeSet};

use domain::authority::{NodeKind, Standing};
use domain::checkpoint::{Checkpoint, CheckpointHash, Voice, pieces_hash};
use domain::fact::{CheckpointSigned, Fact};
use domain::id::NodeId;
use domain::moment::Moment;
use storage::ledger_store::LedgerStore;

use super::message::{
    LedgerMessage, MOST_CERTIFICATE_BYTES, MOST_CERTIFICATES, MOST_PIECES_WANTED, MOST_SIGNED,
    Message,
};
use super::{Notice, ROUND_MS, Replica};
use crate::entry::Entry;
use crate::snapshot::{Snapshot, piece_hash, shelf};

/// A snapshot on its way here.
#[derive(Debug)]
pub(super) struct Fetch {
    hash: CheckpointHash,
    checkpoint: Checkpoint,
    /// Whether it was agreed when it was asked for, rather than proposed.
    agreed: bool,
    from: NodeId,
    /// Peers that did not give it.
    silent: BTreeSet<NodeId>,
    list: Vec<[u8; 32]>,
    pieces: Vec<Vec<u8>>,
    /// Until when the next part is waited for (boot time).
    until: u64,
}

impl<S: LedgerStore + Clone> Replica<S> {
    /// Tells a peer what makes up the base here, with what it takes to judge it.
    pub(super) fn send_checkpoints(&mut self, to: NodeId) {
        let mut signed = self.base.signed();
        signed.truncate(MOST_SIGNED);
        let (mut certificates, mut size) = (Vec::new(), 0);
        for id in self.site.chain().words_about_admins() {
            let Some(entry) = self.entry_bytes(&id).and_then(|bytes| Entry::parse(&bytes).ok())
            else {
                continue;
            };
            size += entry.body.len();
            if certificates.len() == MOST_CERTIFICATES || size > MOST_CERTIFICATE_BYTES {
                break;
            }
            certificates.push(entry.body);
        }
        self.send(to, Message::Ledger(LedgerMessage::Checkpoints { signed, certificates }));
    }

    pub(super) fn hear_checkpoints(
        &mut self,
        from: NodeId,
        signed: &[CheckpointSigned],
        certificates: &[Vec<u8>],
        now: Moment,
    ) {
        let Some(peer) = self.peers.get_mut(&from) else {
            return;
        };
        // Judging takes signatures to verify: once a round is enough for an honest peer.
        if peer.heads_told.is_some_and(|told| now.since(told) < ROUND_MS / 2) {
            return;
        }
        peer.heads_told = Some(now.boot_ms);
        peer.heads = signed.iter().filter_map(|signed| signed.checkpoint.hash().ok()).collect();
        let heads = peer.heads.clone();
        let standing = self.standing_with(certificates);
        let mut news = false;
        for signed in signed {
            news |= self.take_signature(signed, &standing);
        }
        if news && self.base.heads.keys().any(|head| heads.contains(head)) {
            // Signatures of which no entry tells outlive a restart here too.
            if let Err(error) = self.write_base(now) {
                self.notice(Notice::Disk(error.to_string()));
            }
        }
        self.follow_the_agreed_by(&standing, now);
        if self.base.heads.is_empty() {
            self.pull(from, now); // what waited for these, if none of them is on its way now
        }
    }

    /// Who stands, if the site key's words that a peer brought are added to those that are known.
    fn standing_with(&self, certificates: &[Vec<u8>]) -> Standing {
        let mut chain = self.site.chain().clone();
        for body in certificates {
            if let Ok(Some(fact @ (Fact::AdminAdmitted(_) | Fact::AdminRevoked(_)))) =
                Fact::decode(body)
            {
                chain.take(&self.me.site, &domain::authority::UNWRITTEN, &fact);
            }
        }
        chain.standing()
    }

    /// A signature that came in an entry.
    pub(super) fn hear_signature(&mut self, signed: &CheckpointSigned) {
        let standing = self.site.standing().clone();
        self.base.stirred |= self.take_signature(signed, &standing);
    }

    fn take_signature(&mut self, signed: &CheckpointSigned, standing: &Standing) -> bool {
        let member = standing.members.get(&signed.node);
        let admin = member.is_some_and(|m| m.kind == NodeKind::Admin); // revoked or not
        let known = signed
            .checkpoint
            .hash()
            .is_ok_and(|hash| self.base.ballots.signers(&hash).contains(&signed.node));
        admin
            && !known
            && signed.checkpoint.is_sound()
            && Fact::CheckpointSigned(signed.clone()).certificate_holds(&self.me.site)
            && self.base.ballots.take(signed)
    }

    /// What the admin nodes' opinions are worth here. An admin node that is new, or has lost its disk,
    /// lacks what it would judge by: its silence does not count for itself, nor that of others that say
    /// that they have no base either.
    fn voices(&self, standing: &Standing) -> BTreeMap<NodeId, Voice> {
        let mut voices = self.site.chain().voices(standing);
        if self.is_new() {
            for (node, voice) in &mut voices {
                let baseless =
                    self.peers.get(node).is_some_and(|peer| peer.has_base == Some(false));
                voice.awaited &= *node != self.me.node() && !baseless;
            }
        }
        voices
    }

    /// Whether this is an admin node that was never here before, however often it was started: it has
    /// said nothing but who it is, and holds no log of another that began before there was a
    /// checkpoint. One that was here is never talked into being new.
    fn is_new(&self) -> bool {
        let (me, chain) = (self.me.node(), self.site.chain());
        if self.me.kind != NodeKind::Admin || !self.base.heads.is_empty() {
            return false;
        }
        let has_spoken = chain.epochs_of(me).any(|epoch| self.says_more_than_certificates(epoch));
        let members = self.site.standing().members.iter();
        let others = members.filter(|(node, m)| m.kind == NodeKind::Admin && **node != me);
        let mut early = others.flat_map(|(node, _)| chain.epochs_of(*node));
        !has_spoken && !early.any(|epoch| chain.knew_ms(epoch).is_none())
    }

    /// Adopts what is agreed by what is known here, or asks for it.
    pub(super) fn follow_the_agreed(&mut self, now: Moment) {
        let standing = self.site.standing().clone();
        self.follow_the_agreed_by(&standing, now);
    }

    /// What peers have adopted comes first, and the latest of it: others may have dropped the pieces
    /// of what was agreed before that, and it would be asked for in vain while they wait.
    fn follow_the_agreed_by(&mut self, standing: &Standing, now: Moment) {
        let voices = self.voices(standing);
        let ballots = &self.base.ballots;
        let agreed = ballots.checkpoints().filter(|(hash, _)| {
            !self.base.heads.contains_key(*hash)
                && !self.base.surpassed.contains(*hash)
                && (self.is_adopted(hash) || !self.base.in_vain.contains(*hash))
                && ballots.is_agreed(hash, &voices)
        });
        let mut agreed: Vec<_> = agreed
            .map(|(hash, checkpoint)| (self.is_adopted(hash), checkpoint.as_of_ms, *hash))
            .collect();
        agreed.sort_unstable();
        for (_, _, hash) in agreed.into_iter().rev() {
            if self.base.held.contains(&hash) {
                self.adopt(hash, now);
            } else {
                self.fetch(hash, true, now);
            }
        }
    }

    /// Whether a linked peer says that its base is made of this checkpoint.
    fn is_adopted(&self, hash: &CheckpointHash) -> bool {
        self.peers.values().any(|peer| peer.heads.contains(hash))
    }

    /// Asks for a snapshot, unless another is on its way. What a peer has adopted comes before what is
    /// agreed, and that before what is proposed.
    pub(super) fn fetch(&mut self, hash: CheckpointHash, agreed: bool, now: Moment) {
        let rank = |agreed: bool, hash: &CheckpointHash| (agreed, self.is_adopted(hash));
        let wanted = rank(agreed, &hash);
        let on_its_way = self.base.fetch.as_ref().map(|fetch| rank(fetch.agreed, &fetch.hash));
        if let Some(fetch) = &mut self.base.fetch
            && fetch.hash == hash
        {
            fetch.agreed |= agreed;
            return;
        }
        if on_its_way.is_some_and(|on_its_way| on_its_way >= wanted) {
            return;
        }
        let Some(checkpoint) = self.base.ballots.checkpoint(&hash).cloned() else {
            return;
        };
        let silent = BTreeSet::new();
        let Some(from) = self.holder(&hash, &silent) else {
            return;
        };
        let until = now.boot_ms + 2 * ROUND_MS;
        let (list, pieces) = (Vec::new(), Vec::new());
        self.base.fetch =
            Some(Fetch { hash, checkpoint, agreed, from, silent, list, pieces, until });
        self.send(from, Message::Ledger(LedgerMessage::WantList(hash)));
    }

    /// Whether an agreed snapshot is on its way here.
    pub(super) fn is_fetching_agreed(&self) -> bool {
        self.base.fetch.as_ref().is_some_and(|fetch| fetch.agreed)
    }

    /// A linked node that should have a snapshot: its base holds it, or it signed it.
    fn holder(&self, hash: &CheckpointHash, but: &BTreeSet<NodeId>) -> Option<NodeId> {
        let signers = self.base.ballots.signers(hash);
        let has = |(node, peer): &(&NodeId, &super::gossip::Peer)| {
            !but.contains(*node) && (peer.heads.contains(hash) || signers.contains(*node))
        };
        self.peers.iter().find(has).map(|(node, _)| *node)
    }

    /// Turns to another peer where one fell silent, left, or gave what is not the snapshot.
    pub(super) fn tend_fetch(&mut self, now: Moment) {
        let late = self.base.fetch.as_ref().is_some_and(|fetch| {
            now.boot_ms >= fetch.until || !self.peers.contains_key(&fetch.from)
        });
        if late {
            self.turn_to_another(now);
        }
    }

    fn turn_to_another(&mut self, now: Moment) {
        let Some(mut fetch) = self.base.fetch.take() else {
            return;
        };
        fetch.silent.insert(fetch.from);
        let Some(from) = self.holder(&fetch.hash, &fetch.silent) else {
            // It keeps nothing else away, until there is somebody new to ask.
            self.base.in_vain.insert(fetch.hash);
            if fetch.agreed && self.base.heads.is_empty() {
                let peers: Vec<NodeId> = self.peers.keys().copied().collect();
                peers.into_iter().for_each(|peer| self.pull(peer, now)); // log by log then
            }
            return;
        };
        fetch.from = from;
        fetch.until = now.boot_ms + 2 * ROUND_MS;
        let message = if fetch.list.is_empty() {
            LedgerMessage::WantList(fetch.hash)
        } else {
            want_next(&fetch)
        };
        self.base.fetch = Some(fetch);
        self.send(from, Message::Ledger(message));
    }

    pub(super) fn hear_list(
        &mut self,
        from: NodeId,
        hash: CheckpointHash,
        list: Vec<[u8; 32]>,
        now: Moment,
    ) {
        let fetch = self.base.fetch.as_mut();
        let Some(fetch) = fetch.filter(|f| f.hash == hash && f.from == from && f.list.is_empty())
        else {
            return;
        };
        let right = u32::try_from(list.len()) == Ok(fetch.checkpoint.count)
            && pieces_hash(&list) == Ok(fetch.checkpoint.pieces);
        if !right {
            self.refuse_snapshot(from, "its list is not the checkpoint's", now);
            return;
        }
        fetch.list = list;
        fetch.until = now.boot_ms + 2 * ROUND_MS;
        let message = want_next(fetch);
        self.send(from, Message::Ledger(message));
    }

    pub(super) fn hear_piece(
        &mut self,
        from: NodeId,
        hash: CheckpointHash,
        number: u32,
        bytes: Vec<u8>,
        now: Moment,
    ) {
        let fetch = self.base.fetch.as_mut();
        let Some(fetch) = fetch.filter(|f| f.hash == hash && f.from == from) else {
            return;
        };
        let next = fetch.pieces.len();
        let Some(wanted) = fetch.list.get(next).filter(|_| usize::try_from(number) == Ok(next))
        else {
            return; // one that came late, after another peer was asked for it
        };
        if piece_hash(&bytes) != *wanted {
            self.refuse_snapshot(from, "a piece is not what its hash says", now);
            return;
        }
        fetch.pieces.push(bytes);
        fetch.until = now.boot_ms + 2 * ROUND_MS;
        if fetch.pieces.len() == fetch.list.len() {
            if let Some(fetch) = self.base.fetch.take() {
                self.fetched(fetch, now);
            }
        } else if (number + 1).is_multiple_of(MOST_PIECES_WANTED) {
            let message = want_next(fetch);
            self.send(from, Message::Ledger(message));
        }
    }

    fn refuse_snapshot(&mut self, from: NodeId, why: &str, now: Moment) {
        self.notice(Notice::Refused { peer: from, count: 1, why: format!("snapshot: {why}") });
        self.turn_to_another(now);
    }

    fn fetched(&mut self, fetch: Fetch, now: Moment) {
        let Fetch { hash, checkpoint, agreed, from, list, pieces, .. } = fetch;
        let read = Snapshot::read(&pieces, checkpoint.as_of_ms, checkpoint.since_ms);
        let snapshot = match read {
            Ok(snapshot) => snapshot,
            Err(error) => {
                let why = format!("snapshot: {error}");
                self.notice(Notice::Refused { peer: from, count: 1, why });
                self.base.surpassed.insert(hash);
                return;
            }
        };
        if let Err(error) = self.write_pieces(hash, &list, pieces, now) {
            self.notice(Notice::Disk(error.to_string()));
            return;
        }
        if agreed {
            self.adopt_snapshot(hash, checkpoint, snapshot, now);
        } else {
            self.judge_proposals(now);
        }
    }

    pub(super) fn answer_want_list(&mut self, to: NodeId, hash: CheckpointHash) {
        if let Ok(Some(list)) = shelf::list(&self.store, &hash) {
            self.send(to, Message::Ledger(LedgerMessage::List(hash, list)));
        }
    }

    pub(super) fn answer_want_pieces(
        &mut self,
        to: NodeId,
        hash: CheckpointHash,
        from: u32,
        count: u32,
    ) {
        for number in (from..=u32::MAX).take(usize::try_from(count).unwrap_or(0)) {
            let Ok(Some(bytes)) = shelf::piece(&self.store, &hash, number) else {
                return;
            };
            self.send(to, Message::Ledger(LedgerMessage::Piece(hash, number, bytes)));
        }
    }
}

/// The next pieces, up to a whole number of them, so that both ends know when more is due.
fn want_next(fetch: &Fetch) -> LedgerMessage {
    let from = u32::try_from(fetch.pieces.len()).unwrap_or(u32::MAX);
    let count = MOST_PIECES_WANTED - from % MOST_PIECES_WANTED;
    LedgerMessage::WantPieces(fetch.hash, from, count)
}
