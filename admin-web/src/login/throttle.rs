//! Growing delays for wrong passwords, for each login name and for each address.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

#[cfg(test)]
mod tests;

/// Wrong tries for one login name before the first delay.
const FREE_FOR_LOGIN: u32 = 3;
/// Wrong tries from one address before the first delay: a room of staff may share one.
const FREE_FOR_ADDRESS: u32 = 10;
/// Longest delay.
const LONGEST: Duration = Duration::from_secs(60);
/// Silence after which wrong tries are forgotten.
const FORGET: Duration = Duration::from_secs(15 * 60);
/// Most login names, and most addresses, that are remembered.
const MOST: usize = 10_000;

#[derive(Clone, Copy)]
struct Tries {
    wrong: u32,
    last: Instant,
}

impl Tries {
    /// Time to wait from `now` on.
    fn wait(&self, free: u32, now: Instant) -> Duration {
        let Some(over) = self.wrong.checked_sub(free) else {
            return Duration::ZERO;
        };
        let delay = Duration::from_secs(1 << over.min(6)).min(LONGEST);
        delay.saturating_sub(now.saturating_duration_since(self.last))
    }
}

struct Table<K> {
    tries: HashMap<K, Tries>,
    free: u32,
}

impl<K: Hash + Eq + Copy> Table<K> {
    fn wait(&self, key: K, now: Instant) -> Duration {
        self.tries.get(&key).map_or(Duration::ZERO, |tries| tries.wait(self.free, now))
    }

    fn count(&mut self, key: K, now: Instant) {
        if self.tries.len() >= MOST && !self.tries.contains_key(&key) {
            self.tries.retain(|_, tries| now.saturating_duration_since(tries.last) < FORGET);
        }
        if self.tries.len() >= MOST
            && !self.tries.contains_key(&key)
            && let Some(oldest) =
                self.tries.iter().min_by_key(|(_, tries)| tries.last).map(|(key, _)| *key)
        {
            self.tries.remove(&oldest);
        }
        let tries = self.tries.entry(key).or_insert(Tries { wrong: 0, last: now });
        if now.saturating_duration_since(tries.last) >= FORGET {
            tries.wrong = 0;
        }
        tries.wrong = tries.wrong.saturating_add(1);
        tries.last = now;
    }

    fn pardon(&mut self, key: K) {
        if let Some(tries) = self.tries.get_mut(&key) {
            tries.wrong = tries.wrong.saturating_sub(1);
        }
    }
}

/// Wrong tries so far. A try is counted when it begins, so that many at once gain nothing.
pub(crate) struct Throttle {
    logins: Table<[u8; 32]>,
    addresses: Table<IpAddr>,
}

impl Default for Throttle {
    fn default() -> Self {
        Throttle {
            logins: Table { tries: HashMap::new(), free: FREE_FOR_LOGIN },
            addresses: Table { tries: HashMap::new(), free: FREE_FOR_ADDRESS },
        }
    }
}

/// A login name, hashed so that the table's size does not hang on what strangers type.
fn key(login: &str) -> [u8; 32] {
    Sha256::digest(login.trim().to_lowercase().as_bytes()).into()
}

/// The network that one household or office has: an IPv6 address counts by its first 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
    }
}

impl Throttle {
    /// Counts a try that begins, or says how long to wait.
    pub(crate) fn begin(
        &mut self,
        login: &str,
        address: IpAddr,
        now: Instant,
    ) -> Result<(), Duration> {
        let (login, address) = (key(login), network(address));
        let wait = self.logins.wait(login, now).max(self.addresses.wait(address, now));
        if !wait.is_zero() {
            return Err(wait);
        }
        self.logins.count(login, now);
        self.addresses.count(address, now);
        Ok(())
    }

    /// The try was right after all.
    pub(crate) fn succeeded(&mut self, login: &str, address: IpAddr) {
        self.logins.tries.remove(&key(login));
        self.addresses.pardon(network(address));
    }
}
