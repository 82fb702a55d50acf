//! The kinds of trouble that themes are made of.

use rand::RngExt;

use crate::event::HostId;
use crate::fault::{Fault, Hosts, Malice, Shape as CutShape};
use crate::scenario::{Load, Step};
use crate::sim::drawn::Draw;

impl Draw {
    /// A fault of so many seconds, at any time.
    pub(super) fn add(&mut self, steps: &mut Vec<Step>, for_s: std::ops::Range<u32>, fault: Fault) {
        let for_s = f64::from(self.rng.random_range(for_s));
        let at_s = f64::from(self.rng.random_range(0..self.last_fault_s()));
        steps.push(Step { at_s, for_s: Some(for_s), fault });
    }

    /// A fault of a moment.
    pub(super) fn add_moment(&mut self, steps: &mut Vec<Step>, fault: Fault) {
        let at_s = f64::from(self.rng.random_range(60..self.last_fault_s()));
        steps.push(Step { at_s, for_s: None, fault });
    }

    /// A stolen key, all the time.
    pub(super) fn hostile(&mut self, steps: &mut Vec<Step>, host: HostId, with: Malice) {
        let hosts = self.named(&[host]);
        steps.push(Step { at_s: 60.0, for_s: None, fault: Fault::Hostile { hosts, with } });
    }

    pub(super) fn disks(&mut self, steps: &mut Vec<Step>) {
        let barrier_ms = self.rng.random_range(50..4_000);
        let fault = Fault::DiskSlow { hosts: Hosts(String::from("all")), barrier_ms };
        steps.push(Step { at_s: 0.0, for_s: None, fault });
        for _ in 0..self.rng.random_range(4..=8) {
            let hosts = if self.chance(60) { Hosts(String::from("any-admin")) } else { self.one() };
            match self.rng.random_range(0..6) {
                0..3 => self.add_moment(steps, Fault::DiskFails { hosts }),
                3 => self.add(steps, 30..200, Fault::DiskFull { hosts }),
                4 => self.add(steps, 1..60, Fault::PowerCut { hosts }),
                _ => self.add(steps, 1..60, Fault::TornTail { hosts }),
            }
        }
    }

    pub(super) fn restarts(&mut self, steps: &mut Vec<Step>) {
        for _ in 0..self.rng.random_range(4..=10) {
            let hosts = self.some();
            match self.rng.random_range(0..5) {
                0 | 1 => self.add(steps, 1..90, Fault::Kill { hosts }),
                2 => self.add(steps, 1..90, Fault::PowerCut { hosts }),
                3 => self.add(steps, 1..90, Fault::Reboot { hosts }),
                _ => self.add(steps, 1..90, Fault::Suspend { hosts }),
            }
        }
    }

    /// A kiosk that nobody reaches for long, and whose process is restarted meanwhile.
    pub(super) fn lonely(&mut self, steps: &mut Vec<Step>) {
        let (host, at_s) = (self.kiosk(), f64::from(self.rng.random_range(60..600)));
        let (hosts, for_s) = (self.named(&[host]), f64::from(self.rng.random_range(200..600)));
        let fault = Fault::Cut { hosts, shape: CutShape::Apart };
        steps.push(Step { at_s, for_s: Some(for_s), fault });
        for _ in 0..self.rng.random_range(0..4) {
            let share: f64 = self.rng.random_range(0.1..0.9);
            self.crash(steps, host, at_s + (for_s * share).round());
        }
    }

    /// A process that crashes, again and again.
    pub(super) fn crashes(&mut self, steps: &mut Vec<Step>) {
        let (host, mut at_s) = (self.kiosk(), f64::from(self.rng.random_range(120..800)));
        for _ in 0..self.rng.random_range(10..=16) {
            self.crash(steps, host, at_s);
            at_s += f64::from(self.rng.random_range(9..15));
        }
    }

    pub(super) fn crash(&mut self, steps: &mut Vec<Step>, host: HostId, at_s: f64) {
        let fault = Fault::Kill { hosts: self.named(&[host]) };
        steps.push(Step { at_s, for_s: Some(1.0), fault });
    }

    pub(super) fn cuts(&mut self, steps: &mut Vec<Step>) {
        for _ in 0..self.rng.random_range(2..=5) {
            let (hosts, shape) = (self.some(), self.cut_shape());
            self.add(steps, 20..400, Fault::Cut { hosts, shape });
        }
    }

    /// The halves part again and again; each time a code is typed in both.
    pub(super) fn halves(&mut self, load: &mut Vec<Load>, steps: &mut Vec<Step>) {
        let mut at_s: u32 = 60;
        while at_s < self.last_fault_s() {
            let lasts_s: u32 = self.rng.random_range(60..240);
            let (hosts, shape) = (Hosts(String::from("half")), CutShape::Apart);
            let (from_s, for_s) = (f64::from(at_s), f64::from(lasts_s));
            let fault = Fault::Cut { hosts, shape };
            steps.push(Step { at_s: from_s, for_s: Some(for_s), fault });
            let hosts = Hosts(String::from("poste-1+poste-2"));
            let (at, minutes) = (u64::from(at_s + lasts_s / 3), self.rng.random_range(3..=20));
            load.push(Load::SameCode { at_s: at, hosts, minutes });
            // Long enough, at times, for whoever keeps what another has to be seen with it.
            at_s += lasts_s + self.rng.random_range(20..160);
        }
        load.push(Load::ExtendAgainstClose { at_s: self.at_s(), times: 6 });
    }

