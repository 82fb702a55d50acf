//! Frames on their way: queued, lost, doubled, out of turn, and bounded as a real link's.

use actors::clerk::{decode, lane_of};
use actors::link::lane::Lane;
use actors::replica::message::Message;
use domain::id::NodeId;
use rand::RngExt;

use super::agenda::Due;
use super::network::{End, Pair, Quality, host_at, pair};
use super::world::World;
use crate::event::HostId;

/// A frame takes this long on the wires of one building.
const WIRE_MS: u64 = 1;
/// One that is out of turn, or a second time, comes up to this much later.
const OUT_OF_TURN_MS: u64 = 60;

impl World {
    /// Sends a message; says whether there was room for it. To a peer without a link it goes
    /// nowhere.
    pub(super) fn send(&mut self, from: HostId, peer: NodeId, message: &Message) -> bool {
        let Some(to) = self.stage.running(from).and_then(|p| p.peers.get(&peer).copied()) else {
            return true;
        };
        let lane = lane_of(message);
        let Ok(frame) = message.encode() else {
            self.fell(from, "it made a message that cannot be written");
            return true;
        };
        if frame.is_empty() || frame.len() > lane.max_frame() {
            self.judge.sometimes("frame beyond its lane's bound");
            return true;
        }
        self.send_frame(from, to, lane, frame)
    }

    /// Sends bytes over the link to a host, whatever they are.
    pub(super) fn send_frame(
        &mut self,
        from: HostId,
        to: HostId,
        lane: Lane,
        frame: Vec<u8>,
    ) -> bool {
        if let Some(thief) = self.thieves.get_mut(&from) {
            thief.remember(lane, &frame);
        }
        if let Some(room) = self.send_for_real(from, to, lane, &frame) {
            return room;
        }
        let (pair, end) = pair(from, to);
        let open = self.is_passing(pair, end);
        let quality = self.net.quality(from, to);
        let now = self.now();
        let Some(link) = self.net.links.get_mut(&pair).filter(|link| link.up[end]) else {
            return true;
        };
        let pipe = &mut link.pipes[end];
        let capped = quality.kilobytes_s > 0 && pipe.free_at > now;
        if open && pipe.waiting.is_empty() && !capped {
            self.put_on_wire(pair, end, lane, frame, quality);
            return true;
        }
        let number = link.number;
        let room = pipe.queue(lane, frame);
        if open && !pipe.departing {
            pipe.departing = true;
            let at = pipe.free_at.max(now);
            self.agenda.note(at, Due::Depart { pair, link: number, from: end });
        }
        room
    }

    /// Whether frames pass from this end of a link to the other now.
    fn is_passing(&self, pair: Pair, from: End) -> bool {
        let (here, there) = (host_at(pair, from), host_at(pair, 1 - from));
        let Some(link) = self.net.links.get(&pair) else {
            return false;
        };
        let awake =
            [here, there].iter().all(|host| self.stage.host(*host).is_some_and(|h| h.runs()));
        awake && link.up == [true, true] && !link.severed && self.net.is_open(here, there)
    }

    /// The wire is free for the next frame, or open again.
    pub(super) fn depart(&mut self, pair: Pair, number: u64, from: End) {
        let open = self.is_passing(pair, from);
        let quality = self.net.quality(pair.0, pair.1);
        loop {
            let now = self.now();
            let Some(link) = self.net.link(pair, number) else {
                return;
            };
            let pipe = &mut link.pipes[from];
            pipe.departing = false;
            if !open {
                return;
            }
            if pipe.free_at > now && !pipe.waiting.is_empty() {
                pipe.departing = true;
                let at = pipe.free_at;
                self.agenda.note(at, Due::Depart { pair, link: number, from });
                return;
            }
            let Some((lane, frame)) = pipe.next() else {
                return;
            };
            self.put_on_wire(pair, from, lane, frame, quality);
        }
    }

    fn put_on_wire(&mut self, pair: Pair, from: End, lane: Lane, frame: Vec<u8>, quality: Quality) {
        let now = self.now();
        let draw = |rng: &mut rand::rngs::StdRng, share: u32| {
            share > 0 && rng.random_range(0..100) < share
        };
        let lost = draw(&mut self.rng, quality.lost());
        let twice = draw(&mut self.rng, quality.duplicate.into());
        let out_of_turn = draw(&mut self.rng, quality.reorder.into());
        let jitter = match quality.jitter_ms {
            0 => 0,
            most => self.rng.random_range(0..=u64::from(most)),
        };
        let Some(link) = self.net.links.get_mut(&pair) else {
            return;
        };
        let number = link.number;
        let pipe = &mut link.pipes[from];
        if quality.kilobytes_s > 0 {
            let takes = frame.len() as u64 / u64::from(quality.kilobytes_s);
            pipe.free_at = pipe.free_at.max(now) + takes;
        } else {
            pipe.free_at = now;
        }
        if lost {
            self.judge.sometimes("frame lost");
            return;
        }
        let mut at = pipe.free_at + WIRE_MS + u64::from(quality.delay_ms) + jitter;
        if out_of_turn {
            at += self.rng.random_range(1..=OUT_OF_TURN_MS);
        } else {
            at = at.max(pipe.last_out[lane.index()]);
            pipe.last_out[lane.index()] = at;
        }
        if twice {
            let again = at + self.rng.random_range(1..=OUT_OF_TURN_MS);
            let frame = frame.clone();
            self.agenda.note(again, Due::Arrive { pair, link: number, from, lane, frame });
        }
        self.agenda.note(at, Due::Arrive { pair, link: number, from, lane, frame });
    }

    /// A frame comes out of the wire.
    pub(super) fn arrive(&mut self, pair: Pair, number: u64, from: End, lane: Lane, frame: &[u8]) {
        let (sender, host) = (host_at(pair, from), host_at(pair, 1 - from));
        let now = self.now();
        let awake = self.stage.host(host).is_some_and(|host| host.runs());
        let open = awake && self.net.is_open(sender, host);
        let Some(link) = self.net.link(pair, number).filter(|link| link.up[1 - from]) else {
            return;
        };
        if !open || link.severed {
            // Cut on its way: the transport sends it again once it can.
            link.pipes[from].queue(lane, frame.to_vec());
            return;
        }
        let peer = link.nodes[from];
        self.judge.frame(now, sender, host, frame);
        match decode(lane, frame) {
            Some(message) => self.hear(host, peer, message),
            None => {
                self.judge.sometimes("malformed frame closed its link");
                self.refuse_link(pair);
            }
        }
    }
}
