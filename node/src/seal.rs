//! The site key, sealed by a passphrase for keeping offline.
//!
//! The file is one line of text behind a line for people, so that it can be
//! printed as well as copied to a stick:
//!
//! | Bytes | What |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | argon2id memory in KiB, little endian, 8,192 to 262,144 |
//! | 4 | argon2id passes, little endian, 1 to 10 |
//! | 32 | site id, to know which site the file is for |
//! | 16 | salt |
//! | 24 | nonce |
//! | 48 | the site's seed under XChaCha20-Poly1305; all of the above is associated data |
//!
//! written as [`printable`] text. Its checksum tells a damaged file from a wrong
//! passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use domain::id::{Signature, SiteId};
use zeroize::Zeroizing;

use crate::printable;
use crate::seed::{Seed, random_bytes};
use crate::texts::Say;

#[cfg(test)]
mod tests;

const PREFIX: &str = "poste-site-key1";
const FOR_PEOPLE: &str =
    "# Poste: clé du site, scellée, à garder hors ligne. Site key, sealed, keep it offline.";
const VERSION: u8 = 1;
const HEAD: usize = 1 + 4 + 4 + 32 + 16 + 24;
const WHOLE: usize = HEAD + 32 + 16;

/// About half a second on a small machine, paid only when nodes are admitted.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;

/// Shortest passphrase that is taken, in characters.
pub(crate) const PASSPHRASE_MIN: usize = 12;

/// A site's root: the secret whose public half is the id that the site goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SiteKey(Seed);

impl SiteKey {
    /// The key that grows from `seed`.
    pub(crate) fn of(seed: Seed) -> Self {
        Self(seed)
    }

    /// The site that the key is the root of.
    pub(crate) fn site(&self) -> SiteId {
        SiteId(self.0.public())
    }

    /// The secret, for the recovery words.
    pub(crate) fn seed(&self) -> &Seed {
        &self.0
    }

    /// Signs what only the site key can say.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Signature {
        self.0.sign(bytes)
    }
}

/// Seals `key` into the text of a file.
///
/// # Errors
/// A passphrase that is too short; no randomness; no memory for argon2id.
pub(crate) fn seal(key: &SiteKey, passphrase: &str) -> Result<String, Say> {
    if passphrase.chars().count() < PASSPHRASE_MIN {
        return Err(Say::PassphraseShort { least: PASSPHRASE_MIN });
    }
    let salt: [u8; 16] = random_bytes()?;
    let nonce: [u8; 24] = random_bytes()?;
    let mut bytes = Vec::with_capacity(WHOLE);
    bytes.push(VERSION);
    bytes.extend_from_slice(&MEMORY_KIB.to_le_bytes());
    bytes.extend_from_slice(&PASSES.to_le_bytes());
    bytes.extend_from_slice(&key.site().0);
    bytes.extend_from_slice(&salt);
    bytes.extend_from_slice(&nonce);
    let cipher = cipher(passphrase, &salt, MEMORY_KIB, PASSES)?;
    let payload = Payload { msg: key.seed().bytes(), aad: &bytes };
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| Say::SealDamaged)?;
    bytes.extend_from_slice(&sealed);
    Ok(format!("{FOR_PEOPLE}\n{}\n", printable::write(PREFIX, &bytes)))
}

/// Opens what [`seal`] wrote.
///
/// # Errors
/// [`Say::SealDamaged`] when the file is not what was written,
/// [`Say::WrongPassphrase`] when it is, and the passphrase is another.
pub(crate) fn open(text: &str, passphrase: &str) -> Result<SiteKey, Say> {
    let line: String =
        text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let bytes = printable::read(PREFIX, &line).map_err(|_| Say::SealDamaged)?;
    let parts = Parts::read(&bytes).ok_or(Say::SealDamaged)?;
    let cipher = cipher(passphrase, &parts.salt, parts.memory_kib, parts.passes)?;
    let payload = Payload { msg: &bytes[HEAD..], aad: &bytes[..HEAD] };
    let seed = Zeroizing::new(
        cipher.decrypt(&XNonce::from(parts.nonce), payload).map_err(|_| Say::WrongPassphrase)?,
    );
    let seed: [u8; 32] = seed.as_slice().try_into().map_err(|_| Say::SealDamaged)?;
    let key = SiteKey::of(Seed::from_bytes(seed));
    if key.site() != parts.site {
        return Err(Say::SealDamaged);
    }
    Ok(key)
}

/// The readable head of a sealed file, within its bounds.
struct Parts {
    memory_kib: u32,
    passes: u32,
    site: SiteId,
    salt: [u8; 16],
    nonce: [u8; 24],
}

impl Parts {
    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != WHOLE {
            return None;
        }
        let (&version, rest) = bytes.split_first()?;
        let (memory_kib, rest) = rest.split_first_chunk::<4>()?;
        let (passes, rest) = rest.split_first_chunk::<4>()?;
        let (site, rest) = rest.split_first_chunk::<32>()?;
        let (salt, rest) = rest.split_first_chunk::<16>()?;
        let (nonce, _) = rest.split_first_chunk::<24>()?;
        let parts = Self {
            memory_kib: u32::from_le_bytes(*memory_kib),
            passes: u32::from_le_bytes(*passes),
            site: SiteId(*site),
            salt: *salt,
            nonce: *nonce,
        };
        // A file that asks for all the memory there is must not get it.
        let bounded = version == VERSION
            && (8 * 1024..=256 * 1024).contains(&parts.memory_kib)
            && (1..=10).contains(&parts.passes);
        bounded.then_some(parts)
    }
}

fn cipher(
    passphrase: &str,
    salt: &[u8; 16],
    memory_kib: u32,
    passes: u32,
) -> Result<XChaCha20Poly1305, Say> {
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(|_| Say::SealDamaged)?;
    let mut key = Zeroizing::new([0_u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut())
        .map_err(|error| Say::NoMemory { reason: error.to_string() })?;
    Ok(XChaCha20Poly1305::new(&Key::from(*key)))
}
