//! Proofs that an epoch wrote two histories.

use domain::id::{EpochId, NodeId};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use storage::ledger_store::LedgerStore;
use storage::operation::{Op, Table};

use crate::entry::Entry;
use crate::replica::message::{LedgerMessage, Message};
use crate::replica::{Notice, ROUND_MS, Replica};

impl<S: LedgerStore + Clone> Replica<S> {
    /// Takes the proof in that an epoch wrote two histories, keeps it and passes it on.
    pub(in crate::replica) fn hear_fork(
        &mut self,
        from: NodeId,
        one: &[u8],
        other: &[u8],
        now: Moment,
    ) {
        let Some(epoch) = self.take_fork(one, other, now) else {
            return;
        };
        let proof = (one.to_vec(), other.to_vec());
        let Ok(value) = domain::codec::encode(&proof) else {
            return;
        };
        let key = Self::fork_key(&epoch);
        if self.stage(vec![Op::Put { table: Table::Local, key, value }], now).is_err() {
            return;
        }
        if let Ok(entry) = Entry::parse(one) {
            let node = self.site.node_of(&epoch);
            self.notice(Notice::Fork { node, epoch, seq: entry.id.seq });
        }
        if planted::is(Bug::ForkNotPassedOn) {
            return;
        }
        let others: Vec<NodeId> = self.peers.keys().copied().filter(|peer| *peer != from).collect();
        for peer in others {
            let (one, other) = proof.clone();
            self.send(peer, Message::Ledger(LedgerMessage::Fork(one, other)));
        }
    }

    /// Judges a proof; returns the epoch if it says something new.
    pub(in crate::replica) fn take_fork(
        &mut self,
        one: &[u8],
        other: &[u8],
        now: Moment,
    ) -> Option<EpochId> {
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
        // Each proof that reaches further back folds the ledger again: an author of two histories
        // gets that done once a round at most.
        let told = self.fork_told.get(&first.id.epoch);
        if told.is_some_and(|at| now.since(*at) < ROUND_MS) {
            return None;
        }
        self.fork_told.insert(first.id.epoch, now.boot_ms);
        let height = self.frontier.get(&first.id.epoch).map_or(0, |reach| reach.height);
        if first.id.seq > height && lowest.is_some() {
            return None; // says nothing of what is held, and one proof is there already
        }
        let mut effect = self.site.apply_fork(first.id.epoch, first.id.seq);
        effect.refold &= first.id.seq < height;
        self.fork_proofs.insert(first.id.epoch, (one.to_vec(), other.to_vec()));
        self.root = None;
        self.follow(effect, now);
        Some(first.id.epoch)
    }

    /// Proofs about nobody are not kept: anyone can make up keys.
    pub(in crate::replica) fn frontier_or_chain_knows(&self, epoch: &EpochId) -> bool {
        self.frontier.is_empty()
            || self.frontier.contains_key(epoch)
            || self.site.chain().node_of(epoch).is_some()
    }
}
