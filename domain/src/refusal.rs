//! What is refused, and why: a value that travels in a reply.

use alloc::string::String;

use serde::{Deserialize, Serialize};

/// A refusal of a command or of a typed code. It means that the rules said no, never that something
/// broke; the state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The typed text is not an access code, or no live code is this one.
    #[error("unknown access code")]
    UnknownCode,
    /// The code's validity has ended.
    #[error("access code expired")]
    CodeExpired,
    /// The code is not valid yet.
    #[error("access code not valid yet")]
    CodeNotYetValid,
    /// The code was withdrawn by an operator.
    #[error("access code withdrawn")]
    CodeWithdrawn,
    /// Nothing is left on the code.
    #[error("no time left on this access code")]
    UsedUp,
    /// The session was closed for good by an operator.
    #[error("session closed by an operator")]
    SessionClosed,
    /// The code is for another kiosk or room.
    #[error("access code is for another place")]
    WrongPlace,
    /// The session is open on another kiosk, which is named.
    #[error("session is open on another kiosk ({kiosk})")]
    OpenElsewhere {
        /// Name of the kiosk where it is open.
        kiosk: String,
    },
    /// The kiosk runs another session.
    #[error("this kiosk is in use")]
    KioskInUse,
    /// The kiosk is out of service.
    #[error("this kiosk is out of service")]
    OutOfService,
    /// The kiosk has no link, and the site's policy or allowance lets nothing more open here.
    #[error("this kiosk is isolated and opens nothing more")]
    Isolated,
    /// Too many wrong tries: wait.
    #[error("too many wrong tries: wait {seconds} s")]
    Throttled {
        /// Seconds until the next try is looked at.
        seconds: u32,
    },
    /// The node does not know enough of its site yet to judge.
    #[error("this node has not joined its site yet")]
    NotJoined,
    /// No such session.
    #[error("no such session")]
    UnknownSession,
    /// No such kiosk.
    #[error("no such kiosk")]
    UnknownKiosk,
    /// No such room.
    #[error("no such room")]
    UnknownRoom,
    /// No such node.
    #[error("no such node")]
    UnknownNode,
    /// No such token, or one that has been revoked.
    #[error("no such join token")]
    UnknownToken,
    /// The token's validity has ended.
    #[error("join token expired")]
    TokenExpired,
    /// The session is not in a state in which this can be done.
    #[error("not possible in the session's present state")]
    NotNow,
    /// The operator's role does not allow it.
    #[error("the operator's role does not allow this")]
    Role,
    /// The node's kind does not allow it.
    #[error("this node may not do this")]
    Authority,
    /// A figure outside of what is allowed.
    #[error("value out of bounds")]
    OutOfBounds,
    /// The same request was already made with another content.
    #[error("this request id was used for something else")]
    RequestReused,
    /// The identifier is already taken.
    #[error("already exists")]
    Exists,
}

impl Refusal {
    /// A stable word for programs and translations.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::UnknownCode => "unknown_code",
            Refusal::CodeExpired => "code_expired",
            Refusal::CodeNotYetValid => "code_not_yet_valid",
            Refusal::CodeWithdrawn => "code_withdrawn",
            Refusal::UsedUp => "used_up",
            Refusal::SessionClosed => "session_closed",
            Refusal::WrongPlace => "wrong_place",
            Refusal::OpenElsewhere { .. } => "open_elsewhere",
            Refusal::KioskInUse => "kiosk_in_use",
            Refusal::OutOfService => "out_of_service",
            Refusal::Isolated => "isolated",
            Refusal::Throttled { .. } => "throttled",
            Refusal::NotJoined => "not_joined",
            Refusal::UnknownSession => "unknown_session",
            Refusal::UnknownKiosk => "unknown_kiosk",
            Refusal::UnknownRoom => "unknown_room",
            Refusal::UnknownNode => "unknown_node",
            Refusal::UnknownToken => "unknown_token",
            Refusal::TokenExpired => "token_expired",
            Refusal::NotNow => "not_now",
            Refusal::Role => "role",
            Refusal::Authority => "authority",
            Refusal::OutOfBounds => "out_of_bounds",
            Refusal::RequestReused => "request_reused",
            Refusal::Exists => "exists",
        }
    }
}
