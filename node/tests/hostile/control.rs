//! The control socket of a running node.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::json;

use crate::site::Site;

#[test]
fn hostile_lines_on_the_control_socket_change_nothing() {
    let site = Site::prepare(1, 0);
    let admin = &site.admins[0];
    let before = admin.fingerprint();
    let deep = "[".repeat(200_000);
    let wide = format!("{{\"do\":\"{}\"}}", "x".repeat(500_000));
    let zero = "0".repeat(64);
    let lines = [
        "",
        "{}",
        "status",
        "{\"do\":\"fly\"}",
        "{\"do\":\"status\",\"extra\":1}",
        "{\"do\":\"status\"}{\"do\":\"status\"}",
        &deep,
        &wide,
        "{\"do\":\"code_issue\",\"minutes\":-1,\"hours\":1,\"count\":1,\"place\":\"anywhere\"}",
        "{\"do\":\"code_issue\",\"minutes\":99999999999,\"hours\":1,\"count\":1,\"place\":\"anywhere\"}",
        "{\"do\":\"token_revoke\",\"token\":\"zz\"}",
        "\u{0}\u{1}\u{7f}",
    ];
    for line in lines {
        let answer = admin.ask_raw(format!("{line}\n").as_bytes()).unwrap();
        assert!(answer.starts_with("{\"malformed\""), "{answer}");
    }
    // Well formed, and beyond what the rules allow.
    let issue = |minutes: u32, hours: u32, count: u16, place| {
        json!({"do": "code_issue", "minutes": minutes, "hours": hours, "count": count,
            "place": place})
    };
    let anywhere = || json!("anywhere");
    for request in [
        issue(u32::MAX, 1, 1, anywhere()),
        issue(0, 1, 1, anywhere()),
        issue(60, u32::MAX, 1, anywhere()),
        issue(60, 1, u16::MAX, anywhere()),
        issue(60, 1, 0, anywhere()),
        issue(60, 1, 1, json!({"room": "nulle part"})),
        json!({"do": "token_issue", "place": {"kiosk": "personne"}, "hours": 1}),
        json!({"do": "token_issue", "place": "anywhere", "hours": 1}),
        json!({"do": "node_revoke", "node": zero}),
        json!({"do": "token_revoke", "token": zero}),
        json!({"do": "operator_add", "login": "x", "name": "X", "role": "admin", "password": "x"}),
        json!({"do": "operator_reset", "login": "personne", "password": "x"}),
        json!({"do": "room_name", "name": "x".repeat(10_000), "order": 0}),
        json!({"do": "kiosk_name", "name": "", "room": "Salle"}),
        json!({"do": "ledger_export", "file": "/proc/nowhere/ledger"}),
        json!({"do": "backup", "folder": "/proc/nowhere"}),
    ] {
        let answer = admin.ask(&request).unwrap();
        let refused = answer.get("refused").is_some() || answer.get("broken").is_some();
        assert!(refused, "{request}: {answer}");
    }

    // More silent and endless askers than there are places, who then leave.
    let mut idle: Vec<UnixStream> = (0..64)
        .map(|_| UnixStream::connect(admin.data_dir().join("control.sock")).unwrap())
        .collect();
    let endless = vec![b'x'; 64 * 1024];
    for stream in &mut idle[..4] {
        let patience = Duration::from_secs(5);
        stream.set_write_timeout(Some(patience)).unwrap();
        // It may hang up before it has taken all.
        while stream.write_all(&endless).is_ok() {}
    }
    drop(idle);
    assert_eq!(admin.fingerprint(), before);
    admin.never_panicked();
}
