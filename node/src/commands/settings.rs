//! `poste settings`: what holds for the whole site.

use domain::settings::{IsolationPolicy, Settings};

use crate::cli::SettingsArgs;
use crate::config::Config;
use crate::control::{Answer, Request};
use crate::texts::{Lang, Say};

use super::ask_admin;

/// Changes what was said, and says what holds then.
pub(crate) fn settings(config: &Config, args: &SettingsArgs) -> anyhow::Result<String> {
    let Answer::Settings(before) = ask_admin(config, &Request::Settings {})? else {
        return Err(Say::AnswerOdd.into());
    };
    let settings = changed(&before, args);
    if settings != before {
        let request = Request::SettingsChange { settings: settings.clone() };
        let Answer::Done = ask_admin(config, &request)? else {
            return Err(Say::AnswerOdd.into());
        };
    }
    Ok(in_words(&settings, Lang::here()))
}

fn changed(before: &Settings, args: &SettingsArgs) -> Settings {
    Settings {
        isolation: args.alone.map_or(before.isolation, IsolationPolicy::from),
        allowance_s: args.allowance.map_or(before.allowance_s, |minutes| minutes * 60),
        grace_s: args.grace.unwrap_or(before.grace_s),
        ..before.clone()
    }
}

fn in_words(settings: &Settings, lang: Lang) -> String {
    let alone = match settings.isolation {
        IsolationPolicy::AcceptKnown => lang.pick(
            "ouvre les codes connus, jusqu'au plafond (codes)",
            "opens known codes, up to the allowance (codes)",
        ),
        IsolationPolicy::Finish => lang.pick(
            "finit la session en cours, n'ouvre rien (finish)",
            "finishes the running session, opens nothing (finish)",
        ),
        IsolationPolicy::Lock => lang.pick(
            "met fin à la session et se verrouille (lock)",
            "ends the session and locks (lock)",
        ),
    };
    let lines = [
        (lang.pick("Un poste isolé", "A kiosk alone"), alone.to_owned()),
        (
            lang.pick("Plafond d'isolement", "Allowance alone"),
            format!("{} min", settings.allowance_s / 60),
        ),
        (lang.pick("Délai pour enregistrer", "Time to save"), format!("{} s", settings.grace_s)),
    ];
    lines.map(|(label, value)| format!("{label:<24}{value}")).join("\n")
}

#[cfg(test)]
mod tests {
    use domain::settings::{IsolationPolicy, Settings};

    use super::{changed, in_words};
    use crate::cli::{AloneWord, SettingsArgs};
    use crate::texts::Lang;

    #[test]
    fn what_is_not_said_stays_as_it_is() {
        let before = Settings::default();
        let nothing = SettingsArgs { alone: None, allowance: None, grace: None };
        assert_eq!(changed(&before, &nothing), before);
        let lock = SettingsArgs { alone: Some(AloneWord::Lock), allowance: Some(5), grace: None };
        let after = changed(&before, &lock);
        assert_eq!(after.isolation, IsolationPolicy::Lock);
        assert_eq!((after.allowance_s, after.grace_s), (300, before.grace_s));
        assert!(in_words(&after, Lang::En).contains("5 min"));
        assert!(in_words(&after, Lang::Fr).contains("(lock)"));
    }
}
