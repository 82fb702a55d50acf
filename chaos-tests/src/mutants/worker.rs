//! A process that runs worlds with one bug or another, on behalf of the one that started it.
//!
//! Each line that comes in is a [`Job`], each that goes out its [`Answer`], both JSON.

use std::io::{self, BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use domain::planted::{self, Bug};
use serde::{Deserialize, Serialize};

use crate::invariants;
use crate::scenario::Scenario;
use crate::sim::Sim;

/// The word on the command line that makes a process a worker.
pub const WORD: &str = "mutant-worker";
/// A world that takes longer than this does not go on: a bug can make time stand still.
const MOST_TIME: Duration = Duration::from_secs(60);

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    bug: Option<String>,
    /// The world.
    pub seed: u64,
}

impl Job {
    /// A world, with this bug or none.
    pub fn new(bug: Option<Bug>, seed: u64) -> Self {
        Job { bug: bug.map(|bug| bug.name().to_owned()), seed }
    }

    /// The bug.
    pub fn bug(&self) -> Option<Bug> {
        let name = self.bug.as_deref()?;
        Bug::ALL.iter().copied().find(|bug| bug.name() == name)
    }
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was broken first.
    pub seen: Option<Seen>,
    /// The bugs whose places were passed.
    pub passed: Vec<String>,
}

/// What an invariant saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its number; 0: no invariant, the simulator itself did not go on.
    pub number: u8,
    /// Its name.
    pub invariant: String,
    /// In this world.
    pub seed: u64,
    /// What it saw, with its time.
    pub what: String,
}

impl Seen {
    fn by_itself(seed: u64, what: String) -> Self {
        Seen { number: 0, invariant: String::from("simulator"), seed, what }
    }
}

/// Does what a worker does, until its input ends.
///
/// # Errors
/// Whoever started it is gone.
pub fn work(jobs: impl BufRead, mut answers: impl Write) -> io::Result<()> {
    for line in jobs.lines() {
        let job: Job = serde_json::from_str(&line?)?;
        serde_json::to_writer(&mut answers, &carry_out(&job))?;
        answers.write_all(b"\n")?;
        answers.flush()?;
    }
    Ok(())
}

fn carry_out(job: &Job) -> Answer {
    planted::choose(job.bug());
    planted::take_asked().for_each(drop);
    let scenario = Scenario::on_a_theme(job.seed);
    let watchers = invariants::all(&scenario.hold);
    let run = || Sim::default().first_breach(&scenario, job.seed, watchers);
    let seen = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(breach)) => breach.map(|breach| Seen {
            number: breach.number,
            invariant: breach.name.to_owned(),
            seed: job.seed,
            what: format!("{} ms: {}", breach.at_ms, breach.what),
        }),
        Ok(Err(error)) => Some(Seen::by_itself(job.seed, error.to_string())),
        Err(_) => Some(Seen::by_itself(job.seed, String::from("the simulator panicked"))),
    };
    planted::choose(None);
    Answer { seen, passed: planted::take_asked().map(|bug| bug.name().to_owned()).collect() }
}

/// A worker as its parent has it.
#[derive(Debug)]
pub(super) struct Worker {
    program: PathBuf,
    process: Running,
}

#[derive(Debug)]
struct Running {
    child: Child,
    jobs: ChildStdin,
    answers: Receiver<String>,
}

impl Worker {
    pub(super) fn start(program: &Path) -> io::Result<Self> {
        Ok(Worker { program: program.to_owned(), process: Running::start(program)? })
    }

    /// Has a job done. A worker that falls silent is replaced, and that is what came of it.
    pub(super) fn ask(&mut self, job: &Job) -> Answer {
        match self.process.ask(job) {
            Some(answer) => answer,
            None => {
                let what = String::from("the worker fell silent");
                if let Ok(another) = Running::start(&self.program) {
                    self.process = another;
                }
                Answer { seen: Some(Seen::by_itself(job.seed, what)), passed: Vec::new() }
            }
        }
    }
}

impl Running {
    fn start(program: &Path) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg(WORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(jobs), Some(lines)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("a worker without pipes"));
        };
        let (tell, answers) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Running { child, jobs, answers })
    }

    fn ask(&mut self, job: &Job) -> Option<Answer> {
        let line = serde_json::to_string(job).ok()?;
        writeln!(self.jobs, "{line}").and_then(|()| self.jobs.flush()).ok()?;
        let answer = self.answers.recv_timeout(MOST_TIME).ok()?;
        serde_json::from_str(&answer).ok()
    }
}

impl Drop for Running {
    /// It would end by itself at the end of its input, but for one that hangs.
    fn drop(&mut self) {
        // One that is gone already leaves nothing to wait for.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_keeps_its_bug_on_the_wire() {
        for bug in Bug::ALL {
            let line = serde_json::to_string(&Job::new(Some(*bug), 7)).unwrap();
            let job: Job = serde_json::from_str(&line).unwrap();
            assert_eq!((job.bug(), job.seed), (Some(*bug), 7));
        }
        assert_eq!(Job::new(None, 7).bug(), None);
    }
}
