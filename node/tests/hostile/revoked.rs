//! A revoked kiosk that goes on.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::faces::{Console, open, open_for_sure, remaining_ms};
use crate::site::Site;
use crate::waiting::{until, until_true};

/// Time in which the links of a revoked node end.
const CUT: Duration = Duration::from_secs(5);

#[test]
fn a_revoked_kiosk_is_cut_off_and_what_it_writes_changes_nothing() {
    let mut site = Site::found(2, 2);
    let mut codes: Vec<String> = (0..3).map(|_| site.admins[0].issue(60)).collect();
    site.agree();
    open_for_sure(&site.kiosks[0], &codes.remove(0));
    let console = Console::sign_in(&site.admins[0]);
    until("the session on the floor", || console.running());
    let (revoked, kept) = (site.kiosks[0].node(), site.kiosks[1].node());

    let said = site.admins[0].says(["node", "revoke", &revoked]);
    let start = Instant::now();
    assert_eq!(said.lines().count(), 1, "{said}");
    until_true("the revoked kiosk to be alone", || site.kiosks[0].link_count() == 0);
    let others = [&site.admins[0], &site.admins[1], &site.kiosks[1]];
    for other in others {
        until_true("its links to end", || !other.is_linked_to(&revoked));
    }
    assert!(start.elapsed() < CUT, "{:?}", start.elapsed());
    assert!(others.iter().all(|other| other.link_count() >= 2), "others were cut off too");

    // Both ends say so.
    let listed = site.admins[1].ask(&json!({"do": "node_list"})).unwrap();
    let nodes = listed["nodes"].as_array().unwrap();
    let of = |id: &str| nodes.iter().find(|node| node["node"] == id).unwrap();
    assert_eq!(of(&revoked)["revoked"], true);
    assert_eq!(of(&kept)["revoked"], false);
    let kiosk = &site.kiosks[0];
    until_true("the kiosk's log", || !kiosk.said_of("revoked").is_empty());
    until_true("the kiosk's status", || kiosk.says(["status"]).contains("revoked"));

    // It goes on: another code, a restart, again a code. The others hear nothing of it.
    let print = agree(&site);
    drop(open(&site.kiosks[0], &codes.remove(0)));
    site.kiosks[0].kill();
    site.kiosks[0].start();
    drop(open(&site.kiosks[0], &codes[0]));
    until_true("it to be turned away again", || {
        site.kiosks[0].says(["status"]).contains("revoked")
    });
    assert_eq!(site.kiosks[0].link_count(), 0);
    assert_eq!(agree(&site), print);

    // Its whole ledger, carried by hand to an admin node that has lost its own, changes nothing
    // either.
    let file = site.folder.path().join("revoked.ledger").display().to_string();
    site.kiosks[0].says(["ledger", "export", &file]);
    let heights = |status: &serde_json::Value| -> u64 {
        let reaches = status["frontier"].as_array().unwrap().iter();
        let own = reaches.filter(|reach| reach["node"] == revoked.as_str());
        own.map(|reach| reach["height"].as_u64().unwrap()).sum()
    };
    let written = heights(&site.kiosks[0].status());
    site.admins[1].stop();
    fs::remove_dir_all(site.admins[1].data_dir().join("store")).unwrap();
    site.admins[1].says(["ledger", "verify", &file]);
    site.admins[1].says(["ledger", "import", &file]);
    site.admins[1].start();
    assert_eq!(heights(&site.admins[1].status()), written, "nothing was imported");
    until_true("the links to stand", || site.admins[1].link_count() == 2);
    let after = agree(&site);
    let floor = Console::sign_in(&site.admins[1]).get("/api/v1/floor").unwrap().json();
    let running = floor["tiles"].as_array().unwrap().iter();
    let running = running.filter(|tile| tile["session"].is_object()).count();
    assert!(running <= 1, "what it opened after the cut counts: {floor}");
    assert_eq!(agree(&site), after);

    // A code that it took after the cut is free elsewhere.
    open_for_sure(&site.kiosks[1], &codes[0]);
    assert!(remaining_ms(&site.kiosks[1]) <= 3_600_000);
    for member in site.members() {
        member.never_panicked();
    }
}

/// The fingerprint of all but the revoked kiosk.
#[track_caller]
fn agree(site: &Site) -> String {
    until("one fingerprint", || {
        let others = site.admins.iter().chain(&site.kiosks[1..]);
        let mut prints: Vec<String> = others.map(|other| other.fingerprint()).collect();
        prints.dedup();
        match prints.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        }
    })
}
