//! A kiosk's duty: count the time of the session that runs here, obey orders, end it in time, read
//! typed codes.
//!
//! Time is `CLOCK_BOOTTIME` and nothing else. Within one boot a restarted process goes on with the
//! session unseen; after a reboot the code is typed again.

use std::collections::{BTreeMap, VecDeque};

use domain::authority::NodeKind;
use domain::codec;
use domain::command::{Asked, Command};
use domain::decide::Author as OnBehalf;
use domain::fact::{Cause, Fact, SessionPaused, SessionResumed, opening_bytes};
use domain::id::{CodeKey, EpochId, KioskId, RequestId, RowId, SessionId, Signature};
use domain::moment::Moment;
use domain::refusal::Refusal;
use domain::screen::Screen;
use domain::session::{OrderKind, READING_MS, Reading, State};
use domain::settings::{ALONE_AFTER_MS, IsolationPolicy};
use ed25519_dalek::{Signer, SigningKey};
use serde::{Deserialize, Serialize};
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::operation::{Op, Table};

use super::{AskId, Failure, Notice, Output, Replica};
use crate::vault::text::{SealedText, Texts};

/// Wrong codes before a kiosk makes people wait.
const FREE_TRIES: u32 = 5;
/// Longest wait after wrong codes, in milliseconds.
const LONGEST_WAIT_MS: u64 = 120_000;
/// A session that ends this little after its time ended in time: timers are not exact.
const TIMER_SLACK_MS: u64 = 2_000;
/// Readings that may wait for another node's word.
const MOST_UNSAFE: usize = 64;

/// Where the running session is noted, for a restart within the same boot.
const RUN_KEY: &[u8] = b"run";
/// Where the time used while alone is noted.
const ALONE_KEY: &[u8] = b"alone";

/// The running session as noted on the disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RunNote {
    boot_id: [u8; 16],
    session: SessionId,
    opening: u32,
    epoch: EpochId,
    n: u32,
    at_boot_ms: u64,
}

/// The session that runs on this kiosk, as this process counts it.
#[derive(Debug, Clone)]
struct Run {
    session: SessionId,
    opening: u32,
    /// Readings written in this epoch.
    n: u32,
    /// Milliseconds counted in this epoch before `from_boot_ms`.
    base_ms: u64,
    from_boot_ms: u64,
    read_boot_ms: u64,
    continues: Option<(EpochId, u32)>,
    /// Where it was opened while this kiosk was alone: milliseconds of this run at that time.
    alone_from_ms: Option<u64>,
    /// Another kiosk keeps the session; this one ends then (boot time).
    displaced_until: Option<u64>,
    /// Milliseconds of this run that another node is known to hold.
    safe_ms: u64,
    unsafe_readings: VecDeque<(u32, u64)>,
}

impl Run {
    fn used_ms(&self, now: Moment) -> u64 {
        self.base_ms.saturating_add(now.since(self.from_boot_ms))
    }
}

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

/// What a kiosk's page shows, the machine's own part included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// What the site's state says.
    pub screen: Screen,
    /// Whether the kiosk has had no link for 30 s.
    pub alone: bool,
    /// The end of the last session, while it is shown, and milliseconds left of that.
    pub ended: Option<(Cause, u64)>,
    /// Milliseconds until this session ends because another kiosk keeps it.
    pub displaced_in_ms: Option<u64>,
    /// Milliseconds until the next code is looked at.
    pub wait_ms: u64,
    /// Texts of the messages that were not read.
    pub texts: Vec<(RowId, String)>,
}

/// See the module.
#[derive(Debug)]
pub struct Duty {
    kiosk: KioskId,
    run: Option<Run>,
    ended: Option<Ended>,
    wrong: u32,
    blocked_until: u64,
    last_link: u64,
    alone_used: BTreeMap<SessionId, u64>,
    texts: Texts,
}

impl Duty {
    pub(super) fn new(kiosk: KioskId) -> Self {
        Duty {
            kiosk,
            run: None,
            ended: None,
            wrong: 0,
            blocked_until: 0,
            last_link: 0,
            alone_used: BTreeMap::new(),
            texts: Texts::default(),
        }
    }

