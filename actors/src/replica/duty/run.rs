//! The session that runs here: its readings, its end, and how it goes on in a new process of the same
//! boot.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::codec;
use domain::fact::{Cause, Fact};
use domain::id::{EpochId, KioskId, SessionId};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use domain::session::{READING_MS, Reading, State};
use domain::site::Site;
use serde::{Deserialize, Serialize};
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::operation::{Op, Table};

use super::Ended;
use crate::replica::{Notice, Replica};

/// A session that ends this little after its time ended in time: timers are not exact.
const TIMER_SLACK_MS: u64 = 2_000;
/// Readings that may wait for another node's word.
const MOST_UNSAFE: usize = 64;
/// Where the running session is noted, for a restart within the same boot.
const RUN_KEY: &[u8] = b"run";
/// Where the time used while alone is noted.
pub(super) const ALONE_KEY: &[u8] = b"alone";

/// The running session as noted on the disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RunNote {
    boot_id: [u8; 16],
    session: SessionId,
    opening: u32,
    epoch: EpochId,
    n: u32,
    at_boot_ms: u64,
    alone: bool,
    /// Use up to then that no other node is known to hold.
    unsafe_ms: u64,
}

/// The session that runs on this kiosk, as this process counts it.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) session: SessionId,
    pub(super) opening: u32,
    /// Readings written in this epoch.
    pub(super) n: u32,
    /// Milliseconds counted in this epoch before `from_boot_ms`.
    pub(super) base_ms: u64,
    pub(super) from_boot_ms: u64,
    pub(super) read_boot_ms: u64,
    pub(super) continues: Option<(EpochId, u32)>,
    /// What the disk had noted last when this process began.
    pub(super) noted: Option<Noted>,
    /// Milliseconds of this run that no process saw: they lie between the note on the disk, from which
    /// it was taken up, and the start of this process.
    pub(super) unseen_ms: u64,
    /// Where it was opened while this kiosk was alone: milliseconds of this run at that time.
    pub(super) alone_from_ms: Option<u64>,
    /// Another kiosk keeps the session; this one ends then (boot time).
    pub(super) displaced_until: Option<u64>,
    /// Milliseconds of this run that another node is known to hold.
    pub(super) safe_ms: u64,
    /// Of what processes before this one counted, milliseconds that no other node is known to hold.
    pub(super) unsafe_before_ms: u64,
    pub(super) unsafe_readings: VecDeque<(u32, u64)>,
}

impl Run {
    pub(in crate::replica) fn used_ms(&self, now: Moment) -> u64 {
        self.base_ms.saturating_add(now.since(self.from_boot_ms))
    }

    /// Use that would be lost with this machine.
    pub(super) fn unsafe_ms(&self, now: Moment) -> u64 {
        let own_ms = self.used_ms(now).saturating_sub(self.safe_ms);
        self.unsafe_before_ms.saturating_add(own_ms)
    }

    /// Takes off what processes before counted of what this one took for unseen.
    fn take_off(&mut self, both_ms: u64, now: Moment) {
        let both_ms = both_ms.min(self.unseen_ms);
        self.unseen_ms -= both_ms;
        self.base_ms = self.used_ms(now).saturating_sub(both_ms);
        self.from_boot_ms = now.boot_ms;
        self.safe_ms = self.safe_ms.min(self.base_ms);
        self.alone_from_ms = self.alone_from_ms.map(|from| from.min(self.base_ms));
    }
}

/// A reading from which a process took a run up, as its disk had it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noted {
    epoch: EpochId,
    n: u32,
    /// Milliseconds that its epoch had counted by then.
    used_ms: u64,
    /// Milliseconds that processes counted after it, as far as is known.
    since_ms: u64,
}

