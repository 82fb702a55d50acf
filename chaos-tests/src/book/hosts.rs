//! Machines, the processes that ran on them, the links between them, and what was wrong with each.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::{EpochId, KioskId, NodeId};

use crate::event::{Event, HostId, Stop};
use crate::fault::{Fault, Shape};

/// What kind of trouble a fault is. Clocks are none: by the laws of time no wall clock excuses
/// anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Messages are lost, late, or do not pass.
    Network,
    /// The process or the machine stands still, or ends.
    Process,
    /// The disk is slow, takes nothing, or lost something.
    Disk,
    /// Its key is in a thief's hands.
    Hostile,
    /// Its node was revoked.
    Revoked,
}

/// The start of a process: an epoch's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Birth {
    /// Where.
    pub host: HostId,
    /// The node that it is.
    pub node: NodeId,
    /// The kiosk that it serves.
    pub kiosk: Option<KioskId>,
    /// Number of the machine's boot.
    pub boot: u32,
    /// When.
    pub at_ms: u64,
}

/// A machine as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Number of its boot.
    pub boot: u32,
    /// The epochs of its processes since then, the latest last.
    pub epochs: Vec<EpochId>,
    /// Since when its process runs; `None` while none does.
    pub running_since: Option<u64>,
    /// Whether it forgets all when its process stops.
    pub amnesic: bool,
    /// Up to when what it staged is known to be on its disk.
    pub durable_ms: Option<u64>,
    /// When it was last known to have no link at all, since when; `None` while it has one.
    pub alone_since: Option<u64>,
    /// When it last had a link to a host that does not forget; now, while it has one.
    pub contact_ms: u64,
    /// Whether this process has had a link.
    pub linked_once: bool,
    /// Links to hosts that do not forget.
    pub lasting_links: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Hosts {
    machines: BTreeMap<HostId, Machine>,
    births: BTreeMap<EpochId, Birth>,
    reborn: Vec<(EpochId, HostId)>,
    links: BTreeMap<(HostId, HostId), u64>,
    ongoing: BTreeMap<u32, (Trouble, Option<Vec<HostId>>)>,
    /// When each trouble of a host was last over.
    over_ms: BTreeMap<(HostId, Trouble), u64>,
    /// Nodes that belong to the site and run nowhere any more: other machines took their places.
    replaced: BTreeSet<NodeId>,
}

