//! A kiosk's duty: count the time of the session that runs here, obey orders, end it in time, read
//! typed codes.
//!
//! Time is `CLOCK_BOOTTIME` and nothing else. Within one boot a restarted process goes on with the
//! session unseen; after a reboot the code is typed again. Both are said of one machine: what runs on
//! another, from a copy of this disk, is left alone.

mod run;
mod standing;
mod typed;
mod view;

use std::collections::BTreeMap;

use domain::authority::NodeKind;
use domain::fact::Cause;
use domain::id::{EntryId, KioskId, SessionId};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use domain::session::{OrderKind, READING_MS, State};
use domain::settings::{ALONE_AFTER_MS, IsolationPolicy};
use domain::site::Site;
use storage::ledger_store::LedgerStore;
use storage::operation::{Op, Table};

use super::{Output, Replica};
use crate::vault::text::{SealedText, Texts};
use run::{ALONE_KEY, Run};

pub use view::View;

/// Wrong codes before a kiosk makes people wait.
const FREE_TRIES: u32 = 5;
/// Longest wait after wrong codes, in milliseconds.
const LONGEST_WAIT_MS: u64 = 120_000;

/// How the last session here ended, while its patron may still be looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub session: SessionId,
    /// Why.
    pub cause: Cause,
    /// Until when that is shown (boot time).
    pub until_boot_ms: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Duty {
    kiosk: KioskId,
    run: Option<Run>,
    /// The run that ended last: the process before may yet be heard of.
    over: Option<Run>,
    ended: Option<Ended>,
    wrong: u32,
    blocked_until: u64,
    last_link: u64,
    /// Whether this process has had a link yet: until then the kiosk counts as alone.
    linked_once: bool,
    /// Whether faces were told that the kiosk is alone.
    told_alone: bool,
    alone_used: BTreeMap<SessionId, u64>,
    /// Steps by which sessions run on another machine of this kiosk, and since when that is known (boot
    /// time).
    elsewhere: BTreeMap<EntryId, u64>,
    texts: Texts,
}

impl Duty {
    pub(in crate::replica) fn new(kiosk: KioskId) -> Self {
        Duty {
            kiosk,
            run: None,
            over: None,
            ended: None,
            wrong: 0,
            blocked_until: 0,
            last_link: 0,
            linked_once: false,
            told_alone: false,
            alone_used: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            texts: Texts::default(),
        }
    }

    pub(in crate::replica) fn take_text(
        &mut self,
        from: NodeKind,
        text: SealedText,
        now: Moment,
    ) -> bool {
        self.texts.take(from, text, now).is_ok()
    }

    pub(in crate::replica) fn held_elsewhere(&mut self, session: SessionId, n: u32) {
        let Some(run) = self.run.as_mut().filter(|run| run.session == session) else {
            return;
        };
        while let Some((reading, used)) = run.unsafe_readings.front().copied() {
            if reading > n {
                break;
            }
            run.safe_ms = run.safe_ms.max(used);
            // Whoever has this one has what it continues, or will with the next round.
            run.unsafe_before_ms = 0;
            run.unsafe_readings.pop_front();
        }
    }

    pub(in crate::replica) fn wrong_code(&mut self, now: Moment) {
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong >= FREE_TRIES {
            let doublings = (self.wrong - FREE_TRIES).min(16);
            let wait = (2_000u64 << doublings).min(LONGEST_WAIT_MS);
            self.blocked_until = now.boot_ms + wait;
        }
    }
}

/// What this moment asks of the running session.
enum Verdict {
    GoOn,
    End(Cause),
    Pause,
    /// It pauses already: a process before this one wrote so, of which the disk took nothing.
    Rest,
    Displaced,
}

impl<S: LedgerStore + Clone> Replica<S> {
    /// Whether the kiosk has had no link for 30 s: its patron is told, and the site's policy holds
    /// for the session that runs.
    pub(in crate::replica) fn is_isolated(&self, now: Moment) -> bool {
        let last_link = self.duty.as_ref().map_or(0, |duty| duty.last_link);
        self.peers.is_empty()
            && now.since(last_link) >= ALONE_AFTER_MS
            && !planted::is(Bug::AloneUnnoticed)
    }

    /// Whether what opens now opens alone: a process that has had no link yet does not wait 30 s to
    /// find out, or pressing the power button would give more time than the site allows.
    pub(in crate::replica) fn is_alone(&self, now: Moment) -> bool {
        let last_link = self.duty.as_ref().map_or(0, |duty| duty.last_link);
        let linked_once = self.duty.as_ref().is_some_and(|duty| duty.linked_once);
        self.peers.is_empty()
            && (!linked_once || now.since(last_link) >= ALONE_AFTER_MS)
            && !planted::is(Bug::AloneUnnoticed)
    }

