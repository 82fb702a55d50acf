//! How old an answer is, and whose.

use serde::Serialize;
use utoipa::ToSchema;

use super::hex::HexKey;

/// Which node answered, when, and how far behind it may be. Part of every reply and of every
/// message of the live stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stamp {
    /// Site time of the answer, in milliseconds since 1970.
    pub as_of_ms: i64,
    /// The node that answered.
    pub node: HexKey,
    /// How far the answer may lag behind what other nodes know, in milliseconds; 0 when this
    /// node has every admin node in sight.
    pub behind_ms: u64,
}
