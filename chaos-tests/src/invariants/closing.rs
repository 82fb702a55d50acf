//! Invariant 4: a closing or a withdrawal reaches a connected kiosk in 2 s; once healed, nothing
//! runs that was ended for good. (That an isolated kiosk ends by policy or grant, `overrun` sees.)

use std::collections::BTreeMap;

use domain::command::Command;
use domain::id::{RequestId, SessionId};
use domain::settings::ALONE_AFTER_MS;

use super::{LATE_MS, NOTICE_MS};
use crate::book::hosts::Trouble;
use crate::book::ledger::sessions::StepKind;
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId, Shown};
use crate::scenario::Words;

/// A connected kiosk obeys within this time, in milliseconds.
const OBEYS_MS: u64 = 2_000;
/// Two hosts are connected beyond doubt once nothing was wrong with them, nor with the link between
/// them, for so long.
const CALM_MS: u64 = 10_000;

/// An order on its way.
#[derive(Debug, Clone, Copy)]
struct Order {
    session: SessionId,
    from: HostId,
    to: HostId,
    given_ms: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Closing {
    orders: Vec<Order>,
    /// Those that were not accepted yet: a kiosk may obey before the desk's disk has answered.
    asked: BTreeMap<RequestId, Order>,
    /// Since when each kiosk shows what it shows.
    shows: BTreeMap<HostId, (SessionId, u64)>,
    /// Since when each kiosk says that it is linked though nobody sees a link of its.
    unaware: BTreeMap<HostId, u64>,
    worst_ms: u64,
    judged: u64,
}

impl Closing {
    /// What an order that is given now asks of a kiosk with a good link.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the other commands end nothing")]
    fn order(&self, from: HostId, command: &Command, scene: Scene<'_>) -> Option<Order> {
        let session = match command {
            Command::Close { session, .. } | Command::Withdraw { session } => *session,
            _ => return None,
        };
        let given_ms = scene.at_ms;
        let calm = given_ms.saturating_sub(CALM_MS);
        let on = self.shows.iter().filter(|(_, (shown, _))| *shown == session);
        // Open in two places, it is a conflict first, and then an end.
        let [(to, (_, since))] = on.collect::<Vec<_>>()[..] else {
            return None;
        };
        let good = since.saturating_add(OBEYS_MS) <= given_ms && connected(from, *to, calm, scene);
        good.then_some(Order { session, from, to: *to, given_ms })
    }

    fn shows(&mut self, host: HostId, shown: Shown, scene: Scene<'_>) {
        let session = match shown {
            Shown::Running { session, .. } | Shown::Paused { session } => Some(session),
            Shown::Locked | Shown::OutOfService | Shown::Ended { .. } => None,
        };
        let before = self.shows.get(&host).copied();
        if before.map(|(session, _)| session) == session {
            return;
        }
        match session {
            Some(session) => self.shows.insert(host, (session, scene.at_ms)),
            None => self.shows.remove(&host),
        };
        let asked = self.asked.extract_if(.., |_, order| order.to == host).count();
        self.judged += u64::try_from(asked).unwrap_or(u64::MAX);
        for order in self.orders.extract_if(.., |order| order.to == host) {
            self.judged += 1;
            self.worst_ms = self.worst_ms.max(scene.at_ms.saturating_sub(order.given_ms));
        }
    }

    /// Once healed, an order that saw the step which still stands was never carried out.
    fn carried_out(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        for (session, found) in book.ledger.sessions.all() {
            for order in &found.orders {
                let counts = found.ended.is_empty()
                    && book.is_honest_epoch(&order.entry.epoch, cluster)
                    && book.ledger.is_within(&order.entry);
                let standing = order.sees.iter().filter_map(|seen| found.step(seen)).find(|step| {
                    let running = match step.kind {
                        StepKind::Opened | StepKind::Resumed => true,
                        StepKind::Paused => !order.pause,
                        StepKind::Closed(_) => false,
                    };
                    running && !found.steps.iter().any(|s| s.replaces.contains(&step.entry))
                });
                let Some(step) = standing.filter(|_| counts) else {
                    continue;
                };
                let home = book.hosts.of(&step.entry.epoch).map(|birth| birth.host);
                // A disk that took nothing may have lost the step itself.
                let home = home.filter(|home| !book.hosts.had(*home, Trouble::Disk));
                let mut honest = book.honest(cluster);
                let Some((host, node)) = honest.find(|(host, _)| Some(*host) == home) else {
                    continue;
                };
                self.judged += 1;
                if node.holds(&order.entry) && node.holds(&step.entry) {
                    let what = format!("{session}: {} was never carried out", order.entry);
                    return Err(Broken::on(host, what));
                }
            }
        }
        Ok(())
    }

