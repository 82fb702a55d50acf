//! What an admin node signs and the node concerned checks: hostile bytes until then.

use domain::id::{EpochId, NodeId, RequestId, Signature, SiteId, verifies};
use serde::{Deserialize, Serialize};

/// First part of what is signed.
const DOMAIN: &[u8] = b"poste-site-fault-1";

/// Bytes of the signature, which comes first.
const SIGNATURE: usize = 64;

/// An order to one running process of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// The site.
    pub(crate) site: SiteId,
    /// Which order it is: one is obeyed once.
    pub(crate) id: RequestId,
    /// The node that is to obey.
    pub(crate) to: NodeId,
    /// Its running epoch: what was ordered before a restart means nothing after it.
    pub(crate) epoch: EpochId,
    /// The admin node that signs.
    pub(crate) by: NodeId,
    /// Seconds until the node ends it by itself.
    pub(crate) for_s: u32,
    /// What it is to bear.
    pub(crate) what: What,
}

/// What a node can be told to bear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum What {
    /// No links with these nodes.
    Cut {
        /// Which.
        from: Vec<NodeId>,
    },
    /// The process is killed; the service manager starts it again.
    Restart,
    /// The cut is over.
    Heal,
}

/// What a node says to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// To an empty order, from a node that obeys some: the epoch that orders must name.
    Epoch(EpochId),
    /// It bears the fault.
    Obeyed,
    /// It does not.
    Refused(Disobeyed),
}

/// Why a node does not obey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Disobeyed {
    /// Its configuration does not say `faults.obey = true`.
    NotAllowed,
    /// The bytes are no order.
    Unreadable,
    /// It is for another site, node or process.
    NotForThis,
    /// The signature does not hold, or is not an admin node's that stands.
    NotSigned,
    /// The order was obeyed before.
    Twice,
    /// It would last too long.
    TooLong,
    /// No answer came.
    NoAnswer,
}

impl Order {
    /// The order as it travels, signed by `sign`.
    ///
    /// # Errors
    /// None in practice: ids and numbers are JSON.
    pub(crate) fn seal(
        &self,
        sign: impl FnOnce(&[u8]) -> [u8; SIGNATURE],
    ) -> Result<Vec<u8>, serde_json::Error> {
        let body = serde_json::to_vec(self)?;
        let signature = sign(&[DOMAIN, &body].concat());
        Ok([&signature[..], &body].concat())
    }

    /// Reads an order whose signature holds. Whether the signer may order anything is not said.
    pub(crate) fn open(bytes: &[u8]) -> Result<Self, Disobeyed> {
        let (signature, body) =
            bytes.split_first_chunk::<SIGNATURE>().ok_or(Disobeyed::Unreadable)?;
        let order: Self = serde_json::from_slice(body).map_err(|_| Disobeyed::Unreadable)?;
        if !verifies(&order.by.0, &[DOMAIN, body], &Signature(*signature)) {
            return Err(Disobeyed::NotSigned);
        }
        Ok(order)
    }
}

impl Word {
    /// The word as it travels.
    pub(crate) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What a node said: hostile bytes.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or(Self::Refused(Disobeyed::NoAnswer))
    }
}
