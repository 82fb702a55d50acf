//! What the command line says, in French and in English.
//!
//! [`Say`] is every sentence, with what varies in it as fields, so that a test
//! can ask which one it was without reading prose. It is also this program's
//! error: what cannot be done is said in the language of whoever asked.

use std::fmt;
use std::sync::OnceLock;

use domain::refusal::Refusal;
use serde::{Deserialize, Serialize};

mod refusals;
pub(crate) mod site_faults;

/// A language that the program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lang {
    /// French.
    Fr,
    /// English.
    En,
}

impl Lang {
    /// The language of this process: French where the locale begins with `fr`.
    pub(crate) fn here() -> Self {
        static HERE: OnceLock<Lang> = OnceLock::new();
        *HERE.get_or_init(|| {
            // The order in which POSIX lets one override the other.
            let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
                .into_iter()
                .filter_map(|name| std::env::var(name).ok())
                .find(|value| !value.is_empty());
            Self::of_locale(locale.as_deref())
        })
    }

    /// The one of two readings.
    pub(crate) fn pick<'a>(self, french: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Fr => french,
            Self::En => english,
        }
    }

    /// The language of a locale's name, `fr_FR.UTF-8` or `C`.
    pub(crate) fn of_locale(locale: Option<&str>) -> Self {
        let french = locale
            .is_some_and(|name| name == "fr" || name.starts_with("fr_") || name.starts_with("fr."));
        if french { Self::Fr } else { Self::En }
    }
}

/// Words in both languages, for a program that shows them to somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Both {
    /// French.
    pub(crate) fr: String,
    /// English.
    pub(crate) en: String,
}

impl Both {
    /// The same in two languages.
    pub(crate) fn new(fr: impl Into<String>, en: impl Into<String>) -> Self {
        Self { fr: fr.into(), en: en.into() }
    }

    /// In this one.
    pub(crate) fn pick(&self, lang: Lang) -> &str {
        lang.pick(&self.fr, &self.en)
    }
}

