//! The wires: which paths are open, how good they are, and the links that stand on them.
//!
//! Only state and arithmetic are here; [`linking`](super::linking) and [`sending`](super::sending)
//! make things happen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use actors::link::lane::Lane;
use domain::id::NodeId;

use crate::cut::Silence;
use crate::event::HostId;

/// Two hosts, the lower first.
pub(super) type Pair = (HostId, HostId);
/// One end of a link: 0 for the lower host.
pub(super) type End = usize;

/// The pair of two hosts, and which end the first is.
pub(super) fn pair(one: HostId, other: HostId) -> (Pair, End) {
    if one < other { ((one, other), 0) } else { ((other, one), 1) }
}

/// The host at an end.
pub(super) fn host_at((lower, higher): Pair, end: End) -> HostId {
    if end == 0 { lower } else { higher }
}

/// How bad a path is. Shares are in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Quality {
    pub(super) loss: u8,
    pub(super) duplicate: u8,
    pub(super) reorder: u8,
    /// Changed bits are found by QUIC and the packet is dropped: no frame comes out of it.
    pub(super) corrupt: u8,
    pub(super) delay_ms: u32,
    pub(super) jitter_ms: u32,
    pub(super) kilobytes_s: u32,
}

impl Quality {
    /// The worse of both in everything.
    fn worse(self, other: Self) -> Self {
        let cap = [self.kilobytes_s, other.kilobytes_s].into_iter().filter(|cap| *cap > 0).min();
        Quality {
            loss: self.loss.max(other.loss),
            duplicate: self.duplicate.max(other.duplicate),
            reorder: self.reorder.max(other.reorder),
            corrupt: self.corrupt.max(other.corrupt),
            delay_ms: self.delay_ms.max(other.delay_ms),
            jitter_ms: self.jitter_ms.max(other.jitter_ms),
            kilobytes_s: cap.unwrap_or(0),
        }
    }

    /// Of a hundred frames, so many do not come out.
    pub(super) fn lost(self) -> u32 {
        (u32::from(self.loss) + u32::from(self.corrupt)).min(100)
    }
}

/// One direction of a link.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// Frames that cannot go into the wire now: it is cut, or has a cap.
    pub(super) waiting: VecDeque<(Lane, Vec<u8>)>,
    frames: [usize; 3],
    bytes: [usize; 3],
    /// When the wire has room for the next frame.
    pub(super) free_at: u64,
    /// Whether a departure is noted.
    pub(super) departing: bool,
    /// When the last frame of each lane comes out: those after it come later.
    pub(super) last_out: [u64; 3],
}

impl Pipe {
    /// Queues a frame; says whether there was room.
    pub(super) fn queue(&mut self, lane: Lane, frame: Vec<u8>) -> bool {
        let place = lane.index();
        let room = self.frames[place] < actors::link::outbound::MAX_WAITING
            && self.bytes[place] + frame.len() <= lane.max_waiting_bytes();
        if room {
            self.frames[place] += 1;
            self.bytes[place] += frame.len();
            self.waiting.push_back((lane, frame));
        }
        room
    }

    /// The frame that goes next.
    pub(super) fn next(&mut self) -> Option<(Lane, Vec<u8>)> {
        let (lane, frame) = self.waiting.pop_front()?;
        self.frames[lane.index()] -= 1;
        self.bytes[lane.index()] -= frame.len();
        Some((lane, frame))
    }
}

/// A connection between two processes.
#[derive(Debug)]
pub(super) struct Link {
    /// Which of the run's links it is.
    pub(super) number: u64,
    /// The node at each end.
    pub(super) nodes: [NodeId; 2],
    /// Whether each end takes it for open.
    pub(super) up: [bool; 2],
    /// What goes out of each end.
    pub(super) pipes: [Pipe; 2],
    /// When each end gives up that hears nothing.
    pub(super) idle: [Option<u64>; 2],
    /// Nothing passes any more: an address has changed.
    pub(super) severed: bool,
    /// Whether the world was told that both can talk.
    pub(super) told: bool,
}

impl Link {
    /// A link that has just been opened between two nodes.
    pub(super) fn new(number: u64, nodes: [NodeId; 2]) -> Self {
        Link { up: [true, true], ..Link::half_open(number, nodes) }
    }

    /// A link that no end takes for open yet.
    pub(super) fn half_open(number: u64, nodes: [NodeId; 2]) -> Self {
        Link {
            number,
            nodes,
            up: [false, false],
            pipes: <[Pipe; 2]>::default(),
            idle: [None, None],
            severed: false,
            told: false,
        }
    }
}

/// Which paths are open, and how good each is.
#[derive(Debug, Clone, Default)]
pub(super) struct Paths {
    /// Paths that faults close.
    silences: BTreeSet<Silence>,
    /// What faults make of paths: the hosts that each is about.
    degraded: BTreeMap<u32, (Vec<HostId>, Quality)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Network {
    pub(super) links: BTreeMap<Pair, Link>,
    pub(super) paths: Paths,
    links_made: u64,
}

impl Paths {
    /// Whether packets pass.
    pub(super) fn is_open(&self, from: HostId, to: HostId) -> bool {
        self.silences.is_empty() || !self.silences.contains(&(from, to))
    }

    /// How bad the path between two hosts is.
    pub(super) fn quality(&self, one: HostId, other: HostId) -> Quality {
        let mut quality = Quality::default();
        for (hosts, worse) in self.degraded.values() {
            if hosts.contains(&one) || hosts.contains(&other) {
                quality = quality.worse(*worse);
            }
        }
        quality
    }
}

impl Network {
    /// Whether packets pass.
    pub(super) fn is_open(&self, from: HostId, to: HostId) -> bool {
        self.paths.is_open(from, to)
    }

    /// Replaces the paths that faults close.
    pub(super) fn silence_only(&mut self, silences: &BTreeSet<Silence>) {
        self.paths.silences.clone_from(silences);
    }

    /// The links of these hosts get worse.
    pub(super) fn degrade(&mut self, number: u32, hosts: Vec<HostId>, quality: Quality) {
        self.paths.degraded.insert(number, (hosts, quality));
    }

    /// And better again.
    pub(super) fn mend(&mut self, number: u32) {
        self.paths.degraded.remove(&number);
    }

    /// How bad the path between two hosts is.
    pub(super) fn quality(&self, one: HostId, other: HostId) -> Quality {
        self.paths.quality(one, other)
    }

    /// A number for a new link.
    pub(super) fn next_number(&mut self) -> u64 {
        self.links_made += 1;
        self.links_made
    }

    /// The pairs of which one is this host, in order.
    pub(super) fn pairs_of(&self, host: HostId) -> Vec<Pair> {
        self.links.keys().copied().filter(|(a, b)| *a == host || *b == host).collect()
    }

    /// A link, if it is still this one.
    pub(super) fn link(&mut self, pair: Pair, number: u64) -> Option<&mut Link> {
        self.links.get_mut(&pair).filter(|link| link.number == number)
    }

    /// Frames that wait to leave a host.
    pub(super) fn queued(&self, host: HostId) -> u64 {
        let ends = self.links.iter().filter_map(|((lower, higher), link)| {
            let end = if *lower == host { 0 } else { 1 };
            (*lower == host || *higher == host).then(|| link.pipes[end].waiting.len() as u64)
        });
        ends.sum()
    }
}