    pub(super) fn take_text(&mut self, from: NodeKind, text: SealedText, now: Moment) -> bool {
        self.texts.take(from, text, now).is_ok()
    }

    pub(super) fn held_elsewhere(&mut self, session: SessionId, n: u32) {
        let Some(run) = self.run.as_mut().filter(|run| run.session == session) else {
            return;
        };
        while let Some((reading, used)) = run.unsafe_readings.front().copied() {
            if reading > n {
                break;
            }
            run.safe_ms = run.safe_ms.max(used);
            run.unsafe_readings.pop_front();
        }
    }

    fn wrong_code(&mut self, now: Moment) {
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
    Displaced,
}

impl<S: LedgerStore + Clone> Replica<S> {
    /// Goes on with the session that ran before this process was restarted, if the machine has not
    /// been restarted with it.
    pub(super) fn resume_duty(&mut self, now: Moment) -> Result<(), StoreError> {
        let Some(kiosk) = self.duty.as_ref().map(|duty| duty.kiosk) else {
            return Ok(());
        };
        let alone_used = self.load_alone_used()?;
        if let Some(duty) = &mut self.duty {
            duty.last_link = now.boot_ms;
            duty.alone_used = alone_used;
        }
        let Some(bytes) = self.store.get(Table::Local, RUN_KEY)? else {
            return Ok(());
        };
        let Ok(note) = codec::decode::<RunNote>(&bytes) else {
            return Ok(());
        };
        let same_boot = note.boot_id == self.me.boot_id && note.at_boot_ms <= now.boot_ms;
        let stands = self
            .site
            .session(&note.session)
            .is_some_and(|s| s.stands_on(kiosk));
        let paused = matches!(
            self.site.session(&note.session).and_then(domain::session::Session::state),
            Some(State::Paused { kiosk: at, .. }) if at == kiosk
        );
        if same_boot && stands && !paused {
            let run = Run {
                session: note.session,
                opening: note.opening,
                n: 0,
                base_ms: 0,
                from_boot_ms: note.at_boot_ms,
                read_boot_ms: note.at_boot_ms,
                continues: Some((note.epoch, note.n)),
                alone_from_ms: None,
                displaced_until: None,
                safe_ms: 0,
                unsafe_readings: VecDeque::new(),
            };
            if let Some(duty) = &mut self.duty {
                duty.run = Some(run);
            }
            self.measure_run(READING_MS, now);
        }
        Ok(())
    }

    fn load_alone_used(&self) -> Result<BTreeMap<SessionId, u64>, StoreError> {
        match self.store.get(Table::Local, ALONE_KEY)? {
            Some(bytes) => Ok(codec::decode(&bytes).unwrap_or_default()),
            None => Ok(BTreeMap::new()),
        }
    }

    /// A patron typed a code. The answer does not wait for the disk: unlocking is no
    /// acknowledgement.
    pub(super) fn typed(&mut self, ask: AskId, key: Option<&SigningKey>, now: Moment) {
        let outcome = self.open_typed(key, now);
        if let Some(duty) = &mut self.duty {
            match &outcome {
                Ok(_) => duty.wrong = 0,
                Err(Failure::Refused(Refusal::UnknownCode)) => duty.wrong_code(now),
                Err(_) => {}
            }
        }
        self.reply(ask, outcome);
        self.out.push(Output::Changed { by_fact: true });
    }

