//! The one file that knows how values become bytes.
//!
//! Little-endian variable-length integers as bincode 2's standard configuration has them. Decoding
//! is bounded before it allocates, and bytes left over are an error: two different byte strings
//! never mean the same value by accident of trailing rubbish.

use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Largest encoded value that is read, in bytes: one frame of a link.
pub const LIMIT: usize = 256 * 1024;

/// Bytes that are not the encoding of the expected type, or a value that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end early, hold an impossible value, or claim more than [`LIMIT`].
    #[error("malformed bytes")]
    Malformed,
    /// Bytes remain after the value.
    #[error("bytes left over after the value")]
    LeftOver,
    /// The value cannot be written.
    #[error("value cannot be encoded")]
    Unwritable,
}

/// The bytes of `value`.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    bincode::serde::encode_to_vec(value, bincode::config::standard())
        .map_err(|_| CodecError::Unwritable)
}

/// The value whose bytes are exactly `bytes`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let limited = bincode::config::standard().with_limit::<LIMIT>();
    let (value, consumed) =
        bincode::serde::decode_from_slice(bytes, limited).map_err(|_| CodecError::Malformed)?;
    if consumed == bytes.len() { Ok(value) } else { Err(CodecError::LeftOver) }
}

struct HashWriter(Sha256);

impl bincode::enc::write::Writer for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0.update(bytes);
        Ok(())
    }
}

/// SHA-256 of `domain` followed by the bytes of `value`, without holding them all at once.
pub fn hash<T: Serialize>(domain: &[u8], value: &T) -> Result<[u8; 32], CodecError> {
    let mut writer = HashWriter(Sha256::new_with_prefix(domain));
    bincode::serde::encode_into_writer(value, &mut writer, bincode::config::standard())
        .map_err(|_| CodecError::Unwritable)?;
    Ok(writer.0.finalize().into())
}
