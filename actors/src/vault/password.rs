//! Operators' passwords: which are good enough, and how they are kept.
//!
//! The rule is the CNIL's recommendation 2022-100 for passwords that stand alone. Its fourth case
//! (eight characters where attempts are throttled) is not used: throttles live in one node's memory,
//! and an operator signs in on any.

use std::collections::BTreeSet;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::login::Login;

/// Characters of a password of four classes.
const OF_FOUR_CLASSES: usize = 12;
/// Characters of a password of three classes.
const OF_THREE_CLASSES: usize = 14;
/// Different words of a phrase.
const WORDS: usize = 7;
/// Different characters below which length means nothing.
const DIFFERENT: usize = 6;
/// Longest password, in bytes: hashing takes the same time for all of these.
pub const LONGEST: usize = 256;

/// Memory of a hash made today, in KiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes of a hash made today.
const PASSES: u32 = 3;
/// Greatest memory, passes and lanes of a hash that is still verified: hashes come from other
/// nodes, and one may not stop this one.
const MOST_COST: (u32, u32, u32) = (256 * 1024, 10, 4);
/// Longest hash that is looked at, in bytes.
const LONGEST_HASH: usize = 256;

/// A hash of no password at today's cost, checked where there is no account so that the answer
/// takes as long.
pub(super) const NOBODY: &str = concat!(
    "$argon2id$v=19$m=19456,t=3,p=1",
    "$AAAAAAAAAAAAAAAAAAAAAA",
    "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
);

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefusal {
    /// Neither 12 characters of 4 classes, nor 14 of 3, nor a phrase of 7 words.
    #[error("12 characters of 4 classes, or 14 of 3, or a phrase of 7 words")]
    Weak,
    /// The same few characters over and over.
    #[error("too few different characters")]
    Monotonous,
    /// It contains the login or the name.
    #[error("a password does not contain the login or the name")]
    Personal,
    /// Longer than [`LONGEST`].
    #[error("a password has at most {LONGEST} bytes")]
    Long,
    /// Control characters, which not every keyboard can type.
    #[error("a password has no control characters")]
    Control,
}

impl PasswordRefusal {
    /// Stable name for machines.
    pub fn code(self) -> &'static str {
        match self {
            PasswordRefusal::Weak => "password_weak",
            PasswordRefusal::Monotonous => "password_monotonous",
            PasswordRefusal::Personal => "password_personal",
            PasswordRefusal::Long => "password_long",
            PasswordRefusal::Control => "password_control",
        }
    }
}

/// Whether `password` is good enough for the operator of this login and name.
pub fn check(password: &str, login: &Login, name: &str) -> Result<(), PasswordRefusal> {
    if password.len() > LONGEST {
        return Err(PasswordRefusal::Long);
    }
    if password.chars().any(char::is_control) {
        return Err(PasswordRefusal::Control);
    }
    let lower = Zeroizing::new(password.to_lowercase());
    let name = name.trim().to_lowercase();
    let own = [login.as_str(), name.as_str()];
    if own.iter().any(|own| own.chars().count() >= 3 && lower.contains(own)) {
        return Err(PasswordRefusal::Personal);
    }
    if password.chars().collect::<BTreeSet<_>>().len() < DIFFERENT {
        return Err(PasswordRefusal::Monotonous);
    }
    let words: BTreeSet<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= 2)
        .collect();
    let strong = match (password.chars().count(), classes(password)) {
        (length, 4) => length >= OF_FOUR_CLASSES,
        (length, 3) => length >= OF_THREE_CLASSES,
        _ => false,
    };
    if strong || words.len() >= WORDS { Ok(()) } else { Err(PasswordRefusal::Weak) }
}

/// How many of lower case, upper case, digits and the rest appear.
fn classes(password: &str) -> usize {
    let classes: BTreeSet<u8> = password
        .chars()
        .map(|c| match c {
            c if c.is_uppercase() => 0,
            c if c.is_alphabetic() => 1,
            c if c.is_numeric() => 2,
            _ => 3,
        })
        .collect();
    classes.len()
}

/// A password's argon2id hash, as a PHC string. The only form in which a password is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Zeroizing<String>);

/// Never the hash.
impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// The hash could not be worked out: there is no memory for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct Unhashable;

