//! Identifiers: public keys where a thing must prove itself, random bytes where it need not.
//!
//! Text form is lower-case hexadecimal, in JSON and on the command line; bytes in entries.

use core::fmt;
use core::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text that is not the hexadecimal form of an identifier of the expected length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: expected {expected} hexadecimal digits")]
pub struct NotAnId {
    /// Number of digits that the identifier has.
    pub expected: usize,
}

fn hex_digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    }
}

fn from_hex<const N: usize>(text: &str) -> Result<[u8; N], NotAnId> {
    let refused = NotAnId { expected: 2 * N };
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(refused);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (Some(high), Some(low)) =
            (pair.first().copied().and_then(hex_digit), pair.get(1).copied().and_then(hex_digit))
        else {
            return Err(refused);
        };
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "("))?;
                self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
                write!(f, "…)")
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                from_hex(text).map($name)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = alloc::string::String::deserialize(deserializer)?;
                    text.parse().map_err(D::Error::custom)
                } else {
                    <[u8; $len]>::deserialize(deserializer).map($name)
                }
            }
        }
    };
}

id!(
    /// A site: the ed25519 public key of its founder's offline key.
    SiteId, 32
);
id!(
    /// A node: the ed25519 public key that the running program keeps on its disk (or, on an amnesic
    /// machine, for the day).
    NodeId, 32
);
id!(
    /// An epoch, the author of entries: an ed25519 public key made afresh at each process start.
    EpochId, 32
);
id!(
    /// A join token: the ed25519 public key whose secret admits a node.
    TokenId, 32
);
id!(
    /// The ed25519 public key derived from an access code.
    CodeKey, 32
);
id!(
    /// A place where a computer stands, whatever machine stands there today.
    KioskId, 16
);
id!(
    /// A room of kiosks.
    RoomId, 16
);
id!(
    /// A patron's use, from the issue of its code to its end.
    SessionId, 16
);
id!(
    /// A person who works at the console.
    OperatorId, 16
);
id!(
    /// A row of the vault: a message, a note, an account.
    RowId, 16
);
id!(
    /// One intent of an operator: sent twice, it counts once.
    RequestId, 16
);

/// An entry's name: its author and its place in the author's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryId {
    /// The author.
    pub epoch: EpochId,
    /// Place in the author's log, from 0.
    pub seq: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.seq)
    }
}

/// An ed25519 signature, kept as bytes until somebody verifies it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(…)")
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mut low, mut high) = ([0u8; 32], [0u8; 32]);
        low.copy_from_slice(&self.0[..32]);
        high.copy_from_slice(&self.0[32..]);
        (low, high).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (low, high) = <([u8; 32], [u8; 32])>::deserialize(deserializer)?;
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&low);
        bytes[32..].copy_from_slice(&high);
        Ok(Signature(bytes))
    }
}

/// Whether `signature` over `parts` (each preceded by nothing, the first a domain string) was made
/// by the holder of `key`. Strict: small-order keys and malleable signatures are refused.
pub fn verifies(key: &[u8; 32], parts: &[&[u8]], signature: &Signature) -> bool {
    #[cfg(feature = "chaos")]
    if let Some(right) = crate::stand_in::verdict(key, parts, signature) {
        return right;
    }
    let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(key) else {
        return false;
    };
    let message = parts.concat();
    key.verify_strict(&message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
}
