//! What the page says, French and English side by side.

use super::escape::escape;

/// A text in both languages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Both(pub(super) &'static str, pub(super) &'static str);

impl Both {
    /// One after the other on a line: the English smaller.
    pub(super) fn beside(self) -> String {
        let Both(french, english) = self;
        format!(r#"{} <span class="en" lang="en">{}</span>"#, escape(french), escape(english))
    }
}

/// One below the other.
pub(super) fn below(french: &str, english: &str) -> String {
    format!(r#"{}<span class="en below" lang="en">{}</span>"#, escape(french), escape(english))
}

/// A kind of stretch on the timeline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// As [`crate::target::Stretch::kind`] has it.
    pub(super) name: &'static str,
    /// On the legend.
    pub(super) words: Both,
    /// On the bar, where colours are not seen.
    pub(super) mark: &'static str,
    /// Its colour.
    pub(super) ink: &'static str,
    /// The strokes of its pattern, in a tile of 6 by 6.
    pub(super) strokes: &'static str,
}

/// Every kind that is drawn, in the order of the legend.
pub(super) const KINDS: [Kind; 8] = [
    Kind {
        name: "session",
        words: Both("session ouverte", "session open"),
        mark: "",
        ink: "#0b6e72",
        strokes: "",
    },
    Kind {
        name: "alone",
        words: Both("poste isolé", "kiosk alone"),
        mark: "I",
        ink: "#8d8a7b",
        strokes: r#"<path d="M0 3h3" stroke-width="2"/>"#,
    },
    Kind {
        name: "cut",
        words: Both("réseau", "network"),
        mark: "R",
        ink: "#d28a00",
        strokes: r#"<path d="M-1 7 7 -1" stroke-width="1.6"/>"#,
    },
    Kind {
        name: "down",
        words: Both("arrêt", "down"),
        mark: "A",
        ink: "#17282b",
        strokes: r#"<path d="M-1 7 7 -1M-1 -1 7 7" stroke-width="1.2"/>"#,
    },
    Kind {
        name: "paused",
        words: Both("figé", "frozen"),
        mark: "F",
        ink: "#6a68b8",
        strokes: r#"<path d="M1.5 0v6M4.5 0v6" stroke-width="1.2"/>"#,
    },
    Kind {
        name: "disk",
        words: Both("disque", "disk"),
        mark: "D",
        ink: "#7a4a21",
        strokes: r#"<path d="M0 1.5h6M0 4.5h6" stroke-width="1.2"/>"#,
    },
    Kind {
        name: "clock",
        words: Both("horloge", "clock"),
        mark: "H",
        ink: "#2467a8",
        strokes: r#"<path d="M3 1.2a1.8 1.8 0 1 0 .01 0" fill="none" stroke-width="1.2"/>"#,
    },
    Kind {
        name: "hostile",
        words: Both("clé volée", "stolen key"),
        mark: "V",
        ink: "#b3261e",
        strokes: r#"<path d="M0 6 3 1 6 6" fill="none" stroke-width="1.4"/>"#,
    },
];

/// French for what is counted under an English name.
const NAMES: &[(&str, &str)] = &[
    // Faults, as scenarios name them.
    ("amnesia", "disque perdu"),
    ("replace", "machine remplacée"),
    ("bit-flip", "bit retourné sur le disque"),
    ("clock-drift", "horloge qui dérive"),
    ("clock-jump", "horloge qui saute"),
    ("clock-lost", "horloge perdue"),
    ("clock-strobe", "horloge affolée"),
    ("clone", "disque copié"),
    ("cut", "coupure du réseau"),
    ("cut: apart", "coupure en deux"),
    ("cut: alone", "coupure, chacun seul"),
    ("cut: bridge", "coupure, un seul pont"),
    ("cut: ring", "coupure, en anneau"),
    ("cut: mute", "coupure, sans être entendu"),
    ("cut: deaf", "coupure, sans rien entendre"),
    ("degrade", "réseau dégradé"),
    ("degrade: loss", "réseau qui perd"),
    ("degrade: duplicate", "réseau qui double"),
    ("degrade: reorder", "réseau en désordre"),
    ("degrade: corrupt", "réseau qui abîme"),
    ("degrade: delay", "réseau lent à répondre"),
    ("degrade: rate", "réseau à petit débit"),
    ("disk-fails", "disque en panne"),
    ("disk-full", "disque plein"),
    ("disk-slow", "disque lent"),
    ("flap", "réseau instable"),
    ("hostile", "clé volée"),
    ("hostile: forge", "clé volée, faits forgés"),
    ("hostile: replay", "clé volée, messages rejoués"),
    ("hostile: equivocate", "clé volée, double récit"),
    ("hostile: flood", "clé volée, déluge"),
    ("hostile: defy", "clé volée, après révocation"),
    ("hostile: poison", "clé volée, messages piégés"),
    ("hostile: lie", "clé volée, faux point de reprise"),
    ("kill", "programme tué"),
    ("new-address", "adresse changée"),
    ("other-release", "autre version du programme"),
    ("pause", "programme figé"),
    ("power-cut", "coupure de courant"),
    ("reboot", "machine redémarrée"),
    ("restore", "sauvegarde remise"),
    ("revoke", "machine révoquée"),
    ("suspend", "machine en veille"),
    ("torn-tail", "écriture déchirée"),
    // Rare branches.
    ("checkpoint adopted", "point de reprise adopté"),
    ("checkpoint damaged", "point de reprise abîmé"),
    ("checkpoint not proposed", "point de reprise non proposé"),
    ("checkpoint not signed", "point de reprise non signé"),
    ("clock not believed", "horloge que l’on ne croit pas"),
    ("code open on two kiosks resolved", "code ouvert sur deux postes, départagé"),
    ("disk failed", "panne de disque signalée"),
    ("entries refused", "écritures refusées"),
    ("epoch refused beyond the horizon", "journal trop ancien, refusé"),
    ("equivocation proven", "double récit prouvé"),
    ("fact of a later release written", "fait d’une version suivante"),
    ("fourth charge not forgiven", "quatrième avance facturée"),
    ("frame beyond its lane's bound", "trame trop grande"),
    ("frame lost", "trame perdue"),
    ("link refused", "liaison refusée"),
    ("malformed frame closed its link", "trame malformée, liaison fermée"),
    ("message read", "message lu"),
    ("no start on a full disk", "démarrage refusé, disque plein"),
    (
        "patron left a session running and sat down elsewhere",
        "usager parti sans fermer, assis ailleurs",
    ),
    ("patron pressed the power button", "usager qui éteint et rallume"),
    ("process began a new log", "programme qui ouvre un nouveau journal"),
    ("queue overflowed", "file d’attente débordée"),
    ("request repeated", "demande répétée"),
    ("restored vault opened", "coffre restauré rouvert"),
    ("revoked peer dropped", "nœud révoqué écarté"),
    ("session ended by isolation or conflict", "session close par isolement ou conflit"),
    ("third charge forgiven", "troisième avance remise"),
    ("use beyond what was granted listed", "dépassement porté à la liste"),
    // Figures.
    ("frames", "trames"),
    ("harness late by at most", "retard du banc, au plus"),
    ("mean memory of a node", "mémoire moyenne d’un nœud"),
    ("most memory of a node", "mémoire d’un nœud, au plus"),
    ("node-seconds", "secondes de nœud"),
    ("nodes", "nœuds"),
    ("nodes that did not", "refus de nœuds"),
    ("nodes that obeyed", "nœuds qui ont obéi"),
    ("orders given", "ordres donnés"),
    ("orders withheld by the limits", "ordres retenus par les limites"),
    ("processes", "programmes lancés"),
    ("processor of a node", "processeur d’un nœud"),
    ("sent by a node", "envoyé par un nœud"),
];

/// What is counted, French first; as it is where no French is known, as of a program.
pub(super) fn named(name: &str) -> String {
    match french_of(name) {
        french if french != name => below(french, name),
        _ => escape(name),
    }
}

/// What is counted under an English name, in French; as it is where no French is known.
pub fn french_of(name: &str) -> &str {
    NAMES.iter().find(|(english, _)| *english == name).map_or(name, |(_, french)| *french)
}

/// A unit in French letters: figures carry a comma, and a space before what they count.
pub(super) fn figure(value: f64, unit: &str) -> String {
    let text = match value {
        value if value == value.trunc() && value.abs() < 1e15 => format!("{value:.0}"),
        value if value.abs() >= 100.0 => format!("{value:.0}"),
        value if value.abs() >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    };
    let (whole, rest) = match text.split_once('.') {
        Some((whole, rest)) => (String::from(whole), format!(",{rest}")),
        None => (text, String::new()),
    };
    let grouped = grouped(&whole);
    let unit = if unit.is_empty() { String::new() } else { format!("\u{a0}{}", escape(unit)) };
    format!("{grouped}{rest}{unit}")
}

/// Digits in threes, from the right.
fn grouped(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("−", digits),
        None => ("", digits),
    };
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    format!("{sign}{out}")
}

