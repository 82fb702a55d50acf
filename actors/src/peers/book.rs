//! The dial book: where nodes may be, and when to try them next. Pure; time is an argument.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::link::close::{CloseReason, LinkEnd};
use crate::link::handshake::PeerKind;

/// The wait after the first failure; doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The longest wait, and the wait after a refusal: what refused once will not differ at once.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Nodes and bare addresses that are remembered.
const MAX_ENTRIES: usize = 1024;

/// Addresses remembered for one node.
const MAX_ADDRESSES: usize = 8;

/// A dial that has not been reported after this long was lost with its task.
const DIAL_LOST: Duration = Duration::from_secs(30);

/// How long the node with the greater id lets the other one dial first, so that two nodes that
/// see each other at the same moment seldom make two connections.
const COURTESY: Duration = Duration::from_millis(250);

/// Somebody may be at this address. Never trusted further than to dial it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// The node that is said to be there, if any is said.
    pub node: Option<[u8; 32]>,
    /// Its UDP address.
    pub address: SocketAddr,
    /// The kind of node that it is said to be.
    pub kind: PeerKind,
}

/// Who an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whom {
    Node([u8; 32]),
    Address(SocketAddr),
}

/// One dial to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dial {
    pub(super) whom: Whom,
    pub(super) address: SocketAddr,
}

impl Dial {
    pub(super) fn sought(self) -> Option<[u8; 32]> {
        match self.whom {
            Whom::Node(node) => Some(node),
            Whom::Address(_) => None,
        }
    }
}

/// A link that stood for so long was given up for a reason of that moment.
const STOOD: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Book {
    us: [u8; 32],
    entries: BTreeMap<Whom, Entry>,
}

#[derive(Debug)]
struct Entry {
    kind: PeerKind,
    /// The best first: failures move an address to the end.
    addresses: Vec<SocketAddr>,
    failures: u32,
    /// Links in a row that the node gave up for another one, of another machine with this node's key.
    displaced: u32,
    reached: Option<Instant>,
    due: Instant,
    dialling: Option<Instant>,
}

impl Book {
    pub(super) fn new(us: [u8; 32]) -> Self {
        Self { us, entries: BTreeMap::new() }
    }

    /// Takes a hint in; a new address is tried soon, a known one when its turn comes.
    pub(super) fn hint(&mut self, hint: Hint, now: Instant) {
        if hint.node == Some(self.us) || hint.address.port() == 0 {
            return;
        }
        let whom = hint.node.map_or(Whom::Address(hint.address), Whom::Node);
        if !self.entries.contains_key(&whom) && !self.make_room() {
            return;
        }
        let courtesy = match hint.node {
            Some(node) if self.us > node => COURTESY,
            _ => Duration::ZERO,
        };
        let entry = self.entries.entry(whom).or_insert_with(|| Entry {
            kind: hint.kind,
            addresses: Vec::new(),
            failures: 0,
            displaced: 0,
            reached: None,
            due: now + courtesy,
            dialling: None,
        });
        if hint.kind != PeerKind::Unknown {
            entry.kind = hint.kind;
        }
        if !entry.addresses.contains(&hint.address) {
            entry.addresses.insert(0, hint.address);
            entry.addresses.truncate(MAX_ADDRESSES);
            entry.due = entry.due.min(now + courtesy);
        }
    }

    /// What kind of node this is, if it is in the book.
    pub(super) fn know(&mut self, node: [u8; 32], kind: PeerKind) {
        if let Some(entry) = self.entries.get_mut(&Whom::Node(node)) {
            entry.kind = kind;
        }
    }

    pub(super) fn forget(&mut self, node: [u8; 32]) {
        self.entries.remove(&Whom::Node(node));
    }

    /// The dials whose time has come, at most `room`, of those that are `wanted`. Each is taken
    /// as under way until it is reported.
    pub(super) fn take_due(
        &mut self,
        now: Instant,
        room: usize,
        wanted: impl Fn(Whom, PeerKind) -> bool,
    ) -> Vec<Dial> {
        let mut dials = Vec::new();
        let mut due: Vec<_> = self
            .entries
            .iter_mut()
            .filter(|(whom, entry)| entry.is_due(now) && wanted(**whom, entry.kind))
            .collect();
        due.sort_by_key(|(_, entry)| (entry.kind != PeerKind::Admin, entry.due));
        for (whom, entry) in due.into_iter().take(room) {
            if let Some(&address) = entry.addresses.first() {
                entry.dialling = Some(now);
                dials.push(Dial { whom: *whom, address });
            }
        }
        dials
    }

