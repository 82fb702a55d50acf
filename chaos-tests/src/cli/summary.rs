//! What came of a run, in the lines that a terminal has room for.

use chaos_tests::report::french_of;
use chaos_tests::target::{Outcome, Verdict};

use super::End;
use super::texts::{self, Lang};

/// Breaches of one invariant that are shown; the journal has more.
const SHOWN: usize = 3;

/// The table of invariants, then the verdict.
pub(crate) fn summary(outcome: &Outcome, lang: Lang) -> (String, End) {
    let mut lines = vec![lang.of(&outcome.title.0, &outcome.title.1).to_owned(), String::new()];
    for verdict in &outcome.verdicts {
        lines.extend(rows(verdict, lang));
    }
    if !outcome.promises.is_empty() {
        lines.extend([String::new(), texts::promises(lang)]);
        lines.extend(outcome.promises.iter().flat_map(|promise| rows(promise, lang)));
    }
    lines.push(String::new());
    let (held, unseen, broken) = count(&outcome.verdicts);
    let (_, _, unkept) = count(&outcome.promises);
    let end = if outcome.held() { End::Held } else { End::Broken };
    lines.push(if broken > 0 {
        texts::broken(lang, broken)
    } else if unkept > 0 {
        texts::unkept(lang, unkept)
    } else if outcome.away.is_empty() {
        texts::held(lang, held, unseen)
    } else {
        texts::away(lang, &outcome.away.join(", "))
    });
    lines.push(match outcome.converged_ms {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are exact in an f64")]
        Some(ms) => texts::converged(lang, &lang.decimal(ms as f64 / 1_000.0)),
        None => texts::not_converged(lang),
    });
    lines.extend(outcome.lost.map(|lost| texts::lost(lang, lost)));
    for (name, value, unit) in &outcome.figures {
        let line = texts::figure(lang, lang.of(french_of(name), name), &lang.decimal(*value), unit);
        lines.push(line.trim_end().to_owned());
    }
    (lines.join("\n"), end)
}

fn count(verdicts: &[Verdict]) -> (usize, usize, usize) {
    let broken = verdicts.iter().filter(|verdict| !verdict.breaches.is_empty()).count();
    let unseen = verdicts.iter().filter(|verdict| is_unseen(verdict)).count();
    (verdicts.len() - broken - unseen, unseen, broken)
}

fn is_unseen(verdict: &Verdict) -> bool {
    verdict.breaches.is_empty() && verdict.judged == 0
}

fn rows(verdict: &Verdict, lang: Lang) -> Vec<String> {
    let word = if !verdict.breaches.is_empty() {
        texts::word_broken(lang)
    } else if is_unseen(verdict) {
        texts::word_unseen(lang)
    } else {
        texts::word_held(lang)
    };
    let worst = match &verdict.worst {
        Some((figure, unit)) => format!("{} {unit}", lang.decimal(*figure)),
        None => String::new(),
    };
    let protects = lang.of(&verdict.protects.0, &verdict.protects.1);
    let mut rows = vec![format!("{:>3}  {word:<7} {worst:>12}  {protects}", verdict.number)];
    for breach in verdict.breaches.iter().take(SHOWN) {
        rows.push(format!("              {breach}"));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run with one invariant that held, one that had nothing to judge, and perhaps a broken one.
    fn outcome(broken: bool) -> Outcome {
        let verdict = |number, judged, breaches: Vec<String>| Verdict {
            number,
            name: format!("invariant-{number}"),
            protects: ("Protège".to_owned(), "Protects".to_owned()),
            judged,
            breaches,
            worst: None,
        };
        let said = if broken { vec!["7 ms: twice".to_owned(); 9] } else { Vec::new() };
        Outcome {
            title: ("Titre".to_owned(), "Title".to_owned()),
            target: "sim".to_owned(),
            seed: 1,
            versions: Vec::new(),
            hosts: Vec::new(),
            lasted_ms: 1,
            healed_ms: None,
            trace: None,
            verdicts: vec![
                verdict(1, 3, Vec::new()),
                verdict(2, 0, Vec::new()),
                verdict(3, 1, said),
            ],
            promises: Vec::new(),
            converged_ms: None,
            lost: Some(0),
            stretches: Vec::new(),
            links: Vec::new(),
            sometimes: Vec::new(),
            figures: Vec::new(),
            notices: Vec::new(),
            away: Vec::new(),
            again: None,
            scenario: None,
        }
    }

    #[test]
    fn what_had_nothing_to_judge_is_not_counted_as_held() {
        let (text, end) = summary(&outcome(false), Lang::En);
        assert_eq!(end, End::Held);
        assert!(text.contains("HELD: 2 invariants held, 1 had nothing to judge."), "{text}");
    }

    #[test]
    fn whoever_did_not_come_back_is_named_and_breaks_the_exercise() {
        let away = Outcome { away: vec!["poste-2 (Poste 2)".to_owned()], ..outcome(false) };
        let (text, end) = summary(&away, Lang::En);
        assert_eq!(end, End::Broken);
        assert!(text.contains("poste-2 (Poste 2)") && !text.contains("HELD"), "{text}");
    }

    #[test]
    fn a_promise_that_is_not_kept_is_shown_and_breaks_the_run() {
        let mut outcome = outcome(false);
        let [kept, _, mut unkept] = <[Verdict; 3]>::try_from(outcome.verdicts.clone()).unwrap();
        unkept.breaches = vec!["of 4, 1 got in".to_owned()];
        outcome.promises = vec![kept, unkept];
        for (lang, word) in [(Lang::Fr, "NON TENU : 1 promesse"), (Lang::En, "NOT KEPT: 1 promise")]
        {
            let (text, end) = summary(&outcome, lang);
            assert_eq!(end, End::Broken);
            assert!(text.contains(word) && text.contains("of 4, 1 got in"), "{text}");
        }
    }

    #[test]
    fn a_broken_invariant_is_shown_with_its_first_breaches() {
        for (lang, word) in [(Lang::Fr, "ROMPU"), (Lang::En, "BROKEN")] {
            let (text, end) = summary(&outcome(true), lang);
            assert_eq!(end, End::Broken);
            assert!(text.contains(word), "{text}");
            assert_eq!(text.matches("7 ms: twice").count(), SHOWN);
        }
    }
}
