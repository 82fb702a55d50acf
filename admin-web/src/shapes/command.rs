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

/// Name a kiosk and say where it stands.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KioskNameInput {
    /// Request id, fresh for each intent; the same one when trying again.
    pub request: HexId,
    /// Its name.
    #[schema(max_length = 40)]
    pub name: String,
    /// Its room.
    pub room: HexId,
}

/// Take a kiosk out of service, or back.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KioskServiceInput {
    /// Request id, fresh for each intent; the same one when trying again.
    pub request: HexId,
    /// Whether it takes patrons.
    pub in_service: bool,
}

/// Name a room; a room that is not known yet comes into being.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomInput {
    /// Request id, fresh for each intent; the same one when trying again.
    pub request: HexId,
    /// Its name.
    #[schema(max_length = 40)]
    pub name: String,
    /// Its place among the rooms.
    pub order: u16,
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
