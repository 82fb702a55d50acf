//! What people read after a run: a journal for programs, and one page to print.
//!
//! The page is one file without scripts, fonts or pictures from elsewhere. French comes first, English
//! beside it. Its colours are those of the console; nothing is told by colour alone.

mod escape;
mod host_rows;
mod night;
mod page;
mod run;
mod scale;
mod timeline;
mod words;

use serde::{Deserialize, Serialize};

use crate::target::Outcome;

pub use night::night_html;
pub use words::french_of;

/// The journal's layout; a reader refuses a later one.
const LAYOUT: u32 = 1;

/// The journal of one run, as JSON: `layout`, `held` (whether everything that was judged held), and
/// beside them the fields of [`Outcome`] as they are named there, times in milliseconds since the run
/// began.
#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    layout: u32,
    held: bool,
    #[serde(flatten)]
    outcome: Outcome,
}

/// Text that is not a journal of this release or an earlier one.
#[derive(Debug, thiserror::Error)]
pub enum NotAJournal {
    /// Not JSON, or not the fields of a journal.
    #[error("{0}")]
    Malformed(#[from] serde_json::Error),
    /// Of a later release.
    #[error("journal of layout {0}, this release reads up to {LAYOUT}")]
    Layout(u32),
}

/// The journal of a run.
pub fn json(outcome: &Outcome) -> Result<String, NotAJournal> {
    let (layout, held, outcome) = (LAYOUT, outcome.held(), outcome.clone());
    Ok(serde_json::to_string_pretty(&Journal { layout, held, outcome })?)
}

/// What a journal tells of.
pub fn read(journal: &str) -> Result<Outcome, NotAJournal> {
    let journal: Journal = serde_json::from_str(journal)?;
    match journal.layout {
        0..=LAYOUT => Ok(journal.outcome),
        later => Err(NotAJournal::Layout(later)),
    }
}

/// The page of a run.
pub fn html(outcome: &Outcome) -> String {
    run::html(outcome)
}

#[cfg(test)]
mod tests;