    fn open_typed(
        &mut self,
        key: Option<&SigningKey>,
        now: Moment,
    ) -> Result<super::Done, Failure> {
        let Some(duty) = &self.duty else {
            return Err(Refusal::Authority.into());
        };
        let kiosk = duty.kiosk;
        if duty.blocked_until > now.boot_ms {
            let seconds = (duty.blocked_until - now.boot_ms).div_ceil(1000);
            let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
            return Err(Refusal::Throttled { seconds }.into());
        }
        let key = key.ok_or(Refusal::UnknownCode)?;
        let public = CodeKey(key.verifying_key().to_bytes());
        let session = self
            .site
            .session_by_code(&public)
            .ok_or(Refusal::UnknownCode)?;
        let alone = self.is_alone(now);
        let allowance = u64::from(self.site.settings().allowance_s) * 1000;
        let used_alone = duty.alone_used.get(&session).copied().unwrap_or(0);
        if alone && used_alone >= allowance {
            return Err(Refusal::Isolated.into());
        }
        let found = self.site.session(&session).ok_or(Refusal::UnknownCode)?;
        let opening = found.next_opening();
        let node = self.me.node();
        let bytes = opening_bytes(&self.me.site, &session, &kiosk, &node, opening);
        let proof = Signature(key.sign(&bytes).to_bytes());
        let command = Command::Open {
            session,
            opening,
            proof,
            alone,
        };
        let asked = Asked {
            request: RequestId([0; 16]),
            command,
        };
        let done = self.carry_out(OnBehalf::Kiosk { kiosk, node }, &asked, now)?;
        self.begin_run(session, opening, alone, now);
        Ok(done)
    }

    fn begin_run(&mut self, session: SessionId, opening: u32, alone: bool, now: Moment) {
        let epoch = self.author.epoch();
        let before = self
            .site
            .session(&session)
            .and_then(|found| found.cell(&epoch));
        let (n, base_ms) = before.map_or((0, 0), |cell| (cell.reading.n, cell.reading.used_ms));
        let continues = before.and_then(|cell| cell.reading.continues);
        if let Some(duty) = &mut self.duty {
            duty.ended = None;
            duty.run = Some(Run {
                session,
                opening,
                n,
                base_ms,
                from_boot_ms: now.boot_ms,
                read_boot_ms: now.boot_ms,
                continues,
                alone_from_ms: alone.then_some(base_ms),
                displaced_until: None,
                safe_ms: base_ms,
                unsafe_readings: VecDeque::new(),
            });
        }
        self.measure_run(READING_MS, now);
    }

    /// Writes the running session's reading: `ahead_ms` to come, or 0 for an end.
    fn measure_run(&mut self, ahead_ms: u64, now: Moment) {
        let epoch = self.author.epoch();
        let Some(run) = self.duty.as_mut().and_then(|duty| duty.run.as_mut()) else {
            return;
        };
        run.n = run.n.saturating_add(1);
        run.base_ms = run.used_ms(now);
        run.from_boot_ms = now.boot_ms;
        run.read_boot_ms = now.boot_ms;
        if self.me.amnesic {
            run.unsafe_readings.push_back((run.n, run.base_ms));
            if run.unsafe_readings.len() > MOST_UNSAFE {
                run.unsafe_readings.pop_front();
            }
        }
        let reading = Reading {
            session: run.session,
            epoch,
            n: run.n,
            opening: run.opening,
            used_ms: run.base_ms,
            ahead_ms: u32::try_from(ahead_ms).unwrap_or(u32::MAX),
            continues: run.continues,
        };
        let note = RunNote {
            boot_id: self.me.boot_id,
            session: run.session,
            opening: run.opening,
            epoch,
            n: run.n,
            at_boot_ms: now.boot_ms,
        };
        let alone = run
            .alone_from_ms
            .map(|from| (run.session, run.base_ms.saturating_sub(from)));
        if let (Some((session, used)), Some(run)) =
            (alone, self.duty.as_mut().and_then(|duty| duty.run.as_mut()))
        {
            // Counted from here on, so that each millisecond is added once.
            run.alone_from_ms = Some(run.base_ms);
            self.count_alone(session, used, now);
        }
        let record = codec::encode(&note).ok();
        let record = record.map(|value| Op::Put {
            table: Table::Local,
            key: RUN_KEY.to_vec(),
            value,
        });
        if let Err(error) = self.measure(reading, record, now) {
            tracing::debug!(%error, "reading not written");
        }
    }

