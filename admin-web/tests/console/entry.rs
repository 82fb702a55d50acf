//! Who is let in.

use std::sync::atomic::Ordering;

use data_encoding::BASE64URL_NOPAD;
use domain::operator::OperatorRole;

use crate::browser::{Running, config, plain, run};
use crate::desk::{MemoryDesk, NOW_MS, PASSWORD};

#[tokio::test]
async fn signing_in_sets_a_cookie_that_opens_the_floor_and_signing_out_ends_it() {
    let console = plain().await;
    let reply = console.try_login("admin", PASSWORD).await;
    assert_eq!(reply.status, 200);
    let set = reply.header("set-cookie").unwrap();
    assert!(set.starts_with("poste-login="), "{set}");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    assert_eq!(reply.json()["operator"]["role"], "admin");
    let cookie = reply.cookie();

    let floor = console.get("/api/v1/floor", &cookie).await;
    assert_eq!(floor.status, 200);
    assert!(floor.json()["as_of_ms"].as_i64().unwrap() >= NOW_MS);
    assert_eq!(floor.json()["operator"]["name"], "Ary");

    let out = console.post("/api/v1/logout", &cookie, "").await;
    assert_eq!(out.status, 200);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    let after = console.get("/api/v1/floor", &cookie).await;
    assert_eq!((after.status, after.error().as_str()), (401, "not_signed_in"));
}

