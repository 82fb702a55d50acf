//! Appending to this node's log, and answering those who asked once it is durable.

use domain::authority::NodeKind;
use domain::command::{Asked, Command};
use domain::decide::Author as OnBehalf;
use domain::fact::Fact;
use domain::id::{EntryId, SessionId};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use domain::refusal::Refusal;
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::operation::{Op, Ticket};

use super::message::Reach;
use super::{AskId, Done, Failure, Notice, Output, Replica, Waiting};
use crate::entry::Entry;

/// Questions that may wait for the disk at once.
const MOST_WAITING: usize = 10_000;

impl<S: LedgerStore + Clone> Replica<S> {
    pub(super) fn ask(&mut self, ask: AskId, by: OnBehalf, asked: &Asked, now: Moment) {
        let outcome = self.carry_out(by, asked, now);
        if let (Ok(_), OnBehalf::Kiosk { .. }, Command::Leave { session }) =
            (&outcome, by, &asked.command)
        {
            self.patron_leaves(*session, now);
        }
        self.answer_when_durable(ask, outcome);
    }

    /// Writes a certificate down that somebody brought: it speaks for itself, so who did does not
    /// matter.
    pub(super) fn certify(&mut self, ask: AskId, certificate: Fact, now: Moment) {
        let outcome =
            if !certificate.speaks_for_itself() || !certificate.certificate_holds(&self.me.site) {
                Err(Refusal::Authority.into())
            } else {
                let written = self.append(vec![certificate], now);
                written.map(|entries| Done { entries, session: None }).map_err(|_| Failure::Disk)
            };
        self.answer_when_durable(ask, outcome);
    }

    /// Decides and writes. The caller answers, once the disk has it.
    pub(super) fn carry_out(
        &mut self,
        by: OnBehalf,
        asked: &Asked,
        now: Moment,
    ) -> Result<Done, Failure> {
        if self.disk_failed {
            return Err(Failure::Disk);
        }
        if !self.counts() {
            return Err(Refusal::NotJoined.into());
        }
        let allowed = match by {
            OnBehalf::Operator(_) => self.me.kind == NodeKind::Admin,
            OnBehalf::Kiosk { .. } => self.me.kind == NodeKind::Kiosk,
        };
        if !allowed {
            return Err(Refusal::Authority.into());
        }
        let facts = self.site.decide(asked, by, now)?;
        let entries = self.append(facts, now).map_err(|_| Failure::Disk)?;
        let session = session_of(&asked.command);
        if let (OnBehalf::Operator(_), Some(last)) = (by, entries.last()) {
            let kiosk = self.kiosk_concerned(&asked.command, session);
            self.deliveries.begin(asked, *last, session, kiosk, now);
        }
        Ok(Done { entries, session })
    }

    /// Replies at once to a failure, and to a success when everything staged so far is durable: a
    /// repeated request must not be acknowledged before the first one's entry is on the disk.
    pub(super) fn answer_when_durable(&mut self, ask: AskId, outcome: Result<Done, Failure>) {
        match outcome {
            Ok(_) if self.disk_failed => self.reply(ask, Err(Failure::Disk)),
            Ok(done) if self.staged <= self.durable || planted::is(Bug::AcknowledgedEarly) => {
                self.reply(ask, Ok(done));
            }
            Ok(done) if self.waiting.values().map(Vec::len).sum::<usize>() < MOST_WAITING => {
                self.waiting.entry(self.staged).or_default().push(Waiting { ask, done });
            }
            Ok(_) => self.reply(ask, Err(Failure::Disk)),
            Err(failure) => self.reply(ask, Err(failure)),
        }
    }

    pub(super) fn reply(&mut self, ask: AskId, outcome: Result<Done, Failure>) {
        self.out.push(Output::Reply { ask, outcome });
    }

    pub(super) fn became_durable(&mut self, ticket: Ticket, now: Moment) {
        if self.disk_failed {
            return;
        }
        let too_wide = ticket < self.staged && planted::is(Bug::BarrierTooWide);
        self.durable = self.durable.max(if too_wide { self.staged } else { ticket });
        let later = self.waiting.split_off(&Ticket(self.durable.0 + 1));
        for waiting in std::mem::replace(&mut self.waiting, later).into_values().flatten() {
            self.reply(waiting.ask, Ok(waiting.done));
        }
        self.send_receipts(now);
        self.send_durable_readings(now);
        self.out.push(Output::Changed { by_fact: true });
    }

    pub(super) fn disk_failed(&mut self, why: String, _now: Moment) {
        if !self.disk_failed {
            self.disk_failed = true;
            self.notice(Notice::Disk(why));
            if !planted::is(Bug::DiskFailureUntold) {
                self.out.push(Output::Changed { by_fact: true });
            }
        }
        for waiting in std::mem::take(&mut self.waiting).into_values().flatten() {
            let ignored = planted::is(Bug::AcknowledgedOnFailure);
            self.reply(waiting.ask, if ignored { Ok(waiting.done) } else { Err(Failure::Disk) });
        }
    }