    /// Everything that this moment asks of a kiosk.
    pub(in crate::replica) fn do_duty(&mut self, now: Moment) {
        let linked = !self.peers.is_empty();
        let Some(duty) = &mut self.duty else { return };
        if linked {
            duty.last_link = now.boot_ms;
            duty.linked_once = true;
            if let Some(run) = &mut duty.run {
                run.alone_from_ms = None;
            }
            if !duty.alone_used.is_empty() {
                duty.alone_used.clear();
                let key = ALONE_KEY.to_vec();
                if let Err(error) = self.stage(vec![Op::Remove { table: Table::Local, key }], now) {
                    tracing::debug!(%error, "use while alone not cleared");
                }
            }
        }
        let alone = self.is_isolated(now);
        if let Some(duty) = &mut self.duty {
            if std::mem::replace(&mut duty.told_alone, alone) != alone {
                self.out.push(Output::Changed { by_fact: true });
            }
            duty.texts.expire(now);
            if duty.ended.is_some_and(|ended| ended.until_boot_ms <= now.boot_ms) {
                duty.ended = None;
                self.out.push(Output::Changed { by_fact: true });
            }
        }
        self.tend_run(now);
        self.tend_what_stands(now);
    }

    pub(in crate::replica) fn tend_run(&mut self, now: Moment) {
        let Some(run) = self.duty.as_ref().and_then(|duty| duty.run.clone()) else {
            return;
        };
        if !self.counts() {
            // Revoked, or not a member any more: what is written changes nothing. The time that was
            // used within the cut counts; the session ends here.
            self.measure_run(0, now);
            self.drop_run(now);
            return;
        }
        match self.verdict(&run, now) {
            Verdict::End(cause) => self.end_run(cause, now),
            Verdict::Pause => {
                if planted::is(Bug::PauseCountsTwice)
                    && let Some(run) = self.duty.as_mut().and_then(|duty| duty.run.as_mut())
                {
                    run.base_ms = run.used_ms(now);
                }
                self.end_run_by(Site::paused, now);
            }
            Verdict::Rest => {
                self.measure_run(0, now);
                self.drop_run(now);
                self.out.push(Output::Changed { by_fact: true });
            }
            Verdict::Displaced if planted::is(Bug::BothKeep) => self.read_if_due(&run, now),
            Verdict::Displaced => {
                let grace = u64::from(self.site.settings().grace_s) * 1000;
                if let Some(run) = self.duty.as_mut().and_then(|duty| duty.run.as_mut()) {
                    run.displaced_until = Some(now.boot_ms + grace);
                    self.out.push(Output::Changed { by_fact: true });
                }
                self.read_if_due(&run, now);
            }
            Verdict::GoOn => {
                let stays = self.site.session(&run.session).is_some_and(|session| {
                    let kiosk = self.duty.as_ref().map(|duty| duty.kiosk);
                    matches!(session.state(), Some(State::Open { kiosk: at, .. }) if Some(at) == kiosk)
                });
                if let Some(run) = self.duty.as_mut().and_then(|duty| duty.run.as_mut())
                    && stays
                {
                    run.displaced_until = None;
                }
                self.read_if_due(&run, now);
            }
        }
    }

