//! How admin nodes come to a checkpoint: one proposes what its ledger comes to, the others fold the
//! same entries and sign what they find to be the same.

use std::collections::BTreeMap;

use domain::authority::NodeKind;
use domain::checkpoint::{
    Checkpoint, CheckpointHash, Floor, Ground, checkpoint_bytes, pieces_hash,
};
use domain::fact::CheckpointSigned;
use domain::id::{EpochId, NodeId, SessionId, verifies};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;

use super::message::{SignedReading, reading_bytes};
use super::{Notice, Replica};
use crate::entry::Entry;
use crate::signing;
use crate::snapshot::{Folded, NotFolded, Snapshot, piece_hash, shelf};

/// Entries above the base that make a checkpoint due.
const DUE_ENTRIES: u64 = 5_000;
/// Site time since the base that makes one due, in milliseconds: a day.
const DUE_MS: i64 = 24 * 3_600_000;
/// Rounds that an admin node leaves to each linked one of a lower name to propose.
const PATIENCE_ROUNDS: u64 = 6;
/// Rounds that one leaves itself to meet somebody: its disk may be a copy of an older one.
const ALONE_ROUNDS: u64 = 12;
/// How long a proposal is waited for before another is made, in milliseconds of site time.
const PROPOSAL_STANDS_MS: i64 = 10 * 60_000;
/// How far a proposal's time may be from a co-signer's: nobody signs a time that he knows is wrong.
const CLOCKS_APART_MS: i64 = 3_600_000;

/// Why a proposal is not signed.
enum Unsigned {
    /// It may be, later: something is missing here.
    NotYet,
    /// It says something else than the entries do.
    Never(String),
}

impl<S: LedgerStore + Clone> Replica<S> {
    /// Proposes when it is time and this node's turn.
    pub(super) fn propose_if_due(&mut self, now: Moment) {
        let Some(wall_ms) = self.time.own_word(self.own_wall_ms) else {
            return;
        };
        let as_of_ms = self.site.ground().as_of_ms;
        let day = as_of_ms.is_some_and(|as_of_ms| wall_ms.saturating_sub(as_of_ms) >= DUE_MS);
        if !(day || self.entries_above_base() >= due_entries()) {
            self.base.due_rounds = 0;
            return;
        }
        self.base.due_rounds += 1;
        let me = self.me.node();
        let before = self.linked_admins().filter(|node| **node < me).count();
        let turn = if self.peers.is_empty() {
            ALONE_ROUNDS
        } else {
            u64::try_from(before).unwrap_or(u64::MAX).saturating_mul(PATIENCE_ROUNDS)
        };
        if self.base.due_rounds > turn {
            self.propose(now);
        }
    }

    /// Proposes a checkpoint of all that has effect now, if enough admin nodes are linked to agree.
    ///
    /// The time that it gives is this node's own word, not site time: what one wrong clock once
    /// signed binds site time for good, but must not move the horizon.
    pub(super) fn propose(&mut self, now: Moment) {
        let Some(wall_ms) = self.time.own_word(self.own_wall_ms) else {
            return;
        };
        let parents = self.base.parents();
        let stands = |node: &NodeId| self.site.standing().is_member(node);
        let recent = self.base.ballots.checkpoints().any(|(hash, checkpoint)| {
            let age_ms = wall_ms.saturating_sub(checkpoint.as_of_ms).saturating_abs();
            checkpoint.parents == parents
                && !self.base.unsigned.contains(hash)
                && age_ms < PROPOSAL_STANDS_MS
                && self.base.ballots.signers(hash).iter().any(stands)
        });
        let admins = self.site.standing().nodes(NodeKind::Admin).count();
        let enough = 2 * (self.linked_admins().count() + 1) > admins;
        let able = self.me.kind == NodeKind::Admin && self.counts() && !self.disk_failed;
        if !able || !enough || recent || self.entries_above_base() == 0 {
            return;
        }
        if let Err(error) = self.make_proposal(parents, wall_ms, now) {
            self.notice(Notice::NotProposed(error.to_string()));
        }
    }

