//! The intake: one bounded channel by which every link tells what it received.
//!
//! Each lane has its own share of places in it, over all links. Frames of a lane whose share is
//! used up wait in their streams (QUIC then holds the sender back), while other lanes and the
//! comings and goings of links still pass.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::close::LinkEnd;
use super::handshake::PeerKind;
use super::lane::Lane;
use super::outbound::Outbound;

/// Places that only `Up` and `Down` may take.
const COMINGS_AND_GOINGS: usize = 32;

/// What links tell.
#[derive(Debug)]
pub enum LinkEvent {
    /// A link stands: its peer is judged and all lanes are open.
    Up {
        /// The node at its other end.
        peer: [u8; 32],
        /// Its kind, as the judge said.
        kind: PeerKind,
        /// The protocol version that both speak.
        version: u16,
        /// Where it is: the address at which it can be dialled again, too.
        address: SocketAddr,
        /// The way to send to it.
        outbound: Outbound,
    },
    /// A frame arrived.
    Frame {
        /// The node that sent it.
        peer: [u8; 32],
        /// The lane on which it came.
        lane: Lane,
        /// The frame, within the lane's bound and not empty.
        bytes: Vec<u8>,
        /// The place that it takes; to keep it is to hold the lane back.
        place: Place,
    },
    /// A link is no more. A frame that was on its way may still follow.
    Down {
        /// The node at its other end.
        peer: [u8; 32],
        /// Why.
        reason: LinkEnd,
    },
}

/// A frame's place in the intake, given back when dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// The sending side of the intake, shared by all links.
#[derive(Debug, Clone)]
pub struct Intake {
    events: mpsc::Sender<LinkEvent>,
    places: [Arc<Semaphore>; 3],
}

impl Intake {
    /// An intake and the channel's end for whoever handles the events.
    pub fn new() -> (Self, mpsc::Receiver<LinkEvent>) {
        let total: usize = Lane::ALL.iter().map(|lane| lane.max_intake()).sum();
        let (events, receiver) = mpsc::channel(total + COMINGS_AND_GOINGS);
        let places = Lane::ALL.map(|lane| Arc::new(Semaphore::new(lane.max_intake())));
        (Self { events, places }, receiver)
    }

    /// Tells of a frame; waits for a place. `false` when nobody listens any more.
    pub(crate) async fn frame(&self, peer: [u8; 32], lane: Lane, bytes: Vec<u8>) -> bool {
        let Some(places) = self.places.get(lane.index()) else {
            return false;
        };
        let Ok(permit) = Arc::clone(places).acquire_owned().await else {
            return false;
        };
        let place = Place { _permit: permit };
        self.tell(LinkEvent::Frame { peer, lane, bytes, place }).await
    }

    /// Tells of anything else; waits while the channel is full.
    pub(crate) async fn tell(&self, event: LinkEvent) -> bool {
        self.events.send(event).await.is_ok()
    }
}
