//! A host's wall clock, as its process believes it: libfaketime reads its error from a file.
//!
//! The boot clock never lies; what a reboot changes of it is a time namespace ([`super::machine`]).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::target::NotRun;

use super::ground::broken;

/// Where Debian puts the library.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];
/// How often an error that changes is written anew.
const RENEW: Duration = Duration::from_secs(1);

/// The library that makes a process believe in another time, where it is installed.
pub(super) fn library() -> Option<&'static str> {
    LIBRARIES.into_iter().find(|path| Path::new(path).exists())
}

/// How a wall clock is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wrong {
    /// By so many seconds.
    By(i64),
    /// It stands in 1970.
    Lost,
    /// By so many seconds, and right, by turns.
    Strobe { by_s: i64, period_ms: u64 },
    /// It runs fast or slow by so many millionths.
    Drift { millionths: i32 },
}

impl Wrong {
    /// The error, in seconds, when it has been wrong for so long and the right time is `now_s`.
    fn error_s(self, since: Duration, now_s: f64) -> f64 {
        match self {
            Wrong::By(seconds) => seconds as f64,
            Wrong::Lost => 86_400.0 - now_s,
            Wrong::Strobe { by_s, period_ms } => {
                let turns = since.as_millis() / u128::from(period_ms.max(1));
                if turns.is_multiple_of(2) { by_s as f64 } else { 0.0 }
            }
            Wrong::Drift { millionths } => since.as_secs_f64() * f64::from(millionths) / 1e6,
        }
    }
}

/// One host's wall clock.
#[derive(Debug)]
pub(super) struct WallClock {
    file: PathBuf,
    wrong: Option<(Wrong, Instant)>,
    written: Instant,
}

impl WallClock {
    /// A clock that is right.
    ///
    /// # Errors
    /// Its file cannot be written.
    pub(super) fn new(home: &Path) -> Result<Self, NotRun> {
        let clock = Self { file: home.join("clock"), wrong: None, written: Instant::now() };
        clock.write(0.0)?;
        Ok(clock)
    }

    /// What makes a process believe this clock.
    pub(super) fn environment(&self) -> Option<(&'static str, Vec<(String, String)>)> {
        let settings = [
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("TZ", "UTC".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value));
        Some((library()?, settings.to_vec()))
    }

    /// Makes it wrong, or right again.
    ///
    /// # Errors
    /// Its file cannot be written.
    pub(super) fn set(&mut self, wrong: Option<Wrong>) -> Result<(), NotRun> {
        self.wrong = wrong.map(|wrong| (wrong, Instant::now()));
        self.renew()
    }

    /// Goes on with an error that changes; cheap to call often.
    ///
    /// # Errors
    /// Its file cannot be written.
    pub(super) fn go_on(&mut self) -> Result<(), NotRun> {
        let changes = match self.wrong {
            Some((Wrong::Strobe { .. }, _)) => true,
            Some((Wrong::Drift { .. }, _)) => self.written.elapsed() >= RENEW,
            Some((Wrong::By(_) | Wrong::Lost, _)) | None => false,
        };
        if changes { self.renew() } else { Ok(()) }
    }

    fn renew(&mut self) -> Result<(), NotRun> {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let error_s =
            self.wrong.map_or(0.0, |(wrong, since)| wrong.error_s(since.elapsed(), now_s));
        self.written = Instant::now();
        self.write(error_s)
    }

    /// Whole or not at all: the process reads at any moment.
    fn write(&self, error_s: f64) -> Result<(), NotRun> {
        let fresh = self.file.with_extension("new");
        fs::write(&fresh, format!("{error_s:+.3}\n"))
            .and_then(|()| fs::rename(&fresh, &self.file))
            .map_err(|error| broken("clock", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strobe_is_wrong_and_right_by_turns() {
        let strobe = Wrong::Strobe { by_s: 600, period_ms: 1_000 };
        let error = |ms| strobe.error_s(Duration::from_millis(ms), 0.0);
        assert_eq!([error(10), error(1_010), error(2_010)], [600.0, 0.0, 600.0]);
    }

    #[test]
    fn a_drift_grows() {
        let drift = Wrong::Drift { millionths: -100 };
        assert_eq!(drift.error_s(Duration::from_secs(10_000), 0.0), -1.0);
    }

    #[test]
    fn a_lost_clock_stands_in_1970() {
        assert_eq!(Wrong::Lost.error_s(Duration::ZERO, 1_000_000.0) + 1_000_000.0, 86_400.0);
    }

    #[test]
    fn the_file_is_what_the_library_reads() {
        let home = tempfile::tempdir().unwrap();
        let mut clock = WallClock::new(home.path()).unwrap();
        clock.set(Some(Wrong::By(-3_600))).unwrap();
        assert_eq!(fs::read_to_string(home.path().join("clock")).unwrap(), "-3600.000\n");
    }
}
