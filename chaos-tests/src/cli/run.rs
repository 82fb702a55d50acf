//! Runs scenarios.

use std::ffi::OsStr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use chaos_tests::lab::{Lab, SUBSET, SUBSET_LASTS_S};
use chaos_tests::scenario::Scenario;
use chaos_tests::scenario::shipped::{self, SHIPPED};
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

/// What one command line runs.
struct Runs<'a> {
    lang: Lang,
    args: &'a RunArgs,
    scenarios: Vec<(&'a str, Scenario)>,
    within_s: Option<u64>,
    /// One word stands for them: the target passes over what it has no means for.
    one_word: bool,
}

/// Runs each scenario on the target, one after the other, and says what came of it as it comes. All
/// are found before the first is run.
pub(crate) fn run(args: &RunArgs) -> Result<Said, NotDone> {
    let lang = Lang::here();
    let (names, within_s, one_word) = match args.scenarios.as_slice() {
        [word] if word == ALL => {
            (SHIPPED.iter().map(|shipped| shipped.name).collect(), args.within, true)
        }
        [word] if word == FEW => (SUBSET.to_vec(), args.within.or(Some(SUBSET_LASTS_S)), true),
        named => match named.iter().find(|word| [ALL, FEW].contains(&word.as_str())) {
            Some(word) => return Err(NotDone(texts::stands_alone(lang, word))),
            None => (named.iter().map(String::as_str).collect::<Vec<_>>(), args.within, false),
        },
    };
    let find = |name| catalogue::find(name).map(|scenario| (name, scenario));
    let scenarios = names.into_iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let runs = Runs { lang, args, scenarios, within_s, one_word };
    if args.rehearse {
        return runs.rehearse();
    }
    let mut target = target(args)?;
    if let Some(folder) = &args.report {
        journal::prepare(folder)?;
    }
    runs.carry_out(target.as_mut())
}

impl Runs<'_> {
    /// As it is carried out: in so many seconds, and from which seed.
    fn fitted(&self, scenario: &Scenario) -> (Scenario, u64) {
        let seed = self.args.seed.or(scenario.seed).unwrap_or_else(new_seed);
        let fitted = match self.within_s {
            Some(lasts_s) => scenario.clone().within(lasts_s),
            None => scenario.clone(),
        };
        (fitted, seed)
    }

    fn carry_out(&self, target: &mut dyn Target) -> Result<Said, NotDone> {
        let lang = self.lang;
        let (mut ran, mut held, mut trouble) = (0, 0, None);
        for (name, scenario) in &self.scenarios {
            let (scenario, seed) = self.fitted(scenario);
            match carry_out(target, &scenario, seed) {
                Ok(mut outcome) => {
                    let again = self.again(name, seed);
                    remember(&mut outcome, &scenario, &again);
                    let (text, end) = summary::summary(&outcome, lang);
                    let mut lines = vec![text];
                    match report(&outcome, self.args.real, self.args.report.as_deref()) {
                        Ok(line) => lines.extend(line),
                        Err(NotDone(why)) => {
                            lines.push(why.clone());
                            trouble = Some(why);
                        }
                    }
                    lines.push(texts::again(lang, &again));
                    super::say_now(&format!("{}\n", lines.join("\n")));
                    ran += 1;
                    held += usize::from(end == End::Held);
                }
                Err(why) => {
                    let cannot = matches!(why, NotRun::Cannot { .. });
                    let why = texts::scenario_not_run(lang, name, &lang.read(why.words()));
                    if self.scenarios.len() > 1 {
                        super::say_now(&format!("{why}\n"));
                    }
                    if !(self.one_word && cannot) {
                        trouble = Some(why);
                    }
                }
            }
        }
        let text = texts::in_all(lang, held, ran);
        match trouble {
            _ if held < ran => Ok((text, End::Broken)),
            Some(why) if ran == 0 => Err(NotDone(why)),
            Some(_) => Ok((text, End::NotRun)),
            None if ran == 0 => Ok((text, End::NotRun)),
            None => Ok((text, End::Held)),
        }
    }

    /// Who would play whom on the site, and which order would come when.
    fn rehearse(&self) -> Result<Said, NotDone> {
        if self.args.target != TargetWord::Site {
            return Err(NotDone(texts::rehearsed_on_a_site(self.lang)));
        }
        let site = Site::new(self.args.data_dir.clone());
        let mut lines = Vec::new();
        for (name, scenario) in &self.scenarios {
            let (scenario, seed) = self.fitted(scenario);
            lines.push(self.lang.read(scenario.title.clone()));
            match site.rehearse(&scenario, seed) {
                Ok(steps) => {
                    lines.extend(steps.into_iter().map(|step| self.lang.read(step)));
                    lines.push(texts::again(self.lang, &self.again(name, seed)));
                }
                Err(why) if self.one_word => {
                    lines.push(texts::not_run(self.lang, &self.lang.read(why.words())));
                }
                Err(why) => {
                    return Err(NotDone(texts::not_run(self.lang, &self.lang.read(why.words()))));
                }
            }
            lines.push(String::new());
        }
        Ok((lines.join("\n"), End::Held))
    }

    /// The command that does the same.
    fn again(&self, name: &str, seed: u64) -> String {
        let target = self.args.target.word();
        let real = if self.args.real { " --real" } else { "" };
        let within = self.within_s.map(|lasts_s| format!(" --within {lasts_s}"));
        let within = within.unwrap_or_default();
        let other =
            self.args.other_release.as_ref().filter(|_| self.args.target == TargetWord::Lab);
        let other = other.map(|file| format!(" --other-release {}", quoted(file)));
        let other = other.unwrap_or_default();
        let data = match self.args.target {
            TargetWord::Site => format!(" --data-dir {}", quoted(&self.args.data_dir)),
            TargetWord::Sim | TargetWord::Lab => String::new(),
        };
        let name = quoted(Path::new(name));
        format!("poste-chaos run {name} --target {target}{real}{within}{other}{data} --seed {seed}")
    }
}

