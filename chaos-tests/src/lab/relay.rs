//! A bad network: what goes between one host and the bridge passes through the harness, which loses,
//! doubles, delays, reorders, spoils and throttles it by one seeded generator.
//!
//! The kernel here has no netem. Two TAP devices stand in for it: one on a bridge alone with the
//! host's port, one on the room's bridge; whole frames are carried between them, multicast included.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

use crate::event::HostId;
use crate::target::NotRun;

use super::ground::{Ground, broken};

/// Largest frame, with room to spare.
const FRAME: usize = 4096;
/// Longest wait until the relay looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);
/// How long a frame is held back that is to come out of turn.
const OUT_OF_TURN_US: u64 = 30_000;
/// A frame that would wait longer than this for its turn under a cap is dropped, as a full queue does.
const LONGEST_QUEUE_US: u64 = 1_000_000;

/// How bad the network is. Shares are per hundred frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Manners {
    pub(super) loss: u8,
    pub(super) duplicate: u8,
    pub(super) reorder: u8,
    pub(super) corrupt: u8,
    pub(super) delay_ms: u32,
    pub(super) jitter_ms: u32,
    pub(super) kilobytes_s: u32,
}

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Out,
    In,
}

/// Decides what becomes of each frame; knows no device and no clock.
struct Fate {
    manners: Manners,
    draw: StdRng,
    /// When the wire is free again, each way.
    free_us: [u64; 2],
}

impl Fate {
    fn new(manners: Manners, seed: u64) -> Self {
        Self { manners, draw: StdRng::seed_from_u64(seed), free_us: [0; 2] }
    }

    fn happens(&mut self, share: u8) -> bool {
        share > 0 && self.draw.random_range(0..100) < share
    }