impl Hosts {
    /// How many nodes run nowhere any more, though nobody has revoked them by that.
    pub fn replaced(&self) -> usize {
        self.replaced.len()
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events are not about machines")]
    pub(super) fn see(&mut self, at_ms: u64, event: &Event) {
        match event {
            Event::Started { host, node, kiosk, epoch, new_boot, amnesic } => {
                let before = self.machines.get(host);
                let boot = before.map_or(0, |machine| machine.boot + u32::from(*new_boot));
                let contact_ms = before.map_or(at_ms, |machine| machine.contact_ms);
                let birth = Birth { host: *host, node: *node, kiosk: *kiosk, boot, at_ms };
                let last = before.and_then(|machine| machine.epochs.last());
                let last = last.and_then(|epoch| self.births.get(epoch)).map(|birth| birth.node);
                self.replaced.extend(last.filter(|last| !amnesic && last != node));
                self.replaced.remove(node); // back from a copy of its disk
                if self.births.insert(*epoch, birth).is_some() {
                    self.reborn.push((*epoch, *host));
                }
                let mut epochs = match before {
                    Some(machine) if !new_boot => machine.epochs.clone(),
                    Some(_) | None => Vec::new(),
                };
                epochs.push(*epoch);
                let machine = Machine {
                    boot,
                    epochs,
                    running_since: Some(at_ms),
                    amnesic: *amnesic,
                    durable_ms: None,
                    alone_since: Some(at_ms),
                    contact_ms,
                    linked_once: false,
                    lasting_links: 0,
                };
                self.machines.insert(*host, machine);
            }
            Event::BeganLog { host, epoch } => {
                if let Some(machine) = self.machines.get_mut(host)
                    && let Some(last) = machine.epochs.last()
                    && let Some(birth) = self.births.get(last).copied()
                {
                    machine.epochs.push(*epoch);
                    self.births.insert(*epoch, Birth { at_ms, ..birth });
                }
            }
            Event::Stopped { host, .. } | Event::Fell { host, .. } => self.stop(*host, at_ms),
            Event::FaultBegan { number, fault, hosts } => {
                if let Some(trouble) = trouble_of(fault) {
                    let hosts = (!is_everybodys(fault)).then(|| hosts.clone());
                    self.ongoing.insert(*number, (trouble, hosts));
                }
            }
            Event::FaultEnded { number } => self.end_fault(*number, at_ms),
            Event::Healed => {
                let numbers: Vec<u32> = self.ongoing.keys().copied().collect();
                numbers.into_iter().for_each(|number| self.end_fault(number, at_ms));
            }
            Event::Linked { one, other } => {
                let fresh = self.links.insert(ends(*one, *other), at_ms).is_none();
                for (host, peer) in [(one, other), (other, one)] {
                    let forgets = self.machines.get(peer).is_some_and(|peer| peer.amnesic);
                    if let Some(machine) = self.machines.get_mut(host) {
                        machine.alone_since = None;
                        machine.linked_once = true;
                        if !forgets {
                            machine.contact_ms = at_ms;
                            machine.lasting_links += u32::from(fresh);
                        }
                    }
                }
            }
            Event::Unlinked { one, other } => self.unlink(*one, *other, at_ms),
            Event::Durable { host, staged_ms } => {
                if let Some(machine) = self.machines.get_mut(host) {
                    machine.durable_ms = machine.durable_ms.max(Some(*staged_ms));
                }
            }
            _ => {}
        }
    }

    fn stop(&mut self, host: HostId, at_ms: u64) {
        if let Some(machine) = self.machines.get_mut(&host) {
            machine.running_since = None;
        }
        for (one, other) in self.links_of(host) {
            self.unlink(one, other, at_ms);
        }
    }

    fn unlink(&mut self, one: HostId, other: HostId, at_ms: u64) {
        if self.links.remove(&ends(one, other)).is_none() {
            return;
        }
        for (host, peer) in [(one, other), (other, one)] {
            let none_left = self.links_of(host).is_empty();
            let forgets = self.machines.get(&peer).is_some_and(|peer| peer.amnesic);
            if let Some(machine) = self.machines.get_mut(&host) {
                if none_left {
                    machine.alone_since = Some(at_ms);
                }
                if !forgets {
                    machine.contact_ms = at_ms;
                    machine.lasting_links = machine.lasting_links.saturating_sub(1);
                }
            }
        }
    }

    fn end_fault(&mut self, number: u32, at_ms: u64) {
        let Some((trouble, hosts)) = self.ongoing.remove(&number) else {
            return;
        };
        let all = || self.machines.keys().copied().collect();
        let hosts: Vec<HostId> = hosts.unwrap_or_else(all);
        for host in hosts {
            self.over_ms.insert((host, trouble), at_ms);
        }
    }

    /// A machine.
    pub fn machine(&self, host: HostId) -> Option<&Machine> {
        self.machines.get(&host)
    }

    /// Every machine.
    pub fn machines(&self) -> impl Iterator<Item = (HostId, &Machine)> {
        self.machines.iter().map(|(host, machine)| (*host, machine))
    }

    /// Where an epoch began.
    pub fn of(&self, epoch: &EpochId) -> Option<&Birth> {
        self.births.get(epoch)
    }

    /// Every epoch's beginning.
    pub fn births(&self) -> impl Iterator<Item = (&EpochId, &Birth)> {
        self.births.iter()
    }

    /// Epochs that began twice, and where they did the second time.
    pub fn reborn(&self) -> &[(EpochId, HostId)] {
        &self.reborn
    }

    /// Since when two hosts have a link.
    pub fn link_since(&self, one: HostId, other: HostId) -> Option<u64> {
        self.links.get(&ends(one, other)).copied()
    }

    /// The links that stand: ends, and since when.
    pub fn links(&self) -> impl Iterator<Item = (HostId, HostId, u64)> {
        self.links.iter().map(|((one, other), since)| (*one, *other, *since))
    }

    /// The links of one host.
    pub fn links_of(&self, host: HostId) -> Vec<(HostId, HostId)> {
        let links = self.links.keys();
        links.filter(|(one, other)| *one == host || *other == host).copied().collect()
    }

    /// Hosts to which one has a link.
    pub fn neighbours(&self, host: HostId) -> BTreeSet<HostId> {
        let links = self.links_of(host).into_iter();
        links.map(|(one, other)| if one == host { other } else { one }).collect()
    }

    /// Since when a host has been in touch with a host that does not forget: now if it is, else when
    /// it last was.
    pub fn contact_ms(&self, host: HostId, at_ms: u64) -> u64 {
        let machine = self.machines.get(&host);
        machine.map_or(0, |known| if known.lasting_links > 0 { at_ms } else { known.contact_ms })
    }

    /// Whether a trouble is in force at a host.
    pub fn has(&self, host: HostId, trouble: Trouble) -> bool {
        self.ongoing.values().any(|(kind, hosts)| {
            *kind == trouble && hosts.as_ref().is_none_or(|hosts| hosts.contains(&host))
        })
    }

    /// Whether it ever was.
    pub fn had(&self, host: HostId, trouble: Trouble) -> bool {
        self.has(host, trouble) || self.over_ms.contains_key(&(host, trouble))
    }

    /// When it last was: now if it is.
    pub fn last_had(&self, host: HostId, trouble: Trouble, at_ms: u64) -> Option<u64> {
        let over = self.over_ms.get(&(host, trouble)).copied();
        if self.has(host, trouble) { Some(at_ms) } else { over }
    }

    /// Whether it was at any time since.
    pub fn had_since(&self, host: HostId, trouble: Trouble, since_ms: u64) -> bool {
        let over = self.over_ms.get(&(host, trouble));
        self.has(host, trouble) || over.is_some_and(|over| *over >= since_ms)
    }

    /// Whether anything is, or was since, wrong with anybody's network or process.
    pub fn unrest_since(&self, since_ms: u64) -> bool {
        let unrest = |trouble| matches!(trouble, Trouble::Network | Trouble::Process);
        self.ongoing.values().any(|(kind, _)| unrest(*kind))
            || self.over_ms.iter().any(|((_, kind), over)| unrest(*kind) && *over >= since_ms)
    }

    /// Whether a host has been up and nothing was wrong with it since.
    pub fn calm_since(&self, host: HostId, since_ms: u64) -> bool {
        let running = self.machines.get(&host).and_then(|machine| machine.running_since);
        let troubles = [Trouble::Network, Trouble::Process, Trouble::Disk];
        running.is_some_and(|running| running <= since_ms)
            && !troubles.iter().any(|trouble| self.had_since(host, *trouble, since_ms))
    }
}

/// Whether a stop takes what the disk held.
pub fn loses_disk(how: Stop, amnesic: bool) -> bool {
    amnesic || matches!(how, Stop::DiskLost | Stop::Restored)
}

/// Whether a stop ends the machine too, so that what runs next runs under another boot.
pub fn ends_boot(how: Stop) -> bool {
    !matches!(how, Stop::Killed | Stop::AskedFor)
}

fn ends(one: HostId, other: HostId) -> (HostId, HostId) {
    (one.min(other), one.max(other))
}

/// Whether a fault touches hosts that it does not name.
fn is_everybodys(fault: &Fault) -> bool {
    matches!(fault, Fault::Cut { shape: Shape::Bridge | Shape::Ring, .. })
}

fn trouble_of(fault: &Fault) -> Option<Trouble> {
    match fault {
        Fault::Cut { .. }
        | Fault::Flap { .. }
        | Fault::Degrade { .. }
        | Fault::NewAddress { .. } => Some(Trouble::Network),
        Fault::Kill { .. }
        | Fault::Pause { .. }
        | Fault::Suspend { .. }
        | Fault::PowerCut { .. }
        | Fault::Reboot { .. }
        | Fault::TornTail { .. }
        | Fault::OtherRelease { .. } => Some(Trouble::Process),
        Fault::Amnesia { .. }
        | Fault::Replace { .. }
        | Fault::Restore { .. }
        | Fault::Clone { .. }
        | Fault::DiskFull { .. }
        | Fault::DiskSlow { .. }
        | Fault::DiskFails { .. }
        | Fault::BitFlip { .. } => Some(Trouble::Disk),
        Fault::Hostile { .. } => Some(Trouble::Hostile),
        Fault::Revoke { .. } => Some(Trouble::Revoked),
        Fault::ClockJump { .. }
        | Fault::ClockLost { .. }
        | Fault::ClockStrobe { .. }
        | Fault::ClockDrift { .. } => None,
    }
}