    fn make_proposal(
        &mut self,
        parents: Vec<CheckpointHash>,
        wall_ms: i64,
        now: Moment,
    ) -> Result<(), NotFolded> {
        let base = self.read_base()?;
        // It does not run backwards, whatever this machine's clock did.
        let as_of_ms = base.ground.as_of_ms.unwrap_or(wall_ms).max(wall_ms);
        let since_ms = if parents.is_empty() { as_of_ms } else { base.ground.since_ms };
        let ground = self.ground_now(as_of_ms, since_ms)?;
        let Folded { mut snapshot, sessions } = self.fold_to(&base, ground)?;
        snapshot.readings = self.readings_of(sessions);
        let Ok(Some(pieces)) = snapshot.pieces() else {
            self.notice(Notice::NotProposed(String::from("the snapshot is too large")));
            return Ok(());
        };
        let list: Vec<[u8; 32]> = pieces.iter().map(|piece| piece_hash(piece)).collect();
        let (Ok(pieces_hash), Ok(count)) = (pieces_hash(&list), u32::try_from(list.len())) else {
            return Ok(());
        };
        let checkpoint = Checkpoint { parents, as_of_ms, since_ms, pieces: pieces_hash, count };
        let Some(hash) = checkpoint.hash().ok().filter(|_| checkpoint.is_sound()) else {
            self.notice(Notice::NotProposed(String::from("nobody would take it")));
            return Ok(());
        };
        self.drop_forgotten_pieces(now)?;
        self.write_pieces(hash, &list, pieces, now)?;
        self.sign_checkpoint(checkpoint, now)?;
        Ok(())
    }

    /// Writes this node's signature under a checkpoint down.
    pub(super) fn sign_checkpoint(
        &mut self,
        checkpoint: Checkpoint,
        now: Moment,
    ) -> Result<(), StoreError> {
        let Ok(bytes) = checkpoint_bytes(&self.me.site, &checkpoint) else {
            return Ok(());
        };
        let signature = signing::sign(&self.me.node_key, &bytes);
        let node = self.me.node();
        let signed = CheckpointSigned { checkpoint, node, signature };
        self.append(vec![signed.into()], now).map(|_| ())
    }

    /// Each log of a member as far as it is held and has effect.
    pub(super) fn ground_now(&self, as_of_ms: i64, since_ms: i64) -> Result<Ground, NotFolded> {
        let base = self.site.ground();
        let mut ground = Ground { as_of_ms: Some(as_of_ms), since_ms, ..Ground::default() };
        for (epoch, member) in &self.site.standing().epochs {
            let Some(reach) = self.frontier.get(epoch) else {
                continue;
            };
            let height = reach.height.min(member.below);
            let head = if height == reach.height {
                reach.head
            } else if let Some(floor) = base.floors.get(epoch).filter(|f| f.height == height) {
                floor.head
            } else if let Some(last) = height.checked_sub(1) {
                let last = self.store.entry(&epoch.0, last)?;
                let last = last.and_then(|bytes| Entry::parse(&bytes).ok());
                last.ok_or(NotFolded::Missing)?.hash()
            } else {
                continue;
            };
            if height > 0 {
                ground.floors.insert(*epoch, Floor { height, head });
            }
        }
        Ok(ground)
    }

    fn fold_to(&self, base: &Snapshot, ground: Ground) -> Result<Folded, NotFolded> {
        let forks = self.site.chain().forks();
        Snapshot::fold(self.me.site, base, forks, ground, &self.store)
    }

    fn readings_of(
        &self,
        sessions: Vec<SessionId>,
    ) -> BTreeMap<(SessionId, EpochId), SignedReading> {
        let of = |session: &SessionId| self.readings.of(session).copied().collect::<Vec<_>>();
        let readings = sessions.iter().flat_map(of);
        let readings = readings.filter(|r| self.site.node_of(&r.reading.epoch).is_some());
        readings.map(|r| ((r.reading.session, r.reading.epoch), r)).collect()
    }

    /// Entries with effect that the base does not speak for.
    fn entries_above_base(&self) -> u64 {
        let ground = self.site.ground();
        let above = self.site.standing().epochs.iter().map(|(epoch, member)| {
            let held = self.frontier.get(epoch).map_or(0, |reach| reach.height);
            held.min(member.below).saturating_sub(ground.height(epoch))
        });
        above.sum()
    }

    fn linked_admins(&self) -> impl Iterator<Item = &NodeId> {
        let linked = |node: &&NodeId| self.peers.contains_key(*node);
        self.site.standing().nodes(NodeKind::Admin).filter(linked)
    }

