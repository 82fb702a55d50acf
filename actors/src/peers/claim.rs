//! Claims: which of several connections to one node becomes its link.
//!
//! Both ends apply the same rule to the same facts, so they keep the same connection without
//! another word about it.

use std::time::Duration;

use quinn::Connection;
use tokio::time::Instant;

use crate::link::endpoint::HANDSHAKE;
use crate::link::handshake::{PeerKind, Stranger};

/// A connection that was judged and is to become (or is) the link to its node.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) node: [u8; 32],
    pub(super) kind: PeerKind,
    pub(super) dialled: bool,
    pub(super) instance: [u8; 8],
    pub(super) connection: Connection,
    pub(super) made: Instant,
}

impl Claim {
    pub(super) fn new(stranger: &Stranger, kind: PeerKind) -> Self {
        Self {
            node: stranger.node,
            kind,
            dialled: stranger.dialled,
            instance: stranger.instance,
            connection: stranger.connection.clone(),
            made: Instant::now(),
        }
    }

    /// Which connection it is; unique while the claim is held.
    pub(super) fn id(&self) -> usize {
        self.connection.stable_id()
    }

    /// Whether its handshake can no longer succeed.
    pub(super) fn is_void(&self, now: Instant) -> bool {
        self.connection.close_reason().is_some()
            || now > self.made + HANDSHAKE + Duration::from_secs(1)
    }

    /// Whether the newcomer replaces this one at the node `us`.
    pub(super) fn yields_to(&self, newcomer: &Self, us: [u8; 32]) -> bool {
        // The peer was restarted: this connection leads to nobody, even if it looks alive.
        if self.connection.close_reason().is_some() || self.instance != newcomer.instance {
            return true;
        }
        replaces(newcomer.dialled, self.dialled, us, self.node)
    }
}

/// Of two connections with one run of a peer: the one dialled by the lower node id stays. Of two
/// with one dialler the later, since nobody dials who still has a link.
fn replaces(newcomer_dialled: bool, dialled: bool, us: [u8; 32], peer: [u8; 32]) -> bool {
    newcomer_dialled == dialled || newcomer_dialled == (us < peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_keep_the_connection_that_the_lower_id_dialled() {
        let (low, high) = ([1; 32], [2; 32]);
        // (newcomer dialled here, former dialled here), seen from both ends of the same pair.
        for (newcomer, former) in [(true, false), (false, true), (true, true), (false, false)] {
            let at_low = replaces(newcomer, former, low, high);
            let at_high = replaces(!newcomer, !former, high, low);
            assert_eq!(at_low, at_high);
        }
        assert!(replaces(true, false, low, high));
        assert!(!replaces(true, false, high, low));
    }
}
