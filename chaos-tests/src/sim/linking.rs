//! Links come and go: hosts dial each other, judge each other, notice silence and dial again.

use std::collections::BTreeMap;

use actors::link::endpoint::IDLE;
use actors::link::handshake::PeerKind;
use actors::peers::FanOut;
use actors::replica::Input;
use domain::authority::NodeKind;
use domain::id::NodeId;
use rand::RngExt;

use super::agenda::Due;
use super::network::{End, Link, Pair, host_at, pair};
use super::world::World;
use crate::event::{Event, HostId};

/// First wait after a failed dial; it doubles.
const FIRST_WAIT_MS: u64 = 200;
/// Longest wait, and the one after a refusal.
const LONGEST_WAIT_MS: u64 = 10_000;
/// A dial that came to nothing is known to be one after this long.
const HANDSHAKE_MS: u64 = 5_000;
/// Others are heard of this long after a process started, by mDNS.
const HEARD_OF_MS: std::ops::RangeInclusive<u64> = 50..=1_100;

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
    under_way: bool,
}

impl World {
    /// A process hears of all other hosts, bit by bit.
    pub(super) fn hear_of_others(&mut self, host: HostId) {
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

    fn plan_dial(&mut self, host: HostId, other: HostId, wait: u64, failures: u32) {
        let due = self.now() + wait;
        // One that stands still now finds the plan when it goes on.
        let Some(process) = self.stage.host_mut(host).and_then(|home| home.process.as_mut()) else {
            return;
        };
        let dial =
            process.dials.others.entry(other).or_insert(Dial { due, failures, under_way: false });
        if !dial.under_way || failures > 0 {
            *dial = Dial { due, failures, under_way: false };
        }
        self.note_dial(host);
    }

    /// Notes the next time at which a process wants to dial.
    fn note_dial(&mut self, host: HostId) {
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

    fn kind_of(&self, host: HostId) -> Option<NodeKind> {
        Some(self.stage.host(host)?.identity.kind)
    }

    fn fan_out(kind: NodeKind) -> FanOut {
        match kind {
            NodeKind::Admin => FanOut::ADMIN,
            NodeKind::Kiosk => FanOut::KIOSK,
        }
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
        let (fan_out, kiosk_links) = (Self::fan_out(kind), self.kiosk_links(host));
        let linked: Vec<HostId> = process.peers.values().copied().collect();
        let free = process.dials.others.iter().filter(|(_, dial)| !dial.under_way);
        let free = free.map(|(other, _)| *other).filter(|other| !linked.contains(other));
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
    fn dial_failed(&mut self, host: HostId, other: HostId, after: u64) {
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

    fn dial_refused(&mut self, host: HostId, other: HostId) {
        let wait = self.rng.random_range(LONGEST_WAIT_MS / 2..=LONGEST_WAIT_MS);
        self.plan_dial(host, other, wait, 1);
    }

    fn are_those(&self, pair: Pair, processes: [u64; 2]) -> bool {
        (0..2).all(|end| {
            let host = self.stage.host(host_at(pair, end));
            host.is_some_and(|host| host.runs() && host.process_number() == Some(processes[end]))
        })
    }

    fn path_is_open(&self, pair: Pair) -> bool {
        self.net.is_open(pair.0, pair.1) && self.net.is_open(pair.1, pair.0)
    }

    /// Both ends have each other's greeting, and judge.
    pub(super) fn judge_both(&mut self, pair: Pair, dialler: End, processes: [u64; 2]) {
        let (host, other) = (host_at(pair, dialler), host_at(pair, 1 - dialler));
        if !self.are_those(pair, processes) || !self.path_is_open(pair) {
            self.dial_failed(host, other, HANDSHAKE_MS);
            return;
        }
        let welcome = self.have_room(pair) && self.meets(other, host) && self.meets(host, other);
        if welcome {
            let wait = self.rng.random_range(1..=3);
            self.later(wait, Due::Open { pair, processes });
        } else {
            self.judge.sometimes("link refused");
            self.dial_refused(host, other);
        }
    }

    /// Whether each end keeps one more link to a node of the other's kind.
    fn have_room(&self, pair: Pair) -> bool {
        (0..2).all(|end| {
            let (here, there) = (host_at(pair, end), host_at(pair, 1 - end));
            let (Some(kind), Some(theirs)) = (self.kind_of(here), self.kind_of(there)) else {
                return false;
            };
            Self::fan_out(kind).keeps(peer_kind(theirs), self.kiosk_links(here))
        })
    }

    /// Whether `host` lets the node that runs on `stranger` in.
    fn meets(&mut self, host: HostId, stranger: HostId) -> bool {
        let Some(process) = self.stage.running(stranger) else {
            return false;
        };
        let peer = process.replica.me().node();
        let Ok(greeting) = process.replica.greeting() else {
            self.fell(stranger, "its greeting cannot be written");
            return false;
        };
        let mut welcome = false;
        self.turn(host, |replica, now| match replica.meet(peer, &greeting, now) {
            Ok((_, outputs)) => {
                welcome = true;
                outputs
            }
            Err(_) => Vec::new(),
        });
        welcome
    }

    /// Lanes are open: both ends have a link.
    pub(super) fn open(&mut self, pair: Pair, processes: [u64; 2]) {
        if !self.are_those(pair, processes) || !self.path_is_open(pair) {
            for end in 0..2 {
                self.dial_failed(host_at(pair, end), host_at(pair, 1 - end), HANDSHAKE_MS);
            }
            return;
        }
        let both_up = self.net.links.get(&pair).is_some_and(|link| link.up == [true, true]);
        if both_up && self.net.links.get(&pair).is_some_and(|link| !link.severed) {
            return; // both dialled at once: one link is enough
        }
        if !self.have_room(pair) {
            for end in 0..2 {
                self.dial_refused(host_at(pair, end), host_at(pair, 1 - end));
            }
            return;
        }
        // A link that stands only on one end, or leads to another machine with the same node, yields.
        self.end_at(pair, 0);
        self.end_at(pair, 1);
        let mut nodes = Vec::new();
        for end in 0..2 {
            let (host, other) = (host_at(pair, end), host_at(pair, 1 - end));
            let Some((node, kind)) = self.node_at(other) else {
                return;
            };
            nodes.push((host, other, node, kind));
            let elsewhere = self.stage.running(host).and_then(|p| p.peers.get(&node).copied());
            if let Some(elsewhere) = elsewhere.filter(|elsewhere| *elsewhere != other) {
                let (former, _) = super::network::pair(host, elsewhere);
                self.end_at(former, 0);
                self.end_at(former, 1);
            }
        }
        let number = self.net.next_number();
        let ends = [nodes[1].2, nodes[0].2];
        self.net.links.insert(pair, Link::new(number, ends));
        for (host, other, node, _) in &nodes {
            if let Some(process) = self.stage.running(*host) {
                process.peers.insert(*node, *other);
                process.dials.others.remove(other);
                process.dials.others.insert(*other, Dial::resting());
            }
        }
        self.tell_of(pair);
        for (host, _, peer, kind) in nodes {
            self.input(host, Input::LinkUp { peer, kind });
            self.note_dial(host);
        }
        self.refresh(pair);
    }

    fn node_at(&self, host: HostId) -> Option<(NodeId, NodeKind)> {
        let me = self.stage.host(host)?.process.as_ref()?.replica.me();
        Some((me.node(), me.kind))
    }

    /// One end of a link is gone, and its process knows. One that stands still learns it later.
    fn end_at(&mut self, pair: Pair, end: End) {
        let (host, other) = (host_at(pair, end), host_at(pair, 1 - end));
        if self.stage.host(host).is_some_and(|host| host.frozen > 0) {
            return;
        }
        let Some(link) = self.net.links.get_mut(&pair).filter(|link| link.up[end]) else {
            return;
        };
        link.up[end] = false;
        link.idle[end] = None;
        let (gone, peer) = (link.up == [false, false], link.nodes[1 - end]);
        self.tell_of(pair);
        if gone {
            self.net.links.remove(&pair);
        }
        let wait = self.rng.random_range(FIRST_WAIT_MS / 2..=FIRST_WAIT_MS);
        let Some(process) = self.stage.running(host) else {
            return;
        };
        if process.peers.get(&peer) == Some(&other) {
            process.peers.remove(&peer);
            self.input(host, Input::LinkDown { peer });
            self.plan_dial(host, other, wait, 1);
        }
    }

    /// A process ends a link, for a node that does not belong any more.
    pub(super) fn drop_link(&mut self, host: HostId, peer: NodeId) {
        let Some(other) = self.stage.running(host).and_then(|p| p.peers.get(&peer).copied()) else {
            return;
        };
        self.judge.sometimes("revoked peer dropped");
        let (pair, _) = pair(host, other);
        self.refuse_link(pair);
    }

    /// A link is closed with a reason for which neither end dials again soon.
    pub(super) fn refuse_link(&mut self, pair: Pair) {
        for end in 0..2 {
            self.end_at(pair, end);
            self.dial_refused(host_at(pair, end), host_at(pair, 1 - end));
        }
    }

    /// A process ends in good order: its peers know at once, where a path leads there.
    pub(super) fn say_goodbye(&mut self, host: HostId) {
        for pair in self.net.pairs_of(host) {
            if self.path_is_open(pair) {
                self.end_at(pair, 0);
                self.end_at(pair, 1);
            }
        }
    }

    /// A process is gone without a word: its ends of links are.
    pub(super) fn vanish(&mut self, host: HostId) {
        for pair in self.net.pairs_of(host) {
            let end = usize::from(pair.1 == host);
            if let Some(link) = self.net.links.get_mut(&pair) {
                link.up[end] = false;
                link.idle[end] = None;
            }
            self.refresh(pair);
        }
    }

    /// The links of a host lead nowhere any more: it has another address.
    pub(super) fn sever(&mut self, host: HostId) {
        for pair in self.net.pairs_of(host) {
            if let Some(link) = self.net.links.get_mut(&pair) {
                link.severed = true;
            }
            self.refresh(pair);
        }
    }

    /// Looks at all links again: a path was cut or healed, or somebody stands still or goes on.
    pub(super) fn refresh_all(&mut self) {
        let pairs: Vec<Pair> = self.net.links.keys().copied().collect();
        pairs.into_iter().for_each(|pair| self.refresh(pair));
    }

    /// Sets the timers of a link's ends that hear nothing, and lets waiting frames go.
    pub(super) fn refresh(&mut self, pair: Pair) {
        self.tell_of(pair);
        let Some(link) = self.net.links.get(&pair) else {
            return;
        };
        if link.up == [false, false] {
            self.net.links.remove(&pair);
            return;
        }
        let (number, up, severed) = (link.number, link.up, link.severed);
        let frozen = |end| self.stage.host(host_at(pair, end)).is_some_and(|host| host.frozen > 0);
        let frozen = [frozen(0), frozen(1)];
        for end in 0..2 {
            let (here, there) = (host_at(pair, end), host_at(pair, 1 - end));
            let path = self.net.is_open(there, here) && !severed;
            let hears = path && up[1 - end] && !frozen[1 - end];
            let process = self.stage.host(there).is_some_and(|host| host.runs());
            // A machine that is there without the link answers its packets with a reset.
            let reset = path && !up[1 - end] && process && self.net.is_open(here, there);
            let idle = if !up[end] || hears || frozen[end] {
                None
            } else {
                let silence = u64::try_from(IDLE.as_millis()).unwrap_or(u64::MAX);
                let wait = if reset { 0 } else { silence };
                Some(self.now() + wait + self.rng.random_range(1..=1_000))
            };
            let Some(link) = self.net.link(pair, number) else {
                return;
            };
            let sooner = match (link.idle[end], idle) {
                (Some(before), Some(now)) => Some(before.min(now)),
                (None, now) => now,
                (Some(_), None) => None,
            };
            if link.idle[end] != sooner {
                link.idle[end] = sooner;
                if let Some(at) = sooner {
                    self.agenda.note(at, Due::Idle { pair, link: number, end });
                }
            }
        }
        for end in 0..2 {
            self.depart(pair, number, end);
        }
    }

    /// An end has heard nothing for too long.
    pub(super) fn gave_up(&mut self, pair: Pair, number: u64, end: End) {
        let now = self.now();
        let due = self.net.link(pair, number).is_some_and(|link| link.idle[end] == Some(now));
        if due && self.stage.host(host_at(pair, end)).is_some_and(|host| host.frozen == 0) {
            self.end_at(pair, end);
            self.refresh(pair);
        }
    }

    /// Says when a link stands, and when the first of its ends no longer takes it for one.
    fn tell_of(&mut self, pair: Pair) {
        let Some(link) = self.net.links.get_mut(&pair) else {
            return;
        };
        let stands = link.up == [true, true];
        if stands == link.told {
            return;
        }
        link.told = stands;
        let (one, other) = pair;
        self.tell(if stands {
            Event::Linked { one, other }
        } else {
            Event::Unlinked { one, other }
        });
    }
}

impl Dial {
    /// For a host that is linked: dialled again when the link is lost.
    fn resting() -> Self {
        Dial { due: 0, failures: 0, under_way: false }
    }
}

fn peer_kind(kind: NodeKind) -> PeerKind {
    actors::clerk::peer_kind(kind)
}