    fn count_alone(&mut self, session: SessionId, used_ms: u64, now: Moment) {
        let Some(duty) = &mut self.duty else { return };
        let total = duty.alone_used.entry(session).or_insert(0);
        *total = total.saturating_add(used_ms);
        if let Ok(value) = codec::encode(&duty.alone_used) {
            let op = Op::Put {
                table: Table::Local,
                key: ALONE_KEY.to_vec(),
                value,
            };
            if let Err(error) = self.stage(vec![op], now) {
                tracing::debug!(%error, "use while alone not noted");
            }
        }
    }

    fn is_alone(&self, now: Moment) -> bool {
        let last_link = self.duty.as_ref().map_or(0, |duty| duty.last_link);
        self.peers.is_empty() && now.since(last_link) >= ALONE_AFTER_MS
    }

    /// Everything that this moment asks of a kiosk.
    pub(super) fn do_duty(&mut self, now: Moment) {
        let linked = !self.peers.is_empty();
        let Some(duty) = &mut self.duty else { return };
        if linked {
            duty.last_link = now.boot_ms;
            if let Some(run) = &mut duty.run {
                run.alone_from_ms = None;
            }
            if !duty.alone_used.is_empty() {
                duty.alone_used.clear();
                let key = ALONE_KEY.to_vec();
                if let Err(error) = self.stage(
                    vec![Op::Remove {
                        table: Table::Local,
                        key,
                    }],
                    now,
                ) {
                    tracing::debug!(%error, "use while alone not cleared");
                }
            }
        }
        if let Some(duty) = &mut self.duty {
            duty.texts.expire(now);
            if duty
                .ended
                .is_some_and(|ended| ended.until_boot_ms <= now.boot_ms)
            {
                duty.ended = None;
                self.out.push(Output::Changed { by_fact: true });
            }
        }
        self.tend_run(now);
        self.tend_what_stands(now);
    }

    fn tend_run(&mut self, now: Moment) {
        let Some(run) = self.duty.as_ref().and_then(|duty| duty.run.clone()) else {
            return;
        };
        match self.verdict(&run, now) {
            Verdict::End(cause) => self.end_run(cause, now),
            Verdict::Pause => {
                self.measure_run(0, now);
                self.drop_run(now);
                let session = run.session;
                let fact = |kiosk, replaces| {
                    Fact::SessionPaused(SessionPaused {
                        session,
                        kiosk,
                        replaces,
                    })
                };
                self.write_step(session, fact, now);
            }
            Verdict::Displaced => {
                let grace = u64::from(self.site.settings().grace_s) * 1000;
                if let Some(run) = self.duty.as_mut().and_then(|duty| duty.run.as_mut()) {
                    run.displaced_until = Some(now.boot_ms + grace);
                    self.out.push(Output::Changed { by_fact: true });
                }
                self.read_if_due(&run, now);
            }
            Verdict::GoOn => self.read_if_due(&run, now),
        }
    }

    fn read_if_due(&mut self, run: &Run, now: Moment) {
        if now.since(run.read_boot_ms) >= READING_MS {
            self.measure_run(READING_MS, now);
        }
    }

