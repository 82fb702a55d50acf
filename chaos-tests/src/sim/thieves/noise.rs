//! What a thief sends for the harm that it does on its way: old frames, too many, and unreadable ones.

use actors::entry::Entry;
use actors::link::lane::Lane;
use actors::replica::message::{LedgerMessage, MOST_REACHES, Message, Reach, UseMessage};
use domain::id::EpochId;
use rand::RngExt;
use rand::seq::IndexedRandom;

use crate::event::{Event, HostId};
use crate::sim::world::World;

/// Messages in one burst.
const BURST: usize = 24;

impl World {
    /// Old frames, again and again, to anybody.
    pub(super) fn replay(&mut self, host: HostId) {
        self.tell(Event::Attacked { host, entries: Vec::new() });
        let heard = self.thieves.get(&host).map(|thief| thief.heard.clone()).unwrap_or_default();
        let heard: Vec<_> = heard.into_iter().collect();
        let peers: Vec<HostId> = self
            .stage
            .running(host)
            .map(|p| p.peers.values().copied().collect())
            .unwrap_or_default();
        for _ in 0..BURST {
            let (Some((lane, frame)), Some(peer)) =
                (heard.choose(&mut self.rng).cloned(), peers.choose(&mut self.rng).copied())
            else {
                return;
            };
            self.send_frame(host, peer, lane, frame);
        }
    }

    /// As many bytes as pass.
    pub(super) fn flood(&mut self, host: HostId) {
        self.tell(Event::Attacked { host, entries: Vec::new() });
        let epochs: Vec<EpochId> = self
            .stage
            .running(host)
            .map(|process| process.replica.frontier().map(|reach| reach.epoch).collect())
            .unwrap_or_default();
        for _ in 0..BURST {
            let message = match self.rng.random_range(0..3) {
                0 => {
                    let wants = epochs.iter().take(200).map(|epoch| (*epoch, 0)).collect();
                    Message::Ledger(LedgerMessage::Want(wants))
                }
                1 => {
                    let reaches = (0..MOST_REACHES / 10).map(|_| Reach {
                        epoch: EpochId(self.rng.random()),
                        pruned_below: 0,
                        height: self.rng.random_range(1..1_000_000),
                        head: self.rng.random(),
                    });
                    let reaches = reaches.collect();
                    Message::Ledger(LedgerMessage::Frontier { more: false, reaches })
                }
                _ => {
                    let buckets =
                        (0..actors::replica::message::BUCKETS).map(|_| self.rng.random()).collect();
                    Message::Use(UseMessage::Digest { buckets, reply: true })
                }
            };
            self.shout(host, &message);
        }
    }

    /// What no honest program sends.
    pub(super) fn poison(&mut self, host: HostId) {
        self.tell(Event::Attacked { host, entries: Vec::new() });
        let Some(peer) = self.some_node(host) else {
            return;
        };
        let Some(peer) = self.stage.running(host).and_then(|p| p.peers.get(&peer).copied()) else {
            return;
        };
        let fact = self.draw_forgery(host);
        let mut entries: Vec<Vec<u8>> =
            self.write_as_thief(host, &[fact]).iter().map(Entry::to_bytes).collect();
        match self.rng.random_range(0..4) {
            0 => {
                let length = self.rng.random_range(1..600);
                let frame: Vec<u8> = (0..length).map(|_| self.rng.random()).collect();
                self.send_frame(host, peer, Lane::Ledger, frame);
                return;
            }
            // A gap: the first is missing, so nothing follows anything.
            1 => entries.truncate(1),
            // Of a layout that does not exist yet.
            2 => entries.iter_mut().for_each(|bytes| bytes[0] = 9),
            // Signed by nobody.
            _ => {
                for bytes in &mut entries {
                    let place = self.rng.random_range(1..bytes.len());
                    bytes[place] ^= 1;
                }
            }
        }
        let message = LedgerMessage::Entries { more: false, answer: false, entries };
        self.say_to(host, peer, &Message::Ledger(message));
    }
}
