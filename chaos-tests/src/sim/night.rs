//! A night: as many drawn worlds as the hours hold, on every core.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

mod expected;

pub use expected::FULL_NIGHT;

use super::Sim;
use super::shrink::{Watchers, shrink};
use crate::scenario::Scenario;
use crate::target::Outcome;

/// What a night is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct NightPlan {
    /// Begin no further world after so long.
    pub lasts: Option<Duration>,
    /// But begin so many, whatever the time.
    pub at_least: u64,
    /// Run so many worlds at most.
    pub seeds: Option<u64>,
    /// Worlds at one time.
    pub workers: usize,
    /// The first world's seed.
    pub from_seed: u64,
    /// One world in so many is run with real signatures; 0: none.
    pub real_signatures_every: u64,
    /// One world in so many is run on real links and stores, too ([`Sim::real`]); 0: none.
    pub real_every: u64,
    /// One world in so many is run twice, to see that its trace is the same; 0: none.
    pub twice_every: u64,
    /// Runs for making a failing world smaller.
    pub shrink_runs: usize,
    /// Whether worlds are short, and each on one theme.
    pub themes: bool,
}

impl Default for NightPlan {
    fn default() -> Self {
        NightPlan {
            lasts: None,
            at_least: 0,
            seeds: None,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            from_seed: 1,
            real_signatures_every: 20,
            real_every: 100,
            twice_every: 25,
            shrink_runs: 120,
            themes: false,
        }
    }
}

/// A world in which something was broken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// Whether it was broken on real links and stores alone.
    pub real: bool,
    /// What was broken first of each invariant, with the invariant's number.
    pub breaches: Vec<(u8, String)>,
    /// The smallest world found that breaks the first of them under the same seed.
    pub smallest: Option<Scenario>,
}

/// What came of a night.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NightReport {
    /// Worlds that were run.
    pub seeds: u64,
    /// Those that broke something.
    pub failures: Vec<Failure>,
    /// Rare branches, and how often each was taken in all.
    pub sometimes: BTreeMap<String, u64>,
    /// How often each invariant had something to judge in all.
    pub judged: BTreeMap<String, u64>,
    /// Simulated hours of nodes.
    pub node_hours: f64,
    /// Simulated seconds of nodes in a second of one core.
    pub density: f64,
    /// How long the night took, in seconds.
    pub took_s: f64,
}

/// How a night goes, for people who watch.
#[derive(Debug, Clone, PartialEq)]
pub struct NightProgress {
    /// Worlds that were run so far.
    pub seeds: u64,
    /// Of these, how many broke something.
    pub failures: u64,
    /// Simulated hours of nodes so far.
    pub node_hours: f64,
    /// The world that was just run.
    pub last: u64,
    /// Whether what it broke was broken on real links and stores alone.
    pub real: bool,
    /// What it broke first.
    pub breach: Option<String>,
}

/// What one world came to.
struct Ran {
    seed: u64,
    failure: Option<Failure>,
    sometimes: Vec<(String, u64)>,
    judged: Vec<(String, u64)>,
    node_s: f64,
    core_s: f64,
}

