//! What a node knows of its place in a site before it has read any ledger.
//!
//! A small file beside the node's key: the site, what the node is there, the
//! certificates that prove it, and where members may be found. The certificates
//! are facts that the node writes into the ledger wherever they are missing, so
//! that a site can be founded, and a node can admit itself, with nobody online.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use actors::pairing::ask::Paired;
use data_encoding::HEXLOWER;
use domain::fact::{
    AdminAdmitted, Derivation, Fact, LONGEST_NAME, NodeAdmitted, SiteFounded,
    admin_admission_bytes, founding_bytes, node_admission_bytes,
};
use domain::id::{KioskId, NodeId, Signature, SiteId, TokenId};
use serde::{Deserialize, Serialize};

use crate::config::Kind;
use crate::invitation::{Invitation, Right};
use crate::key_file;
use crate::seal::SiteKey;
use crate::seed::{Seed, random_bytes};
use crate::texts::Say;

#[cfg(test)]
mod tests;

/// Largest file that is read, in bytes.
const FILE_MAX: u64 = 64 * 1024;

/// A node's place in a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The site.
    pub(crate) site: SiteId,
    /// What the node is there.
    pub(crate) kind: Kind,
    /// The kiosk that it serves.
    pub(crate) kiosk: Option<KioskId>,
    /// What proves it: the founding, the node's own admission.
    pub(crate) certificates: Vec<Fact>,
    /// Link addresses of members, from the join line.
    pub(crate) members: Vec<SocketAddr>,
}

/// The file's shape.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u8,
    site: SiteId,
    kind: Kind,
    kiosk: Option<KioskId>,
    certificates: Vec<String>,
    members: Vec<SocketAddr>,
}

