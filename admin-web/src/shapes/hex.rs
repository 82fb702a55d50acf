//! Identifiers as lower-case hexadecimal text.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, schema};
use utoipa::{PartialSchema, ToSchema};

/// Sixteen random bytes as 32 lower-case hexadecimal digits: the id of a kiosk, a room, a
/// session, an operator or a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HexId(pub [u8; 16]);

/// A 32-byte public key as 64 lower-case hexadecimal digits: a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HexKey(pub [u8; 32]);

fn parse<const N: usize>(text: &str) -> Option<[u8; N]> {
    // The length is judged first, so that a megabyte of digits is not decoded to be refused.
    if text.len() != N * 2 {
        return None;
    }
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn hex_schema(digits: usize) -> RefOr<schema::Schema> {
    RefOr::T(Schema::Object(
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(digits))
            .max_length(Some(digits))
            .pattern(Some(format!("^[0-9a-f]{{{digits}}}$")))
            .build(),
    ))
}

macro_rules! hex_text {
    ($name:ident, $bytes:literal, $says:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotHex;

            fn from_str(text: &str) -> Result<Self, NotHex> {
                parse::<$bytes>(text).map(Self).ok_or(NotHex)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(|_: NotHex| de::Error::custom($says))
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<schema::Schema> {
                hex_schema($bytes * 2)
            }
        }

        impl ToSchema for $name {}
    };
}

hex_text!(HexId, 16, "an id is 32 lower-case hexadecimal digits");
hex_text!(HexKey, 32, "a key is 64 lower-case hexadecimal digits");

/// The text is not hexadecimal digits in the right number.
#[derive(Debug, thiserror::Error)]
#[error("not lower-case hexadecimal digits in the right number")]
pub struct NotHex;

#[cfg(test)]
mod tests {
    use super::{HexId, HexKey};

    #[test]
    fn an_id_reads_back_as_written() {
        let id = HexId([0xab; 16]);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{}\"", "ab".repeat(16)));
        assert_eq!(serde_json::from_str::<HexId>(&json).unwrap(), id);
    }

    #[test]
    fn wrong_lengths_capitals_and_other_letters_are_refused() {
        for text in ["", "ab", &"AB".repeat(16), &"zz".repeat(16), &"ab".repeat(17)] {
            assert!(text.parse::<HexId>().is_err(), "{text} was taken");
        }
        assert!("ab".repeat(16).parse::<HexKey>().is_err());
        assert!(serde_json::from_str::<HexId>("12").is_err());
    }
}
