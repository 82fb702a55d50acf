//! A world: everything that a run consists of, and the one loop that lets its time pass.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use actors::replica::message::{LedgerMessage, Message};
use actors::replica::{Input, Notice, Output, Replica};
use actors::vault::exchange::RowMessage;
use domain::moment::Moment;
use rand::rngs::StdRng;
use storage::operation::Ticket;

use super::agenda::{Agenda, Due};
use super::clock::TrueTime;
use super::disk::Disk;
use super::founding::Founding;
use super::judge::Judge;
use super::machine::{BARRIER_MS, Stage};
use super::network::Network;
use super::people::People;
use super::quic::Quic;
use super::thieves::Thief;
use super::upsets::Upsets;
use crate::event::{Event, HostId};
use crate::scenario::{Cast, Scenario};

/// Whatever concerns a process that stands still is looked at again after this long.
const STILL_MS: u64 = 1_000;
/// How long a process that ended is down before it is started again, as its service file says.
pub(super) const RESTART_MS: u64 = 1_000;

/// See the module.
pub(super) struct World {
    pub(super) time: TrueTime,
    pub(super) agenda: Agenda,
    pub(super) rng: StdRng,
    pub(super) stage: Stage,
    pub(super) net: Network,
    /// The links, where they are real ones.
    pub(super) quic: Option<Quic>,
    pub(super) judge: Judge,
    pub(super) founding: Founding,
    pub(super) people: People,
    pub(super) upsets: Upsets,
    pub(super) thieves: BTreeMap<HostId, Thief>,
    pub(super) scenario: Scenario,
    pub(super) cast: Cast,
    /// True time of the scenario's beginning: before it the site was founded.
    pub(super) begins_at: u64,
    /// How much of the time before was skipped, with every machine off.
    pub(super) asleep_ms: u64,
    pub(super) processes: u64,
    pub(super) frames: u64,
}

impl World {
    pub(super) fn now(&self) -> u64 {
        self.time.now()
    }

    /// Notes something to happen so much later.
    pub(super) fn later(&mut self, ms: u64, due: Due) {
        let at = self.now() + ms;
        self.agenda.note(at, due);
    }

    /// Says that something happened.
    pub(super) fn tell(&mut self, event: Event) {
        self.judge.see(self.time.now(), &event, &self.stage);
    }

