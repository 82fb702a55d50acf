//! A fault in a sentence, for those who read a scenario before they run it.

use crate::fault::{Fault, Malice, Shape};
use crate::scenario::Words;

impl Fault {
    /// What goes wrong, in both languages.
    pub fn words(&self) -> Words {
        let at = self.hosts().0.as_str();
        let (fr, en) = match self {
            Fault::Cut { shape, .. } => cut(*shape, at),
            Fault::Flap { period_ms, .. } => (
                format!("{at} : réseau coupé puis rendu, toutes les {period_ms} ms"),
                format!("{at}: network cut and given back, each {period_ms} ms"),
            ),
            Fault::Degrade {
                loss,
                duplicate,
                reorder,
                corrupt,
                delay_ms,
                jitter_ms,
                kilobytes_s,
                ..
            } => {
                let cap = match kilobytes_s {
                    0 => (String::new(), String::new()),
                    cap => (format!(", {cap} Ko/s"), format!(", {cap} KB/s")),
                };
                (
                    format!(
                        "{at} : mauvais réseau, {loss} % perdus, {duplicate} % en double, \
                         {reorder} % en désordre, {corrupt} % abîmés, {delay_ms} ms de retard et \
                         jusqu'à {jitter_ms} de plus{}",
                        cap.0
                    ),
                    format!(
                        "{at}: bad network, {loss} % lost, {duplicate} % doubled, {reorder} % out \
                         of turn, {corrupt} % damaged, {delay_ms} ms late and up to {jitter_ms} \
                         more{}",
                        cap.1
                    ),
                )
            }
            Fault::NewAddress { .. } => plain(at, "change d'adresse", "gets a new address"),
            Fault::Kill { .. } => plain(at, "programme tué", "process killed"),
            Fault::Pause { .. } => plain(at, "programme figé", "process frozen"),
            Fault::Suspend { .. } => plain(at, "machine en veille", "machine suspended"),
            Fault::PowerCut { .. } => plain(at, "coupure de courant", "power cut"),
            Fault::Reboot { .. } => plain(at, "redémarrage", "reboot"),
            Fault::Amnesia { .. } => plain(at, "disque perdu", "disk lost"),
            Fault::Replace { .. } => plain(at, "machine remplacée", "machine replaced"),
            Fault::Restore { age_ms, .. } => (
                format!("{at} : disque revenu {} s en arrière", age_ms / 1_000),
                format!("{at}: disk set back by {} s", age_ms / 1_000),
            ),
            Fault::Clone { .. } => {
                plain(at, "disque copié, la copie tourne à côté", "disk copied, the copy runs too")
            }
            Fault::OtherRelease { .. } => plain(at, "autre version", "other release"),
            Fault::DiskFull { .. } => plain(at, "disque plein", "disk full"),
            Fault::DiskSlow { barrier_ms, .. } => (
                format!("{at} : disque lent, {barrier_ms} ms par barrière"),
                format!("{at}: slow disk, {barrier_ms} ms for a barrier"),
            ),
            Fault::DiskFails { .. } => plain(at, "écriture en échec", "a write fails"),
            Fault::TornTail { .. } => {
                plain(at, "coupure au milieu d'une écriture", "power cut in the middle of a write")
            }
            Fault::BitFlip { .. } => plain(at, "un bit faux sur le disque", "a wrong bit on disk"),
            Fault::ClockJump { by_s, .. } => (
                format!("{at} : l'horloge saute de {by_s} s"),
                format!("{at}: the clock jumps by {by_s} s"),
            ),
            Fault::ClockLost { .. } => plain(at, "horloge en 1970", "clock in 1970"),
            Fault::ClockStrobe { by_s, period_ms, .. } => (
                format!("{at} : l'horloge saute de {by_s} s et revient, toutes les {period_ms} ms"),
                format!("{at}: the clock jumps by {by_s} s and back, each {period_ms} ms"),
            ),
            Fault::ClockDrift { millionths, .. } => (
                format!("{at} : l'horloge dérive de {millionths} millionièmes"),
                format!("{at}: the clock drifts by {millionths} millionths"),
            ),
            Fault::Hostile { with, .. } => hostile(*with, at),
            Fault::Revoke { on, .. } => {
                (format!("{at} : révoqué depuis {}", on.0), format!("{at}: revoked on {}", on.0))
            }
        };
        Words { fr, en }
    }
}

fn plain(at: &str, french: &str, english: &str) -> (String, String) {
    (format!("{at} : {french}"), format!("{at}: {english}"))
}

fn cut(shape: Shape, at: &str) -> (String, String) {
    let (french, english) = match shape {
        Shape::Apart => ("à part de tous les autres", "apart from all others"),
        Shape::Alone => ("chacun seul", "each one alone"),
        Shape::Bridge => {
            ("le premier seul voit les deux moitiés", "the first alone sees both halves")
        }
        Shape::Ring => ("chacun ne voit que ses deux voisins", "each sees its two neighbours only"),
        Shape::Mute => ("entend sans être entendu", "hears and is not heard"),
        Shape::Deaf => ("est entendu sans entendre", "is heard and hears nobody"),
    };
    plain(at, french, english)
}

fn hostile(with: Malice, at: &str) -> (String, String) {
    let (french, english) = match with {
        Malice::Forge => {
            ("voleur, écrit ce qu'il n'a pas le droit d'écrire", "thief, writes beyond its role")
        }
        Malice::Replay => ("voleur, rejoue de vieux messages", "thief, replays old messages"),
        Malice::Equivocate => ("voleur, écrit deux histoires", "thief, writes two histories"),
        Malice::Flood => ("voleur, inonde le réseau", "thief, floods the network"),
        Malice::Defy => ("voleur, brave sa révocation", "thief, defies its revocation"),
        Malice::Poison => ("voleur, envoie n'importe quoi", "thief, sends rubbish"),
        Malice::Lie => {
            ("voleur, signe un faux point de reprise", "thief, signs a false checkpoint")
        }
    };
    plain(at, french, english)
}
