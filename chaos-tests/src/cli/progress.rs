//! Shows how far a run is: one line that is written over on a terminal, a line for each tenth of
//! the way elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use chaos_tests::target::Progress;

use super::texts::{self, Lang};

/// Interval between two pictures on a terminal: the simulator reports far more often than eyes see.
const FRAME: Duration = Duration::from_millis(100);
/// Characters of a line on a terminal: the narrowest one that people use.
const COLUMNS: usize = 79;

/// The one line on standard error.
pub(crate) struct Line {
    terminal: bool,
    drawn: Option<Instant>,
    tenth: Option<u64>,
}

impl Line {
    /// Nothing is shown yet.
    pub(crate) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), drawn: None, tenth: None }
    }

    /// Shows how far it is.
    pub(crate) fn show(&mut self, progress: &Progress) {
        let percent = (progress.at_ms.saturating_mul(100) / progress.of_ms.max(1)).min(100);
        let seconds = (progress.at_ms / 1_000, progress.of_ms / 1_000);
        let (lang, what) = (Lang::here(), progress.what.clone());
        let text = texts::progress(lang, percent, seconds.0, seconds.1, &lang.read(what));
        self.say(percent, &text);
    }

    /// Writes a line that stays, above the one that is written over.
    pub(crate) fn keep(&mut self, text: &str) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        self.drawn = None;
        write(&format!("{clear}{text}\n"));
    }

    /// Shows a line of someone's own, so many hundredths of the way.
    pub(crate) fn say(&mut self, percent: u64, text: &str) {
        if self.terminal {
            if self.drawn.is_none_or(|drawn| drawn.elapsed() >= FRAME) {
                self.drawn = Some(Instant::now());
                let text: String = text.chars().take(COLUMNS).collect();
                write(&format!("\r\x1b[K{text}"));
            }
        } else if self.tenth != Some(percent / 10) {
            self.tenth = Some(percent / 10);
            write(&format!("{text}\n"));
        }
    }
}

impl Drop for Line {
    /// The line makes room for what came of it.
    fn drop(&mut self) {
        if self.terminal && self.drawn.is_some() {
            write("\r\x1b[K");
        }
    }
}

/// Progress that nobody can read is no reason to stop.
fn write(text: &str) {
    let mut out = std::io::stderr().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).unwrap_or(());
}
