//! The laboratory: real `poste` processes, each on a machine of its own in a network of its own.
//!
//! A run sets a room up from nothing: namespaces (`ground`), a bridge with a port for every host
//! (`network`), and on each host a node founded or joined by the commands that people give
//! (`founding`). Nodes find each other by mDNS alone. Operators and patrons use the console's API
//! and the kiosks' pages (`people`); faults are done to the network, the disk, the clock and the
//! process (`harm`); what is seen from outside (`sight`) goes to the same invariants as in the
//! simulator.
//!
//! Everything stands in namespaces that end with the harness, however it ends.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::scenario::Scenario;
use crate::target::{NotRun, Outcome, Progress, Target};

mod barrier;
mod clock;
mod console;
pub(crate) mod control;
mod disk;
mod door;
mod founding;
mod ground;
mod growth;
mod harm;
mod house;
mod library;
mod machine;
mod needs;
mod network;
mod news;
mod page;
mod people;
mod plan;
mod relay;
mod run;
mod seen;
pub(crate) mod sight;
mod upkeep;

use ground::{Ground, broken};
use house::House;
use run::Run;

pub use growth::growth;
pub use needs::MOST_HOSTS;

/// Scenarios that are run at each change, each within [`SUBSET_LASTS_S`]: about five minutes.
pub const SUBSET: &[&str] = &["room-in-two", "power-cut", "reboot-abuse", "clock-chaos"];
/// Runs that leave something behind in one place.
const MOST_FOLDERS: u32 = 1_000;
/// Length of each of them, in seconds.
pub const SUBSET_LASTS_S: u64 = 40;

/// The target.
#[derive(Debug)]
pub struct Lab {
    binary: PathBuf,
    folder: PathBuf,
    other_release: Option<PathBuf>,
    keeps: bool,
}

impl Lab {
    /// A laboratory that runs this program, in a folder that is made where it is missing. The folder
    /// is removed after a run in which everything held; a run that finds there what another left behind
    /// has one of its own beside it.
    pub fn new(binary: PathBuf, folder: PathBuf) -> Self {
        Self { binary, folder, other_release: None, keeps: false }
    }

    /// The same, keeping its folder whatever comes of a run: logs of every node, and every event.
    #[must_use]
    pub fn keeping(self) -> Self {
        Self { keeps: true, ..self }
    }

    /// The same, with the program of another release for those scenarios that want one.
    #[must_use]
    pub fn with_other_release(self, binary: PathBuf) -> Self {
        Self { other_release: Some(binary), ..self }
    }
}

/// The folder, or the first of `…-2`, `…-3` that holds nothing; made where it is missing.
fn empty_folder(wanted: &Path) -> io::Result<PathBuf> {
    let beside = (2..=MOST_FOLDERS).map(|number| {
        let mut name = wanted.as_os_str().to_owned();
        name.push(format!("-{number}"));
        PathBuf::from(name)
    });
    for folder in std::iter::once(wanted.to_owned()).chain(beside) {
        fs::create_dir_all(&folder)?;
        if fs::read_dir(&folder)?.next().is_none() {
            return folder.canonicalize();
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

impl Target for Lab {
    fn name(&self) -> &'static str {
        needs::NAME
    }

    fn run(
        &mut self,
        scenario: &Scenario,
        seed: u64,
        watch: &mut dyn FnMut(&Progress),
    ) -> Result<Outcome, NotRun> {
        needs::check(scenario, self.other_release.is_some())?;
        let cast = scenario.cast(seed).map_err(|error| broken("scenario", error))?;
        let folder = |error| broken(&self.folder.display().to_string(), error);
        let here = empty_folder(&self.folder).map_err(folder)?;
        let binary = self.binary.canonicalize();
        let binary = binary.map_err(|error| broken(&self.binary.display().to_string(), error))?;
        let ground = Ground::lay()?;
        let of_ms = scenario.lasts_s * 1_000;
        let house = House::build(
            &ground,
            (&binary, self.other_release.as_deref()),
            &here,
            (scenario, &cast),
            seed,
            &mut |what| watch(&Progress { at_ms: 0, of_ms, what }),
        )?;
        let mut outcome = Run::new(scenario, cast, seed, house)?.carry_out(watch)?;
        drop(ground);
        if outcome.held() && !self.keeps {
            fs::remove_dir_all(&here).map_err(folder)?;
        } else {
            let kept =
                format!("every event and the logs of every node are kept in {}", here.display());
            outcome.notices.push((outcome.lasted_ms, kept));
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_leaves_alone_what_one_before_it_left_behind() {
        let place = tempfile::tempdir().unwrap();
        let wanted = place.path().join("runs").join("lab");
        for name in ["lab", "lab-2", "lab-3"] {
            let folder = empty_folder(&wanted).unwrap();
            assert_eq!(folder.file_name().unwrap(), name);
            assert_eq!(empty_folder(&wanted).unwrap(), folder, "an empty one serves again");
            fs::write(folder.join("events.txt"), "").unwrap();
        }
    }
}
