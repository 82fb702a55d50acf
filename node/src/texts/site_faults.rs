//! Why a fault of an exercise is not ordered, or not borne.

use super::Both;
use crate::site_fault::order::Disobeyed;
use crate::site_fault::referee::Foul;

/// Why the admin node orders nothing.
pub(crate) fn foul(foul: Foul) -> Both {
    match foul {
        Foul::OutOfHours => Both::new(
            "ce n'est pas l'heure que disent les limites, ou la panne irait au-delà",
            "it is not the hour that the limits say, or the fault would last beyond it",
        ),
        Foul::InUse => Both::new(
            "un poste concerné est occupé, et les limites ne disent aucune heure",
            "a kiosk concerned is in use, and the limits state no hours",
        ),
        Foul::BeyondShare { kiosks, of, share } => Both::new(
            format!("postes en panne à la fois : {kiosks} sur {of}, les limites disent {share} %"),
            format!("kiosks under a fault at one time: {kiosks} of {of}, the limits say {share} %"),
        ),
        Foul::LastDurable { left, keep } => Both::new(
            format!(
                "nœuds durables intacts : il en resterait {left}, les limites en veulent {keep}"
            ),
            format!("durable nodes untouched: {left} would be left, the limits want {keep}"),
        ),
        Foul::TooLong { most_s } => Both::new(
            format!("une panne dure de 1 à {most_s} secondes"),
            format!("a fault lasts from 1 to {most_s} seconds"),
        ),
        Foul::UnknownNode => Both::new(
            "une machine nommée n'est pas du site, ou aucune n'est nommée",
            "a machine that was named is not of this site, or none was named",
        ),
    }
}

/// Why a node bears nothing.
pub(crate) fn disobeyed(why: Disobeyed) -> Both {
    match why {
        Disobeyed::NotAllowed => Both::new(
            "sa configuration ne dit pas faults.obey = true",
            "its configuration does not say faults.obey = true",
        ),
        Disobeyed::Unreadable => Both::new("ordre illisible", "the order cannot be read"),
        Disobeyed::NotForThis => {
            Both::new("ordre pour un autre processus", "the order is for another process")
        }
        Disobeyed::NotSigned => Both::new(
            "ordre non signé par un nœud d'administration du site",
            "the order is not signed by an admin node of this site",
        ),
        Disobeyed::Twice => Both::new("ordre déjà exécuté", "the order was obeyed already"),
        Disobeyed::TooLong => Both::new("ordre trop long", "the order would last too long"),
        Disobeyed::NoAnswer => Both::new("pas de réponse", "no answer came"),
    }
}
