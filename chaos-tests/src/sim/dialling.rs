//! Dialling: whom a process tries to reach, and when it tries again.

use std::collections::BTreeMap;

use actors::clerk::peer_kind;
use actors::peers::FanOut;
use domain::authority::NodeKind;
use domain::id::NodeId;
use rand::RngExt;

use super::agenda::Due;
use super::network::{Pair, host_at, pair};
use super::world::World;
use crate::event::HostId;

/// First wait after a failed dial; it doubles.
pub(super) const FIRST_WAIT_MS: u64 = 200;
/// Longest wait, and the one after a refusal.
const LONGEST_WAIT_MS: u64 = 10_000;
/// A dial that came to nothing is known to be one after this long.
pub(super) const HANDSHAKE_MS: u64 = 5_000;
/// Others are heard of this long after a process started, by mDNS.
pub(super) const HEARD_OF_MS: std::ops::RangeInclusive<u64> = 50..=1_100;

/// Whom a process dials, and when.
#[derive(Debug, Default)]
pub(super) struct Dials {
    others: BTreeMap<HostId, Dial>,
    noted: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Dial {
    due: u64,
    failures: u32,
    /// Links in a row that the node at the other end gave up for one to another machine with this
    /// node's key.
    displaced: u32,
    under_way: bool,
}

impl World {
    /// A process hears of all other hosts, bit by bit.
    pub(super) fn hear_of_others(&mut self, host: HostId) {
        if self.quic.is_some() {
            return self.announce(host);
        }
        let others: Vec<HostId> =
            self.stage.hosts.iter().map(|other| other.id).filter(|other| *other != host).collect();
        for other in others {
            let wait = self.rng.random_range(HEARD_OF_MS);
            self.plan_dial(host, other, wait, 0);
            // And they of it: a host that is announced is dialled soon.
            let wait = self.rng.random_range(HEARD_OF_MS);
            self.plan_dial(other, host, wait, 0);
        }
    }

    pub(super) fn plan_dial(&mut self, host: HostId, other: HostId, wait: u64, failures: u32) {
        if self.quic.is_some() {
            return; // real links dial by themselves
        }
        let due = self.now() + wait;
        // One that stands still now finds the plan when it goes on.
        let Some(process) = self.stage.host_mut(host).and_then(|home| home.process.as_mut()) else {
            return;
        };
        let dial = process.dials.others.entry(other).or_insert_with(Dial::resting);
        if !dial.under_way || failures > 0 {
            *dial = Dial { due, failures, displaced: 0, under_way: false };
        }
        self.note_dial(host);
    }

    /// Notes the next time at which a process wants to dial.
    pub(super) fn note_dial(&mut self, host: HostId) {
        let wanted = self.wanted(host);
        let now = self.now();
        let Some(process) = self.stage.running(host) else {
            return;
        };
        let dials = process.dials.others.iter().filter(|(other, _)| wanted.contains(other));
        let Some(at) = dials.map(|(_, dial)| dial.due.max(now)).min() else {
            return;
        };
        if process.dials.noted.is_none_or(|noted| noted > at || noted < now) {
            process.dials.noted = Some(at);
            let process = process.number;
            self.agenda.note(at, Due::Dial { host, process });
        }
    }

    pub(super) fn node_at(&self, host: HostId) -> Option<NodeId> {
        Some(self.stage.host(host)?.identity.node())
    }

    pub(super) fn kind_of(&self, host: HostId) -> Option<NodeKind> {
        Some(self.stage.host(host)?.identity.kind)
    }

    /// Links to kiosks that a host has.
    fn kiosk_links(&self, host: HostId) -> usize {
        let process = self.stage.host(host).and_then(|home| home.process.as_ref());
        let peers = process.into_iter().flat_map(|process| process.peers.values());
        peers.filter(|peer| self.kind_of(**peer) == Some(NodeKind::Kiosk)).count()
    }

    /// The hosts that a process would dial now: neither linked nor being dialled, and within its
    /// bound.
    fn wanted(&self, host: HostId) -> Vec<HostId> {
        let Some(kind) = self.kind_of(host) else {
            return Vec::new();
        };
        let Some(process) = self.stage.host(host).and_then(|home| home.process.as_ref()) else {
            return Vec::new();
        };
        let (fan_out, kiosk_links) = (FanOut::of(peer_kind(kind)), self.kiosk_links(host));
        // Who has a link to a node does not look for another machine with that node's key.
        let linked = |home: &HostId| {
            self.node_at(*home).is_some_and(|node| process.peers.contains_key(&node))
        };
        let free = process.dials.others.iter().filter(|(_, dial)| !dial.under_way);
        let free = free.map(|(other, _)| *other).filter(|other| !linked(other));
        let within = |other: &HostId| {
            self.kind_of(*other).is_some_and(|kind| fan_out.dials(peer_kind(kind), kiosk_links))
        };
        free.filter(within).collect()
    }

