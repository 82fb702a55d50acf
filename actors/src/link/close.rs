//! Why a link ends: named reasons that travel in QUIC's close frame, and what this side saw.

use quinn::{ConnectionError, VarInt};

/// A named reason to close a link. Its number is what the other end reads: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// No protocol version is common to both ends.
    VersionMismatch,
    /// The other end belongs to another site.
    OtherSite,
    /// The other end is no member of the site, and its greeting does not make it one.
    NotMember,
    /// The other end was a member and is revoked.
    Revoked,
    /// Another link between the same two nodes stays.
    Duplicate,
    /// This node is stopping, or gives the link up for reasons of its own.
    Shutdown,
    /// The other end broke the link protocol.
    Malformed,
    /// Too much: too many links, or a lane that nobody has read for too long.
    Overrun,
    /// The address that was dialled is that of another node than the one sought.
    OtherNode,
}

impl CloseReason {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 9] = [
        Self::VersionMismatch,
        Self::OtherSite,
        Self::NotMember,
        Self::Revoked,
        Self::Duplicate,
        Self::Shutdown,
        Self::Malformed,
        Self::Overrun,
        Self::OtherNode,
    ];

    /// The application error code of QUIC's close frame.
    pub fn code(self) -> u32 {
        match self {
            Self::VersionMismatch => 1,
            Self::OtherSite => 2,
            Self::NotMember => 3,
            Self::Revoked => 4,
            Self::Duplicate => 5,
            Self::Shutdown => 6,
            Self::Malformed => 7,
            Self::Overrun => 8,
            Self::OtherNode => 9,
        }
    }

    /// A stable word for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::VersionMismatch => "version-mismatch",
            Self::OtherSite => "other-site",
            Self::NotMember => "not-member",
            Self::Revoked => "revoked",
            Self::Duplicate => "duplicate",
            Self::Shutdown => "shutdown",
            Self::Malformed => "malformed",
            Self::Overrun => "overrun",
            Self::OtherNode => "other-node",
        }
    }

    fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| u64::from(reason.code()) == code)
    }

    /// Closes `connection` for this reason. The first close of a connection wins.
    pub fn close(self, connection: &quinn::Connection) {
        connection.close(VarInt::from_u32(self.code()), self.name().as_bytes());
    }
}

impl std::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How a link, or the attempt at one, ended as seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkEnd {
    /// This node closed it.
    Ours(CloseReason),
    /// The other end closed it and said why.
    Theirs(CloseReason),
    /// The other end fell silent, was restarted, or could not be reached.
    Lost,
    /// The actor that held the link died.
    Crashed,
}

impl std::fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ours(reason) => write!(f, "closed here: {reason}"),
            Self::Theirs(reason) => write!(f, "closed by the other end: {reason}"),
            Self::Lost => f.write_str("lost"),
            Self::Crashed => f.write_str("its actor died"),
        }
    }
}

impl From<&ConnectionError> for LinkEnd {
    fn from(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => {
                CloseReason::from_code(close.error_code.into_inner())
                    .map_or(Self::Lost, Self::Theirs)
            }
            ConnectionError::TransportError(_) | ConnectionError::VersionMismatch => {
                Self::Ours(CloseReason::Malformed)
            }
            ConnectionError::LocallyClosed => Self::Ours(CloseReason::Shutdown),
            ConnectionError::ConnectionClosed(_)
            | ConnectionError::Reset
            | ConnectionError::TimedOut
            | ConnectionError::CidsExhausted => Self::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back_from_its_code() {
        for reason in CloseReason::ALL {
            assert_eq!(CloseReason::from_code(u64::from(reason.code())), Some(reason));
        }
        assert_eq!(CloseReason::from_code(0), None);
    }
}
