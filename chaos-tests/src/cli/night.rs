//! Runs drawn worlds for a night, and keeps what they found.

use std::path::Path;
use std::time::Duration;

use chaos_tests::invariants;
use chaos_tests::report::{french_of, night_html};
use chaos_tests::scenario::Scenario;
use chaos_tests::sim::night::{
    FULL_NIGHT, Failure, NightPlan, NightProgress, NightReport, night as run,
};

use super::journal::{prepare, put};
use super::progress::Line;
use super::texts::{self, Lang};
use super::{End, NightArgs, NotDone, Said, new_seed};

/// What a night is taken to be when its work is foretold: eight hours on two cores.
const NIGHT_CORE_HOURS: f64 = 16.0;

/// Longest night, in hours: a week.
const HOURS_MAX: f64 = 168.0;

/// Reads a number of hours.
pub(super) fn hours(text: &str) -> Result<f64, String> {
    let hours: f64 = text.parse().map_err(|_| String::from("a number of hours, such as 0.5"))?;
    if hours > 0.0 && hours <= HOURS_MAX {
        return Ok(hours);
    }
    Err(format!("more than 0 and at most {HOURS_MAX} hours"))
}

/// Runs the night.
pub(crate) fn night(args: &NightArgs) -> Result<Said, NotDone> {
    let lang = Lang::here();
    if let Some(folder) = &args.report {
        prepare(folder)?;
    }
    let lasts = args.hours.map(|hours| Duration::from_secs_f64(hours * 3_600.0));
    let plan = NightPlan {
        lasts,
        at_least: args.at_least,
        seeds: args.seeds,
        workers: usize::from(args.workers),
        from_seed: args.from_seed.unwrap_or_else(|| new_seed() >> 1),
        shrink_runs: args.shrink_runs,
        real_every: if args.real { 1 } else { NightPlan::default().real_every },
        themes: args.themes,
        ..NightPlan::default()
    };
    let mut line = Line::new();
    let began = std::time::Instant::now();
    let report = run(&plan, &invariants::all, &mut |progress| {
        if let Some(breach) = &progress.breach {
            // At once: nobody wants to wait for a morning to look into it.
            let how = how(&plan, progress.real);
            line.keep(&format!("{} {breach}", texts::seed_broken(lang, progress.last, &how)));
        }
        line.say(percent(&plan, progress, began.elapsed()), &so_far(progress, lang));
    });
    drop(line);
    let mut lines = Vec::new();
    for failure in &report.failures {
        lines.extend(failed(failure, &how(&plan, failure.real), lang));
    }
    let mut trouble = None;
    if let Some(folder) = &args.report {
        match keep(&report, folder, lang) {
            Ok(kept) => lines.extend(kept),
            Err(why) => trouble = Some(why),
        }
    }
    let never = report.never();
    if !never.is_empty() {
        let names: Vec<&str> = never.iter().map(|name| lang.of(french_of(name), name)).collect();
        lines.push(texts::never(lang, &names.join(", ")));
    }
    lines.push(texts::night(lang, report.node_hours, report.density, foretold(&report)));
    let broken = report.failures.len();
    let held = usize::try_from(report.seeds).unwrap_or(usize::MAX).saturating_sub(broken);
    lines.push(texts::worlds(lang, report.seeds, held));
    // A few worlds need not see everything; a night that did not has a blind spot.
    let blind = report.seeds >= FULL_NIGHT && !never.is_empty();
    if let Some(NotDone(why)) = trouble {
        // What the night came to is said all the same.
        lines.push(why);
        return Ok((lines.join("\n"), if broken == 0 { End::NotRun } else { End::Broken }));
    }
    Ok((lines.join("\n"), if broken == 0 && !blind { End::Held } else { End::Broken }))
}

/// How `replay` is told which kind of world it is.
fn how(plan: &NightPlan, real: bool) -> String {
    let words = [(plan.themes, "--themes "), (real, "--real ")];
    words.into_iter().filter(|(said, _)| *said).map(|(_, word)| word).collect()
}

/// Node-hours of a night at this density.
fn foretold(report: &NightReport) -> f64 {
    report.density * NIGHT_CORE_HOURS
}

/// How far it is, by whichever of its ends is told.
fn percent(plan: &NightPlan, progress: &NightProgress, passed: Duration) -> u64 {
    let of = |done: f64, all: f64| (100.0 * done / all.max(1.0)).min(100.0);
    #[expect(clippy::cast_precision_loss, reason = "hundredths for people")]
    let share = match (plan.seeds, plan.lasts) {
        (Some(seeds), _) => of(progress.seeds as f64, seeds as f64),
        (None, Some(lasts)) => of(passed.as_secs_f64(), lasts.as_secs_f64()),
        (None, None) => 0.0,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
    let percent = share as u64;
    percent
}

fn so_far(progress: &NightProgress, lang: Lang) -> String {
    let (seeds, failures) = (progress.seeds, progress.failures);
    texts::night_so_far(lang, seeds, failures, progress.node_hours, progress.last)
}

fn failed(failure: &Failure, how: &str, lang: Lang) -> Vec<String> {
    let mut lines = vec![texts::seed_broken(lang, failure.seed, how)];
    let breaches = failure.breaches.iter();
    lines.extend(breaches.map(|(number, what)| format!("  {number:>3}  {what}")));
    lines
}

/// Writes the figures, and the smallest world of each failure as a file that `replay` takes.
fn keep(report: &NightReport, folder: &Path, lang: Lang) -> Result<Vec<String>, NotDone> {
    let json = serde_json::to_string_pretty(report).map_err(|error| NotDone(error.to_string()))?;
    put(&folder.join("night.json"), &json)?;
    let page = folder.join("night.html");
    put(&page, &night_html(report))?;
    let mut lines = vec![texts::report_written(lang, &page.display().to_string())];
    for failure in &report.failures {
        let Some(smallest) = &failure.smallest else {
            continue;
        };
        let kept = Scenario { seed: Some(failure.seed), ..smallest.clone() };
        let text = kept.to_toml().map_err(|error| NotDone(error.to_string()))?;
        let file = folder.join(format!("seed-{}.toml", failure.seed));
        put(&file, &text)?;
        lines.push(texts::kept(lang, &file.display().to_string()));
    }
    Ok(lines)
}
