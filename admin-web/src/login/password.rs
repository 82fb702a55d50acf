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
        Checks { running: Semaphore::new(AT_ONCE), waiting: Semaphore::new(WAITING) }
    }
}

impl Checks {
    /// Whether the password is the one behind the hash.
    pub(crate) async fn check(&self, password: String, phc: String) -> Result<bool, Busy> {
        let _place = self.waiting.try_acquire().map_err(|_full| Busy)?;
        let _turn = self.running.acquire().await.map_err(|_closed| Busy)?;
        tokio::task::spawn_blocking(move || matches(&password, &phc)).await.map_err(|_ended| Busy)
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
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use argon2::{Argon2, Params, PasswordHasher};

    use super::{Busy, Checks, WAITING, matches};

    fn phc(params: Params) -> String {
        Argon2::from(params)
            .hash_password_with_salt(b"bon mot de passe", &[1; 16])
            .unwrap()
            .to_string()
    }

    fn cheap() -> String {
        phc(Params::new(Params::MIN_M_COST, 1, 1, None).unwrap())
    }

    #[test]
    fn only_the_right_password_matches() {
        let phc = cheap();
        assert!(matches("bon mot de passe", &phc));
        assert!(!matches("bon mot de passe ", &phc));
        assert!(!matches("", &phc));
        assert!(!matches(&"x".repeat(2_000), &phc));
    }

    #[test]
    fn a_hash_that_asks_for_too_much_or_is_none_matches_nothing() {
        let cheap = cheap();
        for hostile in [
            "",
            "$argon2id$",
            "bon mot de passe",
            &cheap.replace("m=8", "m=4194304"),
            &cheap.replace("t=1", "t=4000000"),
            &cheap.replace("p=1", "p=255"),
        ] {
            assert!(!matches("bon mot de passe", hostile), "{hostile}");
        }
    }

    #[tokio::test]
    async fn more_than_can_wait_are_turned_away() {
        let checks = Checks::default();
        let _all = checks.waiting.acquire_many(u32::try_from(WAITING).unwrap()).await.unwrap();
        assert_eq!(checks.check("x".to_owned(), cheap()).await, Err(Busy));
    }
}
