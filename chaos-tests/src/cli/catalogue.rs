//! The scenarios: which there are, and what one of them does.

use std::path::Path;

use chaos_tests::scenario::shipped::{SHIPPED, named};
use chaos_tests::scenario::{Scenario, Wrong};
use chaos_tests::site;

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
        let why = if path.is_file() { texts::no_toml } else { texts::no_such_scenario };
        return Err(NotDone(why(Lang::here(), name)));
    }
    Scenario::read(path).map_err(|wrong| refused(&wrong))
}

fn refused(wrong: &Wrong) -> NotDone {
    let lang = Lang::here();
    NotDone(texts::scenario_refused(lang, &lang.read(wrong.words())))
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
    lines.push(match (scenario.lasts_s / 60, scenario.lasts_s % 60) {
        (0, seconds) => texts::lasts(lang, &format!("{seconds} s")),
        (minutes, 0) => texts::lasts(lang, &format!("{minutes} min")),
        (minutes, seconds) => texts::lasts(lang, &format!("{minutes} min {seconds} s")),
    });
    let hold = &scenario.hold;
    let rounds = hold.rounds.map(|rounds| texts::rounds(lang, rounds));
    let overrun = hold.overrun_s.map(|overrun_s| texts::overrun(lang, &lang.decimal(overrun_s)));
    let besides: Vec<String> = rounds.into_iter().chain(overrun).collect();
    if !besides.is_empty() {
        lines.push(texts::hold(lang, &besides.join(", ")));
    }
    let promises = scenario.promise.iter().map(|promise| lang.read(promise.words()));
    lines.extend(promises.map(|promise| format!("  · {promise}")));
    lines.push(String::new());
    lines.extend(method(scenario, lang));
    lines.push(String::new());
    lines.push(on_a_site(scenario, lang));
    lines.join("\n")
}

/// Within which limits a real site carries it out, or why none does.
fn on_a_site(scenario: &Scenario, lang: Lang) -> String {
    if let Some(why) = site::why_not(scenario) {
        return texts::not_on_a_site(lang, &lang.read(why));
    }
    let limits = &scenario.limits;
    let hours = match limits.hours.as_ref().and_then(|hours| hours.split_once('-')) {
        Some((from, until)) => texts::hours(lang, from, until),
        None => texts::no_hours(lang),
    };
    let (share, durable) = (limits.share(), limits.keep_durable());
    texts::limits(lang, &hours, share, durable, limits.deadline_s())
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
        let lasts = step.for_s.map(|for_s| texts::for_seconds(lang, &lang.decimal_or_whole(for_s)));
        let lasts = lasts.unwrap_or_else(|| texts::until_healed(lang));
        steps.push((step.at_s, format!(" ({lasts})"), step.fault.words()));
    }
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lines = steps.into_iter();
    lines
        .map(|(at_s, lasts, words)| {
            format!("{:>7} s  {}{lasts}", lang.decimal_or_whole(at_s), lang.read(words))
        })
        .collect()
}
