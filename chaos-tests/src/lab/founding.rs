//! A site founded by the commands that people give, and a room that it is set up in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::settings::{IsolationPolicy, Settings};
use serde_json::{Value, json};

use crate::event::HostId;
use crate::scenario::{Policy, Shape, Words};
use crate::target::NotRun;

use super::console::{LOGIN, PASSWORD};
use super::ground::{Ground, broken};
use super::machine::Machine;

const PASSPHRASE: &str = "le margouillat dort sous la varangue";
const ROOM: &str = "Salle";
/// Longest wait for the site to stand: fifty nodes on two cores take a while.
const PATIENCE: Duration = Duration::from_secs(180);
/// Interval between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// The machines, by host.
pub(super) type Machines = BTreeMap<HostId, Machine>;

/// What a founder keeps: files that later commands need, and the line that lets each kiosk in.
#[derive(Debug)]
pub(super) struct Keys {
    site_key: PathBuf,
    passphrase: PathBuf,
    lines: BTreeMap<HostId, String>,
}

impl Keys {
    /// For commands that want the site key.
    pub(super) fn words(&self) -> [String; 4] {
        let file = |path: &Path| path.display().to_string();
        [
            "--site-key".to_owned(),
            file(&self.site_key),
            "--passphrase-file".to_owned(),
            file(&self.passphrase),
        ]
    }

    /// Lets a kiosk whose disk is empty in again, as its image does.
    ///
    /// # Errors
    /// What the command complains of.
    pub(super) fn admit(&self, ground: &Ground, kiosk: &Machine) -> Result<(), NotRun> {
        let line = self.lines.get(&kiosk.part.host).map_or("", String::as_str);
        kiosk.says(ground, &["join", line]).map(drop)
    }
}

/// Founds the site on the first admin host and has every other machine join it; all run, and know
/// each other by mDNS alone.
///
/// # Errors
/// The first thing that went wrong.
pub(super) fn found(
    ground: &Ground,
    folder: &Path,
    shape: &Shape,
    machines: &mut Machines,
    watch: &mut dyn FnMut(Words),
) -> Result<Keys, NotRun> {
    let mut keys = Keys {
        site_key: folder.join("site-key.txt"),
        passphrase: folder.join("passphrase"),
        lines: BTreeMap::new(),
    };
    let password = folder.join("password");
    for (file, text) in [(&keys.passphrase, PASSPHRASE), (&password, PASSWORD)] {
        fs::write(file, text).map_err(|error| broken("passphrase", error))?;
    }
    watch(Words::new("fondation du site", "founding the site"));
    let first = HostId(0);
    let of_key = keys.words();
    let mut words = vec!["init", "--name", "Médiathèque des Filaos", "--login", LOGIN];
    let password = password.display().to_string();
    words.extend(of_key.iter().map(String::as_str));
    words.extend(["--password-file", &password]);
    machine(machines, first)?.says(ground, &words)?;
    start(ground, machines, first)?;
    for other in shape.admin_hosts().skip(1) {
        let said = machine(machines, other)?.says(ground, &["join"])?;
        let node = word(&said, |word| word.len() == 64)?;
        let mut words = vec!["admit-admin", node];
        words.extend(of_key.iter().map(String::as_str));
        let said = machine(machines, first)?.says(ground, &words)?;
        let line = word(&said, |word| word.starts_with("poste-join1"))?;
        machine(machines, other)?.says(ground, &["join", line])?;
        start(ground, machines, other)?;
    }
    done(ground, machines, &json!({"do": "room_name", "name": ROOM, "order": 0}))?;
    let settings = Settings { isolation: policy(shape.policy), ..Settings::default() };
    done(ground, machines, &json!({"do": "settings_change", "settings": settings}))?;
    for kiosk in shape.kiosk_hosts() {
        let name = shape.name(kiosk);
        watch(Words::new(format!("{name} rejoint le site"), format!("{name} joins")));
        done(ground, machines, &json!({"do": "kiosk_name", "name": name, "room": ROOM}))?;
        let said = machine(machines, first)?.says(ground, &["token", "issue", "--kiosk", &name])?;
        let line = word(&said, |word| word.starts_with("poste-join1"))?;
        keys.lines.insert(kiosk, line.to_owned());
        keys.admit(ground, machine(machines, kiosk)?)?;
        start(ground, machines, kiosk)?;
    }
    watch(Words::new("attente d'une empreinte commune", "waiting for one fingerprint"));
    settle(ground, shape, machines)?;
    Ok(keys)
}

fn policy(policy: Policy) -> IsolationPolicy {
    match policy {
        Policy::Finish => IsolationPolicy::Finish,
        Policy::Codes => IsolationPolicy::AcceptKnown,
        Policy::Lock => IsolationPolicy::Lock,
    }
}

fn machine(machines: &Machines, host: HostId) -> Result<&Machine, NotRun> {
    machines.get(&host).ok_or_else(|| NotRun::Broken(format!("no machine {host:?}")))
}

/// Starts a machine's node and waits until it answers.
fn start(ground: &Ground, machines: &mut Machines, host: HostId) -> Result<(), NotRun> {
    if let Some(machine) = machines.get_mut(&host) {
        machine.start(ground)?;
    }
    let control = machine(machines, host)?.control(ground);
    until("a node to answer", || {
        if let Some(machine) = machines.get_mut(&host)
            && machine.fell()
        {
            return Err(broken(&machine.part.name.clone(), machine.news().join(" / ")));
        }
        Ok(control.status().is_some())
    })
}

/// A request that the first admin node must carry out.
fn done(ground: &Ground, machines: &Machines, request: &Value) -> Result<(), NotRun> {
    let answer = machine(machines, HostId(0))?.control(ground).ask(request);
    match answer {
        Some(answer) if answer == "done" => Ok(()),
        other => Err(NotRun::Broken(format!("{request}: {other:?}"))),
    }
}

/// Waits until all have joined, admin hosts see everybody and all say the same.
fn settle(ground: &Ground, shape: &Shape, machines: &Machines) -> Result<(), NotRun> {
    let others = machines.len() - 1;
    until("one fingerprint of all nodes", || {
        let mut prints = Vec::new();
        for (host, machine) in machines {
            let Some(status) = machine.control(ground).status() else {
                return Ok(false);
            };
            let sees_all = shape.is_kiosk(*host) || status.links.len() == others;
            let has_accounts = shape.is_kiosk(*host) || status.rows > Some(0);
            if !status.joined || !sees_all || !has_accounts {
                return Ok(false);
            }
            prints.push(status.fingerprint);
        }
        prints.dedup();
        Ok(prints.len() == 1)
    })
}

fn word(said: &str, is_it: impl Fn(&str) -> bool) -> Result<&str, NotRun> {
    let found = said.split_whitespace().find(|word| is_it(word));
    found.ok_or_else(|| NotRun::Broken(format!("not in {said:?}")))
}

/// Looks until it is so.
fn until(what: &str, mut probe: impl FnMut() -> Result<bool, NotRun>) -> Result<(), NotRun> {
    let deadline = Instant::now() + PATIENCE;
    while !probe()? {
        if Instant::now() > deadline {
            return Err(NotRun::Broken(format!("in vain: {what}")));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
