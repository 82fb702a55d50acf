//! Entries: signed bytes in an epoch's log. Their body is a fact to `domain` and opaque to everyone
//! else.
//!
//! The layout is fixed and needs no codec, so that a verifier in another language is short; see
//! docs/ledger-format.md. Each entry holds the hash of the one before it, signature included, so a
//! log cannot be shortened, reordered or grafted.

use domain::fact::MOST_BODY;
use domain::id::{EntryId, EpochId, Signature, verifies};
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};

use crate::signing;

/// Largest entry, in bytes.
pub const MOST_ENTRY: usize = 1_200;
/// The layout's version, its first byte.
pub const VERSION: u8 = 1;
/// What the first entry of a log gives as the hash before it.
pub const NO_ENTRY: [u8; 32] = [0; 32];

const HEADER: usize = 1 + 32 + 8 + 32 + 8 + 2;
const SIGNATURE: usize = 64;
const SIGNED_DOMAIN: &[u8] = b"poste-entry-1";

/// Bytes that are not an entry that may be taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Written by a later release.
    #[error("entry of layout version {0}, this release reads version {VERSION}")]
    Version(u8),
    /// Too short, too long, or of another length than it says.
    #[error("entry cut short or oversized")]
    Length,
    /// The epoch did not sign it.
    #[error("entry not signed by its epoch")]
    Signature,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its author and place.
    pub id: EntryId,
    /// Hash of the entry before it.
    pub prev: [u8; 32],
    /// The author's idea of the time (ms since 1970): shown, never judged by.
    pub hint_ms: i64,
    /// The fact.
    pub body: Vec<u8>,
    /// By the epoch.
    pub signature: Signature,
}

impl Entry {
    fn unsigned(id: &EntryId, prev: &[u8; 32], hint_ms: i64, body: &[u8]) -> Option<Vec<u8>> {
        if body.len() > MOST_BODY {
            return None;
        }
        let length = u16::try_from(body.len()).ok()?;
        let mut bytes = Vec::with_capacity(HEADER + body.len() + SIGNATURE);
        bytes.push(VERSION);
        bytes.extend_from_slice(&id.epoch.0);
        bytes.extend_from_slice(&id.seq.to_le_bytes());
        bytes.extend_from_slice(prev);
        bytes.extend_from_slice(&hint_ms.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(body);
        Some(bytes)
    }

    /// The entry's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            Self::unsigned(&self.id, &self.prev, self.hint_ms, &self.body).unwrap_or_default();
        bytes.extend_from_slice(&self.signature.0);
        bytes
    }

    /// Reads an entry without verifying who signed it.
    pub fn parse(bytes: &[u8]) -> Result<Entry, EntryError> {
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&other) => return Err(EntryError::Version(other)),
            None => return Err(EntryError::Length),
        }
        if bytes.len() > MOST_ENTRY || bytes.len() < HEADER + SIGNATURE {
            return Err(EntryError::Length);
        }
        let mut rest = &bytes[1..];
        let epoch = EpochId(take(&mut rest)?);
        let seq = u64::from_le_bytes(take(&mut rest)?);
        let prev = take(&mut rest)?;
        let hint_ms = i64::from_le_bytes(take(&mut rest)?);
        let length = usize::from(u16::from_le_bytes(take(&mut rest)?));
        if length > MOST_BODY || rest.len() != length + SIGNATURE {
            return Err(EntryError::Length);
        }
        let (body, mut rest) = rest.split_at(length);
        let signature = Signature(take(&mut rest)?);
        let id = EntryId { epoch, seq };
        Ok(Entry { id, prev, hint_ms, body: body.to_vec(), signature })
    }

    /// Whether its epoch signed it.
    pub fn verify(&self) -> Result<(), EntryError> {
        let unsigned = Self::unsigned(&self.id, &self.prev, self.hint_ms, &self.body)
            .ok_or(EntryError::Length)?;
        if verifies(&self.id.epoch.0, &[SIGNED_DOMAIN, &unsigned], &self.signature) {
            Ok(())
        } else {
            Err(EntryError::Signature)
        }
    }

    /// Its hash, which the next entry of the log names.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], EntryError> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(EntryError::Length)?;
    *bytes = rest;
    Ok(*head)
}

/// The writer of this process's log: a fresh key and the place of the next entry.
///
/// It lives in memory alone and is never continued after a restart: a disk put back from a copy
/// cannot make a log that contradicts itself.
#[derive(Clone)]
pub struct Author {
    key: SigningKey,
    next: u64,
    head: [u8; 32],
}

impl Author {
    /// An author with a key from 32 random bytes.
    pub fn new(seed: [u8; 32]) -> Self {
        Author { key: SigningKey::from_bytes(&seed), next: 0, head: NO_ENTRY }
    }

    /// The epoch.
    pub fn epoch(&self) -> EpochId {
        EpochId(self.key.verifying_key().to_bytes())
    }

    /// Number of entries written.
    pub fn height(&self) -> u64 {
        self.next
    }

    /// Signs the next entry; `None` for a body that is too large. Nothing is written until
    /// [`Author::advance`] is told so.
    pub fn entry(&self, body: Vec<u8>, hint_ms: i64) -> Option<Entry> {
        let id = EntryId { epoch: self.epoch(), seq: self.next };
        let unsigned = Entry::unsigned(&id, &self.head, hint_ms, &body)?;
        let signature = self.sign(&[SIGNED_DOMAIN, &unsigned].concat());
        Some(Entry { id, prev: self.head, hint_ms, body, signature })
    }

    /// The entry was staged: the next one follows it.
    pub fn advance(&mut self, entry: &Entry) {
        self.next = entry.id.seq + 1;
        self.head = entry.hash();
    }

    /// Signs bytes that begin with a domain string of their own.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        signing::sign(&self.key, bytes)
    }
}

impl std::fmt::Debug for Author {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Author").field("epoch", &self.epoch()).field("next", &self.next).finish()
    }
}

#[cfg(test)]
mod tests;
