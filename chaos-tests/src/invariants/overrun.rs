//! Invariant 3: no kiosk runs past what it could know to be left, nor, alone, past the allowance.
//!
//! A process that stands still cannot end anything: only the time counts in which it drew its page.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::{EpochId, SessionId};
use domain::settings::{ALONE_AFTER_MS, IsolationPolicy};

use super::{LATE_MS, NOTICE_MS};
use crate::book::hosts::{Machine, Trouble};
use crate::book::knowledge::{CHARGE_MS, Knowledge};
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId, Shown};
use crate::scenario::{Hold, Words};

/// Overrun that is no breach where a scenario says nothing else, in milliseconds.
const OVERRUN_MS: u64 = 2_000;
/// A page that was not drawn for longer than this: the process stood still.
const STILL_MS: u64 = 1_500;
/// With more than this left, as the page says, the figures are looked at only now and then.
const NEAR_END_MS: u64 = 10_000;
/// How often then.
const NOW_AND_THEN_MS: u64 = 5_000;

/// What a kiosk has been seen to do.
#[derive(Debug, Clone, Copy)]
struct Run {
    session: SessionId,
    drawn_ms: u64,
    looked_ms: u64,
    /// Since when nothing is left by what the kiosk could know, not counting stillness.
    past_since: Option<u64>,
    /// Whether it opened while the kiosk was alone beyond doubt.
    opened_alone: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Overrun {
    most_ms: u64,
    worst_ms: u64,
    judged: u64,
    runs: BTreeMap<HostId, Run>,
    /// Sessions that ran while others could be seen: alone, they go on by the policy for what runs,
    /// after a restart of the process in the same boot too. (Seed 78 on a theme: killed while alone.)
    with_others: BTreeSet<(HostId, SessionId)>,
    /// Use of sessions that were opened alone, by kiosk, across restarts, until it meets somebody.
    alone_ms: BTreeMap<(HostId, SessionId), u64>,
}

impl Overrun {
    pub(super) fn new(hold: &Hold) -> Self {
        let said = hold.overrun_s.map(|seconds| (seconds * 1000.0) as u64);
        Overrun {
            most_ms: said.unwrap_or(OVERRUN_MS),
            worst_ms: 0,
            judged: 0,
            runs: BTreeMap::new(),
            with_others: BTreeSet::new(),
            alone_ms: BTreeMap::new(),
        }
    }

    fn running(
        &mut self,
        host: HostId,
        session: SessionId,
        left_ms: u64,
        scene: Scene<'_>,
    ) -> Held {
        let at_ms = scene.at_ms;
        let machine = scene.book.hosts.machine(host);
        let known = self.runs.get(&host).copied().filter(|run| run.session == session);
        let alone = machine.is_some_and(|machine| is_alone(host, machine, scene));
        let mut run = known.unwrap_or(Run {
            session,
            drawn_ms: at_ms,
            looked_ms: 0,
            past_since: None,
            opened_alone: alone && !self.with_others.contains(&(host, session)),
        });
        let gap = at_ms.saturating_sub(run.drawn_ms);
        run.drawn_ms = at_ms;
        let still = gap > STILL_MS;
        let linked = machine.is_none_or(|machine| machine.alone_since.is_none());
        if linked || (known.is_none() && !alone) {
            self.with_others.insert((host, session));
        }
        if linked {
            run.opened_alone = false;
            self.alone_ms.retain(|(at, _), _| *at != host);
        } else if run.opened_alone {
            *self.alone_ms.entry((host, session)).or_default() += gap;
        }
        let due = left_ms < NEAR_END_MS || run.past_since.is_some() || still;
        let look = due || at_ms.saturating_sub(run.looked_ms) >= NOW_AND_THEN_MS;
        self.runs.insert(host, run);
        if !look {
            return Ok(());
        }
        run.looked_ms = at_ms;
        let held = self.past_what_is_left(host, &mut run, gap, still, scene);
        self.runs.insert(host, run);
        held.and_then(|()| self.past_the_allowance(host, &run, still, scene))
    }

