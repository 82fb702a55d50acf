//! What the command line says, in French and in English: as `poste` does, French where the locale
//! is, English elsewhere.

use std::sync::OnceLock;

use chaos_tests::scenario::Words;

/// A language that the program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lang {
    /// French.
    Fr,
    /// English.
    En,
}

impl Lang {
    /// The language of this process.
    pub(crate) fn here() -> Self {
        static HERE: OnceLock<Lang> = OnceLock::new();
        *HERE.get_or_init(|| {
            // The order in which POSIX lets one override the other.
            let locales = ["LC_ALL", "LC_MESSAGES", "LANG"].map(std::env::var);
            let set = locales.into_iter().flatten().find(|locale| !locale.is_empty());
            Self::of_locale(&set.unwrap_or_default())
        })
    }

    /// The language of a locale's name, `fr_FR.UTF-8` or `C`.
    fn of_locale(locale: &str) -> Self {
        match locale.split(['_', '.', '@']).next() {
            Some("fr") => Self::Fr,
            _ => Self::En,
        }
    }

    /// The reading of a scenario's text in this language.
    pub(crate) fn read(self, words: Words) -> String {
        match self {
            Self::Fr => words.fr,
            Self::En => words.en,
        }
    }

    /// The reading of a pair of texts, French first.
    pub(crate) fn of<'a, T: ?Sized>(self, french: &'a T, english: &'a T) -> &'a T {
        match self {
            Self::Fr => french,
            Self::En => english,
        }
    }
}

