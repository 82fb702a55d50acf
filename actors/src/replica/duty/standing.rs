//! Sessions that the ledger has on this kiosk though this process runs none of them.
//!
//! A disk can be copied, or moved to another machine: then this node's key says nothing of who left a
//! session open. The boot certificates do, for each names the machine that its epoch ran on.

use domain::fact::Cause;
use domain::id::{EntryId, EpochId, KioskId, SessionId};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use domain::session::{OrderKind, Session, State};
use domain::settings::ALONE_AFTER_MS;
use storage::ledger_store::LedgerStore;

use crate::replica::Replica;

/// A machine that reads every five seconds and of which a linked node hears nothing for so long does
/// not run its session any more; nobody is linked and unheard for longer without being alone.
const GONE_AFTER_MS: u64 = 2 * ALONE_AFTER_MS;

impl<S: LedgerStore + Clone> Replica<S> {
    /// Tends to what stands here and does not run: orders about paused sessions, and what a reboot or a
    /// lost disk left open.
    pub(in crate::replica) fn tend_what_stands(&mut self, now: Moment) {
        let Some(duty) = self.duty.as_ref().filter(|_| self.counts()) else {
            return;
        };
        let kiosk = duty.kiosk;
        let running = duty.run.as_ref().map(|run| run.session);
        let standing: Vec<SessionId> =
            self.site.sessions_on(kiosk).filter(|id| Some(*id) != running).collect();
        self.notice_what_runs_elsewhere(&standing, kiosk, now);
        for id in standing {
            self.tend_standing(id, kiosk, running.is_none(), now);
        }
    }

    fn tend_standing(&mut self, id: SessionId, kiosk: KioskId, idle: bool, now: Moment) {
        let Some(session) = self.site.session(&id) else {
            return;
        };
        if self.runs_elsewhere(session, now) {
            return;
        }
        let (state, order) = (session.state(), session.pending_order());
        if matches!((state, order), (Some(State::Paused { .. }), Some(OrderKind::Close { .. })))
            && planted::is(Bug::PausedNotClosed)
        {
            return;
        }
        match (state, order) {
            // Ended for good before this node knew of its last opening: that one ends alike.
            (_, Some(OrderKind::Close { keep_rest: false }))
            | (Some(State::Withdrawn | State::Closed { cause: Cause::Staff, .. }), _) => {
                self.write_closed(id, Cause::Staff, now);
            }
            (Some(State::Paused { kiosk: at, node }), order) if at == kiosk => match order {
                Some(OrderKind::Close { .. }) => self.write_closed(id, Cause::Freed, now),
                // It goes on where it was paused, or with the code typed here.
                Some(OrderKind::Resume) if !self.was_left_here(session) => {}
                // Only the node that was given the code counts its time: after a reboot that took the
                // node's key with it the code is typed again.
                Some(OrderKind::Resume) if node != self.me.node() => {
                    self.write_closed(id, Cause::Reboot, now);
                }
                Some(OrderKind::Resume) if idle => self.resume_here(id, now),
                Some(OrderKind::Resume | OrderKind::Pause) | None => {}
            },
            (Some(State::Open { kiosk: at, .. }), _) if at == kiosk => {
                self.write_closed(id, Cause::Reboot, now);
            }
            _ => self.write_closed(id, Cause::Displaced, now),
        }
    }

    fn resume_here(&mut self, session: SessionId, now: Moment) {
        let Some(kiosk) = self.duty.as_ref().map(|duty| duty.kiosk) else {
            return;
        };
        if let Err(error) = self.append(vec![self.site.resumed(kiosk, session)], now) {
            tracing::warn!(%error, %session, "session not resumed");
        }
        let opening = self.site.session(&session).map_or(1, |s| s.next_opening().saturating_sub(1));
        self.begin_run(session, opening, self.is_alone(now), now);
    }

    /// Whether an epoch ran on the machine that this process runs on.
    pub(super) fn ran_here(&self, epoch: &EpochId) -> bool {
        self.site.chain().machine_of(epoch) == Some(self.me.machine)
            || planted::is(Bug::CopyIsOriginal)
    }

    /// Whether the step of a session that stands was written on this machine.
    fn was_left_here(&self, session: &Session) -> bool {
        session.winner().is_none_or(|(step, _)| self.ran_here(&step.epoch))
    }

    /// Notes by which step each session is open on this kiosk that another machine opened or resumed,
    /// and since when that is known here.
    fn notice_what_runs_elsewhere(&mut self, standing: &[SessionId], kiosk: KioskId, now: Moment) {
        let is_open = |session: &Session| matches!(session.state(), Some(State::Open { kiosk: at, .. }) if at == kiosk);
        let sessions = standing.iter().filter_map(|id| self.site.session(id));
        let open = sessions.filter(|session| is_open(session) && !self.was_left_here(session));
        let steps: Vec<EntryId> = open.filter_map(|open| Some(open.winner()?.0)).collect();
        if let Some(duty) = &mut self.duty {
            duty.elsewhere.retain(|step, _| steps.contains(step));
            for step in steps {
                duty.elsewhere.entry(step).or_insert(now.boot_ms);
            }
        }
    }

    /// Whether another machine lets the session run on this kiosk, as far as can be known: two live
    /// machines for one kiosk are for staff to sort out. One that was replaced, and whose disk or place
    /// this one has taken, says nothing any more while this node is linked to others all the time.
    fn runs_elsewhere(&self, session: &Session, now: Moment) -> bool {
        let elsewhere = self.duty.as_ref().map(|duty| &duty.elsewhere);
        let Some(known) = session.winner().and_then(|(step, _)| elsewhere?.get(&step)) else {
            return false;
        };
        let others = session.cells().filter(|cell| !self.ran_here(&cell.reading.epoch));
        let heard = others.map(|cell| cell.seen_boot_ms).chain([*known]).max();
        let linked = self.peers.values().map(|peer| peer.since_boot_ms).min();
        linked.is_none_or(|linked| now.since(linked.max(heard.unwrap_or(0))) < GONE_AFTER_MS)
    }
}