/// A whole number.
pub(super) fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// A length of time, in its two largest units.
pub(super) fn lasting(ms: u64) -> String {
    let seconds = ms / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) if ms < 10_000 => figure(ms as f64 / 1000.0, "s"),
        (0, 0, seconds) => format!("{seconds}\u{a0}s"),
        (0, minutes, 0) => format!("{minutes}\u{a0}min"),
        (0, minutes, seconds) => format!("{minutes}\u{a0}min\u{a0}{seconds:02}\u{a0}s"),
        (hours, 0, _) => format!("{hours}\u{a0}h"),
        (hours, minutes, _) => format!("{hours}\u{a0}h\u{a0}{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::night::NightReport;

    #[test]
    fn whatever_is_counted_has_a_french_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sim");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let sources = files.filter(|path| path.is_file());
        let sources: Vec<_> = sources.map(|path| std::fs::read_to_string(path).unwrap()).collect();
        let counted = sources.iter().flat_map(|text| text.split(r#"sometimes(""#).skip(1));
        let counted = counted.map(|rest| rest.split('"').next().unwrap());
        let names: Vec<&str> = counted.chain(NightReport::default().never()).collect();
        assert!(names.len() > 30, "{names:?}");
        for name in names {
            assert_ne!(named(name), escape(name), "{name} is not in French");
        }
    }
}