    /// Lets time pass until then, or until `enough`.
    pub(super) fn run_until(&mut self, until: u64, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            let next = self.agenda.next_at().map_or(until, |at| at.min(until));
            if self.listen(next) {
                continue;
            }
            let Some((at, due)) = self.agenda.next_until(until) else {
                self.time.set(until);
                return;
            };
            self.time.set(at);
            self.happen(due);
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Wake { host, process } => self.wake(host, process),
            Due::Barrier { host, process, ticket, called_at } => {
                self.barrier_returns(host, process, ticket, called_at);
            }
            Due::Second { host, process } => self.second(host, process),
            Due::Start { host } => self.start(host),
            Due::StartAgain { host, process } => self.start_again(host, process),
            Due::HearOf { host, other } => self.hear_of(host, other),
            Due::Dial { host, process } => self.dial(host, process),
            Due::Judge { pair, dialler, processes } => self.judge_both(pair, dialler, processes),
            Due::Open { pair, processes } => self.open(pair, processes),
            Due::Arrive { pair, link, from, lane, frame } => {
                self.arrive(pair, link, from, lane, &frame);
            }
            Due::Depart { pair, link, from } => self.depart(pair, link, from),
            Due::Idle { pair, link, end } => self.gave_up(pair, link, end),
            Due::Upset { step } => self.upset(step),
            Due::Mend { number } => self.mend(number),
            Due::Flap { number } => self.flap(number),
            Due::Copy { step } => self.copy_disks(step),
            Due::WriteUnknown { host, process } => self.write_unknown(host, process),
            Due::Attack { host, number } => self.attack(host, number),
            Due::Load { load, turn } => self.load(load, turn),
            Due::Patron { patron } => self.patron(patron),
            Due::GiveUp { host, ask } => self.no_answer(host, ask),
            Due::Keep { host, process } => self.keep(host, process),
            Due::Weigh => self.weigh(),
        }
    }

    /// Gives a process something to handle, and does what it asks for.
    pub(super) fn input(&mut self, host: HostId, input: Input) {
        self.turn(host, |replica, now| replica.handle(input, now));
    }

    /// Does something with a process, and what it asks for; a panic ends it.
    pub(super) fn turn(
        &mut self,
        host: HostId,
        with: impl FnOnce(&mut Replica<Disk>, Moment) -> Vec<Output>,
    ) {
        let Some(process) = self.stage.running(host) else {
            return;
        };
        let now = process.clock.moment();
        let replica = &mut process.replica;
        match catch_unwind(AssertUnwindSafe(|| with(replica, now))) {
            Ok(outputs) => self.carry_out(host, outputs),
            Err(panic) => self.fell(host, &words_of(panic.as_ref())),
        }
    }

    pub(super) fn carry_out(&mut self, host: HostId, outputs: Vec<Output>) {
        self.tell_what_was_written(host);
        let (mut lagging, mut changed) = (Vec::new(), false);
        for output in outputs {
            match output {
                Output::Send { peer, message } => {
                    if let Message::Ledger(LedgerMessage::Receipt(receipt)) = &message {
                        let held = receipt.held.clone();
                        self.tell(Event::Vouched { host, held });
                    }
                    if let Message::Row(row) = &message
                        && !matches!(row, RowMessage::Text(_))
                    {
                        self.tell(Event::ToldRows { host, to: peer });
                    }
                    if !self.send(host, peer, &message) {
                        lagging.push(peer);
                    }
                }
                Output::Persist(_) => self.barrier(host),
                Output::Reply { ask, outcome } => self.answered(host, ask, outcome),
                Output::Changed { .. } => changed = true,
                Output::WakeAt(at) => self.wake_at(host, at),
                Output::StartAgain => {
                    if let Some(process) = self.stage.host(host).and_then(|h| h.process_number()) {
                        self.later(0, Due::StartAgain { host, process });
                    }
                }
                Output::Drop { peer } => self.drop_link(host, peer),
                Output::Notice(notice) => self.notice(host, &notice),
            }
        }
        lagging.dedup();
        for peer in lagging {
            self.judge.sometimes("queue overflowed");
            if let Some(process) = self.stage.running(host) {
                let now = process.clock.moment();
                let outputs = process.replica.handle(Input::Lagging { peer }, now);
                debug_assert!(outputs.is_empty(), "being told of a lag asks for nothing");
            }
        }
        if changed {
            self.greet(host);
            self.look(host, false);
        }
    }

    fn tell_what_was_written(&mut self, host: HostId) {
        let Some(process) = self.stage.running(host) else {
            return;
        };
        let own = process.replica.epoch();
        if std::mem::replace(&mut process.epoch, own) != own {
            self.tell(Event::BeganLog { host, epoch: own });
        }
        let Some(process) = self.stage.running(host) else {
            return;
        };
        let mut entries = process.disk.take_fresh();
        entries.retain(|entry| entry.epoch == own);
        if !entries.is_empty() {
            self.tell(Event::Wrote { host, entries });
        }
    }

    fn notice(&mut self, host: HostId, notice: &Notice) {
        match notice {
            Notice::Fork { .. } => self.judge.sometimes("equivocation proven"),
            Notice::Refused { .. } => self.judge.sometimes("entries refused"),
            Notice::Disk(_) => self.judge.sometimes("disk failed"),
            Notice::Clock(_) => self.judge.sometimes("clock not believed"),
            Notice::Adopted { .. } => self.judge.sometimes("checkpoint adopted"),
            Notice::NotProposed(_) => self.judge.sometimes("checkpoint not proposed"),
            Notice::NotSigned { .. } => self.judge.sometimes("checkpoint not signed"),
            Notice::BaseDamaged => self.judge.sometimes("checkpoint damaged"),
            Notice::TooLate { epoch, .. } => {
                self.judge.sometimes("epoch refused beyond the horizon");
                self.tell(Event::RefusedWhole { host, epoch: *epoch });
            }
            Notice::VaultOpened => self.judge.sometimes("restored vault opened"),
            Notice::Ended { .. } => self.judge.sometimes("session ended by isolation or conflict"),
        }
        self.tell(Event::Notice { host, words: notice.to_string() });
    }

    /// A frame came out of the wire into a process.
    pub(super) fn hear(&mut self, host: HostId, peer: domain::id::NodeId, message: Message) {
        self.frames += 1;
        self.input(host, Input::Heard { peer, message });
    }

    fn wake_at(&mut self, host: HostId, at: u64) {
        let Some(process) = self.stage.running(host) else {
            return;
        };
        process.wake_at = at;
        // No timer runs out in no time.
        let true_time = process.clock.true_time_of(at).max(self.time.now() + 1);
        if process.armed.is_none_or(|armed| armed > true_time) {
            process.armed = Some(true_time);
            let number = process.number;
            self.agenda.note(true_time, Due::Wake { host, process: number });
        }
    }

    fn wake(&mut self, host: HostId, number: u64) {
        let now = self.now();
        let Some(process) = self.stage.process(host, number) else {
            return;
        };
        if process.armed.is_some_and(|armed| armed > now) {
            return; // an earlier wish, which a still earlier one replaced
        }
        process.armed = None;
        if process.clock.moment().boot_ms < process.wake_at {
            let at = process.wake_at;
            self.wake_at(host, at);
        } else {
            self.input(host, Input::Wake);
        }
    }

    /// A process that stood still goes on: its timers have run out, or soon find out.
    pub(super) fn wake_up(&mut self, host: HostId, was_suspended: bool) {
        let wait = if was_suspended { longest_sleep_ms() } else { 0 };
        let at = self.now() + wait;
        if let Some(process) = self.stage.running(host) {
            process.armed = Some(at);
            let process = process.number;
            self.agenda.note(at, Due::Wake { host, process });
            self.agenda.note(at, Due::Second { host, process });
            self.later(wait, Due::Dial { host, process });
        }
    }

    /// One barrier at a time: those that want one while it runs share the next.
    fn barrier(&mut self, host: HostId) {
        let called_at = self.now();
        let Some(home) = self.stage.host_mut(host) else {
            return;
        };
        let takes = home.barrier_ms.max(BARRIER_MS);
        let Some(process) = home.running() else {
            return;
        };
        if process.barrier_running {
            process.barrier_wanted = true;
            return;
        }
        process.barrier_running = true;
        let (process, ticket) = (process.number, process.disk.staged());
        let due = Due::Barrier { host, process, ticket, called_at };
        self.later(takes, due);
    }

    fn barrier_returns(&mut self, host: HostId, number: u64, ticket: Ticket, called_at: u64) {
        let still = self.stage.host(host).is_some_and(|home| home.frozen > 0);
        if still {
            // The kernel goes on; the process hears of it when it goes on, too.
            let due = Due::Barrier { host, process: number, ticket, called_at };
            self.later(STILL_MS, due);
            return;
        }
        let Some(process) = self.stage.process(host, number) else {
            return;
        };
        process.barrier_running = false;
        let again = std::mem::take(&mut process.barrier_wanted);
        match process.disk.barrier_until(ticket) {
            Ok(durable) => {
                self.tell(Event::Durable { host, staged_ms: called_at });
                self.input(host, Input::Durable(durable));
            }
            Err(_) => self.input(host, Input::DiskFailed),
        }
        if again {
            self.barrier(host);
        }
    }

    fn weigh(&mut self) {
        self.later(60_000, Due::Weigh);
        for host in 0..self.stage.hosts.len() {
            let Some(home) = self.stage.hosts.get(host).filter(|home| home.process.is_some())
            else {
                continue;
            };
            let (host, disk) = (home.id, home.disk.bytes());
            let queued = self.net.queued(host);
            self.tell(Event::Weighs { host, memory: disk, disk, queued });
        }
    }
}

pub(super) fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// A process whose machine was suspended looks at the clock again within this long.
fn longest_sleep_ms() -> u64 {
    u64::try_from(actors::clerk::LONGEST_SLEEP.as_millis()).unwrap_or(u64::MAX)
}
