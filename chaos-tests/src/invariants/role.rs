//! Invariant 11: no fact outside its author's role changes the state, and no operator does what the
//! role does not allow.

use std::collections::BTreeMap;

use domain::command::Command;
use domain::operator::OperatorRole;

use super::without_effect;
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::cluster::NodeState;
use crate::event::{Event, HostId};
use crate::fault::Fault;
use crate::scenario::Words;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Role {
    judged: u64,
    /// Whether an admin host's own clock was ever wrong: then nobody can say what time it is.
    admin_clock_wrong: bool,
    looked_ms: u64,
    /// Since when a kiosk has held another time than all admin hosts for the site's.
    off_since: BTreeMap<HostId, u64>,
}

impl Role {
    /// The site's time is the admin nodes' alone: whatever a kiosk's clock says has no say.
    fn time(&mut self, scene: Scene<'_>) -> Held {
        let clock = |node: &dyn NodeState| node.moment().wall_ms;
        let nodes: Vec<_> = scene.book.honest(scene.cluster).collect();
        let admins: Vec<i64> =
            nodes.iter().filter(|(_, n)| n.kiosk().is_none()).map(|(_, n)| clock(*n)).collect();
        for (host, node) in nodes {
            let off = node.kiosk().is_some()
                && node.moment().trusted
                && !admins.is_empty()
                && admins.iter().all(|admin| clock(node).abs_diff(*admin) > OFF_MS);
            if !off {
                self.off_since.remove(&host);
                continue;
            }
            self.judged += 1;
            let since = *self.off_since.entry(host).or_insert(scene.at_ms);
            let linked = scene.book.hosts.neighbours(host).len();
            if linked > 0 && scene.at_ms.saturating_sub(since) > SETTLES_MS {
                let what =
                    format!("trusts {} ms for the site's time, admins {admins:?}", clock(node));
                return Err(Broken::on(host, what));
            }
        }
        Ok(())
    }
}

/// A kiosk's idea of the site's time may be off by what a message takes, generously, in milliseconds.
const OFF_MS: u64 = 30_000;
/// Old words that were held up with a process are corrected with the next rounds.
const SETTLES_MS: u64 = 60_000;
/// How often clocks are compared, in milliseconds.
const LOOKED_MS: u64 = 10_000;

fn is_clock(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::ClockJump { .. }
            | Fault::ClockLost { .. }
            | Fault::ClockStrobe { .. }
            | Fault::ClockDrift { .. }
    )
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

    fn protects(&self) -> Words {
        Words::new(
            "Un poste volé ou un compte en lecture seule ne s’accorde pas de temps et ne commande personne.",
            "A stolen kiosk or a read-only account grants itself no time and orders nobody about.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events grant nothing")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        let (host, request) = match event {
            Event::Accepted { host, request, .. } => (host, request),
            Event::FaultBegan { fault, hosts, .. } if is_clock(fault) => {
                let admin = |host: &HostId| {
                    scene.cluster.node(*host).is_none_or(|node| node.kiosk().is_none())
                };
                self.admin_clock_wrong |= hosts.iter().any(admin);
                return Ok(());
            }
            Event::Shows { .. }
                if !self.admin_clock_wrong
                    && scene.at_ms >= self.looked_ms.saturating_add(LOOKED_MS) =>
            {
                self.looked_ms = scene.at_ms;
                return self.time(scene);
            }
            _ => return Ok(()),
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
    use crate::event::Shown;
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
    fn a_kiosks_own_clock_has_no_say() {
        let mut stage = Stage::with(Role::default());
        stage.link(ADMIN, KIOSK);
        for (jump_ms, broken) in [(10_000, None), (3_600_000, Some(Some(KIOSK)))] {
            stage.nodes.at_mut(KIOSK).wall_ms = jump_ms;
            for _ in 0..10 {
                stage.pass(10_000);
                stage.shows(KIOSK, Shown::Locked);
            }
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
