//! Does the harness itself work? Bugs planted on purpose, and which invariants see them.
//!
//! Each world is run without any bug first. It must hold, or it says nothing here; and it shows which
//! of the [planted](domain::planted) places it passes. With any other bug it would be the same to the
//! last byte, so a bug is tried only in worlds that pass its place, one after the other, until an
//! invariant is broken. Which bug a process has is a static, so runs are made by workers: processes
//! of this program.

pub mod table;
pub mod worker;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use domain::planted::Bug;
use serde::Serialize;

use worker::{Answer, Job, Seen, Worker};

/// Worlds that are looked at before the first bug is tried: most bugs need no more.
const FIRST_BATCH: u64 = 8;
/// The share of bugs that must be caught, in hundredths.
pub const GOAL: usize = 95;

/// What is tried.
#[derive(Debug, Clone, PartialEq)]
pub struct MutantPlan {
    /// The bugs.
    pub bugs: Vec<Bug>,
    /// Worlds, at most.
    pub seeds: u64,
    /// The first world's seed.
    pub from_seed: u64,
    /// Processes at one time.
    pub workers: usize,
    /// Begin no further run after so long.
    pub lasts: Option<Duration>,
}

impl Default for MutantPlan {
    fn default() -> Self {
        MutantPlan {
            bugs: Bug::ALL.to_vec(),
            seeds: 300,
            from_seed: 1,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            lasts: None,
        }
    }
}

/// What became of one bug.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caught {
    /// Its name.
    pub bug: &'static str,
    /// What it is, and who it hurts.
    pub says: &'static str,
    /// What saw it first; `None` if nothing did.
    pub by: Option<Seen>,
    /// Sound worlds that pass its place.
    pub passed: u64,
    /// Of these, those that were run with it.
    pub run: u64,
}

/// What came of all of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MutantReport {
    /// Each bug.
    pub bugs: Vec<Caught>,
    /// Worlds that were run without any bug.
    pub worlds: u64,
    /// Those of them that broke something all the same, by their seeds: they were left out.
    pub unsound: Vec<(u64, Seen)>,
    /// How long it took, in seconds.
    pub took_s: f64,
}

impl MutantReport {
    /// How many bugs were caught.
    pub fn caught(&self) -> usize {
        self.bugs.iter().filter(|bug| bug.by.is_some()).count()
    }

    /// Whether enough were caught to trust the harness.
    pub fn is_good(&self) -> bool {
        !self.bugs.is_empty() && self.caught() * 100 >= self.bugs.len() * GOAL
    }
}

/// How it goes, for people who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MutantProgress {
    /// Bugs caught so far.
    pub caught: usize,
    /// Of so many.
    pub of: usize,
    /// Worlds looked at so far.
    pub worlds: u64,
    /// Of so many at most.
    pub of_worlds: u64,
    /// What was just run: with this bug, or none.
    pub bug: Option<Bug>,
    /// In this world.
    pub seed: u64,
    /// What it broke.
    pub by: Option<Seen>,
}

/// Worlds in which one bug is tried until it is caught.
#[derive(Debug)]
struct Task {
    bug: Option<Bug>,
    seeds: Vec<u64>,
}

/// One run that was made.
struct Finding {
    job: Job,
    answer: Answer,
}

/// Tries the bugs, by workers that `program` starts.
///
/// # Errors
/// Workers that cannot be started.
pub fn run(
    plan: &MutantPlan,
    program: &Path,
    watch: &mut dyn FnMut(&MutantProgress),
) -> io::Result<MutantReport> {
    let began = Instant::now();
    let until = plan.lasts.map(|lasts| began + lasts);
    let is_late = || until.is_some_and(|until| Instant::now() >= until);
    let workers = (0..plan.workers.max(1)).map(|_| Worker::start(program));
    let mut workers: Vec<Worker> = workers.collect::<io::Result<_>>()?;
    let mut board = Board::new(plan);
    let (mut seed, end) = (plan.from_seed, plan.from_seed.saturating_add(plan.seeds));
    let mut batch = FIRST_BATCH;
    while seed < end && board.anything_left() && !is_late() {
        let seeds = seed..end.min(seed.saturating_add(batch));
        seed = seeds.end;
        batch = batch.saturating_mul(2).min(8 * FIRST_BATCH);
        let plain = seeds.map(|seed| Task { bug: None, seeds: vec![seed] }).collect();
        carry_out(&mut workers, plain, until, &mut |finding| board.take(finding, watch));
        let tries = board.tries();
        carry_out(&mut workers, tries, until, &mut |finding| board.take(finding, watch));
    }
    let mut report = board.report;
    report.bugs = board.bugs.into_values().collect();
    report.took_s = began.elapsed().as_secs_f64();
    Ok(report)
}

