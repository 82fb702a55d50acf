//! Carrying faults out, and healing them.

use serde_json::json;

use crate::event::{Event, HostId, Stop};
use crate::fault::{Fault, Shape};
use crate::scenario::Words;
use crate::target::NotRun;

use super::clock::Wrong;
use super::disk::Left;
use super::machine::{Machine, Part};
use super::needs::NAME;
use super::relay::Manners;
use super::run::{Due, Run};

/// How long a machine is off whose plug was pulled.
const OFF_MS: u64 = 2_000;
/// A patron types a code when the machine that he switched on shows its page again.
const BOOTED_MS: u64 = 3_000;

impl Run<'_> {
    fn fault(&self, number: usize) -> Option<(Fault, Vec<HostId>)> {
        let fault = self.scenario.fault.get(number)?.fault.clone();
        Some((fault, self.cast.faults.get(number)?.clone()))
    }

    /// A step of the scenario begins.
    pub(super) fn begin(&mut self, number: usize) -> Result<(), NotRun> {
        let Some((fault, hosts)) = self.fault(number) else {
            return Ok(());
        };
        self.in_force.insert(number);
        let told =
            Event::FaultBegan { number: index(number), fault: fault.clone(), hosts: hosts.clone() };
        self.tell(&told);
        self.harm(number, &fault, &hosts)?;
        let lasts = self.scenario.fault.get(number).is_some_and(|step| step.for_s.is_some());
        if !lasts && is_momentary(&fault) {
            self.end(number)?;
        }
        Ok(())
    }

    fn harm(&mut self, number: usize, fault: &Fault, hosts: &[HostId]) -> Result<(), NotRun> {
        let ground = self.house.ground;
        match fault {
            Fault::Cut { shape: Shape::Alone, .. } => {
                self.house.room.unplug(ground, index(number), hosts)?;
            }
            Fault::Cut { shape, .. } => {
                let all: Vec<HostId> = self.scenario.site.hosts().collect();
                let silences = shape.silences(hosts, &all);
                self.house.room.cut(ground, index(number), silences)?;
            }
            Fault::Flap { .. } => self.turn(number, true)?,
            Fault::Degrade {
                loss,
                duplicate,
                reorder,
                corrupt,
                delay_ms,
                jitter_ms,
                kilobytes_s,
                ..
            } => {
                let manners = Manners {
                    loss: *loss,
                    duplicate: *duplicate,
                    reorder: *reorder,
                    corrupt: *corrupt,
                    delay_ms: *delay_ms,
                    jitter_ms: *jitter_ms,
                    kilobytes_s: *kilobytes_s,
                };
                for host in hosts {
                    let seed = self.seed ^ u64::from(host.0) << 32;
                    self.house.room.degrade(ground, *host, manners, seed)?;
                }
            }
            Fault::NewAddress { .. } => {
                for host in hosts {
                    self.house.room.move_house(ground, *host)?;
                }
            }
            Fault::Clone { .. } => {
                for (place, host) in (0..).zip(hosts) {
                    self.clone_machine(number, place, *host)?;
                }
            }
            Fault::Revoke { .. } => {
                for host in hosts {
                    self.revoke(number, *host)?;
                }
            }
            Fault::Kill { .. }
            | Fault::Pause { .. }
            | Fault::Suspend { .. }
            | Fault::PowerCut { .. }
            | Fault::TornTail { .. }
            | Fault::Reboot { .. }
            | Fault::Amnesia { .. }
            | Fault::Restore { .. }
            | Fault::OtherRelease { .. }
            | Fault::DiskFull { .. }
            | Fault::DiskSlow { .. }
            | Fault::DiskFails { .. }
            | Fault::BitFlip { .. }
            | Fault::ClockJump { .. }
            | Fault::ClockLost { .. }
            | Fault::ClockStrobe { .. }
            | Fault::ClockDrift { .. } => {
                for host in hosts {
                    self.harm_machine(number, fault, *host)?;
                }
            }
            Fault::Replace { .. } | Fault::Hostile { .. } => {
                let what =
                    Words::new("une panne refusée d'avance", "a step refused before the run");
                return Err(NotRun::Cannot { target: NAME, what });
            }
        }
        Ok(())
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the others are about the network")]
    fn harm_machine(&mut self, number: usize, fault: &Fault, host: HostId) -> Result<(), NotRun> {
        match fault {
            Fault::Kill { .. } => self.take_down(host, Stop::Killed, Some(number)),
            Fault::PowerCut { .. } => self.take_down(host, Stop::PowerLost, Some(number)),
            Fault::TornTail { .. } => {
                self.left = Left::Half;
                let down = self.take_down(host, Stop::PowerLost, Some(number));
                self.left = Left::Nothing;
                down
            }
            Fault::Reboot { .. } => self.take_down(host, Stop::Rebooted, Some(number)),
            Fault::Amnesia { .. } => {
                self.take_down(host, Stop::DiskLost, Some(number))?;
                let ground = self.house.ground;
                self.machine(host)?.disk.lose_store(ground)
            }
            Fault::Restore { .. } => {
                self.take_down(host, Stop::Restored, Some(number))?;
                let (ground, copy) = (self.house.ground, self.copy_of(number, host));
                self.machine(host)?.disk.put_back(ground, &copy)
            }
            Fault::BitFlip { .. } => {
                self.take_down(host, Stop::Killed, Some(number))?;
                let (ground, mut draw) = (self.house.ground, super::people::fork(&mut self.draw));
                self.machine(host)?.disk.flip_bit(ground, &mut draw)
            }
            Fault::OtherRelease { .. } => {
                self.take_down(host, Stop::Rebooted, None)?;
                if let Some(binary) = self.house.other_release.clone() {
                    self.machine(host)?.install(&binary);
                }
                self.bring_up(host)
            }
            Fault::Pause { .. } | Fault::Suspend { .. } => self.freeze(host),
            Fault::DiskFull { .. } => {
                let ground = self.house.ground;
                self.machine(host)?.disk.fill(ground)
            }
            Fault::DiskSlow { barrier_ms, .. } => {
                let barrier = self.machine(host)?.barrier.as_ref();
                barrier.map_or(Ok(()), |barrier| barrier.take_ms(*barrier_ms))
            }
            Fault::DiskFails { .. } => {
                let barrier = self.machine(host)?.barrier.as_ref();
                barrier.map_or(Ok(()), super::barrier::Barrier::fail)
            }
            Fault::ClockJump { by_s, .. } => self.set_clock(host, Some(Wrong::By(*by_s))),
            Fault::ClockLost { .. } => self.set_clock(host, Some(Wrong::Lost)),
            Fault::ClockStrobe { by_s, period_ms, .. } => {
                let wrong = Wrong::Strobe { by_s: *by_s, period_ms: *period_ms };
                self.set_clock(host, Some(wrong))
            }
            Fault::ClockDrift { millionths, .. } => {
                self.set_clock(host, Some(Wrong::Drift { millionths: *millionths }))
            }
            _ => Ok(()),
        }
    }

    /// A step of the scenario ends.
    pub(super) fn end(&mut self, number: usize) -> Result<(), NotRun> {
        if !self.in_force.remove(&number) {
            return Ok(());
        }
        let Some((fault, hosts)) = self.fault(number) else {
            return Ok(());
        };
        let ground = self.house.ground;
        match &fault {
            Fault::Cut { .. } | Fault::Flap { .. } => {
                self.house.room.mend(ground, index(number))?;
            }
            Fault::Degrade { .. } => {
                for host in &hosts {
                    self.house.room.restore(ground, *host)?;
                }
            }
            Fault::Clone { .. } => {
                for place in 0..u16::try_from(hosts.len()).unwrap_or(u16::MAX) {
                    if let Some(mut copy) = self.copies.remove(&(number, place)) {
                        copy.kill()?;
                    }
                }
            }
            Fault::ClockJump { .. }
            | Fault::ClockLost { .. }
            | Fault::ClockStrobe { .. }
            | Fault::ClockDrift { .. } => {
                for host in &hosts {
                    self.set_clock(*host, None)?;
                }
            }
            Fault::DiskFull { .. } => {
                for host in &hosts {
                    self.machine(*host)?.disk.make_room(ground)?;
                }
            }
            Fault::DiskSlow { .. } | Fault::DiskFails { .. } => {
                for host in &hosts {
                    if let Some(barrier) = &self.machine(*host)?.barrier {
                        barrier.take_ms(0)?;
                    }
                }
            }
            Fault::OtherRelease { .. } => {
                let binary = self.house.binary.clone();
                for host in &hosts {
                    self.take_down(*host, Stop::Rebooted, None)?;
                    self.machine(*host)?.install(&binary);
                }
            }
            Fault::NewAddress { .. }
            | Fault::Kill { .. }
            | Fault::Pause { .. }
            | Fault::Suspend { .. }
            | Fault::PowerCut { .. }
            | Fault::Reboot { .. }
            | Fault::Amnesia { .. }
            | Fault::Replace { .. }
            | Fault::Restore { .. }
            | Fault::BitFlip { .. }
            | Fault::Revoke { .. }
            | Fault::TornTail { .. }
            | Fault::Hostile { .. } => {}
        }
        self.tell(&Event::FaultEnded { number: index(number) });
        for host in hosts {
            self.recover(number, &fault, host)?;
        }
        Ok(())
    }

    /// What was held up goes on.
    fn recover(&mut self, number: usize, fault: &Fault, host: HostId) -> Result<(), NotRun> {
        if let Some(known) = self.known.get_mut(&host) {
            known.held_by.remove(&number);
        }
        if matches!(fault, Fault::Pause { .. } | Fault::Suspend { .. }) {
            return self.thaw(host);
        }
        // A node whose disk failed takes no more until somebody starts it again.
        if matches!(fault, Fault::DiskFull { .. } | Fault::DiskFails { .. }) {
            self.take_down(host, Stop::Killed, None)?;
        }
        self.bring_up(host)
    }

    /// A switch that comes and goes turns.
    pub(super) fn turn(&mut self, number: usize, goes: bool) -> Result<(), NotRun> {
        let Some((Fault::Flap { period_ms, .. }, hosts)) = self.fault(number) else {
            return Ok(());
        };
        if !self.in_force.contains(&number) {
            return Ok(());
        }
        let ground = self.house.ground;
        if goes {
            self.house.room.unplug(ground, index(number), &hosts)?;
        } else {
            self.house.room.mend(ground, index(number))?;
        }
        self.note(self.now_ms() + period_ms, Due::Turn(number, !goes));
        Ok(())
    }

    /// Copies disks that a later step puts back. The process stands still for as long as that takes.
    pub(super) fn copy(&mut self, number: usize) -> Result<(), NotRun> {
        let Some((_, hosts)) = self.fault(number) else {
            return Ok(());
        };
        for host in hosts {
            let copy = self.copy_of(number, host);
            self.copy_disk(host, &copy)?;
        }
        Ok(())
    }

    fn copy_of(&self, number: usize, host: HostId) -> std::path::PathBuf {
        self.house.folder.join(format!("copy-{number}-{}", host.0))
    }

    fn copy_disk(&mut self, host: HostId, to: &std::path::Path) -> Result<(), NotRun> {
        let ground = self.house.ground;
        let frozen = self.known.get(&host).is_some_and(|known| known.frozen);
        let machine = self.machine(host)?;
        let runs = machine.is_started() && !frozen;
        if runs {
            machine.freeze()?;
        }
        let copied = machine.disk.copy_to(ground, to);
        if runs {
            machine.thaw()?;
        }
        copied
    }

    /// The copy of a host's disk runs on a second machine beside the first.
    fn clone_machine(&mut self, number: usize, place: u16, host: HostId) -> Result<(), NotRun> {
        let ground = self.house.ground;
        let shape = &self.scenario.site;
        let beside = shape.admins + shape.kiosks + index_u16(number) * 8 + place;
        let part = Part {
            host: HostId(beside),
            name: format!("{}-copy-{number}", shape.name(host)),
            kiosk: shape.is_kiosk(host),
            amnesic: shape.is_amnesic(host),
        };
        let copy = self.copy_of(number, host);
        self.copy_disk(host, &copy)?;
        self.house.room.plug_in(ground, part.host)?;
        let home = self.house.folder.join(&part.name);
        let mut machine = Machine::new(ground, part, home, &self.house.binary, false)?;
        machine.disk.put_back(ground, &copy)?;
        machine.boot(&mut self.draw)?;
        machine.start(ground)?;
        self.copies.insert((number, place), machine);
        Ok(())
    }

    /// An operator revokes a host's node.
    fn revoke(&mut self, number: usize, host: HostId) -> Result<(), NotRun> {
        let on = self.cast.done_on.get(number).copied().flatten().unwrap_or(HostId(0));
        let Some(node) = self.known.get(&host).and_then(|known| known.node) else {
            return Ok(());
        };
        self.revoked.insert(host);
        if self.scenario.site.is_kiosk(host) {
            let ground = self.house.ground;
            let control = self.machine(on)?.control(ground);
            let answer = control.ask(&json!({"do": "node_revoke", "node": node}));
            return match answer {
                Some(answer) if answer == "done" => Ok(()),
                other => Err(NotRun::Broken(format!("revocation: {other:?}"))),
            };
        }
        let (node, of_key) = (node.to_string(), self.house.keys.words());
        let mut words = vec!["revoke-admin", &node];
        words.extend(of_key.iter().map(String::as_str));
        let ground = self.house.ground;
        self.machine(on)?.says(ground, &words).map(drop)
    }

    fn set_clock(&mut self, host: HostId, wrong: Option<Wrong>) -> Result<(), NotRun> {
        let clock = self.machine(host)?.clock.as_mut();
        clock.map_or(Ok(()), |clock| clock.set(wrong))
    }

    /// A patron pulls a kiosk's plug, and puts it back.
    pub(super) fn pull_plug(&mut self, host: HostId) -> Result<(), NotRun> {
        self.take_down(host, Stop::PowerLost, None)?;
        self.note(self.now_ms() + OFF_MS, Due::PlugIn(host));
        let again = super::plan::Deed::TypeAgain { host };
        self.note(self.now_ms() + OFF_MS + BOOTED_MS, Due::Deed(again));
        Ok(())
    }

    /// A machine is switched on.
    pub(super) fn plug_in(&mut self, host: HostId) -> Result<(), NotRun> {
        self.bring_up(host)
    }

    /// A kiosk is switched off at the end of a day.
    pub(super) fn switch_off(&mut self, host: HostId) -> Result<(), NotRun> {
        self.take_down(host, Stop::Rebooted, None)
    }

    pub(super) fn machine(&mut self, host: HostId) -> Result<&mut Machine, NotRun> {
        let machine = self.house.machines.get_mut(&host);
        machine.ok_or_else(|| NotRun::Broken(format!("no machine {host:?}")))
    }

    /// Ends a host's process, as the machine's end has it.
    pub(super) fn take_down(
        &mut self,
        host: HostId,
        how: Stop,
        held_by: Option<usize>,
    ) -> Result<(), NotRun> {
        if let Some(known) = self.known.get_mut(&host) {
            known.held_by.extend(held_by);
            known.frozen = false;
        }
        let ground = self.house.ground;
        let (amnesic, left) = (self.scenario.site.is_amnesic(host), self.left);
        let machine = self.machine(host)?;
        if !machine.is_started() {
            return Ok(());
        }
        let spent_s = machine.weight().map_or(0.0, |(_, seconds)| seconds);
        machine.thaw()?;
        match how {
            Stop::Rebooted => machine.stop()?,
            Stop::PowerLost if machine.disk.is_own() => {
                machine.disk.power_off(ground, left)?;
                machine.kill()?;
                machine.disk.let_go(ground)?;
                machine.disk.mount(ground)?;
            }
            Stop::Killed | Stop::PowerLost | Stop::DiskLost | Stop::Restored | Stop::AskedFor => {
                machine.kill()?
            }
        }
        if amnesic {
            machine.disk.lose_all(ground)?;
        }
        let new_boot = amnesic || !matches!(how, Stop::Killed | Stop::AskedFor);
        self.ended(host, new_boot, spent_s);
        self.tell(&Event::Stopped { host, how });
        Ok(())
    }

    /// A host's process is gone.
    pub(super) fn ended(&mut self, host: HostId, new_boot: bool, spent_s: f64) {
        if let Some(known) = self.known.get_mut(&host) {
            known.dead.extend(known.epoch.take());
            known.spent_s += spent_s;
            known.new_boot |= new_boot;
            (known.up, known.told, known.frozen) = (false, false, false);
        }
        self.sights.set(host, None);
        self.tell_of_orphans();
        self.pages.remove(&host);
        self.shown.remove(&host);
        self.linked.retain(|(one, other)| *one != host && *other != host);
        if let Some(seat) = self.people.seats().get_mut(&host) {
            (seat.free, seat.taken) = (false, false);
        }
    }

    /// Starts a host's process, unless a fault keeps it down.
    pub(super) fn bring_up(&mut self, host: HostId) -> Result<(), NotRun> {
        let Some(known) = self.known.get_mut(&host) else {
            return Ok(());
        };
        if !known.held_by.is_empty() || known.up {
            return Ok(());
        }
        known.up = true;
        let new_boot = known.new_boot;
        let amnesic = self.scenario.site.is_amnesic(host);
        let Some(machine) = self.house.machines.get_mut(&host) else {
            return Ok(());
        };
        if new_boot {
            machine.boot(&mut self.draw)?;
        }
        if amnesic {
            self.house.keys.admit(self.house.ground, machine)?;
        }
        machine.start(self.house.ground)
    }

    fn freeze(&mut self, host: HostId) -> Result<(), NotRun> {
        if let Some(known) = self.known.get_mut(&host) {
            known.frozen = true;
        }
        self.sights.set(host, None);
        let machine = self.machine(host)?;
        if machine.is_started() { machine.freeze() } else { Ok(()) }
    }

    fn thaw(&mut self, host: HostId) -> Result<(), NotRun> {
        if let Some(known) = self.known.get_mut(&host) {
            known.frozen = false;
        }
        let machine = self.machine(host)?;
        if machine.is_started() { machine.thaw() } else { Ok(()) }
    }
}

/// Whether a fault that is said to last for no time is over as it begins.
fn is_momentary(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Kill { .. }
            | Fault::PowerCut { .. }
            | Fault::TornTail { .. }
            | Fault::Reboot { .. }
            | Fault::Amnesia { .. }
            | Fault::Restore { .. }
            | Fault::BitFlip { .. }
            | Fault::NewAddress { .. }
            | Fault::Revoke { .. }
    )
}

fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn index_u16(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
