//! Runs scenarios.

use chaos_tests::scenario::Scenario;
use chaos_tests::scenario::shipped::SHIPPED;
use chaos_tests::sim::Sim;
use chaos_tests::target::Target;

use super::progress::Line;
use super::texts::{self, Lang};
use super::{End, NotDone, RunArgs, Said, TargetWord};
use super::{catalogue, summary};

/// Word for every shipped scenario.
const ALL: &str = "all";

/// Runs each scenario on the target, one after the other, and says what came of it as it comes.
pub(crate) fn run(args: &RunArgs) -> Result<Said, NotDone> {
    let names: Vec<&str> = match args.scenarios.as_slice() {
        [one] if one == ALL => SHIPPED.iter().map(|shipped| shipped.name).collect(),
        several => several.iter().map(String::as_str).collect(),
    };
    let mut target = target(args.target);
    let mut held = 0;
    for name in &names {
        let (text, end) = one(name, args, target.as_mut())?;
        super::say_now(&text);
        held += usize::from(end == End::Held);
    }
    let end = if held == names.len() { End::Held } else { End::Broken };
    Ok((texts::in_all(Lang::here(), held, names.len()), end))
}

fn one(name: &str, args: &RunArgs, target: &mut dyn Target) -> Result<Said, NotDone> {
    let mut scenario = catalogue::find(name)?;
    if let Some(lasts_s) = args.within {
        scenario = scenario.within(lasts_s);
    }
    let seed = args.seed.or(scenario.seed).unwrap_or_else(new_seed);
    let (mut text, end) = carry_out(target, &scenario, seed)?;
    let again = texts::again(Lang::here(), name, args.target.word(), seed);
    text.push('\n');
    text.push_str(&again);
    text.push('\n');
    Ok((text, end))
}

/// Below 2⁶³, so that a scenario file can say it.
fn new_seed() -> u64 {
    rand::random::<u64>() >> 1
}

fn target(word: TargetWord) -> Box<dyn Target> {
    match word {
        TargetWord::Sim => Box::new(Sim::default()),
    }
}

fn carry_out(target: &mut dyn Target, scenario: &Scenario, seed: u64) -> Result<Said, NotDone> {
    let lang = Lang::here();
    let mut line = Line::new();
    let outcome = target.run(scenario, seed, &mut |progress| line.show(progress));
    drop(line);
    let outcome = outcome.map_err(|why| NotDone(texts::not_run(lang, &why.to_string())))?;
    Ok(summary::summary(&outcome, lang))
}
