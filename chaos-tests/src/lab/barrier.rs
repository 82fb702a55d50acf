//! Barriers that are slow or fail, by a small library that stands before the C library's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::target::NotRun;

use super::ground::broken;

const SOURCE: &str = include_str!("barrier.c");

/// Builds the library in the laboratory's folder.
///
/// # Errors
/// There is no C compiler.
pub(super) fn build(folder: &Path) -> Result<PathBuf, NotRun> {
    let (source, library) = (folder.join("barrier.c"), folder.join("barrier.so"));
    fs::write(&source, SOURCE).map_err(|error| broken("barrier.c", error))?;
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .output()
        .map_err(|error| broken("cc", error))?;
    if built.status.success() {
        return Ok(library);
    }
    Err(broken("cc", String::from_utf8_lossy(&built.stderr).trim()))
}

/// How one host's barriers are.
#[derive(Debug)]
pub(super) struct Barrier {
    file: PathBuf,
}

impl Barrier {
    /// Barriers that are as the disk has them.
    ///
    /// # Errors
    /// Its file cannot be written.
    pub(super) fn new(home: &Path) -> Result<Self, NotRun> {
        let barrier = Self { file: home.join("barrier") };
        barrier.take_ms(0)?;
        Ok(barrier)
    }

    /// What makes a process obey it where it writes to its `disk`.
    pub(super) fn environment(&self, disk: &Path) -> [(String, String); 2] {
        let setting = |name: &str, path: &Path| (name.to_owned(), path.display().to_string());
        [setting("CHAOS_BARRIER", &self.file), setting("CHAOS_DISK", disk)]
    }

    /// Each takes so long besides what the disk wants.
    ///
    /// # Errors
    /// Its file cannot be written.
    pub(super) fn take_ms(&self, ms: u32) -> Result<(), NotRun> {
        fs::write(&self.file, ms.to_string()).map_err(|error| broken("barrier", error))
    }

    /// Each fails.
    ///
    /// # Errors
    /// Its file cannot be written.
    pub(super) fn fail(&self) -> Result<(), NotRun> {
        fs::write(&self.file, "fail").map_err(|error| broken("barrier", error))
    }
}
