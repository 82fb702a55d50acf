//! The stream to the page: the whole screen at every change, a heartbeat between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use warp::ws::{Message, WebSocket};

use super::view::ScreenView;

/// Interval of the heartbeat; the page waits 12 s before it says anything.
const BEAT: Duration = Duration::from_secs(4);

/// Time for the page to take a message.
const SLOWEST: Duration = Duration::from_secs(5);

/// Tells one page what the screen shows until either end leaves. A page that is
/// slow gets the newest screen when it can take one, never a backlog.
pub(super) async fn follow(socket: WebSocket, mut screens: watch::Receiver<Arc<ScreenView>>) {
    let (mut to_page, mut from_page) = socket.split();
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once and is not needed: the screen goes first.
    beat.tick().await;
    screens.mark_changed();
    loop {
        let text = tokio::select! {
            changed = screens.changed() => match changed {
                Ok(()) => {
                    let screen = screens.borrow_and_update().aged(Instant::now());
                    match serde_json::to_string(&screen) {
                        Ok(text) => text,
                        Err(_) => break,
                    }
                }
                Err(_) => break,
            },
            _ = beat.tick() => "{\"type\":\"heartbeat\"}".to_owned(),
            heard = from_page.next() => match heard {
                // The page has nothing to say here; pings are answered below us.
                Some(Ok(message)) if !message.is_close() => continue,
                _ => break,
            },
        };
        match timeout(SLOWEST, to_page.send(Message::text(text))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    // A page that is gone does not hear it.
    drop(timeout(SLOWEST, to_page.close()).await);
}