    /// Copies of kiosks' disks that run on other machines, while some of the first ones restart.
    pub(super) fn copies(&mut self, steps: &mut Vec<Step>) {
        for _ in 0..if self.chance(30) { 2 } else { 1 } {
            let host = self.kiosk();
            let hosts = self.named(&[host]);
            self.add(steps, 100..600, Fault::Clone { hosts });
        }
        if self.chance(50) {
            self.crashes(steps);
        }
        if self.chance(30) {
            self.cuts(steps);
        }
    }

    pub(super) fn wires(&mut self, steps: &mut Vec<Step>) {
        let hosts = Hosts(String::from("all"));
        let (loss, duplicate) = (self.rng.random_range(15..=30), self.among(&[0, 10, 40], 10));
        let fault = Fault::Degrade {
            hosts,
            loss,
            duplicate,
            reorder: self.among(&[0, 10, 40], 10),
            corrupt: 0,
            delay_ms: self.among(&[0, 20, 200], 20),
            jitter_ms: self.among(&[0, 50, 400], 50),
            kilobytes_s: 0,
        };
        steps.push(Step { at_s: 30.0, for_s: None, fault });
        // A link that ends makes good what was lost on it.
        if self.chance(40) {
            self.cuts(steps);
        }
    }

    /// Machines with the other release; what one of them wrote is soon held by one other only.
    pub(super) fn releases(&mut self, steps: &mut Vec<Step>) {
        for _ in 0..3 {
            let hosts = self.some();
            self.add(steps, 60..500, Fault::OtherRelease { hosts });
        }
        self.cuts(steps);
        let (host, at_s) = (self.kiosk(), f64::from(self.rng.random_range(60..600)));
        let (writer, pair) = (self.named(&[host]), self.with_another(host));
        let release = Fault::OtherRelease { hosts: writer.clone() };
        steps.push(Step { at_s, for_s: Some(120.0), fault: release });
        let cut = Fault::Cut { hosts: pair, shape: CutShape::Apart };
        steps.push(Step { at_s: at_s + 5.0, for_s: Some(110.0), fault: cut });
        let lost = Fault::Amnesia { hosts: writer };
        steps.push(Step { at_s: at_s + 100.0, for_s: Some(5.0), fault: lost });
    }

    /// A kiosk and another one.
    pub(super) fn with_another(&mut self, host: HostId) -> Hosts {
        let mut other = self.kiosk();
        while other == host {
            other = self.kiosk();
        }
        self.named(&[host, other])
    }

    /// A thief whom two desks revoke that do not see each other: each cuts where it stands.
    pub(super) fn revoked_twice(&mut self, steps: &mut Vec<Step>) {
        let thief = self.kiosk();
        let at_s = f64::from(self.rng.random_range(60..self.last_fault_s()));
        let hosts = self.named(&[thief]);
        let fault = Fault::Hostile { hosts, with: Malice::Defy };
        steps.push(Step { at_s: at_s - 60.0, for_s: Some(200.0), fault });
        let fault = Fault::Cut { hosts: self.named(&[HostId(1)]), shape: CutShape::Apart };
        steps.push(Step { at_s: at_s - 30.0, for_s: Some(60.0), fault });
        for desk in [HostId(0), HostId(1)] {
            let (hosts, on) = (self.named(&[thief]), self.named(&[desk]));
            steps.push(Step { at_s, for_s: None, fault: Fault::Revoke { hosts, on } });
        }
    }

    /// A kiosk that is revoked while it and another hear nobody: for a while it counts there still.
    pub(super) fn revoked_unheard(&mut self, steps: &mut Vec<Step>) {
        let thief = self.kiosk();
        let (hosts, pair, on) =
            (self.named(&[thief]), self.with_another(thief), self.named(&[HostId(0)]));
        let at_s = f64::from(self.rng.random_range(60..self.last_fault_s() - 200));
        let fault = Fault::Cut { hosts: pair, shape: CutShape::Apart };
        steps.push(Step { at_s, for_s: Some(240.0), fault });
        if self.chance(50) {
            let fault = Fault::Hostile { hosts: hosts.clone(), with: Malice::Defy };
            steps.push(Step { at_s, for_s: Some(300.0), fault });
        }
        let fault = Fault::Revoke { hosts, on };
        steps.push(Step { at_s: at_s + 20.0, for_s: None, fault });
    }

    /// Admin nodes that are cut off, or come back with an older disk.
    pub(super) fn admins_away(&mut self, steps: &mut Vec<Step>) {
        for _ in 0..self.rng.random_range(2..=4) {
            let hosts = Hosts(String::from("any-admin"));
            match self.rng.random_range(0..4) {
                0 => {
                    let age_ms = self.rng.random_range(10_000..400_000);
                    self.add(steps, 1..60, Fault::Restore { hosts, age_ms });
                }
                1 => self.add(steps, 30..300, Fault::PowerCut { hosts }),
                _ => self.add(steps, 30..300, Fault::Cut { hosts, shape: CutShape::Alone }),
            }
        }
    }
}
