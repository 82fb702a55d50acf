//! A link's `cluster` lane as ractor_cluster's transport.

use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream};

use super::guard::{Inbound, Outbound};
use crate::link::session::ClusterLane;

/// The name by which ractor_cluster knows a node: `poste@` and the node's key in hexadecimal.
pub(super) fn cluster_name(node: [u8; 32]) -> String {
    format!("{NODE_NAME}@{}", hex(&node))
}

/// The first half of every node's name.
pub(super) const NODE_NAME: &str = "poste";

/// Lower hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A lent lane, guarded on both sides.
pub(super) struct Transport {
    pub(super) lane: ClusterLane,
    /// How the session is labelled in ractor_cluster's events.
    pub(super) label: String,
}

impl ClusterBidiStream for Transport {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        let ClusterLane { peer, send, recv, held, .. } = self.lane;
        let inbound = Inbound::new(recv, cluster_name(peer), held.clone());
        (Box::new(inbound), Box::new(Outbound::new(send, held)))
    }

    fn peer_label(&self) -> Option<String> {
        Some(self.label.clone())
    }
}
