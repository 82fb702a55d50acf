//! The demonstration's processes.
//!
//! Each holds one end of a pipe as its standard input and stops when it closes, so
//! that nothing is left behind however the demonstration itself ends.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::control::{Answer, Request, client};
use crate::texts::Say;

use super::folder_of;
use super::plan::{Member, Plan, Role};

/// Time for a process to answer after its start.
const START: Duration = Duration::from_secs(30);

/// Time for a process to end after its pipe closed.
const END: Duration = Duration::from_secs(8);

/// Interval between two looks at a process that starts.
const LOOK: Duration = Duration::from_millis(50);

/// A kiosk that ends more often than this within a minute is left alone.
const RESTARTS: usize = 5;

/// What happened among the processes.
#[derive(Debug)]
pub(super) enum Event {
    /// A kiosk ended and runs again, as its machine's service manager would do.
    Restarted {
        /// Which.
        name: &'static str,
        /// Its new process.
        pid: u32,
    },
    /// An admin node ended and waits for somebody to start it.
    Stopped {
        /// Which.
        name: &'static str,
    },
}

struct Hand {
    pid: u32,
    /// Held open: its end is the process's signal to stop.
    _pipe: Option<ChildStdin>,
}

/// The processes that run.
pub(super) struct Crew {
    folder: PathBuf,
    hands: BTreeMap<&'static str, Hand>,
    ends: JoinSet<(&'static str, u32)>,
    restarts: BTreeMap<&'static str, Vec<Instant>>,
}

impl Crew {
    /// Nobody yet.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, hands: BTreeMap::new(), ends: JoinSet::new(), restarts: BTreeMap::new() }
    }

    /// The process of `name`, while it runs.
    pub(super) fn pid(&self, name: &str) -> Option<u32> {
        self.hands.get(name).map(|hand| hand.pid)
    }

    /// Starts `member` if it does not run; gives its process.
    pub(super) fn start(&mut self, member: &Member) -> anyhow::Result<u32> {
        if let Some(hand) = self.hands.get(member.name) {
            return Ok(hand.pid);
        }
        let folder = folder_of(&self.folder, member.name);
        let output = File::create(folder.join("console.log"))?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--config")
            .arg(folder.join("poste.toml"))
            .args(["run", "--with-parent"])
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C goes to the demonstration, which then lets go of the pipes.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        let pipe = child.stdin.take();
        self.hands.insert(member.name, Hand { pid, _pipe: pipe });
        let name = member.name;
        self.ends.spawn(async move {
            wait(child).await;
            (name, pid)
        });
        Ok(pid)
    }

    /// Waits until `member` answers.
    pub(super) async fn wait_until_up(&mut self, member: &Member) -> anyhow::Result<()> {
        self.wait_until(member, |_| true).await
    }

    /// Waits until `member` is known to its site.
    pub(super) async fn wait_until_joined(&mut self, member: &Member) -> anyhow::Result<()> {
        self.wait_until(member, |answer| matches!(answer, Answer::Status(status) if status.joined))
            .await
    }

    /// Waits until an admin node knows the operator, so that each console lets people in.
    pub(super) async fn wait_until_furnished(&mut self, member: &Member) -> anyhow::Result<()> {
        self.wait_until(
            member,
            |answer| matches!(answer, Answer::Status(status) if status.rows > Some(0)),
        )
        .await
    }

    async fn wait_until(
        &mut self,
        member: &Member,
        enough: impl Fn(&Answer) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        loop {
            if let Ok(answer) = ask(member, &Request::Status {}).await
                && enough(&answer)
            {
                return Ok(());
            }
            while let Some(ended) = self.ends.try_join_next() {
                let (name, pid) = ended?;
                self.forget(name, pid);
            }
            if self.pid(member.name).is_none() || Instant::now() > deadline {
                let log = folder_of(&self.folder, member.name).join("console.log");
                return Err(Say::DidNotStart {
                    name: member.name.to_owned(),
                    log: log.display().to_string(),
                    last: last_lines(&log),
                }
                .into());
            }
            sleep(LOOK).await;
        }
    }

    /// Waits for the end of a process, and starts it again if it is a kiosk.
    pub(super) async fn event(&mut self, plan: &Plan) -> anyhow::Result<Event> {
        loop {
            let Some(ended) = self.ends.join_next().await else {
                // Nobody runs; somebody may be started by hand.
                std::future::pending::<()>().await;
                continue;
            };
            let (name, pid) = ended?;
            if !self.forget(name, pid) {
                continue;
            }
            let member = plan.members.iter().find(|member| member.name == name);
            match member {
                Some(member) if member.role == Role::Kiosk && self.may_restart(name) => {
                    let pid = self.start(member)?;
                    return Ok(Event::Restarted { name, pid });
                }
                Some(_) | None => return Ok(Event::Stopped { name }),
            }
        }
    }

    fn may_restart(&mut self, name: &'static str) -> bool {
        let now = Instant::now();
        let recent = self.restarts.entry(name).or_default();
        recent.retain(|restart| now.duration_since(*restart) < Duration::from_secs(60));
        recent.push(now);
        recent.len() <= RESTARTS
    }

    /// Forgets a process that ended; says whether it was the one that we had.
    fn forget(&mut self, name: &'static str, pid: u32) -> bool {
        let ours = self.pid(name) == Some(pid);
        if ours {
            self.hands.remove(name);
        }
        ours
    }

    /// Starts whoever does not run.
    pub(super) fn start_stopped(
        &mut self,
        plan: &Plan,
    ) -> anyhow::Result<Vec<(&'static str, u32)>> {
        let mut started = Vec::new();
        for member in &plan.members {
            if self.pid(member.name).is_none() {
                started.push((member.name, self.start(member)?));
            }
        }
        Ok(started)
    }

    /// Lets go of every pipe and waits for the processes; those that do not end
    /// are killed.
    pub(super) async fn stop(mut self) {
        self.hands.clear();
        let all = async { while self.ends.join_next().await.is_some() {} };
        if timeout(END, all).await.is_err() {
            tracing::warn!("some processes did not end and are killed");
        }
        // What is left is killed as its task is dropped.
        self.ends.shutdown().await;
    }
}

async fn wait(mut child: Child) {
    if let Err(error) = child.wait().await {
        tracing::warn!(%error, "a process cannot be waited for");
    }
}

/// Asks `member` through its control socket.
pub(super) async fn ask(member: &Member, request: &Request) -> Result<Answer, Say> {
    let (data_dir, request) = (member.config.data_dir.clone(), request.clone());
    tokio::task::spawn_blocking(move || client::ask(&data_dir, &request))
        .await
        .map_err(|error| Say::Broken { reason: error.to_string() })?
}

/// The last lines that a process wrote, to say why it did not start.
fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(5);
    lines.get(from..).unwrap_or_default().join("\n    ")
}