    fn verdict(&self, run: &Run, now: Moment) -> Verdict {
        let Some(kiosk) = self.duty.as_ref().map(|duty| duty.kiosk) else {
            return Verdict::GoOn;
        };
        let Some(session) = self.site.session(&run.session) else {
            return Verdict::End(Cause::Staff); // its code lost all authority
        };
        if session.state() == Some(State::Withdrawn) && planted::is(Bug::WithdrawalSpares) {
            return Verdict::GoOn;
        }
        if session.close_ordered() && !planted::is(Bug::OrdersUnheard) {
            return Verdict::End(Cause::Staff);
        }
        match session.state() {
            Some(State::Open { kiosk: at, .. }) if at == kiosk => {}
            Some(State::Closed { cause: Cause::Staff, .. } | State::Withdrawn) => {
                return Verdict::End(Cause::Staff);
            }
            Some(State::Paused { kiosk: at, .. }) if at == kiosk => return Verdict::Rest,
            // Another machine that answers for this kiosk has ended it.
            Some(State::Closed { kiosk: at, cause })
                if at == kiosk && !session.stands_on(kiosk) =>
            {
                return Verdict::End(cause);
            }
            Some(
                State::Open { .. } | State::Paused { .. } | State::Closed { .. } | State::Issued,
            )
            | None => {
                return match run.displaced_until {
                    // Opened elsewhere by somebody who knew of this kiosk, or never to have been: the
                    // page shows no session any more, and nobody pays for that.
                    _ if !session.stands_on(kiosk) => Verdict::End(Cause::Displaced),
                    None => Verdict::Displaced,
                    Some(until) if until <= now.boot_ms => Verdict::End(Cause::Displaced),
                    Some(_) if self.site.remaining_ms(session, now).0 == 0 => {
                        Verdict::End(Cause::Displaced)
                    }
                    Some(_) => Verdict::GoOn,
                };
            }
        }
        match session.pending_order().filter(|_| !planted::is(Bug::OrdersUnheard)) {
            Some(OrderKind::Close { keep_rest: true }) => return Verdict::End(Cause::Freed),
            Some(OrderKind::Close { keep_rest: false }) => return Verdict::End(Cause::Staff),
            Some(OrderKind::Pause) => return Verdict::Pause,
            Some(OrderKind::Resume) | None => {}
        }
        if self.site.remaining_ms(session, now).0 == 0 && !planted::is(Bug::NeverExpires) {
            return Verdict::End(Cause::Expired);
        }
        let settings = self.site.settings();
        let allowance = u64::from(settings.allowance_s) * 1000;
        if self.is_isolated(now)
            && settings.isolation == IsolationPolicy::Lock
            && !planted::is(Bug::PolicyIgnored)
        {
            return Verdict::End(Cause::Isolated);
        }
        if let Some(from) = run.alone_from_ms {
            let before = self.duty.as_ref().and_then(|d| d.alone_used.get(&run.session));
            let used = before.copied().unwrap_or(0) + run.used_ms(now).saturating_sub(from);
            if used >= allowance && !planted::is(Bug::AllowanceIgnored) {
                return Verdict::End(Cause::Isolated);
            }
        }
        if self.me.amnesic && run.unsafe_ms(now) > allowance && !planted::is(Bug::AmnesicUnsafe) {
            return Verdict::End(Cause::Isolated);
        }
        Verdict::GoOn
    }

    /// The patron leaves: the exact time first, so that the closing is not charged ahead.
    pub(in crate::replica) fn patron_leaves(&mut self, session: SessionId, now: Moment) {
        let runs = self.duty.as_ref().and_then(|duty| duty.run.as_ref());
        if runs.is_some_and(|run| run.session == session) {
            self.measure_run(0, now);
            self.drop_run(now);
        }
        if let Some(duty) = &mut self.duty {
            let grace = u64::from(self.site.settings().grace_s) * 1000;
            let until_boot_ms = now.boot_ms + grace.min(10_000);
            duty.ended = Some(Ended { session, cause: Cause::Left, until_boot_ms });
        }
    }

    pub(in crate::replica) fn write_closed(
        &mut self,
        session: SessionId,
        cause: Cause,
        now: Moment,
    ) {
        let Some(kiosk) = self.duty.as_ref().map(|duty| duty.kiosk) else {
            return;
        };
        let fact = self.site.closed(kiosk, session, cause);
        if let Err(error) = self.append(vec![fact], now) {
            tracing::warn!(%error, %session, "outcome not written");
        }
    }

    pub(in crate::replica) fn duty_wake(&self, now: Moment) -> Option<u64> {
        let duty = self.duty.as_ref()?;
        let ended = duty.ended.map(|ended| ended.until_boot_ms);
        let alone = self.peers.is_empty().then_some(duty.last_link + ALONE_AFTER_MS);
        let alone = alone.filter(|at| *at > now.boot_ms);
        let run = duty.run.as_ref().map(|run| {
            let left = self
                .site
                .session(&run.session)
                .map_or(0, |session| self.site.remaining_ms(session, now).0);
            let allowance = u64::from(self.site.settings().allowance_s) * 1000;
            let alone_end = run.alone_from_ms.map(|from| {
                let before = duty.alone_used.get(&run.session).copied().unwrap_or(0);
                let used = before + run.used_ms(now).saturating_sub(from);
                now.boot_ms + allowance.saturating_sub(used)
            });
            let next = (now.boot_ms + left).min(run.read_boot_ms + READING_MS);
            let next = next.min(run.displaced_until.unwrap_or(u64::MAX));
            next.min(alone_end.unwrap_or(u64::MAX))
        });
        [ended, alone, run, duty.texts.next_end()].into_iter().flatten().min()
    }

    /// The session whose time this kiosk counts now.
    pub fn running(&self) -> Option<SessionId> {
        self.duty.as_ref().and_then(|duty| duty.run.as_ref()).map(|run| run.session)
    }
}
