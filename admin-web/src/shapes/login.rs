//! Signing in, and going on at another admin node.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::hex::{HexId, HexKey};
use super::stamp::Stamp;

/// What an operator may do. French: lecture, animateur, administrateur.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees.
    Viewer,
    /// Sees and acts on sessions, codes and messages.
    Host,
    /// Does all that, and configures.
    Admin,
}

/// Name and password of an operator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginInput {
    /// Login name.
    #[schema(max_length = 64)]
    pub login: String,
    /// Password.
    #[schema(max_length = 1024, format = Password)]
    pub password: String,
}

/// The operator behind a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OperatorView {
    /// Id of the operator.
    pub id: HexId,
    /// Display name.
    pub name: String,
    /// What this login may do.
    pub role: Role,
}

/// The state of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LoginReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// Who is signed in.
    pub operator: OperatorView,
    /// Seconds of inactivity after which the login ends.
    pub idle_s: u32,
    /// Seconds left at most, active or not.
    pub ends_in_s: u32,
}

/// A hand-over ticket: proof, signed by this admin node, of who is signed in here, for the other
/// admin nodes. The page keeps it in memory only, asks for a new one each minute, and shows it to
/// another admin node when this one is dead.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TicketReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// Opaque text, to put in the fragment of the other node's page: `…/#resume=<ticket>`.
    pub ticket: String,
    /// Seconds until no node takes it any more.
    pub valid_s: u32,
}

/// A hand-over ticket of another admin node.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeInput {
    /// The ticket, as given by the other node.
    #[schema(max_length = 1024)]
    pub ticket: String,
}

/// What anyone may know of this node before signing in. Pages of the site's other admin nodes may
/// read it too (to see whether this node is alive).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HereReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// Name of the site.
    pub site_name: String,
    /// Version of the program.
    pub version: String,
    /// Whether this request came with a login that holds.
    pub signed_in: bool,
}

/// A bare acknowledgement: nothing else to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DoneReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
}

/// An admin node of the site and where its pages are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AdminView {
    /// The node.
    pub node: HexKey,
    /// Addresses of its console, best first: `https://host:port`.
    pub pages: Vec<String>,
    /// Whether it is the one that answers.
    pub here: bool,
    /// Whether the answering node has a link to it now.
    pub linked: bool,
}
