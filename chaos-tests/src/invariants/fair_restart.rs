//! Invariant 5: a restart costs the patron nothing and gives at most C; all that a session is
//! forgiven is at most 3 C, on amnesic kiosks too.

use std::collections::BTreeMap;

use domain::fact::{Cause, Fact};
use domain::id::{EntryId, SessionId};
use domain::settings::ALONE_AFTER_MS;

use super::LATE_MS;
use crate::book::hosts::{Trouble, ends_boot};
use crate::book::knowledge::{CHARGE_MS, FORGIVEN, Knowledge};
use crate::book::ledger::sessions::StepKind;
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId, Shown, Stop};
use crate::scenario::Words;

/// A picture's beginning or end is seen this late at most on the average, in milliseconds: power cuts
/// by the dozen add up.
const EDGE_MS: u64 = 100;

/// All that a session is ever forgiven, in milliseconds.
const FORGIVEN_MS: u64 = CHARGE_MS * FORGIVEN as u64;

/// For how long a machine is linked before it takes one of which it hears nothing for gone.
const LISTENS_MS: u64 = 2 * ALONE_AFTER_MS;
/// The other may have been unheard for so much longer.
const UNHEARD_MS: u64 = LISTENS_MS + 10_000;

/// A session that a process left running when it died, on a machine that did not.
#[derive(Debug, Clone, Copy)]
struct Left {
    session: SessionId,
    remaining_ms: u64,
    at_ms: u64,
    started: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct FairRestart {
    left: BTreeMap<HostId, Left>,
    /// What ran when the machine went down; once it is up again nobody has typed a code yet.
    went_down: BTreeMap<HostId, SessionId>,
    /// When each host showed each session last.
    ran: BTreeMap<SessionId, BTreeMap<HostId, u64>>,
    worst_ms: u64,
    judged: u64,
}

impl FairRestart {
    fn stopped(&mut self, host: HostId, how: Stop, scene: Scene<'_>) {
        self.left.remove(&host);
        if ends_boot(how)
            && let Some((_, Shown::Running { session, .. })) = scene.book.usage.shown(host)
        {
            self.went_down.insert(host, session);
        }
        let hosts = &scene.book.hosts;
        let (Some(machine), Some((shown_ms, Shown::Running { session, remaining_ms }))) =
            (hosts.machine(host), scene.book.usage.shown(host))
        else {
            return;
        };
        let disk = hosts.had(host, Trouble::Disk);
        let elsewhere = scene.book.usage.running_on(&session).any(|other| other != host);
        // Its links ended with it; one that had none before may have had to end the session.
        let lonely = machine.alone_since.is_some_and(|since| since < scene.at_ms);
        let thief = scene.book.is_hostile(host, scene.cluster);
        if !(ends_boot(how) || machine.amnesic || disk || elsewhere || lonely || thief) {
            let left = Left { session, remaining_ms, at_ms: shown_ms, started: false };
            self.left.insert(host, left);
        }
    }

    /// The first picture after a boot: whoever sits there now is to type a code.
    fn comes_up(&mut self, host: HostId, shown: Shown, scene: Scene<'_>) -> Held {
        let Some(before) = self.went_down.remove(&host) else {
            return Ok(());
        };
        self.judged += 1;
        match shown {
            Shown::Running { session, .. }
                if session == before && !scene.book.is_hostile(host, scene.cluster) =>
            {
                Err(Broken::on(host, format!("{session} goes on after a boot without its code")))
            }
            Shown::Running { .. }
            | Shown::Paused { .. }
            | Shown::Locked
            | Shown::OutOfService
            | Shown::Ended { .. } => Ok(()),
        }
    }

