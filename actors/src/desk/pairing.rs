//! What an operator decides of the machines that wait to be paired.

use domain::command::Command;
use domain::id::{KioskId, NodeId, RequestId};
use domain::operator::{By, OperatorRole};
use domain::refusal::Refusal;

use super::{Desk, NotDone};
use crate::pairing::digits::Digits;
use crate::pairing::waiting::{Pairings, Undecided, Waiting};
use crate::pairing::words::Reason;
use crate::replica::Done;

impl Desk {
    /// Machines that wait for an operator to compare digits, longest first.
    pub fn pairings(&self) -> Vec<Waiting> {
        let pairings = self.shared.pairings.as_ref();
        pairings.map(|p| p.waiting()).unwrap_or_default()
    }

    /// Admits the waiting machine that shows `digits`, as `kiosk` or as the kiosk that it takes
    /// itself for. The machine hears of it once it is durable here.
    ///
    /// # Errors
    /// [`Refusal::UnknownNode`] when no such machine waits with these digits; [`Refusal::Exists`]
    /// when the site knows its key otherwise. See [`NotDone`].
    pub async fn confirm_pairing(
        &self,
        by: By,
        request: RequestId,
        node: NodeId,
        digits: Digits,
        kiosk: Option<KioskId>,
    ) -> Result<Done, NotDone> {
        let pairings = self.deciding(by)?;
        if pairings.confirmed(request, node).is_some() {
            return Ok(Done { entries: Vec::new(), session: None });
        }
        let one = pairings.take(node, digits).ok_or(Refusal::UnknownNode)?;
        let kiosk = kiosk.unwrap_or(one.waiting.request.kiosk);
        // Whoever asked may hang up; the machine must hear all the same.
        let desk = self.clone();
        let carried_out = tokio::spawn(async move { desk.pair(by, request, one, kiosk).await });
        match carried_out.await {
            Ok(outcome) => outcome,
            Err(error) => Err(NotDone::Broken(error.to_string())),
        }
    }

    /// Turns the waiting machine that shows `digits` away.
    ///
    /// # Errors
    /// [`Refusal::UnknownNode`] when no such machine waits with these digits.
    pub fn refuse_pairing(&self, by: By, node: NodeId, digits: Digits) -> Result<(), NotDone> {
        let one = self.deciding(by)?.take(node, digits);
        one.ok_or(Refusal::UnknownNode)?.conclude(Err(Reason::Refused));
        Ok(())
    }

    /// Where machines wait, for an operator who may decide.
    fn deciding(&self, by: By) -> Result<&Pairings, Refusal> {
        if by.role != OperatorRole::Admin {
            return Err(Refusal::Role);
        }
        self.shared.pairings.as_deref().ok_or(Refusal::Authority)
    }

    async fn pair(
        &self,
        by: By,
        request: RequestId,
        one: Undecided,
        kiosk: KioskId,
    ) -> Result<Done, NotDone> {
        let node = one.waiting.node;
        let mut outcome = self.submit(by, request, Command::PairNode { node, kiosk }).await;
        if outcome == Err(NotDone::Refused(Refusal::Exists))
            && self.is_paired_as(node, kiosk).await?
        {
            // It was paired so before, and never heard: the ledger has it already.
            outcome = Ok(Done { entries: Vec::new(), session: None });
        }
        let Some(pairings) = self.shared.pairings.as_deref() else {
            return outcome;
        };
        match &outcome {
            Ok(_) => {
                pairings.remember(request, node, kiosk);
                one.conclude(Ok(kiosk));
            }
            Err(NotDone::Refused(Refusal::Exists)) => one.conclude(Err(Reason::Known)),
            Err(NotDone::Refused(_) | NotDone::Vault(_)) => one.conclude(Err(Reason::Refused)),
            Err(NotDone::Busy | NotDone::Broken(_)) => pairings.put_back(one),
        }
        outcome
    }

    async fn is_paired_as(&self, node: NodeId, kiosk: KioskId) -> Result<bool, NotDone> {
        self.look(move |replica, _| {
            let site = replica.site();
            let member = site.standing().members.get(&node);
            let same = member.is_some_and(|m| !m.revoked && m.kiosk == Some(kiosk));
            same && !site.chain().pairing_entries(&node, site.standing()).is_empty()
        })
        .await
    }
}