/// Declares sentences as functions: the two readings stand side by side, so that neither language
/// can lack one.
macro_rules! sentences {
    ($($(#[$doc:meta])* $name:ident($($field:ident: $type:ty),*) =>
        $french:literal, $english:literal;)*) => {
        $(
            $(#[$doc])*
            pub(crate) fn $name(lang: Lang, $($field: $type),*) -> String {
                match lang {
                    Lang::Fr => format!($french),
                    Lang::En => format!($english),
                }
            }
        )*
    };
}

sentences! {
    /// A scenario that is neither shipped nor a file.
    no_such_scenario(name: &str) =>
        "Pas de scénario « {name} ». Ceux qui sont livrés : poste-chaos list ; sinon, donnez un fichier .toml.",
        "No scenario “{name}”. Those that are shipped: poste-chaos list; otherwise name a .toml file.";
    /// A scenario file that is not taken.
    scenario_refused(reason: &str) =>
        "Scénario refusé : {reason}",
        "Scenario refused: {reason}";
    /// A target could not run.
    not_run(reason: &str) =>
        "Pas exécuté : {reason}",
        "Not run: {reason}";
    /// A folder that takes no report.
    not_written(folder: &str, reason: &str) =>
        "Rapport non écrit dans {folder} : {reason}",
        "No report written in {folder}: {reason}";
    /// How far the planted bugs are.
    mutant(caught: usize, of: usize, worlds: u64, bug: &str, seed: u64, by: &str) =>
        "{caught} défauts vus sur {of}, {worlds} mondes ; {bug} (graine {seed}) {by}",
        "{caught} of {of} bugs seen, {worlds} worlds; {bug} (seed {seed}) {by}";
    /// A world that is of no use.
    unsound(seed: u64, number: u8, what: &str) =>
        "Graine {seed} laissée de côté, invariant {number} rompu sans aucun défaut : {what}",
        "Seed {seed} left out, invariant {number} broken without any bug: {what}";
    /// What came of the planted bugs.
    mutants(caught: usize, of: usize, worlds: u64) =>
        "{caught} défauts vus sur {of} plantés, en {worlds} mondes au plus.",
        "{caught} of {of} planted bugs seen, in {worlds} worlds at most.";
    /// Heading of what a scenario's site is.
    site(admins: u16, kiosks: u16, amnesic: u16, alone: &str) =>
        "Le site : {admins} accueil(s), {kiosks} postes dont {amnesic} sans mémoire ; un poste seul {alone}.",
        "The site: {admins} admin host(s), {kiosks} kiosks of which {amnesic} keep nothing; a kiosk that is alone {alone}.";
    /// History before the run.
    history(days: u16) =>
        "Histoire : {days} jours avant le début.",
        "History: {days} days before it begins.";
    /// How long it lasts.
    lasts(minutes: u64) =>
        "Durée : {minutes} min, puis la réparation.",
        "It lasts {minutes} min, then everything is healed.";
    /// What must hold besides the invariants.
    hold(rounds: u32, overrun_s: f64) =>
        "Doit tenir : tous les invariants, un seul état {rounds} échanges après la réparation, pas plus de {overrun_s} s au-delà du dû.",
        "Must hold: every invariant, one state {rounds} rounds after healing, no more than {overrun_s} s past what is due.";
    /// What a real site allows.
    limits(hours: &str, share: u8, keep_durable: u16, deadline_s: u64) =>
        "Sur un vrai site : de {hours}, au plus {share} % des postes à la fois, toujours {keep_durable} nœud(s) durable(s) intact(s), aucune panne de plus de {deadline_s} s.",
        "On a real site: {hours}, at most {share} % of the kiosks at one time, always {keep_durable} durable node(s) untouched, no fault longer than {deadline_s} s.";
    /// Hours that a scenario does not say.
    no_hours() =>
        "jamais pendant l'usage",
        "never while in use";
    /// Until the end.
    until_healed() =>
        "jusqu'à la réparation",
        "until healed";
    /// For a moment or a stretch.
    for_seconds(seconds: f64) =>
        "{seconds} s",
        "{seconds} s";
    /// The binary of the nodes is missing.
    no_binary(file: &str) =>
        "{file} n'existe pas : compilez-le (make run, ou cargo build -p node) ou indiquez-le par --poste.",
        "{file} does not exist: build it (make run, or cargo build -p node), or name it with --poste.";
    /// Head of a table whose columns are sizes of a site.
    nodes() => "nœuds", "nodes";
    /// Time from healing to one state.
    one_state() => "temps jusqu'à un même état", "time to one state";
    /// A word that is neither a file nor a number.
    no_seed(word: &str) =>
        "« {word} » n'est ni un fichier de scénario ni une graine.",
        "“{word}” is neither a scenario file nor a seed.";
    /// Real parts were wanted of a target that has no others.
    real_is_simulated() =>
        "--real est pour le simulateur : le laboratoire et le site n'ont rien de simulé.",
        "--real is for the simulator: nothing is simulated in the laboratory and on a site.";
    /// The disk said no.
    file_trouble(file: &str, reason: &str) =>
        "{file} : {reason}",
        "{file}: {reason}";
    /// A journal that cannot be read back.
    not_a_journal(file: &str, reason: &str) =>
        "{file} n'est pas un journal de poste-chaos : {reason}",
        "{file} is not a journal of poste-chaos: {reason}";
    /// Where the report is.
    report_written(page: &str) =>
        "Rapport : {page}",
        "Report: {page}";
    /// How a night goes.
    night_so_far(worlds: u64, broken: u64, node_hours: f64, last: u64) =>
        "{worlds} mondes, {broken} rompus, {node_hours:.0} heures-nœud (graine {last})",
        "{worlds} worlds, {broken} broken, {node_hours:.0} node-hours (seed {last})";
    /// A world in which something was broken.
    seed_broken(seed: u64, how: &str) =>
        "Graine {seed} : ROMPU (poste-chaos replay {how}{seed})",
        "Seed {seed}: BROKEN (poste-chaos replay {how}{seed})";
    /// Where the smallest world of a failure is.
    kept(file: &str) =>
        "Le plus petit : poste-chaos replay {file}",
        "The smallest: poste-chaos replay {file}";
    /// Kinds of fault and branches that a night did not see.
    never(names: &str) =>
        "Jamais arrivé : {names}.",
        "Never happened: {names}.";
    /// What a night came to, and what eight hours on two cores would.
    night(node_hours: f64, density: f64, foretold: f64) =>
        "{node_hours:.0} heures-nœud ; densité {density:.0} secondes-nœud par seconde de cœur, soit {foretold:.0} heures-nœud en une nuit de 8 h sur 2 cœurs",
        "{node_hours:.0} node-hours; density {density:.0} node-seconds in a second of one core, which makes {foretold:.0} node-hours of a night of 8 h on 2 cores";
    /// The last line of a night.
    worlds(of: u64, held: usize) =>
        "{held} mondes tenus sur {of}",
        "{of} worlds run: {held} held";
    /// One line of verdict.
    held(invariants: usize, unchecked: usize) =>
        "TENU : {invariants} invariants tenus, {unchecked} sans rien à juger.",
        "HELD: {invariants} invariants held, {unchecked} had nothing to judge.";
    /// One line of verdict.
    broken(count: usize) =>
        "ROMPU : {count} invariant(s) rompu(s).",
        "BROKEN: {count} invariant(s) broken.";
    /// An invariant's word in the table.
    word_held() => "tenu", "held";
    /// An invariant's word in the table.
    word_broken() => "ROMPU", "BROKEN";
    /// An invariant's word in the table.
    word_unseen() => "—", "—";
    /// Time to one state.
    converged(seconds: f64) =>
        "Un seul état {seconds:.1} s après la réparation.",
        "One state {seconds:.1} s after healing.";
    /// No time to one state.
    not_converged() =>
        "Les nœuds n'ont pas retrouvé un seul état.",
        "The nodes did not come to one state.";
    /// What is missing.
    lost(count: u64) =>
        "Écritures acceptées et introuvables : {count}.",
        "Accepted facts that are nowhere: {count}.";
    /// What came of several scenarios.
    in_all(held: usize, of: usize) =>
        "{held} scénarios tenus sur {of}",
        "{of} scenarios run: {held} held";
    /// How to see the same again.
    again(name: &str, how: &str, seed: u64) =>
        "La même chose : poste-chaos run {name} {how} --seed {seed}",
        "The same again: poste-chaos run {name} {how} --seed {seed}";
    /// Progress of a run.
    progress(percent: u64, at_s: u64, of_s: u64, what: &str) =>
        "{percent:>3} %  {at_s} s sur {of_s}  {what}",
        "{percent:>3} %  {at_s} s of {of_s}  {what}";
}

#[cfg(test)]
mod tests {
    use super::Lang;

    #[test]
    fn french_is_spoken_where_the_locale_says_so() {
        for locale in ["fr", "fr_FR.UTF-8", "fr_RE", "fr.UTF-8", "fr@euro"] {
            assert_eq!(Lang::of_locale(locale), Lang::Fr, "{locale}");
        }
        for locale in ["", "C", "en_GB.UTF-8", "fra", "frp_IT"] {
            assert_eq!(Lang::of_locale(locale), Lang::En, "{locale}");
        }
    }
}
