//! Sealing: XChaCha20-Poly1305 under random 24-byte nonces.
//!
//! What is sealed is bound to its place by the associated data, so a sealed value that was copied to
//! another row or field does not open there.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use domain::id::RowId;
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::write::RowKind;

const NONCE: usize = 24;

/// The key of one row. With it gone, so is the row.
#[derive(Clone)]
pub(crate) struct RowKey(Zeroizing<[u8; 32]>);

impl RowKey {
    pub(crate) fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut());
        RowKey(bytes)
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        <[u8; 32]>::try_from(bytes).ok().map(|bytes| RowKey(Zeroizing::new(bytes)))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What a sealed value is, hence where it opens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The constant by which a wrong vault key is recognised.
    Check,
    /// A row's key, under the vault's.
    RowKey(RowId, RowKind),
    /// A field, under its row's key.
    Cell(RowId, RowKind, u16),
}

impl Purpose {
    fn associated(self) -> Vec<u8> {
        match self {
            Purpose::Check => b"poste-vault-check-1".to_vec(),
            Purpose::RowKey(row, kind) => {
                [b"poste-vault-key-1".as_slice(), &row.0, &kind.0.to_be_bytes()].concat()
            }
            Purpose::Cell(row, kind, field) => [
                b"poste-vault-cell-1".as_slice(),
                &row.0,
                &kind.0.to_be_bytes(),
                &field.to_be_bytes(),
            ]
            .concat(),
        }
    }
}

/// Nonce, ciphertext and tag; `None` only for plaintexts of gigabytes.
pub(crate) fn seal(
    key: &[u8; 32],
    purpose: Purpose,
    plain: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    let payload = Payload { msg: plain, aad: &purpose.associated() };
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

/// The plaintext, if every byte is as it was sealed, for this purpose and under this key.
pub(crate) fn open(key: &[u8; 32], purpose: Purpose, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE>()?;
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    let payload = Payload { msg: body, aad: &purpose.associated() };
    cipher.decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: RowId = RowId([3; 16]);

    #[test]
    fn what_is_sealed_opens_only_whole_in_its_place_and_under_its_key() {
        let (key, purpose) = ([1; 32], Purpose::Cell(ROW, RowKind::NOTE, 2));
        let sealed = seal(&key, purpose, b"Mme Payet", &mut rand::rng()).unwrap();
        assert_eq!(open(&key, purpose, &sealed).unwrap().as_slice(), b"Mme Payet");
        for elsewhere in [
            Purpose::Check,
            Purpose::RowKey(ROW, RowKind::NOTE),
            Purpose::Cell(RowId([4; 16]), RowKind::NOTE, 2),
            Purpose::Cell(ROW, RowKind::ACCOUNT, 2),
            Purpose::Cell(ROW, RowKind::NOTE, 3),
        ] {
            assert!(open(&key, elsewhere, &sealed).is_none(), "{elsewhere:?}");
        }
        assert!(open(&[2; 32], purpose, &sealed).is_none());
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(open(&key, purpose, &flipped).is_none(), "byte {at}");
            assert!(open(&key, purpose, &sealed[..at]).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn sealing_twice_gives_other_bytes() {
        let once = seal(&[1; 32], Purpose::Check, b"", &mut rand::rng());
        assert_ne!(once, seal(&[1; 32], Purpose::Check, b"", &mut rand::rng()));
    }
}
