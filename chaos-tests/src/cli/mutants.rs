//! Tries bugs planted on purpose.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_tests::mutants::{self, MutantPlan, MutantProgress, MutantReport, table, worker};
use clap::Args;
use domain::planted::Bug;

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
    #[arg(long, default_value_t = 300)]
    seeds: u64,
    /// The first world's seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Processes at one time; otherwise one for each core.
    #[arg(long)]
    workers: Option<usize>,
    /// Begin no further run after so many minutes.
    #[arg(long)]
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
    let mut plan = MutantPlan {
        seeds: args.seeds,
        from_seed: args.from,
        lasts: args.minutes.map(|minutes| Duration::from_secs(60 * minutes)),
        ..MutantPlan::default()
    };
    plan.workers = args.workers.unwrap_or(plan.workers);
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
    if let Some(folder) = &args.report {
        write(folder, &report).map_err(|error| {
            NotDone(texts::not_written(lang, &folder.display().to_string(), &error.to_string()))
        })?;
    }
    let mut text = table::text(&report);
    for (seed, seen) in &report.unsound {
        text.push_str(&texts::unsound(lang, *seed, seen.number, &seen.what));
        text.push('\n');
    }
    let end = if report.is_good() { End::Held } else { End::Broken };
    text.push_str(&texts::mutants(lang, report.caught(), report.bugs.len(), report.worlds));
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

fn write(folder: &Path, report: &MutantReport) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("mutants.md"), table::markdown(report))?;
    fs::write(folder.join("mutants.json"), serde_json::to_string_pretty(report)?)
}
