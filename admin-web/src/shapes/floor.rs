//! The room: kiosks as tiles.

use serde::Serialize;
use utoipa::ToSchema;

use super::hex::{HexId, HexKey};
use super::session::SessionView;

/// A room of kiosks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoomView {
    /// Id of the room.
    pub id: HexId,
    /// Its name.
    pub name: String,
}

/// What a kiosk is doing, as observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KioskState {
    /// Locked, waits for a code.
    Free,
    /// A session runs.
    Running,
    /// A session is paused.
    Paused,
    /// Taken out of service by staff.
    OutOfService,
}

/// Something about a kiosk that staff should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlarmView {
    /// Stable code: `snake_case`.
    pub code: String,
    /// One sentence in French.
    pub message_fr: String,
    /// The same in English.
    pub message_en: String,
}

/// A kiosk as the console shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LiveTile {
    /// The kiosk (the place at the desk).
    pub kiosk: HexId,
    /// Its name, or the start of its id.
    pub name: String,
    /// Whether staff have named it: a new machine waits for that.
    pub named: bool,
    /// The room where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<HexId>,
    /// What it is doing, as last observed.
    pub state: KioskState,
    /// The session open on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionView>,
    /// The nodes that run it; one, save when a machine was replaced or copied.
    pub nodes: Vec<HexKey>,
    /// Whether a link reaches it now, from this node or another admin node.
    pub reachable: bool,
    /// When it was last heard of, in site time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_ms: Option<i64>,
    /// What staff should look at, worst first.
    pub alarms: Vec<AlarmView>,
    /// Messages sent and not acknowledged yet.
    pub unread: u16,
}
