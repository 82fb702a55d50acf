//! The UDP socket under the endpoint, which counts what is not for it.
//!
//! quinn drops noise in silence. Ops want to see it, so each datagram is looked at once on its
//! way in; none is changed or held back.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use quinn_proto::{ConnectionId, ConnectionIdGenerator, HashedConnectionIdGenerator};

/// The one QUIC version spoken.
pub(crate) const QUIC_V1: u32 = 1;

/// The length of the connection ids that [`HashedConnectionIdGenerator`] makes.
const CONNECTION_ID: usize = 8;

/// RFC 9000, 14.1: a client's first datagram is at least this long.
const MIN_INITIAL: usize = 1200;

/// RFC 9000, 10.3: the shortest packet that can be told from a stateless reset.
const MIN_SHORT: usize = 21;

pub(crate) struct CountingSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    ids: HashedConnectionIdGenerator,
    strays: Arc<AtomicU64>,
}

impl CountingSocket {
    /// `id_key` is the key of the endpoint's own connection ids.
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>, id_key: u64, strays: Arc<AtomicU64>) -> Self {
        Self { inner, ids: HashedConnectionIdGenerator::from_key(id_key), strays }
    }

    /// Whether no connection of this endpoint, and no client that wants one, can have sent this.
    fn is_stray(&self, datagram: &[u8]) -> bool {
        let Some((&first, rest)) = datagram.split_first() else {
            return true;
        };
        let long = first & 0x80 != 0;
        if first & 0x40 == 0 {
            return true;
        }
        if long {
            let version = rest.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes));
            // An answer to this endpoint's own dialling may be short; a first packet may not.
            let ours = || match rest.get(4) {
                Some(&length) if usize::from(length) == CONNECTION_ID => {
                    rest.get(5..5 + CONNECTION_ID).is_some_and(|id| self.is_ours(id))
                }
                _ => false,
            };
            return version != Some(QUIC_V1) || (datagram.len() < MIN_INITIAL && !ours());
        }
        // A stateless reset looks like this too, and carries no connection id: let it be noise.
        datagram.len() < MIN_SHORT || !rest.get(..CONNECTION_ID).is_some_and(|id| self.is_ours(id))
    }

    fn is_ours(&self, id: &[u8]) -> bool {
        self.ids.validate(&ConnectionId::new(id)).is_ok()
    }
}

impl fmt::Debug for CountingSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountingSocket").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl AsyncUdpSocket for CountingSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.inner.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let polled = self.inner.poll_recv(cx, bufs, meta);
        if let Poll::Ready(Ok(count)) = &polled {
            for (buffer, meta) in bufs.iter().zip(meta.iter()).take(*count) {
                let received = buffer.get(..meta.len).unwrap_or_default();
                let strays =
                    received.chunks(meta.stride.max(1)).filter(|one| self.is_stray(one)).count();
                self.strays.fetch_add(strays as u64, Ordering::Relaxed);
            }
        }
        polled
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}
