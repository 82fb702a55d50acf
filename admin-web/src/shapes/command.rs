//! Commands on sessions and kiosks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::delivery::DeliveryView;
use super::hex::HexId;
use super::stamp::Stamp;

/// Add time to a session, or take some back.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendInput {
    /// Request id, fresh for each intent; the same one when trying again.
    pub request: HexId,
    /// Seconds to add; negative to take back. The bounds are the domain's.
    pub seconds: i64,
}

/// A command that needs nothing but its request id: pause, resume, withdraw.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlainInput {
    /// Request id, fresh for each intent; the same one when trying again.
    pub request: HexId,
}

/// Close a session.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseInput {
    /// Request id, fresh for each intent; the same one when trying again.
    pub request: HexId,
    /// Whether the code opens again for what remains.
    pub keep_rest: bool,
}

/// Put a message on a kiosk's screen.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageInput {
    /// Request id, fresh for each intent; the same one when trying again.
    pub request: HexId,
    /// The text (500 characters at most); lives in the vault, never in the ledger.
    #[schema(max_length = 500)]
    pub text: String,
}

/// Name a kiosk and say where it stands. What is absent stays as it is.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KioskInput {
    /// Request id, fresh for each intent; the same one when trying again.
    pub request: HexId,
    /// New name (40 characters at most).
    #[schema(max_length = 40)]
    pub name: Option<String>,
    /// New room.
    pub room: Option<HexId>,
    /// Whether it is out of service.
    pub out_of_service: Option<bool>,
}

/// The command is on this node's disk; from here on its delivery can be watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CommandReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// The request id given.
    pub request: HexId,
    /// Where it is: one for each entry written.
    pub deliveries: Vec<DeliveryView>,
}
