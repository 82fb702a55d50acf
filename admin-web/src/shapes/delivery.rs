//! Where a command is on its way from the button to the kiosk.

use serde::Serialize;
use utoipa::ToSchema;

use super::hex::HexId;
use super::stamp::Stamp;

/// The stage that a command has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Stage {
    /// This node has it on its disk.
    Accepted,
    /// `n` of `m` durable nodes have signed for it.
    Replicated {
        /// How many have it.
        n: u32,
        /// How many could.
        m: u32,
    },
    /// The kiosk concerned has signed for it.
    Confirmed {
        /// When, in site time.
        at_ms: i64,
        /// How many durable nodes have it.
        n: u32,
        /// How many could.
        m: u32,
    },
    /// The kiosk concerned cannot be reached.
    Waiting {
        /// Since when, in site time.
        since_ms: i64,
        /// How many durable nodes have it.
        n: u32,
        /// How many could.
        m: u32,
    },
}

/// A submitted command and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryView {
    /// The request id that the client chose.
    pub request: HexId,
    /// The entry of the ledger: `<epoch hex>:<seq>`.
    pub entry: String,
    /// Which command: `issue_code`, `issue_codes`, `withdraw`, `extend`, `pause`, `resume`,
    /// `close`, `send_message`, `name_kiosk`, `describe_kiosk`, `name_room`; others may come.
    pub command: String,
    /// Seconds added by an `extend`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i32>,
    /// The session concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<HexId>,
    /// The kiosk concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kiosk: Option<HexId>,
    /// When it was accepted, in site time.
    pub at_ms: i64,
    /// Where it is.
    pub stage: Stage,
}

/// Where the parts of one request are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveriesReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// One for each entry that the request wrote.
    pub deliveries: Vec<DeliveryView>,
}