impl PasswordHash {
    /// Hashes `password` with a fresh random `salt`. Blocks for tens of milliseconds.
    pub fn of(password: &str, salt: [u8; 16]) -> Result<Self, Unhashable> {
        let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| Unhashable)?;
        let hash: Phc = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map_err(|_| Unhashable)?;
        Ok(PasswordHash(Zeroizing::new(hash.to_string())))
    }

    /// A hash as it was kept. Judged when it is verified.
    pub(super) fn kept(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        within_cost(text).then(|| PasswordHash(Zeroizing::new(text.to_owned())))
    }

    pub(super) fn nobody() -> Self {
        PasswordHash(Zeroizing::new(NOBODY.to_owned()))
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the hash of `password`. Blocks for tens of milliseconds; a hash whose cost
    /// is out of bounds is nobody's.
    pub fn verifies(&self, password: &str) -> bool {
        password.len() <= LONGEST
            && within_cost(&self.0)
            && Phc::new(&self.0).is_ok_and(|hash| {
                Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            })
    }
}

fn within_cost(text: &str) -> bool {
    if text.len() > LONGEST_HASH {
        return false;
    }
    let Ok(hash) = Phc::new(text) else {
        return false;
    };
    let (memory, passes, lanes) = MOST_COST;
    hash.algorithm.as_str() == "argon2id"
        && Params::try_from(&hash).is_ok_and(|cost| {
            cost.m_cost() <= memory && cost.t_cost() <= passes && cost.p_cost() <= lanes
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(password: &str) -> Result<(), PasswordRefusal> {
        check(password, &Login::parse("m.payet").unwrap(), "Marie Payet")
    }

    #[test]
    fn the_three_ways_of_the_recommendation_are_taken() {
        for good in [
            "Vanille!2031",
            "Vanille2031Bourbon",
            "été 2031 à Cilaos",
            "la mer monte doucement vers le port ouest",
            "mer-monte-vers-port-ouest-ce-soir",
        ] {
            assert_eq!(judged(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_falls_short_is_refused_by_name() {
        for (bad, why) in [
            ("", PasswordRefusal::Monotonous),
            ("Aa1!Aa1!Aa1!Aa1!", PasswordRefusal::Monotonous),
            ("Vanille!203", PasswordRefusal::Weak),
            ("Vanille203112", PasswordRefusal::Weak),
            ("vanillebourbonvanille", PasswordRefusal::Weak),
            ("la mer la mer la mer la mer", PasswordRefusal::Weak),
            ("xX1!m.payet-2031", PasswordRefusal::Personal),
            ("Bonjour MARIE PAYET 1", PasswordRefusal::Personal),
            ("Vanille!2031\n", PasswordRefusal::Control),
        ] {
            assert_eq!(judged(bad), Err(why), "{bad:?}");
        }
        assert_eq!(judged(&"Vanille!2031".repeat(22)), Err(PasswordRefusal::Long));
    }

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = PasswordHash::of("Vanille!2031", [7; 16]).unwrap();
        let kept = PasswordHash::kept(hash.as_str().as_bytes()).unwrap();
        assert!(kept.verifies("Vanille!2031"));
        assert!(!kept.verifies("Vanille!2032"));
        assert!(!kept.verifies(""));
        let other = PasswordHash::of("Vanille!2031", [8; 16]).unwrap();
        assert_ne!(hash, other);
    }

    #[test]
    fn nobodys_hash_costs_what_everybodys_does() {
        let cost = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        let today = PasswordHash::of("x", [7; 16]).unwrap();
        assert_eq!(cost(today.as_str()), cost(NOBODY));
        assert_eq!(today.as_str().len(), NOBODY.len());
        assert!(within_cost(NOBODY));
        assert!(!PasswordHash::nobody().verifies(""));
    }

    #[test]
    fn a_hash_that_would_stop_the_node_is_nobodys() {
        for hostile in [
            "",
            "rubbish",
            &NOBODY.replace("m=19456", "m=4194304"),
            &NOBODY.replace("t=3", "t=4000000"),
            &NOBODY.replace("p=1", "p=64"),
            &NOBODY.replace("argon2id", "argon2d"),
            &NOBODY.replace("argon2id", "scrypt"),
            &"$".repeat(4096),
        ] {
            assert!(PasswordHash::kept(hostile.as_bytes()).is_none(), "{hostile:.40}");
        }
        assert!(PasswordHash::kept(&[0xff, 0xfe]).is_none());
    }
}
