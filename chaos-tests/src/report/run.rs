//! The page of one run.

use super::escape::escape;
use super::page::{Found, Head, cards, page, section};
use super::timeline;
use super::words::{Both, below, count, figure, lasting, named};
use crate::target::{Outcome, Verdict};

/// Breaches of one invariant that are printed; the journal has more.
const MOST_BREACHES: usize = 4;
/// Notices that are printed; the journal has all that were kept.
const MOST_NOTICES: usize = 40;
/// The invariant whose worst figure is the worst overrun.
const OVERRUN: u8 = 3;

/// What the column of invariants says.
const RULE: Both = Both("protège de", "protects from");
/// What the column of promises says.
const PROMISE: Both = Both("promesse", "promise");

/// The page.
pub(super) fn html(outcome: &Outcome) -> String {
    let broken: Vec<u8> =
        outcome.verdicts.iter().filter(|v| is_broken(v)).map(|verdict| verdict.number).collect();
    let unkept = outcome.promises.iter().filter(|promise| is_broken(promise)).count();
    let unseen = outcome.verdicts.iter().filter(|verdict| is_unseen(verdict)).count();
    let judged = outcome.verdicts.len() - unseen;
    let (mut french, mut english) = verdict_in_words(&broken, judged, unseen);
    if unkept > 0 {
        // "All held" would be said of a house that took nobody.
        if broken.is_empty() {
            (french, english) = ("Règles tenues".to_owned(), "Rules held".to_owned());
        }
        french = format!("Promesses non tenues : {unkept}. {french}");
        english = format!("Promises not kept: {unkept}. {english}");
    }
    if !outcome.away.is_empty() {
        let away = outcome.away.join(", ");
        french = format!("Pas revenus : {away}. {french}");
        english = format!("Did not come back: {away}. {english}");
    }
    let head = Head {
        title: (&outcome.title.0, &outcome.title.1),
        found: if outcome.held() { Found::Good } else { Found::Bad },
        verdict: (&french, &english),
        below: figures(outcome),
    };
    let body = [
        section(Both("Ce qui s’est passé", "What happened"), &timeline::picture(outcome)),
        promises(outcome),
        section(Both("Les règles", "The rules"), &verdicts(&outcome.verdicts, RULE)),
        occasions(outcome),
        more_figures(outcome),
        notices(outcome),
        section(Both("Rejouer", "Run it again"), &again(outcome)),
    ];
    page(&head, &body.concat())
}

/// What it came to, in a line.
fn verdict_in_words(broken: &[u8], judged: usize, unseen: usize) -> (String, String) {
    let numbers: Vec<String> = broken.iter().map(ToString::to_string).collect();
    let numbers = numbers.join(", ");
    let (french, english) = match (broken.len(), judged) {
        (0, 0) => (String::from("Rien n’a été jugé"), String::from("Nothing was judged")),
        (0, 1) => (
            String::from("Tout a tenu : une règle jugée"),
            String::from("All held: one rule judged"),
        ),
        (0, _) => (
            format!("Tout a tenu : {judged} règles jugées"),
            format!("All held: {judged} rules judged"),
        ),
        (1, _) => (
            format!("Une règle est rompue (n° {numbers})"),
            format!("One rule is broken (no. {numbers})"),
        ),
        (count, _) => (
            format!("{count} règles sont rompues (n° {numbers})"),
            format!("{count} rules are broken (nos. {numbers})"),
        ),
    };
    match unseen {
        0 => (french, english),
        1 => (
            format!("{french}, une sans occasion de l’être"),
            format!("{english}, one without an occasion"),
        ),
        _ => (
            format!("{french}, {unseen} sans occasion de l’être"),
            format!("{english}, {unseen} without an occasion"),
        ),
    }
}

fn is_broken(verdict: &Verdict) -> bool {
    !verdict.breaches.is_empty()
}

fn is_unseen(verdict: &Verdict) -> bool {
    verdict.judged == 0 && verdict.breaches.is_empty()
}

fn figures(outcome: &Outcome) -> String {
    let overrun = outcome.verdicts.iter().find(|verdict| verdict.number == OVERRUN);
    let overrun = overrun.and_then(|verdict| verdict.worst.as_ref());
    let overrun = overrun.map(|(value, unit)| figure(*value, unit));
    let missing = || String::from("—");
    let card = |words: Both, value: String| (below(words.0, words.1), value);
    cards(&[
        card(Both("Pire dépassement", "Worst overrun"), overrun.unwrap_or_else(missing)),
        card(
            Both("Accord après rétablissement", "Agreement after healing"),
            outcome.converged_ms.map_or_else(missing, lasting),
        ),
        card(Both("Faits perdus", "Facts lost"), outcome.lost.map_or_else(missing, count)),
        card(
            Both("Machines", "Machines"),
            count(u64::try_from(outcome.hosts.len()).unwrap_or(u64::MAX)),
        ),
        card(Both("Durée", "Length"), lasting(outcome.lasted_ms)),
    ])
}

/// What the scenario promises of its own.
fn promises(outcome: &Outcome) -> String {
    if outcome.promises.is_empty() {
        return String::new();
    }
    let heading = Both("Ce que ce scénario promet", "What this scenario promises");
    section(heading, &verdicts(&outcome.promises, PROMISE))
}

