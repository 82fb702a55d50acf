//! The journal of a run and its page, as files.

use std::fs;
use std::path::{Path, PathBuf};

use chaos_tests::report;
use chaos_tests::scenario::Scenario;
use chaos_tests::target::Outcome;

use super::NotDone;
use super::texts::{self, Lang};

/// Makes a folder for reports and sees that it takes one, before anything is run for hours.
pub(crate) fn prepare(folder: &Path) -> Result<(), NotDone> {
    fs::create_dir_all(folder).map_err(|error| trouble(folder, &error))?;
    tempfile::tempfile_in(folder).map(drop).map_err(|error| trouble(folder, &error))
}

/// Writes both into a folder, under a name that tells scenario, target (and whether its parts were `real`)
/// and seed apart. Returns the page's path.
pub(crate) fn write(outcome: &Outcome, real: bool, folder: &Path) -> Result<PathBuf, NotDone> {
    let real = if real { "-real" } else { "" };
    let name = format!("{}-{}{real}-{}", slug(&outcome.title.1), outcome.target, outcome.seed);
    let json = report::json(outcome).map_err(|error| NotDone(error.to_string()))?;
    put(&folder.join(format!("{name}.json")), &json)?;
    let page = folder.join(format!("{name}.html"));
    put(&page, &report::html(outcome))?;
    Ok(page)
}

/// Makes the page of a journal again.
pub(crate) fn page(journal: &Path, to: Option<PathBuf>) -> Result<String, NotDone> {
    let lang = Lang::here();
    let outcome = read(journal)?;
    let page = to.unwrap_or_else(|| journal.with_extension("html"));
    let is_journal = |path: &Path| fs::canonicalize(path).ok() == fs::canonicalize(journal).ok();
    if page.exists() && is_journal(&page) {
        return Err(NotDone(texts::page_on_journal(lang, &page.display().to_string())));
    }
    put(&page, &report::html(&outcome))?;
    Ok(texts::report_written(lang, &page.display().to_string()))
}

/// The scenario of which a journal tells.
pub(crate) fn scenario(journal: &Path) -> Result<Scenario, NotDone> {
    let lang = Lang::here();
    let file = journal.display().to_string();
    let text = read(journal)?.scenario;
    let text = text.ok_or_else(|| NotDone(texts::no_scenario_in(lang, &file)))?;
    Scenario::parse(&text, &file)
        .map_err(|wrong| NotDone(texts::scenario_refused(lang, &lang.read(wrong.words()))))
}

fn read(journal: &Path) -> Result<Outcome, NotDone> {
    let text = fs::read_to_string(journal).map_err(|error| trouble(journal, &error))?;
    report::read(&text).map_err(|why| {
        let file = journal.display().to_string();
        NotDone(texts::not_a_journal(Lang::here(), &file, &why.to_string()))
    })
}

/// Writes a file whole.
pub(super) fn put(path: &Path, text: &str) -> Result<(), NotDone> {
    fs::write(path, text).map_err(|error| trouble(path, &error))
}

/// What the disk said of a path.
pub(super) fn trouble(path: &Path, error: &std::io::Error) -> NotDone {
    let file = path.display().to_string();
    NotDone(texts::file_trouble(Lang::here(), &file, &error.to_string()))
}

/// Letters and digits, the rest as single dashes: a file name anywhere.
fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_title_becomes_a_file_name() {
        assert_eq!(
            slug("Opening rush: every kiosk within a minute"),
            "opening-rush-every-kiosk-within-a-minute"
        );
        assert_eq!(slug("../../etc"), "etc");
    }
}
