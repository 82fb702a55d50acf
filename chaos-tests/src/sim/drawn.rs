//! Worlds that nobody thought of: a scenario drawn from a seed.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::event::HostId;
use crate::fault::{Fault, Hosts, Malice, Shape as CutShape};
use crate::scenario::{Hold, Limits, Load, Policy, Scenario, Shape, Step, Words};

/// Length of a drawn world before it is healed, in seconds.
const LASTS_S: u32 = 3_600;
/// Faults begin so many seconds before healing at the latest: the last ones end before it, or with it.
const BEFORE_HEALING_S: u32 = 300;

impl Scenario {
    /// A random site with random trouble and random people; equal for equal seeds.
    pub fn drawn(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let site = shape(&mut rng);
        let mut draw = Draw { rng, site, lasts_s: LASTS_S };
        let load = draw.loads();
        let fault = draw.faults();
        let about = Words {
            fr: String::from("Site, pannes et public tirés au sort."),
            en: String::from("Site, faults and people drawn at random."),
        };
        draw.scenario(seed, about, load, fault)
    }
}

fn shape(rng: &mut StdRng) -> Shape {
    let kiosks = rng.random_range(3..=12);
    let policies = [Policy::Finish, Policy::Codes, Policy::Lock];
    Shape {
        admins: rng.random_range(2..=3),
        kiosks,
        amnesic: if rng.random_bool(0.4) { rng.random_range(1..=kiosks / 3) } else { 0 },
        policy: policies.choose(rng).copied().unwrap_or_default(),
        allowance_min: None,
        history_days: 0,
        checkpoint_after: None,
        checkpoint_every_min: None,
    }
}

/// A world that is being drawn.
pub(super) struct Draw {
    pub(super) rng: StdRng,
    pub(super) site: Shape,
    pub(super) lasts_s: u32,
}

impl Draw {
    /// The world, with its faults in their order; none outlasts the run.
    pub(super) fn scenario(
        self,
        seed: u64,
        about: Words,
        load: Vec<Load>,
        mut fault: Vec<Step>,
    ) -> Scenario {
        let tenths = f64::from(self.lasts_s) * 10.0;
        for step in &mut fault {
            let most_s = (tenths - step.at_s * 10.0 - 0.5).floor() / 10.0;
            step.for_s = step.for_s.map(|for_s| for_s.min(most_s));
        }
        fault.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
        let title = format!("seed {seed}");
        Scenario {
            title: Words { fr: title.clone(), en: title },
            about,
            site: self.site,
            lasts_s: u64::from(self.lasts_s),
            seed: i64::try_from(seed).is_ok().then_some(seed),
            hold: Hold::default(),
            promise: Vec::new(),
            load,
            fault,
            limits: Limits::default(),
        }
    }

    pub(super) fn chance(&mut self, hundredths: u32) -> bool {
        self.rng.random_range(0..100) < hundredths
    }

    pub(super) fn among<T: Copy>(&mut self, all: &[T], usual: T) -> T {
        all.choose(&mut self.rng).copied().unwrap_or(usual)
    }

    pub(super) fn kiosk(&mut self) -> HostId {
        HostId(self.rng.random_range(self.site.admins..self.site.admins + self.site.kiosks))
    }

    pub(super) fn host(&mut self) -> HostId {
        HostId(self.rng.random_range(0..self.site.admins + self.site.kiosks))
    }

    pub(super) fn named(&self, hosts: &[HostId]) -> Hosts {
        Hosts::named(hosts, &self.site)
    }

    /// Some hosts, few as a rule.
    pub(super) fn some(&mut self) -> Hosts {
        let count = self.among(&[1, 1, 1, 2, 2, 3], 1);
        let mut hosts: Vec<HostId> = (0..count).map(|_| self.host()).collect();
        hosts.sort();
        hosts.dedup();
        self.named(&hosts)
    }

    pub(super) fn one(&mut self) -> Hosts {
        let host = self.host();
        self.named(&[host])
    }

    pub(super) fn kiosks(&mut self, most: usize) -> Hosts {
        let count = self.rng.random_range(1..=most);
        let mut hosts: Vec<HostId> = (0..count).map(|_| self.kiosk()).collect();
        hosts.sort();
        hosts.dedup();
        self.named(&hosts)
    }

    pub(super) fn last_fault_s(&self) -> u32 {
        self.lasts_s - BEFORE_HEALING_S
    }

    pub(super) fn at_s(&mut self) -> u64 {
        self.rng.random_range(0..u64::from(self.last_fault_s()))
    }

