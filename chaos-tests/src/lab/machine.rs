//! One machine of the room: its configuration, its disk, its clocks and the process that runs on it.

use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::{Pid, Signal, kill_process};

use crate::event::HostId;
use crate::target::NotRun;

use super::barrier::Barrier;
use super::clock::WallClock;
use super::control::Control;
use super::disk::Disk;
use super::ground::{Ground, broken, last_child};
use super::network::{LINKS, namespace};

/// Where the console of every admin host is.
pub(super) const CONSOLE: SocketAddr = loopback(8443);
/// Where the page of every kiosk is.
pub(super) const PAGE: SocketAddr = loopback(8480);
/// A process that wants more address space than this falls, and loudly.
const MOST_ADDRESSES: u64 = 4 << 30;
/// What the boot clock shows when a machine has just booted, in seconds.
const JUST_BOOTED_S: i64 = 20;
/// Longest wait for a process to end in good order.
const END: Duration = Duration::from_secs(10);
/// Starts a process as the first one after a boot: `boot id file`, then the command.
const BOOT: &str = "mount --bind \"$1\" /proc/sys/kernel/random/boot_id && shift && exec \"$@\"";

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}

/// What a machine is for.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) host: HostId,
    /// `admin-1`, `poste-3`: its name in files and in reports.
    pub(super) name: String,
    pub(super) kiosk: bool,
    pub(super) amnesic: bool,
}

/// A machine.
pub(super) struct Machine {
    pub(super) part: Part,
    pub(super) disk: Disk,
    pub(super) clock: Option<WallClock>,
    pub(super) barrier: Option<Barrier>,
    /// Stands before the C library's barriers.
    pub(super) barrier_library: Option<PathBuf>,
    home: PathBuf,
    binary: PathBuf,
    boot: i64,
    process: Option<Child>,
    /// Bytes of what it said that were read.
    heard: usize,
}

impl Machine {
    /// A machine whose disk is new and which never booted.
    ///
    /// # Errors
    /// Its folder cannot be written.
    pub(super) fn new(
        ground: &Ground,
        part: Part,
        home: PathBuf,
        binary: &Path,
        own_disk: bool,
    ) -> Result<Self, NotRun> {
        fs::create_dir_all(&home).map_err(|error| broken("machine's folder", error))?;
        let disk = if own_disk { Disk::image(ground, &home)? } else { Disk::folder(&home)? };
        let machine = Self {
            part,
            disk,
            clock: None,
            barrier: None,
            barrier_library: None,
            home,
            binary: binary.to_owned(),
            boot: 0,
            process: None,
            heard: 0,
        };
        machine.configure()?;
        Ok(machine)
    }

    fn configure(&self) -> Result<(), NotRun> {
        let kind = if self.part.kiosk { "kiosk" } else { "admin" };
        let text = format!(
            "data_dir = \"{}\"\nkind = \"{kind}\"\namnesic = {}\nlisten = \"0.0.0.0:{LINKS}\"\n\
             [discovery]\ninterfaces = [\"eth0\"]\n\
             [console]\nlisten = \"{CONSOLE}\"\nplain = true\n\
             [kiosk]\nmachine = \"{}\"\npage = \"{PAGE}\"\n\
             [ops]\nenabled = false\n\
             [log]\ndir = \"{}\"\n",
            self.disk.data().display(),
            self.part.amnesic,
            self.part.name,
            self.home.join("log").display(),
        );
        fs::write(self.config(), text).map_err(|error| broken("configuration", error))
    }

    fn config(&self) -> PathBuf {
        self.home.join("poste.toml")
    }

    /// Its folder.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Another release runs on it from its next start on.
    pub(super) fn install(&mut self, binary: &Path) {
        self.binary = binary.to_owned();
    }

    /// Its control socket, as it is reached from here.
    pub(super) fn control(&self, ground: &Ground) -> Control {
        Control::new(&ground.path(self.disk.data()))
    }

