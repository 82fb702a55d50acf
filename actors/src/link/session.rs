//! A link at work: its lanes emptied and filled until the connection ends.

use std::time::Duration;

use quinn::{Connection, RecvStream, SendStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::close::{CloseReason, LinkEnd};
use super::frame;
use super::handshake::{Link, Stream, concluded, next_stream, open};
use super::intake::Intake;
use super::lane::{Lane, StreamTag};
use super::outbound::{Outbound, Waiting, queues};

/// How long a peer may leave a lane unread while frames wait for it.
pub const MAX_STALL: Duration = Duration::from_secs(30);

/// Between two tries to give ractor_cluster a new stream on the same link.
const REOPEN: std::ops::Range<Duration> = Duration::from_millis(500)..Duration::from_secs(30);

/// A stream of a link that is ractor_cluster's alone.
#[derive(Debug)]
pub struct ClusterLane {
    /// The node at the other end, as TLS has proven it.
    pub peer: [u8; 32],
    /// Whether this node dialled the link (and so opens the handshake on the stream).
    pub dialled: bool,
    pub(crate) send: SendStream,
    pub(crate) recv: RecvStream,
    /// Dropped with the last half of the stream: tells the link that the lane is free.
    pub(crate) held: mpsc::Sender<()>,
}

/// A link made ready to run.
#[derive(Debug)]
pub struct Session {
    link: Link,
    waiting: [(Lane, mpsc::Receiver<Waiting>); 3],
}

impl Session {
    /// Queues for `link`, and what will run it.
    pub fn new(link: Link) -> (Self, Outbound) {
        let (outbound, waiting) = queues();
        (Self { link, waiting }, outbound)
    }

    /// The node at the other end.
    pub fn peer(&self) -> [u8; 32] {
        self.link.peer
    }

    pub(crate) fn version(&self) -> u16 {
        self.link.version
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.link.connection
    }

    /// Runs the link until it ends. Dropping the future closes it with `Shutdown`.
    ///
    /// Frames go to `intake`; each stream for ractor_cluster goes to `cluster`, and if nobody
    /// takes it there the link does without.
    pub async fn run(self, intake: Intake, cluster: mpsc::Sender<ClusterLane>) -> LinkEnd {
        let Link { peer, dialled, connection, control, lanes, cluster: stream, .. } = self.link;
        let closing = CloseOnDrop(connection.clone());
        let mut tasks = JoinSet::new();
        for ((lane, (send, recv)), (_, waiting)) in lanes.into_iter().zip(self.waiting) {
            tasks.spawn(fill(send, waiting));
            tasks.spawn(empty(recv, peer, lane, intake.clone()));
        }
        tasks.spawn(silence(control));
        let held = Held { peer, dialled, cluster };
        if dialled {
            tasks.spawn(lend(connection.clone(), stream, held));
        } else {
            tasks.spawn(relend(connection.clone(), stream, held));
        }
        let end = tokio::select! {
            error = connection.closed() => LinkEnd::from(&error),
            ended = tasks.join_next() => match ended {
                Some(Ok(end)) => end,
                Some(Err(_)) | None => LinkEnd::Crashed,
            },
        };
        let end = concluded(&connection, end);
        tasks.shutdown().await;
        drop(closing);
        end
    }
}

/// A link whose actor dies must not live on in its tasks' handles.
struct CloseOnDrop(Connection);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        CloseReason::Shutdown.close(&self.0);
    }
}

/// Writes what waits for one lane.
async fn fill(mut stream: SendStream, mut waiting: mpsc::Receiver<Waiting>) -> LinkEnd {
    while let Some(next) = waiting.recv().await {
        let write = frame::write(&mut stream, &next.frame);
        match tokio::time::timeout(MAX_STALL, write).await {
            Ok(Ok(())) => {}
            Ok(Err(end)) => return end,
            Err(_) => return LinkEnd::Ours(CloseReason::Overrun),
        }
    }
    // Nobody can send any more, but the link may still be of use to receive.
    std::future::pending().await
}

/// Reads one lane into the intake.
async fn empty(mut stream: RecvStream, peer: [u8; 32], lane: Lane, intake: Intake) -> LinkEnd {
    loop {
        match frame::read(&mut stream, lane.max_frame()).await {
            Ok(bytes) => {
                if !intake.frame(peer, lane, bytes).await {
                    return LinkEnd::Ours(CloseReason::Shutdown);
                }
            }
            Err(end) => return end,
        }
    }
}

/// Keeps the control lane, on which nothing is said after the hellos in this version.
async fn silence((_send, mut recv): Stream) -> LinkEnd {
    let mut byte = [0];
    match frame::read_exact(&mut recv, &mut byte).await {
        Ok(()) => LinkEnd::Ours(CloseReason::Malformed),
        Err(end) => end,
    }
}

/// What a lent stream is labelled with, and to whom it goes.
struct Held {
    peer: [u8; 32],
    dialled: bool,
    cluster: mpsc::Sender<ClusterLane>,
}

impl Held {
    /// Lends the stream out; returns when it has come to its end.
    async fn lend(&self, (send, recv): Stream) {
        let (held, mut free) = mpsc::channel(1);
        let (peer, dialled) = (self.peer, self.dialled);
        let lane = ClusterLane { peer, dialled, send, recv, held };
        if let Err(unwanted) = self.cluster.send(lane).await {
            // Nobody speaks ractor_cluster here: keep the stream, so that the peer does not
            // open one after another.
            let _kept = unwanted;
            return std::future::pending().await;
        }
        // `None` once every half is dropped: nothing is ever sent.
        free.recv().await;
    }
}

/// The dialler's side: when ractor_cluster has given a stream up, opens it another.
async fn lend(connection: Connection, mut stream: Stream, held: Held) -> LinkEnd {
    let mut wait = REOPEN.start;
    loop {
        let lent = tokio::time::Instant::now();
        held.lend(stream).await;
        wait = if lent.elapsed() > REOPEN.end { REOPEN.start } else { (wait * 2).min(REOPEN.end) };
        tokio::time::sleep(wait).await;
        stream = match open(&connection, StreamTag::Cluster).await {
            Ok(stream) => stream,
            Err(end) => return end,
        };
    }
}

/// The answering side: takes over each stream that the dialler opens for ractor_cluster, one at
/// a time and not faster than an honest dialler would.
async fn relend(connection: Connection, mut stream: Stream, held: Held) -> LinkEnd {
    loop {
        let lent = async {
            held.lend(stream).await;
            std::future::pending().await
        };
        let next = tokio::select! {
            never = lent => never,
            next = next_stream(&connection) => next,
        };
        stream = match next {
            Ok((StreamTag::Cluster, stream)) => stream,
            Ok(_) => return LinkEnd::Ours(CloseReason::Malformed),
            Err(end) => return end,
        };
        tokio::time::sleep(REOPEN.start / 2).await;
    }
}
