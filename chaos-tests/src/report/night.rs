//! The page of a whole night: how many worlds, what failed and how small it could be made, and which
//! rare branches were taken.

use super::escape::escape;
use super::page::{Found, Head, cards, page, section};
use super::run::listed;
use super::words::{Both, below, count, figure, lasting};
use crate::invariants;
use crate::scenario::Hold;
use crate::sim::night::{Failure, NightReport};

/// Failures that are printed whole; the others keep their files.
const MOST_FAILURES: usize = 25;

/// The page.
pub fn night_html(night: &NightReport) -> String {
    let failed = night.failures.len();
    let (french, english) = match failed {
        0 => (
            format!("{} mondes, aucune règle rompue", count(night.seeds)),
            format!("{} worlds, no rule broken", count(night.seeds)),
        ),
        1 => (
            format!("Un monde sur {} rompt une règle", count(night.seeds)),
            format!("One world in {} breaks a rule", count(night.seeds)),
        ),
        _ => (
            format!("{failed} mondes sur {} rompent une règle", count(night.seeds)),
            format!("{failed} worlds in {} break a rule", count(night.seeds)),
        ),
    };
    let head = Head {
        title: ("Une nuit d’épreuves", "A night of trials"),
        found: if failed == 0 { Found::Good } else { Found::Bad },
        verdict: (&french, &english),
        below: figures(night),
    };
    page(&head, &[failures(night), judged(night), occasions(night)].concat())
}

fn figures(night: &NightReport) -> String {
    let card = |words: Both, value: String| (below(words.0, words.1), value);
    // Whole milliseconds are enough, and no night lasts for ever.
    let took_ms = (night.took_s.clamp(0.0, 1e9) * 1000.0) as u64;
    cards(&[
        card(Both("Mondes simulés", "Simulated worlds"), count(night.seeds)),
        card(Both("Heures de nœuds", "Node-hours"), figure(night.node_hours.round(), "h")),
        card(
            Both("Densité : secondes de nœud par seconde de cœur", "Density: node-s per core-s"),
            figure(night.density.round(), ""),
        ),
        card(Both("Durée", "Length"), lasting(took_ms)),
    ])
}

fn failures(night: &NightReport) -> String {
    if night.failures.is_empty() {
        return String::new();
    }
    let shown: String = night.failures.iter().take(MOST_FAILURES).map(failure).collect();
    let more = night.failures.len().saturating_sub(MOST_FAILURES);
    let more = if more > 0 { format!("<p>… {more}</p>") } else { String::new() };
    section(Both("Ce qui a rompu", "What broke"), &(shown + &more))
}

fn failure(failure: &Failure) -> String {
    let item = |(number, what): &(u8, String)| format!("<li>{number}: {}</li>", escape(what));
    let items: String = failure.breaches.iter().map(item).collect();
    let smallest = failure.smallest.as_ref().and_then(|smallest| smallest.to_toml().ok());
    let smallest = smallest.map_or_else(String::new, |toml| {
        let words = Both("le plus petit monde qui rompt", "the smallest world that breaks");
        format!("<p>{}</p><pre>{}</pre>", words.beside(), lines(&toml))
    });
    format!(
        r#"<h3>{} {}{}</h3><ul class="breaches">{items}</ul>{smallest}"#,
        Both("graine", "seed").beside(),
        failure.seed,
        if failure.real { " --real" } else { "" },
    )
}

/// Text of several lines, as it stands.
fn lines(text: &str) -> String {
    text.lines().map(|line| escape(line) + "\n").collect()
}

fn judged(night: &NightReport) -> String {
    let rules = invariants::all(&Hold::default());
    let rows = rules.iter().map(|rule| {
        let protects = rule.protects();
        let times = night.judged.get(rule.name()).copied().unwrap_or_default();
        format!(
            r#"<tr><td class="n">{}</td><td>{}</td><td class="figure">{}</td></tr>"#,
            rule.number(),
            below(&protects.fr, &protects.en),
            count(times),
        )
    });
    section(
        Both("Combien de fois chaque règle fut jugée", "How often each rule was judged"),
        &format!("<table><tbody>{}</tbody></table>", rows.collect::<String>()),
    )
}

fn occasions(night: &NightReport) -> String {
    let rows = night.sometimes.iter().map(|(name, times)| (name.clone(), count(*times)));
    section(Both("Cas rares rencontrés", "Rare branches taken"), &listed(rows))
}
