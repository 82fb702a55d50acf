//! The main story on real processes, told over sockets as the faces do: a code opens
//! a kiosk, the admin node is killed, time goes on and is added from the other one,
//! the kiosk's program is killed and nobody notices, the admin node comes back and
//! every node shows the same truth.
//!
//! The demonstration is what runs, in a network namespace of its own where that can
//! be had, so that nothing of it leaves the test.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::process::Command;
use std::time::Duration;

mod story {
    pub(crate) mod demo;
    pub(crate) mod web;
}

use story::demo::{Demo, until, within};
use story::web;

const IN_NAMESPACE: &str = "POSTE_STORY_IN_NAMESPACE";

/// Runs the test of this name again in a namespace; `false` where it already does,
/// or cannot.
fn elsewhere(test: &str) -> bool {
    if std::env::var_os(IN_NAMESPACE).is_some() {
        return false;
    }
    let may = Command::new("unshare").args(["-n", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!("no network namespace without root: {test} runs on this machine's loopback");
        return false;
    }
    let status = Command::new("unshare")
        .args(["-n", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(IN_NAMESPACE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in its namespace");
    true
}

#[test]
fn session_outlives_admin_node_and_kiosk_program() {
    if elsewhere("session_outlives_admin_node_and_kiosk_program") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(folder.path(), 8700);
    let codes = demo.codes();
    assert_eq!(codes.len(), 3);

    // A wrong code is refused, the right one opens.
    let kiosk = "127.0.0.1:8712";
    let wrong = web::post(kiosk, "/open", "{\"code\":\"0000-0000\"}", "");
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    assert_eq!(wrong.json()["error"], "unknown_code");
    let open = format!("{{\"code\":\"{}\"}}", codes[0].to_lowercase());
    assert_eq!(web::post(kiosk, "/open", &open, "").status, 204);
    let mut page = web::Page::follow(kiosk);
    let screen = page.until(|screen| screen["state"] == "running");
    let before = screen["remaining_ms"].as_u64().unwrap();
    assert!((44 * 60_000..=45 * 60_000).contains(&before), "{before}");

    // The first admin node dies; time is added from the second, which knows its operators.
    let console = "127.0.0.2:8700";
    let (login, password) = demo.login();
    let body = format!("{{\"login\":\"{login}\",\"password\":\"{password}\"}}");
    demo.kill("admin-1");
    let signed_in = web::post(console, "/api/v1/login", &body, "");
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    let cookie = signed_in.cookie();
    let floor = web::get(console, "/api/v1/floor", &cookie).json();
    let tiles = floor["tiles"].as_array().unwrap();
    let tile = tiles.iter().find(|tile| tile["session"].is_object());
    let session = tile.unwrap()["session"]["id"].as_str().unwrap().to_owned();
    let extend = format!("/api/v1/sessions/{session}/extend");
    let body = "{\"request\":\"0123456789abcdef0123456789abcdef\",\"seconds\":900}";
    for _ in 0..2 {
        // The same request twice counts once.
        let extended = web::post(console, &extend, body, &cookie);
        assert_eq!(extended.status, 200, "{}", extended.body);
    }
    let screen = page.until(|screen| screen["remaining_ms"].as_u64() > Some(before + 60_000));
    let after = screen["remaining_ms"].as_u64().unwrap();
    assert!(after <= before + 900_000, "{after}");
    assert!(after > before + 900_000 - 60_000, "{after}");

    // The kiosk's program dies and comes back by itself: the session runs on.
    demo.kill("poste-1");
    demo.wait_for_restart("poste-1");
    demo.wait_until_up("poste-1");
    let mut page = web::Page::follow(kiosk);
    let screen = page.until(|screen| screen["state"] == "running");
    let resumed = screen["remaining_ms"].as_u64().unwrap();
    assert!(resumed <= after, "{resumed}");
    assert!(resumed > after - 60_000, "{resumed}");

    // The admin node comes back, and all say the same.
    demo.press_enter();
    demo.wait_until_up("admin-1");
    let names = ["admin-1", "admin-2", "poste-1", "poste-2", "poste-3"];
    let agreed = until("all fingerprints are equal", || {
        let prints: Vec<_> = names.iter().map(|name| demo.fingerprint(name)).collect();
        let first = prints[0].clone()?;
        let equal = prints.iter().all(|print| print.as_ref() == Some(&first));
        equal.then_some(first)
    });
    assert_eq!(agreed.len(), 64);

    // The ledger as a file holds up on its own.
    let file = folder.path().join("export.ledger");
    demo.poste("admin-1", &["ledger", "export", file.to_str().unwrap()]).unwrap();
    let verdict = demo.poste("admin-1", &["ledger", "verify", file.to_str().unwrap()]);
    assert!(verdict.unwrap().contains("Médiathèque des Filaos"));

    let pids = demo.pids();
    demo.interrupt();
    until("every process has ended", || pids.iter().all(|pid| !is_running(*pid)).then_some(()));
}

#[test]
fn second_start_goes_on_and_nothing_outlives_a_killed_parent() {
    if elsewhere("second_start_goes_on_and_nothing_outlives_a_killed_parent") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(folder.path(), 8760);
    let kiosk = "127.0.0.1:8773";
    let open = format!("{{\"code\":\"{}\"}}", demo.codes()[0]);
    assert_eq!(web::post(kiosk, "/open", &open, "").status, 204);
    let site = demo.status("admin-1").unwrap()["site"].clone();
    demo.interrupt();

    // The same boot: the session goes on by itself.
    let mut demo = Demo::start(folder.path(), 8760);
    assert_eq!(demo.status("admin-2").unwrap()["site"], site);
    let screen = web::Page::follow(kiosk).until(|screen| screen["state"] == "running");
    assert!(screen["remaining_ms"].as_u64().unwrap() > 40 * 60_000);

    // Two demonstrations do not share a folder.
    let second = Demo::command(folder.path(), 8820).output().unwrap();
    assert!(!second.status.success());

    let pids = demo.pids();
    assert_eq!(pids.len(), 5);
    demo.kill_parent();
    until("every process has ended", || pids.iter().all(|pid| !is_running(*pid)).then_some(()));
}

#[test]
fn revoked_admin_node_is_dropped_and_what_it_writes_then_is_known_nowhere() {
    if elsewhere("revoked_admin_node_is_dropped_and_what_it_writes_then_is_known_nowhere") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), 8880);
    let (key, passphrase) = demo.site_key();
    let revoke = |name: &str| {
        let (key, passphrase) = (key.to_str().unwrap(), passphrase.to_str().unwrap());
        let node = demo.node(name);
        let with_key = ["--site-key", key, "--passphrase-file", passphrase];
        let arguments = [&["revoke-admin", &node], &with_key[..]].concat();
        demo.poste("admin-1", &arguments)
    };
    assert!(revoke("admin-1").unwrap_err().contains("itself"));
    assert!(revoke("poste-1").unwrap_err().contains("a kiosk's"));

    // All are linked to it, and then nobody is.
    let lost = demo.node("admin-2");
    let others = ["admin-1", "poste-1", "poste-2", "poste-3"];
    let linked = |name: &str| {
        let status = demo.status(name)?;
        let links = status["links"].as_array()?;
        Some(links.iter().any(|link| link["node"] == lost.as_str()))
    };
    until("all have found the node that is to go", || {
        others.iter().all(|name| linked(name) == Some(true)).then_some(())
    });
    let before = demo.poste("admin-2", &["code", "issue"]).unwrap();
    let agree = |names: &[&str]| {
        until("all show the same truth", || {
            let prints: Option<Vec<_>> = names.iter().map(|name| demo.fingerprint(name)).collect();
            let prints = prints?;
            prints.iter().all(|print| *print == prints[0]).then_some(())
        });
    };
    agree(&["admin-2", "admin-1", "poste-1", "poste-2", "poste-3"]);
    revoke("admin-2").unwrap();
    within(Duration::from_secs(5), "the revoked node is dropped", || {
        others.iter().all(|name| linked(name) == Some(false)).then_some(())
    });
    assert!(revoke("admin-2").unwrap().contains("already"));

    // It goes on by itself. What another node writes later arrives; its code does not.
    let after = demo.poste("admin-2", &["code", "issue"]).unwrap();
    let later = demo.poste("admin-1", &["code", "issue"]).unwrap();
    let open = |kiosk: &str, code: &str| {
        let body = format!("{{\"code\":\"{}\"}}", code.trim());
        web::post(kiosk, "/open", &body, "")
    };
    agree(&others);
    assert_eq!(open("127.0.0.1:8892", &later).status, 204);
    let unknown = open("127.0.0.1:8893", &after);
    assert_eq!(unknown.status, 422, "{}", unknown.body);
    assert_eq!(unknown.json()["error"], "unknown_code");
    // What it wrote before the cut stands.
    assert_eq!(open("127.0.0.1:8894", &before).status, 204);
    assert_eq!(linked("admin-1"), Some(false));
}

/// Whether the process runs: a zombie does not.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
    !state.is_empty() && !state.starts_with('Z')
}
