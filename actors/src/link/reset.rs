//! How a restarted node tells the peers of its former run to let go.

use ed25519_dalek::SigningKey;
use quinn::crypto::{CryptoError, HmacKey};
use sha2::{Digest, Sha256};

/// Keys of stateless resets and connection ids, derived from the node key: after a restart a node
/// still recognises the packets of its former run and tells their senders to let go at once.
pub(super) struct ResetKey([u8; 32]);

impl ResetKey {
    pub(super) fn of(key: &SigningKey) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"poste quic reset key");
        hash.update(key.to_bytes());
        Self(hash.finalize().into())
    }

    pub(super) fn connection_ids(&self) -> u64 {
        let mut key = [0; 32];
        self.sign(b"poste quic connection ids", &mut key);
        key.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}

impl HmacKey for ResetKey {
    /// HMAC-SHA-256 with a 32-byte key.
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        let mut pad = [0x36; 64];
        pad.iter_mut().zip(self.0).for_each(|(pad, key)| *pad ^= key);
        let inner = Sha256::new().chain_update(pad).chain_update(data).finalize();
        // 0x36 ^ 0x5c turns the inner padding into the outer one.
        pad.iter_mut().for_each(|pad| *pad ^= 0x6a);
        let outer = Sha256::new().chain_update(pad).chain_update(inner).finalize();
        signature_out.iter_mut().zip(outer).for_each(|(out, byte)| *out = byte);
    }

    fn signature_len(&self) -> usize {
        32
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let mut expected = [0; 32];
        self.sign(data, &mut expected);
        let difference = expected.iter().zip(signature).fold(0, |all, (a, b)| all | (a ^ b));
        if difference == 0 && signature.len() == expected.len() { Ok(()) } else { Err(CryptoError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2 has a short key; zero-padding makes it one of 32 bytes.
    #[test]
    fn the_reset_key_signs_as_hmac_sha_256() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mut signature = [0; 32];
        ResetKey(key).sign(b"what do ya want for nothing?", &mut signature);
        assert_eq!(signature[..8], [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e]);
        assert!(ResetKey(key).verify(b"what do ya want for nothing?", &signature).is_ok());
        assert!(ResetKey(key).verify(b"what do ya want for nothing!", &signature).is_err());
    }
}