    /// Carries a command of the command line out on it.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn poste(&self, ground: &Ground, words: &[&str]) -> Result<Output, NotRun> {
        let mut command = ground.command("ip");
        command
            .args(["netns", "exec", &namespace(self.part.host)])
            .arg(&self.binary)
            .arg("--config")
            .arg(self.config())
            .args(words)
            .env("LC_ALL", "C")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        command.output().map_err(|error| broken("poste", error))
    }

    /// What a command says that must succeed.
    ///
    /// # Errors
    /// What it complains of.
    pub(super) fn says(&self, ground: &Ground, words: &[&str]) -> Result<String, NotRun> {
        let done = self.poste(ground, words)?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        let what = format!("{}: poste {}", self.part.name, words.join(" "));
        Err(broken(&what, String::from_utf8_lossy(&done.stderr).trim()))
    }

    /// Boots the machine anew: another boot id, and a boot clock that begins again.
    ///
    /// # Errors
    /// Its folder cannot be written.
    pub(super) fn boot(&mut self, draw: &mut StdRng) -> Result<(), NotRun> {
        let uptime = fs::read_to_string("/proc/uptime").map_err(|error| broken("uptime", error))?;
        let whole = uptime.split('.').next().and_then(|seconds| seconds.parse::<i64>().ok());
        self.boot = JUST_BOOTED_S - whole.unwrap_or(0);
        let id: u128 = draw.random();
        let hex = format!("{id:032x}");
        let groups = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        fs::write(self.boot_id(), format!("{}\n", groups.join("-")))
            .map_err(|error| broken("boot id", error))
    }

    fn boot_id(&self) -> PathBuf {
        self.home.join("boot_id")
    }

    /// Starts the node and does not wait for it.
    ///
    /// # Errors
    /// It runs already, or cannot be started.
    pub(super) fn start(&mut self, ground: &Ground) -> Result<(), NotRun> {
        if self.process.is_some() {
            return Err(NotRun::Broken(format!("{} runs already", self.part.name)));
        }
        let said = OpenOptions::new().create(true).append(true).open(self.said());
        let said = said.map_err(|error| broken("its output", error))?;
        let error = said.try_clone().map_err(|error| broken("its output", error))?;
        let mut command = ground.command("ip");
        command
            .args(["netns", "exec", &namespace(self.part.host)])
            .args(["unshare", "--time", "--fork", "--kill-child"])
            .arg(format!("--boottime={}", self.boot))
            .args(["--", "sh", "-c", BOOT, "boot"])
            .arg(self.boot_id())
            .args(["prlimit", &format!("--as={MOST_ADDRESSES}"), "env"])
            .args(self.environment())
            .arg(&self.binary)
            .arg("--config")
            .arg(self.config())
            .args(["run", "--with-parent"])
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(said)
            .stderr(error);
        self.process = Some(command.spawn().map_err(|error| broken("poste run", error))?);
        Ok(())
    }

    /// For `env`: what the process is made to believe.
    fn environment(&self) -> Vec<String> {
        let mut preloaded = Vec::new();
        let mut settings = vec![("LC_ALL".to_owned(), "C".to_owned())];
        if let Some(library) = &self.barrier_library {
            preloaded.push(library.display().to_string());
            let disk = self.disk.data();
            settings.extend(self.barrier.iter().flat_map(|barrier| barrier.environment(disk)));
        }
        if let Some((library, of_clock)) = self.clock.as_ref().and_then(WallClock::environment) {
            preloaded.push(library.to_owned());
            settings.extend(of_clock);
        }
        if !preloaded.is_empty() {
            settings.push(("LD_PRELOAD".to_owned(), preloaded.join(":")));
        }
        settings.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// Whether its process was started and nobody ended it; it may have fallen.
    pub(super) fn is_started(&self) -> bool {
        self.process.is_some()
    }

    /// Whether its process ended by itself; it is then forgotten.
    pub(super) fn fell(&mut self) -> bool {
        let ended = match &mut self.process {
            Some(process) => matches!(process.try_wait(), Ok(Some(_)) | Err(_)),
            None => false,
        };
        if ended {
            self.process = None;
        }
        ended
    }

    /// The process of the node itself, behind those that set the scene.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| last_child(process.id()))
    }

    fn signal(&self, signal: Signal) -> Result<(), NotRun> {
        let pid = self.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let pid = pid.ok_or_else(|| NotRun::Broken(format!("{} does not run", self.part.name)))?;
        kill_process(pid, signal).map_err(|error| broken("kill", error))
    }

    /// SIGKILL, and the end of it.
    ///
    /// # Errors
    /// It does not run.
    pub(super) fn kill(&mut self) -> Result<(), NotRun> {
        self.signal(Signal::KILL)?;
        if let Some(mut process) = self.process.take() {
            process.wait().map_err(|error| broken("kill", error))?;
        }
        Ok(())
    }

    /// SIGTERM, and its end in good order; SIGKILL where it does not come.
    ///
    /// # Errors
    /// It does not run.
    pub(super) fn stop(&mut self) -> Result<(), NotRun> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + END;
        while let Some(process) = &mut self.process {
            if matches!(process.try_wait(), Ok(Some(_))) {
                self.process = None;
            } else if Instant::now() > deadline {
                return self.kill();
            } else {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    /// SIGSTOP.
    ///
    /// # Errors
    /// It does not run.
    pub(super) fn freeze(&self) -> Result<(), NotRun> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// It does not run.
    pub(super) fn thaw(&self) -> Result<(), NotRun> {
        self.signal(Signal::CONT)
    }

    fn said(&self) -> PathBuf {
        self.home.join("said.log")
    }

    /// The lines that it has printed since they were last asked for.
    pub(super) fn news(&mut self) -> Vec<String> {
        let said = fs::read(self.said()).unwrap_or_default();
        let fresh = said.get(self.heard..).unwrap_or_default();
        // The last line may still be written.
        let whole = fresh.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.heard += whole;
        let fresh = String::from_utf8_lossy(fresh.get(..whole).unwrap_or_default()).into_owned();
        fresh.lines().map(str::to_owned).collect()
    }

    /// Resident memory in bytes, and seconds of one core used so far.
    pub(super) fn weight(&self) -> Option<(u64, f64)> {
        let pid = self.pid()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = resident.split_whitespace().next()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold anything; what follows its last bracket are figures.
        let mut figures = stat.rsplit(')').next()?.split_whitespace().skip(11);
        let mut ticks = || figures.next()?.parse::<u64>().ok();
        let ticks = ticks()? + ticks()?;
        let per_second = rustix::param::clock_ticks_per_second();
        Some((kib * 1024, ticks as f64 / per_second as f64))
    }
}
