//! A load in a sentence, for those who read a scenario before they run it.

use crate::scenario::{Load, Policy, Words};

impl Load {
    /// What people do, in both languages.
    pub fn words(&self) -> Words {
        let (fr, en) = match self {
            Load::Patrons { per_hour, minutes, .. } => (
                format!("usagers par heure : {per_hour}, codes de {minutes} min"),
                format!("{per_hour} patrons in an hour, codes of {minutes} min"),
            ),
            Load::Operators { per_hour, .. } => (
                format!("gestes des animateurs par heure : {per_hour}"),
                format!("operators: {per_hour} commands in an hour"),
            ),
            Load::SameCode { hosts, minutes, .. } => (
                format!("un même code de {minutes} min tapé sur {}", hosts.0),
                format!("one code of {minutes} min typed on {}", hosts.0),
            ),
            Load::OpeningRush { within_s, .. } => (
                format!("tous les postes allumés et ouverts en {within_s} s"),
                format!("every kiosk switched on and opened within {within_s} s"),
            ),
            Load::ClosingTime { .. } => {
                ("tout est fermé d'un coup".to_owned(), "everything is closed at once".to_owned())
            }
            Load::ExtendAgainstClose { times, .. } => (
                format!("{times} fois, l'un prolonge ce que l'autre ferme"),
                format!("{times} times, one extends what another closes"),
            ),
            Load::RebootAbuse { hosts, times, .. } => (
                format!("extinction et rallumage, {times} fois : {}", hosts.0),
                format!("{} switched off and on {times} times", hosts.0),
            ),
            Load::Batch { codes, minutes, within_s, .. } => (
                format!(
                    "codes imprimés : {codes}, de {minutes} min ; on vient avec pendant {within_s} s"
                ),
                format!(
                    "{codes} codes of {minutes} min printed; people come with them for {within_s} s"
                ),
            ),
            Load::WrongCodes { hosts, times, .. } => (
                format!("codes faux tapés sur {} : {times}", hosts.0),
                format!("{times} wrong codes typed on {}", hosts.0),
            ),
        };
        Words { fr, en }
    }
}

impl Policy {
    /// What a kiosk does that is alone, in both languages.
    pub fn words(self) -> Words {
        let (fr, en) = match self {
            Policy::Finish => ("finit sa session", "finishes its session"),
            Policy::Codes => ("accepte les codes connus", "takes known codes"),
            Policy::Lock => ("se verrouille", "locks"),
        };
        Words { fr: fr.to_owned(), en: en.to_owned() }
    }
}
