//! Thirty-two secret bytes from which a key pair grows.

use std::fmt;

use domain::id::Signature;
use ed25519_dalek::{Signer, SigningKey};
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::texts::Say;

/// The secret half of a key pair, wiped from memory when dropped. It prints as
/// nothing, so that it cannot reach a log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// A fresh one, from the operating system's randomness.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub(crate) fn fresh() -> Result<Self, Say> {
        Ok(Self(Zeroizing::new(random_bytes()?)))
    }

    /// Takes bytes that were kept somewhere.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key pair.
    pub(crate) fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.0)
    }

    /// The public half.
    pub(crate) fn public(&self) -> [u8; 32] {
        self.signing_key().verifying_key().to_bytes()
    }

    /// A signature over `bytes`, which begin with a domain string.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Signature {
        Signature(self.signing_key().sign(bytes).to_bytes())
    }

    /// The bytes, for the one who signs or seals.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// `N` bytes from the operating system's randomness.
///
/// # Errors
/// When the operating system gives none.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], Say> {
    let mut bytes = [0; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| Say::NoRandomness { reason: error.to_string() })?;
    Ok(bytes)
}
