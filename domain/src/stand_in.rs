//! Stand-ins for signatures: a keyed hash where a curve would cost most of a simulated night.
//!
//! In the simulator's build alone. What is missing there is only that forging is hard, and the
//! simulator forges with keys that it holds. A stand-in bears a mark, so that real signatures and
//! stand-ins are told apart, and a run with real ones is judged by the curve.

use sha2::{Digest, Sha256};

use crate::id::Signature;

/// The second half of every stand-in. A real signature's is a number below 2²⁵³, and this is none.
const MARK: [u8; 32] = [0xff; 32];

/// What stands in for the signature of `key`'s holder over `parts`.
pub fn signature(key: &[u8; 32], parts: &[&[u8]]) -> Signature {
    let mut hash = Sha256::new_with_prefix(b"poste-stand-in-1").chain_update(key);
    for part in parts {
        hash.update(part);
    }
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&hash.finalize());
    bytes[32..].copy_from_slice(&MARK);
    Signature(bytes)
}

/// Whether a stand-in is the right one; `None` for what is no stand-in.
pub(crate) fn verdict(key: &[u8; 32], parts: &[&[u8]], found: &Signature) -> Option<bool> {
    (found.0[32..] == MARK).then(|| signature(key, parts) == *found)
}
