//! Tries bugs planted on purpose.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_tests::mutants::{self, MutantPlan, MutantProgress, MutantReport, table, worker};
use clap::Args;
use domain::planted::Bug;

use super::journal;
use super::progress::Line;
use super::texts::{self, Lang};
use super::{End, NotDone, Said};

/// Which bugs, and in how many worlds.
#[derive(Debug, Args)]
pub(crate) struct MutantArgs {
    /// Only these bugs.
    #[arg(long, value_name = "BUG", value_parser = bug)]
    only: Vec<Bug>,
    /// Worlds, at most.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    /// The first world's seed.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=i64::MAX.unsigned_abs() / 2))]
    from: u64,
    /// Processes at one time; otherwise one for each core.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Begin no further run after so many minutes.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: Option<u64>,
    /// Write mutants.md and mutants.json into this folder.
    #[arg(long, value_name = "FOLDER")]
    report: Option<PathBuf>,
}

fn bug(name: &str) -> Result<Bug, String> {
    let found = Bug::ALL.iter().copied().find(|bug| bug.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let names: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
        names.join(", ")
    })
}

/// Runs each bug against worlds until an invariant sees it.
pub(crate) fn run(args: &MutantArgs) -> Result<Said, NotDone> {
    let lang = Lang::here();
    if let Some(folder) = &args.report {
        journal::prepare(folder)?;
    }
    let mut plan = MutantPlan {
        seeds: args.seeds,
        from_seed: args.from,
        lasts: args.minutes.map(|minutes| Duration::from_secs(60 * minutes)),
        ..MutantPlan::default()
    };
    plan.workers = args.workers.map_or(plan.workers, usize::from);
    if !args.only.is_empty() {
        plan.bugs.clone_from(&args.only);
    }
    let mut line = Line::new();
    let report = std::env::current_exe()
        .and_then(|program| {
            mutants::run(&plan, &program, &mut |progress| show(&mut line, progress))
        })
        .map_err(|error| NotDone(texts::not_run(lang, &error.to_string())))?;
    drop(line);
    let mut text = table::text(&report);
    let written = args.report.as_ref().map_or(Ok(()), |folder| write(folder, &report));
    for (seed, seen) in &report.unsound {
        text.push_str(&texts::unsound(lang, *seed, seen.number, &seen.what));
        text.push('\n');
    }
    text.push_str(&texts::mutants(lang, report.caught(), report.bugs.len(), report.worlds));
    let end = match &written {
        _ if !report.is_good() => End::Broken,
        Ok(()) => End::Held,
        Err(_) => End::NotRun,
    };
    if let Err(NotDone(why)) = written {
        text.push_str(&format!("\n{why}"));
    }
    Ok((text, end))
}

/// Does what a worker does, for the process that started this one.
pub(crate) fn work() -> Result<Said, NotDone> {
    worker::work(io::stdin().lock(), io::stdout().lock())
        .map(|()| (String::new(), End::Held))
        .map_err(|error| NotDone(error.to_string()))
}

fn show(line: &mut Line, progress: &MutantProgress) {
    let percent = progress.worlds * 100 / progress.of_worlds.max(1);
    let bug = progress.bug.map_or("-", Bug::name);
    let by = progress.by.as_ref().map_or("", |by| by.invariant.as_str());
    let MutantProgress { caught, of, worlds, seed, .. } = progress;
    let text = texts::mutant(Lang::here(), *caught, *of, *worlds, bug, *seed, by);
    line.say(percent, &text);
}

fn write(folder: &Path, report: &MutantReport) -> Result<(), NotDone> {
    journal::put(&folder.join("mutants.md"), &table::markdown(report))?;
    let json = serde_json::to_string_pretty(report).map_err(|error| NotDone(error.to_string()))?;
    journal::put(&folder.join("mutants.json"), &json)
}
