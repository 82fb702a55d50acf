//! Links come and go: hosts judge each other, notice silence, and say goodbye.

use actors::link::close::CloseReason;
use actors::link::endpoint::IDLE;
use actors::replica::Input;
use domain::id::NodeId;
use rand::RngExt;

use super::agenda::Due;
use super::dialling::{FIRST_WAIT_MS, HANDSHAKE_MS};
use super::network::{End, Link, Pair, host_at, pair};
use super::world::World;
use crate::event::{Event, HostId};

impl World {
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
            let Some((node, kind)) = self.node_at(other).zip(self.kind_of(other)) else {
                return;
            };
            nodes.push((host, other, node, kind));
            let elsewhere = self.stage.running(host).and_then(|p| p.peers.get(&node).copied());
            if let Some(elsewhere) = elsewhere.filter(|elsewhere| *elsewhere != other) {
                let (former, _) = super::network::pair(host, elsewhere);
                let times = self.times_displaced(elsewhere, host);
                self.end_at(former, 0);
                self.end_at(former, 1);
                self.was_displaced(elsewhere, host, times + 1);
            }
        }
        let number = self.net.next_number();
        let ends = [nodes[1].2, nodes[0].2];
        self.net.links.insert(pair, Link::new(number, ends));
        for (host, other, node, _) in &nodes {
            if let Some(process) = self.stage.running(*host) {
                process.peers.insert(*node, *other);
            }
            self.rest_from_dialling(*host, *other);
        }
        self.tell_of(pair);
        for (host, _, peer, kind) in nodes {
            // The first end may have dropped it at once: whom it now knows to be revoked. (World 101181.)
            if self.net.links.get(&pair).is_some_and(|link| link.number == number) {
                self.input(host, Input::LinkUp { peer, kind });
            }
            self.note_dial(host);
        }
        self.refresh(pair);
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
        if let Some(quic) = &self.quic {
            return quic.refuse(host, peer, CloseReason::Revoked);
        }
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
        if let Some(quic) = &mut self.quic {
            return quic.close(host, true);
        }
        for pair in self.net.pairs_of(host) {
            if self.path_is_open(pair) {
                self.end_at(pair, 0);
                self.end_at(pair, 1);
            }
        }
    }

    /// A process is gone without a word: its ends of links are.
    pub(super) fn vanish(&mut self, host: HostId) {
        if let Some(quic) = &mut self.quic {
            quic.close(host, false);
        }
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
        if let Some(quic) = &mut self.quic {
            quic.moved(host);
            return self.announce(host);
        }
        for pair in self.net.pairs_of(host) {
            if let Some(link) = self.net.links.get_mut(&pair) {
                link.severed = true;
            }
            self.refresh(pair);
        }
    }

    /// Looks at all links again: a path was cut or healed, or somebody stands still or goes on.
    pub(super) fn refresh_all(&mut self) {
        self.lay_wires();
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
        if self.quic.is_some() {
            return; // the ends of a real link find out by themselves
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
    pub(super) fn tell_of(&mut self, pair: Pair) {
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
