//! What a kiosk must show.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{KioskId, RowId, SessionId};
use crate::moment::Moment;
use crate::session::State;
use crate::site::Site;

/// The face of a kiosk at one moment, from the site's state alone. What only the machine knows (a
/// refusal just given, a grace period running, the lack of links) is added by its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Face {
    /// Waits for a code.
    Locked,
    /// Takes nobody.
    OutOfService,
    /// A session runs down.
    Running {
        /// The session.
        session: SessionId,
        /// Milliseconds left.
        remaining_ms: u64,
        /// The least of the site's warnings (minutes) that has been reached.
        warning_min: Option<u8>,
    },
    /// A session pauses.
    Paused {
        /// The session.
        session: SessionId,
        /// Milliseconds left.
        remaining_ms: u64,
    },
}

/// What a kiosk's page is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    /// The site's name.
    pub site: String,
    /// The kiosk's name.
    pub kiosk: String,
    /// What it shows.
    #[serde(flatten)]
    pub face: Face,
    /// Rows of the messages that the patron has not read, oldest name first.
    pub messages: Vec<RowId>,
}

impl Site {
    /// What `kiosk` must show at `moment`.
    pub fn screen(&self, kiosk: KioskId, moment: Moment) -> Screen {
        let known = self.kiosks().get(&kiosk);
        let on = self.session_on(kiosk).and_then(|(id, _)| self.face_of(kiosk, id, moment));
        let face = match on {
            Some(face) => face,
            None if known.is_some_and(|known| !known.in_service()) => Face::OutOfService,
            None => Face::Locked,
        };
        Screen {
            site: String::from(self.name()),
            kiosk: self.kiosk_name(&kiosk),
            face,
            messages: known.map(|known| known.unread().copied().collect()).unwrap_or_default(),
        }
    }
    /// What `kiosk` shows of a session that stands on it; `None` of one that is not known.
    pub fn face_of(&self, kiosk: KioskId, session: SessionId, moment: Moment) -> Option<Face> {
        let found = self.session(&session)?;
        let (remaining_ms, _) = self.remaining_ms(found, moment);
        let reached = |minutes: &u8| remaining_ms <= u64::from(*minutes) * 60_000;
        Some(match found.state() {
            Some(State::Paused { kiosk: at, .. }) if at == kiosk => {
                Face::Paused { session, remaining_ms }
            }
            _ => Face::Running {
                session,
                remaining_ms,
                warning_min: self.settings().warnings_min.iter().rev().copied().find(reached),
            },
        })
    }
}
