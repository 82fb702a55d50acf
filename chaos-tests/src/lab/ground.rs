//! The ground on which the laboratory stands: namespaces of its own for mounts, processes and the
//! network.
//!
//! The first process in there holds one end of a pipe to the harness. However the harness ends, the
//! pipe closes, that process ends, and the kernel takes down with it every process, every mount and
//! every network that was made: nothing is left behind, and nothing outside is ever touched.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::target::NotRun;

/// What lays the ground: `/run` is ours, so that the names of networks are too, and what is unmounted
/// in here is so for every host.
const LAY: &str = "mount --make-rshared / && mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up \
    && echo laid && read -r end";

/// Something in the machine failed.
pub(super) fn broken(what: &str, error: impl std::fmt::Display) -> NotRun {
    NotRun::Broken(format!("{what}: {error}"))
}

/// The laboratory's namespaces, gone when dropped.
pub(super) struct Ground {
    holder: Child,
    first: u32,
}

impl Ground {
    /// Makes the namespaces.
    ///
    /// # Errors
    /// The kernel's, in its words.
    pub(super) fn lay() -> Result<Self, NotRun> {
        let mut holder = Command::new("unshare")
            .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--"])
            .args(["sh", "-c", LAY])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C goes to the harness alone, whose end takes this one along.
            .process_group(0)
            .spawn()
            .map_err(|error| broken("unshare", error))?;
        let mut said = String::new();
        if let Some(out) = holder.stdout.take() {
            BufReader::new(out).read_line(&mut said).map_err(|error| broken("unshare", error))?;
        }
        if said.trim() != "laid" {
            let why = holder.wait_with_output().map_err(|error| broken("unshare", error))?;
            return Err(broken("no namespaces here", String::from_utf8_lossy(&why.stderr).trim()));
        }
        let first = only_child(holder.id()).ok_or_else(|| broken("unshare", "it has no child"))?;
        Ok(Self { holder, first })
    }

    /// A command that is carried out in here.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.first))
            .args(["--mount", "--net", "--pid", "--", program])
            .process_group(0);
        command
    }

    /// Carries a shell's script out, stopping at the first command that fails; what it says.
    ///
    /// # Errors
    /// What it complains of.
    pub(super) fn script(&self, script: &str) -> Result<String, NotRun> {
        let mut shell = self
            .command("sh")
            .args(["-e", "-s"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| broken("nsenter", error))?;
        if let Some(mut stdin) = shell.stdin.take() {
            stdin.write_all(script.as_bytes()).map_err(|error| broken("sh", error))?;
        }
        let done = shell.wait_with_output().map_err(|error| broken("sh", error))?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        Err(broken(script.trim(), String::from_utf8_lossy(&done.stderr).trim()))
    }

    /// A path of in here as it is reached from outside: mounts are seen.
    pub(super) fn path(&self, inner: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.first));
        root.join(inner.strip_prefix("/").unwrap_or(inner))
    }

    /// A folder in memory, as those in here see it: what is written there costs no barrier.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn folder_in_memory(&self, name: &str) -> Result<PathBuf, NotRun> {
        let folder = Path::new("/run/lab").join(name);
        let outside = self.path(&folder);
        std::fs::create_dir_all(&outside)
            .map_err(|error| broken(&outside.display().to_string(), error))?;
        Ok(folder)
    }

    /// The network of the switch.
    ///
    /// # Errors
    /// The ground is gone.
    pub(super) fn network(&self) -> Result<Network, NotRun> {
        Network::open(PathBuf::from(format!("/proc/{}/ns/net", self.first)))
    }

    /// The network of a host, by its name.
    ///
    /// # Errors
    /// There is none of that name.
    pub(super) fn network_of(&self, name: &str) -> Result<Network, NotRun> {
        Network::open(self.path(&Path::new("/run/netns").join(name)))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        // Its end is the end of everything in here; until then a port or a loop device may be taken.
        self.holder.wait().ok();
    }
}

/// A network namespace that threads can enter.
#[derive(Debug)]
pub(super) struct Network {
    link: File,
}

impl Network {
    fn open(path: PathBuf) -> Result<Self, NotRun> {
        let link = File::open(&path).map_err(|error| broken(&path.display().to_string(), error))?;
        Ok(Self { link })
    }

    /// Carries `work` out on a thread of its own that is in this network.
    ///
    /// # Errors
    /// The network cannot be entered.
    pub(super) fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NotRun> {
        std::thread::scope(|scope| {
            let visit = scope.spawn(|| self.enter().map(|()| work()));
            visit.join().map_err(|_| NotRun::Broken("a visit to a host's network fell".into()))?
        })
    }

    /// Takes the calling thread into this network, for good.
    ///
    /// # Errors
    /// It may not.
    pub(super) fn enter(&self) -> Result<(), NotRun> {
        use std::os::fd::AsFd;
        move_into_link_name_space(self.link.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| broken("setns", error))
    }
}

/// The child of a process that has one.
pub(super) fn only_child(pid: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// The last of a line of only children: what a chain of `nsenter`, `unshare` and the like has come to.
pub(super) fn last_child(pid: u32) -> u32 {
    let mut last = pid;
    while let Some(child) = only_child(last) {
        last = child;
    }
    last
}
