//! Worlds that nobody thought of: a scenario drawn from a seed.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::event::HostId;
use crate::fault::{Fault, Hosts, Malice, Shape as CutShape};
use crate::scenario::{Hold, Limits, Load, Policy, Scenario, Shape, Step, Words};

/// Length of a drawn world before it is healed, in seconds.
const LASTS_S: u32 = 3_600;
/// Faults begin within so many seconds: the last ones end before healing, or with it.
const LAST_FAULT_S: u32 = 3_300;

impl Scenario {
    /// A random site with random trouble and random people; equal for equal seeds.
    pub fn drawn(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let site = shape(&mut rng);
        let mut draw = Draw { rng, site };
        let load = draw.loads();
        let fault = draw.faults();
        let text = |text: String| Words { fr: text.clone(), en: text };
        let mut scenario = Scenario {
            title: text(format!("seed {seed}")),
            about: Words {
                fr: String::from("Site, pannes et public tirés au sort."),
                en: String::from("Site, faults and people drawn at random."),
            },
            site: draw.site,
            lasts_s: u64::from(LASTS_S),
            seed: i64::try_from(seed).is_ok().then_some(seed),
            hold: Hold::default(),
            load,
            fault,
            limits: Limits::default(),
            sometimes: Vec::new(),
        };
        sort_within(&mut scenario);
        scenario
    }
}

impl Scenario {
    /// As [`Scenario::drawn`], with trouble that chance alone seldom brings together: a kiosk that is
    /// alone for long and restarted meanwhile, a process that crashes again and again, a thief whom
    /// two desks revoke that do not see each other.
    pub fn drawn_with_spite(seed: u64) -> Self {
        let mut scenario = Scenario::drawn(seed);
        let mut draw =
            Draw { rng: StdRng::seed_from_u64(seed.wrapping_add(1)), site: scenario.site.clone() };
        if draw.chance(60) {
            scenario.site.allowance_min = Some(draw.rng.random_range(1..=6));
        }
        if draw.chance(40) {
            draw.lonely(&mut scenario.fault);
        }
        if draw.chance(30) {
            draw.crashes(&mut scenario.fault);
        }
        if draw.chance(50) {
            draw.thief(&mut scenario.fault);
        }
        if draw.chance(30) {
            draw.revoked_twice(&mut scenario.fault);
        }
        sort_within(&mut scenario);
        scenario
    }
}

/// Puts the faults in their order; none outlasts the run.
fn sort_within(scenario: &mut Scenario) {
    let tenths = f64::from(LASTS_S) * 10.0;
    for step in &mut scenario.fault {
        let most_s = (tenths - step.at_s * 10.0 - 0.5).floor() / 10.0;
        step.for_s = step.for_s.map(|for_s| for_s.min(most_s));
    }
    scenario.fault.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
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
    }
}

struct Draw {
    rng: StdRng,
    site: Shape,
}

impl Draw {
    fn chance(&mut self, hundredths: u32) -> bool {
        self.rng.random_range(0..100) < hundredths
    }

    fn among<T: Copy>(&mut self, all: &[T], usual: T) -> T {
        all.choose(&mut self.rng).copied().unwrap_or(usual)
    }

    fn kiosk(&mut self) -> HostId {
        HostId(self.rng.random_range(self.site.admins..self.site.admins + self.site.kiosks))
    }

    fn host(&mut self) -> HostId {
        HostId(self.rng.random_range(0..self.site.admins + self.site.kiosks))
    }

    fn named(&self, hosts: &[HostId]) -> Hosts {
        Hosts::named(hosts, &self.site)
    }

    /// Some hosts, few as a rule.
    fn some(&mut self) -> Hosts {
        let count = self.among(&[1, 1, 1, 2, 2, 3], 1);
        let mut hosts: Vec<HostId> = (0..count).map(|_| self.host()).collect();
        hosts.sort();
        hosts.dedup();
        self.named(&hosts)
    }

