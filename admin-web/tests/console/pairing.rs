//! Machines that wait, and who may decide of them.

use actors::pairing::waiting::Waiting;
use actors::pairing::words::Request;
use domain::command::Command;
use domain::id::{KioskId, NodeId};

use crate::browser::plain;
use crate::desk::{KIOSK, NOW_MS};

const NODE: [u8; 32] = [6; 32];
const OWN: [u8; 16] = [3; 16];

fn waiting() -> Waiting {
    Waiting {
        node: NodeId(NODE),
        digits: "042137".parse().unwrap(),
        request: Request { kiosk: KioskId(OWN), machine: [3; 32], release: [0, 1, 0] },
        since_ms: NOW_MS,
    }
}

fn path(what: &str) -> String {
    format!("/api/v1/pairings/{}/{what}", "06".repeat(32))
}

fn confirm(digits: &str, request: u8, kiosk: Option<[u8; 16]>) -> String {
    let hex = |bytes: [u8; 16]| data_encoding::HEXLOWER.encode(&bytes);
    let mut body = serde_json::json!({ "request": hex([request; 16]), "digits": digits });
    if let Some(kiosk) = kiosk {
        body["kiosk"] = hex(kiosk).into();
    }
    body.to_string()
}

#[tokio::test]
async fn an_administrator_sees_the_digits_and_confirms_a_machine_for_a_kiosk() {
    let console = plain().await;
    console.desk.pairings.lock().unwrap().push(waiting());
    let cookie = console.login("admin").await;
    let list = console.get("/api/v1/pairings", &cookie).await.json();
    assert_eq!(list["pairings"][0]["node"], "06".repeat(32));
    assert_eq!(list["pairings"][0]["digits"], "042137");
    assert_eq!(list["pairings"][0]["kiosk"], "03".repeat(16));
    assert_eq!(list["pairings"][0]["release"], "0.1.0");

    let body = confirm("042137", 1, Some(KIOSK));
    let reply = console.post(&path("confirm"), &cookie, &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json()["deliveries"][0]["command"], "pair_node");
    let submitted = console.desk.submitted.lock().unwrap().clone();
    let (by, command) = submitted.last().unwrap();
    assert_eq!(by.role, domain::operator::OperatorRole::Admin);
    let (node, kiosk) = (NodeId(NODE), KioskId(KIOSK));
    assert_eq!(*command, Command::PairNode { node, kiosk });
    let list = console.get("/api/v1/pairings", &cookie).await.json();
    assert_eq!(list["pairings"], serde_json::json!([]));
}

#[tokio::test]
async fn other_digits_confirm_nothing_and_what_are_no_digits_is_not_read() {
    let console = plain().await;
    console.desk.pairings.lock().unwrap().push(waiting());
    let cookie = console.login("admin").await;
    let body = confirm("042138", 1, None);
    let reply = console.post(&path("confirm"), &cookie, &body).await;
    assert_eq!((reply.status, reply.error()), (422, "unknown_node".into()));
    for digits in ["", "42137", "abcdef", &"1".repeat(1000)] {
        let body = confirm(digits, 1, None);
        let reply = console.post(&path("confirm"), &cookie, &body).await;
        assert_eq!(reply.status, 400, "{reply:?}");
    }
    assert_eq!(console.desk.pairings.lock().unwrap().len(), 1);
    assert!(console.desk.submitted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_machine_is_off_the_list() {
    let console = plain().await;
    console.desk.pairings.lock().unwrap().push(waiting());
    let cookie = console.login("admin").await;
    let body = r#"{"digits":"042137"}"#;
    let reply = console.post(&path("refuse"), &cookie, body).await;
    assert_eq!(reply.json()["pairings"], serde_json::json!([]));
    let again = console.post(&path("refuse"), &cookie, body).await;
    assert_eq!(again.error(), "unknown_node");
}

#[tokio::test]
async fn nobody_but_an_administrator_sees_or_decides() {
    let console = plain().await;
    console.desk.pairings.lock().unwrap().push(waiting());
    for login in ["lecture", "animateur"] {
        let cookie = console.login(login).await;
        assert_eq!(console.get("/api/v1/pairings", &cookie).await.status, 403);
        let body = confirm("042137", 1, None);
        let confirmed = console.post(&path("confirm"), &cookie, &body).await;
        let body = r#"{"digits":"042137"}"#;
        let refused = console.post(&path("refuse"), &cookie, body).await;
        assert_eq!((confirmed.status, refused.status), (403, 403));
    }
    assert_eq!(console.desk.pairings.lock().unwrap().len(), 1);
}
