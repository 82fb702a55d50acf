//! Sessions as the console shows them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::hex::HexId;
use super::stamp::Stamp;

/// Where a session is, as observed (never as hoped).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// The code was issued and never typed.
    Issued,
    /// Open and counting.
    Running,
    /// Open, the countdown stands still.
    Paused,
    /// Not open now; the code opens it again for what remains.
    Reopenable,
    /// Ended for good.
    Closed,
    /// The code was withdrawn.
    Withdrawn,
}

/// What an order asks of a kiosk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Pause the session.
    Pause,
    /// Let it go on.
    Resume,
    /// End it; what remains can be used later.
    CloseKeepingRest,
    /// End it for good.
    Close,
}

/// A patron's use of the computers. All durations in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionView {
    /// Id of the session (that of its code too).
    pub id: HexId,
    /// What is observed.
    pub state: SessionState,
    /// What was ordered and is not observed yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intended: Option<Order>,
    /// The kiosk where it is open, or was last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kiosk: Option<HexId>,
    /// The only kiosk where the code opens, if it is bound to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_kiosk: Option<HexId>,
    /// The only room where the code opens, if it is bound to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_room: Option<HexId>,
    /// What staff wrote on it, from the vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Time granted in all.
    pub granted_ms: u64,
    /// Time used, as of `at_ms`.
    pub used_ms: u64,
    /// Time left, as of `at_ms`.
    pub remaining_ms: u64,
    /// Time used beyond what was granted.
    pub excess_ms: u64,
    /// Site time at which `used_ms` and `remaining_ms` hold. While `running`, subtract what has
    /// passed since: estimate the present as `as_of_ms` of the last message plus the time since
    /// its arrival on a monotonic clock.
    pub at_ms: i64,
    /// Whether the countdown runs.
    pub running: bool,
    /// From when the code opens, in site time.
    pub valid_from_ms: i64,
    /// Until when the code opens, in site time.
    pub valid_until_ms: i64,
    /// Who issued it.
    pub issued_by: HexId,
    /// Whether it stands open on several kiosks that had not seen each other.
    pub double: bool,
}

/// Which sessions to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionFilter {
    /// Only those in this state.
    pub state: Option<SessionState>,
    /// Only those open on this kiosk, or last open there.
    pub kiosk: Option<HexId>,
    /// Only those after this id, for the next page.
    pub after: Option<HexId>,
    /// How many at most (1 to 500; 100 when absent).
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u16>,
}

/// A page of sessions, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionsReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// The sessions.
    pub sessions: Vec<SessionView>,
    /// What to give as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<HexId>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// The session.
    pub session: SessionView,
}
