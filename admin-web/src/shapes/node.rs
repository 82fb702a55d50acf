//! The cluster's health, node by node.

use serde::Serialize;
use utoipa::ToSchema;

use super::hex::{HexId, HexKey};
use super::stamp::Stamp;

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Serves this console and holds the vault.
    Admin,
    /// Runs a kiosk.
    Kiosk,
}

/// A node of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NodeView {
    /// Its key.
    pub node: HexKey,
    /// What it is for.
    pub kind: NodeKind,
    /// The kiosk that it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kiosk: Option<HexId>,
    /// A name for people: the kiosk's, or the start of its key.
    pub name: String,
    /// Whether it is the one that answers.
    pub here: bool,
    /// Whether the answering node has a link to it now.
    pub linked: bool,
    /// When it was last heard of, in site time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_ms: Option<i64>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Whether it is proven to have written two histories.
    pub forked: bool,
}

/// The nodes of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NodesReply {
    /// Who answered and when.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// The answering node's fingerprint of the site's state, 64 hexadecimal digits: two nodes
    /// with the same one hold the same truth.
    pub fingerprint: HexKey,
    /// The nodes; admin nodes first.
    pub nodes: Vec<NodeView>,
}
