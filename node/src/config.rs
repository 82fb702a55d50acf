//! The node's one configuration file.
//!
//! [`Config`] is the whole of it: TOML, every field with a default, unknown
//! fields refused. A refusal names the file, the line and the field, because the
//! person who reads it is standing in front of a kiosk with a text editor. A
//! fresh configuration listens on loopback only; going further is a decision
//! that somebody writes down.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::texts::Say;

#[cfg(test)]
mod tests;

/// The configuration that ships with the program, every field explained.
pub(crate) const EXAMPLE: &str = include_str!("../poste.example.toml");

/// Largest configuration file that is read, in bytes.
const FILE_MAX: u64 = 64 * 1024;

/// What a node is told before it starts. Everything that can change while it
/// runs is a setting of the site and lives in the ledger instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Folder of everything that the node keeps: keys, ledger, vault, control
    /// socket. Made with mode 0700 if it is missing.
    pub(crate) data_dir: PathBuf,
    /// Whether this machine serves the console or is a kiosk.
    pub(crate) kind: Kind,
    /// UDP address of the links between nodes.
    pub(crate) listen: SocketAddr,
    /// Nothing of the node survives a restart of the machine (live image): the
    /// node says so to its peers, which then count it apart.
    pub(crate) amnesic: bool,
    /// How other nodes are found.
    pub(crate) discovery: DiscoveryConfig,
    /// The staff console; read by admin nodes only.
    pub(crate) console: ConsoleConfig,
    /// The kiosk's screen; read by kiosks only.
    pub(crate) kiosk: KioskConfig,
    /// Health probe and metrics.
    pub(crate) ops: OpsConfig,
    /// What is written down of what happens.
    pub(crate) log: LogConfig,
    /// The daily copy of the node's state.
    pub(crate) backup: BackupConfig,
    /// Exercises that the site's staff hold.
    pub(crate) faults: FaultsConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("/var/lib/poste"),
            kind: Kind::Kiosk,
            listen: SocketAddr::from(([127, 0, 0, 1], 7443)),
            amnesic: false,
            discovery: DiscoveryConfig::default(),
            console: ConsoleConfig::default(),
            kiosk: KioskConfig::default(),
            ops: OpsConfig::default(),
            log: LogConfig::default(),
            backup: BackupConfig::default(),
            faults: FaultsConfig::default(),
        }
    }
}

/// What a node is for. It bounds what the node's facts may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Serves the console, issues codes, admits nodes, keeps the vault.
    Admin,
    /// Stands in front of a patron.
    Kiosk,
}

/// How other nodes are found. What is found is a hint and is never trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DiscoveryConfig {
    /// Interfaces that mDNS may use; `lo` alone, or a list without `lo`. An
    /// empty list turns mDNS off and leaves the static peers.
    #[serde(deserialize_with = "interfaces")]
    pub(crate) interfaces: Vec<String>,
    /// Link addresses that are tried whatever mDNS says.
    #[serde(deserialize_with = "static_peers")]
    pub(crate) static_peers: Vec<SocketAddr>,
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self { interfaces: vec!["lo".to_owned()], static_peers: Vec::new() }
    }
}

/// Where the staff console is served, and by which names it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConsoleConfig {
    /// TCP address of the console's page and API.
    pub(crate) listen: SocketAddr,
    /// Serve plain HTTP. Taken on a loopback address only.
    pub(crate) plain: bool,
    /// Addresses under which browsers reach this console, told to the other
    /// admin nodes so that their pages can offer it when they fall silent. Empty:
    /// made from `listen`.
    #[serde(deserialize_with = "urls")]
    pub(crate) urls: Vec<String>,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8443)), plain: false, urls: Vec::new() }
    }
}

impl ConsoleConfig {
    /// The addresses to tell other nodes: those configured, or the one that
    /// `listen` makes.
    pub(crate) fn advertised(&self) -> Vec<String> {
        if !self.urls.is_empty() {
            return self.urls.clone();
        }
        let scheme = if self.plain { "http" } else { "https" };
        vec![format!("{scheme}://{}", self.listen)]
    }
}

