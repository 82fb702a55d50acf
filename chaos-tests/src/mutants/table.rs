//! What came of the planted bugs, to be read.

use std::fmt::Write;

use super::{Caught, MutantReport};

/// A table for a terminal: the bug, what saw it, in which world and after how many.
pub fn text(report: &MutantReport) -> String {
    let widest = report.bugs.iter().map(|bug| bug.bug.len()).max().unwrap_or(0);
    let mut lines = String::new();
    for bug in &report.bugs {
        line(&mut lines, &format!("{:widest$}  {}", bug.bug, fate(bug)));
    }
    lines
}

/// A page in Markdown: the table, and a sentence on each bug.
pub fn markdown(report: &MutantReport) -> String {
    let (caught, all) = (report.caught(), report.bugs.len());
    let mut page = String::new();
    line(&mut page, "# Bugs planted on purpose\n");
    line(
        &mut page,
        &format!(
            "{caught} of {all} are caught ({} %, goal {} %), in {} short worlds on one theme each; \
             `make chaos-mutants` makes this page again. A world that does not pass a bug's place is \
             the same with it and without, so the bug is tried only in worlds that do; {} worlds that \
             broke something without any bug were left out. Seen by the `simulator` is what makes a \
             process fall silent.\n",
            caught * 100 / all.max(1),
            super::GOAL,
            report.worlds,
            report.unsound.len()
        ),
    );
    line(&mut page, "| Bug | What it is, and who it hurts | Seen by | World | Tried in |");
    line(&mut page, "|---|---|---|---|---|");
    for bug in &report.bugs {
        let (by, seed) = match &bug.by {
            Some(by) => (format!("{} `{}`", by.number, by.invariant), by.seed.to_string()),
            None => (String::from("**nothing**"), String::new()),
        };
        let (says, tried) = (bug.says.trim(), tried(bug));
        line(&mut page, &format!("| `{}` | {says} | {by} | {seed} | {tried} |", bug.bug));
    }
    page
}

fn line(text: &mut String, line: &str) {
    // Writing to a string never fails.
    let written = writeln!(text, "{line}");
    debug_assert!(written.is_ok());
}

fn fate(bug: &Caught) -> String {
    match &bug.by {
        Some(by) => {
            format!("{:2} {:<15} seed {:<5} {}", by.number, by.invariant, by.seed, tried(bug))
        }
        None => format!("-- nothing         {:10} {}", "", tried(bug)),
    }
}

fn tried(bug: &Caught) -> String {
    format!("{} of {}", bug.run, bug.passed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::worker::Seen;

    #[test]
    fn a_bug_that_nothing_saw_stands_out() {
        let by = Seen {
            number: 2,
            invariant: String::from("early_ack"),
            seed: 3,
            what: String::from("too early"),
        };
        let caught = |bug, by| Caught { bug, says: " Says.", by, passed: 4, run: 1 };
        let bugs = vec![caught("One", Some(by)), caught("Other", None)];
        let report = MutantReport { bugs, worlds: 4, ..MutantReport::default() };
        assert!(!report.is_good());
        let page = markdown(&report);
        assert!(page.contains("1 of 2 are caught (50 %"), "{page}");
        assert!(page.contains("| `One` | Says. | 2 `early_ack` | 3 | 1 of 4 |"), "{page}");
        assert!(page.contains("| `Other` | Says. | **nothing** |  | 1 of 4 |"), "{page}");
        assert_eq!(text(&report).lines().count(), 2);
    }
}