/// Runs drawn worlds until the plan is done.
pub fn night(
    plan: &NightPlan,
    watchers: Watchers<'_>,
    watch: &mut dyn FnMut(&NightProgress),
) -> NightReport {
    let began = Instant::now();
    let next = AtomicU64::new(plan.from_seed);
    let enough = AtomicBool::new(false);
    let (tell, told) = mpsc::channel();
    let mut report = NightReport::default();
    let mut core_s = 0.0;
    std::thread::scope(|scope| {
        for _ in 0..plan.workers.max(1) {
            let (tell, next, enough) = (tell.clone(), &next, &enough);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let begun = seed - plan.from_seed;
                    let over = plan.seeds.is_some_and(|seeds| begun >= seeds)
                        || begun >= plan.at_least
                            && plan.lasts.is_some_and(|lasts| began.elapsed() >= lasts);
                    if over || tell.send(world(plan, seed, watchers)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        for ran in told {
            core_s += ran.core_s;
            take_in(&mut report, ran, watch);
        }
        enough.store(true, Ordering::Relaxed);
    });
    report.density = report.node_hours * 3_600.0 / f64::max(core_s, 0.001);
    report.took_s = began.elapsed().as_secs_f64();
    report.failures.sort_by_key(|failure| failure.seed);
    report
}

fn take_in(report: &mut NightReport, ran: Ran, watch: &mut dyn FnMut(&NightProgress)) {
    report.seeds += 1;
    report.node_hours += ran.node_s / 3_600.0;
    for (name, count) in ran.sometimes {
        *report.sometimes.entry(name).or_default() += count;
    }
    for (invariant, count) in ran.judged {
        *report.judged.entry(invariant).or_default() += count;
    }
    let real = ran.failure.as_ref().is_some_and(|failure| failure.real);
    let breach = ran.failure.as_ref().and_then(|failure| failure.breaches.first());
    let breach = breach.map(|(number, what)| format!("{number}: {what}"));
    report.failures.extend(ran.failure);
    watch(&NightProgress {
        seeds: report.seeds,
        failures: u64::try_from(report.failures.len()).unwrap_or(u64::MAX),
        node_hours: report.node_hours,
        last: ran.seed,
        real,
        breach,
    });
}

/// Runs one world, and makes it smaller where it broke something.
fn world(plan: &NightPlan, seed: u64, watchers: Watchers<'_>) -> Ran {
    let scenario = if plan.themes { Scenario::on_a_theme(seed) } else { Scenario::drawn(seed) };
    let is_turn = |every: u64| every > 0 && seed.is_multiple_of(every);
    let core = core_s();
    let run = || {
        let real_signatures = is_turn(plan.real_signatures_every);
        run_one(Sim { real_signatures, ..Sim::default() }, &scenario, seed, watchers)
    };
    let outcome = run();
    let mut ran = Ran {
        seed,
        failure: None,
        sometimes: Vec::new(),
        judged: Vec::new(),
        node_s: 0.0,
        core_s: core_s() - core,
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(words) => {
            let breaches = vec![(0, words)];
            ran.failure = Some(Failure { seed, real: false, breaches, smallest: None });
            return ran;
        }
    };
    let mut breaches = breaches_of(&outcome);
    if is_turn(plan.twice_every) && run().map(|again| again.trace) != Ok(outcome.trace.clone()) {
        breaches.push((0, String::from("run twice, its trace was not the same")));
    }
    if let Some((number, _)) = breaches.first() {
        let smallest = (*number > 0 && plan.shrink_runs > 0)
            .then(|| shrink(&scenario, seed, *number, watchers, plan.shrink_runs));
        ran.failure = Some(Failure { seed, real: false, breaches, smallest });
    } else if is_turn(plan.real_every) {
        let breaches = match run_one(Sim::real(), &scenario, seed, watchers) {
            Ok(real) => breaches_of(&real),
            Err(words) => vec![(0, words)],
        };
        // Not made smaller: what it broke may hang on what is drawn anew in each run.
        ran.failure = (!breaches.is_empty()).then_some(Failure {
            seed,
            real: true,
            breaches,
            smallest: None,
        });
    }
    ran.judged =
        outcome.verdicts.iter().map(|verdict| (verdict.name.to_string(), verdict.judged)).collect();
    ran.node_s = node_seconds(&outcome);
    ran.sometimes = outcome.sometimes;
    ran
}

/// What was broken first of each invariant.
fn breaches_of(outcome: &Outcome) -> Vec<(u8, String)> {
    let verdicts = outcome.verdicts.iter();
    let first = verdicts.filter_map(|verdict| Some((verdict.number, verdict.breaches.first()?)));
    first.map(|(number, what)| (number, what.clone())).collect()
}

fn run_one(
    mut sim: Sim,
    scenario: &Scenario,
    seed: u64,
    watchers: Watchers<'_>,
) -> Result<Outcome, String> {
    let run = || sim.run_under(scenario, seed, watchers(&scenario.hold), &mut |_| {});
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("the simulator panicked: {}", super::world::words_of(&*panic))),
    }
}

/// Simulated seconds of nodes that a run consisted of.
fn node_seconds(outcome: &Outcome) -> f64 {
    let figure = outcome.figures.iter().find(|(name, ..)| name == super::NODE_SECONDS);
    figure.map_or(0.0, |(_, seconds, _)| *seconds)
}

/// What this thread has taken of a core so far, in seconds.
fn core_s() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "a night has few nanoseconds")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}