/// The kiosk's own screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KioskConfig {
    /// Name that staff see until they give the kiosk one of their own.
    #[serde(deserialize_with = "kiosk_name")]
    pub(crate) name: String,
    /// Stands for the machine where it has no serial number and no network card,
    /// or where several kiosks share one. Empty: the machine itself.
    #[serde(deserialize_with = "kiosk_name")]
    pub(crate) machine: String,
    /// TCP address of the kiosk page. Loopback only: the page belongs to the
    /// screen in front of it.
    #[serde(deserialize_with = "loopback")]
    pub(crate) page: SocketAddr,
}

impl Default for KioskConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            machine: String::new(),
            page: SocketAddr::from(([127, 0, 0, 1], 8480)),
        }
    }
}

/// Health probe (`/healthz`) and metrics (`/metrics`) for those who run the site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OpsConfig {
    /// Whether the two are served at all.
    pub(crate) enabled: bool,
    /// TCP address of both. They carry counts, never names.
    pub(crate) listen: SocketAddr,
}

impl Default for OpsConfig {
    fn default() -> Self {
        Self { enabled: true, listen: SocketAddr::from(([127, 0, 0, 1], 9464)) }
    }
}

/// What is written down of what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogConfig {
    /// Which messages are kept: `tracing` directives such as `info,actors=debug`.
    /// Debug level of the cluster crates prints payloads: not for daily use.
    #[serde(deserialize_with = "filter")]
    pub(crate) filter: String,
    /// Folder of the daily files. Unset: `log` in the data folder.
    pub(crate) dir: Option<PathBuf>,
    /// Daily files that are kept, 1 to 366.
    #[serde(deserialize_with = "keep")]
    pub(crate) keep: u16,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info,ractor=warn,ractor_cluster=warn".to_owned(), dir: None, keep: 14 }
    }
}

/// The daily copy of the node's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BackupConfig {
    /// Folder that receives the copies. Unset: no daily copy.
    pub(crate) dir: Option<PathBuf>,
    /// Time of day, on this machine's clock.
    pub(crate) at: TimeOfDay,
    /// Copies that are kept, 1 to 366.
    #[serde(deserialize_with = "keep")]
    pub(crate) keep: u16,
}

impl Default for BackupConfig {
    fn default() -> Self {
        Self { dir: None, at: TimeOfDay { hour: 2, minute: 30 }, keep: 14 }
    }
}

/// Exercises that the site's staff hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FaultsConfig {
    /// Whether this node bears faults that an admin node of its site orders. Each ends by this
    /// machine's own clock; a killed process is for the service manager to start again.
    pub(crate) obey: bool,
}

/// A time of day as it is written in the file, `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimeOfDay {
    /// 0 to 23.
    pub(crate) hour: u8,
    /// 0 to 59.
    pub(crate) minute: u8,
}

impl TimeOfDay {
    /// Minutes since midnight.
    pub(crate) fn minutes(self) -> u16 {
        u16::from(self.hour) * 60 + u16::from(self.minute)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl FromStr for TimeOfDay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once(':').and_then(|(hour, minute)| {
            let two_digits =
                |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            if !two_digits(hour) || !two_digits(minute) {
                return None;
            }
            Some((hour.parse().ok()?, minute.parse().ok()?))
        });
        match parsed {
            Some((hour, minute)) if hour < 24 && minute < 60 => Ok(Self { hour, minute }),
            _ => Err("a time of day is written HH:MM, from 00:00 to 23:59"),
        }
    }
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// One sentence with the file, the line and what is wrong there.
    pub(crate) fn read(path: &Path) -> Result<Self, Say> {
        let unreadable = |error: &dyn fmt::Display| Say::ConfigUnreadable {
            file: path.display().to_string(),
            reason: error.to_string(),
        };
        let length = std::fs::metadata(path).map_err(|e| unreadable(&e))?.len();
        if length > FILE_MAX {
            return Err(unreadable(&format_args!("{length} bytes, over {FILE_MAX}")));
        }
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(&e))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads and checks `text`; `file` is only for the sentence on refusal.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub(crate) fn parse(text: &str, file: &str) -> Result<Self, Say> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            Say::ConfigWrong {
                file: file.to_owned(),
                line,
                text: text.lines().nth(line - 1).unwrap_or_default().trim().to_owned(),
                reason: error.message().trim().to_owned(),
            }
        })?;
        config.check(text, file)?;
        Ok(config)
    }

    /// Rules that join two fields.
    fn check(&self, text: &str, file: &str) -> Result<(), Say> {
        let wrong = |field: &str, reason: &str| {
            let line = line_of_field(text, field);
            Err(Say::ConfigWrong {
                file: file.to_owned(),
                line,
                text: text.lines().nth(line - 1).unwrap_or_default().trim().to_owned(),
                reason: reason.to_owned(),
            })
        };
        if self.data_dir.as_os_str().is_empty() {
            return wrong("data_dir", "`data_dir` is empty");
        }
        if self.console.plain && !self.console.listen.ip().is_loopback() {
            return wrong(
                "plain",
                "`plain` is taken only where `console.listen` is a loopback address",
            );
        }
        let mut taken = BTreeSet::new();
        let mut listeners = vec![];
        match self.kind {
            Kind::Admin => listeners.push(("console.listen", self.console.listen)),
            Kind::Kiosk => listeners.push(("kiosk.page", self.kiosk.page)),
        }
        if self.ops.enabled {
            listeners.push(("ops.listen", self.ops.listen));
        }
        for (field, address) in listeners {
            if address.port() != 0 && !taken.insert(address) {
                let last = field.rsplit('.').next().unwrap_or(field);
                return wrong(last, &format!("`{field}`: {address} is given twice"));
            }
        }
        Ok(())
    }

    /// Folder of the daily log files.
    pub(crate) fn log_dir(&self) -> PathBuf {
        self.log.dir.clone().unwrap_or_else(|| self.data_dir.join("log"))
    }
}