    fn verdict(&self, run: &Run, now: Moment) -> Verdict {
        let Some(kiosk) = self.duty.as_ref().map(|duty| duty.kiosk) else {
            return Verdict::GoOn;
        };
        let Some(session) = self.site.session(&run.session) else {
            return Verdict::End(Cause::Staff); // its code lost all authority
        };
        if session.close_ordered() {
            return Verdict::End(Cause::Staff);
        }
        match session.state() {
            Some(State::Open { kiosk: at, .. }) if at == kiosk => {}
            Some(
                State::Closed {
                    cause: Cause::Staff,
                    ..
                }
                | State::Withdrawn,
            ) => {
                return Verdict::End(Cause::Staff);
            }
            Some(
                State::Open { .. } | State::Paused { .. } | State::Closed { .. } | State::Issued,
            )
            | None => {
                return match run.displaced_until {
                    None => Verdict::Displaced,
                    Some(until) if until <= now.boot_ms => Verdict::End(Cause::Displaced),
                    Some(_) if self.site.remaining_ms(session, now).0 == 0 => {
                        Verdict::End(Cause::Displaced)
                    }
                    Some(_) => Verdict::GoOn,
                };
            }
        }
        match session.pending_order() {
            Some(OrderKind::Close { keep_rest: true }) => return Verdict::End(Cause::Freed),
            Some(OrderKind::Close { keep_rest: false }) => return Verdict::End(Cause::Staff),
            Some(OrderKind::Pause) => return Verdict::Pause,
            Some(OrderKind::Resume) | None => {}
        }
        if self.site.remaining_ms(session, now).0 == 0 {
            return Verdict::End(Cause::Expired);
        }
        let settings = self.site.settings();
        let allowance = u64::from(settings.allowance_s) * 1000;
        if self.is_alone(now) && settings.isolation == IsolationPolicy::Lock {
            return Verdict::End(Cause::Isolated);
        }
        if let Some(from) = run.alone_from_ms {
            let before = self
                .duty
                .as_ref()
                .and_then(|d| d.alone_used.get(&run.session));
            let used = before.copied().unwrap_or(0) + run.used_ms(now).saturating_sub(from);
            if used >= allowance {
                return Verdict::End(Cause::Isolated);
            }
        }
        if self.me.amnesic && run.used_ms(now).saturating_sub(run.safe_ms) > allowance {
            return Verdict::End(Cause::Isolated);
        }
        Verdict::GoOn
    }

    fn end_run(&mut self, cause: Cause, now: Moment) {
        let Some(run) = self.duty.as_mut().and_then(|duty| duty.run.as_mut()) else {
            return;
        };
        let session = run.session;
        if cause == Cause::Expired
            && let Some(found) = self.site.session(&session)
        {
            let measured = found.measured_ms(|epoch| self.site.node_of(epoch));
            let run_on = now.since(run.from_boot_ms);
            let late = measured
                .saturating_add(run_on)
                .saturating_sub(found.granted_ms());
            if late <= TIMER_SLACK_MS {
                run.base_ms = run.base_ms.saturating_sub(late.min(run.base_ms));
            }
        }
        self.measure_run(0, now);
        self.drop_run(now);
        if let Some(duty) = &mut self.duty {
            let grace = u64::from(self.site.settings().grace_s) * 1000;
            duty.ended = Some(Ended {
                session,
                cause,
                until_boot_ms: now.boot_ms + grace,
            });
        }
        if matches!(cause, Cause::Displaced | Cause::Isolated) {
            self.notice(Notice::Ended { session, cause });
        }
        self.write_closed(session, cause, now);
    }

    fn drop_run(&mut self, now: Moment) {
        if let Some(duty) = &mut self.duty {
            duty.run = None;
        }
        let op = Op::Remove {
            table: Table::Local,
            key: RUN_KEY.to_vec(),
        };
        if let Err(error) = self.stage(vec![op], now) {
            tracing::debug!(%error, "end of session not noted");
        }
    }

    /// The patron leaves: the exact time first, so that the closing is not charged ahead.
    pub(super) fn patron_leaves(&mut self, session: SessionId, now: Moment) {
        let runs = self.duty.as_ref().and_then(|duty| duty.run.as_ref());
        if runs.is_some_and(|run| run.session == session) {
            self.measure_run(0, now);
            self.drop_run(now);
        }
        if let Some(duty) = &mut self.duty {
            let grace = u64::from(self.site.settings().grace_s) * 1000;
            let until_boot_ms = now.boot_ms + grace.min(10_000);
            duty.ended = Some(Ended {
                session,
                cause: Cause::Left,
                until_boot_ms,
            });
        }
    }

    fn write_step(
        &mut self,
        session: SessionId,
        fact: impl Fn(KioskId, Vec<domain::id::EntryId>) -> Fact,
        now: Moment,
    ) {
        let Some(kiosk) = self.duty.as_ref().map(|duty| duty.kiosk) else {
            return;
        };
        let replaces = self
            .site
            .session(&session)
            .map(|s| s.head_ids_on(kiosk))
            .unwrap_or_default();
        if let Err(error) = self.append(vec![fact(kiosk, replaces)], now) {
            tracing::warn!(%error, %session, "outcome not written");
        }
    }

