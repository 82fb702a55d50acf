//! A world whose links are real: what they tell is handled as a node's shell handles it.

use std::collections::BTreeSet;

use actors::clerk::{close_reason, decode, node_kind, peer_kind};
use actors::link::close::{CloseReason, LinkEnd};
use actors::link::intake::LinkEvent;
use actors::link::lane::Lane;
use actors::link::outbound::Unsent;
use actors::peers::Meeting;
use actors::replica::Input;
use domain::id::NodeId;
use rand::RngExt;

use super::agenda::Due;
use super::dialling::HEARD_OF_MS;
use super::network::{Link, pair};
use super::quic::{News, Quic, What};
use super::world::World;
use crate::event::HostId;

/// After this long whoever could not be heard of is announced again.
const AGAIN_MS: u64 = 4_000;

impl World {
    /// From now on links are real ones.
    pub(super) fn use_real_links(&mut self, seed: u64) -> std::io::Result<()> {
        self.quic = Some(Quic::new(seed)?);
        Ok(())
    }

    /// Lets links pass their time up to `until`. Whether they told anything before.
    pub(super) fn listen(&mut self, until: u64) -> bool {
        let now = self.now();
        let Some(quic) = &mut self.quic else {
            return false;
        };
        let (passed, news) = quic.pass(until.saturating_sub(now));
        self.time.set((now + passed).min(until).max(now));
        let Some(news) = news else {
            return false;
        };
        if self.stage.process(news.host, news.process).is_some() {
            match news {
                News { host, what: What::Meeting(meeting), .. } => self.meet(host, meeting),
                News { host, what: What::Link(event), .. } => self.linked(host, event),
            }
        }
        true
    }

    fn meet(&mut self, host: HostId, meeting: Meeting) {
        let peer = NodeId(meeting.node);
        let mut verdict = Err(CloseReason::Shutdown);
        self.turn(host, |replica, now| match replica.meet(peer, &meeting.greeting, now) {
            Ok((kind, outputs)) => {
                verdict = Ok(peer_kind(kind));
                outputs
            }
            Err(why) => {
                verdict = Err(close_reason(&why));
                Vec::new()
            }
        });
        match verdict {
            Ok(kind) => meeting.admit(kind),
            Err(reason) => {
                self.judge.sometimes("link refused");
                meeting.refuse(reason);
            }
        }
    }

    fn linked(&mut self, host: HostId, event: LinkEvent) {
        match event {
            LinkEvent::Up { peer, kind, address, outbound, version: _ } => {
                let node = NodeId(peer);
                let Some(quic) = &mut self.quic else {
                    return;
                };
                quic.up(host, node, outbound);
                // One that is gone already, or has moved on, is told as down soon.
                let other = quic.host_at(address);
                if let Some(other) = other {
                    self.stands(host, other, node);
                }
                self.input(host, Input::LinkUp { peer: node, kind: node_kind(kind) });
            }
            LinkEvent::Down { peer, reason } => {
                let node = NodeId(peer);
                if reason == LinkEnd::Crashed {
                    return self.fell(host, "what runs one of its links panicked");
                }
                if let Some(quic) = &mut self.quic {
                    quic.down(host, node);
                }
                let other = self.stage.running(host).and_then(|p| p.peers.remove(&node));
                if let Some(other) = other {
                    let (pair, end) = pair(host, other);
                    if let Some(link) = self.net.links.get_mut(&pair) {
                        link.up[end] = false;
                    }
                    self.refresh(pair);
                }
                self.input(host, Input::LinkDown { peer: node });
            }
            LinkEvent::Frame { peer, lane, bytes, place } => {
                self.frame_came(host, NodeId(peer), lane, &bytes);
                drop(place);
            }
        }
    }

    /// One end of a link stands.
    fn stands(&mut self, host: HostId, other: HostId, node: NodeId) {
        let (pair, end) = pair(host, other);
        let me = self.stage.host(host).map(|home| home.identity.node());
        let Some((process, me)) = self.stage.running(host).zip(me) else {
            return;
        };
        process.peers.insert(node, other);
        let number = self.net.next_number();
        let mut nodes = [node; 2];
        nodes[end] = me;
        let link = self.net.links.entry(pair).or_insert_with(|| Link::half_open(number, nodes));
        link.nodes = nodes;
        link.up[end] = true;
        self.tell_of(pair);
    }

