//! What stands between a peer's bytes and ractor_cluster, whose own queues have no bound.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use super::Group;
use super::wire::{Frame, read};

/// The longest frame of a peer: calls and answers are small.
pub(super) const MAX_FRAME: usize = 64 * 1024;

/// The longest frame before the peer has said its name.
const MAX_AUTH_FRAME: usize = 2 * 1024;

/// Frames without a name that may come before the one with it.
const MAX_NAMELESS: usize = 2;

/// Actors that a peer may announce in one session. An honest node has one, announces it twice,
/// and again when it had to be started again.
const MAX_ACTORS: usize = 64;

/// What a peer may send at once, and each second after that.
const BURST: i64 = 256 * 1024;
const PER_SECOND: i64 = 64 * 1024;

/// How often a peer that has used its allowance up is read again.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the peer may leave the lane unread.
const MAX_STALL: Duration = Duration::from_secs(10);

/// Reads from a peer: only under its own name, frame by frame, and not faster than allowed.
pub(super) struct Inbound<R> {
    inner: R,
    /// The name that the peer has to give: that of its key.
    expected: Vec<u8>,
    named: bool,
    nameless: usize,
    actors: usize,
    /// Read and not yet looked at.
    waiting: Vec<u8>,
    /// Looked at and not yet handed on.
    passed: Vec<u8>,
    allowance: Allowance,
    _held: mpsc::Sender<()>,
}

impl<R> Inbound<R> {
    /// `held` is kept for as long as this lives.
    pub(super) fn new(inner: R, expected: String, held: mpsc::Sender<()>) -> Self {
        Self {
            inner,
            expected: expected.into_bytes(),
            named: false,
            nameless: 0,
            actors: 0,
            waiting: Vec::new(),
            passed: Vec::new(),
            allowance: Allowance::new(Instant::now()),
            _held: held,
        }
    }

    /// Moves the frames that are whole and may pass from `waiting` to `passed`.
    fn look(&mut self) -> io::Result<()> {
        let groups = [Group::Admins.name(), Group::Kiosks.name()];
        while let Some((length, rest)) = self.waiting.split_first_chunk::<8>() {
            let length = usize::try_from(u64::from_be_bytes(*length)).unwrap_or(usize::MAX);
            let longest = if self.named { MAX_FRAME } else { MAX_AUTH_FRAME };
            if length > longest {
                return Err(breach("a frame too long"));
            }
            let Some(frame) = rest.get(..length) else {
                break;
            };
            match (read(frame, &groups), self.named) {
                (Ok(Frame::Name(name)), false) if name == self.expected => self.named = true,
                (Ok(Frame::Name(_)), _) => return Err(breach("a name that is not its own")),
                (Ok(Frame::Nameless), true) => {}
                (Ok(Frame::Nameless), false) if self.nameless < MAX_NAMELESS => self.nameless += 1,
                (Ok(Frame::Actors(count)), true) if self.actors + count <= MAX_ACTORS => {
                    self.actors += count.max(1);
                }
                (Ok(Frame::Traffic), true) => {}
                (Ok(Frame::Actors(_)), true) => return Err(breach("too many actors")),
                (Ok(Frame::Nameless | Frame::Actors(_) | Frame::Traffic), false) => {
                    return Err(breach("no name"));
                }
                (Err(_), _) => return Err(breach("a frame of another protocol")),
            }
            self.passed.extend(self.waiting.drain(..8 + length));
        }
        Ok(())
    }
}

fn breach(what: &str) -> io::Error {
    tracing::warn!(what, "a peer broke the rules of the cluster lane");
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl<R: AsyncRead + Unpin> AsyncRead for Inbound<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if !this.passed.is_empty() {
                let count = this.passed.len().min(buf.remaining());
                buf.put_slice(this.passed.get(..count).unwrap_or_default());
                this.passed.drain(..count);
                return Poll::Ready(Ok(()));
            }
            ready!(this.allowance.poll_some(cx));
            let mut chunk = [0; 4096];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.allowance.take(chunk.filled().len());
            this.waiting.extend_from_slice(chunk.filled());
            this.look()?;
        }
    }
}

/// How much a peer may still send; below nothing when its last bytes were more than that.
struct Allowance {
    bytes: i64,
    counted: Instant,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self { bytes: BURST, counted: now, pause: None }
    }

    fn take(&mut self, count: usize) {
        self.bytes = self.bytes.saturating_sub_unsigned(count as u64);
    }

    fn earn(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.counted);
        let whole = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        let earned = whole.saturating_mul(PER_SECOND) / 1000;
        if earned > 0 {
            self.bytes = self.bytes.saturating_add(earned).min(BURST);
            self.counted = now;
        }
    }

    /// Ready when something may be read; the peer's bytes wait in its stream until then.
    fn poll_some(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            self.earn(Instant::now());
            if self.bytes > 0 {
                return Poll::Ready(());
            }
            self.pause = Some(Box::pin(tokio::time::sleep(PAUSE)));
        }
    }
}

