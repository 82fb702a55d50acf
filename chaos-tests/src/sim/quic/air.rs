//! What is between sockets: real datagrams on simulated paths.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::event::HostId;
use crate::sim::network::{Paths, Quality};

/// A datagram takes this long on the wires of one building.
const WIRE: Duration = Duration::from_millis(1);
/// One that is out of turn, or a second time, comes up to this much later.
const OUT_OF_TURN_MS: u64 = 60;
/// Datagrams that wait in a socket: those that come when it is full are lost.
const INBOX: usize = 1_024;
/// What a path with a cap holds back: whatever would wait longer is lost.
const MOST_WAIT: Duration = Duration::from_secs(2);

/// Bytes, and the address that they came from.
type Datagram = (Vec<u8>, SocketAddr);

/// The air of one world.
pub(super) struct Air(Mutex<Inside>);

struct Inside {
    paths: Paths,
    /// Hosts whose processes stand still.
    still: BTreeSet<HostId>,
    seats: BTreeMap<SocketAddr, Seat>,
    opened: u64,
    /// When a path with a cap has room for the next datagram.
    free_at: BTreeMap<(HostId, HostId), Instant>,
    rng: StdRng,
}

/// A socket's place.
struct Seat {
    number: u64,
    host: HostId,
    inbox: mpsc::Sender<Datagram>,
    /// What came while its process stood still.
    held: Vec<Datagram>,
}