/// A table of verdicts under the name of what is judged.
fn verdicts(verdicts: &[Verdict], judged: Both) -> String {
    let rows: String = verdicts.iter().map(row).collect();
    format!(
        concat!(
            "<table><thead><tr><th class=\"n\">n°</th>",
            "<th>{}</th>",
            "<th>verdict</th><th class=\"figure\">jugé · <span lang=\"en\">judged</span></th>",
            "<th class=\"figure\">pire · <span lang=\"en\">worst</span></th></tr></thead>",
            "<tbody>{}</tbody></table>"
        ),
        judged.beside(),
        rows
    )
}

fn row(verdict: &Verdict) -> String {
    let (class, mark, word) = match (is_broken(verdict), is_unseen(verdict)) {
        (true, _) => ("broken", r#"<path d="M6 6 18 18M18 6 6 18"/>"#, Both("rompue", "broken")),
        (_, true) => ("unseen", r#"<path d="M5 12H19"/>"#, Both("pas d’occasion", "no occasion")),
        _ => ("held", r#"<path d="M4 12.5 9.5 18 20 6.5"/>"#, Both("tenue", "held")),
    };
    let worst = verdict.worst.as_ref();
    let worst = worst.map(|(value, unit)| figure(*value, unit)).unwrap_or_default();
    format!(
        concat!(
            r#"<tr><td class="n">{number}</td><td>{protects}{breaches}</td>"#,
            r#"<td class="word {class}"><svg viewBox="0 0 24 24" aria-hidden="true">{mark}</svg>"#,
            r#"{french}<span class="en below" lang="en">{english}</span></td>"#,
            r#"<td class="figure">{judged}</td><td class="figure">{worst}</td></tr>"#
        ),
        number = verdict.number,
        protects = below(&verdict.protects.0, &verdict.protects.1),
        breaches = breaches(verdict),
        class = class,
        mark = mark,
        french = escape(word.0),
        english = escape(word.1),
        judged = count(verdict.judged),
        worst = worst,
    )
}

fn breaches(verdict: &Verdict) -> String {
    if verdict.breaches.is_empty() {
        return String::new();
    }
    let shown = verdict.breaches.iter().take(MOST_BREACHES);
    let mut items: String = shown.map(|breach| format!("<li>{}</li>", escape(breach))).collect();
    let more = verdict.breaches.len().saturating_sub(MOST_BREACHES);
    if more > 0 {
        items.push_str(&format!("<li>… {more}</li>"));
    }
    format!(r#"<ul class="breaches">{items}</ul>"#)
}

/// A table of names and figures, in two columns.
pub(super) fn listed(rows: impl Iterator<Item = (String, String)>) -> String {
    let row = |(name, value): (String, String)| {
        format!(r#"<tr><td>{}</td><td class="figure">{value}</td></tr>"#, named(&name))
    };
    let rows: String = rows.map(row).collect();
    format!(r#"<div class="two"><table><tbody>{rows}</tbody></table></div>"#)
}

fn occasions(outcome: &Outcome) -> String {
    if outcome.sometimes.is_empty() {
        return String::new();
    }
    let rows = outcome.sometimes.iter().map(|(name, times)| (name.clone(), count(*times)));
    section(Both("Cas rares rencontrés", "Rare branches taken"), &listed(rows))
}

fn more_figures(outcome: &Outcome) -> String {
    let figures = outcome.figures.iter();
    let figures = figures.map(|(name, value, unit)| (name.clone(), figure(*value, unit)));
    let versions = outcome.versions.iter().map(|(name, version)| (name.clone(), escape(version)));
    section(Both("Chiffres et versions", "Figures and versions"), &listed(figures.chain(versions)))
}

fn notices(outcome: &Outcome) -> String {
    if outcome.notices.is_empty() {
        return String::new();
    }
    let item = |(at_ms, words): &(u64, String)| {
        let at = super::scale::clock(*at_ms);
        format!("<li><time>{at}</time><span>{}</span></li>", escape(words))
    };
    let mut items: String = outcome.notices.iter().take(MOST_NOTICES).map(item).collect();
    let more = outcome.notices.len().saturating_sub(MOST_NOTICES);
    if more > 0 {
        items.push_str(&format!("<li><time></time><span>… {more}</span></li>"));
    }
    let list = format!(r#"<ul class="notices">{items}</ul>"#);
    section(Both("Ce que les nœuds ont signalé", "What the nodes reported"), &list)
}

fn again(outcome: &Outcome) -> String {
    let trace = outcome.trace.as_ref().map_or_else(String::new, |trace| {
        let words = Both("empreinte du déroulement", "hash of the trace");
        format!("<p>{} : <code>{}</code></p>", words.beside(), escape(trace))
    });
    let words = below(
        "Le journal du même nom (.json) contient tout ce que montre cette page, et le scénario.",
        "The journal of the same name (.json) holds all that this page shows, and the scenario.",
    );
    let command = outcome.again.as_ref();
    let command = command.map(|again| format!("<pre>{}</pre>", escape(again))).unwrap_or_default();
    format!(
        "<p>{words}</p>{command}<p>{} : <b>{}</b> · {} : <b>{}</b></p>{trace}",
        Both("cible", "target").beside(),
        escape(&outcome.target),
        Both("graine", "seed").beside(),
        outcome.seed,
    )
}
