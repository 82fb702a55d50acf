//! What the commands ask of a running node, through a socket in its data folder.
//!
//! One connection carries one request, a line of JSON, and one answer, a line of
//! JSON; either is at most [`LINE_MAX`] bytes. Only the account that the node runs
//! under (and root) can reach the socket: whoever can is already able to read the
//! node's key, so no other proof is asked for.

use std::path::{Path, PathBuf};

use domain::fact::{AdminRevoked, Cut};
use domain::id::{NodeId, TokenId};
use domain::operator::OperatorRole;
use domain::refusal::Refusal;
use domain::settings::Settings;
use serde::{Deserialize, Serialize};

use crate::site_fault::order::What;
use crate::site_fault::referee::Limits;

pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod view;

#[cfg(test)]
mod tests;

/// Longest request or answer, in bytes.
pub(crate) const LINE_MAX: usize = 1024 * 1024;

/// Where the socket of the node in `data_dir` is.
pub(crate) fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// How is the node?
    Status {},
    /// Issue access codes.
    CodeIssue {
        /// Minutes granted by each.
        minutes: u32,
        /// Hours during which each opens.
        hours: u32,
        /// How many.
        count: u16,
        /// Where they open.
        place: PlaceNamed,
    },
    /// Issue a join token.
    TokenIssue {
        /// Whom it lets in: a room or a kiosk.
        place: PlaceNamed,
        /// Hours until it expires.
        hours: u32,
    },
    /// Which tokens still let somebody in?
    TokenList {},
    /// Revoke a token.
    TokenRevoke {
        /// Which.
        token: TokenId,
    },
    /// Which nodes are there?
    NodeList {},
    /// Which machines wait to be paired?
    PairingList {},
    /// Confirm that the digits of a machine that waits are the same on its screen.
    Pair {
        /// Its digits, or its node.
        which: String,
        /// The kiosk that it becomes, by name or id.
        kiosk: Option<String>,
        /// The room of a kiosk that is not known yet, by name or id.
        room: Option<String>,
    },
    /// Turn a machine that waits away.
    PairRefuse {
        /// Its digits, or its node.
        which: String,
    },
    /// Revoke a kiosk's node.
    NodeRevoke {
        /// Which.
        node: NodeId,
    },
    /// Where do the entries of an admin node end that is to be revoked?
    AdminCut {
        /// Which.
        node: NodeId,
    },
    /// Write the site key's revocation of an admin node down.
    AdminRevoke {
        /// All its parts.
        parts: Vec<AdminRevoked>,
    },
    /// Add an operator's account.
    OperatorAdd {
        /// Its login.
        login: String,
        /// Its name.
        name: String,
        /// What it may do.
        role: OperatorRole,
        /// Its password.
        password: String,
    },
    /// Give an account a new password.
    OperatorReset {
        /// Its login.
        login: String,
        /// Its new password.
        password: String,
    },
    /// Name a room, making it if there is none of that name.
    RoomName {
        /// The name.
        name: String,
        /// Place among the rooms.
        order: u16,
    },
    /// Name a kiosk, making its place if there is none of that name.
    KioskName {
        /// The name.
        name: String,
        /// Its room, by name or id.
        room: String,
    },
    /// What are the site's settings?
    Settings {},
    /// Replace the site's settings.
    SettingsChange {
        /// All of them.
        settings: Settings,
    },
    /// Put nodes through a fault.
    FaultBegin {
        /// Which.
        nodes: Vec<NodeId>,
        /// What they are to bear.
        what: What,
        /// For so many seconds.
        for_s: u32,
        /// What must hold with it.
        limits: Limits,
    },
    /// Would the limits hold with a fault, and which of the nodes would obey? Nothing is ordered.
    FaultCheck {
        /// Which.
        nodes: Vec<NodeId>,
        /// For so many seconds.
        for_s: u32,
        /// What must hold with it.
        limits: Limits,
    },
    /// End every fault that was ordered here.
    FaultEnd {},
    /// Which nodes are under a fault?
    FaultList {},
    /// Write the ledger to a file.
    LedgerExport {
        /// Which.
        file: PathBuf,
    },
    /// Write the registers of use to a file.
    ReadingsExport {
        /// Which.
        file: PathBuf,
    },
    /// Make a copy of the node's state.
    Backup {
        /// Folder that receives it; otherwise the configured one.
        folder: Option<PathBuf>,
    },
}

/// A place as a person names it. The running node looks names up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PlaceNamed {
    /// The whole site.
    Anywhere,
    /// A room, by name or id.
    Room(String),
    /// A kiosk, by name or id.
    Kiosk(String),
}

/// What the node answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// Done; there is nothing more to say.
    Done,
    /// How the node is.
    Status(Box<view::StatusView>),
    /// The codes, as patrons type them.
    Codes(Vec<String>),
    /// A join line.
    Line(String),
    /// Tokens that still let somebody in.
    Tokens(Vec<view::TokenView>),
    /// Nodes of the site.
    Nodes(Vec<view::NodeView>),
    /// How far an admin node's entries are to stand.
    Cut(Vec<Cut>),
    /// The site's settings.
    Settings(Settings),
    /// Machines that wait to be paired.
    Pairings(Vec<view::PairingView>),
    /// Nodes under a fault, told to be or asked whether they would, and what they said.
    Faults(Vec<view::FaultView>),
    /// A fault was not ordered.
    Foul(view::FoulView),
    /// A file was written.
    Written {
        /// Where.
        file: PathBuf,
    },
    /// The rules said no.
    Refused(Refusal),
    /// The request was not one.
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// Something broke.
    Broken {
        /// What.
        reason: String,
    },
}