/// Declares [`Say`]: each sentence once, its two readings side by side, so that
/// neither language can lack one.
macro_rules! sentences {
    ($($(#[$doc:meta])* $name:ident $({ $($field:ident: $type:ty),* $(,)? })? =>
        $french:literal, $english:literal;)*) => {
        /// A sentence to a person.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) enum Say {
            $(
                $(#[$doc])*
                $name $({ $(#[allow(missing_docs, reason = "named in the sentence")] $field: $type),* })?,
            )*
            /// The rules said no.
            Refused(Refusal),
        }

        impl Say {
            /// The sentence in `lang`.
            pub(crate) fn render(&self, lang: Lang) -> String {
                match self {
                    $(
                        Self::$name $({ $($field),* })? => match lang {
                            Lang::Fr => format!($french),
                            Lang::En => format!($english),
                        },
                    )*
                    Self::Refused(refusal) => match lang {
                        Lang::Fr => refusals::french(refusal),
                        Lang::En => refusal.to_string(),
                    },
                }
            }
        }
    };
}

sentences! {
    /// The configuration file cannot be read at all.
    ConfigUnreadable { file: String, reason: String } =>
        "Configuration illisible : {file} : {reason}",
        "Cannot read the configuration {file}: {reason}";
    /// A line of the configuration is wrong.
    ConfigWrong { file: String, line: usize, text: String, reason: String } =>
        "Configuration refusée : {file}, ligne {line} : {reason}\n    {text}",
        "Configuration refused: {file}, line {line}: {reason}\n    {text}";
    /// No configuration at the default place.
    ConfigMissing { file: String } =>
        "Pas de configuration : {file} n'existe pas. Indiquez-la par --config, ou partez de l'exemple : poste example > {file}",
        "No configuration: {file} does not exist. Name one with --config, or start from the example: poste example > {file}";
    /// The operating system has no randomness to give.
    NoRandomness { reason: String } =>
        "Le système ne fournit pas d'aléa : {reason}",
        "The system gives no randomness: {reason}";
    /// argon2id could not run.
    NoMemory { reason: String } =>
        "Dérivation de la clé impossible (mémoire ?) : {reason}",
        "Cannot derive the key (memory?): {reason}";
    /// A passphrase is too short to seal a site key.
    PassphraseShort { least: usize } =>
        "Phrase secrète trop courte : au moins {least} caractères.",
        "Passphrase too short: at least {least} characters.";
    /// A sealed file is whole, its passphrase another one.
    WrongPassphrase =>
        "Ce n'est pas la bonne phrase secrète.",
        "This is not the right passphrase.";
    /// A sealed file is not what was written.
    SealDamaged =>
        "Le fichier de la clé du site est abîmé ou n'en est pas un. Utilisez une autre copie, ou les mots de secours.",
        "The site key's file is damaged, or is not one. Use another copy, or the recovery words.";
    /// The recovery words do not fit together.
    WordsWrong =>
        "Les mots de secours ne vont pas ensemble : vérifiez leur ordre et leur orthographe.",
        "The recovery words do not fit together: check their order and spelling.";
    /// Not the right number of recovery words.
    WordsCount { found: usize, wanted: usize } =>
        "Il faut {wanted} mots de secours, en voici {found}.",
        "{wanted} recovery words are needed, these are {found}.";
    /// A recovery word is not in the list.
    WordUnknown { place: usize, word: String } =>
        "Le mot {place}, « {word} », n'est pas un mot de secours.",
        "Word {place}, “{word}”, is not a recovery word.";
    /// The disk said no.
    FileTrouble { file: String, reason: String } =>
        "{file} : {reason}",
        "{file}: {reason}";
    /// A secret would be overwritten.
    AlreadyThere { file: String } =>
        "{file} existe déjà et n'est pas remplacé.",
        "{file} is already there and is not replaced.";
    /// A secret that others can read.
    KeyOpenToOthers { file: String, mode: u32 } =>
        "{file} est lisible par d'autres comptes (droits {mode:o}) : cette clé n'est plus secrète. Attendu : 600.",
        "{file} can be read by other accounts (mode {mode:o}): this key is no secret any more. Expected: 600.";
    /// A secret of the wrong length.
    KeyNotWhole { file: String } =>
        "{file} n'a pas la longueur d'une clé : fichier abîmé.",
        "{file} does not have a key's length: damaged file.";
    /// A join line with a typo.
    InvitationTypo =>
        "La ligne d'invitation contient une faute de frappe, ou n'est pas entière.",
        "The join line has a typo, or is not whole.";
    /// Something else than a join line.
    InvitationOther =>
        "Ce n'est pas une ligne d'invitation (elle commence par poste-join1-).",
        "This is not a join line (it begins with poste-join1-).";
    /// A join line whose signature is over another node.
    InvitationForAnother =>
        "Cette ligne admet un autre nœud que celui-ci : redonnez l'identifiant de ce nœud à poste admit-admin.",
        "This line admits another node than this one: give this node's id to poste admit-admin again.";
    /// The node kept failing and ended.
    GaveUp =>
        "Le nœud n'a pas pu continuer et s'arrête : le journal technique dit pourquoi.",
        "The node could not go on and stops: the log says why.";
    /// A store that did not open was moved aside.
    StoreMovedAside { store: String, aside: String } =>
        "LE MAGASIN {store} ÉTAIT ABÎMÉ : il est mis de côté dans {aside}, jamais effacé. Le nœud repart vide et réapprend des autres.",
        "THE STORE {store} WAS DAMAGED: it was moved aside to {aside}, never deleted. The node starts empty and learns again from the others.";
    /// A ledger that was checked.
    LedgerRight {
        name: String, site: String, entries: u64, logs: u64, unknown: u64, without_effect: u64,
        checkpoint: Box<str>, members: usize, fingerprint: Box<str>,
    } =>
        "Tout est signé et enchaîné.\n  Site               {name} ({site})\n  Écritures          {entries}, de {logs} époques\n  de genre inconnu   {unknown}\n  sans effet         {without_effect}\n  Point de reprise   {checkpoint}\n  Nœuds membres      {members}\n  Empreinte de l'état, sans les relevés d'usage :\n  {fingerprint}",
        "All is signed and chained.\n  Site               {name} ({site})\n  Entries            {entries}, of {logs} epochs\n  of unknown kind    {unknown}\n  without effect     {without_effect}\n  Checkpoint         {checkpoint}\n  Member nodes       {members}\n  Fingerprint of the state, without registers of use:\n  {fingerprint}";
    /// Entries that were imported.
    LedgerImported { entries: u64 } =>
        "{entries} écritures reprises.",
        "{entries} entries taken in.";
    /// A copy was put back.
    Restored { folder: String } =>
        "La copie est remise dans {folder}. Démarrez le nœud : poste run.\nSes données personnelles se rouvrent d'elles-mêmes dès qu'il est joint à un autre nœud d'administration et tient le même journal. S'il n'y en a pas d'autre, avant de démarrer : poste vault open.",
        "The copy is back in {folder}. Start the node: poste run.\nIts personal data open by themselves once it is linked to another admin node and holds the same ledger. If there is no other, before starting: poste vault open.";
    /// A copy was put back, the vault left open.
    RestoredOpen { folder: String } =>
        "La copie est remise dans {folder}. Démarrez le nœud : poste run.",
        "The copy is back in {folder}. Start the node: poste run.";
    /// The vault was opened by hand.
    VaultOpened =>
        "Les données personnelles sont rouvertes.",
        "Personal data are open again.";
    /// A folder that is not a demonstration's.
    NotADemo { folder: String } =>
        "{folder} n'est pas vide et n'est pas une démonstration : choisissez un autre dossier (--dir).",
        "{folder} is not empty and is not a demonstration: choose another folder (--dir).";
    /// A process of the demonstration did not come up.
    DidNotStart { name: String, log: String, last: String } =>
        "{name} n'a pas démarré. Fin de {log} :\n    {last}",
        "{name} did not start. End of {log}:\n    {last}";
    /// The site key at hand is another site's.
    OtherSite =>
        "Cette clé est celle d'un autre site que celui de cette machine.",
        "This key is of another site than this machine's.";
    /// A join line for the other kind of node.
    InvitationKind { kind: String } =>
        "Cette ligne est pour un nœud « {kind} » : la configuration de cette machine dit autre chose (kind).",
        "This line is for a node of kind “{kind}”: this machine's configuration says otherwise (kind).";
    /// A command that only admin nodes have.
    NotAnAdmin =>
        "Cette commande se donne sur un nœud d'administration (kind = \"admin\").",
        "This command is given on an admin node (kind = \"admin\").";
    /// An operator's login cannot be one.
    LoginOdd { login: String } =>
        "« {login} » ne peut pas être un identifiant : lettres, chiffres, point, tiret, de 2 à 40.",
        "“{login}” cannot be a login: letters, digits, dot, hyphen, 2 to 40 of them.";
    /// An operator's password is not good enough.
    PasswordWeak { reason: String } =>
        "Mot de passe refusé : {reason}. Au moins 12 caractères de quatre sortes, 14 de trois, ou sept mots.",
        "Password refused: {reason}. At least 12 characters of four kinds, 14 of three, or seven words.";
    /// No folder for copies, neither asked for nor configured.
    NoBackupFolder =>
        "Où mettre la copie ? Donnez --to, ou backup.dir dans la configuration.",
        "Where should the copy go? Give --to, or backup.dir in the configuration.";
    /// An account was added.
    OperatorAdded { login: String } =>
        "Le compte {login} est créé.",
        "The account {login} was added.";
    /// A password was replaced.
    OperatorReset { login: String } =>
        "Le mot de passe de {login} est remplacé.",
        "The password of {login} was replaced.";
    /// A token was revoked.
    TokenRevoked =>
        "L'invitation est révoquée : plus personne n'entre par elle.",
        "The invitation is revoked: nobody enters by it any more.";
    /// A room or a kiosk has its name.
    PlaceNamed { name: String } =>
        "« {name} » est en place.",
        "{name} is in place.";
    /// A node was revoked.
    NodeRevoked =>
        "Le nœud est révoqué. S'il est entré par une invitation encore valable, révoquez-la aussi (poste token list).",
        "The node is revoked. If it came by an invitation that still stands, revoke that too (poste token list).";
    /// An admin node was revoked.
    AdminRevoked =>
        "Le nœud d'administration est révoqué : ce qu'il écrit désormais est sans effet. Si la machine est perdue, changez les mots de passe des opérateurs (poste operator reset).",
        "The admin node is revoked: what it writes from now on has no effect. If the machine is lost, change the operators' passwords (poste operator reset).";
    /// An admin node that was revoked before.
    AdminRevokedAlready =>
        "Ce nœud d'administration est déjà révoqué.",
        "This admin node is revoked already.";
    /// A node is asked to revoke itself.
    RevokesItself =>
        "un nœud d'administration ne se révoque pas lui-même : donnez la commande sur un autre",
        "an admin node does not revoke itself: give the command on another one";
    /// A kiosk's node where an admin node was meant.
    NotAnAdminNode =>
        "ce nœud est celui d'un poste : poste node revoke",
        "this node is a kiosk's: poste node revoke";
    /// Nothing to list.
    NothingListed =>
        "Aucun.",
        "None.";
    /// A file was written.
    FileWritten { file: String } =>
        "Écrit : {file}",
        "Written: {file}";
    /// What `poste init` did, and what to keep safe.
    SiteFounded { name: String, site: String, key_file: String, words: String, login: String } =>
        "Le site « {name} » est fondé.\n\n  Identifiant du site : {site}\n\nÀ METTRE EN LIEU SÛR, MAINTENANT :\n\n  1. Le fichier {key_file} : la clé du site, scellée par votre phrase secrète.\n     Mettez-le sur une clé USB, rangez-la sous clé, puis effacez-le d'ici.\n\n  2. Les 24 mots de secours, sur papier, dans un autre endroit fermé. Ils ne seront plus affichés :\n\n{words}\n\nLa clé du site ne sert qu'à admettre ou révoquer un nœud d'administration.\n\nEnsuite : poste run, puis la console avec l'identifiant {login}.",
        "The site “{name}” is founded.\n\n  Site id: {site}\n\nKEEP SAFE, NOW:\n\n  1. The file {key_file}: the site key, sealed by your passphrase.\n     Put it on a stick under lock and key, then erase it here.\n\n  2. The 24 recovery words, on paper, in another closed place. They are not shown again:\n\n{words}\n\nThe site key serves only to admit or revoke an admin node.\n\nNext: poste run, then the console with the login {login}.";
    /// How an admin node that is not admitted yet goes on.
    AwaitsAdmission { node: String } =>
        "Ce nœud : {node}\nÀ faire admettre, clé du site en main :\n    poste admit-admin {node} --site-key FICHIER\nPuis donnez ici la ligne obtenue à poste join.",
        "This node: {node}\nTo have it admitted, with the site key at hand:\n    poste admit-admin {node} --site-key FILE\nThen give poste join the resulting line here.";
    /// An admin node was admitted.
    AdminAdmitted { node: String, line: String } =>
        "Le nœud {node} est admis. Sur cette machine :\n    poste join {line}",
        "The node {node} is admitted. On that machine:\n    poste join {line}";
    /// A join line was issued.
    TokenIssued { line: String, hours: u32 } =>
        "Sur la machine à ajouter, dans les {hours} h :\n    poste join {line}\nQui détient cette ligne peut entrer : traitez-la comme une clé.",
        "On the machine to add, within {hours} h:\n    poste join {line}\nWhoever holds this line may enter: treat it like a key.";
    /// A node joined.
    Joined { site: String } =>
        "Ce nœud rejoint le site {site}. Démarrez-le : poste run.",
        "This node joins the site {site}. Start it: poste run.";
    /// A node of the site has taken up a new invitation.
    JoinedAgain { site: String } =>
        "Ce nœud a repris sa place dans le site {site} avec cette invitation et une clé nouvelle. Démarrez-le : poste run.",
        "This node took its place in the site {site} again by this invitation, with a new key. Start it: poste run.";
    /// The digits that two screens must show.
    CompareDigits { digits: String, plain: String } =>
        "\n    {digits}\n\nLe nœud d'administration doit montrer les mêmes chiffres : dans la console, « Santé du cluster », ou\n    poste node pair {plain} --kiosk NOM\nS'ils diffèrent, refusez : quelqu'un s'interpose. En attente…",
        "\n    {digits}\n\nThe admin node must show the same digits: in the console, “Cluster health”, or\n    poste node pair {plain} --kiosk NAME\nIf they differ, refuse: somebody is in between. Waiting…";
    /// An admin node is admitted by the site key alone.
    OnlyKiosksPair =>
        "Seul un poste s'appaire ; un nœud d'administration est admis par la clé du site (poste admit-admin).",
        "Only a kiosk is paired; an admin node is admitted by the site key (poste admit-admin).";
    /// Nobody answers where a machine wanted to pair.
    PairingUnreachable { address: String } =>
        "Personne ne répond à {address}. Donnez l'adresse de lien d'un nœud d'administration (listen), port compris.",
        "Nobody answers at {address}. Give the link address of an admin node (listen), with its port.";
    /// Whoever answers is no admin node.
    PairingNotThere { address: String } =>
        "Le nœud de {address} n'appaire personne : ce n'est pas un nœud d'administration.",
        "The node at {address} pairs nobody: it is no admin node.";
    /// Whoever answers does not keep to the protocol.
    PairingOdd { address: String } =>
        "Ce qui répond à {address} n'est pas un nœud d'administration digne de confiance : rien n'est gardé.",
        "What answers at {address} is not an admin node to be trusted: nothing is kept.";
    /// The admin node fell silent while the machine waited.
    PairingLost { address: String } =>
        "Le nœud de {address} ne répond plus : rien n'est gardé. Recommencez.",
        "The node at {address} no longer answers: nothing is kept. Try again.";
    /// Too many machines wait.
    PairingBusy =>
        "Trop de machines attendent ou ont demandé : réessayez dans quelques minutes.",
        "Too many machines wait or have asked: try again in a few minutes.";
    /// An operator refused.
    PairingRefused =>
        "Appairage refusé au nœud d'administration : rien n'est gardé.",
        "Pairing refused at the admin node: nothing is kept.";
    /// No operator came.
    PairingExpired =>
        "Personne n'a confirmé à temps : rien n'est gardé. Recommencez.",
        "Nobody confirmed in time: nothing is kept. Try again.";
    /// The site knows the node already.
    PairingKnown =>
        "Le site connaît déjà la clé de ce nœud : elle ne s'appaire pas une seconde fois.",
        "The site knows this node's key already: it is not paired a second time.";
    /// The same node asked again elsewhere.
    PairingAskedAgain =>
        "Cette machine a redemandé entre-temps : seule la dernière demande compte.",
        "This machine has asked again since: only the last asking counts.";
    /// No machine waits by that name.
    NobodyWaits { which: String } =>
        "Aucune machine n'attend avec « {which} ». Si son écran montre ces chiffres, NE CONFIRMEZ PAS : quelqu'un s'interpose.",
        "No machine waits with “{which}”. If its screen shows these digits, DO NOT CONFIRM: somebody is in between.";
    /// A machine was paired.
    NodePaired =>
        "La machine est appairée. Démarrez-la : poste run.",
        "The machine is paired. Start it: poste run.";
    /// A machine was turned away.
    PairingTurnedAway =>
        "La machine est refusée.",
        "The machine is turned away.";
    /// A join line is asked for.
    AskLine =>
        "Ligne d'invitation : ",
        "Join line: ";
    /// Another process of this node runs.
    AlreadyRunning { folder: String } =>
        "Un nœud tourne déjà sur {folder}.",
        "A node is already running on {folder}.";
    /// The node must be running for this.
    NotRunning { folder: String } =>
        "Aucun nœud ne tourne sur {folder} : démarrez-le avec poste run.",
        "No node is running on {folder}: start it with poste run.";
    /// The path of the control socket is too long for the system.
    SocketPathLong { path: String } =>
        "Le chemin de la prise de contrôle dépasse ce que Linux permet (107 octets) : {path}. Choisissez un data_dir plus court.",
        "The control socket's path is longer than Linux allows (107 bytes): {path}. Choose a shorter data_dir.";
    /// The control socket broke.
    SocketTrouble { path: String, reason: String } =>
        "Prise de contrôle {path} : {reason}",
        "Control socket {path}: {reason}";
    /// The running node answered something else than asked.
    AnswerOdd =>
        "Le nœud a répondu autre chose que prévu : est-ce la même version de poste ?",
        "The node answered something unexpected: is it the same release of poste?";
    /// The running node could not do it.
    Broken { reason: String } =>
        "Échec : {reason}",
        "Failed: {reason}";
    /// A listener's port is taken.
    PortTaken { what: String, address: String, reason: String } =>
        "{what} : impossible d'écouter sur {address} : {reason}",
        "{what}: cannot listen on {address}: {reason}";
    /// Logging cannot start.
    LogTrouble { folder: String, reason: String } =>
        "Impossible d'écrire le journal technique dans {folder} : {reason}",
        "Cannot write the log in {folder}: {reason}";
    /// The folder belongs to no site yet.
    NoSite { folder: String } =>
        "{folder} n'appartient encore à aucun site : poste init en fonde un, poste join en rejoint un.",
        "{folder} belongs to no site yet: poste init founds one, poste join joins one.";
    /// The folder belongs to a site already.
    HasSite { folder: String } =>
        "{folder} appartient déjà à un site ; seule une nouvelle invitation de ce même site peut y remplacer celle d'un poste.",
        "{folder} belongs to a site already; only a new invitation of that same site can replace that of a kiosk.";
    /// The machine has nothing to be recognised by.
    NoMachine =>
        "Rien ne distingue cette machine (ni numéro de série, ni carte réseau) : donnez-lui un nom par kiosk.machine dans la configuration.",
        "Nothing tells this machine apart (no serial number, no network card): name it by kiosk.machine in the configuration.";
    /// Two secrets that were typed differ.
    TypedTwice =>
        "Les deux saisies diffèrent.",
        "The two entries differ.";
    /// A secret was asked for and nothing came.
    NothingTyped =>
        "Rien n'a été saisi.",
        "Nothing was typed.";
    /// Prompt for a new passphrase.
    AskNewPassphrase =>
        "Phrase secrète qui scellera la clé du site : ",
        "Passphrase that will seal the site key: ";
    /// Prompt for the passphrase of a sealed key.
    AskPassphrase =>
        "Phrase secrète de la clé du site : ",
        "Passphrase of the site key: ";
    /// Prompt for the recovery words.
    AskWords =>
        "Les 24 mots de secours : ",
        "The 24 recovery words: ";
    /// Prompt for an operator's new password.
    AskPassword { login: String } =>
        "Mot de passe de {login} : ",
        "Password of {login}: ";
    /// Prompt for the same again.
    AskAgain =>
        "Encore une fois : ",
        "Once more: ";
    /// A limit of an exercise does not hold.
    FaultNotOrdered { why: String } =>
        "Panne non ordonnée : {why}.",
        "The fault is not ordered: {why}.";
    /// A duration, a count or the like is out of bounds.
    OutOfBounds { what: String, least: u64, most: u64 } =>
        "{what} : de {least} à {most}.",
        "{what}: from {least} to {most}.";
}

impl fmt::Display for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Lang::here()))
    }
}

impl std::error::Error for Say {}

impl From<Refusal> for Say {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lang, Say};

    #[test]
    fn french_is_spoken_where_the_locale_is_french() {
        for french in ["fr", "fr_FR.UTF-8", "fr_RE", "fr.UTF-8"] {
            assert_eq!(Lang::of_locale(Some(french)), Lang::Fr, "{french}");
        }
        for other in [Some("en_GB.UTF-8"), Some("C"), Some("frp_IT"), Some("fro"), None] {
            assert_eq!(Lang::of_locale(other), Lang::En, "{other:?}");
        }
    }

    #[test]
    fn sentence_names_the_file_and_line_in_both_languages() {
        let say = Say::ConfigWrong {
            file: "/etc/poste/poste.toml".to_owned(),
            line: 12,
            text: "lisen = 1".to_owned(),
            reason: "unknown field `lisen`".to_owned(),
        };
        for lang in [Lang::Fr, Lang::En] {
            let text = say.render(lang);
            assert!(text.contains("/etc/poste/poste.toml"), "{text}");
            assert!(text.contains("12") && text.contains("lisen"), "{text}");
        }
    }
}
