//! Issuing access codes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::delivery::DeliveryView;
use super::hex::HexId;
use super::stamp::Stamp;

/// Issue one access code.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueInput {
    /// Request id, fresh for each intent; the same one when trying again.
    pub request: HexId,
    /// Time granted, in seconds.
    pub seconds: i64,
    /// How long the code opens, in seconds from now; the site's setting when absent. Beyond
    /// 24 hours the code has 12 characters.
    pub valid_s: Option<i64>,
    /// Only on this kiosk.
    pub kiosk: Option<HexId>,
    /// Only in this room.
    pub room: Option<HexId>,
    /// A word for staff, kept in the vault (80 characters at most).
    #[schema(max_length = 80)]
    pub label: Option<String>,
}

/// Issue several access codes alike.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueBatchInput {
    /// Request id, fresh for each intent; the same one when trying again.
    pub request: HexId,
    /// How many (1 to 200).
    #[schema(minimum = 1, maximum = 200)]
    pub count: u16,
    /// Time granted by each, in seconds.
    pub seconds: i64,
    /// How long the codes open, in seconds from now; the site's setting when absent.
    pub valid_s: Option<i64>,
    /// Only on this kiosk.
    pub kiosk: Option<HexId>,
    /// Only in this room.
    pub room: Option<HexId>,
    /// A word for staff, kept in the vault (80 characters at most).
    #[schema(max_length = 80)]
    pub label: Option<String>,
}

/// A code, to be shown or printed now: it is kept nowhere and cannot be asked for again.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IssuedCode {
    /// The session that it opens.
    pub session: HexId,
    /// As shown to people: `K7QM-2XPD`. Absent when the same request was carried out before:
    /// the code was told then.
    #[schema(example = "K7QM-2XPD")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// The code issued.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IssueReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// The request id given.
    pub request: HexId,
    /// The code.
    pub issued: IssuedCode,
    /// Where the command is.
    pub deliveries: Vec<DeliveryView>,
}

/// The codes issued.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IssueBatchReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// The request id given.
    pub request: HexId,
    /// The codes, in print order.
    pub issued: Vec<IssuedCode>,
    /// Where the command is.
    pub deliveries: Vec<DeliveryView>,
}