impl<S: LedgerStore + Clone> Replica<S> {
    /// Goes on with the session that ran before this process was restarted, if the machine has not
    /// been restarted with it.
    pub(in crate::replica) fn resume_duty(&mut self, now: Moment) -> Result<(), StoreError> {
        let Some(kiosk) = self.duty.as_ref().map(|duty| duty.kiosk) else {
            return Ok(());
        };
        let alone_used = self.load_alone_used()?;
        if let Some(duty) = &mut self.duty {
            duty.last_link = now.boot_ms;
            if alone_used.is_empty() || !planted::is(Bug::AllowanceForgotten) {
                duty.alone_used = alone_used;
            }
        }
        let Some(bytes) = self.store.get(Table::Local, RUN_KEY)? else {
            return Ok(());
        };
        let Ok(note) = codec::decode::<RunNote>(&bytes) else {
            return Ok(());
        };
        let same_boot = (note.boot_id == self.me.boot_id
            && self.ran_here(&note.epoch)
            && note.at_boot_ms <= now.boot_ms)
            || planted::is(Bug::RebootGoesOn);
        let stands = self.site.session(&note.session).is_some_and(|s| s.stands_on(kiosk));
        let paused = matches!(
            self.site.session(&note.session).and_then(domain::session::Session::state),
            Some(State::Paused { kiosk: at, .. }) if at == kiosk
        );
        if same_boot && stands && !paused && !planted::is(Bug::RestartLocksOut) {
            let minted = planted::is(Bug::RestartMints);
            let found = self.site.session(&note.session);
            let before = found.and_then(|found| found.cell(&note.epoch));
            let noted = Noted {
                epoch: note.epoch,
                n: note.n,
                used_ms: before.map_or(0, |cell| cell.reading.used_ms),
                since_ms: 0,
            };
            let from_boot_ms = if minted { now.boot_ms } else { note.at_boot_ms };
            let run = Run {
                unseen_ms: now.since(from_boot_ms),
                session: note.session,
                opening: note.opening,
                n: 0,
                base_ms: if planted::is(Bug::ChargedAgain) { READING_MS } else { 0 },
                from_boot_ms,
                read_boot_ms: note.at_boot_ms,
                continues: Some((note.epoch, note.n)),
                noted: Some(noted),
                alone_from_ms: note.alone.then_some(0),
                displaced_until: None,
                safe_ms: 0,
                unsafe_before_ms: note.unsafe_ms,
                unsafe_readings: VecDeque::new(),
            };
            if let Some(duty) = &mut self.duty {
                duty.run = Some(run);
            }
            self.measure_run(READING_MS, now);
        }
        Ok(())
    }

    pub(in crate::replica) fn load_alone_used(
        &self,
    ) -> Result<BTreeMap<SessionId, u64>, StoreError> {
        match self.store.get(Table::Local, ALONE_KEY)? {
            Some(bytes) => Ok(codec::decode(&bytes).unwrap_or_default()),
            None => Ok(BTreeMap::new()),
        }
    }

    pub(in crate::replica) fn begin_run(
        &mut self,
        session: SessionId,
        opening: u32,
        alone: bool,
        now: Moment,
    ) {
        let epoch = self.author.epoch();
        let before = self.site.session(&session).and_then(|found| found.cell(&epoch));
        let (n, mut base_ms) = before.map_or((0, 0), |cell| (cell.reading.n, cell.reading.used_ms));
        if let Some(cell) = before.filter(|_| planted::is(Bug::PauseRuns)) {
            base_ms += now.since(cell.seen_boot_ms);
        }
        let continues = before.and_then(|cell| cell.reading.continues);
        let amnesic = self.me.amnesic;
        if let Some(duty) = &mut self.duty {
            duty.ended = None;
            // What it used here before, and told nobody since, would be lost with this machine, too.
            let told_nobody = duty.alone_used.get(&session).copied().filter(|_| amnesic);
            let over = duty.over.take_if(|over| over.session == session);
            duty.run = Some(Run {
                unseen_ms: over.as_ref().map_or(0, |over| over.unseen_ms),
                session,
                opening,
                n,
                base_ms,
                from_boot_ms: now.boot_ms,
                read_boot_ms: now.boot_ms,
                continues,
                noted: over.as_ref().and_then(|over| over.noted),
                alone_from_ms: alone.then_some(base_ms),
                displaced_until: None,
                safe_ms: base_ms,
                unsafe_before_ms: told_nobody.unwrap_or(0),
                unsafe_readings: VecDeque::new(),
            });
        }
        self.measure_run(READING_MS, now);
    }

    /// Goes on counting in a new epoch of this very process: no time is lost, and none counted twice.
    pub(in crate::replica) fn carry_run_over(&mut self, from: EpochId, now: Moment) {
        let Some(duty) = self.duty.as_mut() else {
            return;
        };
        duty.over = None;
        let Some(run) = duty.run.as_mut() else {
            return;
        };
        run.continues = Some((from, run.n));
        (run.noted, run.unseen_ms) = (None, 0);
        run.alone_from_ms = run.alone_from_ms.map(|_| 0);
        run.unsafe_before_ms += run.base_ms.saturating_sub(run.safe_ms);
        (run.n, run.base_ms, run.safe_ms) = (0, 0, 0);
        run.unsafe_readings.clear();
        self.measure_run(READING_MS, now);
    }

