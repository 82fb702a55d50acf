//! What a site costs against the number of its nodes.

use std::collections::BTreeSet;

use chaos_tests::lab;
use chaos_tests::report::french_of;
use chaos_tests::target::Outcome;

use super::progress::Line;
use super::texts::{self, Lang};
use super::{End, GrowthArgs, NotDone, Said, run};

/// Runs a site of each size and prints its figures side by side.
pub(crate) fn growth(args: &GrowthArgs) -> Result<Said, NotDone> {
    let lang = Lang::here();
    let (program, folder) = run::machine(&args.machine)?;
    let mut line = Line::new();
    let outcomes = lab::growth(&args.nodes, &program, &folder, &mut |progress| line.show(progress));
    drop(line);
    let outcomes =
        outcomes.map_err(|why| NotDone(texts::not_run(lang, &lang.read(why.words()))))?;
    let end = if outcomes.iter().all(Outcome::held) { End::Held } else { End::Broken };
    Ok((table(&args.nodes, &outcomes, lang), end))
}

/// A row for each figure, a column for each size.
fn table(sizes: &[u16], outcomes: &[Outcome], lang: Lang) -> String {
    let mut lines = vec![row(&texts::nodes(lang), sizes.iter().map(ToString::to_string))];
    let of = |outcome: &Outcome, wanted: &str| {
        let figure = outcome.figures.iter().find(|(name, ..)| name == wanted);
        figure
            .map_or_else(String::new, |(_, value, unit)| format!("{} {unit}", lang.decimal(*value)))
    };
    let figures = outcomes.iter().flat_map(|outcome| &outcome.figures);
    let mut seen = BTreeSet::new();
    for (name, ..) in figures.filter(|(name, ..)| seen.insert(name.clone())) {
        lines.push(row(
            lang.of(french_of(name), name),
            outcomes.iter().map(|outcome| of(outcome, name)),
        ));
    }
    let agreed = |outcome: &Outcome| {
        outcome
            .converged_ms
            .map_or_else(|| "—".to_owned(), |ms| format!("{} s", lang.decimal(ms as f64 / 1e3)))
    };
    lines.push(row(&texts::one_state(lang), outcomes.iter().map(agreed)));
    lines.join("\n")
}

fn row(name: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: String = cells.map(|cell| format!("{cell:>16}")).collect();
    format!("{name:<32}{cells}")
}
