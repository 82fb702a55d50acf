//! Reads a scenario file, strictly: whoever wrote it is told the file, the line and what may stand
//! there.

use std::fmt;
use std::path::Path;

use crate::scenario::Scenario;
use crate::scenario::check::{Flaw, Place};

/// Largest scenario file that is read, in bytes: the largest shipped one has 3 KiB, a shrunken seed
/// with every kind of step about 10.
const FILE_MAX: u64 = 64 * 1024;

/// A scenario file that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// A line of it is wrong.
    #[error("{file}, line {line}: {reason}\n    {text}")]
    Line {
        /// The file.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// What stands there.
        text: String,
        /// What is wrong with it, and what is allowed.
        reason: String,
    },
    /// It cannot be read at all.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
}

impl Scenario {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// One sentence with the file, the line and what is wrong there.
    pub fn read(path: &Path) -> Result<Self, Wrong> {
        let file = path.display().to_string();
        let unreadable = |reason: &dyn fmt::Display| Wrong::Unreadable {
            file: file.clone(),
            reason: reason.to_string(),
        };
        let length = std::fs::metadata(path).map_err(|error| unreadable(&error))?.len();
        if length > FILE_MAX {
            return Err(unreadable(&format_args!("{length} bytes, over {FILE_MAX}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
        Self::parse(&text, &file)
    }

    /// Reads and checks `text`; `file` is only for the sentence on refusal.
    ///
    /// # Errors
    /// As [`Scenario::read`].
    pub fn parse(text: &str, file: &str) -> Result<Self, Wrong> {
        let wrong = |line: usize, reason: String| Wrong::Line {
            file: file.to_owned(),
            line,
            text: text.lines().nth(line - 1).unwrap_or_default().trim().to_owned(),
            reason,
        };
        let scenario: Self = toml::from_str(text).map_err(|error| {
            let reason = error.message().trim().to_owned();
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            wrong(line_of_unknown_field(text, line, &reason), reason)
        })?;
        scenario
            .check()
            .map_err(|Flaw { place, reason }| wrong(line_of_place(text, &place), reason))?;
        Ok(scenario)
    }

    /// The scenario as a file that [`Scenario::parse`] takes.
    ///
    /// # Errors
    /// What TOML cannot say: a number of 2⁶³ or more.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

/// The line, from 1, that holds the byte at `offset`.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

/// The line of the field that a step does not know. A step's kind decides which fields it has, so
/// that serde reads the whole of it before it complains, and knows the step's first line alone.
fn line_of_unknown_field(text: &str, step: usize, reason: &str) -> usize {
    let field = reason.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    field.and_then(|field| line_of_field(text, step, field)).unwrap_or(step)
}

/// The line of a field of the table whose header, or whose first line, is at `from`.
fn line_of_field(text: &str, from: usize, field: &str) -> Option<usize> {
    let sets_it = |line: &str| {
        line.trim_start().strip_prefix(field).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let lines = text.lines().enumerate().skip(from - 1);
    let mut of_table =
        lines.take_while(|(index, line)| *index == from - 1 || !line.trim_start().starts_with('['));
    of_table.find(|(_, line)| sets_it(line)).map(|(index, _)| index + 1)
}

/// The line that a flaw is about: the field's, the table's where it is left out, else the first.
fn line_of_place(text: &str, place: &Place) -> usize {
    let is_header =
        |line: &str| line.split('#').next().is_some_and(|line| line.trim() == place.table);
    let header = if place.table.is_empty() {
        Some(1)
    } else {
        let headers = text.lines().enumerate().filter(|(_, line)| is_header(line));
        headers.map(|(index, _)| index + 1).nth(place.nth)
    };
    header.map_or(1, |line| line_of_field(text, line, place.field).unwrap_or(line))
}
