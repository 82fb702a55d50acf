//! The gate: how many connections a port lets in, and who uses the places up.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Links that may be open at once.
pub const MAX_LINKS: usize = 512;

/// Answered handshakes that may be unfinished at once, in all.
pub const MAX_HANDSHAKES: usize = 64;

/// Answered handshakes that may be unfinished at once, from one address.
pub const MAX_HANDSHAKES_FROM_ONE: usize = 16;

/// The limits, and who uses them up.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) links: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    pub(super) turned_away: AtomicU64,
    pub(super) strays: Arc<AtomicU64>,
}

impl Gate {
    /// A gate with all its places free; `strays` is counted elsewhere.
    pub(super) fn new(strays: Arc<AtomicU64>) -> Self {
        Self {
            links: Arc::new(Semaphore::new(MAX_LINKS)),
            handshakes: Arc::new(Semaphore::new(MAX_HANDSHAKES)),
            by_address: Mutex::default(),
            turned_away: AtomicU64::new(0),
            strays,
        }
    }
}

/// An unfinished answered handshake's place, given back when dropped.
#[derive(Debug)]
pub(crate) struct HandshakePlace {
    gate: Arc<Gate>,
    from: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl HandshakePlace {
    pub(super) fn take(gate: &Arc<Gate>, from: IpAddr) -> Option<Self> {
        let permit = Arc::clone(&gate.handshakes).try_acquire_owned().ok()?;
        let mut by_address = gate.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(from).or_default();
        if *count >= MAX_HANDSHAKES_FROM_ONE {
            return None;
        }
        *count += 1;
        drop(by_address);
        Some(Self { gate: Arc::clone(gate), from, _permit: permit })
    }
}

impl Drop for HandshakePlace {
    fn drop(&mut self) {
        let mut by_address = self.gate.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&self.from) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_address.remove(&self.from);
            }
        }
    }
}