#[tokio::test]
async fn without_a_cookie_or_with_a_made_up_one_nothing_is_shown() {
    let console = plain().await;
    let made_up = format!("poste-login={}", BASE64URL_NOPAD.encode(&[0; 32]));
    for cookie in ["", "poste-login=", "poste-login=zzz", &made_up] {
        for path in ["/api/v1/floor", "/api/v1/nodes", "/api/v1/sessions", "/api/v1/login"] {
            let reply = console.get(path, cookie).await;
            assert_eq!(reply.status, 401, "{path} {cookie}");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_login_read_alike_and_are_throttled() {
    let console = plain().await;
    let wrong = console.try_login("admin", "faux").await;
    let unknown = console.try_login("personne", "faux").await;
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.json()["message_fr"], unknown.json()["message_fr"]);

    for _ in 0..2 {
        assert_eq!(console.try_login("admin", "faux").await.status, 401);
    }
    let throttled = console.try_login("admin", PASSWORD).await;
    assert_eq!((throttled.status, throttled.error().as_str()), (429, "too_many_tries"));
    assert!(throttled.header("retry-after").is_some());
    // Another login is not slowed by it.
    console.login("animateur").await;
}

#[tokio::test]
async fn another_sites_page_can_do_nothing() {
    let console = plain().await;
    let cookie = console.login("admin").await;
    let path = format!("/api/v1/sessions/{}/pause", "05".repeat(16));
    let body = format!("{{\"request\":\"{}\"}}", "01".repeat(16));
    for origin in ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"] {
        let headers = [("Cookie", cookie.as_str()), ("Origin", origin)];
        let reply = console.ask("POST", &path, &headers, body.as_bytes()).await;
        assert_eq!((reply.status, reply.error().as_str()), (403, "foreign_origin"), "{origin}");
        let login = console.ask("POST", "/api/v1/login", &headers, b"{}").await;
        assert_eq!(login.status, 403, "{origin}");
        assert_eq!(console.live(&headers).await.err().unwrap().status, 403, "{origin}");
    }
    // A cookie without any Origin is no proof of the page either.
    let bare = console.ask("POST", &path, &[("Cookie", &cookie)], body.as_bytes()).await;
    assert_eq!(bare.status, 403);
    assert!(console.live(&[("Cookie", &cookie)]).await.is_err());
    assert!(console.desk.submitted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_foreign_name_that_points_here_gets_nothing() {
    let console = plain().await;
    let cookie = console.login("admin").await;
    for host in ["evil.example", "127.0.0.1.evil.example", "", "a b"] {
        let headers = [("Host", host), ("Cookie", cookie.as_str())];
        for path in ["/api/v1/floor", "/api/v1/here", "/"] {
            let reply = console.ask("GET", path, &headers, b"").await;
            assert_eq!(reply.status, 421, "{host} {path}");
        }
    }
    let local = console.ask("GET", "/", &[("Host", "localhost:1")], b"").await;
    assert_eq!(local.status, 200);
}

#[tokio::test]
async fn roles_bound_what_may_be_done() {
    let console = plain().await;
    let viewer = console.login("lecture").await;
    let host = console.login("animateur").await;
    let pause = format!("/api/v1/sessions/{}/pause", "05".repeat(16));
    let plain_body = format!("{{\"request\":\"{}\"}}", "01".repeat(16));
    let name = format!("/api/v1/kiosks/{}/name", "07".repeat(16));
    let name_body =
        format!("{{\"request\":\"{0}\",\"name\":\"P\",\"room\":\"{0}\"}}", "01".repeat(16));
    assert_eq!(console.get("/api/v1/floor", &viewer).await.status, 200);
    let refused = console.post(&pause, &viewer, &plain_body).await;
    assert_eq!((refused.status, refused.error().as_str()), (403, "not_allowed"));
    assert_eq!(console.post(&pause, &host, &plain_body).await.status, 200);
    assert_eq!(console.post(&name, &host, &name_body).await.status, 403);
    let by = console.desk.submitted.lock().unwrap()[0].0;
    assert_eq!(by.role, OperatorRole::Host);
}

async fn token(console: &Running, cookie: &str, role: &str) -> String {
    let body = format!("{{\"role\":\"{role}\",\"valid_s\":3600}}");
    let reply = console.post("/api/v1/tokens", cookie, &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["token"].as_str().unwrap().to_owned()
}

async fn with_token(console: &Running, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    console.ask("GET", "/api/v1/floor", &[("Authorization", &bearer)], b"").await.status
}

#[tokio::test]
async fn a_bearer_token_opens_every_admin_node_until_it_ends() {
    let (a, b) = (MemoryDesk::new(1), MemoryDesk::new(2));
    let here = run(config(true), a.clone()).await;
    let there = run(config(true), b.clone()).await;
    let cookie = here.login("admin").await;
    let token = token(&here, &cookie, "host").await;
    assert_eq!(with_token(&here, &token).await, 200);
    assert_eq!(with_token(&there, &token).await, 401, "its node is not admitted there");
    let node = a.admins.lock().unwrap()[0];
    b.admins.lock().unwrap().push(node);
    assert_eq!(with_token(&there, &token).await, 200);

    // It does what its role allows, and begets neither tokens nor tickets.
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    let pause = format!("/api/v1/sessions/{}/pause", "05".repeat(16));
    let body = format!("{{\"request\":\"{}\"}}", "01".repeat(16));
    assert_eq!(there.ask("POST", &pause, &headers, body.as_bytes()).await.status, 200);
    assert_eq!(there.ask("POST", "/api/v1/login/ticket", &headers, b"").await.status, 403);
    let more = br#"{"role":"viewer","valid_s":3600}"#;
    assert_eq!(there.ask("POST", "/api/v1/tokens", &headers, more).await.status, 403);

    b.now_ms.store(NOW_MS + 3_600_001, Ordering::Relaxed);
    assert_eq!(with_token(&there, &token).await, 401, "it ended");
    b.now_ms.store(NOW_MS, Ordering::Relaxed);
    b.accounts.lock().unwrap().get_mut("admin").unwrap().password_changed_ms = NOW_MS + 1;
    assert_eq!(with_token(&there, &token).await, 401, "the password was changed since");
    b.accounts.lock().unwrap().remove("admin");
    assert_eq!(with_token(&there, &token).await, 401, "the account is gone");
}

#[tokio::test]
async fn forged_and_mistreated_tokens_open_nothing() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    let token = token(&console, &cookie, "viewer").await;
    let parts: Vec<&str> = token.split('.').collect();
    let claims = BASE64URL_NOPAD.decode(parts[1].as_bytes()).unwrap();
    let raised = String::from_utf8(claims).unwrap().replace("viewer", "admin");
    let raised = BASE64URL_NOPAD.encode(raised.as_bytes());
    let mut flipped = BASE64URL_NOPAD.decode(parts[2].as_bytes()).unwrap();
    flipped[0] ^= 1;
    let ticket = console.post("/api/v1/login/ticket", &cookie, "").await;
    for forged in [
        format!("poste1.{raised}.{}", parts[2]),
        format!("poste1.{}.{}", parts[1], BASE64URL_NOPAD.encode(&flipped)),
        format!("poste2.{}.{}", parts[1], parts[2]),
        format!("poste1.{}", parts[1]),
        format!("{token}.{token}"),
        "x".repeat(5000),
        ticket.json()["ticket"].as_str().unwrap().to_owned(),
        String::new(),
    ] {
        assert_eq!(with_token(&console, &forged).await, 401, "{forged}");
    }
    // A host cannot make an administrator's token.
    let more = console.post("/api/v1/tokens", &cookie, r#"{"role":"admin","valid_s":60}"#).await;
    assert_eq!(more.status, 403);
}

#[tokio::test]
async fn a_ticket_carries_a_login_to_the_other_admin_node_once() {
    let (a, b) = (MemoryDesk::new(1), MemoryDesk::new(2));
    let node = a.admins.lock().unwrap()[0];
    b.admins.lock().unwrap().push(node);
    let here = run(config(true), a.clone()).await;
    let there = run(config(true), b.clone()).await;
    let cookie = here.login("animateur").await;
    let reply = here.post("/api/v1/login/ticket", &cookie, "").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let body = format!("{{\"ticket\":{}}}", reply.json()["ticket"]);

    let own = here.post("/api/v1/login/resume", "", &body).await;
    assert_eq!((own.status, own.error().as_str()), (401, "wrong_ticket"), "for others only");
    let foreign = [("Origin", "http://evil.example")];
    let foreign = there.ask("POST", "/api/v1/login/resume", &foreign, body.as_bytes()).await;
    assert_eq!(foreign.status, 403);

    let resumed = there.post("/api/v1/login/resume", "", &body).await;
    assert_eq!(resumed.status, 200, "{resumed:?}");
    assert_eq!(resumed.json()["operator"]["role"], "host");
    assert_eq!(there.get("/api/v1/floor", &resumed.cookie()).await.status, 200);
    let again = there.post("/api/v1/login/resume", "", &body).await;
    assert_eq!((again.status, again.error().as_str()), (401, "wrong_ticket"), "used");

    let late = here.post("/api/v1/login/ticket", &cookie, "").await;
    let late = format!("{{\"ticket\":{}}}", late.json()["ticket"]);
    b.now_ms.store(NOW_MS + 11 * 60 * 1000, Ordering::Relaxed);
    assert_eq!(there.post("/api/v1/login/resume", "", &late).await.status, 401, "over");
    let bearer_as_ticket = token(&here, &cookie, "host").await;
    let body = format!("{{\"ticket\":\"{bearer_as_ticket}\"}}");
    assert_eq!(there.post("/api/v1/login/resume", "", &body).await.status, 401);
}

#[tokio::test]
async fn anyone_may_see_that_the_node_lives_and_only_sister_pages_may_read_it() {
    let console = plain().await;
    let bare = console.ask("GET", "/api/v1/here", &[], b"").await;
    assert_eq!(bare.json()["site_name"], "Médiathèque");
    assert_eq!(bare.json()["signed_in"], false);
    assert_eq!(bare.header("access-control-allow-origin"), None);
    let sister = [("Origin", "https://127.0.0.2:8443")];
    let sister = console.ask("GET", "/api/v1/here", &sister, b"").await;
    assert_eq!(sister.header("access-control-allow-origin"), Some("https://127.0.0.2:8443"));
    let stranger = [("Origin", "https://evil.example")];
    let stranger = console.ask("GET", "/api/v1/here", &stranger, b"").await;
    assert_eq!(stranger.header("access-control-allow-origin"), None);
    let cookie = console.login("admin").await;
    assert_eq!(console.get("/api/v1/here", &cookie).await.json()["signed_in"], true);
}