/// Writes to a peer, and gives it up if it takes nothing for too long.
pub(super) struct Outbound<W> {
    inner: W,
    deadline: Option<Pin<Box<Sleep>>>,
    _held: mpsc::Sender<()>,
}

impl<W> Outbound<W> {
    /// `held` is kept for as long as this lives.
    pub(super) fn new(inner: W, held: mpsc::Sender<()>) -> Self {
        Self { inner, deadline: None, _held: held }
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(MAX_STALL)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing"))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Outbound<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write(cx, bytes) {
            Poll::Ready(written) => {
                self.deadline = None;
                Poll::Ready(written)
            }
            Poll::Pending => self.poll_stalled(cx).map(Err),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    fn guarded() -> (DuplexStream, Inbound<DuplexStream>) {
        let (far, near) = tokio::io::duplex(1024 * 1024);
        (far, Inbound::new(near, "poste@ab".to_owned(), mpsc::channel(1).0))
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        let length = u64::try_from(message.len()).unwrap();
        [&length.to_be_bytes(), message].concat()
    }

    /// `NetworkMessage { auth { name { name } } }`.
    fn named(name: &[u8]) -> Vec<u8> {
        let length = u8::try_from(name.len()).unwrap();
        framed(&[&[10, length + 4, 10, length + 2, 10, length], name].concat())
    }

    /// `NetworkMessage { control { spawn { actor { pid } } } }`.
    const SPAWN: [u8; 8] = [26, 6, 10, 4, 10, 2, 8, 1];

    async fn what_passes(sent: &[u8]) -> (Vec<u8>, io::Result<usize>) {
        let (mut far, mut guard) = guarded();
        far.write_all(sent).await.unwrap();
        drop(far);
        let mut got = Vec::new();
        let ended = guard.read_to_end(&mut got).await;
        (got, ended)
    }

    #[tokio::test]
    async fn after_its_own_name_a_peer_speaks_in_whatever_pieces() {
        let call = framed(&[18, 3, 10, 1, 0]);
        let sent = [named(b"poste@ab"), framed(&SPAWN), call].concat();
        let (mut far, mut guard) = guarded();
        let written = sent.clone();
        let writing = tokio::spawn(async move {
            for byte in written {
                far.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut got = Vec::new();
        guard.read_to_end(&mut got).await.unwrap();
        writing.await.unwrap();
        assert_eq!(got, sent);
    }

    #[tokio::test]
    async fn without_its_own_name_nothing_passes() {
        let another = named(b"poste@cd");
        let none = framed(&[18, 3, 10, 1, 0]);
        for sent in [another, none, vec![0xff; 64], framed(&[])] {
            let (got, ended) = what_passes(&sent).await;
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::InvalidData);
            assert_eq!(got, []);
        }
    }

    #[tokio::test]
    async fn a_second_name_ends_the_session() {
        let (_, ended) = what_passes(&[named(b"poste@ab"), named(b"poste@cd")].concat()).await;
        assert!(ended.is_err());
    }

    #[tokio::test]
    async fn a_peer_that_announces_actors_without_end_is_cut_off() {
        let sent = [named(b"poste@ab"), framed(&SPAWN).repeat(MAX_ACTORS + 1)].concat();
        let (_, ended) = what_passes(&sent).await;
        assert_eq!(ended.unwrap_err().to_string(), "too many actors");
        let sent = [named(b"poste@ab"), framed(&SPAWN).repeat(MAX_ACTORS)].concat();
        let (got, ended) = what_passes(&sent).await;
        assert_eq!(ended.unwrap(), sent.len());
        assert_eq!(got, sent);
    }

    #[test]
    fn a_flood_is_held_to_its_allowance() {
        let mut now = Instant::now();
        let mut allowance = Allowance::new(now);
        let mut read = 0;
        for _ in 0..1000 {
            now += Duration::from_millis(10);
            allowance.earn(now);
            while allowance.bytes > 0 {
                allowance.take(4096);
                read += 4096;
            }
        }
        // Ten seconds, give or take one chunk.
        let due = BURST + 10 * PER_SECOND;
        assert!((due - 4096..=due + 4096).contains(&read), "{read}");
        allowance.earn(now + Duration::from_secs(3600));
        assert_eq!(allowance.bytes, BURST);
    }
}
