//! The outbound queues of one link: a bounded one for each lane, by frames and by bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::lane::Lane;

/// How many frames may wait on one lane of one link.
pub const MAX_WAITING: usize = 256;

/// A frame that was not queued. It is gone: anti-entropy will bring what it told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The lane's queue is full; the link is now marked as lagging.
    #[error("the lane's queue is full")]
    Full,
    /// The frame is empty or longer than the lane allows.
    #[error("the frame's length is outside the lane's bound")]
    Length,
    /// The link is no more.
    #[error("the link is no more")]
    Gone,
}

/// The way to send to one peer; cheap to clone, never blocks.
#[derive(Debug, Clone)]
pub struct Outbound {
    queues: [mpsc::Sender<Waiting>; 3],
    bytes: [Arc<Semaphore>; 3],
    marks: Arc<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    lagging: AtomicBool,
    dropped: AtomicU64,
}

impl Outbound {
    /// Queues `frame` on `lane`. Within one lane frames go out in the order of these calls.
    pub fn send(&self, lane: Lane, frame: Vec<u8>) -> Result<(), Unsent> {
        if frame.is_empty() || frame.len() > lane.max_frame() {
            return Err(Unsent::Length);
        }
        let (Some(queue), Some(bytes)) =
            (self.queues.get(lane.index()), self.bytes.get(lane.index()))
        else {
            return Err(Unsent::Gone);
        };
        let size = u32::try_from(frame.len()).map_err(|_| Unsent::Length)?;
        let Ok(room) = Arc::clone(bytes).try_acquire_many_owned(size) else {
            return Err(self.full());
        };
        queue.try_send(Waiting { frame, _room: room }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => self.full(),
            mpsc::error::TrySendError::Closed(_) => Unsent::Gone,
        })
    }

    /// Whether a frame was dropped since this was last asked: a round of anti-entropy is due.
    pub fn take_lagging(&self) -> bool {
        self.marks.lagging.swap(false, Ordering::Relaxed)
    }

    /// How many frames were dropped on this link because a queue was full.
    pub fn dropped(&self) -> u64 {
        self.marks.dropped.load(Ordering::Relaxed)
    }

    fn full(&self) -> Unsent {
        self.marks.lagging.store(true, Ordering::Relaxed);
        self.marks.dropped.fetch_add(1, Ordering::Relaxed);
        Unsent::Full
    }
}

/// A frame in its queue, holding its share of the bytes.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) frame: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

/// Queues for one link: what senders hold, and what the link empties, lane by lane.
pub(crate) fn queues() -> (Outbound, [(Lane, mpsc::Receiver<Waiting>); 3]) {
    let made = Lane::ALL.map(|lane| (lane, mpsc::channel(MAX_WAITING)));
    let outbound = Outbound {
        queues: made.each_ref().map(|(_, (sender, _))| sender.clone()),
        bytes: Lane::ALL.map(|lane| Arc::new(Semaphore::new(lane.max_waiting_bytes()))),
        marks: Arc::default(),
    };
    (outbound, made.map(|(lane, (_, receiver))| (lane, receiver)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_counts_and_marks_the_link() {
        let (outbound, _receivers) = queues();
        for _ in 0..MAX_WAITING {
            assert_eq!(outbound.send(Lane::Uses, vec![1]), Ok(()));
        }
        assert!(!outbound.take_lagging());
        assert_eq!(outbound.send(Lane::Uses, vec![1]), Err(Unsent::Full));
        assert_eq!(outbound.dropped(), 1);
        assert!(outbound.take_lagging());
        assert!(!outbound.take_lagging());
        assert_eq!(outbound.send(Lane::Ledger, vec![1]), Ok(()));
    }

    #[test]
    fn bytes_bound_a_queue_before_frames_do() {
        let (outbound, _receivers) = queues();
        let frame = vec![0; Lane::Ledger.max_frame()];
        let fitting = Lane::Ledger.max_waiting_bytes() / frame.len();
        for _ in 0..fitting {
            assert_eq!(outbound.send(Lane::Ledger, frame.clone()), Ok(()));
        }
        assert_eq!(outbound.send(Lane::Ledger, frame), Err(Unsent::Full));
    }

    #[test]
    fn a_frame_outside_its_bound_is_refused() {
        let (outbound, receivers) = queues();
        assert_eq!(outbound.send(Lane::Uses, vec![]), Err(Unsent::Length));
        let long = vec![0; Lane::Uses.max_frame() + 1];
        assert_eq!(outbound.send(Lane::Uses, long), Err(Unsent::Length));
        drop(receivers);
        assert_eq!(outbound.send(Lane::Uses, vec![1]), Err(Unsent::Gone));
    }
}