    /// Looks at what other admin nodes propose on the base that is this node's too.
    pub(super) fn judge_proposals(&mut self, now: Moment) {
        if self.me.kind != NodeKind::Admin || !self.counts() {
            return;
        }
        let (me, parents) = (self.me.node(), self.base.parents());
        let open = self.base.ballots.checkpoints().filter(|(hash, checkpoint)| {
            checkpoint.parents == parents
                && !self.base.heads.contains_key(*hash)
                && !self.base.surpassed.contains(*hash)
                && !self.base.unsigned.contains(*hash)
                && !self.base.in_vain.contains(*hash)
                && !self.base.ballots.signers(hash).contains(&me)
        });
        let open: Vec<_> = open.map(|(hash, checkpoint)| (*hash, checkpoint.clone())).collect();
        for (hash, checkpoint) in open {
            if !self.base.held.contains(&hash) {
                self.fetch(hash, false, now);
                continue;
            }
            match self.judge_proposal(&hash, &checkpoint) {
                Ok(()) => {
                    if let Err(error) = self.sign(hash, now) {
                        self.notice(Notice::Disk(error.to_string()));
                    }
                    return; // one at a time: the next may be surpassed by it
                }
                Err(Unsigned::NotYet) => {}
                Err(Unsigned::Never(why)) => {
                    self.base.unsigned.insert(hash);
                    self.notice(Notice::NotSigned { as_of_ms: checkpoint.as_of_ms, why });
                }
            }
        }
    }

    /// Whether a proposal says what the entries held here come to.
    fn judge_proposal(
        &mut self,
        hash: &CheckpointHash,
        checkpoint: &Checkpoint,
    ) -> Result<(), Unsigned> {
        let never = |why: &str| Unsigned::Never(String::from(why));
        let Some(wall_ms) = self.time.own_word(self.own_wall_ms) else {
            return Err(Unsigned::NotYet);
        };
        // The time of the base again moves no horizon, whatever clock it once came from.
        let apart_ms = wall_ms.saturating_sub(checkpoint.as_of_ms).saturating_abs();
        let is_of_base = self.site.ground().as_of_ms == Some(checkpoint.as_of_ms);
        if apart_ms > CLOCKS_APART_MS && !is_of_base {
            return Err(never("its time is not this node's"));
        }
        let base = self.read_base().map_err(|_| Unsigned::NotYet)?;
        let runs_on = base.ground.as_of_ms.is_none_or(|as_of| as_of <= checkpoint.as_of_ms);
        let since_ms =
            if checkpoint.parents.is_empty() { checkpoint.as_of_ms } else { base.ground.since_ms };
        if !runs_on || checkpoint.since_ms != since_ms {
            return Err(never("its times do not follow those of the base"));
        }
        let theirs = shelf::snapshot(&self.store, hash, checkpoint);
        let theirs = theirs.map_err(|_| Unsigned::NotYet)?;
        let theirs = theirs.ok_or_else(|| never("it is no snapshot"))?;
        for (epoch, floor) in &theirs.ground.floors {
            let member = self.site.standing().epochs.get(epoch).ok_or(Unsigned::NotYet)?;
            if member.below < floor.height {
                return Err(never("a log is said to have authority that it has not"));
            }
        }
        let folded = match self.fold_to(&base, theirs.ground.clone()) {
            Ok(folded) => folded,
            Err(NotFolded::Missing | NotFolded::Store(_)) => return Err(Unsigned::NotYet),
            Err(error) => return Err(Unsigned::Never(error.to_string())),
        };
        let mut ours = folded.snapshot;
        for (register, signed) in &theirs.readings {
            let held = self.readings.get(register) == Some(signed);
            if folded.sessions.binary_search(&register.0).is_err() || !(held || is_proven(signed)) {
                return Err(never("a register of use that is nobody's"));
            }
        }
        ours.readings.clone_from(&theirs.readings);
        let list = ours
            .pieces()
            .ok()
            .flatten()
            .map(|pieces| pieces.iter().map(|piece| piece_hash(piece)).collect::<Vec<_>>());
        let same = list.and_then(|list| pieces_hash(&list).ok()) == Some(checkpoint.pieces);
        if same || planted::is(Bug::SignedUnchecked) {
            Ok(())
        } else {
            Err(never("it says something else than the entries"))
        }
    }
}

fn due_entries() -> u64 {
    #[cfg(feature = "chaos")]
    if let Some(entries) = super::pace::checkpoint_after() {
        return entries;
    }
    DUE_ENTRIES
}

fn is_proven(signed: &SignedReading) -> bool {
    reading_bytes(&signed.reading)
        .is_ok_and(|bytes| verifies(&signed.reading.epoch.0, &[&bytes], &signed.signature))
}