/// Runs again what a seed, a journal, or a file kept from a failure, did in the simulator.
pub(crate) fn replay(args: &ReplayArgs) -> Result<Said, NotDone> {
    let lang = Lang::here();
    let real = if args.real { " --real" } else { "" };
    let themes = if args.themes { " --themes" } else { "" };
    let (scenario, seed, again) = match args.what.parse() {
        Ok(seed) => {
            let draw = if args.themes { Scenario::on_a_theme } else { Scenario::drawn };
            (draw(seed), seed, format!("poste-chaos replay{real}{themes} {seed}"))
        }
        Err(_) => {
            let scenario = kept(&args.what)?;
            let file = quoted(Path::new(&args.what));
            let seed = scenario.seed.unwrap_or_else(new_seed);
            let again = match scenario.seed {
                Some(_) => format!("poste-chaos replay{real} {file}"),
                None => format!("poste-chaos run {file}{real} --seed {seed}"),
            };
            (scenario, seed, again)
        }
    };
    if let Some(folder) = &args.report {
        journal::prepare(folder)?;
    }
    let mut sim = if args.real { Sim::real() } else { Sim::default() };
    if let Some(seconds) = args.events.clone() {
        sim = sim.watched(move |at_ms, event| {
            if seconds.contains(&(f64::from(u32::try_from(at_ms).unwrap_or(u32::MAX)) / 1_000.0)) {
                super::say_now(&format!("{at_ms} ms: {event:?}\n"));
            }
        });
    }
    let outcome = carry_out(&mut sim, &scenario, seed);
    let mut outcome =
        outcome.map_err(|why| NotDone(texts::not_run(lang, &lang.read(why.words()))))?;
    remember(&mut outcome, &scenario, &again);
    let (text, end) = summary::summary(&outcome, lang);
    let mut lines = vec![text];
    lines.extend(report(&outcome, args.real, args.report.as_deref())?);
    lines.push(texts::again(lang, &again));
    Ok((lines.join("\n"), end))
}

/// The scenario in a file that a run left: itself, or its journal.
fn kept(file: &str) -> Result<Scenario, NotDone> {
    let lang = Lang::here();
    match Path::new(file).extension().and_then(OsStr::to_str) {
        Some("toml") => catalogue::find(file),
        Some("json") => journal::scenario(Path::new(file)),
        _ if shipped::named(file).is_some() => Err(NotDone(texts::run_it(lang, file))),
        _ => Err(NotDone(texts::no_seed(lang, file))),
    }
}

/// A file's name as a shell takes it.
fn quoted(file: &Path) -> String {
    let name = file.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    if name.chars().all(plain) { name } else { format!("'{}'", name.replace('\'', "'\\''")) }
}

/// Notes in what came of a run how it can be run again.
fn remember(outcome: &mut Outcome, scenario: &Scenario, again: &str) {
    let seeded = Scenario { seed: Some(outcome.seed), ..scenario.clone() };
    outcome.again = Some(again.to_owned());
    // A number that TOML cannot say is in no scenario that was read or drawn.
    outcome.scenario = seeded.to_toml().ok();
}

/// Reads two times in seconds with two points between them.
pub(super) fn seconds(text: &str) -> Result<Range<f64>, String> {
    let (from, until) = text.split_once("..").ok_or("FROM..UNTIL, in seconds")?;
    let second =
        |text: &str| text.trim().parse::<f64>().map_err(|error| format!("{text}: {error}"));
    Ok(second(from)?..second(until)?)
}

/// Writes journal and page, where somebody wants them; where they are.
fn report(outcome: &Outcome, real: bool, folder: Option<&Path>) -> Result<Option<String>, NotDone> {
    let Some(folder) = folder else {
        return Ok(None);
    };
    let page = journal::write(outcome, real, folder)?;
    Ok(Some(texts::report_written(Lang::here(), &page.display().to_string())))
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
    if args.poste.is_dir() {
        let file = args.poste.display().to_string();
        return Err(NotDone(texts::folder_for_binary(Lang::here(), &file)));
    }
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
