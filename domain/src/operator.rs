//! Who pressed the button.

use serde::{Deserialize, Serialize};

use crate::id::OperatorId;

/// What an operator may do; each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatorRole {
    /// Sees the room (« lecture »).
    Viewer,
    /// Issues codes, extends, pauses, closes, sends messages (« animateur »).
    Host,
    /// Also names kiosks, changes settings, admits and revokes (« administrateur »).
    Admin,
}

/// The operator behind a fact, with the role held at that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct By {
    /// Who.
    pub operator: OperatorId,
    /// In which role.
    pub role: OperatorRole,
}
