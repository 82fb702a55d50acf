//! The scenarios: which there are, and what one of them does.

use std::path::Path;

use chaos_tests::scenario::shipped::{SHIPPED, named};
use chaos_tests::scenario::{Scenario, Wrong};

use super::NotDone;
use super::texts::{self, Lang};

/// One line for each shipped scenario.
pub(crate) fn list() -> Result<String, NotDone> {
    let lang = Lang::here();
    let mut lines = Vec::new();
    for shipped in SHIPPED {
        let scenario = shipped.scenario().map_err(|wrong| refused(&wrong))?;
        lines.push(format!("{:<22}{}", shipped.name, lang.read(scenario.title)));
    }
    Ok(lines.join("\n"))
}

/// What a scenario does, or its file.
pub(crate) fn show(name: &str, as_toml: bool) -> Result<String, NotDone> {
    if as_toml && let Some(shipped) = named(name) {
        return Ok(shipped.text.to_owned());
    }
    let scenario = find(name)?;
    if as_toml {
        return scenario.to_toml().map_err(|error| NotDone(error.to_string()));
    }
    Ok(describe(&scenario))
}

/// The scenario of that name, or in that file.
pub(crate) fn find(name: &str) -> Result<Scenario, NotDone> {
    if let Some(shipped) = named(name) {
        return shipped.scenario().map_err(|wrong| refused(&wrong));
    }
    let path = Path::new(name);
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Err(NotDone(texts::no_such_scenario(Lang::here(), name)));
    }
    Scenario::read(path).map_err(|wrong| refused(&wrong))
}

fn refused(wrong: &Wrong) -> NotDone {
    NotDone(texts::scenario_refused(Lang::here(), &wrong.to_string()))
}

/// Title, purpose, site, then everything that happens, in the order of time.
fn describe(scenario: &Scenario) -> String {
    let lang = Lang::here();
    let site = &scenario.site;
    let alone = lang.read(site.policy.words());
    let mut lines = vec![
        lang.read(scenario.title.clone()),
        String::new(),
        lang.read(scenario.about.clone()),
        String::new(),
        texts::site(lang, site.admins, site.kiosks, site.amnesic, &alone),
    ];
    if site.history_days > 0 {
        lines.push(texts::history(lang, site.history_days));
    }
    lines.push(texts::lasts(lang, scenario.lasts_s / 60));
    if let (Some(rounds), Some(overrun_s)) = (scenario.hold.rounds, scenario.hold.overrun_s) {
        lines.push(texts::hold(lang, rounds, overrun_s));
    }
    lines.push(String::new());
    lines.extend(method(scenario, lang));
    lines.push(String::new());
    let limits = &scenario.limits;
    let hours = limits.hours.clone().unwrap_or_else(|| texts::no_hours(lang));
    let (share, durable) = (limits.share(), limits.keep_durable());
    lines.push(texts::limits(lang, &hours, share, durable, limits.deadline_s()));
    lines.join("\n")
}

/// Everything that people do and that goes wrong, with its times.
fn method(scenario: &Scenario, lang: Lang) -> Vec<String> {
    let mut steps = Vec::new();
    for load in &scenario.load {
        #[expect(clippy::cast_precision_loss, reason = "a week of seconds is exact in an f64")]
        let begins_s = load.begins_s() as f64;
        steps.push((begins_s, String::new(), load.words()));
    }
    for step in &scenario.fault {
        let lasts = step.for_s.map(|for_s| texts::for_seconds(lang, for_s));
        let lasts = lasts.unwrap_or_else(|| texts::until_healed(lang));
        steps.push((step.at_s, format!(" ({lasts})"), step.fault.words()));
    }
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lines = steps.into_iter();
    lines.map(|(at_s, lasts, words)| format!("{at_s:>7} s  {}{lasts}", lang.read(words))).collect()
}