    /// When the next wanted dial is due.
    pub(super) fn next_due(&self, wanted: impl Fn(Whom, PeerKind) -> bool) -> Option<Instant> {
        self.entries
            .iter()
            .filter(|(whom, entry)| wanted(**whom, entry.kind))
            .map(|(_, entry)| entry.dialling.map_or(entry.due, |since| since + DIAL_LOST))
            .min()
    }

    /// A link to `node` stands; it is at `address` indeed.
    pub(super) fn reached(
        &mut self,
        whom: Option<Whom>,
        node: [u8; 32],
        address: SocketAddr,
        kind: PeerKind,
        now: Instant,
    ) {
        if let Some(whom @ Whom::Address(_)) = whom {
            self.entries.remove(&whom);
        }
        self.entries.remove(&Whom::Address(address));
        self.hint(Hint { node: Some(node), address, kind }, now);
        if let Some(entry) = self.entries.get_mut(&Whom::Node(node)) {
            entry.failures = 0;
            entry.reached = Some(now);
            entry.dialling = None;
            entry.addresses.retain(|known| *known != address);
            entry.addresses.insert(0, address);
            entry.kind = kind;
        }
    }

    /// A dial came to nothing; `chance` spreads the next ones.
    pub(super) fn failed(&mut self, dial: Dial, end: LinkEnd, now: Instant, chance: u32) {
        let Some(entry) = self.entries.get_mut(&dial.whom) else {
            return;
        };
        entry.dialling = None;
        entry.failures = entry.failures.saturating_add(1);
        let gone = end == LinkEnd::Ours(CloseReason::OtherNode);
        if let Some(at) = entry.addresses.iter().position(|known| *known == dial.address) {
            let address = entry.addresses.remove(at);
            if !gone {
                entry.addresses.push(address);
            }
        }
        if entry.addresses.is_empty() {
            self.entries.remove(&dial.whom);
            return;
        }
        entry.due = now + wait(entry.failures, end, chance);
    }

    /// The link to `node` is gone; dial it again soon, unless it was refused. A node that keeps taking
    /// another machine's link instead is left to that one for longer each time: two machines with one
    /// key, of which staff know, would else take each other's links away without end.
    pub(super) fn lost(&mut self, node: [u8; 32], end: LinkEnd, now: Instant, chance: u32) {
        if let Some(entry) = self.entries.get_mut(&Whom::Node(node)) {
            let stood = entry.reached.map_or(Duration::ZERO, |since| now - since);
            let displaced = end == LinkEnd::Theirs(CloseReason::Duplicate);
            entry.displaced = match displaced {
                true if stood < STOOD => entry.displaced.saturating_add(1),
                true | false => u32::from(displaced),
            };
            entry.dialling = None;
            entry.due = now + wait(1 + entry.displaced, end, chance);
        }
    }

    /// Makes room for one more entry: the one that failed most often goes, if any failed.
    fn make_room(&mut self) -> bool {
        if self.entries.len() < MAX_ENTRIES {
            return true;
        }
        let worst = self.entries.iter().max_by_key(|(_, entry)| entry.failures);
        match worst.map(|(whom, entry)| (*whom, entry.failures)) {
            Some((whom, failures)) if failures > 0 => self.entries.remove(&whom).is_some(),
            _ => false,
        }
    }
}

impl Entry {
    fn is_due(&self, now: Instant) -> bool {
        match self.dialling {
            Some(since) => now >= since + DIAL_LOST,
            None => now >= self.due,
        }
    }
}