    /// Processes before this one told others more than the disk took, and this one counts from where the
    /// disk left off: what both counted is taken off here, so that nobody pays for it twice. It may be
    /// heard of when the run is over already.
    pub(in crate::replica) fn hear_of_process_before(&mut self, reading: &Reading, now: Moment) {
        let node = self.site.chain().node_of(&reading.epoch).map(|(node, _)| node);
        if node != Some(self.me.node()) || !self.ran_here(&reading.epoch) {
            return;
        }
        let Some(mut duty) = self.duty.take() else {
            return;
        };
        let goes_on = duty.run.as_mut().is_some_and(|run| self.take_off_before(run, reading, now));
        let went_on = duty.over.take_if(|over| {
            over.from_boot_ms = now.boot_ms;
            !goes_on && self.take_off_before(over, reading, now)
        });
        self.duty = Some(duty);
        if goes_on {
            self.measure_run(READING_MS, now);
        } else if let Some(over) = went_on {
            self.measure_over(over, now);
        }
    }

    /// Writes the last reading of a run that is over, again.
    fn measure_over(&mut self, over: Run, now: Moment) {
        let Some(duty) = &mut self.duty else { return };
        let running = duty.run.replace(over);
        let nothing_runs = running.is_none();
        self.measure_run(0, now);
        if let Some(duty) = &mut self.duty {
            duty.over = std::mem::replace(&mut duty.run, running);
        }
        if !nothing_runs {
            self.measure_run(READING_MS, now);
        }
    }

    /// Takes off a run what others counted of it, now that a reading came; whether there was anything.
    fn take_off_before(&self, run: &mut Run, reading: &Reading, now: Moment) -> bool {
        if reading.session != run.session {
            return false;
        }
        let Some(mut noted) = run.noted else {
            return false;
        };
        let Some((last, since_ms)) = self.counted_since(&noted, &run.session) else {
            return false;
        };
        // Once one of them recorded an end, nothing ran until this process began.
        let all = last.ahead_ms == 0 && (last.epoch, last.n) != (noted.epoch, noted.n);
        if since_ms <= noted.since_ms && !(all && run.unseen_ms > 0) {
            return false;
        }
        run.take_off(if all { u64::MAX } else { since_ms - noted.since_ms }, now);
        noted.since_ms = since_ms;
        (run.noted, run.continues) = (Some(noted), Some((last.epoch, last.n)));
        true
    }

    /// What this machine's processes counted of a session after a reading that the disk had noted: the
    /// last of their readings, and the milliseconds. Each goes on from the one before, and of one or
    /// the other the disk may have taken nothing.
    fn counted_since(&self, noted: &Noted, session: &SessionId) -> Option<(Reading, u64)> {
        let own = self.author.epoch();
        let cells: Vec<Reading> = self
            .site
            .session(session)?
            .cells()
            .map(|cell| cell.reading)
            .filter(|reading| reading.epoch != own && self.ran_here(&reading.epoch))
            .collect();
        let first = *cells.iter().find(|reading| reading.epoch == noted.epoch)?;
        let mut since_ms = first.used_ms.saturating_sub(noted.used_ms);
        let (mut last, mut ahead) = (first, Vec::from([first.epoch]));
        let mut met = BTreeSet::from([first.epoch]);
        while let Some(epoch) = ahead.pop() {
            let next = cells.iter().filter(|next| next.continues.is_some_and(|(e, _)| e == epoch));
            for next in next {
                if met.insert(next.epoch) {
                    since_ms = since_ms.saturating_add(next.used_ms);
                    last = *next;
                    ahead.push(next.epoch);
                }
            }
        }
        Some((last, since_ms))
    }

    /// Writes the running session's reading: `ahead_ms` to come, or 0 for an end.
    pub(in crate::replica) fn measure_run(&mut self, ahead_ms: u64, now: Moment) {
        let Some((reading, note)) = self.read_run(ahead_ms, now) else {
            return;
        };
        if let Err(error) = self.measure(reading, Some(note), now) {
            tracing::debug!(%error, "reading not written");
        }
    }

