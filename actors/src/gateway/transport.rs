//! A link's `cluster` lane as ractor_cluster's transport.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use super::auth_name::declared_name;
use crate::link::session::ClusterLane;

/// The name by which ractor_cluster knows a node: `poste@` and the node's key in hexadecimal.
pub(super) fn cluster_name(node: [u8; 32]) -> String {
    format!("{NODE_NAME}@{}", hex(&node))
}

/// The first half of every node's name.
pub(super) const NODE_NAME: &str = "poste";

/// Lower hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The longest frame before the peer has said its name.
const MAX_AUTH_FRAME: usize = 2 * 1024;

/// Frames without a name that may come before the one with it.
const MAX_NAMELESS: usize = 2;

/// How long the peer may leave the lane unread: ractor_cluster's own queue has no bound.
const MAX_STALL: Duration = Duration::from_secs(10);

/// A lent lane, guarded on both sides.
pub(super) struct Transport {
    pub(super) lane: ClusterLane,
    /// How the session is labelled in ractor_cluster's events.
    pub(super) label: String,
}

impl ClusterBidiStream for Transport {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        let ClusterLane {
            peer,
            send,
            recv,
            held,
            ..
        } = self.lane;
        let reader = NameGuard {
            inner: recv,
            expected: cluster_name(peer).into_bytes(),
            named: false,
            nameless: 0,
            waiting: Vec::new(),
            passed: Vec::new(),
            _held: held.clone(),
        };
        let writer = StallGuard {
            inner: send,
            deadline: None,
            _held: held,
        };
        (Box::new(reader), Box::new(writer))
    }

    fn peer_label(&self) -> Option<String> {
        Some(self.label.clone())
    }
}

/// Lets frames pass only once the peer has given its own name, that of its key.
struct NameGuard<R> {
    inner: R,
    expected: Vec<u8>,
    named: bool,
    nameless: usize,
    /// Read and not yet looked at.
    waiting: Vec<u8>,
    /// Looked at and not yet handed on.
    passed: Vec<u8>,
    _held: mpsc::Sender<()>,
}

impl<R> NameGuard<R> {
    /// Moves what may pass from `waiting` to `passed`.
    fn look(&mut self) -> io::Result<()> {
        while !self.named {
            let Some((length, rest)) = self.waiting.split_first_chunk::<8>() else {
                return Ok(());
            };
            let length = usize::try_from(u64::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if length > MAX_AUTH_FRAME {
                return Err(breach("a frame too long before a name"));
            }
            let Some(frame) = rest.get(..length) else {
                return Ok(());
            };
            match declared_name(frame) {
                Ok(Some(name)) if name == self.expected => self.named = true,
                Ok(Some(_)) => return Err(breach("another node's name")),
                Ok(None) if self.nameless < MAX_NAMELESS => self.nameless += 1,
                Ok(None) | Err(_) => return Err(breach("no name")),
            }
            self.passed.extend(self.waiting.drain(..8 + length));
        }
        self.passed.append(&mut self.waiting);
        Ok(())
    }
}

fn breach(what: &str) -> io::Error {
    tracing::warn!(what, "a peer broke the cluster handshake");
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl<R: AsyncRead + Unpin> AsyncRead for NameGuard<R> {
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
            if this.named {
                return Pin::new(&mut this.inner).poll_read(cx, buf);
            }
            let mut chunk = [0; 1024];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.waiting.extend_from_slice(chunk.filled());
            this.look()?;
        }
    }
}

/// Gives a peer up that takes nothing off the lane for too long.
struct StallGuard<W> {
    inner: W,
    deadline: Option<Pin<Box<Sleep>>>,
    _held: mpsc::Sender<()>,
}

impl<W> StallGuard<W> {
    fn stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + MAX_STALL)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(io::Error::new(
            io::ErrorKind::TimedOut,
            "the peer reads nothing",
        ))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for StallGuard<W> {
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
            Poll::Pending => self.stalled(cx).map(Err),
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn guard(expected: &[u8]) -> (tokio::io::DuplexStream, NameGuard<tokio::io::DuplexStream>) {
        let (far, inner) = tokio::io::duplex(64 * 1024);
        let guard = NameGuard {
            inner,
            expected: expected.to_vec(),
            named: false,
            nameless: 0,
            waiting: Vec::new(),
            passed: Vec::new(),
            _held: mpsc::channel(1).0,
        };
        (far, guard)
    }

    /// A framed `NetworkMessage { auth { name { name } } }`.
    fn named(name: &[u8]) -> Vec<u8> {
        let length = u8::try_from(name.len()).unwrap();
        let mut frame = vec![10, length + 4, 10, length + 2, 10, length];
        frame.extend_from_slice(name);
        let mut bytes = u64::try_from(frame.len()).unwrap().to_be_bytes().to_vec();
        bytes.append(&mut frame);
        bytes
    }

    #[tokio::test]
    async fn after_its_own_name_a_peer_may_say_anything() {
        let (mut far, mut guard) = guard(b"poste@ab");
        let mut sent = named(b"poste@ab");
        sent.extend_from_slice(b"and whatever follows");
        for byte in &sent {
            far.write_all(&[*byte]).await.unwrap();
        }
        drop(far);
        let mut got = Vec::new();
        guard.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, sent);
    }

    #[tokio::test]
    async fn under_another_name_nothing_passes() {
        for sent in [named(b"poste@cd"), vec![0xff; 64], [0u8; 8].repeat(9)] {
            let (mut far, mut guard) = guard(b"poste@ab");
            far.write_all(&sent).await.unwrap();
            let mut got = Vec::new();
            let error = guard.read_to_end(&mut got).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert_eq!(got, []);
        }
    }
}
