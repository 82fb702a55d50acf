//! Bears the faults that this node is ordered to bear.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actors::peers::LONGEST_CUT;
use actors::tree::Shared;
use domain::authority::NodeKind;
use domain::id::{EpochId, NodeId, RequestId, SiteId};
use domain::site::Site;
use rustix::process::{Signal, getpid, kill_process};

use super::order::{Disobeyed, Order, What};

/// Orders that one process obeys: far more than an exercise gives, and a bound.
const MOST_ORDERS: usize = 4_096;

/// Until a fault begins, so that the answer leaves first.
const LAST_WORD: Duration = Duration::from_millis(500);

/// The process that is asked to obey, and what it knows of the site.
pub(crate) struct Here<'a> {
    /// The node.
    pub(crate) node: NodeId,
    /// Its running epoch.
    pub(crate) epoch: EpochId,
    /// Its site as it knows it.
    pub(crate) site: &'a Site,
}

/// Decides which orders are obeyed.
#[derive(Debug)]
pub(crate) struct Executor {
    allowed: bool,
    obeyed: Mutex<BTreeSet<RequestId>>,
}

impl Executor {
    /// Obeys if `allowed`, which the machine's own configuration says.
    pub(crate) fn new(allowed: bool) -> Self {
        Self { allowed, obeyed: Mutex::new(BTreeSet::new()) }
    }

    /// Whether this machine obeys any order.
    pub(crate) fn is_willing(&self) -> Result<(), Disobeyed> {
        if self.allowed { Ok(()) } else { Err(Disobeyed::NotAllowed) }
    }

    /// The order that these bytes are, if this process is to obey it. Says so once for each order.
    pub(crate) fn judge(&self, bytes: &[u8], here: &Here<'_>) -> Result<Order, Disobeyed> {
        self.is_willing()?;
        let order = Order::open(bytes)?;
        let site: SiteId = here.site.id();
        if (order.site, order.to, order.epoch) != (site, here.node, here.epoch) {
            return Err(Disobeyed::NotForThis);
        }
        if !here.site.standing().nodes(NodeKind::Admin).any(|admin| *admin == order.by) {
            return Err(Disobeyed::NotSigned);
        }
        if Duration::from_secs(order.for_s.into()) > LONGEST_CUT {
            return Err(Disobeyed::TooLong);
        }
        let mut obeyed = self.obeyed.lock().unwrap_or_else(PoisonError::into_inner);
        if obeyed.len() >= MOST_ORDERS || !obeyed.insert(order.id) {
            return Err(Disobeyed::Twice);
        }
        Ok(order)
    }
}

/// Bears what was ordered, once the answer has had time to leave: a fault may cut its way off.
pub(crate) fn bear(order: Order, shared: Arc<Shared>) {
    tracing::warn!(by = %order.by, for_s = order.for_s, what = ?order.what, "a fault was ordered");
    tokio::spawn(async move {
        tokio::time::sleep(LAST_WORD).await;
        let length = Duration::from_secs(order.for_s.into());
        let avoid = |nodes: Vec<NodeId>, length| {
            if let Some(peers) = shared.peers() {
                peers.avoid(nodes.into_iter().map(|node| node.0).collect(), length);
            }
        };
        match order.what {
            What::Cut { from } => avoid(from, length),
            What::Heal => avoid(Vec::new(), Duration::ZERO),
            What::Restart => {
                // As a kill from outside would: nothing is written, nobody is told.
                if let Err(error) = kill_process(getpid(), Signal::KILL) {
                    tracing::error!(%error, "the process cannot kill itself");
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use domain::fact::{AdminAdmitted, Fact, admin_admission_bytes};
    use domain::id::{EntryId, Signature};
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn node(seed: u8) -> NodeId {
        NodeId(key(seed).verifying_key().to_bytes())
    }

    const SITE: u8 = 1;
    const ADMIN: u8 = 2;
    const KIOSK: u8 = 3;
    const EPOCH: EpochId = EpochId([9; 32]);

    /// A site with one admin node.
    fn site() -> Site {
        let id = SiteId(key(SITE).verifying_key().to_bytes());
        let mut site = Site::new(id);
        let said = admin_admission_bytes(&id, &node(ADMIN));
        let signature = Signature(key(SITE).sign(&said).to_bytes());
        let admitted = AdminAdmitted { node: node(ADMIN), signature };
        site.apply(EntryId { epoch: EPOCH, seq: 1 }, &Fact::from(admitted));
        assert!(site.standing().is_member(&node(ADMIN)));
        site
    }

    fn order(site: &Site) -> Order {
        Order {
            site: site.id(),
            id: RequestId([7; 16]),
            to: node(KIOSK),
            epoch: EPOCH,
            by: node(ADMIN),
            for_s: 60,
            what: What::Cut { from: vec![node(ADMIN)] },
        }
    }

    fn sealed(order: &Order, by: u8) -> Vec<u8> {
        order.seal(|bytes| key(by).sign(bytes).to_bytes()).unwrap()
    }

    fn verdict(bytes: &[u8], site: &Site) -> Result<Order, Disobeyed> {
        let here = Here { node: node(KIOSK), epoch: EPOCH, site };
        Executor::new(true).judge(bytes, &here)
    }

    #[test]
    fn an_order_of_an_admin_node_is_obeyed_once() {
        let site = site();
        let bytes = sealed(&order(&site), ADMIN);
        let executor = Executor::new(true);
        let here = Here { node: node(KIOSK), epoch: EPOCH, site: &site };
        assert_eq!(executor.judge(&bytes, &here), Ok(order(&site)));
        assert_eq!(executor.judge(&bytes, &here), Err(Disobeyed::Twice));
    }

    #[test]
    fn a_machine_that_did_not_agree_obeys_nobody() {
        let site = site();
        let here = Here { node: node(KIOSK), epoch: EPOCH, site: &site };
        let bytes = sealed(&order(&site), ADMIN);
        assert_eq!(Executor::new(false).judge(&bytes, &here), Err(Disobeyed::NotAllowed));
    }

    #[test]
    fn a_forged_order_is_not_obeyed() {
        let site = site();
        // Signed by somebody else than it says.
        assert_eq!(verdict(&sealed(&order(&site), KIOSK), &site), Err(Disobeyed::NotSigned));
        // Signed by whom it says, who is no admin node.
        let by_kiosk = Order { by: node(KIOSK), ..order(&site) };
        assert_eq!(verdict(&sealed(&by_kiosk, KIOSK), &site), Err(Disobeyed::NotSigned));
        // A bit changed on the way.
        let whole = sealed(&order(&site), ADMIN);
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert!(verdict(&bytes, &site).is_err(), "byte {at}");
        }
        for cut in 0..whole.len() {
            assert!(verdict(&whole[..cut], &site).is_err(), "{cut} bytes");
        }
    }

    #[test]
    fn an_order_for_another_process_is_not_obeyed() {
        let site = site();
        let others = [
            Order { site: SiteId([4; 32]), ..order(&site) },
            Order { to: node(ADMIN), ..order(&site) },
            Order { epoch: EpochId([8; 32]), ..order(&site) },
        ];
        for other in others {
            assert_eq!(verdict(&sealed(&other, ADMIN), &site), Err(Disobeyed::NotForThis));
        }
    }

    #[test]
    fn an_order_beyond_the_hour_is_not_obeyed() {
        let site = site();
        let long = Order { for_s: 3_601, ..order(&site) };
        assert_eq!(verdict(&sealed(&long, ADMIN), &site), Err(Disobeyed::TooLong));
    }
}