/// A datagram on its way.
struct Parcel {
    at: Instant,
    from: (HostId, SocketAddr),
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl Air {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Air(Mutex::new(Inside {
            paths: Paths::default(),
            still: BTreeSet::new(),
            seats: BTreeMap::new(),
            opened: 0,
            free_at: BTreeMap::new(),
            rng: StdRng::seed_from_u64(seed),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A socket at an address; whoever had it before has none any more.
    pub(super) fn open(self: &Arc<Self>, host: HostId, address: SocketAddr) -> Arc<Socket> {
        let (inbox, arrived) = mpsc::channel(INBOX);
        let mut air = self.lock();
        air.opened += 1;
        let number = air.opened;
        air.seats.insert(address, Seat { number, host, inbox, held: Vec::new() });
        Arc::new(Socket { air: Arc::clone(self), number, arrived: Mutex::new(arrived) })
    }

    /// A socket is closed: nothing comes from it or to it any more.
    pub(super) fn close(&self, number: u64) {
        self.lock().seats.retain(|_, seat| seat.number != number);
    }

    /// A socket is at another address from now on.
    pub(super) fn moved(&self, number: u64, address: SocketAddr) {
        let mut air = self.lock();
        let here = air.address_of(number);
        if let Some(seat) = here.and_then(|here| air.seats.remove(&here)) {
            air.seats.insert(address, seat);
        }
    }

    /// The host that is at an address.
    pub(super) fn host_at(&self, address: SocketAddr) -> Option<HostId> {
        self.lock().seats.get(&address).map(|seat| seat.host)
    }

    /// From now on paths are like this, and the processes of these hosts stand still.
    pub(super) fn set(&self, paths: &Paths, still: &BTreeSet<HostId>) {
        let mut air = self.lock();
        air.paths.clone_from(paths);
        air.still.clone_from(still);
        for seat in air.seats.values_mut().filter(|seat| !still.contains(&seat.host)) {
            for datagram in std::mem::take(&mut seat.held) {
                seat.take(datagram);
            }
        }
    }

    fn send(self: &Arc<Self>, from: u64, to: SocketAddr, bytes: &[u8]) {
        let parcels = self.lock().carry(from, to, bytes);
        for parcel in parcels {
            let air = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep_until(parcel.at).await;
                air.lock().deliver(parcel);
            });
        }
    }
}

impl Inside {
    fn address_of(&self, number: u64) -> Option<SocketAddr> {
        let mut seats = self.seats.iter();
        seats.find(|(_, seat)| seat.number == number).map(|(address, _)| *address)
    }

    /// What of a datagram goes on its way: nothing, itself, or itself twice.
    fn carry(&mut self, from: u64, to: SocketAddr, bytes: &[u8]) -> Vec<Parcel> {
        let Some((here, sender)) = self
            .seats
            .iter()
            .find(|(_, seat)| seat.number == from)
            .map(|(address, seat)| (*address, seat.host))
        else {
            return Vec::new();
        };
        let Some(receiver) = self.seats.get(&to).map(|seat| seat.host) else {
            return Vec::new();
        };
        if self.still.contains(&sender) || !self.paths.is_open(sender, receiver) {
            return Vec::new();
        }
        let quality = self.paths.quality(sender, receiver);
        if self.draw(quality.loss.into()) {
            return Vec::new();
        }
        let mut bytes = bytes.to_vec();
        if self.draw(quality.corrupt.into()) && !bytes.is_empty() {
            let bit = self.rng.random_range(0..bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        let Some(leaves) = self.leaves(sender, receiver, quality, bytes.len()) else {
            return Vec::new();
        };
        let jitter = match quality.jitter_ms {
            0 => 0,
            most => self.rng.random_range(0..=u64::from(most)),
        };
        let mut at = leaves + WIRE + milliseconds(u64::from(quality.delay_ms) + jitter);
        if self.draw(quality.reorder.into()) {
            at += milliseconds(self.rng.random_range(1..=OUT_OF_TURN_MS));
        }
        let from = (sender, here);
        let mut parcels = Vec::with_capacity(1);
        if self.draw(quality.duplicate.into()) {
            let again = at + milliseconds(self.rng.random_range(1..=OUT_OF_TURN_MS));
            parcels.push(Parcel { at: again, from, to, bytes: bytes.clone() });
        }
        parcels.push(Parcel { at, from, to, bytes });
        parcels
    }

    fn draw(&mut self, share: u32) -> bool {
        share > 0 && self.rng.random_range(0..100) < share
    }

    /// When a datagram gets through a path's cap; `None` when it would wait too long.
    fn leaves(
        &mut self,
        from: HostId,
        to: HostId,
        quality: Quality,
        length: usize,
    ) -> Option<Instant> {
        let now = Instant::now();
        if quality.kilobytes_s == 0 {
            return Some(now);
        }
        let free_at = self.free_at.entry((from, to)).or_insert(now);
        let leaves = now.max(*free_at);
        if leaves > now + MOST_WAIT {
            return None;
        }
        *free_at = leaves + milliseconds(length as u64 / u64::from(quality.kilobytes_s));
        Some(leaves)
    }

    fn deliver(&mut self, parcel: Parcel) {
        let (sender, from) = parcel.from;
        let Some(seat) = self.seats.get_mut(&parcel.to) else {
            return;
        };
        if !self.paths.is_open(sender, seat.host) {
            return;
        }
        if !self.still.contains(&seat.host) {
            seat.take((parcel.bytes, from));
        } else if seat.held.len() < INBOX {
            seat.held.push((parcel.bytes, from));
        }
    }
}

impl Seat {
    fn take(&self, datagram: Datagram) {
        // Full, or closed in the meantime: lost, as in a kernel.
        self.inbox.try_send(datagram).ok();
    }
}

fn milliseconds(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A UDP socket in the air.
pub(super) struct Socket {
    air: Arc<Air>,
    pub(super) number: u64,
    arrived: Mutex<mpsc::Receiver<Datagram>>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("number", &self.number).finish_non_exhaustive()
    }
}

/// There is always room: what the air does not take is lost.
#[derive(Debug)]
struct AlwaysReady;

impl UdpPoller for AlwaysReady {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysReady)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.air.send(self.number, transmit.destination, transmit.contents);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(buffer), Some(about)) = (bufs.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        match arrived.poll_recv(cx) {
            Poll::Ready(Some((bytes, from))) => {
                let length = bytes.len().min(buffer.len());
                buffer[..length].copy_from_slice(&bytes[..length]);
                *about = RecvMeta::default();
                (about.addr, about.len, about.stride) = (from, length, length);
                Poll::Ready(Ok(1))
            }
            // Its place is another's: it hears nothing more, and is about to be closed.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.air.lock().address_of(self.number).ok_or(io::ErrorKind::AddrNotAvailable.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::future::poll_fn;

    use super::*;
    use crate::sim::network::Network;

    const HERE: HostId = HostId(0);
    const THERE: HostId = HostId(1);

    fn address(host: HostId) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, u8::try_from(host.0).unwrap()], 7_700))
    }