    /// Stages a batch, or marks the disk as failed.
    pub(super) fn stage(&mut self, ops: Vec<Op>, now: Moment) -> Result<Ticket, StoreError> {
        match self.store.stage(ops) {
            Ok(ticket) => {
                self.staged = self.staged.max(ticket);
                Ok(ticket)
            }
            Err(_) if planted::is(Bug::FullDiskIgnored) => Ok(self.staged),
            Err(error) => {
                self.disk_failed(error.to_string(), now);
                Err(error)
            }
        }
    }

    /// Writes facts as this epoch's next entries: all or none. They have effect at once and go to
    /// every link; whoever waits for durability is answered later.
    pub(super) fn append(
        &mut self,
        facts: Vec<Fact>,
        now: Moment,
    ) -> Result<Vec<EntryId>, StoreError> {
        self.append_with(Vec::new(), facts, now)
    }

    /// As [`append`](Self::append), in one batch with other operations.
    pub(super) fn append_with(
        &mut self,
        beside: Vec<Op>,
        facts: Vec<Fact>,
        now: Moment,
    ) -> Result<Vec<EntryId>, StoreError> {
        if facts.is_empty() {
            return Ok(Vec::new());
        }
        let mut author = self.author.clone();
        let mut entries: Vec<Entry> = Vec::with_capacity(facts.len());
        for fact in &facts {
            let body = fact.encode().ok();
            let Some(entry) = body.and_then(|body| author.entry(body, now.wall_ms)) else {
                // Every fact that `decide` makes fits an entry; domain's tests say so.
                tracing::error!(fact = fact.name(), "fact does not fit an entry, not written");
                return Ok(Vec::new());
            };
            author.advance(&entry);
            entries.push(entry);
        }
        let ops = entries.iter().map(|entry| Op::PutEntry {
            epoch: entry.id.epoch.0,
            seq: entry.id.seq,
            bytes: entry.to_bytes(),
        });
        self.stage(beside.into_iter().chain(ops).collect(), now)?;
        self.author = author;
        for (entry, fact) in entries.iter().zip(&facts) {
            self.reached(entry);
            self.hear_hint(entry);
            self.apply_fact(entry.id, fact, now);
        }
        let ids = entries.iter().map(|entry| entry.id).collect();
        self.push(&entries, None);
        Ok(ids)
    }

    /// Notes that the log of `entry` is held up to it.
    pub(super) fn reached(&mut self, entry: &Entry) {
        let reach = Reach {
            epoch: entry.id.epoch,
            pruned_below: self.frontier.get(&entry.id.epoch).map_or(0, |reach| reach.pruned_below),
            height: entry.id.seq + 1,
            head: entry.hash(),
        };
        self.frontier.insert(entry.id.epoch, reach);
        self.root = None;
    }

    /// Applies a fact, and whatever its effect asks for.
    pub(super) fn apply_fact(&mut self, id: EntryId, fact: &Fact, now: Moment) {
        if let Fact::CheckpointSigned(signed) = fact {
            self.hear_signature(signed);
            return;
        }
        let effect = self.site.apply(id, fact);
        self.follow(effect, now);
        self.carry_to_vault(fact, now);
    }

    pub(super) fn follow(&mut self, effect: domain::site::Effect, now: Moment) {
        if effect.changed {
            self.out.push(Output::Changed { by_fact: true });
        }
        let folded = if effect.refold {
            self.root = None;
            self.fold_again()
        } else {
            effect.reread.into_iter().try_for_each(|epoch| self.apply_log_again(epoch, now))
        };
        if let Err(error) = folded {
            self.notice(Notice::Disk(error.to_string()));
        }
        self.drop_revoked();
    }

    /// Time hints of admin nodes bound the site's time from below.
    pub(super) fn hear_hint(&mut self, entry: &Entry) {
        let author = self.site.standing().author(&entry.id);
        if author.is_some_and(|author| author.kind == NodeKind::Admin) {
            self.time.hear_signed(entry.hint_ms);
        }
    }

    fn kiosk_concerned(
        &self,
        command: &Command,
        session: Option<SessionId>,
    ) -> Option<domain::id::KioskId> {
        use domain::session::State;
        if let Command::SendMessage { kiosk, .. } | Command::DescribeKiosk { kiosk, .. } = command {
            return Some(*kiosk);
        }
        match self.site.session(&session?)?.state()? {
            State::Open { kiosk, .. } | State::Paused { kiosk, .. } => Some(kiosk),
            State::Issued | State::Closed { .. } | State::Withdrawn => None,
        }
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the other commands are about no session")]
fn session_of(command: &Command) -> Option<SessionId> {
    match command {
        Command::IssueCode { session, .. }
        | Command::Withdraw { session }
        | Command::Open { session, .. }
        | Command::Extend { session, .. }
        | Command::Pause { session }
        | Command::Resume { session }
        | Command::Close { session, .. }
        | Command::Leave { session } => Some(*session),
        _ => None,
    }
}