    /// Ends the run: the disk takes its last reading and the fact that ends it together, or neither, or
    /// a process that finds half of it would go on with a session that is over.
    pub(super) fn end_run_by(
        &mut self,
        fact: impl FnOnce(&Site, KioskId, SessionId) -> Fact,
        now: Moment,
    ) {
        let Some(kiosk) = self.duty.as_ref().map(|duty| duty.kiosk) else {
            return;
        };
        let Some((reading, note)) = self.read_run(0, now) else {
            return;
        };
        self.drop_run(now);
        let session = reading.session;
        let fact = fact(&self.site, kiosk, session);
        if let Err(error) = self.measure_end(reading, note, fact, now) {
            tracing::warn!(%error, %session, "outcome not written");
        }
    }

    /// Takes the running session's reading, and says what the disk has to note with it.
    fn read_run(&mut self, ahead_ms: u64, now: Moment) -> Option<(Reading, Op)> {
        let epoch = self.author.epoch();
        let run = self.duty.as_mut()?.run.as_mut()?;
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
            alone: run.alone_from_ms.is_some(),
            unsafe_ms: run.unsafe_ms(now),
        };
        let alone = run.alone_from_ms.map(|from| (run.session, run.base_ms.saturating_sub(from)));
        if let (Some((session, used)), Some(run)) =
            (alone, self.duty.as_mut().and_then(|duty| duty.run.as_mut()))
        {
            // Counted from here on, so that each millisecond is added once.
            run.alone_from_ms = Some(run.base_ms);
            self.count_alone(session, used, now);
        }
        let (table, key) = (Table::Local, RUN_KEY.to_vec());
        // Nothing that ended is there for a next process to go on with.
        let op = match codec::encode(&note) {
            Ok(value) if ahead_ms > 0 => Op::Put { table, key, value },
            Ok(_) | Err(_) => Op::Remove { table, key },
        };
        Some((reading, op))
    }

    pub(in crate::replica) fn count_alone(
        &mut self,
        session: SessionId,
        used_ms: u64,
        now: Moment,
    ) {
        let Some(duty) = &mut self.duty else { return };
        let total = duty.alone_used.entry(session).or_insert(0);
        *total = total.saturating_add(used_ms);
        if let Ok(value) = codec::encode(&duty.alone_used) {
            let op = Op::Put { table: Table::Local, key: ALONE_KEY.to_vec(), value };
            if let Err(error) = self.stage(vec![op], now) {
                tracing::debug!(%error, "use while alone not noted");
            }
        }
    }

    pub(super) fn read_if_due(&mut self, run: &Run, now: Moment) {
        let due = now.since(run.read_boot_ms) >= READING_MS;
        let rarely = due && planted::is(Bug::ReadsRarely);
        if due && (!rarely || now.since(run.read_boot_ms) >= 12 * READING_MS) {
            self.measure_run(READING_MS, now);
        }
    }

    pub(in crate::replica) fn end_run(&mut self, cause: Cause, now: Moment) {
        let Some(run) = self.duty.as_mut().and_then(|duty| duty.run.as_mut()) else {
            return;
        };
        let session = run.session;
        if cause == Cause::Expired
            && let Some(found) = self.site.session(&session)
        {
            let measured = found.measured_ms(|epoch| self.site.node_of(epoch));
            let run_on = now.since(run.from_boot_ms);
            let late = measured.saturating_add(run_on).saturating_sub(found.granted_ms());
            if late <= TIMER_SLACK_MS {
                run.base_ms = run.base_ms.saturating_sub(late.min(run.base_ms));
            }
        }
        self.end_run_by(|site, kiosk, session| site.closed(kiosk, session, cause), now);
        if let Some(duty) = &mut self.duty {
            let grace = u64::from(self.site.settings().grace_s) * 1000;
            duty.ended = Some(Ended { session, cause, until_boot_ms: now.boot_ms + grace });
        }
        if matches!(cause, Cause::Displaced | Cause::Isolated) {
            self.notice(Notice::Ended { session, cause });
        }
    }

    pub(in crate::replica) fn drop_run(&mut self, now: Moment) {
        let run = self.duty.as_ref().and_then(|duty| duty.run.as_ref());
        let run = run.filter(|run| self.me.amnesic && run.alone_from_ms.is_none());
        if let Some((session, unsafe_ms)) = run.map(|run| (run.session, run.unsafe_ms(now))) {
            // Whoever types the code again while nobody is linked gets what is left of the allowance.
            let counted = self.duty.as_ref().and_then(|duty| duty.alone_used.get(&session));
            self.count_alone(session, unsafe_ms.saturating_sub(*counted.unwrap_or(&0)), now);
        }
        if let Some(duty) = &mut self.duty {
            duty.over = duty.run.take();
        }
    }
}