    fn loads(&mut self) -> Vec<Load> {
        let mut loads = vec![
            Load::Patrons {
                from_s: 0,
                per_hour: self.rng.random_range(15..=90),
                minutes: self.rng.random_range(2..=45),
            },
            Load::Operators { from_s: 0, per_hour: self.rng.random_range(20..=150) },
        ];
        if self.chance(35) {
            let minutes = self.rng.random_range(3..=40);
            loads.push(Load::SameCode { at_s: self.at_s(), hosts: self.kiosks(3), minutes });
        }
        if self.chance(30) {
            let times = self.rng.random_range(1..=6);
            loads.push(Load::ExtendAgainstClose { at_s: self.at_s(), times });
        }
        if self.chance(20) {
            let times = self.rng.random_range(2..=8);
            loads.push(Load::RebootAbuse { at_s: self.at_s(), hosts: self.kiosks(1), times });
        }
        if self.chance(20) {
            loads.push(Load::batch(self.at_s(), self.rng.random_range(2..=60)));
        }
        if self.chance(15) {
            let times = self.rng.random_range(1..=12);
            loads.push(Load::WrongCodes { at_s: self.at_s(), hosts: self.kiosks(2), times });
        }
        if self.chance(10) {
            loads.push(Load::ClosingTime { at_s: self.at_s() });
        }
        if self.chance(8) {
            loads.push(Load::OpeningRush { at_s: self.rng.random_range(30..300), within_s: 60 });
        }
        loads
    }

    fn faults(&mut self) -> Vec<Step> {
        let count = self.rng.random_range(2..=16);
        let mut steps: Vec<Step> = (0..count).map(|_| self.step()).collect();
        if self.chance(30) {
            self.thief(&mut steps);
        }
        if self.chance(12) {
            let (hosts, on) = (self.one(), self.named(&[HostId(0)]));
            let at_s = f64::from(self.rng.random_range(60..self.last_fault_s()));
            steps.push(Step { at_s, for_s: None, fault: Fault::Revoke { hosts, on } });
        }
        if self.chance(15) {
            self.replacement(&mut steps);
        }
        steps
    }

    /// Another machine takes an admin host's place, or a kiosk's: soon after its node was revoked, where
    /// that happens.
    fn replacement(&mut self, steps: &mut Vec<Step>) {
        let revoked = steps.iter().find_map(|step| {
            let Fault::Revoke { hosts, .. } = &step.fault else {
                return None;
            };
            Some((hosts.clone(), step.at_s))
        });
        let admin = HostId(self.rng.random_range(0..self.site.admins));
        let (hosts, from_s) = match revoked {
            Some(revoked) if self.chance(70) => revoked,
            _ => {
                let hosts = if self.chance(70) { self.named(&[admin]) } else { self.one() };
                (hosts, f64::from(self.rng.random_range(0..self.last_fault_s())))
            }
        };
        let at_s = from_s + f64::from(self.rng.random_range(1..400));
        let at_s = at_s.min(f64::from(self.last_fault_s()));
        let for_s = Some(f64::from(self.rng.random_range(1..300)));
        steps.push(Step { at_s, for_s, fault: Fault::Replace { hosts } });
    }

    /// A stolen key, and sooner or later its revocation.
    pub(super) fn thief(&mut self, steps: &mut Vec<Step>) {
        let host = if self.chance(85) { self.kiosk() } else { self.host() };
        let kinds = [
            Malice::Forge,
            Malice::Replay,
            Malice::Equivocate,
            Malice::Flood,
            Malice::Defy,
            Malice::Poison,
        ];
        let at_s = f64::from(self.rng.random_range(0..self.last_fault_s()));
        for _ in 0..self.rng.random_range(1..=3) {
            let with = self.among(&kinds, Malice::Forge);
            let for_s = Some(f64::from(self.rng.random_range(30..1_200)));
            let hosts = self.named(&[host]);
            steps.push(Step { at_s, for_s, fault: Fault::Hostile { hosts, with } });
        }
        if self.chance(60) {
            let desks: Vec<HostId> = self.site.admin_hosts().filter(|desk| *desk != host).collect();
            let desk = desks.choose(&mut self.rng).copied().unwrap_or(HostId(0));
            let (hosts, on) = (self.named(&[host]), self.named(&[desk]));
            let at_s = (at_s + f64::from(self.rng.random_range(10..600)))
                .min(f64::from(self.lasts_s) - 10.0);
            steps.push(Step { at_s, for_s: None, fault: Fault::Revoke { hosts, on } });
        }
    }

