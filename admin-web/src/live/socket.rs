//! One live stream over one WebSocket.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use warp::ws::{Message, WebSocket};

use super::{carry_over, difference, needs_snapshot};
use crate::desk::ConsoleDesk;
use crate::shapes::live::{LiveHeartbeat, LiveInput, LiveMessage, LiveSnapshot, LiveUpdate};
use crate::view::LiveView;
use crate::web::{Caller, Web, stopped};

/// Largest message that a page may send.
pub(crate) const LARGEST_INPUT: usize = 4 * 1024;
/// Time between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Silence of the page after which the socket is closed.
const SILENCE: Duration = Duration::from_secs(30);
/// Least time between two updates: a burst of changes is one update.
const SPACING: Duration = Duration::from_millis(40);
/// How long one message may take to be written; a client that is slower is let go.
const WRITING: Duration = Duration::from_secs(10);

/// Why a stream ends.
enum End {
    /// The other end is gone, or too slow: nothing more is written.
    Gone,
    /// With this WebSocket code.
    Closed(u16, &'static str),
    /// The login has ended.
    SignedOut,
}

/// Runs the stream until the page leaves, falls silent or is too slow, the login ends, or the
/// console stops.
pub(crate) async fn serve<D: ConsoleDesk>(web: &Web<D>, caller: Caller, mut socket: WebSocket) {
    let end = run(web, caller, &mut socket).await;
    let last = match end {
        End::Gone => return,
        End::Closed(code, reason) => Message::close_with(code, reason),
        End::SignedOut => {
            let message = LiveMessage::SignedOut(LiveHeartbeat { stamp: web.stamp() });
            if send(&mut socket, &message).await.is_err() {
                return;
            }
            Message::close_with(4001_u16, "signed out")
        }
    };
    // The other end may be gone already: there is nobody left to tell.
    if let Ok(Err(error)) = timeout(WRITING, socket.send(last)).await {
        tracing::debug!("a live stream ended while closing: {error}");
    }
}

async fn run<D: ConsoleDesk>(web: &Web<D>, caller: Caller, socket: &mut WebSocket) -> End {
    let mut view = web.desk.view();
    let mut stop = web.shared.stop.clone();
    let mut shown = LiveView::clone(&view.borrow_and_update());
    if send(socket, &snapshot(web, &caller, &shown)).await.is_err() {
        return End::Gone;
    }
    let mut next_update = Instant::now() + SPACING;
    let mut last_sent = Instant::now();
    let mut last_heard = Instant::now();
    let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let changed = async {
            sleep_until(next_update).await;
            view.changed().await
        };
        tokio::select! {
            changed = changed => {
                if changed.is_err() {
                    return End::Closed(1011, "node stopping");
                }
                let newest = Arc::clone(&view.borrow_and_update());
                let message = if needs_snapshot(&shown, &newest) {
                    shown = LiveView::clone(&newest);
                    Some(snapshot(web, &caller, &newest))
                } else {
                    let update = difference(&shown, &newest);
                    shown = carry_over(&shown, &newest);
                    update.map(|update| LiveMessage::Update(LiveUpdate { stamp: web.stamp(), ..update }))
                };
                if let Some(message) = message {
                    if send(socket, &message).await.is_err() {
                        return End::Gone;
                    }
                    last_sent = Instant::now();
                }
                next_update = Instant::now() + SPACING;
            }
            input = socket.next() => {
                match input {
                    None | Some(Err(_)) => return End::Gone,
                    Some(Ok(message)) if message.is_close() => return End::Closed(1000, ""),
                    Some(Ok(message)) if message.is_text() => {
                        let input = serde_json::from_slice::<LiveInput>(message.as_bytes());
                        let Ok(LiveInput::Heartbeat { active }) = input else {
                            return End::Closed(1008, "not a message of this stream");
                        };
                        last_heard = Instant::now();
                        if active && web.again(&caller, true).await.is_err() {
                            return End::SignedOut;
                        }
                    }
                    Some(Ok(message)) if message.is_binary() => {
                        return End::Closed(1003, "text only");
                    }
                    Some(Ok(_ping_or_pong)) => {}
                }
            }
            _ = beat.tick() => {
                if last_heard.elapsed() > SILENCE {
                    return End::Closed(1001, "silent");
                }
                if web.again(&caller, false).await.is_err() {
                    return End::SignedOut;
                }
                if last_sent.elapsed() >= HEARTBEAT / 2 {
                    let heartbeat = LiveHeartbeat { stamp: web.stamp() };
                    if send(socket, &LiveMessage::Heartbeat(heartbeat)).await.is_err() {
                        return End::Gone;
                    }
                    last_sent = Instant::now();
                }
            }
            () = stopped(&mut stop) => return End::Closed(1001, "node stopping"),
        }
    }
}

fn snapshot<D: ConsoleDesk>(web: &Web<D>, caller: &Caller, view: &LiveView) -> LiveMessage {
    let snapshot = view.snapshot(caller.view());
    LiveMessage::Snapshot(LiveSnapshot { stamp: web.stamp(), ..snapshot })
}

/// Writes a message; waits for a slow client, but not for ever.
async fn send(socket: &mut WebSocket, message: &LiveMessage) -> Result<(), ()> {
    let text = serde_json::to_string(message).map_err(|error| {
        tracing::error!("a live message could not be written: {error}");
    })?;
    match timeout(WRITING, socket.send(Message::text(text))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::debug!("a live stream ended: {error}");
            Err(())
        }
        Err(_slow) => {
            tracing::info!("a console was too slow for its live stream and was let go");
            Err(())
        }
    }
}
