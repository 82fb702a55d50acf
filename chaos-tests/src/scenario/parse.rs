//! Reads a scenario file, strictly: whoever wrote it is told the file, the line and what may stand
//! there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::scenario::check::{Flaw, Place};
use crate::scenario::{Scenario, Words};

/// Largest scenario file that is read, in bytes: the largest shipped one has 3 KiB, a shrunken seed
/// with every kind of step about 10.
const FILE_MAX: u64 = 64 * 1024;
/// Characters of a line that are shown.
const LINE_MAX: usize = 160;
/// Characters of what TOML says of it that are shown: all words that may stand there have room.
const REASON_MAX: usize = 1_000;

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
        /// What stands there, as far as a terminal has room for it.
        text: String,
        /// What is wrong with it, and what is allowed. Of TOML itself English alone is known.
        reason: Words,
    },
    /// It cannot be read at all.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        reason: Words,
    },
}

impl Wrong {
    /// The sentence, in both languages.
    pub fn words(&self) -> Words {
        let fr = match self {
            Self::Line { file, line, text, reason } => {
                format!("{file}, ligne {line} : {}\n    {text}", reason.fr)
            }
            Self::Unreadable { file, reason } => format!("{file} : {}", reason.fr),
        };
        Words::new(fr, self.to_string())
    }
}

impl Scenario {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// One sentence with the file, the line and what is wrong there.
    pub fn read(path: &Path) -> Result<Self, Wrong> {
        let file = path.display().to_string();
        let text = read(path).map_err(|reason| Wrong::Unreadable { file: file.clone(), reason })?;
        Self::parse(&text, &file)
    }

    /// Reads and checks `text`; `file` is only for the sentence on refusal.
    ///
    /// # Errors
    /// As [`Scenario::read`].
    pub fn parse(text: &str, file: &str) -> Result<Self, Wrong> {
        let wrong = |line: usize, reason: Words| Wrong::Line {
            file: file.to_owned(),
            line,
            text: shown(text.lines().nth(line - 1).unwrap_or_default().trim(), LINE_MAX),
            reason,
        };
        let scenario: Self = toml::from_str(text).map_err(|error| {
            let reason = in_plain_words(error.message().trim());
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            wrong(line_in_step(text, line, &reason), Words::same(shown(&reason, REASON_MAX)))
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

/// The text of a file of bearable size: whatever the path leads to.
fn read(path: &Path) -> Result<String, Words> {
    let trouble = |error: std::io::Error| {
        use std::io::ErrorKind::{NotFound, PermissionDenied};
        #[allow(clippy::wildcard_enum_match_arm, reason = "the machine's own words, for the rest")]
        match error.kind() {
            NotFound => Words::new("ce fichier n'existe pas", "there is no such file"),
            PermissionDenied => {
                Words::new("la lecture n'est pas permise", "reading it is not allowed")
            }
            _ => Words::same(error.to_string()),
        }
    };
    // A pipe would be waited for, a device never ends.
    if !std::fs::metadata(path).map_err(trouble)?.is_file() {
        return Err(Words::new("ce n'est pas un fichier", "it is no file"));
    }
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(trouble)?.take(FILE_MAX + 1);
    file.read_to_end(&mut bytes).map_err(trouble)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_MAX) {
        let (fr, en) =
            (format!("plus de {FILE_MAX} octets"), format!("more than {FILE_MAX} bytes"));
        return Err(Words::new(fr, en));
    }
    let no_text = |_| Words::new("ce n'est pas du texte UTF-8", "it is no UTF-8 text");
    String::from_utf8(bytes).map_err(no_text)
}

/// Text of a file for a terminal: of bounded length, and with nothing that a terminal would obey.
fn shown(text: &str, most: usize) -> String {
    let harmless = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
    text.chars().map(harmless).take(most).collect()
}

/// A reason without the names of this program's own types.
fn in_plain_words(reason: &str) -> String {
    let plain = [
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected u64", "expected a whole number, not below 0"),
        ("expected i64", "expected a whole number"),
        ("expected i32", "expected a whole number"),
        ("expected f64", "expected a number"),
        ("expected a string", "expected a text in quotes"),
    ];
    match plain.into_iter().find(|(own, _)| reason.ends_with(own)) {
        Some((own, words)) => format!("{}{words}", reason.strip_suffix(own).unwrap_or(reason)),
        None => reason.to_owned(),
    }
}

/// The line of what a step does not take. A step's kind decides which fields it has, so that serde
/// reads the whole of it before it complains, and knows the step's first line alone.
fn line_in_step(text: &str, step: usize, reason: &str) -> usize {
    let quoted = reason.split('`').nth(1).unwrap_or_default();
    let is_set_to = |wanted: &str| {
        line_in_table(text, step, |line| {
            line.split_once('=').is_some_and(|(_, value)| {
                value.split('#').next().unwrap_or_default().trim() == wanted
            })
        })
    };
    let kind = |kind: &str| reason.starts_with(kind).then_some(());
    let found = None
        .or_else(|| kind("unknown field").and_then(|()| line_of_field(text, step, quoted)))
        .or_else(|| kind("unknown variant").and_then(|()| is_set_to(&format!("\"{quoted}\""))))
        .or_else(|| kind("invalid").and_then(|()| is_set_to(quoted)));
    found.unwrap_or(step)
}

/// The line of a field of the table whose header, or whose first line, is at `from`.
fn line_of_field(text: &str, from: usize, field: &str) -> Option<usize> {
    line_in_table(text, from, |line| {
        line.trim_start().strip_prefix(field).is_some_and(|rest| rest.trim_start().starts_with('='))
    })
}

/// The first such line of the table whose header, or whose first line, is at `from`.
fn line_in_table(text: &str, from: usize, is_it: impl Fn(&str) -> bool) -> Option<usize> {
    let lines = text.lines().enumerate().skip(from - 1);
    let mut of_table =
        lines.take_while(|(index, line)| *index == from - 1 || !line.trim_start().starts_with('['));
    of_table.find(|(_, line)| is_it(line)).map(|(index, _)| index + 1)
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
    // A table can stand in one line, too: `site = { … }`.
    let in_one_line = || line_of_field(text, 1, place.table.trim_matches(['[', ']']));
    match header {
        Some(line) => line_of_field(text, line, place.field).unwrap_or(line),
        None => in_one_line().unwrap_or(1),
    }
}