    pub(super) fn step(&mut self) -> Step {
        let at_s = f64::from(self.rng.random_range(0..self.last_fault_s() * 10)) / 10.0;
        // Short ones are as many as long ones, on a scale that doubles.
        let doublings: f64 = self.rng.random_range(0.0..9.0);
        let for_s = (doublings.exp2() * 10.0).round() / 10.0;
        let (fault, lasts) = self.fault();
        Step { at_s, for_s: lasts.then_some(for_s), fault }
    }

    /// A fault, and whether it has a length.
    fn fault(&mut self) -> (Fault, bool) {
        match self.rng.random_range(0..24) {
            0..4 => (Fault::Cut { hosts: self.some(), shape: self.cut_shape() }, true),
            4 => {
                let hosts = Hosts(String::from("all"));
                let shape = self.among(&[CutShape::Ring, CutShape::Alone], CutShape::Ring);
                (Fault::Cut { hosts, shape }, true)
            }
            5 => {
                let period_ms = self.rng.random_range(500..15_000);
                (Fault::Flap { hosts: self.some(), period_ms }, true)
            }
            6 | 7 => (self.degrade(), true),
            8 => (Fault::NewAddress { hosts: self.some() }, false),
            9 => (Fault::Kill { hosts: self.some() }, true),
            10 => (Fault::Pause { hosts: self.some() }, true),
            11 => (Fault::Suspend { hosts: self.some() }, true),
            12 => (Fault::PowerCut { hosts: self.some() }, true),
            13 => (Fault::Reboot { hosts: self.some() }, true),
            14 => (Fault::Amnesia { hosts: self.one() }, true),
            15 => {
                let age_ms = self.rng.random_range(1_000..1_800_000);
                (Fault::Restore { hosts: self.one(), age_ms }, true)
            }
            16 => (Fault::Clone { hosts: self.one() }, true),
            17 => (Fault::OtherRelease { hosts: self.some() }, true),
            18 => (Fault::DiskFull { hosts: self.one() }, true),
            19 => {
                let barrier_ms = self.rng.random_range(10..4_000);
                (Fault::DiskSlow { hosts: self.some(), barrier_ms }, true)
            }
            20 => (Fault::DiskFails { hosts: self.one() }, false),
            21 => (Fault::TornTail { hosts: self.some() }, true),
            22 => (Fault::BitFlip { hosts: self.one() }, true),
            _ => (self.clock(), true),
        }
    }

    pub(super) fn cut_shape(&mut self) -> CutShape {
        let all = [
            CutShape::Apart,
            CutShape::Apart,
            CutShape::Alone,
            CutShape::Bridge,
            CutShape::Mute,
            CutShape::Deaf,
        ];
        self.among(&all, CutShape::Apart)
    }

    pub(super) fn degrade(&mut self) -> Fault {
        Fault::Degrade {
            hosts: if self.chance(50) { Hosts(String::from("all")) } else { self.some() },
            loss: self.rng.random_range(0..=30),
            duplicate: self.among(&[0, 0, 5, 30], 0),
            reorder: self.among(&[0, 0, 10, 40], 0),
            corrupt: self.among(&[0, 0, 0, 5], 0),
            delay_ms: self.among(&[0, 2, 20, 200], 0),
            jitter_ms: self.among(&[0, 2, 50, 400], 0),
            kilobytes_s: self.among(&[0, 0, 0, 8, 64], 0),
        }
    }

    pub(super) fn clock(&mut self) -> Fault {
        let hosts = self.some();
        let by_s = self.among(&[-86_400 * 400, -3_600, -61, 90, 7_200, 86_400 * 30], -61);
        match self.rng.random_range(0..4) {
            0 => Fault::ClockJump { hosts, by_s },
            1 => Fault::ClockLost { hosts },
            2 => {
                let period_ms = self.rng.random_range(300..20_000);
                Fault::ClockStrobe { hosts, by_s, period_ms }
            }
            _ => {
                let millionths = self.rng.random_range(-50_000..50_000);
                Fault::ClockDrift { hosts, millionths }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drawn_world_is_a_scenario_that_can_be_run_and_kept() {
        for draw in [Scenario::drawn, Scenario::on_a_theme] {
            for seed in 0..400 {
                let scenario = draw(seed);
                assert_eq!(scenario, draw(seed));
                let text = scenario.to_toml().unwrap();
                assert_eq!(Scenario::parse(&text, "drawn"), Ok(scenario));
            }
        }
    }
}
