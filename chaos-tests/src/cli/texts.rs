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

    /// A figure to one decimal.
    pub(crate) fn decimal(self, value: f64) -> String {
        self.pointed(format!("{value:.1}"))
    }

    /// A figure with as many decimals as it has.
    pub(crate) fn decimal_or_whole(self, value: f64) -> String {
        self.pointed(value.to_string())
    }

    fn pointed(self, figure: String) -> String {
        match self {
            Self::Fr => figure.replace('.', ","),
            Self::En => figure,
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
    /// A file that is no scenario by its name.
    no_toml(name: &str) =>
        "{name} : un fichier de scénario porte un nom en .toml.",
        "{name}: a scenario file has a name that ends in .toml.";
    /// A word for several scenarios, among others.
    stands_alone(word: &str) =>
        "« {word} » désigne plusieurs scénarios et se dit seul.",
        "“{word}” stands for several scenarios, and alone.";
    /// A scenario file that is not taken.
    scenario_refused(reason: &str) =>
        "Scénario refusé : {reason}",
        "Scenario refused: {reason}";
    /// A target could not run.
    not_run(reason: &str) =>
        "Pas exécuté : {reason}",
        "Not run: {reason}";
    /// A target could not run one of several.
    scenario_not_run(name: &str, reason: &str) =>
        "{name}, pas exécuté : {reason}",
        "{name}, not run: {reason}";
    /// A rehearsal of what is no exercise.
    rehearsed_on_a_site() =>
        "--rehearse est pour un vrai site (--target site) : ailleurs, poste-chaos show suffit.",
        "--rehearse is for a real site (--target site): elsewhere poste-chaos show will do.";
    /// How far the planted bugs are.
    mutant(caught: usize, of: usize, worlds: u64, bug: &str, seed: u64, by: &str) =>
        "Défauts vus : {caught} sur {of}, mondes : {worlds} ; {bug} (graine {seed}) {by}",
        "{caught} of {of} bugs seen, {worlds} worlds; {bug} (seed {seed}) {by}";
    /// A world that is of no use.
    unsound(seed: u64, number: u8, what: &str) =>
        "Graine {seed} laissée de côté, invariant {number} rompu sans aucun défaut : {what}",
        "Seed {seed} left out, invariant {number} broken without any bug: {what}";
    /// What came of the planted bugs.
    mutants(caught: usize, of: usize, worlds: u64) =>
        "Défauts introduits exprès : {caught} vus sur {of}, en {worlds} mondes au plus.",
        "{caught} of {of} planted bugs seen, in {worlds} worlds at most.";
    /// Heading of what a scenario's site is.
    site(admins: u16, kiosks: u16, amnesic: u16, alone: &str) =>
        "Le site : accueils {admins}, postes {kiosks} dont {amnesic} sans mémoire ; un poste seul {alone}.",
        "The site: {admins} admin host(s), {kiosks} kiosks of which {amnesic} keep nothing; a kiosk that is alone {alone}.";
    /// History before the run.
    history(days: u16) =>
        "Historique : {days} jours avant le début.",
        "History: {days} days before it begins.";
    /// How long it lasts.
    lasts(length: &str) =>
        "Durée : {length}, puis la réparation.",
        "It lasts {length}, then everything is healed.";
    /// What must hold besides the invariants.
    hold(besides: &str) =>
        "Doit tenir : tous les invariants, {besides}.",
        "Must hold: every invariant, {besides}.";
    /// Time to one state, as a scenario wants it.
    rounds(rounds: u32) =>
        "un seul état {rounds} échanges après la réparation",
        "one state {rounds} rounds after healing";
    /// Overrun, as a scenario bears it.
    overrun(overrun_s: &str) =>
        "pas plus de {overrun_s} s au-delà du dû",
        "no more than {overrun_s} s past what is due";
    /// What a real site allows.
    limits(hours: &str, share: u8, keep_durable: u16, deadline_s: u64) =>
        "Sur un vrai site : {hours}, au plus {share} % des postes à la fois, toujours {keep_durable} nœud(s) durable(s) intact(s), aucune panne de plus de {deadline_s} s.",
        "On a real site: {hours}, at most {share} % of the kiosks at one time, always {keep_durable} durable node(s) untouched, no fault longer than {deadline_s} s.";
    /// Hours that a scenario does not say.
    no_hours() =>
        "seulement quand personne n'utilise les postes concernés",
        "only while nobody uses the kiosks concerned";
    /// Hours that a scenario says.
    hours(from: &str, until: &str) =>
        "de {from} à {until}",
        "from {from} to {until}";
    /// What no real site carries out.
    not_on_a_site(why: &str) =>
        "Sur un vrai site : non ({why}).",
        "On a real site: no ({why}).";
    /// Until the end.
    until_healed() =>
        "jusqu'à la réparation",
        "until healed";
    /// For a moment or a stretch.
    for_seconds(seconds: &str) =>
        "{seconds} s",
        "{seconds} s";
    /// The binary of the nodes is missing.
    no_binary(file: &str) =>
        "{file} n'existe pas : compilez-le (make run, ou cargo build -p node) ou indiquez-le par --poste.",
        "{file} does not exist: build it (make run, or cargo build -p node), or name it with --poste.";
    /// The binary of the nodes is a folder.
    folder_for_binary(file: &str) =>
        "{file} est un dossier : --poste veut le programme lui-même.",
        "{file} is a folder: --poste wants the program itself.";
    /// Head of a table whose columns are sizes of a site.
    nodes() => "nœuds", "nodes";
    /// Time from healing to one state.
    one_state() => "temps jusqu'à un même état", "time to one state";
    /// A word that is neither a file nor a number.
    no_seed(word: &str) =>
        "« {word} » n'est ni un fichier de scénario (.toml), ni un journal (.json), ni une graine.",
        "“{word}” is neither a scenario file (.toml) nor a journal (.json) nor a seed.";
    /// A shipped scenario where something kept is wanted.
    run_it(name: &str) =>
        "« {name} » est un scénario livré : poste-chaos run {name}",
        "“{name}” is a shipped scenario: poste-chaos run {name}";
    /// A journal of a release that did not write the scenario into it.
    no_scenario_in(file: &str) =>
        "{file} ne contient pas de scénario.",
        "{file} holds no scenario.";
    /// A page in the place of its journal.
    page_on_journal(file: &str) =>
        "{file} est le journal lui-même : dites avec --to où va la page.",
        "{file} is the journal itself: say with --to where the page goes.";
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
        "mondes : {worlds}, rompus : {broken}, {node_hours:.0} heures-nœud (graine {last})",
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
        "Mondes tenus : {held} sur {of}",
        "{of} worlds run: {held} held";
    /// One line of verdict.
    held(invariants: usize, unchecked: usize) =>
        "TENU : invariants tenus {invariants}, sans rien à juger {unchecked}.",
        "HELD: {invariants} invariants held, {unchecked} had nothing to judge.";
    /// One line of verdict.
    broken(count: usize) =>
        "ROMPU : {count} invariant(s) rompu(s).",
        "BROKEN: {count} invariant(s) broken.";
    /// Above what the scenario promises besides.
    promises() => "Ce que ce scénario promet :", "What this scenario promises:";
    /// One line of verdict, where every invariant held.
    unkept(count: usize) =>
        "NON TENU : {count} promesse(s) du scénario ; tous les invariants jugés tiennent.",
        "NOT KEPT: {count} promise(s) of the scenario; every invariant that was judged holds.";
    /// An invariant's word in the table.
    word_held() => "tenu", "held";
    /// An invariant's word in the table.
    word_broken() => "ROMPU", "BROKEN";
    /// An invariant's word in the table.
    word_unseen() => "—", "—";
    /// Time to one state.
    converged(seconds: &str) =>
        "Un seul état {seconds} s après la réparation.",
        "One state {seconds} s after healing.";
    /// Who had not come back.
    away(hosts: &str) =>
        "ROMPU : pas revenus, {hosts}.",
        "BROKEN: did not come back, {hosts}.";
    /// A figure with its name and unit.
    figure(name: &str, value: &str, unit: &str) =>
        "{name} : {value} {unit}",
        "{name}: {value} {unit}";
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
        "Scénarios tenus : {held} sur {of}",
        "{of} scenarios run: {held} held";
    /// How to see the same again.
    again(command: &str) =>
        "La même chose : {command}",
        "The same again: {command}";
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
