//! Runs scenarios.

use std::ops::Range;
use std::path::{Path, PathBuf};

use chaos_tests::lab::{Lab, SUBSET, SUBSET_LASTS_S};
use chaos_tests::scenario::Scenario;
use chaos_tests::scenario::shipped::SHIPPED;
use chaos_tests::sim::Sim;
use chaos_tests::site::Site;
use chaos_tests::target::{NotRun, Outcome, Target};

use super::progress::Line;
use super::texts::{self, Lang};
use super::{End, MachineArgs, NotDone, ReplayArgs, RunArgs, Said, TargetWord, new_seed};
use super::{catalogue, journal, summary};

/// Word for every shipped scenario.
const ALL: &str = "all";
/// Word for the few that are run at each change.
const FEW: &str = "subset";

/// Runs each scenario on the target, one after the other, and says what came of it as it comes. Of
/// those that a word stands for, the target passes over what it has no means for.
pub(crate) fn run(args: &RunArgs) -> Result<Said, NotDone> {
    let lang = Lang::here();
    let (names, within_s, pass_over) = match args.scenarios.as_slice() {
        [word] if word == ALL => {
            (SHIPPED.iter().map(|shipped| shipped.name).collect(), args.within, true)
        }
        [word] if word == FEW => (SUBSET.to_vec(), args.within.or(Some(SUBSET_LASTS_S)), true),
        named => (named.iter().map(String::as_str).collect::<Vec<_>>(), args.within, false),
    };
    let mut target = target(args)?;
    let (mut ran, mut held) = (0, 0);
    for name in names {
        let mut scenario = catalogue::find(name)?;
        if let Some(lasts_s) = within_s {
            scenario = scenario.within(lasts_s);
        }
        let seed = args.seed.or(scenario.seed).unwrap_or_else(new_seed);
        match carry_out(target.as_mut(), &scenario, seed) {
            Ok(outcome) => {
                let (text, end) = summary::summary(&outcome, lang);
                let mut lines = vec![text];
                lines.extend(report(&outcome, args.report.as_deref())?);
                lines.push(texts::again(lang, name, &how(args), seed));
                super::say_now(&format!("{}\n", lines.join("\n")));
                ran += 1;
                held += usize::from(end == End::Held);
            }
            Err(why @ NotRun::Cannot { .. }) if pass_over => {
                super::say_now(&format!("{name}: {}\n", texts::not_run(lang, &why.to_string())));
            }
            Err(why) => return Err(NotDone(texts::not_run(lang, &why.to_string()))),
        }
    }
    let end = if held == ran { End::Held } else { End::Broken };
    Ok((texts::in_all(lang, held, ran), end))
}

/// Runs again what a seed, or a file kept from a failure, did in the simulator.
pub(crate) fn replay(args: &ReplayArgs) -> Result<Said, NotDone> {
    let lang = Lang::here();
    let (scenario, seed) = match args.what.parse() {
        Ok(seed) if args.themes => (Scenario::on_a_theme(seed), seed),
        Ok(seed) => (Scenario::drawn(seed), seed),
        Err(_) if Path::new(&args.what).is_file() => {
            let scenario = catalogue::find(&args.what)?;
            let seed = scenario.seed.unwrap_or_default();
            (scenario, seed)
        }
        Err(_) => return Err(NotDone(texts::no_seed(lang, &args.what))),
    };
    let mut sim = if args.real { Sim::real() } else { Sim::default() };
    if let Some(seconds) = args.events.clone() {
        sim = sim.watched(move |at_ms, event| {
            if seconds.contains(&(f64::from(u32::try_from(at_ms).unwrap_or(u32::MAX)) / 1_000.0)) {
                super::say_now(&format!("{at_ms} ms: {event:?}\n"));
            }
        });
    }
    let outcome = carry_out(&mut sim, &scenario, seed);
    let outcome = outcome.map_err(|why| NotDone(texts::not_run(lang, &why.to_string())))?;
    let (text, end) = summary::summary(&outcome, lang);
    let mut lines = vec![text];
    lines.extend(report(&outcome, args.report.as_deref())?);
    Ok((lines.join("\n"), end))
}

/// Reads two times in seconds with two points between them.
pub(super) fn seconds(text: &str) -> Result<Range<f64>, String> {
    let (from, until) = text.split_once("..").ok_or("FROM..UNTIL, in seconds")?;
    let second =
        |text: &str| text.trim().parse::<f64>().map_err(|error| format!("{text}: {error}"));
    Ok(second(from)?..second(until)?)
}

/// Writes journal and page, where somebody wants them; where they are.
fn report(outcome: &Outcome, folder: Option<&Path>) -> Result<Option<String>, NotDone> {
    let Some(folder) = folder else {
        return Ok(None);
    };
    let page = journal::write(outcome, folder)?;
    Ok(Some(texts::report_written(Lang::here(), &page.display().to_string())))
}

/// How a scenario was carried out, as `run` wants to be told.
fn how(args: &RunArgs) -> String {
    let real = if args.real { " --real" } else { "" };
    format!("--target {}{real}", args.target.word())
}

fn target(args: &RunArgs) -> Result<Box<dyn Target>, NotDone> {
    Ok(match args.target {
        TargetWord::Sim if args.real => Box::new(Sim::real()),
        _ if args.real => return Err(NotDone(texts::real_is_simulated(Lang::here()))),
        TargetWord::Sim => Box::new(Sim::default()),
        TargetWord::Site => Box::new(Site::new(args.data_dir.clone())),
        TargetWord::Lab => {
            let (program, folder) = machine(&args.machine)?;
            let lab = Lab::new(program, folder);
            Box::new(match &args.other_release {
                Some(other) => lab.with_other_release(other.clone()),
                None => lab,
            })
        }
    })
}

/// The program of the nodes, which must be there, and the folder for them.
pub(super) fn machine(args: &MachineArgs) -> Result<(PathBuf, PathBuf), NotDone> {
    if !args.poste.is_file() {
        let file = args.poste.display().to_string();
        return Err(NotDone(texts::no_binary(Lang::here(), &file)));
    }
    let fresh = || std::env::temp_dir().join(format!("poste-lab-{}", std::process::id()));
    Ok((args.poste.clone(), args.folder.clone().unwrap_or_else(fresh)))
}

/// Runs a scenario under a line that shows how far it is.
fn carry_out(target: &mut dyn Target, scenario: &Scenario, seed: u64) -> Result<Outcome, NotRun> {
    let mut line = Line::new();
    target.run(scenario, seed, &mut |progress| line.show(progress))
}
