//! The live stream.

use domain::operator::OperatorRole;

use crate::browser::{Frame, config, plain, run};
use crate::desk::{KIOSK, MemoryDesk, NOW_MS, session, tile};

#[tokio::test]
async fn a_stream_begins_with_everything_and_goes_on_with_what_changed() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    let mut stream = console.live_as(&cookie).await;
    let snapshot = stream.message("snapshot").await;
    assert_eq!(snapshot["tiles"].as_array().unwrap().len(), 1);
    assert_eq!(snapshot["operator"]["role"], "host");

    console.desk.change(|view| view.tiles.push(tile("Poste 2", [8; 16], None)));
    let update = stream.message("update").await;
    assert_eq!(update["tiles"].as_array().unwrap().len(), 1, "only what changed: {update}");
    assert_eq!(update["tiles"][0]["name"], "Poste 2");

    console.desk.change(|view| view.tiles.retain(|tile| tile.kiosk.0 != KIOSK));
    let update = stream.message("update").await;
    assert_eq!(update["tiles_gone"][0], "07".repeat(16));
    assert_eq!(update["tiles"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_countdown_that_runs_straight_is_not_sent_again() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    let mut stream = console.live_as(&cookie).await;
    stream.message("snapshot").await;
    // Five seconds later, five seconds less: the page knows. Then 15 minutes more: it does not.
    console.desk.change(|view| {
        view.tiles[0].session = Some(session(1_795_000, NOW_MS + 5_000, true));
    });
    let Frame::Text(heartbeat) = stream.next().await else { panic!("no frame") };
    assert_eq!(heartbeat["type"], "heartbeat");
    console.desk.change(|view| {
        view.tiles[0].session = Some(session(2_690_000, NOW_MS + 10_000, true));
    });
    let update = stream.message("update").await;
    assert_eq!(update["tiles"][0]["session"]["remaining_ms"], 2_690_000);
}

#[tokio::test]
async fn a_stream_says_the_time_on_the_clock_of_its_countdowns() {
    let console = plain().await;
    // This machine's wall clock is a day off the site's.
    console.desk.now_ms.store(NOW_MS + 86_400_000, std::sync::atomic::Ordering::Relaxed);
    let cookie = console.login("animateur").await;
    let mut stream = console.live_as(&cookie).await;
    let snapshot = stream.message("snapshot").await;
    let passed = snapshot["as_of_ms"].as_i64().unwrap()
        - snapshot["tiles"][0]["session"]["at_ms"].as_i64().unwrap();
    assert!((0..3_600_000).contains(&passed), "{passed} ms");
}

#[tokio::test]
async fn drifts_too_small_to_be_sent_do_not_add_up() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    let mut stream = console.live_as(&cookie).await;
    stream.message("snapshot").await;
    // Each step is 300 ms off the straight line; the second is 600 ms off what the page shows.
    console.desk.change(|view| {
        view.tiles[0].session = Some(session(1_799_300, NOW_MS + 1_000, true));
    });
    assert_eq!(stream.message("heartbeat").await["type"], "heartbeat");
    console.desk.change(|view| {
        view.tiles[0].session = Some(session(1_798_600, NOW_MS + 2_000, true));
    });
    assert_eq!(stream.message("update").await["tiles"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_client_that_reads_nothing_skips_what_it_missed() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    let mut stream = console.live_as(&cookie).await;
    stream.message("snapshot").await;
    for n in 0..2_000_u16 {
        let name = format!("Poste {n} {}", "x".repeat(2_000));
        console.desk.change(|view| view.tiles[0].name = name);
        tokio::task::yield_now().await;
    }
    console.desk.change(|view| view.tiles[0].name = "last".to_owned());
    let mut updates = 0;
    while stream.message("update").await["tiles"][0]["name"] != "last" {
        updates += 1;
    }
    assert!(updates < 500, "{updates} updates for 2,000 changes: a backlog");
}

#[tokio::test]
async fn an_operator_whose_account_goes_is_signed_out_of_the_stream() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    let mut stream = console.live_as(&cookie).await;
    stream.message("snapshot").await;
    console.desk.accounts.lock().unwrap().remove("animateur");
    stream.message("signed_out").await;
    assert_eq!(stream.next().await, Frame::Close(4001));
    assert_eq!(console.get("/api/v1/floor", &cookie).await.status, 401);
}

#[tokio::test]
async fn a_role_that_was_lowered_counts_within_seconds() {
    let console = plain().await;
    let cookie = console.login("admin").await;
    console.desk.accounts.lock().unwrap().get_mut("admin").unwrap().role = OperatorRole::Viewer;
    let deadline = std::time::Instant::now() + crate::browser::DEADLINE;
    while console.get("/api/v1/login", &cookie).await.json()["operator"]["role"] != "viewer" {
        assert!(std::time::Instant::now() < deadline, "the role never came down");
    }
}

#[tokio::test]
async fn what_is_no_message_of_the_stream_closes_it() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    for text in
        ["hello", "{\"type\":\"heartbeat\"}", "{\"type\":\"heartbeat\",\"active\":true,\"x\":1}"]
    {
        let mut stream = console.live_as(&cookie).await;
        stream.message("snapshot").await;
        stream.send(text).await;
        assert_eq!(stream.next().await, Frame::Close(1008), "{text}");
    }
    let mut stream = console.live_as(&cookie).await;
    stream.message("snapshot").await;
    stream.send("{\"type\":\"heartbeat\",\"active\":true}").await;
    stream.message("heartbeat").await;
}

#[tokio::test]
async fn there_are_only_so_many_streams() {
    let mut config = config(true);
    config.limits.sockets = 2;
    let console = run(config, MemoryDesk::new(1)).await;
    let cookie = console.login("animateur").await;
    let origin = console.origin();
    let headers = [("Cookie", cookie.as_str()), ("Origin", origin.as_str())];
    let first = console.live_as(&cookie).await;
    let _second = console.live_as(&cookie).await;
    let third = console.live(&headers).await.err().unwrap();
    assert_eq!(third.status, 503);
    drop(first);
    let deadline = std::time::Instant::now() + crate::browser::DEADLINE;
    while console.live(&headers).await.is_err() {
        assert!(std::time::Instant::now() < deadline, "the place was never given back");
    }
}

#[tokio::test]
async fn stopping_closes_streams_and_ends_the_console() {
    let console = plain().await;
    let cookie = console.login("animateur").await;
    let mut stream = console.live_as(&cookie).await;
    stream.message("snapshot").await;
    console.stop.send(true).unwrap();
    assert_eq!(stream.next().await, Frame::Close(1001));
    tokio::time::timeout(crate::browser::DEADLINE, console.task).await.unwrap().unwrap();
}
