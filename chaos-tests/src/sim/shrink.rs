//! From a world that broke something to the smallest that still does.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::checker::Invariant;
use crate::fault::Hosts;
use crate::scenario::{Hold, Load, Scenario};
use crate::target::Outcome;

use super::Sim;

/// Makes the invariants for one run.
pub type Watchers<'a> = &'a (dyn Fn(&Hold) -> Vec<Box<dyn Invariant>> + Sync);

/// A world that is made smaller while one invariant stays broken.
struct Shrinking<'a> {
    smallest: Scenario,
    seed: u64,
    broken: u8,
    watchers: Watchers<'a>,
    runs_left: usize,
}

/// The smallest world that was found in so many runs in which invariant `broken` is broken under the
/// same seed: fewer faults, less load, fewer hosts, shorter.
pub fn shrink(
    scenario: &Scenario,
    seed: u64,
    broken: u8,
    watchers: Watchers<'_>,
    most_runs: usize,
) -> Scenario {
    let mut shrinking =
        Shrinking { smallest: scenario.clone(), seed, broken, watchers, runs_left: most_runs };
    loop {
        let before = shrinking.smallest.clone();
        shrinking.drop_steps();
        shrinking.drop_hosts();
        shrinking.shorten();
        if shrinking.smallest == before || shrinking.runs_left == 0 {
            return shrinking.smallest;
        }
    }
}

impl Shrinking<'_> {
    /// Takes a smaller world if it breaks the same.
    fn take(&mut self, smaller: Scenario) -> bool {
        if self.runs_left == 0 || smaller == self.smallest || smaller.check().is_err() {
            return false;
        }
        self.runs_left -= 1;
        let mut sim = Sim { stop_at: Some(self.broken), ..Sim::default() };
        let watchers = (self.watchers)(&smaller.hold);
        let run = sim.run_under(&smaller, self.seed, watchers, &mut |_| {});
        let breaks = run.is_ok_and(|outcome| is_broken(&outcome, self.broken));
        if breaks {
            self.smallest = smaller;
        }
        breaks
    }

    /// Halves, then quarters, down to single faults and loads.
    fn drop_steps(&mut self) {
        let mut size = (self.steps() / 2).max(1);
        while self.runs_left > 0 {
            let mut from = 0;
            while from < self.steps() && self.runs_left > 0 {
                let smaller = self.without(from, size);
                if !self.take(smaller) {
                    from += size;
                }
            }
            if size == 1 {
                return;
            }
            size /= 2;
        }
    }

    fn steps(&self) -> usize {
        self.smallest.fault.len() + self.smallest.load.len()
    }

    fn without(&self, from: usize, count: usize) -> Scenario {
        let mut smaller = self.smallest.clone();
        let (mut place, gone) = (0, from..from + count);
        let mut stays = || {
            place += 1;
            !gone.contains(&(place - 1))
        };
        smaller.fault.retain(|_| stays());
        smaller.load.retain(|_| stays());
        smaller
    }

    /// The last kiosk, then the last admin host, with everything that names them.
    fn drop_hosts(&mut self) {
        while self.smallest.site.kiosks > 1 && self.runs_left > 0 {
            let mut smaller = self.smallest.clone();
            smaller.site.kiosks -= 1;
            smaller.site.amnesic = smaller.site.amnesic.min(smaller.site.kiosks);
            if !self.take(only_what_is_there(smaller)) {
                break;
            }
        }
        while self.smallest.site.admins > 1 && self.runs_left > 0 {
            let mut smaller = self.smallest.clone();
            smaller.site.admins -= 1;
            if !self.take(only_what_is_there(smaller)) {
                break;
            }
        }
    }

    /// A shorter run, then shorter faults and fewer people.
    fn shorten(&mut self) {
        for share in [4, 2] {
            let mut smaller = self.smallest.clone();
            smaller.lasts_s = (smaller.lasts_s - smaller.lasts_s / share).max(1);
            self.take(only_what_is_there(smaller));
        }
        for place in 0..self.smallest.fault.len() {
            let mut smaller = self.smallest.clone();
            if let Some(for_s) = smaller.fault.get_mut(place).and_then(|step| step.for_s.as_mut())
                && *for_s > 1.0
            {
                *for_s = (*for_s * 5.0).round() / 10.0;
                self.take(smaller);
            }
        }
        for place in 0..self.smallest.load.len() {
            let mut smaller = self.smallest.clone();
            if let Some(Load::Patrons { per_hour, .. } | Load::Operators { per_hour, .. }) =
                smaller.load.get_mut(place)
                && *per_hour > 1
            {
                *per_hour /= 2;
                self.take(smaller);
            }
        }
    }
}

/// Without the steps that begin after the end, or name hosts that are gone.
fn only_what_is_there(mut scenario: Scenario) -> Scenario {
    #[expect(clippy::cast_precision_loss, reason = "a week of seconds is exact in an f64")]
    let lasts_s = scenario.lasts_s as f64;
    let site = scenario.site.clone();
    let exists = |named: &Hosts| named.mean(&site, &mut StdRng::seed_from_u64(0)).is_ok();
    scenario.fault.retain(|step| {
        step.at_s < lasts_s && exists(step.fault.hosts()) && step.fault.done_on().is_none_or(exists)
    });
    for step in &mut scenario.fault {
        step.for_s = step.for_s.map(|for_s| for_s.min(lasts_s - step.at_s).max(0.1));
    }
    scenario
        .load
        .retain(|load| load.begins_s() < scenario.lasts_s && load.hosts().is_none_or(exists));
    scenario
}

/// Whether a run broke an invariant.
pub fn is_broken(outcome: &Outcome, number: u8) -> bool {
    outcome.verdicts.iter().any(|v| v.number == number && !v.breaches.is_empty())
}
