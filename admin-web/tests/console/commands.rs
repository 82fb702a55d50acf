//! Commands, well made and otherwise.

use admin_web::shapes::delivery::{DeliveryView, Stage};

use crate::browser::plain;

const REQUEST: &str = "0102030405060708090a0b0c0d0e0f10";

fn extend() -> String {
    format!("/api/v1/sessions/{}/extend", "05".repeat(16))
}

#[tokio::test]
async fn an_extension_is_accepted_with_its_delivery() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    let body = format!("{{\"request\":\"{REQUEST}\",\"seconds\":900}}");
    let reply = console.post(&extend(), &cookie, &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let json = reply.json();
    assert_eq!(json["request"], REQUEST);
    assert_eq!(json["deliveries"][0]["command"], "extend");
    assert_eq!(json["deliveries"][0]["seconds"], 900);
    assert_eq!(json["deliveries"][0]["stage"]["is"], "accepted");
    assert_eq!(console.desk.submitted.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_request_again_is_told_where_the_first_one_is() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    let body = format!("{{\"request\":\"{REQUEST}\",\"seconds\":900}}");
    let first = console.post(&extend(), &cookie, &body).await.json();
    let delivery = DeliveryView {
        request: REQUEST.parse().unwrap(),
        entry: first["deliveries"][0]["entry"].as_str().unwrap().to_owned(),
        command: "extend".to_owned(),
        seconds: Some(900),
        session: None,
        kiosk: None,
        at_ms: 1,
        stage: Stage::Replicated { n: 2, m: 3 },
    };
    console.desk.change(|view| view.deliveries.push(delivery));
    let again = console.post(&extend(), &cookie, &body).await.json();
    assert_eq!(again["deliveries"][0]["entry"], first["deliveries"][0]["entry"]);
    assert_eq!(again["deliveries"][0]["stage"]["is"], "replicated");
    assert_eq!(console.desk.submitted.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_enormous_or_negative_figure_is_refused_by_the_rules_with_a_code() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    for seconds in ["1000000", "-1000000", "0", "9223372036854775807", "-9223372036854775808"] {
        let body = format!("{{\"request\":\"{REQUEST}\",\"seconds\":{seconds}}}");
        let reply = console.post(&extend(), &cookie, &body).await;
        assert_eq!((reply.status, reply.error().as_str()), (422, "out_of_bounds"), "{seconds}");
        assert_eq!(reply.json()["request"], REQUEST);
        assert_eq!(reply.json()["message_fr"], "Valeur hors des limites permises.");
    }
    for (path, body) in [
        ("/api/v1/codes", "\"seconds\":-1"),
        ("/api/v1/codes", "\"seconds\":60,\"valid_s\":9223372036854775807"),
        ("/api/v1/codes/batch", "\"seconds\":60,\"count\":0"),
        ("/api/v1/codes/batch", "\"seconds\":60,\"count\":201"),
    ] {
        let body = format!("{{\"request\":\"{REQUEST}\",{body}}}");
        let reply = console.post(path, &cookie, &body).await;
        assert_eq!((reply.status, reply.error().as_str()), (422, "out_of_bounds"), "{body}");
    }
    assert!(console.desk.submitted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn malformed_bodies_are_refused_and_change_nothing() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        &format!("{{\"request\":\"{REQUEST}\",\"seconds\":\"900\"}}"),
        &format!("{{\"request\":\"{REQUEST}\",\"seconds\":1e30}}"),
        &format!("{{\"request\":\"{REQUEST}\",\"seconds\":1.5}}"),
        &format!("{{\"request\":\"{REQUEST}\",\"seconds\":900,\"by\":\"admin\"}}"),
        &format!("{{\"request\":\"{REQUEST}\",\"seconds\":900,\"seconds\":1}}"),
        "{\"request\":\"short\",\"seconds\":900}",
        "{\"request\":7,\"seconds\":900}",
        &format!("{{\"request\":\"{REQUEST}\",\"seconds\":900}} more"),
        &"[".repeat(10_000),
    ] {
        let reply = console.post(&extend(), &cookie, body).await;
        assert_eq!((reply.status, reply.error().as_str()), (400, "malformed"), "{body}");
    }
    let origin = console.origin();
    let headers =
        [("Cookie", cookie.as_str()), ("Origin", &origin), ("Content-Type", "text/plain")];
    let reply = console.ask("POST", &extend(), &headers, b"{}").await;
    assert_eq!((reply.status, reply.error().as_str()), (415, "not_json"));
    assert!(console.desk.submitted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_body_of_ten_megabytes_gets_a_clear_no() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    let body = format!("\"{}\"", "x".repeat(10 * 1024 * 1024));
    let reply = console.post(&extend(), &cookie, &body).await;
    assert_eq!((reply.status, reply.error().as_str()), (413, "too_large"));
    // The same without saying how long it is.
    let mut chunked = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\nCookie: {cookie}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        extend(),
        console.address,
        console.origin()
    );
    for _ in 0..100 {
        chunked.push_str(&format!("10000\r\n{}\r\n", "x".repeat(0x10000)));
    }
    chunked.push_str("0\r\n\r\n");
    let reply = crate::browser::exchange(console.address, chunked.as_bytes()).await;
    assert_eq!((reply.status, reply.error().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn codes_are_issued_one_by_one_and_as_a_sheet() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    let body = format!("{{\"request\":\"{REQUEST}\",\"seconds\":3600,\"label\":\"M. Payet\"}}");
    let one = console.post("/api/v1/codes", &cookie, &body).await;
    assert_eq!(one.json()["issued"]["code"], "K7QM-2XPD", "{one:?}");
    let body = format!("{{\"request\":\"{REQUEST}\",\"seconds\":3600,\"count\":200}}");
    let sheet = console.post("/api/v1/codes/batch", &cookie, &body).await;
    assert_eq!(sheet.json()["issued"].as_array().unwrap().len(), 200);
    let both = format!(
        "{{\"request\":\"{REQUEST}\",\"seconds\":60,\"kiosk\":\"{REQUEST}\",\"room\":\"{REQUEST}\"}}"
    );
    assert_eq!(console.post("/api/v1/codes", &cookie, &both).await.status, 400);
}

#[tokio::test]
async fn a_message_is_some_readable_text_and_not_too_much() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    let path = format!("/api/v1/kiosks/{}/message", "07".repeat(16));
    let long = "é".repeat(501);
    for text in ["", "   ", "\u{1b}[2J", "a\u{0}b", &long] {
        let body = serde_json::json!({ "request": REQUEST, "text": text }).to_string();
        let reply = console.post(&path, &cookie, &body).await;
        assert_eq!((reply.status, reply.error().as_str()), (422, "out_of_bounds"), "{text:?}");
    }
    let text = "é".repeat(500);
    let body = serde_json::json!({ "request": REQUEST, "text": text }).to_string();
    assert_eq!(console.post(&path, &cookie, &body).await.status, 200);
    assert_eq!(*console.desk.messages.lock().unwrap(), [text]);
}

#[tokio::test]
async fn sessions_are_listed_by_a_strict_query() {
    let console = plain().await;
    let cookie = console.login("lecture").await;
    let list = console.get("/api/v1/sessions?state=running&limit=10", &cookie).await;
    assert_eq!(list.json()["sessions"].as_array().unwrap().len(), 1, "{list:?}");
    let none = console.get("/api/v1/sessions?state=withdrawn", &cookie).await;
    assert!(none.json()["sessions"].as_array().unwrap().is_empty());
    for query in ["limit=0", "limit=501", "limit=x", "state=open", "foo=1", "limit=1&limit=2"] {
        let reply = console.get(&format!("/api/v1/sessions?{query}"), &cookie).await;
        assert_eq!(reply.status, 400, "{query}");
    }
    let one = console.get(&format!("/api/v1/sessions/{}", "05".repeat(16)), &cookie).await;
    assert_eq!(one.json()["session"]["remaining_ms"], 1_800_000);
    let missing = console.get(&format!("/api/v1/sessions/{}", "06".repeat(16)), &cookie).await;
    assert_eq!((missing.status, missing.error().as_str()), (404, "not_found"));
}
