//! A thief who tells more than one history under the stolen key.

use actors::entry::Entry;
use actors::replica::message::{LedgerMessage, Message};
use domain::fact::{Fact, MessageAcknowledged, RowErased};
use domain::id::{KioskId, RowId};
use rand::RngExt;

use crate::event::{Event, HostId};
use crate::sim::founding::STAFF;
use crate::sim::world::World;

impl World {
    /// Two histories: one hears this, another that, a third the end of that after all of this.
    pub(super) fn equivocate(&mut self, host: HostId) {
        let [short, long] = self.two_histories(host);
        let Some(first) = short.first().map(|entry| entry.id) else {
            return;
        };
        self.tell(Event::Equivocated { host, epoch: first.epoch, seq: first.seq });
        // Each alone is within the role: where only one ever arrives, it counts.
        self.tell(Event::Attacked { host, entries: Vec::new() });
        let mixed = short.iter().chain(long.iter().skip(1)).cloned().collect();
        self.tell_by_turns(host, &[short, long, mixed]);
    }

    /// An entry that follows one which nobody ever hears of.
    pub(super) fn follow_nothing(&mut self, host: HostId) {
        let [short, long] = self.two_histories(host);
        let Some(last) = long.last() else {
            return;
        };
        self.tell(Event::Attacked { host, entries: vec![last.id] });
        let broken = short.iter().chain([last]).cloned().collect();
        self.tell_by_turns(host, &[broken]);
    }

    /// Two histories that begin alike; the second goes on for longer. The next two are in a log of
    /// their own.
    fn two_histories(&mut self, host: HostId) -> [Vec<Entry>; 2] {
        let kiosk = self.stage.host(host).and_then(|home| home.identity.kiosk);
        let beginning = self.write_as_thief(host, &[]);
        self.tell_entries(host, &beginning);
        let log = self.thieves.get_mut(&host).and_then(|thief| thief.log.take());
        let hint_ms = self.time.wall_ms();
        [1, 2].map(|length| {
            let mut history = Vec::new();
            let Some(mut author) = log.clone() else {
                return history;
            };
            for _ in 0..length {
                // Each would have effect, if the other were not there.
                let row = RowId(self.rng.random());
                let fact = match kiosk {
                    Some(kiosk) => {
                        let message = self.unread_on(host, kiosk).unwrap_or(row);
                        Fact::MessageAcknowledged(MessageAcknowledged { message, kiosk })
                    }
                    None => Fact::RowErased(RowErased { row, by: STAFF }),
                };
                let entry = fact.encode().ok().and_then(|body| author.entry(body, hint_ms));
                entry.iter().for_each(|entry| author.advance(entry));
                history.extend(entry);
            }
            history
        })
    }

    /// A message that nobody has read on a kiosk.
    fn unread_on(&mut self, host: HostId, kiosk: KioskId) -> Option<RowId> {
        let kiosks = self.stage.running(host)?.replica.site().kiosks();
        kiosks.get(&kiosk)?.unread().next().copied()
    }

    /// Tells each peer one of these.
    fn tell_by_turns(&mut self, host: HostId, histories: &[Vec<Entry>]) {
        let peers: Vec<HostId> = self
            .stage
            .running(host)
            .map(|process| process.peers.values().copied().collect())
            .unwrap_or_default();
        for (peer, told) in peers.into_iter().zip(histories.iter().cycle()) {
            let entries = told.iter().map(Entry::to_bytes).collect();
            let message = LedgerMessage::Entries { more: false, answer: false, entries };
            self.say_to(host, peer, &Message::Ledger(message));
        }
    }
}
