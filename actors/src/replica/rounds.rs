//! Rounds of anti-entropy: on a timer, gated by one hash, so that an idle site says almost nothing.

use domain::authority::NodeKind;
use domain::id::NodeId;
use domain::moment::Moment;
use domain::planted::{self, Bug};
use sha2::{Digest, Sha256};
use storage::ledger_store::LedgerStore;

use super::message::{LedgerMessage, MOST_REACHES, Message, Reach};
use super::{Notice, ROUND_MS, Replica, site_time};

/// The registers are compared each so many rounds, as a net under what is sent at once.
const USES_EVERY: u64 = 12;
/// A wrong wall clock is spoken of once an hour.
const CLOCK_EVERY: u64 = 3_600_000 / ROUND_MS;
/// Receipts that did not come are asked for each so many rounds.
const RECEIPTS_EVERY: u64 = 6;
/// Rows are compared each so many rounds.
const ROWS_EVERY: u64 = 3;

impl<S: LedgerStore + Clone> Replica<S> {
    pub(super) fn round_if_due(&mut self, now: Moment) {
        if now.boot_ms < self.next_round {
            return;
        }
        self.next_round = now.boot_ms + ROUND_MS;
        self.rounds += 1;
        let own = self.own_wall_ms;
        if !site_time::is_possible(own) && self.rounds % CLOCK_EVERY == 1 {
            self.notice(Notice::Clock(own));
        }
        let peers: Vec<(NodeId, NodeKind)> =
            self.peers.iter().map(|(peer, link)| (*peer, link.kind)).collect();
        for (peer, kind) in peers {
            let again = self.rounds < 2 || !planted::is(Bug::ComparedOnce);
            if self.begins_rounds(peer, kind) && again {
                self.send_round(peer);
            }
            self.send_changed_readings(peer);
            let behind =
                self.peers.get_mut(&peer).is_some_and(|peer| std::mem::take(&mut peer.uses_behind));
            if behind {
                self.send_use_digest(peer, true);
            } else if self.rounds.is_multiple_of(USES_EVERY) {
                self.send_use_root(peer);
            }
            if self.rounds.is_multiple_of(RECEIPTS_EVERY) {
                self.ask_for_receipt(peer);
            }
            let rows_behind =
                self.peers.get_mut(&peer).is_some_and(|peer| std::mem::take(&mut peer.rows_behind));
            let rows_due = rows_behind || self.rounds.is_multiple_of(ROWS_EVERY);
            if kind == NodeKind::Admin && rows_due {
                self.send_row_round(peer);
            }
        }
        self.tend_checkpoints(now);
    }

    /// Whether this end of a link begins its rounds: one word a round suffices where nothing is new.
    /// Admin nodes do, for kiosks want their time and other admin nodes their word that all is there.
    pub(super) fn begins_rounds(&self, peer: NodeId, kind: NodeKind) -> bool {
        match (self.me.kind, kind) {
            (NodeKind::Admin, _) => true,
            (NodeKind::Kiosk, NodeKind::Admin) => false,
            (NodeKind::Kiosk, NodeKind::Kiosk) => self.me.node() < peer,
        }
    }

    pub(super) fn send_round(&mut self, peer: NodeId) {
        let own_word = match self.me.kind {
            NodeKind::Kiosk if planted::is(Bug::KioskClockVotes) => Some(self.own_wall_ms),
            NodeKind::Admin | NodeKind::Kiosk => self.time.own_word(self.own_wall_ms),
        };
        let wall_ms = own_word.unwrap_or(0);
        let (root, base) = (self.root(), self.base.name());
        self.send(peer, Message::Ledger(LedgerMessage::Round { root, base, wall_ms }));
    }

    pub(super) fn send_row_round(&mut self, peer: NodeId) {
        let admin = self.peers.get(&peer).is_some_and(|peer| peer.kind == NodeKind::Admin);
        if admin && let Some(message) = self.vault.as_mut().and_then(|vault| vault.begin_round()) {
            self.send(peer, Message::Row(message));
        }
    }

    /// Hash over what others would be told of the ledger.
    pub(super) fn root(&mut self) -> [u8; 32] {
        if let Some(root) = self.root {
            return root;
        }
        let mut hash = Sha256::new_with_prefix(b"poste-frontier-1");
        for reach in self.frontier.values() {
            let told = self.told(reach);
            hash.update(told.epoch.0);
            hash.update(told.height.to_le_bytes());
            hash.update(told.head);
        }
        for (epoch, seq) in self.site.chain().forks() {
            hash.update(epoch.0);
            hash.update(seq.to_le_bytes());
        }
        let root = hash.finalize().into();
        self.root = Some(root);
        root
    }

    pub(super) fn send_frontier(&mut self, to: NodeId) {
        let reaches: Vec<Reach> = self.frontier.values().map(|reach| self.told(reach)).collect();
        let mut parts: Vec<&[Reach]> = reaches.chunks(MOST_REACHES).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let last = parts.len() - 1;
        for (place, part) in parts.into_iter().enumerate() {
            let more = place < last;
            let message = LedgerMessage::Frontier { more, reaches: part.to_vec() };
            self.send(to, Message::Ledger(message));
        }
    }
}
