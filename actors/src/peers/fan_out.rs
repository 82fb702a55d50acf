//! How many peers a node links to: admin nodes to everybody, kiosks to a few. Never a full mesh.

use domain::planted::{self, Bug};

use crate::link::handshake::PeerKind;

/// The bound on links, by kind of node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FanOut {
    /// Whether this node is an admin node, which links to every node that it can see.
    pub admin: bool,
    /// The most links to kiosks that a kiosk keeps; 8 by design.
    pub max_kiosk_links: usize,
}

impl FanOut {
    /// Every node.
    pub const ADMIN: Self = Self { admin: true, max_kiosk_links: usize::MAX };
    /// Admin nodes, and at most 8 kiosks.
    pub const KIOSK: Self = Self { admin: false, max_kiosk_links: 8 };

    /// The bound for a node of this kind.
    pub fn of(kind: PeerKind) -> Self {
        match kind {
            PeerKind::Admin => Self::ADMIN,
            PeerKind::Kiosk | PeerKind::Unknown => Self::KIOSK,
        }
    }

    /// Whether to dial a node of this kind with so many links to kiosks open.
    ///
    /// A kiosk dials until it has five eighths of what it accepts, so that kiosks that come late
    /// still find places. Nodes of unknown kind are dialled: they may be admin nodes.
    pub fn dials(self, kind: PeerKind, kiosk_links: usize) -> bool {
        match kind {
            PeerKind::Admin | PeerKind::Unknown => true,
            PeerKind::Kiosk => {
                self.admin
                    || kiosk_links < self.max_kiosk_links.div_ceil(8) * 5
                    || planted::is(Bug::FullMesh)
            }
        }
    }

    /// Whether one more link to a node of this kind is kept.
    pub fn keeps(self, kind: PeerKind, kiosk_links: usize) -> bool {
        self.admin
            || kind == PeerKind::Admin
            || kiosk_links < self.max_kiosk_links
            || planted::is(Bug::FullMesh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kiosk_dials_five_kiosks_and_keeps_eight() {
        assert!(FanOut::KIOSK.dials(PeerKind::Kiosk, 4));
        assert!(!FanOut::KIOSK.dials(PeerKind::Kiosk, 5));
        assert!(FanOut::KIOSK.keeps(PeerKind::Kiosk, 7));
        assert!(!FanOut::KIOSK.keeps(PeerKind::Kiosk, 8));
        assert!(!FanOut::KIOSK.keeps(PeerKind::Unknown, 8));
    }

    #[test]
    fn admin_nodes_are_always_linked() {
        assert!(FanOut::KIOSK.dials(PeerKind::Admin, 200));
        assert!(FanOut::KIOSK.keeps(PeerKind::Admin, 200));
        assert!(FanOut::ADMIN.dials(PeerKind::Kiosk, 200));
        assert!(FanOut::ADMIN.keeps(PeerKind::Kiosk, 200));
    }
}
