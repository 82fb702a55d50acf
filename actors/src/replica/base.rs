//! The base beneath this node's entries: the agreed checkpoints that it has adopted, on its disk and
//! in its state.
//!
//! Adopting writes down which checkpoints make up the base, after their pieces; then the state is
//! folded again on the new base. A crash in between leaves the old base and pieces that nobody names,
//! which the next start removes.

use std::collections::{BTreeMap, BTreeSet};

use domain::authority::NodeKind;
use domain::checkpoint::{Ballots, Checkpoint, CheckpointHash, Ground};
use domain::codec;
use domain::fact::{CheckpointSigned, Fact};
use domain::id::{EntryId, EpochId, NodeId, SessionId};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::operation::{Op, Ticket};

use super::checkpoints::Fetch;
use super::message::Reach;
use super::readings::REGISTERS_AT_ONCE;
use super::{Notice, Output, Replica};
use crate::entry::Author;
use crate::snapshot::{Snapshot, shelf};

/// The name of no base.
pub(super) const NO_BASE: [u8; 32] = [0; 32];
/// Checkpoints that are remembered to say nothing new.
const MOST_SURPASSED: usize = 256;
/// Pieces that are written at a time.
const PIECES_AT_ONCE: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Base {
    /// The adopted checkpoints that no other adopted one surpasses.
    pub(super) heads: BTreeMap<CheckpointHash, (Checkpoint, Ground)>,
    /// Every signature known.
    pub(super) ballots: Ballots,
    /// What the base says in whole entries.
    pub(super) entries: BTreeMap<EntryId, Vec<u8>>,
    /// Logs with entries below their floor, and the first of these.
    pub(super) to_prune: BTreeMap<EpochId, u64>,
    /// Checkpoints whose pieces are in the store.
    pub(super) held: BTreeSet<CheckpointHash>,
    /// Checkpoints that say nothing which the base does not say.
    pub(super) surpassed: BTreeSet<CheckpointHash>,
    /// Proposals that this admin node does not sign.
    pub(super) unsigned: BTreeSet<CheckpointHash>,
    /// Agreed checkpoints that no linked node would give: they may have been surpassed long ago.
    pub(super) in_vain: BTreeSet<CheckpointHash>,
    /// The snapshot that is on its way here.
    pub(super) fetch: Option<Fetch>,
    /// Whether something came that may make a checkpoint agreed.
    pub(super) stirred: bool,
    /// What must be durable before anything beneath the base is dropped.
    pub(super) ticket: Ticket,
    /// Since when there has been something to prune: site time of the checkpoint that speaks for it.
    pub(super) to_prune_since_ms: i64,
    /// Rounds for which a checkpoint has been due.
    pub(super) due_rounds: u64,
    /// Epochs that came too late, and were spoken of.
    pub(super) refused_told: BTreeSet<EpochId>,
}

impl Base {
    /// The names of the checkpoints that make it up, ascending.
    pub(super) fn parents(&self) -> Vec<CheckpointHash> {
        self.heads.keys().copied().collect()
    }

    /// A name for all of it; [`NO_BASE`] without any.
    pub(super) fn name(&self) -> [u8; 32] {
        if self.heads.is_empty() {
            return NO_BASE;
        }
        codec::hash(b"poste-base-1", &self.parents()).unwrap_or_default()
    }

    /// Every signature under the checkpoints that make it up.
    pub(super) fn signed(&self) -> Vec<CheckpointSigned> {
        self.heads.keys().flat_map(|hash| self.ballots.signed(hash)).collect()
    }
}

impl<S: LedgerStore + Clone> Replica<S> {
    /// Reads which checkpoints make up the base, and what they say; removes what a crash left.
    pub(super) fn load_base(&mut self, now: Moment) -> Result<Snapshot, StoreError> {
        let mut signed = shelf::base(&self.store)?;
        if !signed.is_empty() && planted::is(Bug::BaseForgotten) {
            signed.clear();
        }
        let mut whole = Snapshot::default();
        for signed in &signed {
            let Ok(hash) = signed.checkpoint.hash() else { continue };
            self.base.ballots.take(signed);
            if self.base.heads.contains_key(&hash) {
                continue;
            }
            match shelf::snapshot(&self.store, &hash, &signed.checkpoint)? {
                Some(snapshot) => {
                    let ground = snapshot.ground.clone();
                    self.base.heads.insert(hash, (signed.checkpoint.clone(), ground));
                    self.base.held.insert(hash);
                    whole.join(snapshot);
                }
                None => self.notice(Notice::BaseDamaged),
            }
        }
        self.base.ballots.keep(self.base.parents());
        let times = self.base.heads.values().map(|(checkpoint, _)| checkpoint.as_of_ms);
        self.base.to_prune_since_ms = times.min().unwrap_or_default();
        self.drop_unnamed_pieces(now)?;
        Ok(whole)
    }

