//! Messages of the live stream.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::delivery::DeliveryView;
use super::floor::{LiveTile, RoomView};
use super::hex::HexId;
use super::login::{AdminView, OperatorView};
use super::session::SessionView;
use super::stamp::Stamp;

/// Everything that the console shows, at one moment. The page **replaces** what it had by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LiveSnapshot {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// Name of the site.
    pub site_name: String,
    /// Seconds that the console proposes for a new code.
    pub default_seconds: u32,
    /// Rooms, in their order.
    pub rooms: Vec<RoomView>,
    /// Kiosks, by name.
    pub tiles: Vec<LiveTile>,
    /// Live codes: sessions not open now whose code still opens, newest validity first.
    pub codes: Vec<SessionView>,
    /// The latest commands submitted at this node, newest first.
    pub deliveries: Vec<DeliveryView>,
    /// Admin nodes of the site, this one included.
    pub admins: Vec<AdminView>,
    /// Who is signed in.
    pub operator: OperatorView,
}

/// What changed since the last message on the same socket. A tile, a code or a delivery that is
/// here replaces the one of the same id whole (or comes in anew); what is absent stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LiveUpdate {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// Tiles that changed.
    pub tiles: Vec<LiveTile>,
    /// Kiosks that are no more.
    pub tiles_gone: Vec<HexId>,
    /// Codes that changed.
    pub codes: Vec<SessionView>,
    /// Sessions that are no longer among the live codes.
    pub codes_gone: Vec<HexId>,
    /// Deliveries that changed.
    pub deliveries: Vec<DeliveryView>,
    /// All admin nodes, when one of them changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admins: Option<Vec<AdminView>>,
    /// All rooms, when one of them changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rooms: Option<Vec<RoomView>>,
}

/// The server's sign of life, every 2 s when nothing else was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LiveHeartbeat {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
}

/// What the server sends on `/api/v1/live`, one JSON text per message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveMessage {
    /// First message of a socket, and again whenever the server prefers to start anew.
    Snapshot(LiveSnapshot),
    /// What changed since.
    Update(LiveUpdate),
    /// Nothing changed.
    Heartbeat(LiveHeartbeat),
    /// The login has ended: the socket closes after it.
    SignedOut(LiveHeartbeat),
}

/// What the page sends on `/api/v1/live`: a sign of life at least every 10 s. After 30 s without
/// one the server closes the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum LiveInput {
    /// Still here.
    Heartbeat {
        /// Whether the operator was active (a key, a pointer) since the last one: keeps the login
        /// from ending for idleness.
        active: bool,
    },
}
