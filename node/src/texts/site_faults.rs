//! Why a fault of an exercise is not ordered, or not borne.

use super::Lang;
use crate::site_fault::order::Disobeyed;
use crate::site_fault::referee::Foul;

/// Why the admin node orders nothing.
pub(crate) fn foul(foul: Foul, lang: Lang) -> String {
    match foul {
        Foul::OutOfHours => lang.pick("ce n'est pas l'heure", "out of hours").to_owned(),
        Foul::InUse => lang
            .pick(
                "un poste concerné est occupé, et aucune heure n'est donnée",
                "a kiosk concerned is in use, and no hours are stated",
            )
            .to_owned(),
        Foul::BeyondShare { kiosks, of, share } => match lang {
            Lang::Fr => {
                let be = if kiosks == 1 { "poste serait" } else { "postes seraient" };
                format!("{kiosks} {be} en panne sur {of}, {share} % sont permis")
            }
            Lang::En => {
                format!("{kiosks} of {of} kiosks would be under a fault, {share} % are allowed")
            }
        },
        Foul::LastDurable { left, keep } => match lang {
            Lang::Fr => {
                format!("il resterait {left} nœud(s) durable(s) intact(s), il en faut {keep}")
            }
            Lang::En => {
                format!("{left} durable node(s) would be left untouched, {keep} must be")
            }
        },
        Foul::TooLong { most_s } => match lang {
            Lang::Fr => format!("une panne dure de 1 à {most_s} secondes"),
            Lang::En => format!("a fault lasts from 1 to {most_s} seconds"),
        },
        Foul::UnknownNode => lang
            .pick(
                "un nœud nommé n'est pas membre du site, ou aucun n'est nommé",
                "a node that is no member of this site was named, or none",
            )
            .to_owned(),
    }
}

/// Why a node bears nothing.
pub(crate) fn disobeyed(why: Disobeyed, lang: Lang) -> &'static str {
    match why {
        Disobeyed::NotAllowed => lang.pick(
            "sa configuration ne dit pas faults.obey = true",
            "its configuration does not say faults.obey = true",
        ),
        Disobeyed::Unreadable => lang.pick("ordre illisible", "the order cannot be read"),
        Disobeyed::NotForThis => {
            lang.pick("ordre pour un autre processus", "the order is for another process")
        }
        Disobeyed::NotSigned => lang.pick(
            "ordre non signé par un nœud d'administration du site",
            "the order is not signed by an admin node of this site",
        ),
        Disobeyed::Twice => lang.pick("ordre déjà exécuté", "the order was obeyed already"),
        Disobeyed::TooLong => lang.pick("ordre trop long", "the order would last too long"),
        Disobeyed::NoAnswer => lang.pick("pas de réponse", "no answer came"),
    }
}