    /// What the base says.
    pub(super) fn read_base(&mut self) -> Result<Snapshot, StoreError> {
        let mut whole = Snapshot::default();
        let heads: Vec<_> = self.base.heads.iter().map(|(h, (c, _))| (*h, c.clone())).collect();
        for (hash, checkpoint) in heads {
            match shelf::snapshot(&self.store, &hash, &checkpoint)? {
                Some(snapshot) => whole.join(snapshot),
                None => self.notice(Notice::BaseDamaged),
            }
        }
        Ok(whole)
    }

    /// Puts a snapshot's pieces into the store, their list first.
    pub(super) fn write_pieces(
        &mut self,
        hash: CheckpointHash,
        list: &[[u8; 32]],
        pieces: Vec<Vec<u8>>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut puts = shelf::put(hash, list, pieces);
        loop {
            let page: Vec<Op> = puts.by_ref().take(PIECES_AT_ONCE).collect();
            if page.is_empty() {
                break;
            }
            self.stage(page, now)?;
        }
        self.base.held.insert(hash);
        Ok(())
    }

    fn drop_pieces(&mut self, hash: &CheckpointHash, now: Moment) -> Result<(), StoreError> {
        self.base.held.remove(hash);
        let ops = shelf::remove(&self.store, hash)?;
        self.stage(ops, now).map(|_| ())
    }

    fn drop_unnamed_pieces(&mut self, now: Moment) -> Result<(), StoreError> {
        for hash in shelf::checkpoints(&self.store)? {
            if !self.base.heads.contains_key(&hash) {
                self.drop_pieces(&hash, now)?;
            }
        }
        Ok(())
    }

    /// Removes what belongs to no checkpoint of which anything is remembered.
    pub(super) fn drop_forgotten_pieces(&mut self, now: Moment) -> Result<(), StoreError> {
        let ballots = &self.base.ballots;
        let held = self.base.held.iter();
        let forgotten: Vec<_> =
            held.filter(|hash| ballots.checkpoint(hash).is_none()).copied().collect();
        forgotten.iter().try_for_each(|hash| self.drop_pieces(hash, now))
    }

    /// Notes which checkpoints make up the base.
    pub(super) fn write_base(&mut self, now: Moment) -> Result<(), StoreError> {
        let op = shelf::put_base(&self.base.signed());
        self.base.ticket = self.stage(vec![op], now)?;
        Ok(())
    }

    /// Makes an agreed checkpoint, whose pieces are in the store, part of the base.
    pub(super) fn adopt(&mut self, hash: CheckpointHash, now: Moment) {
        let Some(checkpoint) = self.base.ballots.checkpoint(&hash).cloned() else {
            return;
        };
        match shelf::snapshot(&self.store, &hash, &checkpoint) {
            Ok(Some(snapshot)) => self.adopt_snapshot(hash, checkpoint, snapshot, now),
            Ok(None) => {
                self.base.held.remove(&hash); // damaged: it is asked for again
            }
            Err(error) => self.notice(Notice::Disk(error.to_string())),
        }
    }

    /// As [`Self::adopt`], where the snapshot has been read.
    pub(super) fn adopt_snapshot(
        &mut self,
        hash: CheckpointHash,
        checkpoint: Checkpoint,
        snapshot: Snapshot,
        now: Moment,
    ) {
        if let Err(error) = self.take_over(hash, checkpoint, snapshot, now) {
            self.notice(Notice::Disk(error.to_string()));
        }
    }

    fn take_over(
        &mut self,
        hash: CheckpointHash,
        checkpoint: Checkpoint,
        snapshot: Snapshot,
        now: Moment,
    ) -> Result<(), StoreError> {
        let ground = snapshot.ground.clone();
        if self.base.heads.values().any(|(_, known)| known.surpasses(&ground)) {
            self.base.surpassed.insert(hash);
            return self.drop_pieces(&hash, now);
        }
        let heads = self.base.heads.iter();
        let past = heads.filter(|(_, (_, known))| ground.surpasses(known));
        let past: Vec<CheckpointHash> = past.map(|(hash, _)| *hash).collect();
        for hash in &past {
            self.base.heads.remove(hash);
        }
        let as_of_ms = checkpoint.as_of_ms;
        self.base.heads.insert(hash, (checkpoint, ground));
        self.base.ballots.keep(self.base.parents());
        self.write_base(now)?;
        let base = if self.base.heads.len() == 1 { snapshot } else { self.read_base()? };
        self.time.hear_signed(as_of_ms);
        let before = self.frontier.clone();
        if self.base.to_prune.is_empty() {
            self.base.to_prune_since_ms = as_of_ms;
        }
        self.load_ledger(&base)?;
        self.owe_receipts(&before);
        self.settle_readings(base.readings.into_values(), now)?;
        self.forget_lost_registers(now)?;
        if self.base.surpassed.len() > MOST_SURPASSED {
            self.base.surpassed.clear(); // what is offered again is found to be surpassed again
        }
        self.base.surpassed.extend(&past);
        self.base.in_vain.clear();
        self.base.unsigned.clear(); // they were proposed upon another base
        self.base.due_rounds = 0;
        let kept: BTreeSet<_> = self.base.heads.keys().copied().collect();
        self.base.ballots.retain(|other| other.as_of_ms > as_of_ms);
        let unnamed: Vec<_> =
            self.base.held.iter().filter(|hash| !kept.contains(*hash)).copied().collect();
        for hash in unnamed {
            self.drop_pieces(&hash, now)?;
        }
        self.notice(Notice::Adopted { as_of_ms, logs: self.site.ground().floors.len() });
        self.out.push(Output::Changed { by_fact: true });
        self.drop_revoked();
        self.begin_again_if_refused(now)?;
        if self.me.kind == NodeKind::Admin && self.counts() {
            self.sign(hash, now)?;
        }
        self.catch_up(now);
        Ok(())
    }