    /// Two sockets, and paths that this fault makes worse.
    fn pair(quality: Quality) -> (Arc<Air>, Arc<Socket>, Arc<Socket>) {
        let air = Air::new(1);
        let (here, there) = (air.open(HERE, address(HERE)), air.open(THERE, address(THERE)));
        let mut net = Network::default();
        net.degrade(1, vec![HERE], quality);
        air.set(&net.paths, &BTreeSet::new());
        (air, here, there)
    }

    fn send(from: &Socket, to: HostId, bytes: &[u8]) {
        from.air.send(from.number, address(to), bytes);
    }

    /// What comes within a second.
    async fn receive(socket: &Socket) -> Vec<Vec<u8>> {
        let mut came = Vec::new();
        let all = async {
            loop {
                let mut bytes = [0; 64];
                let mut meta = [RecvMeta::default()];
                poll_fn(|cx| {
                    let mut buffers = [IoSliceMut::new(&mut bytes)];
                    socket.poll_recv(cx, &mut buffers, &mut meta)
                })
                .await
                .unwrap();
                came.push(bytes[..meta[0].len].to_vec());
            }
        };
        tokio::time::timeout(Duration::from_secs(1), all).await.unwrap_err();
        came
    }

    #[tokio::test(start_paused = true)]
    async fn a_datagram_comes_out_as_it_went_in() {
        let (_air, here, there) = pair(Quality::default());
        send(&here, THERE, b"hello");
        assert_eq!(receive(&there).await, [b"hello"]);
    }

    #[tokio::test(start_paused = true)]
    async fn paths_lose_double_and_change() {
        let (_air, here, there) = pair(Quality { loss: 100, ..Quality::default() });
        send(&here, THERE, b"hello");
        assert!(receive(&there).await.is_empty());

        let (_air, here, there) = pair(Quality { duplicate: 100, ..Quality::default() });
        send(&here, THERE, b"hello");
        assert_eq!(receive(&there).await, [b"hello", b"hello"]);

        let (_air, here, there) = pair(Quality { corrupt: 100, ..Quality::default() });
        send(&here, THERE, b"hello");
        let came = receive(&there).await;
        let differing: u32 =
            came[0].iter().zip(b"hello").map(|(one, other)| (one ^ other).count_ones()).sum();
        assert_eq!((came.len(), differing), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cap_holds_back_and_then_loses() {
        let (_air, here, there) = pair(Quality { kilobytes_s: 1, ..Quality::default() });
        for number in 0..100 {
            send(&here, THERE, &[number; 60]);
        }
        // Sixty bytes take sixty milliseconds; what would wait for more than two seconds is lost.
        let mut came = Vec::new();
        for _ in 0..4 {
            came.push(receive(&there).await.len());
        }
        assert!((15..=18).contains(&came[0]), "{came:?}");
        assert!((33..=36).contains(&came.iter().sum::<usize>()), "{came:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_stands_still_finds_what_came() {
        let (air, here, there) = pair(Quality::default());
        air.set(&Paths::default(), &BTreeSet::from([THERE]));
        send(&here, THERE, b"one");
        assert!(receive(&there).await.is_empty());
        send(&there, HERE, b"none");
        assert!(receive(&here).await.is_empty());
        air.set(&Paths::default(), &BTreeSet::new());
        assert_eq!(receive(&there).await, [b"one"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_moved_is_found_there_alone() {
        let (air, here, there) = pair(Quality::default());
        let moved = SocketAddr::from(([10, 1, 0, 1], 7_700));
        air.moved(there.number, moved);
        send(&here, THERE, b"before");
        here.air.send(here.number, moved, b"after");
        assert_eq!(receive(&there).await, [b"after"]);
        assert_eq!((air.host_at(address(THERE)), air.host_at(moved)), (None, Some(THERE)));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_comes_of_a_closed_socket() {
        let (air, here, there) = pair(Quality::default());
        air.close(here.number);
        send(&here, THERE, b"hello");
        assert!(receive(&there).await.is_empty());
    }
}
