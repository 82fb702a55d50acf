//! Nodes that do not belong: by a token that lets nobody in, or of another site.

use serde_json::json;

use crate::clocks::believing;
use crate::member::Member;
use crate::site::{Site, kiosk_name};
use crate::waiting::until_true;

#[test]
fn a_revoked_token_lets_nobody_in_and_both_ends_say_why() {
    let mut site = Site::plan(1, 2);
    site.begin();
    let line = site.join_line(&kiosk_name(0));
    let listed = site.admins[0].ask(&json!({"do": "token_list"})).unwrap();
    let token = listed["tokens"][0]["token"].as_str().unwrap().to_owned();
    site.admins[0].says(["token", "revoke", &token]);
    // Whether there ever was such a token is nobody's business outside.
    lets_nobody_in(site, &line, "no such join token");
}

#[test]
fn an_expired_token_lets_nobody_in_and_both_ends_say_why() {
    let Some(later) = believing("+2h") else {
        return;
    };
    let mut site = Site::plan(1, 2);
    site.begin();
    let kiosk = kiosk_name(0);
    let said = site.admins[0].says(["token", "issue", "--kiosk", &kiosk, "--hours", "1"]);
    let line = said.split_whitespace().find(|word| word.starts_with("poste-join1"));
    site.admins[0].stop();
    site.admins[0].start_with(&later);
    lets_nobody_in(site, line.unwrap(), "expired");
}

/// The first kiosk joins by this line and stays outside; the second, by a right one, gets in.
#[track_caller]
fn lets_nobody_in(mut site: Site, line: &str, reason: &str) {
    let good = site.join_line(&kiosk_name(1));
    let nodes = || site.admins[0].ask(&json!({"do": "node_list"})).unwrap();
    let before = nodes();
    let [outsider, insider] = site.kiosks.as_mut_slice() else {
        panic!("two kiosks");
    };
    outsider.says(["join", line]);
    outsider.start();
    is_turned_away(outsider, "not-member");
    // Who refused it knows which of the reasons it was.
    let refused = || site.admins[0].said_of("link refused");
    until_true("the admin node's reason", || !refused().is_empty());
    assert!(refused()[0].contains(reason), "{:?}", refused());
    assert_eq!(nodes(), before);

    // The door is not stuck, and whoever is outside goes on asking and stays outside.
    insider.says(["join", &good]);
    insider.start();
    until_true("the right one to join", || insider.status()["joined"] == true);
    assert!(outsider.is_running());
    assert_eq!(outsider.status()["joined"], false);
    assert_eq!(site.admins[0].link_count(), 1);
    assert_eq!(refused().len(), 1, "not once: {:?}", refused());
    for member in site.members() {
        member.never_panicked();
    }
}

#[test]
fn a_node_of_another_site_learns_nothing_and_teaches_nothing() {
    let here = Site::found(1, 1);
    let mut there = Site::found(1, 1);
    let prints = [here.agree(), there.agree()];
    let doors = [here.admins[0].links, here.kiosks[0].links];
    for stranger in there.admins.iter_mut().chain(&mut there.kiosks) {
        stranger.stop();
        stranger.configure(&doors);
    }
    let own = there.admins[0].links;
    there.kiosks[0].configure(&[doors[0], doors[1], own]);
    there.admins[0].start();
    there.kiosks[0].start();
    for stranger in there.members() {
        is_turned_away(stranger, "other-site");
    }
    there.settle();
    assert_eq!(here.agree(), prints[0]);
    assert_ne!(there.agree(), prints[0]);
    assert_ne!(there.agree(), prints[1], "the restarts left no trace");
    let of = |site: &Site| {
        let status = site.admins[0].status();
        let reaches = status["frontier"].as_array().unwrap().clone();
        let epochs = reaches.iter().map(|reach| reach["epoch"].to_string());
        epochs.collect::<std::collections::BTreeSet<_>>()
    };
    assert!(of(&here).is_disjoint(&of(&there)));
    for (site, links) in [(&here, 1), (&there, 1)] {
        for member in site.members() {
            assert_eq!(member.link_count(), links, "{}", member.name);
            member.never_panicked();
        }
    }
}

/// The kiosk says that it was turned away, and by which reason: once in its log, and in its status
/// for as long as it lasts.
#[track_caller]
fn is_turned_away(member: &Member, reason: &str) {
    until_true("the status to say why", || member.says(["status"]).contains(reason));
    let lines = member.said_of("no link there");
    let doors: std::collections::BTreeSet<&str> =
        lines.iter().filter_map(|line| line.split("address=").nth(1)?.split(' ').next()).collect();
    assert_eq!(lines.len(), doors.len(), "not once for each address: {lines:?}");
    assert!(lines.iter().any(|line| line.contains(reason)), "{lines:?}");
}