    /// When copies of the frame arrive, and whether each is as it was sent.
    fn arrivals(&mut self, now_us: u64, way: Way, frame: &mut [u8]) -> Vec<u64> {
        if self.happens(self.manners.loss) {
            return Vec::new();
        }
        if self.happens(self.manners.corrupt) && !frame.is_empty() {
            let at = self.draw.random_range(0..frame.len());
            let bit = self.draw.random_range(0..8);
            if let Some(byte) = frame.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        let sent_us = match self.on_the_wire(now_us, way, frame.len()) {
            Some(sent_us) => sent_us,
            None => return Vec::new(),
        };
        let copies = if self.happens(self.manners.duplicate) { 2 } else { 1 };
        let arrivals = (0..copies).map(|_| {
            let jitter = u64::from(self.manners.jitter_ms) * 1_000;
            let jitter = if jitter == 0 { 0 } else { self.draw.random_range(0..=jitter) };
            let late = if self.happens(self.manners.reorder) { OUT_OF_TURN_US } else { 0 };
            sent_us + u64::from(self.manners.delay_ms) * 1_000 + jitter + late
        });
        arrivals.collect()
    }

    /// When the frame has left under the cap; `None` where the queue before it is full.
    fn on_the_wire(&mut self, now_us: u64, way: Way, length: usize) -> Option<u64> {
        if self.manners.kilobytes_s == 0 {
            return Some(now_us);
        }
        let free_us = &mut self.free_us[way as usize];
        let begins = now_us.max(*free_us);
        if begins - now_us > LONGEST_QUEUE_US {
            return None;
        }
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        *free_us = begins + length.saturating_mul(1_000) / u64::from(self.manners.kilobytes_s);
        Some(*free_us)
    }
}

/// The path, until it is dropped.
pub(super) struct Relay {
    wanted: Arc<AtomicBool>,
    carrier: Option<JoinHandle<()>>,
}

impl Relay {
    /// Puts itself between a host's port and the bridge.
    ///
    /// # Errors
    /// No TAP device may be made here.
    pub(super) fn between(
        ground: &Ground,
        host: HostId,
        port: &str,
        manners: Manners,
        seed: u64,
    ) -> Result<Self, NotRun> {
        let (inner, outer, lobby) =
            (format!("a{}", host.0), format!("b{}", host.0), format!("l{}", host.0));
        let network = ground.network()?;
        let devices = network.within(|| Ok((tap(&inner)?, tap(&outer)?)))?;
        let (inside, outside) = devices.map_err(|error: std::io::Error| broken("TAP", error))?;
        // The lobby is left from an earlier time when this host was here before.
        ground.script(&format!(
            "ip link show {lobby} >/dev/null 2>&1 || \
             ip link add {lobby} type bridge mcast_snooping 0
            ip link set {lobby} up
            ip link set {inner} master {lobby} up
            ip link set {outer} master br0 up
            ip link set {port} master {lobby}\n"
        ))?;
        let wanted = Arc::new(AtomicBool::new(true));
        let still = Arc::clone(&wanted);
        let fate = Fate::new(manners, seed);
        let carrier = std::thread::spawn(move || carry(&inside, &outside, fate, &still));
        Ok(Self { wanted, carrier: Some(carrier) })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.wanted.store(false, Ordering::Relaxed);
        if let Some(carrier) = self.carrier.take() {
            carrier.join().ok();
        }
    }
}

fn tap(name: &str) -> std::io::Result<SyncDevice> {
    let device = DeviceBuilder::new()
        .name(name)
        .layer(Layer::L2)
        .packet_information(false)
        .enable(false)
        .build_sync()?;
    device.set_nonblocking(true)?;
    Ok(device)
}

fn carry(inside: &SyncDevice, outside: &SyncDevice, mut fate: Fate, wanted: &AtomicBool) {
    let start = Instant::now();
    let now_us = || u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    let mut under_way: BTreeMap<(u64, u64), (Way, Vec<u8>)> = BTreeMap::new();
    let mut number = 0u64;
    let mut frame = [0; FRAME];
    while wanted.load(Ordering::Relaxed) {
        let next = under_way.keys().next().map(|(due, _)| due.saturating_sub(now_us()));
        wait(inside, outside, next.map_or(LOOK, |us| LOOK.min(Duration::from_micros(us))));
        for (way, device) in [(Way::Out, inside), (Way::In, outside)] {
            while let Ok(length) = device.recv(&mut frame) {
                let Some(frame) = frame.get_mut(..length) else {
                    break;
                };
                for due in fate.arrivals(now_us(), way, frame) {
                    under_way.insert((due, number), (way, frame.to_vec()));
                    number += 1;
                }
            }
        }
        while let Some(first) = under_way.first_entry()
            && first.key().0 <= now_us()
        {
            let (way, frame) = first.remove();
            let to = match way {
                Way::Out => outside,
                Way::In => inside,
            };
            // A frame that the kernel does not take is lost, as on any wire.
            to.send(&frame).ok();
        }
    }
}

/// Waits for a frame on either device, for at most so long.
fn wait(inside: &SyncDevice, outside: &SyncDevice, longest: Duration) {
    let mut devices = [
        PollFd::from_borrowed_fd(inside.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(outside.as_fd(), PollFlags::IN),
    ];
    let longest = Timespec { tv_sec: 0, tv_nsec: i64::from(longest.subsec_nanos()) };
    // Interrupted or not: the devices are looked at next.
    poll(&mut devices, Some(&longest)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_BYTES: [u8; 100] = [7; 100];

    fn sent(manners: Manners, count: u32) -> Vec<Vec<u64>> {
        let mut fate = Fate::new(manners, 1);
        (0..count).map(|_| fate.arrivals(0, Way::Out, &mut FRAME_BYTES.clone())).collect()
    }

    #[test]
    fn good_manners_change_nothing() {
        assert!(sent(Manners::default(), 100).iter().all(|arrivals| *arrivals == [0]));
    }

    #[test]
    fn a_seed_has_one_fate() {
        let bad =
            Manners { loss: 20, duplicate: 20, reorder: 20, jitter_ms: 9, ..Manners::default() };
        assert_eq!(sent(bad, 200), sent(bad, 200));
    }

    #[test]
    fn shares_are_what_they_say() {
        let lost = sent(Manners { loss: 30, ..Manners::default() }, 2_000);
        let lost = lost.iter().filter(|arrivals| arrivals.is_empty()).count();
        assert!((500..700).contains(&lost), "{lost}");
        let twice = sent(Manners { duplicate: 10, ..Manners::default() }, 2_000);
        let twice = twice.iter().filter(|arrivals| arrivals.len() == 2).count();
        assert!((140..260).contains(&twice), "{twice}");
    }

    #[test]
    fn one_bit_is_spoilt() {
        let mut fate = Fate::new(Manners { corrupt: 100, ..Manners::default() }, 3);
        let mut frame = FRAME_BYTES;
        assert_eq!(fate.arrivals(0, Way::In, &mut frame).len(), 1);
        let changed = frame.iter().zip(FRAME_BYTES).map(|(a, b)| (a ^ b).count_ones());
        assert_eq!(changed.sum::<u32>(), 1);
    }

    #[test]
    fn a_cap_spreads_frames_and_drops_what_would_wait_too_long() {
        let slow = Manners { kilobytes_s: 1, ..Manners::default() };
        let arrivals = sent(slow, 20);
        assert_eq!(arrivals[0], [100_000]);
        assert_eq!(arrivals[1], [200_000]);
        assert!(arrivals[19].is_empty());
    }
}
