//! The page of a kiosk, as the patron in front of it uses it, and as it shows.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use domain::fact::Cause;
use domain::id::SessionId;
use serde::Deserialize;
use serde_json::json;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::WebSocket;
use tungstenite::{Error, Message};

use crate::event::{Denied, Shown};

use super::door::Door;
use super::machine::PAGE;

/// Longest silence on the wire until the follower looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(500);
/// A countdown that is off by less than this only counts down, in milliseconds.
pub(super) const OFF_MS: u64 = 250;
/// Pause before a page that went away is opened again.
const AGAIN: Duration = Duration::from_millis(200);

/// What the page was told.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Screen {
    state: State,
    remaining_ms: u64,
    pub(super) alone: bool,
    ends: Option<Ends>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Waiting,
    Locked,
    Running,
    Paused,
    OutOfService,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Ends {
    cause: Cause,
}

impl Screen {
    /// What the patron sees when the page has counted down by itself for so long. The page names no
    /// session: it is the one whose code was typed here.
    pub(super) fn shown(&self, session: Option<SessionId>, for_ms: u64) -> Option<Shown> {
        let of = |shown: fn(SessionId, u64) -> Shown, ms: u64| session.map(|s| shown(s, ms));
        match self.state {
            // The node reads its ledger: the page has nothing to show yet.
            State::Waiting => None,
            State::Locked => Some(Shown::Locked),
            State::OutOfService => Some(Shown::OutOfService),
            State::Running => of(
                |session, remaining_ms| Shown::Running { session, remaining_ms },
                self.remaining_ms.saturating_sub(for_ms),
            ),
            State::Paused => of(|session, _| Shown::Paused { session }, 0),
            State::Ended => {
                let cause = self.ends?.cause;
                session.map(|session| Shown::Ended { session, cause })
            }
        }
    }

    /// Whether it is the picture of so long ago, but for the countdown.
    pub(super) fn only_counts_down_from(&self, before: &Screen, passed: Duration) -> bool {
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let expected = match self.state {
            State::Running => before.remaining_ms.saturating_sub(passed_ms),
            State::Waiting | State::Locked | State::Paused | State::OutOfService | State::Ended => {
                before.remaining_ms
            }
        };
        (self.state, self.alone, self.ends) == (before.state, before.alone, before.ends)
            && expected.abs_diff(self.remaining_ms) < OFF_MS
    }

    /// Whether somebody is in front of it.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.state, State::Running | State::Paused)
    }

    /// Whether nobody is, and a code would be looked at.
    pub(super) fn is_free(&self) -> bool {
        self.state == State::Locked
    }
}

/// The page of one kiosk.
#[derive(Debug, Clone)]
pub(super) struct Page {
    door: Door,
}

impl Page {
    pub(super) fn new(door: Door) -> Self {
        Self { door }
    }

    /// Types a code.
    pub(super) fn open(&self, code: &str) -> Result<(), Denied> {
        self.act("/open", &json!({"code": code}))
    }

    /// The patron leaves.
    pub(super) fn finish(&self) -> Result<(), Denied> {
        self.act("/finish", &json!({}))
    }

    fn act(&self, path: &str, body: &serde_json::Value) -> Result<(), Denied> {
        let reply = self.door.post(path, None, body).ok_or(Denied::NoAnswer)?;
        reply.denied().map_or(Ok(()), Err)
    }

    /// Follows the screen for as long as `told` wants to be told: each picture with the moment at which it
    /// came, `None` when the page went away. Blocks; for a thread of its own.
    pub(super) fn follow(&self, mut told: impl FnMut(Instant, Option<Screen>) -> bool) {
        if self.door.network().enter().is_err() {
            return;
        }
        loop {
            if let Some(mut socket) = connect() {
                while let Some(screen) = next(&mut socket) {
                    let Some(screen) = screen else {
                        continue;
                    };
                    if !told(Instant::now(), Some(screen)) {
                        return;
                    }
                }
            }
            if !told(Instant::now(), None) {
                return;
            }
            std::thread::sleep(AGAIN);
        }
    }
}

fn connect() -> Option<WebSocket<TcpStream>> {
    let stream = TcpStream::connect(PAGE).ok()?;
    stream.set_read_timeout(Some(LOOK)).ok()?;
    let mut request = format!("ws://{PAGE}/live").into_client_request().ok()?;
    let origin = HeaderValue::from_str(&format!("http://{PAGE}")).ok()?;
    request.headers_mut().insert("Origin", origin);
    tungstenite::client(request, stream).ok().map(|(socket, _)| socket)
}

/// The next picture; `Some(None)` where the wire was silent, `None` where it ended.
fn next(socket: &mut WebSocket<TcpStream>) -> Option<Option<Screen>> {
    match socket.read() {
        Ok(Message::Text(text)) => Some(serde_json::from_str(text.as_str()).ok()),
        Ok(Message::Close(_)) => None,
        Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {
            Some(None)
        }
        Err(Error::Io(error)) => {
            use std::io::ErrorKind::{TimedOut, WouldBlock};
            matches!(error.kind(), TimedOut | WouldBlock).then_some(None)
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId([7; 16]);

    fn screen(text: &str) -> Screen {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_page_counts_down_by_itself() {
        let running = screen(
            r#"{"site":"","kiosk":"","state":"running","remaining_ms":5000,"warning_min":1,
                "messages":[],"alone":false,"wait_ms":0,"ends":null}"#,
        );
        let shown = running.shown(Some(SESSION), 1_500);
        assert_eq!(shown, Some(Shown::Running { session: SESSION, remaining_ms: 3_500 }));
        let shown = running.shown(Some(SESSION), 9_000);
        assert_eq!(shown, Some(Shown::Running { session: SESSION, remaining_ms: 0 }));
        assert!(running.is_taken());
    }

    #[test]
    fn an_end_says_why() {
        let ended = screen(
            r#"{"state":"ended","remaining_ms":0,"alone":true,
                "ends":{"cause":"staff","grace_ms":30000,"step":"grace"}}"#,
        );
        let shown = ended.shown(Some(SESSION), 0);
        assert_eq!(shown, Some(Shown::Ended { session: SESSION, cause: Cause::Staff }));
        assert!(ended.alone && !ended.is_free());
    }
}