    /// The first picture of the next process: the session must be there, with what was left.
    fn goes_on(&mut self, host: HostId, shown: Shown, scene: Scene<'_>) -> Held {
        let Some(left) = self.left.get(&host).copied().filter(|left| left.started) else {
            return Ok(());
        };
        self.left.remove(&host);
        // What staff took since that picture was drawn is not the restart's. (Seed 301556 on a theme.)
        let ledger = &scene.book.ledger;
        let since = |entry| ledger.written(entry).is_some_and(|w| w.at_ms >= left.at_ms);
        let grants = ledger.sessions.get(&left.session).map_or(&[][..], |found| &found.grants);
        let taken = grants.iter().filter(|grant| grant.ms < 0 && since(&grant.entry));
        let taken_ms: u64 = taken.map(|grant| grant.ms.unsigned_abs()).sum();
        let passed_ms = scene.at_ms.saturating_sub(left.at_ms);
        let due = left.remaining_ms.saturating_sub(passed_ms).saturating_sub(taken_ms);
        // What was used at the same time on another kiosk is told late, and is no cost of the restart's.
        // (World 241596 on a theme.)
        let ran = self.ran.get(&left.session).into_iter().flatten();
        let mut others = ran.filter(|(at, _)| **at != host);
        let elsewhere = others.any(|(_, ran_ms)| *ran_ms + LATE_MS >= left.at_ms);
        if due <= CHARGE_MS + LATE_MS || elsewhere {
            return Ok(());
        }
        self.judged += 1;
        match shown {
            Shown::Running { session, remaining_ms } if session == left.session => {
                let cost = due.saturating_sub(remaining_ms);
                if cost <= CHARGE_MS + LATE_MS {
                    return Ok(());
                }
                let what = format!("a new process took {cost} ms from {session}");
                Err(Broken::on(host, what))
            }
            Shown::Running { .. }
            | Shown::Paused { .. }
            | Shown::Locked
            | Shown::OutOfService
            | Shown::Ended { .. } => {
                let session = left.session;
                let what = format!("{session} did not go on in a new process of the same boot");
                Err(Broken::on(host, what))
            }
        }
    }
}

impl FairRestart {
    /// Only the machine that lets a session run can say that a boot has ended it. Another one with its disk
    /// leaves it alone, but for one that has been linked for long and has heard nothing of the first.
    fn ended_by_a_boot(&mut self, writer: HostId, entry: &EntryId, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, at_ms } = scene;
        let fact = book.ledger.written(entry).and_then(|written| written.fact.as_ref());
        let Some(Fact::SessionClosed(closed)) = fact.filter(|_| !book.is_hostile(writer, cluster))
        else {
            return Ok(());
        };
        let since_ms = at_ms.saturating_sub(LISTENS_MS);
        let unheard_ms = at_ms.saturating_sub(UNHEARD_MS);
        let listened = book.hosts.machine(writer).is_some_and(|machine| {
            let alone = machine.alone_since.is_some() || !machine.linked_once;
            !alone && machine.running_since.is_some_and(|since| since <= since_ms)
        });
        let deaf = listened && book.hosts.unrest_since(unheard_ms);
        let ended = closed.replaces.iter().filter_map(|step| book.hosts.of(&step.epoch));
        let ended = ended.filter(|birth| birth.host != writer && closed.cause == Cause::Reboot);
        for birth in ended {
            let runs = book.usage.running_on(&closed.session).any(|host| host == birth.host);
            if !runs || deaf || book.is_hostile(birth.host, cluster) {
                continue;
            }
            self.judged += 1;
            let (session, runner) = (closed.session, cluster.name(birth.host));
            let what =
                format!("{session} runs on {runner}, and another machine ended it as after a boot");
            return Err(Broken::on(writer, what));
        }
        Ok(())
    }
}

fn count<T>(of: impl Iterator<Item = T>) -> u64 {
    of.fold(0, |count, _| count + 1)
}

impl Invariant for FairRestart {
    fn number(&self) -> u8 {
        5
    }