impl Membership {
    /// Founds a site by `key`, with `node` as its first admin node.
    ///
    /// # Errors
    /// A name that is empty or too long; no randomness.
    pub(crate) fn found(key: &SiteKey, name: &str, node: NodeId) -> Result<Self, Say> {
        let name = name.trim();
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(Say::OutOfBounds {
                what: "name".to_owned(),
                least: 1,
                most: LONGEST_NAME as u64,
            });
        }
        let derivation = actors::code_key::derivation(1, random_bytes()?);
        Ok(Self::founded(key, name, node, derivation))
    }

    fn founded(key: &SiteKey, name: &str, node: NodeId, derivation: Derivation) -> Self {
        let site = key.site();
        let founding = SiteFounded {
            site,
            name: name.to_owned(),
            derivation,
            signature: key.sign(&founding_bytes(&site, name, &derivation)),
        };
        Self {
            site,
            kind: Kind::Admin,
            kiosk: None,
            certificates: vec![founding.into(), admission(key, node).into()],
            members: Vec::new(),
        }
    }

    /// Takes up an invitation as `node`, on the machine whose fingerprint is
    /// `machine`.
    ///
    /// # Errors
    /// [`Say::InvitationForAnother`]: the site key admitted another node.
    pub(crate) fn accept(
        invitation: &Invitation,
        node: NodeId,
        machine: [u8; 32],
    ) -> Result<Self, Say> {
        let site = invitation.site;
        let (kind, kiosk, certificates) = match &invitation.right {
            Right::Admitted(signature) => {
                let fact = Fact::from(AdminAdmitted { node, signature: *signature });
                if !fact.certificate_holds(&site) {
                    return Err(Say::InvitationForAnother);
                }
                (Kind::Admin, None, vec![fact])
            }
            Right::RoomToken(token) => {
                // The place follows the machine: a live image that starts afresh
                // each day comes back as the same kiosk.
                let mut kiosk = KioskId([0; 16]);
                kiosk.0.copy_from_slice(&machine[..16]);
                let fact = self_admission(token, site, node, kiosk, machine);
                (Kind::Kiosk, Some(kiosk), vec![fact])
            }
            Right::KioskToken(token, kiosk) => {
                let fact = self_admission(token, site, node, *kiosk, machine);
                (Kind::Kiosk, Some(*kiosk), vec![fact])
            }
        };
        Ok(Self { site, kind, kiosk, certificates, members: invitation.addresses.clone() })
    }

    /// The place that an operator gave a kiosk at the admin node that answers at `address`.
    pub(crate) fn paired(paired: &Paired, address: SocketAddr) -> Self {
        Self {
            site: paired.site,
            kind: Kind::Kiosk,
            kiosk: Some(paired.kiosk),
            // The ledger holds the node's own admission; this one says whom to believe.
            certificates: vec![paired.admission.clone().into()],
            members: vec![address],
        }
    }

    /// Reads the membership of the node in `data_dir`; `None` before it has one.
    ///
    /// # Errors
    /// A file that cannot be read, or is not what was written.
    pub(crate) fn read(data_dir: &Path) -> Result<Option<Self>, Say> {
        let path = path(data_dir);
        let trouble =
            |reason: String| Say::FileTrouble { file: path.display().to_string(), reason };
        match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(trouble(error.to_string())),
            Ok(metadata) if metadata.len() > FILE_MAX => {
                return Err(trouble(format!("{} bytes", metadata.len())));
            }
            Ok(_) => {}
        }
        let bytes = fs::read(&path).map_err(|error| trouble(error.to_string()))?;
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|e| trouble(e.to_string()))?;
        if kept.version != 1 {
            return Err(trouble(format!("version {}", kept.version)));
        }
        let mut certificates = Vec::with_capacity(kept.certificates.len());
        for text in &kept.certificates {
            let fact = HEXLOWER
                .decode(text.as_bytes())
                .ok()
                .and_then(|body| Fact::decode(&body).ok().flatten())
                .filter(|fact| fact.certificate_holds(&kept.site))
                .ok_or_else(|| trouble("a certificate in it does not hold".to_owned()))?;
            certificates.push(fact);
        }
        Ok(Some(Self {
            site: kept.site,
            kind: kept.kind,
            kiosk: kept.kiosk,
            certificates,
            members: kept.members,
        }))
    }

    /// Keeps it in `data_dir`. A node that has a site keeps it.
    ///
    /// # Errors
    /// [`Say::HasSite`]; the disk.
    pub(crate) fn create(&self, data_dir: &Path) -> Result<(), Say> {
        if path(data_dir).exists() {
            return Err(Say::HasSite { folder: data_dir.display().to_string() });
        }
        self.replace(data_dir)
    }

    /// Keeps it in `data_dir` instead of what was there.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn replace(&self, data_dir: &Path) -> Result<(), Say> {
        let path = path(data_dir);
        let trouble =
            |reason: String| Say::FileTrouble { file: path.display().to_string(), reason };
        let mut certificates = Vec::with_capacity(self.certificates.len());
        for fact in &self.certificates {
            let body = fact.encode().map_err(|error| trouble(error.to_string()))?;
            certificates.push(HEXLOWER.encode(&body));
        }
        let kept = Kept {
            version: 1,
            site: self.site,
            kind: self.kind,
            kiosk: self.kiosk,
            certificates,
            members: self.members.clone(),
        };
        let mut text = serde_json::to_vec_pretty(&kept).map_err(|e| trouble(e.to_string()))?;
        text.push(b'\n');
        key_file::write_private(&path, &text)
    }
}

/// Where the membership of the node in `data_dir` is kept.
fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("membership.json")
}

/// The site key's word that `node` is an admin node.
pub(crate) fn admission(key: &SiteKey, node: NodeId) -> AdminAdmitted {
    AdminAdmitted { node, signature: key.sign(&admin_admission_bytes(&key.site(), &node)) }
}

fn self_admission(
    token: &Seed,
    site: SiteId,
    node: NodeId,
    kiosk: KioskId,
    machine: [u8; 32],
) -> Fact {
    let signature: Signature = token.sign(&node_admission_bytes(&site, &node, &kiosk, &machine));
    NodeAdmitted { node, token: TokenId(token.public()), kiosk, machine, signature }.into()
}

/// The key of the node in `data_dir`, made there if there is none yet.
///
/// # Errors
/// No randomness; the disk; a key that others can read.
pub(crate) fn node_seed(data_dir: &Path) -> Result<Seed, Say> {
    key_file::private_folder(data_dir)?;
    let path = data_dir.join("node.key");
    if path.exists() {
        return key_file::read_seed(&path);
    }
    let seed = Seed::fresh()?;
    key_file::create_seed(&path, &seed)?;
    Ok(seed)
}