    fn one(&mut self) -> Hosts {
        let host = self.host();
        self.named(&[host])
    }

    fn kiosks(&mut self, most: usize) -> Hosts {
        let count = self.rng.random_range(1..=most);
        let mut hosts: Vec<HostId> = (0..count).map(|_| self.kiosk()).collect();
        hosts.sort();
        hosts.dedup();
        self.named(&hosts)
    }

    fn at_s(&mut self) -> u64 {
        self.rng.random_range(0..u64::from(LAST_FAULT_S))
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
            loads.push(Load::Batch { at_s: self.at_s(), codes: self.rng.random_range(2..=60) });
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
            let at_s = f64::from(self.rng.random_range(60..LAST_FAULT_S));
            steps.push(Step { at_s, for_s: None, fault: Fault::Revoke { hosts, on } });
        }
        steps
    }

    /// A stolen key, and sooner or later its revocation.
    fn thief(&mut self, steps: &mut Vec<Step>) {
        let host = if self.chance(85) { self.kiosk() } else { self.host() };
        let kinds = [
            Malice::Forge,
            Malice::Replay,
            Malice::Equivocate,
            Malice::Flood,
            Malice::Defy,
            Malice::Poison,
        ];
        let at_s = f64::from(self.rng.random_range(0..LAST_FAULT_S));
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
            let at_s = (at_s + f64::from(self.rng.random_range(10..600))).min(3_590.0);
            steps.push(Step { at_s, for_s: None, fault: Fault::Revoke { hosts, on } });
        }
    }

    /// A kiosk that nobody reaches for long, and whose process is restarted meanwhile.
    fn lonely(&mut self, steps: &mut Vec<Step>) {
        let (host, at_s) = (self.kiosk(), f64::from(self.rng.random_range(0..2_000)));
        let (hosts, for_s) = (self.named(&[host]), f64::from(self.rng.random_range(400..1_500)));
        let fault = Fault::Cut { hosts, shape: CutShape::Apart };
        steps.push(Step { at_s, for_s: Some(for_s), fault });
        for _ in 0..self.rng.random_range(0..4) {
            let share: f64 = self.rng.random_range(0.1..0.9);
            self.crash(steps, host, at_s + (for_s * share).round());
        }
    }

    /// A process that crashes, again and again.
    fn crashes(&mut self, steps: &mut Vec<Step>) {
        let (host, mut at_s) = (self.kiosk(), f64::from(self.rng.random_range(300..3_000)));
        for _ in 0..self.rng.random_range(10..=16) {
            self.crash(steps, host, at_s);
            at_s += f64::from(self.rng.random_range(9..15));
        }
    }

    fn crash(&mut self, steps: &mut Vec<Step>, host: HostId, at_s: f64) {
        let fault = Fault::Kill { hosts: self.named(&[host]) };
        steps.push(Step { at_s, for_s: Some(1.0), fault });
    }

    /// A thief whom two desks revoke that do not see each other: each cuts where it stands.
    fn revoked_twice(&mut self, steps: &mut Vec<Step>) {
        let thief = self.kiosk();
        let at_s = f64::from(self.rng.random_range(60..LAST_FAULT_S));
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

    fn step(&mut self) -> Step {
        let at_s = f64::from(self.rng.random_range(0..LAST_FAULT_S * 10)) / 10.0;
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

    fn cut_shape(&mut self) -> CutShape {
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

    fn degrade(&mut self) -> Fault {
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

    fn clock(&mut self) -> Fault {
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
        for draw in [Scenario::drawn, Scenario::drawn_with_spite] {
            for seed in 0..400 {
                let scenario = draw(seed);
                assert_eq!(scenario, draw(seed));
                let text = scenario.to_toml().unwrap();
                assert_eq!(Scenario::parse(&text, "drawn"), Ok(scenario));
            }
        }
    }
}