    fn name(&self) -> &'static str {
        "fair_restart"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Une panne ne vole pas de minutes à l’usager, et rallumer sans cesse le poste n’en fait pas gagner.",
            "A crash steals no minutes from the patron, and switching the kiosk off and on wins none.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events restart nothing")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        match event {
            Event::Stopped { host, how } => self.stopped(*host, *how, scene),
            Event::Started { host, new_boot, .. } => {
                if *new_boot {
                    self.left.remove(host);
                } else if let Some(left) = self.left.get_mut(host) {
                    left.started = true;
                }
            }
            Event::Typed { host, .. } => {
                self.went_down.remove(host);
            }
            Event::Wrote { host, entries } => {
                for entry in entries {
                    self.ended_by_a_boot(*host, entry, scene)?;
                }
            }
            Event::Shows { host, shown, .. } => {
                if let Shown::Running { session, .. } = shown {
                    self.ran.entry(*session).or_default().insert(*host, scene.at_ms);
                }
                self.comes_up(*host, *shown, scene)?;
                return self.goes_on(*host, *shown, scene);
            }
            _ => {}
        }
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        let Some((_, node)) = book.honest(cluster).next() else {
            return Ok(());
        };
        for session in book.usage.sessions() {
            let Some(measured) = Knowledge::new(scene, node, *session).measured() else {
                continue;
            };
            self.judged += 1;
            let (mut ran, mut edges) = (0, 0);
            for (host, _, stint) in book.usage.stints(session) {
                // What a node lets run that does not belong any more is nobody's to count.
                let uncounted = book.hosts.had(host, Trouble::Revoked);
                ran += if uncounted { 0 } else { stint.sure_ms };
                edges += u64::from(stint.edges);
            }
            // A timer may end a session a little late, and the patron is not charged for that.
            let steps = book.ledger.sessions.get(session).map_or(&[][..], |found| &found.steps);
            let expired = steps.iter().filter(|s| s.kind == StepKind::Closed(Cause::Expired));
            // What runs now is read every C, and told with the next round.
            let now = book.usage.running_on(session);
            let seen_late =
                LATE_MS * (1 + count(expired)) + EDGE_MS * edges + 2 * CHARGE_MS * count(now);
            let given = ran.saturating_sub(measured.total_ms());
            let given = given.saturating_sub(book.usage.excused_ms(session) + seen_late);
            self.worst_ms = self.worst_ms.max(given);
            if given > FORGIVEN_MS {
                let what = format!(
                    "{session} ran {ran} ms, of which {} ms are counted: {given} ms given",
                    measured.total_ms()
                );
                return Err(Broken::anywhere(what));
            }
        }
        Ok(())
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
    use domain::fact::SessionClosed;

    use super::*;
    use crate::fault::{Fault, Hosts, Shape};
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_KIOSK, Stage, kiosk_of};

    /// A session that a patron reboots so many times after 13 s, of which readings tell 10 s.
    fn rebooted(times: u64, ahead_ms: u32) -> Stage<FairRestart> {
        let mut stage = Stage::with(FairRestart::default());
        stage.link(ADMIN, KIOSK);
        let session = stage.opened(ADMIN, KIOSK, 3_600);
        for _ in 0..times {
            stage.runs(KIOSK, session, 13_000);
            stage.reads(KIOSK, session, 10_000, ahead_ms);
            stage.stop(KIOSK, Stop::PowerLost);
            stage.pass(30_000);
            stage.start(KIOSK, true);
            stage.see(Event::Typed { host: KIOSK, session, why_not: None });
        }
        stage.spread();
        stage.heal();
        stage
    }

    #[test]
    fn reboots_that_are_charged_win_nothing() {
        let stage = rebooted(20, 5_000);
        assert_eq!(stage.broken(), None);
        assert!(stage.judged() > 0);
    }

    #[test]
    fn reboots_that_are_forgiven_for_ever_do() {
        let stage = rebooted(20, 0);
        assert_eq!(stage.broken(), Some(None));
    }

    #[test]
    fn a_copy_that_ends_what_runs_on_the_first_machine_is_seen() {
        for still_runs in [true, false] {
            let (mut stage, session) = Stage::running(FairRestart::default());
            if !still_runs {
                stage.shows(KIOSK, Shown::Locked);
            }
            let kiosk = kiosk_of(KIOSK).unwrap();
            let replaces = vec![stage.last_of(KIOSK)];
            let cause = Cause::Reboot;
            stage.write(OTHER_KIOSK, SessionClosed { session, kiosk, cause, replaces });
            assert_eq!(stage.broken(), still_runs.then_some(Some(OTHER_KIOSK)));
        }
    }

    #[test]
    fn a_copy_that_has_heard_nothing_of_the_first_machine_for_a_minute_may_take_it_for_gone() {
        for listened_ms in [50_000, 61_000] {
            let (mut stage, session) = Stage::running(FairRestart::default());
            stage.start(OTHER_KIOSK, true);
            stage.link(ADMIN, OTHER_KIOSK);
            let hosts = Hosts(String::from("poste-1"));
            stage.begin(Fault::Cut { hosts, shape: Shape::Deaf }, &[KIOSK]);
            stage.runs(KIOSK, session, listened_ms);
            let kiosk = kiosk_of(KIOSK).unwrap();
            let replaces = vec![stage.last_of(KIOSK)];
            let cause = Cause::Reboot;
            stage.write(OTHER_KIOSK, SessionClosed { session, kiosk, cause, replaces });
            let broken = (listened_ms < 60_000).then_some(Some(OTHER_KIOSK));
            assert_eq!(stage.broken(), broken);
        }
    }

    #[test]
    fn a_session_that_goes_on_after_a_reboot_is_seen() {
        for typed in [false, true] {
            let (mut stage, session) = Stage::running(FairRestart::default());
            stage.stop(KIOSK, Stop::PowerLost);
            stage.start(KIOSK, true);
            if typed {
                stage.see(Event::Typed { host: KIOSK, session, why_not: None });
            }
            stage.runs(KIOSK, session, 1_000);
            assert_eq!(stage.broken(), (!typed).then_some(Some(KIOSK)));
        }
    }

    #[test]
    fn a_session_goes_on_in_a_new_process() {
        let (mut stage, session) = Stage::running(FairRestart::default());
        stage.stop(KIOSK, Stop::Killed);
        stage.pass(3_000);
        stage.start(KIOSK, false);
        stage.runs(KIOSK, session, 1_000);
        assert_eq!((stage.broken(), stage.judged()), (None, 1));
    }

    #[test]
    fn a_new_process_that_locks_the_patron_out_is_seen() {
        let (mut stage, _) = Stage::running(FairRestart::default());
        stage.stop(KIOSK, Stop::Killed);
        stage.start(KIOSK, false);
        stage.shows(KIOSK, Shown::Locked);
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    /// A minute that staff take, before the process dies or while none runs.
    #[test]
    fn a_minute_that_staff_take_meanwhile_is_not_the_restarts() {
        for meanwhile in [true, false] {
            let mut stage = Stage::with(FairRestart::default());
            stage.link(ADMIN, KIOSK);
            let session = stage.opened(ADMIN, KIOSK, 600);
            if !meanwhile {
                stage.extend(ADMIN, session, -60);
            }
            stage.runs(KIOSK, session, 20_000);
            stage.stop(KIOSK, Stop::Killed);
            if meanwhile {
                stage.extend(ADMIN, session, -60);
            }
            stage.start(KIOSK, false);
            stage.shows(KIOSK, Shown::Running { session, remaining_ms: 520_000 });
            assert_eq!(stage.broken(), (!meanwhile).then_some(Some(KIOSK)));
        }
    }

    /// A kiosk that is alone ends a session; the process that knew of it ends before anybody is told.
    #[test]
    fn what_a_full_disk_kept_no_word_of_cannot_be_counted() {
        for full in [true, false] {
            let (mut stage, session) = Stage::running(FairRestart::default());
            stage.reads(KIOSK, session, 20_000, 5_000);
            if full {
                stage.begin(Fault::DiskFull { hosts: Hosts(String::from("poste-1")) }, &[KIOSK]);
            }
            stage.unlink(ADMIN, KIOSK);
            stage.runs(KIOSK, session, 60_000);
            stage.shows(KIOSK, Shown::Ended { session, cause: Cause::Isolated });
            stage.stop(KIOSK, Stop::Killed);
            stage.start(KIOSK, false);
            stage.spread();
            stage.heal();
            assert_eq!(stage.broken(), (!full).then_some(None));
        }
    }

    /// An amnesic kiosk that sees but one other loses power, and then the other its disk: what the two
    /// knew is gone, unless the other met somebody before.
    #[test]
    fn what_all_who_were_told_have_lost_cannot_be_counted() {
        for met in [false, true] {
            let mut stage = Stage::with(FairRestart::default());
            stage.nodes.at_mut(KIOSK).amnesic = true;
            stage.start(KIOSK, true);
            stage.link(KIOSK, OTHER_KIOSK);
            let session = stage.opened(ADMIN, KIOSK, 600);
            stage.runs(KIOSK, session, 60_000);
            stage.stop(KIOSK, Stop::PowerLost);
            if met {
                stage.link(OTHER_KIOSK, ADMIN);
            }
            stage.stop(OTHER_KIOSK, Stop::PowerLost);
            stage.see(Event::Rebuilt { host: OTHER_KIOSK });
            stage.start(OTHER_KIOSK, true);
            stage.spread();
            stage.heal();
            assert_eq!((stage.broken(), stage.judged() > 0), (met.then_some(None), true));
        }
    }

    #[test]
    fn a_new_process_that_takes_a_minute_is_seen_unless_it_was_used_elsewhere() {
        for elsewhere in [false, true] {
            let (mut stage, session) = Stage::running(FairRestart::default());
            if elsewhere {
                stage.shows(OTHER_KIOSK, Shown::Running { session, remaining_ms: 580_000 });
                stage.shows(OTHER_KIOSK, Shown::Locked);
            }
            stage.stop(KIOSK, Stop::Killed);
            stage.start(KIOSK, false);
            stage.shows(KIOSK, Shown::Running { session, remaining_ms: 520_000 });
            assert_eq!(stage.broken(), (!elsewhere).then_some(Some(KIOSK)));
        }
    }
}