/// How long to wait after so many failures: between half of it and all of it, by `chance`.
fn wait(failures: u32, end: LinkEnd, chance: u32) -> Duration {
    let refused = match end {
        LinkEnd::Ours(reason) | LinkEnd::Theirs(reason) => match reason {
            CloseReason::VersionMismatch
            | CloseReason::OtherSite
            | CloseReason::NotMember
            | CloseReason::Revoked
            | CloseReason::Malformed
            | CloseReason::Overrun => true,
            CloseReason::Duplicate | CloseReason::Shutdown | CloseReason::OtherNode => false,
        },
        LinkEnd::Lost | LinkEnd::Crashed => false,
    };
    let doubled = FIRST_WAIT * 2u32.saturating_pow(failures.saturating_sub(1).min(10));
    let whole = if refused { LONGEST_WAIT } else { doubled.min(LONGEST_WAIT) };
    whole / 2 + (whole / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: [u8; 32] = [1; 32];
    const THEM: [u8; 32] = [2; 32];

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn hint(port: u16) -> Hint {
        Hint { node: Some(THEM), address: address(port), kind: PeerKind::Kiosk }
    }

    fn all(_: Whom, _: PeerKind) -> bool {
        true
    }

    #[test]
    fn a_hinted_node_is_dialled_once_until_reported() {
        let now = Instant::now();
        let mut book = Book::new(US);
        book.hint(hint(9), now);
        let dials = book.take_due(now, 9, all);
        assert_eq!(dials, [Dial { whom: Whom::Node(THEM), address: address(9) }]);
        assert_eq!(book.take_due(now + Duration::from_secs(5), 9, all), []);
        assert_eq!(book.take_due(now + DIAL_LOST, 9, all).len(), 1);
    }

    #[test]
    fn whoever_is_displaced_again_and_again_waits_longer_each_time() {
        let now = Instant::now();
        let mut book = Book::new(US);
        let mut waits = |end, stood: u64| {
            book.reached(None, THEM, address(1), PeerKind::Admin, now);
            let then = now + Duration::from_secs(stood);
            book.lost(THEM, end, then, u32::MAX);
            (book.next_due(|_, _| true).unwrap() - then).as_millis()
        };
        let displaced = LinkEnd::Theirs(CloseReason::Duplicate);
        let longer: Vec<_> = (0..7).map(|_| waits(displaced, 1)).collect();
        assert_eq!(longer, [400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert_eq!(waits(displaced, 61), 400, "it had its link for a minute");
        assert_eq!(waits(displaced, 1), 800);
        assert_eq!(waits(LinkEnd::Lost, 1), 200);
        assert_eq!(waits(displaced, 1), 400);
    }

    #[test]
    fn waits_double_up_to_ten_seconds_and_addresses_take_turns() {
        let mut now = Instant::now();
        let mut book = Book::new(US);
        book.hint(hint(8), now);
        book.hint(hint(9), now);
        let mut ports = Vec::new();
        let mut waits = Vec::new();
        for _ in 0..9 {
            let [dial] = book.take_due(now, 9, all)[..] else { panic!("nothing due") };
            ports.push(dial.address.port());
            book.failed(dial, LinkEnd::Lost, now, u32::MAX);
            let due = book.next_due(all).unwrap();
            waits.push((due - now).as_millis());
            now = due;
        }
        assert_eq!(ports, [9, 8, 9, 8, 9, 8, 9, 8, 9]);
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
        assert_eq!(wait(1, LinkEnd::Lost, 0), FIRST_WAIT / 2);
    }

    #[test]
    fn an_address_where_another_node_answers_is_struck_out() {
        let now = Instant::now();
        let mut book = Book::new(US);
        book.hint(hint(9), now);
        let [dial] = book.take_due(now, 9, all)[..] else { panic!("nothing due") };
        book.failed(dial, LinkEnd::Ours(CloseReason::OtherNode), now, 0);
        assert_eq!(book.next_due(all), None);
    }

    #[test]
    fn a_bare_address_becomes_the_node_that_answered_there() {
        let now = Instant::now();
        let mut book = Book::new(US);
        book.hint(Hint { node: None, address: address(9), kind: PeerKind::Unknown }, now);
        let [dial] = book.take_due(now, 9, all)[..] else { panic!("nothing due") };
        book.reached(Some(dial.whom), THEM, address(9), PeerKind::Admin, now);
        assert_eq!(book.entries.keys().collect::<Vec<_>>(), [&Whom::Node(THEM)]);
        book.lost(THEM, LinkEnd::Lost, now, 0);
        assert_eq!(book.next_due(all), Some(now + FIRST_WAIT / 2));
    }

    #[test]
    fn a_flood_of_hints_is_bounded_and_pushes_out_only_what_failed() {
        let now = Instant::now();
        let mut book = Book::new(US);
        book.hint(hint(9), now);
        for port in 1..=3000 {
            book.hint(Hint { node: None, address: address(port), kind: PeerKind::Admin }, now);
        }
        assert_eq!(book.entries.len(), MAX_ENTRIES);
        assert!(book.entries.contains_key(&Whom::Node(THEM)));
        let dial = Dial { whom: Whom::Address(address(7)), address: address(7) };
        book.failed(dial, LinkEnd::Lost, now, 0);
        book.hint(Hint { node: None, address: address(4000), kind: PeerKind::Admin }, now);
        assert!(book.entries.contains_key(&Whom::Address(address(4000))));
        assert!(!book.entries.contains_key(&dial.whom));
    }
}
