//! The console of a running admin node.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::faces::{
    Console, counts_down, open_for_sure, remaining_ms, request, request_id, screen,
};
use crate::site::{Site, kiosk_name};
use crate::waiting::until_true;

/// Connections that somebody opens at once.
const MANY: usize = 1_000;

/// Connections to each of the other listeners.
const FEWER: usize = 100;

#[test]
fn malformed_enormous_and_negative_requests_are_refused_and_change_nothing() {
    let site = Site::found(1, 1);
    let (admin, kiosk) = (&site.admins[0], &site.kiosks[0]);
    let code = admin.issue(60);
    site.agree();
    open_for_sure(kiosk, &code);
    let console = Console::sign_in(admin);
    let session = crate::waiting::until("the session on the floor", || console.running());
    let extend = format!("/api/v1/sessions/{session}/extend");
    let entries = || admin.status()["replication"]["written"].clone();
    let before = entries();

    let of_seconds = |seconds: Value| json!({"request": request_id(), "seconds": seconds});
    for (seconds, status) in [
        (json!(i64::MAX), 422),
        (json!(i64::MIN), 422),
        (json!(i32::MAX), 422),
        (json!(-1_000_000), 422),
        (json!(0), 422),
        (json!(1e300), 400),
        (json!(0.5), 400),
        (json!("900"), 400),
        (json!(null), 400),
        (json!([900]), 400),
    ] {
        let body = of_seconds(seconds).to_string();
        let reply = console.post(&extend, body.as_bytes()).unwrap();
        assert_eq!(reply.status, status, "{body}: {reply:?}");
        let said = reply.json();
        for language in ["message_fr", "message_en"] {
            assert!(said[language].is_string(), "{body}: {said}");
        }
    }
    let mut extra = of_seconds(json!(900));
    extra["remaining"] = json!(1);
    let beyond_the_number = b"{\"request\":\"00\",\"seconds\":99999999999999999999999}".to_vec();
    let deep = "[".repeat(60_000).into_bytes();
    let bodies = [b"".to_vec(), b"{".to_vec(), b"\xff\xfe".to_vec(), beyond_the_number, deep];
    for body in bodies.into_iter().chain([extra.to_string().into_bytes()]) {
        let reply = console.post(&extend, &body).unwrap();
        assert_eq!(reply.status, 400, "{reply:?}");
    }
    let huge = vec![b' '; 10 * 1024 * 1024];
    let reply = console.post(&extend, &huge).unwrap();
    assert_eq!((reply.status, reply.error().as_str()), (413, "too_large"));

    // Another site's page, and another name for this address.
    let body = of_seconds(json!(900)).to_string();
    for origin in ["http://evil.example", "null", "https://127.0.0.1:1"] {
        let reply = console.post_with(&extend, &[("Origin", origin)], body.as_bytes());
        assert_eq!(reply.unwrap().status, 403, "{origin}");
    }
    assert_eq!(console.post_with(&extend, &[], body.as_bytes()).unwrap().status, 403);
    let own = format!("http://{}", console.address);
    for host in ["evil.example", "127.0.0.1.evil.example", ""] {
        let headers = [("Host", host), ("Origin", own.as_str())];
        let reply = console.post_with(&extend, &headers, body.as_bytes());
        assert_eq!(reply.unwrap().status, 421, "{host}");
    }
    // At the kiosk's own page as well.
    for (headers, body, status) in [
        (vec![("Origin", "http://evil.example")], "{\"code\":\"x\"}".to_owned(), 403),
        (vec![("Host", "evil.example")], "{\"code\":\"x\"}".to_owned(), 403),
        (vec![], "{\"code\":\"x\"}".to_owned(), 403),
    ] {
        let reply = request(kiosk.page, "POST", "/open", &headers, body.as_bytes()).unwrap();
        assert_eq!(reply.status, status, "{headers:?}");
    }
    let own = format!("http://{}", kiosk.page);
    for (body, status) in [
        ("{\"code\":\"x\",\"minutes\":600}".to_owned(), 400),
        ("{\"code\":7}".to_owned(), 400),
        (" ".repeat(10 * 1024 * 1024), 413),
    ] {
        let reply = request(kiosk.page, "POST", "/open", &[("Origin", &own)], body.as_bytes());
        // The page does not wait for the end of what it will not read.
        if let Ok(reply) = reply {
            assert_eq!(reply.status, status);
        } else {
            assert_eq!(status, 413);
        }
    }

    assert_eq!(entries(), before, "something was written");
    assert!(remaining_ms(kiosk) <= 3_600_000);
    // And what is right is still done.
    let reply = console.post(&extend, of_seconds(json!(900)).to_string().as_bytes());
    assert_eq!(reply.unwrap().status, 200);
    until_true("the extension on the screen", || remaining_ms(kiosk) > 3_600_000);
    for member in site.members() {
        member.never_panicked();
    }
}

#[test]
fn a_thousand_connections_hold_nobody_up_for_good() {
    let files = getrlimit(Resource::Nofile);
    let more = Rlimit { current: files.maximum, maximum: files.maximum };
    setrlimit(Resource::Nofile, more).unwrap();
    let site = Site::found(1, 1);
    let (admin, kiosk) = (&site.admins[0], &site.kiosks[0]);
    let code = admin.issue(60);
    site.agree();
    open_for_sure(kiosk, &code);
    let console = Console::sign_in(admin);
    let mut early = TcpStream::connect(admin.page).unwrap();
    early.set_read_timeout(Some(Duration::from_secs(20))).unwrap();

    let others = [kiosk.page, admin.ops, kiosk.ops].repeat(FEWER);
    let crowd: Vec<TcpStream> = std::iter::repeat_n(admin.page, MANY)
        .chain(others)
        .filter_map(|address| TcpStream::connect(address).ok())
        .collect();
    assert!(crowd.len() > MANY);
    // Whoever was there before them is served, and the node goes on beneath.
    let asked = format!("GET /api/v1/here HTTP/1.1\r\nHost: {}\r\n\r\n", admin.page);
    early.write_all(asked.as_bytes()).unwrap();
    let mut start = [0; 12];
    early.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", admin.pid())).unwrap();
    let descriptors = descriptors.count();
    assert!(descriptors < MANY / 2, "{descriptors} descriptors");
    admin.issue(60);
    assert_eq!(admin.link_count(), 1);

    drop(crowd);
    until_true("a place at the console", || console.issue().is_ok_and(|r| r.status == 200));
    until_true("a place at the kiosk's page", || screen(kiosk).is_some());
    counts_down(kiosk, 1_000);
    site.agree();
    for member in site.members() {
        member.never_panicked();
    }
    assert_eq!(screen(kiosk).unwrap()["kiosk"], kiosk_name(0));
}
