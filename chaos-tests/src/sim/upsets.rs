//! Faults: how the simulator carries each of them out, and how it ends.

use std::collections::{BTreeMap, BTreeSet};

use actors::replica::Identity;
use domain::authority::NodeKind;
use domain::fact::{CUTS_IN_PART, Cut, MOST_PARTS};
use domain::id::RequestId;
use rand::RngExt;

use super::agenda::Due;
use super::clock::{MachineClock, Wrong};
use super::disk::Disk;
use super::founding::machine_of;
use super::machine::Host;
use super::network::Quality;
use super::world::{RESTART_MS, World};
use crate::event::{Event, HostId, Stop};
use crate::fault::{Fault, Shape};

/// A machine boots in so long.
const BOOT_MS: u64 = 20_000;
/// Whoever looks after a broken disk comes after so long.
const REPAIR_MS: u64 = 15_000;

/// A fault in force.
pub(super) struct Active {
    pub(super) fault: Fault,
    pub(super) hosts: Vec<HostId>,
    /// Of a flapping switch: whether it is off now.
    pub(super) off: bool,
    /// Machines that exist for it alone.
    extra: Vec<HostId>,
}

/// What goes wrong now.
#[derive(Default)]
pub(super) struct Upsets {
    pub(super) active: BTreeMap<u32, Active>,
    begun: u32,
    copies: BTreeMap<(usize, HostId), (Identity, Disk)>,
}