    /// A kiosk knows whether it is alone: what it does then, staff chose. A process that stood still finds
    /// out that its links are dead only once it goes on, and counts from there. A kiosk knows of its new
    /// link before whoever has to look at both ends: what it says is judged once it has stood for a while.
    fn knows(&mut self, host: HostId, alone: bool, scene: Scene<'_>) -> Held {
        let hosts = &scene.book.hosts;
        let Some(machine) = hosts.machine(host) else {
            return Ok(());
        };
        let since = machine.alone_since.map(|since| scene.at_ms.saturating_sub(since));
        let at_most = ALONE_AFTER_MS + NOTICE_MS;
        if alone || since.is_none_or(|since| since <= at_most) {
            self.unaware.remove(&host);
            return Ok(());
        }
        self.judged += 1;
        let says_since = *self.unaware.entry(host).or_insert(scene.at_ms);
        if scene.at_ms < says_since + LATE_MS {
            return Ok(());
        }
        if hosts.had_since(host, Trouble::Process, scene.at_ms.saturating_sub(at_most)) {
            return Ok(());
        }
        let what = format!("no link for {} ms, and it does not know", since.unwrap_or(0));
        Err(Broken::on(host, what))
    }

    fn overdue(&mut self, scene: Scene<'_>) -> Held {
        let late = |order: &Order| scene.at_ms > order.given_ms.saturating_add(OBEYS_MS);
        let Some(place) = self.orders.iter().position(late) else {
            return Ok(());
        };
        let order = self.orders.swap_remove(place);
        let calm = order.given_ms.saturating_sub(CALM_MS);
        if !connected(order.from, order.to, calm, scene) {
            return Ok(());
        }
        self.judged += 1;
        self.worst_ms = self.worst_ms.max(scene.at_ms.saturating_sub(order.given_ms));
        let from = scene.cluster.name(order.from);
        let what = format!(
            "{} still there {} ms after {from} ended it, with a good link",
            order.session,
            scene.at_ms - order.given_ms
        );
        Err(Broken::on(order.to, what))
    }
}

/// Whether two honest hosts have had a good link all the time since.
fn connected(one: HostId, other: HostId, since_ms: u64, scene: Scene<'_>) -> bool {
    let hosts = &scene.book.hosts;
    hosts.link_since(one, other).is_some_and(|since| since <= since_ms)
        && [one, other].iter().all(|host| {
            hosts.calm_since(*host, since_ms) && !scene.book.is_hostile(*host, scene.cluster)
        })
}

impl Invariant for Closing {
    fn number(&self) -> u8 {
        4
    }

    fn name(&self) -> &'static str {
        "closing"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Quand l’animateur ferme une session ou retire un code, le poste obéit aussitôt ; aucun poste ne la garde en secret.",
            "When staff close a session or withdraw a code, the kiosk obeys at once; no kiosk keeps it in secret.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events end nothing")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        match event {
            Event::Asked { host, request, command, .. } => {
                let order = self.order(*host, command, scene);
                self.asked.extend(order.map(|order| (*request, order)));
            }
            Event::Denied { request, .. } => {
                self.asked.remove(request);
            }
            Event::Accepted { host, request, entries, .. } => {
                self.asked.remove(request);
                let question = scene.book.ledger.question(request).filter(|_| !entries.is_empty());
                let order = question.and_then(|q| self.order(*host, &q.command, scene));
                self.orders.extend(order);
            }
            Event::Shows { host, shown, alone } => {
                self.shows(*host, *shown, scene);
                self.knows(*host, *alone, scene)?;
            }
            Event::Stopped { host, .. } | Event::Fell { host, .. } => {
                self.shows.remove(host);
                self.orders.retain(|order| order.to != *host);
                self.asked.retain(|_, order| order.to != *host);
            }
            _ => {}
        }
        self.overdue(scene)
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        for (host, (session, _)) in &self.shows {
            let Some(node) = cluster.node(*host).filter(|_| !book.is_hostile(*host, cluster))
            else {
                continue;
            };
            let ended = book.ledger.sessions.get(session).map_or(&[][..], |found| &found.ended);
            self.judged += 1;
            let known = ended.iter().find(|entry| {
                node.holds(entry)
                    && book.is_honest_epoch(&entry.epoch, cluster)
                    && book.ledger.is_within(entry)
            });
            if let Some(entry) = known {
                let what = format!("{session} still there, though {entry} ended it for good");
                return Err(Broken::on(*host, what));
            }
        }
        self.carried_out(scene)
    }

    fn judged(&self) -> u64 {
        self.judged
    }

    fn worst(&self) -> Option<(f64, &'static str)> {
        (self.judged > 0).then_some((self.worst_ms as f64 / 1000.0, "s"))
    }
}

