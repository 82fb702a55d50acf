//! Checking a password without letting strangers use up the machine.

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use tokio::sync::Semaphore;

/// Most checks at once: each takes tens of megabytes for tens of milliseconds.
const AT_ONCE: usize = 2;
/// Most requests that wait for a check.
const WAITING: usize = 32;
/// Most memory that a hash may ask for, in KiB: a row of the vault comes from another node.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
/// Most passes that a hash may ask for.
const MOST_PASSES: u32 = 10;
/// Longest password that is looked at, in bytes.
pub(crate) const LONGEST_PASSWORD: usize = 1024;

/// Too many sign in at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// The place where passwords are checked.
pub(crate) struct Checks {
    running: Semaphore,
    waiting: Semaphore,
}

impl Default for Checks {
    fn default() -> Self {
        Checks {
            running: Semaphore::new(AT_ONCE),
            waiting: Semaphore::new(WAITING),
        }
    }
}

impl Checks {
    /// Whether the password is the one behind the hash.
    pub(crate) async fn check(&self, password: String, phc: String) -> Result<bool, Busy> {
        let _place = self.waiting.try_acquire().map_err(|_full| Busy)?;
        let _turn = self.running.acquire().await.map_err(|_closed| Busy)?;
        tokio::task::spawn_blocking(move || matches(&password, &phc))
            .await
            .map_err(|_ended| Busy)
    }
}

fn matches(password: &str, phc: &str) -> bool {
    if password.len() > LONGEST_PASSWORD {
        return false;
    }
    let Ok(hash) = PasswordHash::new(phc) else {
        return false;
    };
    let Ok(params) = argon2::Params::try_from(&hash) else {
        return false;
    };
    if params.m_cost() > MOST_MEMORY_KIB || params.t_cost() > MOST_PASSES || params.p_cost() > 4 {
        tracing::warn!("an account's password hash asks for more than is allowed: not checked");
        return false;
    }
    Argon2::default()
        .verify_password(password.as_bytes(), &hash)
        .is_ok()
}