    fn frame_came(&mut self, host: HostId, peer: NodeId, lane: Lane, bytes: &[u8]) {
        let now = self.now();
        let sender = self.stage.running(host).and_then(|p| p.peers.get(&peer).copied());
        if let Some(sender) = sender {
            self.judge.frame(now, sender, host, bytes);
        }
        match decode(lane, bytes) {
            Some(message) => self.hear(host, peer, message),
            None => {
                self.judge.sometimes("malformed frame closed its link");
                if let Some(quic) = &self.quic {
                    quic.refuse(host, peer, CloseReason::Malformed);
                }
            }
        }
    }

    /// Sends a frame over a real link; says whether there was room for it. `None` where links are
    /// simulated.
    pub(super) fn send_for_real(
        &mut self,
        from: HostId,
        to: HostId,
        lane: Lane,
        frame: &[u8],
    ) -> Option<bool> {
        let quic = self.quic.as_ref()?;
        let process = self.stage.host(from)?.process.as_ref()?;
        let node = process.peers.iter().find(|(_, host)| **host == to).map(|(node, _)| *node);
        let sent = node.map(|node| quic.send(from, node, lane, frame.to_vec()));
        Some(sent != Some(Err(Unsent::Full)))
    }

    /// Says to real links how paths are, and who stands still.
    pub(super) fn lay_wires(&mut self) {
        if let Some(quic) = &mut self.quic {
            let hosts = self.stage.hosts.iter();
            let still: BTreeSet<HostId> =
                hosts.filter(|home| home.frozen > 0).map(|home| home.id).collect();
            quic.set(&self.net.paths, still);
        }
    }

    /// Opens the port of a process that has just started.
    pub(super) fn open_port(&mut self, host: HostId) {
        let Some(quic) = &mut self.quic else {
            return;
        };
        let Some((home, process)) =
            self.stage.host(host).and_then(|home| Some((home, home.process.as_ref()?)))
        else {
            return;
        };
        let greeting = process.replica.greeting().map_err(|error| error.to_string());
        let opened =
            greeting.and_then(|words| quic.open(host, process.number, &home.identity, words));
        if let Err(words) = opened {
            self.fell(host, &words);
        }
    }

    /// Renews what a process says of itself to those that it meets.
    pub(super) fn greet(&mut self, host: HostId) {
        let (Some(quic), Some(home)) = (&self.quic, self.stage.host(host)) else {
            return;
        };
        let greeting = home.process.as_ref().map(|process| process.replica.greeting());
        match greeting {
            Some(Ok(greeting)) => quic.greet(host, greeting),
            Some(Err(error)) => self.fell(host, &error.to_string()),
            None => {}
        }
    }

    /// A host and all others are announced to each other.
    pub(super) fn announce(&mut self, host: HostId) {
        let hosts: Vec<HostId> = self.stage.hosts.iter().map(|home| home.id).collect();
        for other in hosts.into_iter().filter(|other| *other != host) {
            for (to, whom) in [(host, other), (other, host)] {
                let wait = self.rng.random_range(HEARD_OF_MS);
                self.later(wait, Due::HearOf { host: to, other: whom });
            }
        }
    }

    /// A host hears of another one, where a path leads from there.
    pub(super) fn hear_of(&mut self, host: HostId, other: HostId) {
        let runs = |home: HostId| self.stage.host(home).is_some_and(|home| home.process.is_some());
        if !runs(host) || !runs(other) {
            return; // whichever starts is announced then
        }
        if !self.net.is_open(other, host) {
            return self.later(AGAIN_MS, Due::HearOf { host, other });
        }
        if let (Some(quic), Some(home)) = (&self.quic, self.stage.host(other)) {
            quic.hint(host, home.identity.node(), home.identity.kind, other);
        }
    }
}
