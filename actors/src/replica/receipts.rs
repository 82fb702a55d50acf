//! Receipts: signed words that entries are on a disk, never mistaken for the entries themselves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::authority::NodeKind;
use domain::id::{EpochId, NodeId, verifies};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use storage::ledger_store::LedgerStore;
use storage::operation::Ticket;

use super::message::{LedgerMessage, MOST_REACHES, Message, Receipt, receipt_bytes};
use super::{Output, ROUND_MS, Replica};

/// What others hold of this epoch's log, and what this node owes others a word about.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// Below which number each node holds this epoch's log durably.
    held: BTreeMap<NodeId, u64>,
    /// Growth of logs that no receipt was given for yet, in the order of staging.
    owed: VecDeque<Owed>,
    /// When a receipt was last given for a log (boot time).
    given: BTreeMap<EpochId, u64>,
}

/// A log grew.
#[derive(Debug)]
struct Owed {
    ticket: Ticket,
    epoch: EpochId,
    height: u64,
    from: NodeId,
}

/// Growth that may wait for the disk; what is beyond is receipted with what follows it.
const MOST_OWED: usize = 10_000;

impl Receipts {
    pub(super) fn owe(&mut self, ticket: Ticket, epoch: EpochId, height: u64, from: NodeId) {
        if self.owed.len() >= MOST_OWED {
            self.owed.pop_front();
        }
        self.owed.push_back(Owed { ticket, epoch, height, from });
    }

    /// What has become durable: the height of each log, and who sent its growth.
    fn due(&mut self, durable: Ticket) -> BTreeMap<EpochId, (u64, BTreeSet<NodeId>)> {
        let mut due: BTreeMap<EpochId, (u64, BTreeSet<NodeId>)> = BTreeMap::new();
        let is_due = |owed: &&Owed| owed.ticket <= durable || planted::is(Bug::ReceiptEarly);
        while let Some(owed) = self.owed.front().filter(is_due) {
            let (height, senders) = due.entry(owed.epoch).or_default();
            *height = (*height).max(owed.height);
            senders.insert(owed.from);
            self.owed.pop_front();
        }
        due
    }

    /// A new epoch begins, of which nobody holds anything.
    pub(super) fn forget_holders(&mut self) {
        self.held.clear();
    }

    /// The nodes that said they hold entry `seq` of this epoch.
    pub(super) fn holders(&self, seq: u64) -> impl Iterator<Item = &NodeId> {
        self.held.iter().filter(move |(_, height)| **height > seq).map(|(node, _)| node)
    }
}

impl<S: LedgerStore + Clone> Replica<S> {
    /// Tells the senders, the authors and the admin nodes what has become durable here. An amnesic
    /// node's word is worth nothing after a power cut, so it gives none.
    pub(super) fn send_receipts(&mut self, now: Moment) {
        let due = self.receipts.due(self.durable);
        if self.me.amnesic || (!due.is_empty() && planted::is(Bug::ReceiptForgotten)) {
            return;
        }
        self.receipts.given.extend(due.keys().map(|epoch| (*epoch, now.boot_ms)));
        let mut letters: BTreeMap<NodeId, Vec<(EpochId, u64)>> = BTreeMap::new();
        for (epoch, (height, senders)) in due {
            let author = self.site.node_of(&epoch);
            for (peer, linked) in &self.peers {
                if linked.kind == NodeKind::Admin || senders.contains(peer) || author == Some(*peer)
                {
                    letters.entry(*peer).or_default().push((epoch, height));
                }
            }
        }
        for (peer, held) in letters {
            for held in held.chunks(MOST_REACHES) {
                let by = self.author.epoch();
                let Ok(bytes) = receipt_bytes(&by, held) else {
                    continue;
                };
                let signature = self.author.sign(&bytes);
                let receipt = Receipt { by, held: held.to_vec(), signature };
                let message = Message::Ledger(LedgerMessage::Receipt(receipt));
                self.out.push(Output::Send { peer, message });
            }
        }
    }

    /// A receipt may be lost on its way, and a log may never grow again: a linked node that has given
    /// none for all of this one is shown its last entry once more, and answers to that.
    pub(super) fn ask_for_receipt(&mut self, peer: NodeId) {
        let (epoch, height) = (self.author.epoch(), self.author.height());
        let held = self.receipts.held.get(&peer).copied().unwrap_or(0);
        if held >= height || self.forgets(&peer) {
            return;
        }
        let last = height.checked_sub(1).map(|last| self.store.entry(&epoch.0, last));
        if let Some(Ok(Some(entry))) = last {
            self.send_news(peer, vec![entry]);
        }
    }

    /// Entries came once more: where their author sent them, a receipt of his was lost.
    pub(super) fn owe_again(&mut self, from: NodeId, logs: BTreeSet<EpochId>, now: Moment) {
        let lately = |given: &u64| now.since(*given) < ROUND_MS;
        for epoch in logs {
            let is_authors = self.site.node_of(&epoch) == Some(from);
            if is_authors && !self.receipts.given.get(&epoch).is_some_and(lately) {
                let height = self.frontier.get(&epoch).map_or(0, |reach| reach.height);
                self.receipts.owe(self.staged, epoch, height, from);
            }
        }
        if self.staged <= self.durable {
            self.send_receipts(now);
        }
    }

    pub(super) fn hear_receipt(&mut self, receipt: &Receipt, now: Moment) {
        let own = self.author.epoch();
        let Some((_, height)) = receipt.held.iter().find(|(epoch, _)| *epoch == own) else {
            return;
        };
        let Some((node, amnesic)) = self.site.chain().node_of(&receipt.by) else {
            return;
        };
        let proven = receipt_bytes(&receipt.by, &receipt.held)
            .is_ok_and(|bytes| verifies(&receipt.by.0, &[&bytes], &receipt.signature));
        if amnesic || !proven || !self.site.standing().is_member(&node) {
            return;
        }
        let held = self.receipts.held.entry(node).or_default();
        *held = (*held).max((*height).min(self.author.height()));
        let height = *held;
        self.deliveries.confirm(&node, height, now, self.site.standing());
        self.out.push(Output::Changed { by_fact: true });
    }
}
