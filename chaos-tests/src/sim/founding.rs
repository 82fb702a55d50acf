//! A site's keys, and who gets which certificate.

use actors::replica::Identity;
use actors::signing::sign;
use domain::authority::NodeKind;
use domain::fact::{
    AdminAdmitted, AdminRevoked, Cut, Derivation, Fact, NodeAdmitted, SiteFounded,
    admin_admission_bytes, admin_revocation_bytes, founding_bytes, node_admission_bytes,
};
use domain::id::{KioskId, NodeId, OperatorId, RequestId, RoomId, SiteId, TokenId};
use domain::operator::{By, OperatorRole};
use ed25519_dalek::SigningKey;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::event::HostId;

/// The only room.
pub(super) const ROOM: RoomId = RoomId([1; 16]);
/// Who sits at the desks: may do everything that an operator can.
pub(super) const STAFF: By = By { operator: OperatorId([9; 16]), role: OperatorRole::Admin };

/// What is in the safe of a site's founder.
pub(super) struct Founding {
    site_key: SigningKey,
    token_key: SigningKey,
}

pub(super) fn key(rng: &mut StdRng) -> SigningKey {
    SigningKey::from_bytes(&rng.random())
}

/// The kiosk at which a host stands.
pub(super) fn kiosk_of(host: HostId) -> KioskId {
    let mut id = [0x4b; 16];
    id[..2].copy_from_slice(&host.0.to_be_bytes());
    KioskId(id)
}

/// What is written on the back of a host's machine.
pub(super) fn machine_of(host: HostId) -> [u8; 32] {
    let mut fingerprint = [0x4d; 32];
    fingerprint[..2].copy_from_slice(&host.0.to_be_bytes());
    fingerprint
}

impl Founding {
    pub(super) fn new(rng: &mut StdRng) -> Self {
        Founding { site_key: key(rng), token_key: key(rng) }
    }

    pub(super) fn site(&self) -> SiteId {
        SiteId(self.site_key.verifying_key().to_bytes())
    }

    /// The token by which kiosks join.
    pub(super) fn token(&self) -> TokenId {
        TokenId(self.token_key.verifying_key().to_bytes())
    }

    /// An admin node with a fresh key, with the site key's word for it.
    pub(super) fn admin(&self, host: HostId, rng: &mut StdRng) -> Identity {
        let (site, node_key) = (self.site(), key(rng));
        let node = NodeId(node_key.verifying_key().to_bytes());
        let derivation = Derivation { version: 1, salt: [3; 16], memory_kib: 1024, passes: 1 };
        let name = String::from("Médiathèque");
        let signature = sign(&self.site_key, &founding_bytes(&site, &name, &derivation));
        let founded = Fact::SiteFounded(SiteFounded { site, name, derivation, signature });
        let signature = sign(&self.site_key, &admin_admission_bytes(&site, &node));
        let admitted = Fact::AdminAdmitted(AdminAdmitted { node, signature });
        Identity {
            site,
            node_key,
            kind: NodeKind::Admin,
            kiosk: None,
            certificates: vec![founded, admitted],
            amnesic: false,
            machine: machine_of(host),
            boot_id: rng.random(),
        }
    }

    /// A kiosk's node with a fresh key, which admits itself by the token.
    pub(super) fn kiosk(&self, host: HostId, amnesic: bool, rng: &mut StdRng) -> Identity {
        let (site, node_key, kiosk) = (self.site(), key(rng), kiosk_of(host));
        let node = NodeId(node_key.verifying_key().to_bytes());
        let machine = machine_of(host);
        let bytes = node_admission_bytes(&site, &node, &kiosk, &machine);
        let signature = sign(&self.token_key, &bytes);
        let admission = NodeAdmitted { node, token: self.token(), kiosk, machine, signature };
        Identity {
            site,
            node_key,
            kind: NodeKind::Kiosk,
            kiosk: Some(kiosk),
            certificates: vec![Fact::NodeAdmitted(admission)],
            amnesic,
            machine: machine_of(host),
            boot_id: rng.random(),
        }
    }

    /// The site key's word that an admin node no longer belongs.
    pub(super) fn revocation(&self, node: NodeId, cut: &[Cut], intent: RequestId) -> Vec<Fact> {
        let site = self.site();
        let Ok(parts) = domain::decide::cut_parts(intent, cut) else {
            return Vec::new();
        };
        let signed = parts.into_iter().filter_map(|(part, cut)| {
            let bytes = admin_revocation_bytes(&site, &node, &part, &cut).ok()?;
            let signature = sign(&self.site_key, &bytes);
            Some(Fact::AdminRevoked(AdminRevoked { node, part, cut, signature }))
        });
        signed.collect()
    }
}
