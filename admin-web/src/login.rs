//! Who is signed in here: a bounded table in memory, never on disk.
//!
//! A login is 32 random bytes in a cookie; the table keeps only their hash. It ends after 30 minutes
//! without activity, and after 12 hours in any case, at this node and at those where it went on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::id::OperatorId;
use sha2::{Digest, Sha256};

use crate::desk::Account;

pub(crate) mod password;
pub(crate) mod proof;
#[cfg(test)]
mod tests;
pub(crate) mod throttle;

/// Inactivity after which a login ends.
pub(crate) const IDLE: Duration = Duration::from_secs(30 * 60);
/// Age at which a login ends.
pub(crate) const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// Most logins at once; the one that was idle longest makes room.
const MOST: usize = 1_000;
/// How long an account's state is believed before the vault is asked again.
pub(crate) const RECHECK: Duration = Duration::from_secs(5);

/// What the cookie holds, before it is written as text.
pub(crate) type Secret = [u8; 32];

/// A login that holds.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    /// The account, as last seen in the vault.
    pub(crate) account: Account,
    /// When it ends at the latest.
    pub(crate) ends: Instant,
    active: Instant,
    checked: Instant,
}

impl Login {
    /// Who.
    pub(crate) fn operator(&self) -> OperatorId {
        self.account.operator
    }

    /// Whether the vault must be asked about the account again.
    pub(crate) fn stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.checked) >= RECHECK
    }

    fn holds(&self, now: Instant) -> bool {
        now < self.ends && now.saturating_duration_since(self.active) < IDLE
    }
}

/// The table.
#[derive(Default)]
pub(crate) struct Logins {
    by_hash: HashMap<[u8; 32], Login>,
}

fn hash(secret: &Secret) -> [u8; 32] {
    Sha256::digest(secret).into()
}

impl Logins {
    /// Enters a login.
    pub(crate) fn enter(
        &mut self,
        secret: &Secret,
        account: Account,
        lasts: Duration,
        now: Instant,
    ) -> Login {
        if self.by_hash.len() >= MOST {
            self.by_hash.retain(|_, login| login.holds(now));
        }
        if self.by_hash.len() >= MOST
            && let Some(idlest) =
                self.by_hash.iter().min_by_key(|(_, login)| login.active).map(|(hash, _)| *hash)
        {
            self.by_hash.remove(&idlest);
        }
        let login = Login { account, ends: now + lasts.min(LONGEST), active: now, checked: now };
        self.by_hash.insert(hash(secret), login.clone());
        login
    }

    /// The login behind a cookie, if it holds. `active` counts as the operator's activity.
    pub(crate) fn find(&mut self, secret: &Secret, active: bool, now: Instant) -> Option<Login> {
        let key = hash(secret);
        let login = self.by_hash.get_mut(&key)?;
        if !login.holds(now) {
            self.by_hash.remove(&key);
            return None;
        }
        if active {
            login.active = now;
        }
        Some(login.clone())
    }

    /// Takes in what the vault says of the account now. False when the login ended by it: the
    /// account is gone or disabled, or its password was changed since.
    pub(crate) fn renew(
        &mut self,
        secret: &Secret,
        account: Option<Account>,
        now: Instant,
    ) -> bool {
        let key = hash(secret);
        let Some(login) = self.by_hash.get_mut(&key) else {
            return false;
        };
        match account {
            Some(account)
                if account.operator == login.account.operator
                    && account.password_changed_ms == login.account.password_changed_ms =>
            {
                login.account = account;
                login.checked = now;
                true
            }
            Some(_) | None => {
                self.by_hash.remove(&key);
                false
            }
        }
    }

    /// Ends a login.
    pub(crate) fn leave(&mut self, secret: &Secret) {
        self.by_hash.remove(&hash(secret));
    }
}