    fn past_what_is_left(
        &mut self,
        host: HostId,
        run: &mut Run,
        gap: u64,
        still: bool,
        scene: Scene<'_>,
    ) -> Held {
        let Some(node) = scene.cluster.node(host) else {
            return Ok(());
        };
        let knowledge = Knowledge::new(scene, node, run.session);
        let (Some(granted), Some(used)) = (knowledge.granted_ms(), knowledge.used_here_ms()) else {
            run.past_since = None;
            return Ok(());
        };
        self.judged += 1;
        let over = used.exact_ms.saturating_sub(granted);
        if over == 0 {
            run.past_since = None;
            return Ok(());
        }
        // From when on the process could have ended it: since it last drew, if it did not stand still.
        let began = if still { scene.at_ms } else { scene.at_ms - over.min(gap) };
        let since = *run.past_since.get_or_insert(began);
        let past = scene.at_ms.saturating_sub(since).min(over);
        self.worst_ms = self.worst_ms.max(past);
        if past <= self.most_ms {
            return Ok(());
        }
        let what = format!(
            "{} runs {past} ms past what is left: granted {granted} ms, used {} ms",
            run.session, used.exact_ms
        );
        Err(Broken::on(host, what))
    }

    /// What opens alone opens by the site's policy.
    fn opened(&mut self, host: HostId, scene: Scene<'_>) -> Held {
        let (Some(machine), Some(node)) =
            (scene.book.hosts.machine(host), scene.cluster.node(host))
        else {
            return Ok(());
        };
        let policy = node.site().settings().isolation;
        let thief = scene.book.is_hostile(host, scene.cluster);
        if policy == IsolationPolicy::AcceptKnown || thief || !is_alone(host, machine, scene) {
            return Ok(());
        }
        Err(Broken::on(host, format!("opened a session alone, by a policy of {policy:?}")))
    }

    fn past_the_allowance(
        &mut self,
        host: HostId,
        run: &Run,
        still: bool,
        scene: Scene<'_>,
    ) -> Held {
        let (Some(machine), Some(node)) =
            (scene.book.hosts.machine(host), scene.cluster.node(host))
        else {
            return Ok(());
        };
        if still || scene.book.is_hostile(host, scene.cluster) {
            return Ok(());
        }
        let settings = node.site().settings();
        let allowance = u64::from(settings.allowance_s) * 1000;
        let alone = self.alone_ms.get(&(host, run.session)).copied().unwrap_or(0);
        if run.opened_alone && alone > allowance + self.most_ms + CHARGE_MS {
            let what = format!("{}, opened alone, ran for {alone} ms alone", run.session);
            return Err(Broken::on(host, what));
        }
        // What an amnesic kiosk told nobody is lost when it stops: it may not run on like that.
        let untold = scene.at_ms.saturating_sub(scene.book.hosts.contact_ms(host, scene.at_ms));
        let ran = scene.book.usage.on(&run.session, host, machine.boot).sure_ms;
        let most = allowance + self.most_ms + CHARGE_MS + LATE_MS;
        if machine.amnesic
            && let untold = untold.min(ran)
            && untold > most
            && let untold = untold.min(ran.saturating_sub(held_ms(host, machine, run, scene)))
            && untold > most
        {
            let what = format!("{} ran for {untold} ms that no lasting node holds", run.session);
            return Err(Broken::on(host, what));
        }
        let isolated = alone_for(host, machine, scene);
        if settings.isolation == IsolationPolicy::Lock
            && isolated.is_some_and(|since| since > ALONE_AFTER_MS + NOTICE_MS + self.most_ms)
        {
            let what = format!("{} runs though the site's policy is to lock", run.session);
            return Err(Broken::on(host, what));
        }
        Ok(())
    }
}

/// How much of what a session ran on a kiosk hosts that do not forget hold: others may have told them
/// where there was no link. (World 102986.)
fn held_ms(host: HostId, machine: &Machine, run: &Run, scene: Scene<'_>) -> u64 {
    let hosts = &scene.book.hosts;
    let of_this_boot = |epoch: &EpochId| {
        let birth = hosts.of(epoch);
        birth.is_some_and(|birth| (birth.host, birth.boot) == (host, machine.boot))
    };
    let lasts = |other: HostId| hosts.machine(other).is_some_and(|machine| !machine.amnesic);
    let lasting = scene.book.honest(scene.cluster).filter(|(other, _)| lasts(*other));
    let held = lasting.map(|(_, node)| {
        let site = node.site();
        let cells = site.session(&run.session).into_iter().flat_map(|session| session.cells());
        let cells = cells.filter(|cell| of_this_boot(&cell.reading.epoch));
        cells.map(|cell| cell.reading.used_ms).sum()
    });
    held.max().unwrap_or(0)
}

/// Whether a kiosk is alone beyond doubt: without any link for so long that it must know.
fn is_alone(host: HostId, machine: &Machine, scene: Scene<'_>) -> bool {
    let alone = alone_for(host, machine, scene);
    alone.is_some_and(|alone| !machine.linked_once || alone > ALONE_AFTER_MS + NOTICE_MS)
}

/// For how long a kiosk has had no link that it could notice: a process that stood still finds out that
/// its links are dead only once it goes on. (World 3028.)
fn alone_for(host: HostId, machine: &Machine, scene: Scene<'_>) -> Option<u64> {
    let stood = scene.book.hosts.last_had(host, Trouble::Process, scene.at_ms);
    let since = machine.alone_since?.max(stood.unwrap_or(0));
    Some(scene.at_ms.saturating_sub(since))
}

impl Invariant for Overrun {
    fn number(&self) -> u8 {
        3
    }

