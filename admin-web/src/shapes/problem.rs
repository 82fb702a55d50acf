//! What a request that was not carried out gets.

use serde::Serialize;
use utoipa::ToSchema;

use super::hex::HexId;
use super::stamp::Stamp;

/// Why nothing was done, for a program (`error`) and for a person (both languages).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// Stable code: `snake_case`; the domain's refusals keep theirs.
    #[schema(example = "session_closed")]
    pub error: String,
    /// One sentence in French.
    pub message_fr: String,
    /// The same in English.
    pub message_en: String,
    /// The request id of the command, when it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<HexId>,
    /// How long to wait before trying again, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
}
