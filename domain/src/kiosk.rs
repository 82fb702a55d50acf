//! Kiosks and rooms: places, whatever machine stands there.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use serde::Serialize;

use crate::id::{EntryId, RoomId, RowId};
use crate::replace::Replaceable;

/// A kiosk's name and room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// As painted on the desk.
    pub name: String,
    /// Where it stands.
    pub room: RoomId,
}

/// Whether a kiosk takes patrons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Whether it does.
    pub in_service: bool,
    /// The vault's row that says why not.
    pub note: Option<RowId>,
}

/// A kiosk as the site knows it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Kiosk {
    pub(crate) named: Replaceable<Named>,
    pub(crate) service: Replaceable<Service>,
    pub(crate) messages: BTreeMap<RowId, BTreeSet<EntryId>>,
    pub(crate) acknowledged: BTreeSet<RowId>,
}

impl Kiosk {
    /// Its name and room, once staff gave them.
    pub fn named(&self) -> Option<&Named> {
        self.named.winner_by(|_| ()).map(|(_, named)| named)
    }

    /// Whether it takes patrons; out of service is the stricter and wins a conflict.
    pub fn in_service(&self) -> bool {
        self.service().is_none_or(|service| service.in_service)
    }

    /// What was last said of its service.
    pub fn service(&self) -> Option<&Service> {
        self.service.winner_by(|service| !service.in_service).map(|(_, service)| service)
    }

    /// Messages that its patron has not read.
    pub fn unread(&self) -> impl Iterator<Item = &RowId> {
        self.messages.keys().filter(|message| !self.acknowledged.contains(message))
    }

    /// Whether `message` was sent to it.
    pub fn has_message(&self, message: &RowId) -> bool {
        self.messages.contains_key(message)
    }

    /// Whether `message` was read on it.
    pub fn has_read(&self, message: &RowId) -> bool {
        self.acknowledged.contains(message)
    }
}

/// A room's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomName {
    /// As the public knows it.
    pub name: String,
    /// Place among the rooms.
    pub order: u16,
}

/// The site's rooms.
pub type Rooms = BTreeMap<RoomId, Replaceable<RoomName>>;
