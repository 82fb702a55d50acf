//! Codes that open nothing.

use serde_json::{Value, json};

use crate::faces::{Console, Reply, open, open_for_sure, request_id, screen};
use crate::site::Site;
use crate::waiting::until_true;

/// Wrong codes before a kiosk makes people wait.
const FREE_TRIES: usize = 5;

#[test]
fn codes_that_open_nothing_are_refused_by_name_and_too_many_slow_one_kiosk_alone() {
    let site = Site::found(1, 2);
    let console = Console::sign_in(&site.admins[0]);
    let withdrawn = issue(&console);
    let path = format!("/api/v1/codes/{}/withdraw", withdrawn.session);
    done(&console, &path, json!({}));
    let used_up = issue(&console);
    let path = format!("/api/v1/sessions/{}/extend", used_up.session);
    done(&console, &path, json!({"seconds": -3600}));
    let right = issue(&console);
    site.agree();
    let [slow, quick] = site.kiosks.as_slice() else {
        panic!("two kiosks");
    };

    for (code, word) in [
        (withdrawn.code.as_str(), "code_withdrawn"),
        (used_up.code.as_str(), "used_up"),
        ("0000-0000", "unknown_code"),
        ("?", "unknown_code"),
        ("", "unknown_code"),
    ] {
        let reply = open(quick, code).unwrap();
        assert_eq!((reply.status, reply.error().as_str()), (422, word), "{code}");
    }
    for _ in 0..FREE_TRIES {
        let reply = open(slow, "0000-0000").unwrap();
        assert_eq!(reply.error(), "unknown_code", "{reply:?}");
    }
    // From here on each try costs more than the one before.
    let wait = |reply: Reply| {
        assert_eq!((reply.status, reply.error().as_str()), (429, "throttled"));
        reply.json()["seconds"].as_u64().unwrap()
    };
    let first = wait(open(slow, &right.code).unwrap());
    until_true("the wait to end", || screen(slow).is_some_and(|screen| screen["wait_ms"] == 0));
    assert_eq!(open(slow, "0000-0000").unwrap().error(), "unknown_code");
    let second = wait(open(slow, &right.code).unwrap());
    assert!(second > first, "{first} s, then {second} s");

    // Nobody else waits: neither at the next kiosk nor at the desk.
    open_for_sure(quick, &right.code);
    assert_eq!(console.issue().unwrap().status, 200);
}

struct Issued {
    session: String,
    code: String,
}

#[track_caller]
fn issue(console: &Console) -> Issued {
    let reply = console.issue().unwrap();
    let issued = &reply.json()["issued"];
    let text = |name: &str| issued[name].as_str().unwrap().to_owned();
    Issued { session: text("session"), code: text("code") }
}

#[track_caller]
fn done(console: &Console, path: &str, mut body: Value) {
    body["request"] = json!(request_id());
    let reply = console.post(path, body.to_string().as_bytes()).unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
}
