//! From an access code to the key that it is: argon2id stretches what the patron typed into the
//! seed of an ed25519 key pair.
//!
//! The ledger holds the public key and the [`Derivation`], never the code. Forty bits of code are
//! guarded by the slowness alone, which is why the cost is recorded and can rise: each code keeps
//! the derivation under which it was issued. The work takes tens of milliseconds and megabytes of
//! memory; call it where blocking is allowed.

use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use domain::code::AccessCode;
use domain::fact::Derivation;
use domain::id::CodeKey;
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

/// Memory of a derivation made today, in KiB.
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Passes of a derivation made today.
pub const PASSES: u32 = 3;

/// Derivations at one time whose memory is kept; that of more is given back.
const MOST_SLATES: usize = 2;

/// Least and greatest memory that is accepted from the ledger, in KiB.
const MEMORY_BOUNDS: std::ops::RangeInclusive<u32> = 1024..=256 * 1024;
/// Least and greatest number of passes that is accepted from the ledger.
const PASSES_BOUNDS: std::ops::RangeInclusive<u32> = 1..=10;

/// A derivation too cheap to guard a code, or too dear to ask of a kiosk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("code derivation cost out of bounds: {memory_kib} KiB, {passes} passes")]
pub struct CostOutOfBounds {
    /// Memory asked for, in KiB.
    pub memory_kib: u32,
    /// Passes asked for.
    pub passes: u32,
}

/// A site's derivation number `version`, at today's cost.
pub fn derivation(version: u8, salt: [u8; 16]) -> Derivation {
    Derivation { version, salt, memory_kib: MEMORY_KIB, passes: PASSES }
}

/// Whether the cost is within bounds. Derivations come from the ledger: somebody else wrote them.
pub fn check(derivation: &Derivation) -> Result<(), CostOutOfBounds> {
    let Derivation { memory_kib, passes, .. } = *derivation;
    if MEMORY_BOUNDS.contains(&memory_kib) && PASSES_BOUNDS.contains(&passes) {
        Ok(())
    } else {
        Err(CostOutOfBounds { memory_kib, passes })
    }
}

/// The key pair that `code` is: argon2id 1.3, one lane, 32 bytes of seed. Blocks for the whole
/// cost; a cost out of bounds is refused before anything is allocated.
pub fn key_pair(derivation: &Derivation, code: &AccessCode) -> Result<SigningKey, CostOutOfBounds> {
    check(derivation)?;
    let Derivation { memory_kib, passes, salt, .. } = *derivation;
    let refused = CostOutOfBounds { memory_kib, passes };
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(|_| refused)?;
    let mut seed = Zeroizing::new([0; 32]);
    let mut slate = Slate::taken(params.block_count());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(
            code.as_str().as_bytes(),
            &salt,
            seed.as_mut(),
            &mut slate.blocks,
        )
        .map_err(|_| refused)?;
    Ok(SigningKey::from_bytes(&seed))
}

/// The memory that a derivation works in. It is kept for the next one: an allocator that is given
/// back such a piece by one thread after another keeps one for each of them.
struct Slate {
    blocks: Vec<Block>,
}

static SLATES: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

impl Slate {
    fn taken(count: usize) -> Self {
        let kept = SLATES.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut blocks = kept.unwrap_or_default();
        blocks.resize(count, Block::default());
        Self { blocks }
    }
}

impl Drop for Slate {
    fn drop(&mut self) {
        let mut slates = SLATES.lock().unwrap_or_else(PoisonError::into_inner);
        let usual = self.blocks.len() <= MEMORY_KIB as usize;
        if usual && slates.len() < MOST_SLATES {
            slates.push(std::mem::take(&mut self.blocks));
        }
    }
}

/// The name under which the ledger knows a code's key.
pub fn public(pair: &SigningKey) -> CodeKey {
    CodeKey(pair.verifying_key().to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> AccessCode {
        AccessCode::parse(text).unwrap()
    }

    /// Small enough for tests to be quick, within the bounds.
    fn quick(salt: u8) -> Derivation {
        Derivation { memory_kib: 1024, passes: 1, ..derivation(1, [salt; 16]) }
    }

    fn key(derivation: &Derivation, typed: &str) -> CodeKey {
        public(&key_pair(derivation, &code(typed)).unwrap())
    }

    #[test]
    fn what_was_derived_before_leaves_no_trace_in_a_key() {
        let fresh = key(&quick(1), "K7QM-2XPD");
        key(&quick(9), "ZZZZ-0000");
        key(&Derivation { memory_kib: 2048, ..quick(9) }, "ZZZZ-0000");
        assert_eq!(key(&quick(1), "K7QM-2XPD"), fresh);
    }

    #[test]
    fn the_same_code_is_the_same_key_however_it_is_typed() {
        assert_eq!(key(&quick(1), "k7qm 2xpd"), key(&quick(1), "K7QM-2XPD"));
    }

    #[test]
    fn another_code_another_salt_or_another_cost_is_another_key() {
        let first = key(&quick(1), "K7QM2XPD");
        assert_ne!(key(&quick(1), "K7QM2XPE"), first);
        assert_ne!(key(&quick(2), "K7QM2XPD"), first);
        assert_ne!(key(&Derivation { passes: 2, ..quick(1) }, "K7QM2XPD"), first);
    }

    #[test]
    fn a_key_is_the_same_in_every_release() {
        assert_eq!(
            key(&quick(7), "K7QM2XPD").to_string(),
            "f0b639b440f2c040a157d26cbaf3abe198e54e43ecf8bbec56893b4ab5596006"
        );
    }

    #[test]
    fn a_hostile_cost_is_refused_before_any_work() {
        for (memory_kib, passes) in [
            (0, 1),
            (1023, 1),
            (256 * 1024 + 1, 1),
            (u32::MAX, 1),
            (1024, 0),
            (1024, 11),
            (u32::MAX, u32::MAX),
        ] {
            let hostile = Derivation { memory_kib, passes, ..quick(1) };
            assert_eq!(
                key_pair(&hostile, &code("K7QM2XPD")).unwrap_err(),
                CostOutOfBounds { memory_kib, passes }
            );
        }
    }

    #[test]
    fn todays_cost_is_within_the_bounds() {
        assert_eq!(check(&derivation(1, [0; 16])), Ok(()));
        // Printed, not asserted: the goal is 40 to 60 ms on the reference machine.
        let started = std::time::Instant::now();
        key(&derivation(1, [0; 16]), "K7QM2XPD");
        println!("code to key: {:?}", started.elapsed());
    }
}