    fn write_closed(&mut self, session: SessionId, cause: Cause, now: Moment) {
        let Some(kiosk) = self.duty.as_ref().map(|duty| duty.kiosk) else {
            return;
        };
        let fact = self.site.closed(kiosk, session, cause);
        if let Err(error) = self.append(vec![fact], now) {
            tracing::warn!(%error, %session, "outcome not written");
        }
    }

    /// Sessions that the ledger has on this kiosk though none runs: orders about paused ones, and
    /// what a reboot or a lost disk left open.
    fn tend_what_stands(&mut self, now: Moment) {
        let Some(duty) = &self.duty else { return };
        let kiosk = duty.kiosk;
        let running = duty.run.as_ref().map(|run| run.session);
        let standing: Vec<SessionId> = self
            .site
            .sessions_on(kiosk)
            .filter(|id| Some(*id) != running)
            .collect();
        for id in standing {
            let Some(session) = self.site.session(&id) else {
                continue;
            };
            let (state, order) = (session.state(), session.pending_order());
            match (state, order) {
                (_, Some(OrderKind::Close { keep_rest: false })) | (Some(State::Withdrawn), _) => {
                    self.write_closed(id, Cause::Staff, now);
                }
                (Some(State::Paused { kiosk: at, .. }), order) if at == kiosk => match order {
                    Some(OrderKind::Close { .. }) => self.write_closed(id, Cause::Freed, now),
                    Some(OrderKind::Resume) if running.is_none() => self.resume_here(id, now),
                    Some(OrderKind::Resume | OrderKind::Pause) | None => {}
                },
                (Some(State::Open { kiosk: at, node }), _) if at == kiosk => {
                    // Another live node of this kiosk counts it: that is an alarm for staff.
                    if !self.peers.contains_key(&node) {
                        self.write_closed(id, Cause::Reboot, now);
                    }
                }
                _ => self.write_closed(id, Cause::Displaced, now),
            }
        }
    }

    fn resume_here(&mut self, session: SessionId, now: Moment) {
        let fact = |kiosk, replaces| {
            Fact::SessionResumed(SessionResumed {
                session,
                kiosk,
                replaces,
            })
        };
        self.write_step(session, fact, now);
        let opening = self
            .site
            .session(&session)
            .map_or(1, |s| s.next_opening().saturating_sub(1));
        self.begin_run(session, opening, self.is_alone(now), now);
    }

    pub(super) fn duty_wake(&self, now: Moment) -> Option<u64> {
        let duty = self.duty.as_ref()?;
        let ended = duty.ended.map(|ended| ended.until_boot_ms);
        let alone = self
            .peers
            .is_empty()
            .then_some(duty.last_link + ALONE_AFTER_MS);
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
        [ended, alone, run, duty.texts.next_end()]
            .into_iter()
            .flatten()
            .min()
    }

    /// What the kiosk's page shows.
    pub fn view(&self, raw: Moment) -> Option<View> {
        let now = self.time.moment(raw);
        let duty = self.duty.as_ref()?;
        let screen = self.site.screen(duty.kiosk, now);
        let displaced = duty.run.as_ref().and_then(|run| run.displaced_until);
        let texts = screen.messages.iter().filter_map(|row| {
            duty.texts
                .get(*row, now)
                .map(|text| (*row, text.to_owned()))
        });
        Some(View {
            alone: self.is_alone(now),
            ended: duty
                .ended
                .map(|ended| (ended.cause, ended.until_boot_ms.saturating_sub(now.boot_ms))),
            displaced_in_ms: displaced.map(|until| until.saturating_sub(now.boot_ms)),
            wait_ms: duty.blocked_until.saturating_sub(now.boot_ms),
            texts: texts.collect(),
            screen,
        })
    }

    /// The session whose time this kiosk counts now.
    pub fn running(&self) -> Option<SessionId> {
        self.duty
            .as_ref()
            .and_then(|duty| duty.run.as_ref())
            .map(|run| run.session)
    }
}
