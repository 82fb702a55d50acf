//! Commands: what somebody wants, before the rules have spoken.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::fact::{Place, Scope};
use crate::id::{
    CodeKey, KioskId, NodeId, RequestId, RoomId, RowId, SessionId, Signature, TokenId,
};
use crate::settings::Settings;

/// Longest single extension or grant, in seconds.
pub const MOST_SECONDS: u32 = 12 * 3600;
/// Longest validity of a code, in milliseconds.
pub const LONGEST_VALIDITY_MS: i64 = 400 * 24 * 3_600_000;
/// Most codes in one batch.
pub const MOST_CODES: usize = 500;

/// What codes of one issue have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The derivation's version.
    pub derivation: u8,
    /// Seconds granted.
    pub seconds: u32,
    /// First moment at which it opens (ms since 1970).
    pub from_ms: i64,
    /// Last moment at which it opens (ms since 1970).
    pub until_ms: i64,
    /// Where.
    pub place: Place,
}

/// An intent. Identifiers, keys and proofs were drawn or made by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Issue one code.
    IssueCode {
        /// Its session.
        session: SessionId,
        /// Its key.
        key: CodeKey,
        /// Its terms.
        terms: Terms,
        /// The vault's row that says for whom.
        label: Option<RowId>,
    },
    /// Issue codes alike.
    IssueCodes {
        /// Sessions and keys.
        codes: Vec<(SessionId, CodeKey)>,
        /// Their terms.
        terms: Terms,
    },
    /// Withdraw a code for ever.
    Withdraw {
        /// Its session.
        session: SessionId,
    },
    /// Open a session on this node's kiosk.
    Open {
        /// The session.
        session: SessionId,
        /// Number of this opening.
        opening: u32,
        /// By the code's key.
        proof: Signature,
        /// Whether the kiosk has no link.
        alone: bool,
    },
    /// Add time, or take it.
    Extend {
        /// The session.
        session: SessionId,
        /// Seconds, negative to take.
        seconds: i32,
    },
    /// Have a session paused.
    Pause {
        /// The session.
        session: SessionId,
    },
    /// Have a paused session go on.
    Resume {
        /// The session.
        session: SessionId,
    },
    /// Have a session closed.
    Close {
        /// The session.
        session: SessionId,
        /// Whether what remains can be used later.
        keep_rest: bool,
        /// The vault's row with the reason.
        note: Option<RowId>,
    },
    /// The patron leaves this node's kiosk.
    Leave {
        /// The session.
        session: SessionId,
    },
    /// Send a message to a kiosk.
    SendMessage {
        /// The row that holds its text.
        message: RowId,
        /// The kiosk.
        kiosk: KioskId,
    },
    /// The patron read a message on this node's kiosk.
    AcknowledgeMessage {
        /// The row.
        message: RowId,
    },
    /// Name a kiosk and put it in a room.
    NameKiosk {
        /// The kiosk.
        kiosk: KioskId,
        /// Its name.
        name: String,
        /// Its room.
        room: RoomId,
    },
    /// Take a kiosk out of service, or back.
    DescribeKiosk {
        /// The kiosk.
        kiosk: KioskId,
        /// Whether it takes patrons.
        in_service: bool,
        /// The vault's row with the reason.
        note: Option<RowId>,
    },
    /// Name a room.
    NameRoom {
        /// The room.
        room: RoomId,
        /// Its name.
        name: String,
        /// Its place among the rooms.
        order: u16,
    },
    /// Replace the site's settings.
    ChangeSettings {
        /// All of them.
        settings: Settings,
    },
    /// Issue a join token.
    IssueToken {
        /// Its public key.
        token: TokenId,
        /// What it admits.
        scope: Scope,
        /// Its end (ms since 1970).
        expires_ms: i64,
    },
    /// Revoke a join token.
    RevokeToken {
        /// The token.
        token: TokenId,
    },
    /// Admit a node whose digits were compared.
    PairNode {
        /// The node.
        node: NodeId,
        /// The kiosk that it serves.
        kiosk: KioskId,
    },
    /// Revoke a kiosk's node; the cut is what this node holds of it.
    RevokeNode {
        /// The node.
        node: NodeId,
        /// What stays in effect.
        cut: Vec<crate::fact::Cut>,
    },
    /// Erase a row of the vault.
    EraseRow {
        /// The row.
        row: RowId,
    },
}

/// A command with the intent that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Repeated, it counts once.
    pub request: RequestId,
    /// What.
    pub command: Command,
}