/// What is known so far.
struct Board {
    report: MutantReport,
    bugs: BTreeMap<Bug, Caught>,
    /// Worlds in which each bug is still to be tried.
    ahead: BTreeMap<Bug, Vec<u64>>,
    of_worlds: u64,
}

impl Board {
    fn new(plan: &MutantPlan) -> Self {
        let bugs = plan.bugs.iter().map(|bug| {
            let caught = Caught { bug: bug.name(), says: bug.says(), by: None, passed: 0, run: 0 };
            (*bug, caught)
        });
        Board {
            report: MutantReport::default(),
            bugs: bugs.collect(),
            ahead: BTreeMap::new(),
            of_worlds: plan.seeds,
        }
    }

    fn anything_left(&self) -> bool {
        self.bugs.values().any(|bug| bug.by.is_none())
    }

    /// The worlds that were just looked at, for each bug that nothing has seen yet.
    fn tries(&mut self) -> Vec<Task> {
        let ahead = std::mem::take(&mut self.ahead).into_iter();
        let open = |bug: &Bug| self.bugs.get(bug).is_some_and(|caught| caught.by.is_none());
        let open = ahead.filter(|(bug, _)| open(bug));
        open.map(|(bug, seeds)| Task { bug: Some(bug), seeds }).collect()
    }

    fn take(&mut self, finding: Finding, watch: &mut dyn FnMut(&MutantProgress)) {
        let Finding { job, answer } = finding;
        let by = answer.seen.clone();
        let bug = job.bug();
        match (bug, answer.seen) {
            (None, Some(seen)) => {
                self.report.worlds += 1;
                self.report.unsound.push((job.seed, seen));
            }
            (None, None) => {
                self.report.worlds += 1;
                for (bug, caught) in &mut self.bugs {
                    if answer.passed.iter().any(|name| name == bug.name()) {
                        caught.passed += 1;
                        self.ahead.entry(*bug).or_default().push(job.seed);
                    }
                }
            }
            (Some(bug), seen) => {
                if let Some(caught) = self.bugs.get_mut(&bug) {
                    caught.run += 1;
                    caught.by = seen.or(caught.by.take());
                }
            }
        }
        watch(&MutantProgress {
            caught: self.bugs.values().filter(|bug| bug.by.is_some()).count(),
            of: self.bugs.len(),
            worlds: self.report.worlds,
            of_worlds: self.of_worlds,
            bug,
            seed: job.seed,
            by,
        });
    }
}

/// Has tasks carried out: each until its bug is seen, all of them until it is late.
fn carry_out(
    workers: &mut [Worker],
    tasks: Vec<Task>,
    until: Option<Instant>,
    done: &mut dyn FnMut(Finding),
) {
    let tasks = Mutex::new(VecDeque::from(tasks));
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for worker in workers {
            let (tasks, tell) = (&tasks, tell.clone());
            scope.spawn(move || {
                loop {
                    let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(task) = task else { return };
                    for seed in task.seeds {
                        if until.is_some_and(|until| Instant::now() >= until) {
                            return;
                        }
                        let job = Job::new(task.bug, seed);
                        let answer = worker.ask(&job);
                        let seen = answer.seen.is_some();
                        if tell.send(Finding { job, answer }).is_err() || seen {
                            break;
                        }
                    }
                }
            });
        }
        drop(tell);
        told.into_iter().for_each(done);
    });
}
