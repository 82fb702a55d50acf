//! Revoking a node: what this node holds of it stands, nothing later.

use domain::authority::NodeKind;
use domain::command::Command;
use domain::fact::{AdminRevoked, CUTS_IN_PART, Cut, MOST_PARTS};
use domain::id::NodeId;
use domain::refusal::Refusal;

use super::{Answers, No};
use crate::control::Answer;
use crate::texts::Say;

impl Answers {
    /// Revokes a kiosk's node.
    pub(super) async fn revoke(&self, node: NodeId) -> Result<Answer, No> {
        let cut = self.reaches_of(node).await?;
        self.submit(Command::RevokeNode { node, cut }).await
    }

    /// The cut that the site key is to sign for an admin node; nothing to do where one
    /// is in effect already.
    pub(super) async fn cut_of_admin(&self, node: NodeId) -> Result<Answer, No> {
        self.by()?;
        if node == self.desk.node() {
            // What this node wrote after its own cut would reach nobody.
            return Err(Say::RevokesItself.into());
        }
        let member =
            self.desk.look(move |replica, _| replica.site().standing().members.get(&node).cloned());
        let member = member.await?.ok_or(Refusal::UnknownNode)?;
        if member.kind != NodeKind::Admin {
            return Err(Say::NotAnAdminNode.into());
        }
        if member.cut {
            return Ok(Answer::Done);
        }
        Ok(Answer::Cut(self.reaches_of(node).await?))
    }

    /// Writes the site key's revocation of an admin node into the ledger. Until the
    /// last part is there the node is out, but its entries stand.
    pub(super) async fn revoke_admin(&self, parts: Vec<AdminRevoked>) -> Result<Answer, No> {
        for part in parts {
            self.desk.certify(part.into()).await?;
        }
        Ok(Answer::Done)
    }

    async fn reaches_of(&self, node: NodeId) -> Result<Vec<Cut>, No> {
        let cut = self.desk.look(move |replica, _| {
            let site = replica.site();
            let reaches = replica.frontier();
            let of_node = reaches.filter(|reach| site.node_of(&reach.epoch) == Some(node));
            // A log of nothing but its boot certificate has nothing to lose. Of too many the
            // longest stay in effect: being able to revoke comes first.
            let mut cut: Vec<Cut> = of_node
                .filter(|reach| reach.height > 1)
                .map(|reach| Cut { epoch: reach.epoch, height: reach.height, head: reach.head })
                .collect();
            cut.sort_by_key(|cut| (std::cmp::Reverse(cut.height), cut.epoch));
            cut.truncate(CUTS_IN_PART * usize::from(MOST_PARTS));
            cut
        });
        Ok(cut.await?)
    }
}