impl World {
    /// A fault of the scenario begins.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others befall hosts one by one")]
    pub(super) fn upset(&mut self, step: usize) {
        let (Some(planned), Some(hosts)) =
            (self.scenario.fault.get(step).cloned(), self.cast.faults.get(step).cloned())
        else {
            return;
        };
        self.upsets.begun += 1;
        let number = self.upsets.begun;
        let fault = planned.fault;
        self.tell(Event::FaultBegan { number, fault: fault.clone(), hosts: hosts.clone() });
        let active =
            Active { fault: fault.clone(), hosts: hosts.clone(), off: true, extra: Vec::new() };
        self.upsets.active.insert(number, active);
        match &fault {
            Fault::Cut { .. } => self.relay_paths(),
            Fault::Flap { period_ms, .. } => {
                self.relay_paths();
                self.later(*period_ms, Due::Flap { number });
            }
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
                let quality = Quality {
                    loss: (*loss).min(30),
                    duplicate: *duplicate,
                    reorder: *reorder,
                    corrupt: *corrupt,
                    delay_ms: *delay_ms,
                    jitter_ms: *jitter_ms,
                    kilobytes_s: *kilobytes_s,
                };
                self.net.degrade(number, hosts, quality);
                self.lay_wires();
            }
            Fault::Revoke { .. } => {
                let on = self.cast.done_on.get(step).copied().flatten();
                self.revoke(&hosts, on);
            }
            Fault::Clone { .. } => {
                for host in hosts {
                    let copy = self.clone_machine(host);
                    if let Some(active) = self.upsets.active.get_mut(&number) {
                        active.extra.extend(copy);
                    }
                }
            }
            _ => {
                for host in hosts {
                    self.upset_host(host, &fault, number, step);
                }
            }
        }
        let lasts = planned.for_s.map(milliseconds).or_else(|| lasts_when_not_said(&fault));
        if let Some(lasts) = lasts {
            self.later(lasts, Due::Mend { number });
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "faults of paths are not about a host")]
    fn upset_host(&mut self, host: HostId, fault: &Fault, number: u32, step: usize) {
        let now = self.now();
        let wrong = |world: &Self, wrong: Wrong| {
            if let Some(home) = world.stage.host(host) {
                home.clock.upset(number, wrong);
            }
        };
        match *fault {
            Fault::NewAddress { .. } => self.sever(host),
            Fault::Kill { .. } => self.take_down(host, Stop::Killed),
            Fault::PowerCut { .. } => self.take_down(host, Stop::PowerLost),
            Fault::Reboot { .. } => self.take_down(host, Stop::Rebooted),
            Fault::Amnesia { .. } => self.take_down(host, Stop::DiskLost),
            Fault::Replace { .. } => self.replace(host),
            Fault::Restore { .. } => {
                self.take_down(host, Stop::Restored);
                let copy = self.upsets.copies.remove(&(step, host));
                if let Some(home) = self.stage.host_mut(host) {
                    // A copy holds the node's key: where another machine took the place since, it is the
                    // former node that comes back. (World 702529.)
                    (home.identity, home.disk) =
                        copy.unwrap_or_else(|| (home.identity.clone(), home.disk.emptied()));
                    home.restored = true;
                }
            }
            Fault::TornTail { .. } => {
                let some = self.rng.random::<u32>() as usize;
                let torn = self
                    .stage
                    .host(host)
                    .map(|home| home.disk.after_power_cut(some % (home.disk.pending() + 1)));
                self.take_down(host, Stop::PowerLost);
                if let (Some(home), Some(torn)) = (self.stage.host_mut(host), torn) {
                    home.disk = torn;
                }
            }
            Fault::BitFlip { .. } => {
                self.take_down(host, Stop::PowerLost);
                if let Some(home) = self.stage.host_mut(host) {
                    home.damaged = true;
                }
            }
            Fault::OtherRelease { .. } => {
                if let Some(home) = self.stage.host_mut(host) {
                    home.later_release = true;
                }
                self.restart(host);
            }
            Fault::Pause { .. } | Fault::Suspend { .. } => {
                if let Some(home) = self.stage.host_mut(host).filter(|home| home.process.is_some())
                {
                    home.frozen += 1;
                }
                self.refresh_of(host);
            }
            Fault::DiskFull { .. } => self.on_disk(host, |home| home.disk.set_full(true)),
            Fault::DiskFails { .. } => self.on_disk(host, |home| home.disk.fail_next_barrier(true)),
            Fault::DiskSlow { barrier_ms, .. } => {
                self.on_disk(host, |home| home.barrier_ms = barrier_ms.into());
            }
            Fault::ClockJump { by_s, .. } => {
                wrong(self, Wrong::Ahead { by_ms: by_s.saturating_mul(1_000) });
            }
            Fault::ClockLost { .. } => wrong(self, Wrong::Lost { since: now }),
            Fault::ClockStrobe { by_s, period_ms, .. } => {
                let by_ms = by_s.saturating_mul(1_000);
                wrong(self, Wrong::Strobe { by_ms, period_ms, since: now });
            }
            Fault::ClockDrift { millionths, .. } => {
                wrong(self, Wrong::Drift { millionths, since: now });
            }
            Fault::Hostile { .. } => {
                if let Some(home) = self.stage.host_mut(host) {
                    home.hostile = true;
                }
                self.later(0, Due::Attack { host, number });
            }
            _ => {}
        }
    }

    fn on_disk(&mut self, host: HostId, with: impl FnOnce(&mut Host)) {
        if let Some(home) = self.stage.host_mut(host) {
            with(home);
        }
    }

    /// A fault ends.
    pub(super) fn mend(&mut self, number: u32) {
        let Some(active) = self.upsets.active.remove(&number) else {
            return;
        };
        for copy in active.extra {
            // Nobody ever switches it on again: what it told nobody is gone. (World 500605.)
            self.take_down(copy, Stop::DiskLost);
        }
        self.net.mend(number);
        self.lay_paths();
        self.tell(Event::FaultEnded { number });
        for host in active.hosts {
            self.mend_host(host, &active.fault, number);
        }
        self.refresh_all();
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is left has nothing to mend")]
    fn mend_host(&mut self, host: HostId, fault: &Fault, number: u32) {
        match fault {
            Fault::Kill { .. } => self.bring_up(host, RESTART_MS),
            Fault::PowerCut { .. }
            | Fault::Reboot { .. }
            | Fault::Amnesia { .. }
            | Fault::Replace { .. }
            | Fault::Restore { .. }
            | Fault::TornTail { .. }
            | Fault::BitFlip { .. } => {
                let wait = self.rng.random_range(BOOT_MS / 4..=BOOT_MS);
                self.bring_up(host, wait);
            }
            Fault::OtherRelease { .. } => {
                if let Some(home) = self.stage.host_mut(host) {
                    home.later_release = false;
                }
                self.restart(host);
            }
            Fault::Pause { .. } | Fault::Suspend { .. } => {
                let Some(home) = self.stage.host_mut(host).filter(|home| home.frozen > 0) else {
                    return;
                };
                home.frozen -= 1;
                if home.frozen == 0 {
                    self.wake_up(host, matches!(fault, Fault::Suspend { .. }));
                    self.refresh_of(host);
                }
            }
            Fault::DiskFull { .. } => {
                self.on_disk(host, |home| home.disk.set_full(false));
                self.repair(host);
            }
            Fault::DiskFails { .. } => {
                self.on_disk(host, |home| home.disk.fail_next_barrier(false));
                self.repair(host);
            }
            Fault::DiskSlow { .. } => self.on_disk(host, |home| home.barrier_ms = 0),
            Fault::ClockJump { .. }
            | Fault::ClockLost { .. }
            | Fault::ClockStrobe { .. }
            | Fault::ClockDrift { .. } => {
                if let Some(home) = self.stage.host(host) {
                    home.clock.mend(number);
                }
            }
            _ => {}
        }
    }

    /// Whether a host's disk takes nothing.
    pub(super) fn is_disk_full(&self, host: HostId) -> bool {
        self.upsets.active.values().any(|active| {
            matches!(active.fault, Fault::DiskFull { .. }) && active.hosts.contains(&host)
        })
    }

    /// No fault is in force any more.
    pub(super) fn heal(&mut self) {
        let numbers: Vec<u32> = self.upsets.active.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.mend(number));
        let hosts: Vec<HostId> = self.stage.hosts.iter().map(|home| home.id).collect();
        for host in hosts {
            self.repair(host);
        }
        self.tell(Event::Healed);
    }

    fn take_down(&mut self, host: HostId, how: Stop) {
        if let Some(home) = self.stage.host_mut(host) {
            home.held_down += 1;
        }
        self.stop(host, how);
    }

    /// Another machine takes the place of a host's.
    fn replace(&mut self, host: HostId) {
        self.take_down(host, Stop::DiskLost);
        let Some(home) = self.stage.host_mut(host) else {
            return;
        };
        let amnesic = home.identity.amnesic;
        home.identity = match home.identity.kind {
            NodeKind::Admin => self.founding.admin(host, &mut self.rng),
            NodeKind::Kiosk => self.founding.kiosk(host, amnesic, &mut self.rng),
        };
    }

    fn bring_up(&mut self, host: HostId, wait: u64) {
        if let Some(home) = self.stage.host_mut(host) {
            home.held_down = home.held_down.saturating_sub(1);
        }
        self.start_in(host, wait);
    }

    fn restart(&mut self, host: HostId) {
        if self.stage.host(host).is_some_and(|home| home.process.is_some()) {
            self.stop(host, Stop::Killed);
            self.start_in(host, RESTART_MS);
        }
    }

    /// A node whose disk has failed says so to its staff, who start it again.
    fn repair(&mut self, host: HostId) {
        let process = self.stage.host(host).and_then(|home| home.process.as_ref());
        if process.is_some_and(|process| process.replica.is_disk_failed()) {
            self.restart(host);
        }
    }

    fn refresh_of(&mut self, host: HostId) {
        self.lay_wires();
        for pair in self.net.pairs_of(host) {
            self.refresh(pair);
        }
    }

    /// Opens and closes paths as all faults in force want it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other faults cut no paths")]
    fn lay_paths(&mut self) {
        let all: Vec<HostId> = self.stage.hosts.iter().map(|home| home.id).collect();
        let mut silences = BTreeSet::new();
        for active in self.upsets.active.values() {
            match &active.fault {
                Fault::Cut { shape, .. } => silences.extend(shape.silences(&active.hosts, &all)),
                Fault::Flap { .. } if active.off => {
                    silences.extend(Shape::Apart.silences(&active.hosts, &all));
                }
                _ => {}
            }
        }
        self.net.silence_only(&silences);
    }

    fn relay_paths(&mut self) {
        self.lay_paths();
        self.refresh_all();
    }

    /// A switch that flaps turns.
    pub(super) fn flap(&mut self, number: u32) {
        let Some(active) = self.upsets.active.get_mut(&number) else {
            return;
        };
        active.off = !active.off;
        if let Fault::Flap { period_ms, .. } = active.fault {
            self.later(period_ms.max(1), Due::Flap { number });
        }
        self.relay_paths();
    }

    /// Notes the copies that faults of the scenario will bring back.
    pub(super) fn plan_copies(&mut self) {
        let begins_at = self.begins_at;
        for (step, planned) in self.scenario.fault.iter().enumerate() {
            if let Fault::Restore { age_ms, .. } = planned.fault {
                let at = begins_at + milliseconds(planned.at_s).saturating_sub(age_ms);
                self.agenda.note(at, Due::Copy { step });
            }
        }
    }

    /// Copies the disks that a fault will bring back.
    pub(super) fn copy_disks(&mut self, step: usize) {
        for host in self.cast.faults.get(step).cloned().unwrap_or_default() {
            if let Some(home) = self.stage.host(host) {
                let copy = (home.identity.clone(), home.disk.after_power_cut(0));
                self.upsets.copies.insert((step, host), copy);
            }
        }
    }

    /// A second machine with the first one's disk.
    fn clone_machine(&mut self, host: HostId) -> Option<HostId> {
        let original = self.stage.host(host)?;
        let id = HostId(u16::try_from(self.stage.hosts.len()).ok()?);
        let copy = Host {
            id,
            name: format!("{}-copie", original.name),
            identity: Identity { machine: machine_of(id), ..original.identity.clone() },
            clock: std::rc::Rc::new(MachineClock::new(self.time.clone())),
            disk: original.disk.after_power_cut(0),
            process: None,
            held_down: 0,
            boots: true,
            frozen: 0,
            hostile: original.hostile,
            later_release: false,
            barrier_ms: 0,
            damaged: false,
            restored: false,
        };
        self.stage.hosts.push(copy);
        self.start_in(id, 0);
        Some(id)
    }

    /// An operator revokes the nodes of hosts, with what an admin node holds of them as the cut.
    fn revoke(&mut self, hosts: &[HostId], on: Option<HostId>) {
        let desks = on.into_iter().chain(self.admin_hosts());
        let desk = desks
            .filter(|host| !hosts.contains(host))
            .find(|host| self.stage.host(*host).is_some_and(|home| home.runs()));
        for host in hosts {
            let Some(node) = self.stage.host(*host).map(|home| home.identity.node()) else {
                continue;
            };
            let Some(process) = desk.and_then(|desk| self.stage.running(desk)) else {
                return;
            };
            let replica = &process.replica;
            let of_node = replica.frontier().filter(|reach| {
                reach.height > 1 && replica.site().node_of(&reach.epoch) == Some(node)
            });
            let mut cut: Vec<Cut> = of_node
                .map(|reach| Cut { epoch: reach.epoch, height: reach.height, head: reach.head })
                .collect();
            cut.sort_by_key(|cut| (std::cmp::Reverse(cut.height), cut.epoch));
            cut.truncate(CUTS_IN_PART * usize::from(MOST_PARTS));
            let intent = RequestId(self.rng.random());
            if let Some(desk) = desk {
                self.revoke_node(desk, *host, node, cut, intent);
            }
        }
    }
}

/// How long a fault lasts of which nothing is said: what can only be of a moment takes as long as a
/// machine or a person does, everything else lasts until healing.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest lasts until healing")]
fn lasts_when_not_said(fault: &Fault) -> Option<u64> {
    match fault {
        Fault::Kill { .. }
        | Fault::PowerCut { .. }
        | Fault::Reboot { .. }
        | Fault::Amnesia { .. }
        | Fault::Replace { .. }
        | Fault::Restore { .. }
        | Fault::TornTail { .. }
        | Fault::BitFlip { .. }
        | Fault::NewAddress { .. }
        | Fault::Revoke { .. } => Some(RESTART_MS),
        Fault::DiskFails { .. } => Some(REPAIR_MS),
        _ => None,
    }
}

/// Seconds of a scenario in milliseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a week")]
pub(super) fn milliseconds(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1_000.0).round() as u64
}