/// The line, from 1, that holds the byte at `offset`.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

/// The last line that sets `field`, or 1. Good enough for a message: the two
/// rules that use it name the field in words as well.
fn line_of_field(text: &str, field: &str) -> usize {
    text.lines()
        .enumerate()
        .filter(|(_, line)| {
            line.trim_start()
                .strip_prefix(field)
                .is_some_and(|rest| rest.trim_start().starts_with('='))
        })
        .last()
        .map_or(1, |(index, _)| index + 1)
}

fn interfaces<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    if names.len() > 16 {
        return Err(D::Error::custom("at most 16 interfaces"));
    }
    for name in &names {
        // IFNAMSIZ is 16 with its closing zero.
        let known_shape = !name.is_empty()
            && name.len() <= 15
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:@".contains(&b));
        if !known_shape {
            return Err(D::Error::custom(format!(
                "{name:?} is not the name of a network interface"
            )));
        }
    }
    if names.len() > 1 && names.iter().any(|name| name == "lo") {
        return Err(D::Error::custom(
            "`lo` stands alone: list either `lo` or the interfaces of the room's network",
        ));
    }
    Ok(names)
}

fn static_peers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SocketAddr>, D::Error> {
    let peers = Vec::<SocketAddr>::deserialize(deserializer)?;
    if peers.len() > 64 {
        return Err(D::Error::custom("at most 64 static peers"));
    }
    if let Some(peer) = peers.iter().find(|peer| peer.port() == 0 || peer.ip().is_unspecified()) {
        return Err(D::Error::custom(format!("{peer} cannot be dialled")));
    }
    Ok(peers)
}

fn urls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let urls = Vec::<String>::deserialize(deserializer)?;
    if urls.len() > 8 {
        return Err(D::Error::custom("at most 8 addresses"));
    }
    for url in &urls {
        let host = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"))
            .unwrap_or_default();
        // They go into other nodes' Content-Security-Policy: an origin, nothing else.
        let is_origin = !host.is_empty()
            && url.len() <= 128
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b));
        if !is_origin {
            return Err(D::Error::custom(format!(
                "{url:?} is not an address such as https://accueil.example:8443"
            )));
        }
    }
    Ok(urls)
}

fn kiosk_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.chars().count() > 40 || name.chars().any(char::is_control) {
        return Err(D::Error::custom("a kiosk's name has at most 40 characters"));
    }
    Ok(name)
}

fn loopback<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let address = SocketAddr::deserialize(deserializer)?;
    if !address.ip().is_loopback() {
        return Err(D::Error::custom(format!("{address} is not on loopback (127.0.0.1)")));
    }
    Ok(address)
}

fn filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    tracing_subscriber::EnvFilter::try_new(&text).map_err(|error| {
        D::Error::custom(format!("{text:?} is not a list of directives: {error}"))
    })?;
    Ok(text)
}

fn keep<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let count = u16::deserialize(deserializer)?;
    if !(1..=366).contains(&count) {
        return Err(D::Error::custom("from 1 to 366 are kept"));
    }
    Ok(count)
}
