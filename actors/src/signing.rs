//! Signing, in one place.

use domain::id::Signature;
use ed25519_dalek::{Signer, SigningKey};

/// The signature of `key`'s holder over bytes that begin with a domain string of their own.
pub fn sign(key: &SigningKey, bytes: &[u8]) -> Signature {
    #[cfg(feature = "chaos")]
    if stand_ins::are_used() {
        return domain::stand_in::signature(&key.verifying_key().to_bytes(), &[bytes]);
    }
    Signature(key.sign(bytes).to_bytes())
}

/// Which signatures a simulated world is run with: each thread runs one at a time.
#[cfg(feature = "chaos")]
pub mod stand_ins {
    use std::cell::Cell;

    thread_local! {
        static USED: Cell<bool> = const { Cell::new(false) };
    }

    /// From now on this thread signs with stand-ins, or for real.
    pub fn use_in_this_thread(used: bool) {
        USED.set(used);
    }

    pub(super) fn are_used() -> bool {
        USED.get()
    }
}
