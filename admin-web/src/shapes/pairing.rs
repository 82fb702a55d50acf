//! Machines that wait for an operator to compare digits.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::hex::{HexId, HexKey};
use super::stamp::Stamp;

/// A machine that waits to be paired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PairingView {
    /// Its node's key.
    pub node: HexKey,
    /// The six digits that must be on its screen too: if they are not, somebody is in between.
    #[schema(pattern = "^[0-9]{6}$")]
    pub digits: String,
    /// The kiosk that it takes itself for; it may not be known yet.
    pub kiosk: HexId,
    /// Release of its program.
    pub release: String,
    /// Since when it waits, in milliseconds since 1970.
    pub since_ms: i64,
}

/// The machines that wait at this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PairingsReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// The machines, the one that has waited longest first; at most 8.
    pub pairings: Vec<PairingView>,
}

/// Admit a machine whose screen shows these digits.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PairingConfirmInput {
    /// Request id, fresh for each intent; the same one when trying again.
    pub request: HexId,
    /// The digits that were compared. If the machine shows others by now, nothing is done.
    #[schema(pattern = "^[0-9]{6}$")]
    pub digits: String,
    /// The kiosk that it becomes; the one that it takes itself for when absent.
    pub kiosk: Option<HexId>,
}

/// Turn a machine away.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PairingRefuseInput {
    /// The digits that are shown for it.
    #[schema(pattern = "^[0-9]{6}$")]
    pub digits: String,
}