    fn name(&self) -> &'static str {
        "overrun"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Personne ne reste connecté au-delà de son temps, même sans réseau, après une veille ou un redémarrage : la file d’attente avance.",
            "Nobody stays on past their time, even without network, after a suspend or a restart: the queue moves on.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events draw no page")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        match event {
            Event::Shows { host, shown: Shown::Running { session, remaining_ms }, .. } => {
                self.running(*host, *session, *remaining_ms, scene)
            }
            Event::Typed { host, why_not: None, .. } => self.opened(*host, scene),
            Event::Stopped { host, .. } | Event::Started { host, new_boot: false, .. } => {
                self.runs.remove(host);
                Ok(())
            }
            // Whoever wants to go on now types the code again.
            Event::Shows { host, .. } | Event::Started { host, .. } => {
                self.runs.remove(host);
                self.with_others.retain(|(at, _)| at != host);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn healed(&mut self, _scene: Scene<'_>) -> Held {
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
    use domain::fact::SettingsChanged;
    use domain::settings::Settings;

    use super::*;
    use crate::event::Stop;
    use crate::fault::{Fault, Hosts};
    use crate::invariants::stage::{ADMIN, BY, KIOSK, OTHER_KIOSK, Stage};

    fn overrun() -> Overrun {
        Overrun::new(&Hold::default())
    }

    #[test]
    fn a_session_that_ends_with_its_time_is_in_time() {
        let mut stage = Stage::with(overrun());
        let session = stage.opened(ADMIN, KIOSK, 60);
        stage.runs(KIOSK, session, 61_500);
        assert_eq!(stage.broken(), None);
        assert!(stage.judged() > 0);
    }

    #[test]
    fn a_session_that_runs_on_is_not() {
        let mut stage = Stage::with(overrun());
        let session = stage.opened(ADMIN, KIOSK, 60);
        stage.runs(KIOSK, session, 63_500);
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn time_added_that_the_kiosk_holds_is_left() {
        let mut stage = Stage::with(overrun());
        let session = stage.opened(ADMIN, KIOSK, 60);
        let entry = stage.extend(ADMIN, session, 30);
        stage.tell(KIOSK, entry);
        stage.runs(KIOSK, session, 89_000);
        assert_eq!(stage.broken(), None);
    }

    #[test]
    fn time_taken_that_the_kiosk_does_not_know_of_is_left_to_it() {
        let mut stage = Stage::with(overrun());
        let session = stage.opened(ADMIN, KIOSK, 60);
        let entry = stage.extend(ADMIN, session, -50);
        stage.runs(KIOSK, session, 40_000);
        assert_eq!(stage.broken(), None);
        stage.tell(KIOSK, entry);
        stage.runs(KIOSK, session, 1_000);
        assert_eq!(stage.broken(), None);
        stage.runs(KIOSK, session, 3_000);
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn a_process_that_stood_still_ends_it_when_it_goes_on() {
        let mut stage = Stage::with(overrun());
        let session = stage.opened(ADMIN, KIOSK, 60);
        stage.runs(KIOSK, session, 30_000);
        stage.pass(90_000);
        stage.runs(KIOSK, session, 1_000);
        assert_eq!(stage.broken(), None);
        stage.runs(KIOSK, session, 3_000);
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn a_session_opened_alone_ends_with_the_allowance() {
        let mut stage = Stage::with(overrun());
        let session = stage.opened(ADMIN, KIOSK, 3 * 3600);
        stage.runs(KIOSK, session, 30 * 60_000);
        assert_eq!(stage.broken(), None);
        stage.runs(KIOSK, session, 10_000);
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn a_restart_alone_gives_no_new_allowance() {
        let mut stage = Stage::with(overrun());
        let session = stage.opened(ADMIN, KIOSK, 3 * 3600);
        stage.runs(KIOSK, session, 20 * 60_000);
        stage.stop(KIOSK, Stop::PowerLost);
        stage.start(KIOSK, true);
        stage.runs(KIOSK, session, 11 * 60_000);
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn a_process_that_ends_alone_makes_no_session_one_that_was_opened_alone() {
        let mut stage = Stage::with(overrun());
        let session = stage.opened(ADMIN, KIOSK, 3 * 3600);
        stage.link(ADMIN, KIOSK);
        stage.runs(KIOSK, session, 60_000);
        stage.unlink(ADMIN, KIOSK);
        stage.runs(KIOSK, session, 60_000);
        stage.stop(KIOSK, Stop::Killed);
        stage.start(KIOSK, false);
        stage.runs(KIOSK, session, 40 * 60_000);
        assert_eq!(stage.broken(), None);
    }

    #[test]
    fn a_process_that_stood_still_has_its_time_to_notice_that_it_is_alone() {
        let mut stage = Stage::with(overrun());
        let settings = Settings { isolation: IsolationPolicy::Lock, ..Settings::default() };
        stage.write(ADMIN, SettingsChanged { settings, replaces: Vec::new(), by: BY });
        stage.spread();
        stage.link(ADMIN, KIOSK);
        let session = stage.opened(ADMIN, KIOSK, 3 * 3600);
        stage.runs(KIOSK, session, 60_000);
        let pause = Fault::Pause { hosts: Hosts(String::from("poste-1")) };
        stage.begin(pause, &[KIOSK]);
        stage.unlink(ADMIN, KIOSK);
        stage.pass(300_000);
        stage.see(Event::FaultEnded { number: 1 });
        stage.runs(KIOSK, session, 45_000);
        assert_eq!(stage.broken(), None, "{}", stage.words());
        stage.runs(KIOSK, session, 10_000);
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn what_others_told_of_an_amnesic_kiosk_is_not_lost_with_it() {
        for told in [true, false] {
            let mut stage = Stage::with(overrun());
            for kiosk in [KIOSK, OTHER_KIOSK] {
                stage.nodes.at_mut(kiosk).amnesic = true;
                stage.start(kiosk, true);
            }
            let session = stage.opened(ADMIN, KIOSK, 3 * 3600);
            stage.link(KIOSK, OTHER_KIOSK);
            stage.runs(KIOSK, session, 20 * 60_000);
            stage.reads(KIOSK, session, 20 * 60_000, 5_000);
            if told {
                stage.spread();
            }
            stage.runs(KIOSK, session, 15 * 60_000);
            assert_eq!(stage.broken().is_none(), told, "{}", stage.words());
        }
    }

    #[test]
    fn a_link_ends_the_allowance() {
        let mut stage = Stage::with(overrun());
        let session = stage.opened(ADMIN, KIOSK, 3 * 3600);
        stage.link(ADMIN, KIOSK);
        stage.runs(KIOSK, session, 50 * 60_000);
        assert_eq!(stage.broken(), None);
    }
}
