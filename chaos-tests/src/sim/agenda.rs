//! What is due, in order: time skips from one thing to the next.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use actors::link::lane::Lane;
use storage::operation::Ticket;

use super::network::{End, Pair};
use crate::event::HostId;

/// Something that is due. Each bears what tells whether it still concerns anybody: the number of a
/// process or of a link that may be gone by then.
#[derive(Debug)]
pub(super) enum Due {
    /// A process wanted to be woken.
    Wake { host: HostId, process: u64 },
    /// A barrier returns.
    Barrier { host: HostId, process: u64, ticket: Ticket, called_at: u64 },
    /// A kiosk's page is looked at.
    Second { host: HostId, process: u64 },
    /// A host that is switched on starts its process.
    Start { host: HostId },
    /// A process ends and starts again because it asked for it.
    StartAgain { host: HostId, process: u64 },
    /// A host hears of another one, where links are real.
    HearOf { host: HostId, other: HostId },
    /// A host looks for others to link to.
    Dial { host: HostId, process: u64 },
    /// Greetings have crossed the wire: both ends judge.
    Judge { pair: Pair, dialler: End, processes: [u64; 2] },
    /// Lanes are open.
    Open { pair: Pair, processes: [u64; 2] },
    /// A frame comes out of the wire.
    Arrive { pair: Pair, link: u64, from: End, lane: Lane, frame: Vec<u8> },
    /// The next frame may go into a wire that has a cap.
    Depart { pair: Pair, link: u64, from: End },
    /// An end that has heard nothing since gives the link up.
    Idle { pair: Pair, link: u64, end: End },
    /// A fault of the scenario begins.
    Upset { step: usize },
    /// A fault ends.
    Mend { number: u32 },
    /// A switch that flaps turns.
    Flap { number: u32 },
    /// A store is copied, for a fault that will bring the copy back.
    Copy { step: usize },
    /// A host of the other release writes what this one does not know.
    WriteUnknown { host: HostId, process: u64 },
    /// A thief does something.
    Attack { host: HostId, number: u32 },
    /// A load of the scenario begins, or goes on.
    Load { load: usize, turn: u32 },
    /// A patron does the next thing.
    Patron { patron: usize },
    /// An answer that has not come by now does not come.
    GiveUp { host: HostId, ask: u64 },
    /// Staff look for what has ended, as the keeper does.
    Keep { host: HostId, process: u64 },
    /// What every host takes up is weighed.
    Weigh,
}

struct Item {
    at: u64,
    number: u64,
    due: Due,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    /// The earliest is the greatest; of two at one time the one that was noted first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Agenda {
    items: BinaryHeap<Item>,
    noted: u64,
}

impl Agenda {
    /// Notes something for a true time.
    pub(super) fn note(&mut self, at: u64, due: Due) {
        self.noted += 1;
        self.items.push(Item { at, number: self.noted, due });
    }

    /// When the next thing is due.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.items.peek().map(|item| item.at)
    }

    /// The next thing that is due until then, and when.
    pub(super) fn next_until(&mut self, until: u64) -> Option<(u64, Due)> {
        if self.items.peek()?.at > until {
            return None;
        }
        self.items.pop().map(|item| (item.at, item.due))
    }
}