    /// A process dials whoever is due.
    pub(super) fn dial(&mut self, host: HostId, number: u64) {
        let now = self.now();
        let Some(process) = self.stage.process(host, number) else {
            return;
        };
        if process.dials.noted.is_some_and(|noted| noted <= now) {
            process.dials.noted = None;
        }
        let wanted = self.wanted(host);
        let Some(process) = self.stage.process(host, number) else {
            return;
        };
        let due =
            |other: &&HostId| process.dials.others.get(other).is_some_and(|dial| dial.due <= now);
        // One at a time: what comes of it may change who is wanted.
        let next = wanted.iter().find(due).copied();
        if let Some(other) = next {
            if let Some(dial) = process.dials.others.get_mut(&other) {
                dial.under_way = true;
            }
            self.knock(host, other, number);
        }
        self.note_dial(host);
    }

    fn knock(&mut self, host: HostId, other: HostId, number: u64) {
        let (pair, end) = pair(host, other);
        let there = self.stage.host(other).filter(|there| there.runs());
        let answers = there.and_then(|there| there.process_number());
        let open = self.net.is_open(host, other) && self.net.is_open(other, host);
        let quality = self.net.quality(host, other);
        // Three legs cross the wire; QUIC sends what is lost again, after a while.
        let mut takes = 3 * (1 + u64::from(quality.delay_ms) + u64::from(quality.jitter_ms) / 2);
        for _ in 0..3 {
            let mut again = 250;
            while quality.lost() > 0 && self.rng.random_range(0..100) < quality.lost() {
                takes += again;
                again *= 2;
            }
        }
        match answers {
            Some(theirs) if open && takes < HANDSHAKE_MS => {
                let processes = if end == 0 { [number, theirs] } else { [theirs, number] };
                self.later(takes, Due::Judge { pair, dialler: end, processes });
            }
            _ => self.dial_failed(host, other, HANDSHAKE_MS),
        }
    }

    /// A dial came to nothing after so long: it is tried again.
    pub(super) fn dial_failed(&mut self, host: HostId, other: HostId, after: u64) {
        let chance: f64 = self.rng.random();
        let process = self.stage.host(host).and_then(|home| home.process.as_ref());
        let Some(process) = process else {
            return;
        };
        let failures = process.dials.others.get(&other).map_or(1, |dial| dial.failures + 1);
        let whole = (FIRST_WAIT_MS << (failures - 1).min(10)).min(LONGEST_WAIT_MS);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "up to 10 s")]
        #[expect(clippy::cast_precision_loss, reason = "up to 10 s")]
        let spread = (whole as f64 / 2.0 * chance) as u64;
        self.plan_dial(host, other, after + whole / 2 + spread, failures);
    }

    pub(super) fn dial_refused(&mut self, host: HostId, other: HostId) {
        let wait = self.rng.random_range(LONGEST_WAIT_MS / 2..=LONGEST_WAIT_MS);
        self.plan_dial(host, other, wait, 1);
    }

    /// How often in a row a host has lost its link to another to a machine with its own key.
    pub(super) fn times_displaced(&self, host: HostId, other: HostId) -> u32 {
        let process = self.stage.host(host).and_then(|home| home.process.as_ref());
        let dial = process.and_then(|process| process.dials.others.get(&other));
        dial.map_or(0, |dial| dial.displaced)
    }

    /// A host has lost its link to another to a machine with its own key: each time it waits longer.
    pub(super) fn was_displaced(&mut self, host: HostId, other: HostId, times: u32) {
        let whole = (FIRST_WAIT_MS << times.min(10)).min(LONGEST_WAIT_MS);
        let wait = self.rng.random_range(whole / 2..=whole);
        self.plan_dial(host, other, wait, 1);
        if let Some(process) = self.stage.running(host)
            && let Some(dial) = process.dials.others.get_mut(&other)
        {
            dial.displaced = times;
        }
    }

    /// Whether each end keeps one more link to a node of the other's kind.
    pub(super) fn have_room(&self, pair: Pair) -> bool {
        (0..2).all(|end| {
            let (here, there) = (host_at(pair, end), host_at(pair, 1 - end));
            let (Some(kind), Some(theirs)) = (self.kind_of(here), self.kind_of(there)) else {
                return false;
            };
            FanOut::of(peer_kind(kind)).keeps(peer_kind(theirs), self.kiosk_links(here))
        })
    }

    /// Two hosts are linked: each dials the other again when the link is lost, and not before.
    pub(super) fn rest_from_dialling(&mut self, host: HostId, other: HostId) {
        if let Some(process) = self.stage.running(host) {
            let displaced = process.dials.others.get(&other).map_or(0, |dial| dial.displaced);
            process.dials.others.insert(other, Dial { displaced, ..Dial::resting() });
        }
    }
}

impl Dial {
    /// For a host that is linked: dialled again when the link is lost.
    fn resting() -> Self {
        Dial { due: 0, failures: 0, displaced: 0, under_way: false }
    }
}
