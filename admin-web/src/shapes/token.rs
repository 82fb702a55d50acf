//! Bearer tokens for scripts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::login::Role;
use super::stamp::Stamp;

/// Make a bearer token in the name of the operator who asks.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenInput {
    /// What it may do; at most what the operator may.
    pub role: Role,
    /// For how long, in seconds (60 to 31,536,000).
    #[schema(minimum = 60, maximum = 31_536_000)]
    pub valid_s: u32,
}

/// A bearer token: `Authorization: Bearer poste1.…`. Valid on every admin node of the site, until
/// its end or until the node that signed it is revoked, or the operator's account is disabled.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TokenReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// The token: kept nowhere, shown once.
    pub token: String,
    /// What it may do.
    pub role: Role,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: i64,
}
