//! Faults of an exercise: asked for here, ordered by this node's key, borne by the nodes named.

use std::sync::PoisonError;
use std::time::Duration;

use actors::clock::BootClock;
use domain::authority::NodeKind;
use domain::id::{NodeId, RequestId};
use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::{Answers, No};
use crate::control::Answer;
use crate::control::view::FaultView;
use crate::moments;
use crate::seed::random_bytes;
use crate::site_fault::order::{Disobeyed, Order, What, Word};
use crate::site_fault::referee::{Limits, Room, Standing};

/// How long this node waits for its own word; others have the gateway's time.
const OWN_WORD: Duration = Duration::from_secs(2);

impl Answers {
    /// Orders a fault on each of `nodes`, if the limits hold with it. Those that do not obey bear
    /// nothing and are listed with their reason.
    pub(super) async fn begin_faults(
        &self,
        nodes: Vec<NodeId>,
        what: What,
        for_s: u32,
        limits: &Limits,
    ) -> Result<Answer, No> {
        self.by()?;
        let room = self.room().await?;
        let booked = self.referee().book(&nodes, for_s, limits, &room);
        if let Err(foul) = booked {
            return Ok(Answer::Foul(foul.into()));
        }
        let told = self.tell_all(nodes, &what, for_s).await;
        let mut referee = self.referee();
        for fault in told.iter().filter(|fault| fault.said != Word::Obeyed) {
            // One that gave no answer may have obeyed all the same.
            if fault.said != Word::Refused(Disobeyed::NoAnswer) {
                referee.release(&fault.node);
            }
        }
        Ok(Answer::Faults(told))
    }

    /// Whether the limits would hold with a fault on each of `nodes` now, and which of them would obey: those
    /// that tell their epoch. Nothing is ordered.
    pub(super) async fn check_faults(
        &self,
        nodes: Vec<NodeId>,
        for_s: u32,
        limits: &Limits,
    ) -> Result<Answer, No> {
        self.by()?;
        let room = self.room().await?;
        let checked = self.referee().check(&nodes, for_s, limits, &room);
        if let Err(foul) = checked {
            return Ok(Answer::Foul(foul.into()));
        }
        let asked = nodes.into_iter().map(|node| async move {
            let said = self.say(node, Vec::new()).await;
            FaultView::new(node, 0, said.unwrap_or_else(Word::Refused))
        });
        Ok(Answer::Faults(join_all(asked).await))
    }

    /// Ends every fault that was ordered here. A node that cannot be reached ends it by itself.
    pub(super) async fn end_faults(&self) -> Result<Answer, No> {
        self.by()?;
        let under = self.referee().under(BootClock.boot_ms()).map(|(node, _)| node).collect();
        let told = self.tell_all(under, &What::Heal, 0).await;
        let mut referee = self.referee();
        for fault in told.iter().filter(|fault| fault.said == Word::Obeyed) {
            referee.release(&fault.node);
        }
        Ok(Answer::Faults(told))
    }

    /// The nodes that may be under a fault.
    pub(super) fn faults(&self) -> Result<Answer, No> {
        self.by()?;
        let referee = self.referee();
        let under = referee.under(BootClock.boot_ms());
        let faults = under.map(|(node, left_ms)| {
            let left_s = u32::try_from(left_ms.div_ceil(1_000)).unwrap_or(u32::MAX);
            FaultView::new(node, left_s, Word::Obeyed)
        });
        Ok(Answer::Faults(faults.collect()))
    }

    fn referee(&self) -> std::sync::MutexGuard<'_, crate::site_fault::referee::Referee> {
        self.referee.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn room(&self) -> Result<Room, No> {
        let me = self.desk.node();
        let wall_ms = BootClock.wall_ms();
        let time = moments::time_of_day(wall_ms, moments::local_offset_s(wall_ms));
        let look = self.desk.look(move |replica, now| {
            let site = replica.site();
            let linked: Vec<NodeId> = replica.links().map(|(node, _, _)| *node).collect();
            let in_use: Vec<NodeId> = site
                .floor(now)
                .tiles
                .into_iter()
                .filter(|tile| tile.session.is_some())
                .flat_map(|tile| tile.nodes)
                .collect();
            let members = site.standing().members.iter().filter(|(_, member)| !member.revoked);
            let nodes = members.map(|(node, member)| {
                let mut boots = site.chain().epochs_of(*node).map(|e| site.chain().node_of(e));
                let standing = Standing {
                    kiosk: member.kind == NodeKind::Kiosk,
                    durable: boots.all(|boot| boot.is_some_and(|(_, amnesic)| !amnesic)),
                    linked: *node == me || linked.contains(node),
                    in_use: in_use.contains(node),
                };
                (*node, standing)
            });
            Room { nodes: nodes.collect(), time, boot_ms: now.boot_ms }
        });
        Ok(look.await?)
    }

    async fn tell_all(&self, nodes: Vec<NodeId>, what: &What, for_s: u32) -> Vec<FaultView> {
        let told = nodes.into_iter().map(|node| async move {
            let said = match self.tell(node, what.clone(), for_s).await {
                Ok(word) => word,
                Err(why) => Word::Refused(why),
            };
            FaultView::new(node, for_s, said)
        });
        join_all(told).await
    }

    /// Asks a node for its epoch, then orders.
    async fn tell(&self, node: NodeId, what: What, for_s: u32) -> Result<Word, Disobeyed> {
        let epoch = match self.say(node, Vec::new()).await? {
            Word::Epoch(epoch) => epoch,
            Word::Refused(why) => return Err(why),
            Word::Obeyed => return Err(Disobeyed::NoAnswer),
        };
        let order = Order {
            site: self.desk.shared().identity.site,
            id: RequestId(random_bytes().map_err(|_| Disobeyed::Unreadable)?),
            to: node,
            epoch,
            by: self.desk.node(),
            for_s,
            what,
        };
        let sealed = order.seal(|bytes| self.desk.sign(bytes));
        self.say(node, sealed.map_err(|_| Disobeyed::Unreadable)?).await
    }

    async fn say(&self, node: NodeId, order: Vec<u8>) -> Result<Word, Disobeyed> {
        if node == self.desk.node() {
            let (sender, word) = oneshot::channel();
            self.calls.fault(order, Box::new(move |word| sender.send(word).unwrap_or(())));
            let word = tokio::time::timeout(OWN_WORD, word).await;
            return match word {
                Ok(Ok(word)) => Ok(Word::read(&word)),
                Ok(Err(_)) | Err(_) => Err(Disobeyed::NoAnswer),
            };
        }
        let gateway = self.desk.shared().gateway().ok_or(Disobeyed::NoAnswer)?;
        let word = gateway.fault(node.0, order).await.map_err(|_| Disobeyed::NoAnswer)?;
        Ok(Word::read(&word))
    }
}