    /// What came with the base is held here as well as what comes in entries, and their authors wait to
    /// hear so.
    fn owe_receipts(&mut self, before: &BTreeMap<EpochId, Reach>) {
        let me = self.me.node();
        for (epoch, reach) in &self.frontier {
            if before.get(epoch).is_none_or(|held| held.height < reach.height) {
                self.receipts.owe(self.base.ticket, *epoch, reach.height, me);
            }
        }
    }

    /// What peers told of before now joins the base: it is asked for at once.
    fn catch_up(&mut self, now: Moment) {
        let peers: Vec<NodeId> = self.peers.keys().copied().collect();
        for peer in peers {
            if let Some(linked) = self.peers.get_mut(&peer) {
                linked.pulling_until = None;
            }
            self.pull(peer, now);
            self.send_use_digest(peer, true);
            self.send_row_round(peer);
        }
    }

    /// Signs a checkpoint, if this node has not.
    pub(super) fn sign(&mut self, hash: CheckpointHash, now: Moment) -> Result<(), StoreError> {
        let node = self.me.node();
        let Some(checkpoint) = self.base.ballots.checkpoint(&hash).cloned() else {
            return Ok(());
        };
        if self.base.ballots.signers(&hash).contains(&node) {
            return Ok(());
        }
        self.sign_checkpoint(checkpoint, now)
    }

    /// Registers of sessions that the base has left out.
    fn forget_lost_registers(&mut self, now: Moment) -> Result<(), StoreError> {
        let lost =
            self.readings.registers().filter(|(session, _)| self.site.session(session).is_none());
        let lost: Vec<_> = lost.copied().collect();
        for page in lost.chunks(REGISTERS_AT_ONCE) {
            let ops = self.readings.forget(page);
            self.stage(ops, now)?;
        }
        let sessions: BTreeSet<SessionId> = lost.into_iter().map(|(session, _)| session).collect();
        for session in &sessions {
            self.site.forget_readings(session);
        }
        Ok(())
    }

    /// Where this process's epoch began before anything was known of a base that is older than the
    /// horizon, nothing that it wrote counts, and it was little: certificates. Another begins, and says
    /// all of them again: what the first one said of this node, no later base would have.
    fn begin_again_if_refused(&mut self, now: Moment) -> Result<(), StoreError> {
        let epoch = self.author.epoch();
        if !self.site.refused_epochs().any(|refused| *refused == epoch) {
            return Ok(());
        }
        self.author = Author::new(rand::RngExt::random(&mut self.rng));
        self.receipts.forget_holders();
        self.begin_epoch_with(self.me.certificates.clone(), now)?;
        self.carry_run_over(epoch, now);
        Ok(())
    }

    /// An entry, from the store or from what the base keeps whole.
    pub fn entry_bytes(&self, id: &EntryId) -> Option<Vec<u8>> {
        let stored = self.store.entry(&id.epoch.0, id.seq).ok().flatten();
        stored.or_else(|| self.base.entries.get(id).cloned())
    }

    /// The newest checkpoint of this node's base: its site time (ms since 1970) and its name.
    pub fn base(&self) -> Option<(i64, CheckpointHash)> {
        let heads = self.base.heads.iter();
        heads.map(|(hash, (checkpoint, _))| (checkpoint.as_of_ms, *hash)).max()
    }

    /// Epochs that came too late, beyond the horizon, and said more than who they are: without
    /// effect, whole.
    pub fn refused_epochs(&self) -> Vec<EpochId> {
        let refused = self.site.refused_epochs();
        refused.filter(|epoch| self.says_more_than_certificates(epoch)).copied().collect()
    }

    pub(super) fn says_more_than_certificates(&self, epoch: &EpochId) -> bool {
        let beginning = self.store.entries(&epoch.0, 0, 16, usize::MAX).unwrap_or_default();
        beginning.iter().any(|(_, bytes)| {
            let entry = crate::entry::Entry::parse(bytes).ok();
            let fact = entry.and_then(|entry| Fact::decode(&entry.body).ok().flatten());
            fact.is_none_or(|fact| {
                !fact.speaks_for_itself() && !matches!(fact, Fact::BootCertificate(_))
            })
        })
    }
}