#[cfg(test)]
mod tests {
    use domain::fact::Cause;
    use domain::id::EntryId;
    use domain::operator::OperatorRole;

    use super::*;
    use crate::fault::{Fault, Hosts};
    use crate::invariants::stage::{ADMIN, KIOSK, Stage};

    /// A session that runs on a kiosk with a good link, and its withdrawal, not yet accepted.
    fn withdrawing() -> (Stage<Closing>, SessionId, RequestId, EntryId) {
        let (mut stage, session) = Stage::running(Closing::default());
        let request = stage.ask(ADMIN, Command::Withdraw { session }, OperatorRole::Host);
        let entry = stage.withdraw(ADMIN, session);
        (stage, session, request, entry)
    }

    /// The same, accepted.
    fn withdrawn() -> (Stage<Closing>, SessionId) {
        let (mut stage, session, request, entry) = withdrawing();
        stage.accept(ADMIN, request, &[entry]);
        (stage, session)
    }

    #[test]
    fn a_kiosk_that_obeys_within_two_seconds_is_in_time() {
        let (mut stage, session) = withdrawn();
        stage.runs(KIOSK, session, 2_000);
        stage.shows(KIOSK, Shown::Ended { session, cause: Cause::Staff });
        stage.pass(5_000);
        stage.shows(KIOSK, Shown::Locked);
        assert_eq!((stage.broken(), stage.worst()), (None, Some(2.0)));
    }

    #[test]
    fn a_kiosk_that_obeys_before_the_desk_has_its_answer_counts() {
        let (mut stage, session, request, entry) = withdrawing();
        let judged = stage.judged();
        stage.shows(KIOSK, Shown::Ended { session, cause: Cause::Staff });
        stage.accept(ADMIN, request, &[entry]);
        stage.pass(5_000);
        stage.shows(KIOSK, Shown::Locked);
        assert_eq!((stage.broken(), stage.judged() - judged), (None, 1));
    }

    #[test]
    fn a_kiosk_that_goes_on_is_not() {
        let (mut stage, session) = withdrawn();
        stage.runs(KIOSK, session, 3_000);
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn a_kiosk_that_was_cut_off_cannot_know() {
        let (mut stage, session) = withdrawn();
        let hosts = Hosts(String::from("poste-1"));
        let flap = Fault::Flap { hosts, period_ms: 100 };
        stage.begin(flap, &[KIOSK]);
        stage.runs(KIOSK, session, 3_000);
        assert_eq!(stage.broken(), None);
    }

    #[test]
    fn an_order_that_was_never_carried_out_is_seen() {
        let mut stage = Stage::with(Closing::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.spread();
        stage.close(ADMIN, session, true);
        stage.spread();
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn an_order_that_was_carried_out_is_done() {
        let mut stage = Stage::with(Closing::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.spread();
        stage.close(ADMIN, session, true);
        stage.spread();
        stage.closed(KIOSK, session, Cause::Freed);
        stage.spread();
        stage.heal();
        assert_eq!(stage.broken(), None);
    }

    #[test]
    fn a_kiosk_that_does_not_know_that_it_is_alone_is_seen() {
        let mut stage = Stage::with(Closing::default());
        let locked = Event::Shows { host: KIOSK, shown: Shown::Locked, alone: false };
        stage.see(locked.clone());
        stage.pass(49_000);
        stage.see(locked.clone());
        assert_eq!(stage.broken(), None, "its link may have taken so long to die");
        stage.pass(3_000);
        stage.see(locked.clone());
        assert_eq!(stage.broken(), None, "a link may have come just now");
        stage.pass(2_000);
        stage.see(locked);
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn what_runs_on_after_healing_is_seen() {
        let (mut stage, session) = withdrawn();
        stage.unlink(ADMIN, KIOSK);
        stage.runs(KIOSK, session, 60_000);
        assert_eq!(stage.broken(), None);
        stage.spread();
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }
}
