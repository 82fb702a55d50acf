//! A store with flipped bytes.

use std::fs;

use crate::faces::{Console, open_for_sure, remaining_ms};
use crate::member::Member;
use crate::site::{Site, files_below};
use crate::waiting::{until, until_true};

/// How much of a store is harmed.
#[derive(Debug, Clone, Copy)]
enum Harm {
    /// One byte in each of its files.
    Nick,
    /// A byte in each hundred, everywhere.
    Rot,
    /// All that it holds.
    Ruin,
}

const HARMS: [Harm; 3] = [Harm::Nick, Harm::Rot, Harm::Ruin];

#[test]
fn a_kiosk_whose_store_is_damaged_learns_again_from_the_others() {
    let mut site = Site::found(1, 1);
    let code = site.admins[0].issue(60);
    site.agree();
    open_for_sure(&site.kiosks[0], &code);
    let print = site.agree();
    for harm in HARMS {
        comes_back(&mut site.kiosks[0], harm);
        site.agree();
    }
    assert_ne!(site.agree(), print, "the restarts left no trace");
    // What the kiosk had opened is still its code's: nothing was given twice.
    let code = site.admins[0].issue(60);
    site.agree();
    until_true("the kiosk to be of use", || {
        let free = crate::faces::screen(&site.kiosks[0]);
        free.is_some_and(|screen| screen["state"] != "waiting")
    });
    if crate::faces::screen(&site.kiosks[0]).unwrap()["state"] == "locked" {
        open_for_sure(&site.kiosks[0], &code);
    }
    assert!(remaining_ms(&site.kiosks[0]) <= 3_600_000);
}

#[test]
fn an_admin_node_whose_store_is_damaged_learns_again_from_the_other() {
    let mut site = Site::found(2, 1);
    let issued = Console::sign_in(&site.admins[0]).issue().unwrap();
    assert_eq!(issued.status, 200);
    let session = issued.json()["issued"]["session"].as_str().unwrap().to_owned();
    site.agree();
    // The account must have reached the other before the only copy of it is harmed.
    Console::sign_in(&site.admins[1]);
    for harm in HARMS {
        comes_back(&mut site.admins[0], harm);
        site.agree();
        let console = Console::sign_in(&site.admins[0]);
        until_true("the code to be known", || console.knows(&session));
    }
}

/// Stops the node, harms its store and starts it again: it finds its store sound, if shorter, or
/// moves it aside under a dated name; what it lost it says.
#[track_caller]
fn comes_back(member: &mut Member, harm: Harm) {
    member.stop();
    let store = member.data_dir().join("store");
    for file in files_below(&store) {
        let mut bytes = fs::read(&file).unwrap();
        match harm {
            Harm::Nick => flip(&mut bytes, 1),
            Harm::Rot => {
                let count = bytes.len() / 100;
                flip(&mut bytes, count);
            }
            Harm::Ruin => bytes.iter_mut().for_each(|byte| *byte = !*byte),
        }
        fs::write(&file, bytes).unwrap();
    }
    let before = aside(member);
    member.forget_what_was_said();
    member.start();
    let after = aside(member);
    let loud = member.said_of("DAMAGED");
    let shortened = member.said_of("has lost its last batches");
    assert_eq!(after.len() - before.len(), loud.len(), "{after:?}");
    match harm {
        // Where a byte falls decides whether anything was lost.
        Harm::Nick => assert!(loud.len() + shortened.len() <= 1),
        // What comes before the first byte that rotted is sound.
        Harm::Rot => assert_eq!(loud.len() + shortened.len(), 1),
        Harm::Ruin => assert_eq!(loud.len(), 1),
    }
    for line in loud {
        assert!(line.contains("ERROR") && line.contains("store"), "{line}");
    }
    member.never_panicked();
}

fn flip(bytes: &mut [u8], count: usize) {
    if bytes.is_empty() {
        return;
    }
    for _ in 0..count {
        let at = rand::random_range(0..bytes.len());
        bytes[at] ^= 1 << rand::random_range(0..8);
    }
}

/// Stores that were moved aside.
fn aside(member: &Member) -> Vec<String> {
    let entries = fs::read_dir(member.data_dir()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let dated = |name: &String| {
        name.starts_with("store.") && name.bytes().filter(u8::is_ascii_digit).count() >= 8
    };
    names.filter(dated).collect()
}

#[test]
fn a_damaged_key_or_membership_is_refused_by_name() {
    let mut site = Site::prepare(1, 1);
    let kiosk = &mut site.kiosks[0];
    for name in ["node.key", "membership.json"] {
        let path = kiosk.data_dir().join(name);
        let right = fs::read(&path).unwrap();
        for wrong in [right[..right.len() / 2].to_vec(), vec![0xff; 100_000]] {
            fs::write(&path, wrong).unwrap();
            let output = kiosk.cli(["run"]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success(), "{said}");
            let line = until("a line for people", || {
                said.lines().find(|line| line.starts_with("poste: "))
            });
            assert!(line.contains(name), "{line}");
            assert!(!said.contains("panicked"), "{said}");
        }
        fs::write(&path, right).unwrap();
    }
    kiosk.start();
    site.settle();
}
