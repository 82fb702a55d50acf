//! What the laboratory needs of this machine, and what it has no means for.

use std::path::Path;
use std::process::Command;

use crate::fault::Fault;
use crate::scenario::{Load, Scenario, Words};
use crate::target::NotRun;

use super::clock;

/// The target's name in reports.
pub(super) const NAME: &str = "lab";
/// Hosts of one site beyond which one machine stands for nothing any more.
pub const MOST_HOSTS: u16 = 60;

/// What a scenario asks for beyond processes and a bridge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Wants {
    clocks: bool,
    disks: bool,
    barriers: bool,
    relays: bool,
}

impl Wants {
    fn of(scenario: &Scenario) -> Self {
        let mut wants = Self::default();
        for step in &scenario.fault {
            wants.clocks |= is_of_clock(&step.fault);
            wants.disks |= is_of_disk(&step.fault);
            wants.barriers |= is_of_barrier(&step.fault);
            wants.relays |= matches!(step.fault, Fault::Degrade { .. });
        }
        wants.disks |= scenario.load.iter().any(|load| matches!(load, Load::RebootAbuse { .. }));
        wants
    }
}

/// Whether a fault wants its hosts to have wall clocks that can be wrong.
pub(super) fn is_of_clock(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::ClockJump { .. }
            | Fault::ClockLost { .. }
            | Fault::ClockStrobe { .. }
            | Fault::ClockDrift { .. }
    )
}

/// Whether a fault wants its hosts to have disks of their own.
pub(super) fn is_of_disk(fault: &Fault) -> bool {
    matches!(fault, Fault::PowerCut { .. } | Fault::TornTail { .. } | Fault::DiskFull { .. })
}

/// Whether a fault wants its hosts to have barriers that can be slow or fail.
pub(super) fn is_of_barrier(fault: &Fault) -> bool {
    matches!(fault, Fault::DiskSlow { .. } | Fault::DiskFails { .. })
}

/// Whether this machine can carry the scenario out.
///
/// # Errors
/// What is missing and how it is installed, or what the laboratory has no means for.
pub(super) fn check(scenario: &Scenario, has_other_release: bool) -> Result<(), NotRun> {
    let cannot =
        |fr: &str, en: &str| Err(NotRun::Cannot { target: NAME, what: Words::new(fr, en) });
    let hosts = scenario.site.admins + scenario.site.kiosks;
    if hosts > MOST_HOSTS {
        return cannot(
            &format!("{hosts} machines, une seule en porte {MOST_HOSTS} au plus"),
            &format!("{hosts} hosts are more than the {MOST_HOSTS} of one machine"),
        );
    }
    if scenario.site.history_days > 0 {
        return cannot(
            "des jours d'historique avant le début : le simulateur en a",
            "days of history before the run: the simulator has them",
        );
    }
    let site = &scenario.site;
    if site.checkpoint_after.is_some() || site.checkpoint_every_min.is_some() {
        return cannot(
            "un autre rythme des points de reprise : le simulateur l'a",
            "another pace of checkpoints: the simulator has it",
        );
    }
    if site.allowance_min.is_some() {
        return cannot(
            "un autre plafond pour un poste seul : le simulateur l'a",
            "another allowance for a kiosk that is alone: the simulator has it",
        );
    }
    let asks_for = |is_it: fn(&Fault) -> bool| scenario.fault.iter().any(|s| is_it(&s.fault));
    if asks_for(|fault| matches!(fault, Fault::Hostile { .. })) {
        return cannot(
            "un voleur veut un programme trafiqué : le simulateur en a un",
            "a thief needs a doctored program: the simulator has one",
        );
    }
    if asks_for(|fault| matches!(fault, Fault::Replace { .. })) {
        return cannot(
            "une machine qui prend la place d'une autre : le simulateur l'a",
            "a machine that takes another's place: the simulator has it",
        );
    }
    if asks_for(|fault| matches!(fault, Fault::OtherRelease { .. })) && !has_other_release {
        return cannot(
            "aucun programme d'une autre version n'est donné : --other-release FICHIER",
            "no program of another release was given: --other-release FILE",
        );
    }
    let missing = missing(Wants::of(scenario));
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    cannot(
        &format!("il manque à cette machine {missing} : lancez scripts/need.sh lab, en root"),
        &format!("this machine lacks {missing}: run scripts/need.sh lab, as root"),
    )
}

fn missing(wants: Wants) -> Vec<String> {
    let mut missing = Vec::new();
    let mut want = |wanted: bool, there: bool, what: &str| {
        if wanted && !there {
            missing.push(what.to_owned());
        }
    };
    want(true, rustix::process::geteuid().is_root(), "the right to make namespaces (root)");
    for command in ["unshare", "nsenter", "prlimit", "ip", "nft"] {
        want(true, has_command(command), command);
    }
    want(wants.clocks, clock::library().is_some(), "faketime");
    want(wants.barriers, has_command("cc"), "cc");
    for command in ["mkfs.ext4", "python3"] {
        want(wants.disks, has_command(command), command);
    }
    want(wants.disks, Path::new("/dev/loop-control").exists(), "loop devices");
    want(wants.relays, Path::new("/dev/net/tun").exists(), "/dev/net/tun");
    missing
}

fn has_command(name: &str) -> bool {
    let found =
        Command::new("sh").args(["-c", "command -v \"$1\" >/dev/null", "sh", name]).status();
    found.is_ok_and(|status| status.success())
}
