//! Invariant 11: no fact outside its author's role changes the state, and no operator does what the
//! role does not allow.

use domain::command::Command;
use domain::operator::OperatorRole;

use super::without_effect;
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::Event;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Role {
    judged: u64,
}

/// The least role for a command, by the manual's table of roles; `None` where only the kiosk's own
/// patron may.
fn least(command: &Command) -> Option<OperatorRole> {
    match command {
        Command::IssueCode { .. }
        | Command::IssueCodes { .. }
        | Command::Withdraw { .. }
        | Command::Extend { .. }
        | Command::Pause { .. }
        | Command::Resume { .. }
        | Command::Close { .. }
        | Command::SendMessage { .. }
        | Command::DescribeKiosk { .. }
        | Command::EraseRow { .. } => Some(OperatorRole::Host),
        Command::NameKiosk { .. }
        | Command::NameRoom { .. }
        | Command::ChangeSettings { .. }
        | Command::IssueToken { .. }
        | Command::RevokeToken { .. }
        | Command::PairNode { .. }
        | Command::RevokeNode { .. } => Some(OperatorRole::Admin),
        Command::Open { .. } | Command::Leave { .. } | Command::AcknowledgeMessage { .. } => None,
    }
}

impl Invariant for Role {
    fn number(&self) -> u8 {
        11
    }

    fn name(&self) -> &'static str {
        "role"
    }

    fn protects(&self) -> (&'static str, &'static str) {
        (
            "Un poste volé ou un compte en lecture seule ne s'accorde pas de temps et ne commande personne.",
            "A stolen kiosk or a read-only account grants itself no time and orders nobody about.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events grant nothing")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        let Event::Accepted { host, request, .. } = event else {
            return Ok(());
        };
        let Some(question) = scene.book.ledger.question(request) else {
            return Ok(());
        };
        self.judged += 1;
        let kiosk = scene.cluster.node(*host).and_then(|node| node.kiosk());
        let may = match (question.role, least(&question.command)) {
            (Some(role), Some(least)) => role >= least && kiosk.is_none(),
            (None, None) => kiosk.is_some(),
            (Some(_), None) | (None, Some(_)) => false,
        };
        if may {
            return Ok(());
        }
        let what = format!("{:?} was accepted from {:?}", question.command, question.role);
        Err(Broken::on(*host, what))
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let attacks = scene.book.ledger.attacks();
        if attacks.is_empty() {
            return Ok(());
        }
        self.judged += 1;
        without_effect(attacks, "what a thief wrote against the rules", scene)
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::stage::{ADMIN, KIOSK, Stage};

    #[test]
    fn a_host_may_extend_and_a_viewer_may_not() {
        for (role, broken) in
            [(OperatorRole::Host, None), (OperatorRole::Viewer, Some(Some(ADMIN)))]
        {
            let mut stage = Stage::with(Role::default());
            let session = stage.opened(ADMIN, KIOSK, 600);
            let request = stage.ask(ADMIN, Command::Extend { session, seconds: 60 }, role);
            let entry = stage.extend(ADMIN, session, 60);
            stage.accept(ADMIN, request, &[entry]);
            assert_eq!(stage.broken(), broken);
        }
    }

    #[test]
    fn no_operator_opens_a_session() {
        let mut stage = Stage::with(Role::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        let request = stage.ask(ADMIN, Command::Leave { session }, OperatorRole::Admin);
        stage.accept(ADMIN, request, &[]);
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn a_kiosk_that_extends_changes_nothing() {
        let mut stage = Stage::with(Role::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        let entry = stage.extend(KIOSK, session, 3_600);
        stage.see(Event::Attacked { host: KIOSK, entries: vec![entry] });
        stage.spread();
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 1));
    }

    #[test]
    fn an_attack_that_changes_something_is_seen() {
        let mut stage = Stage::with(Role::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        // As if the nodes took the thief for an admin node.
        let entry = stage.extend(ADMIN, session, 3_600);
        stage.see(Event::Attacked { host: KIOSK, entries: vec![entry] });
        stage.spread();
        stage.heal();
        assert!(stage.broken().is_some());
    }
}
