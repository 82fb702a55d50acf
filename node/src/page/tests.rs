use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::id::{RowId, SessionId};
use domain::refusal::Refusal;
use domain::screen::{Face, Screen};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use super::view::{MessageView, ScreenView, StateWord};
use super::{Act, Asked, NotDone, Source, serve};
use crate::http::listen;

fn running(remaining_ms: u64) -> ScreenView {
    let screen = Screen {
        site: "Médiathèque".into(),
        kiosk: "Poste 3".into(),
        face: Face::Running { session: SessionId([1; 16]), remaining_ms, warning_min: Some(5) },
        messages: vec![RowId([2; 16])],
    };
    ScreenView::of(&screen, Instant::now())
}

/// A served page whose kiosk answers as a kiosk might.
struct Served {
    address: SocketAddr,
    screens: watch::Sender<Arc<ScreenView>>,
}

async fn answer(mut acts: mpsc::Receiver<Asked>) {
    while let Some((act, done)) = acts.recv().await {
        let outcome = match act {
            Act::Open(code) if code == "K7QM-2XPD" => Ok(()),
            Act::Open(code) if code == "wait" => {
                Err(NotDone::Refused(Refusal::Throttled { seconds: 8 }))
            }
            Act::Open(code) if code == "elsewhere" => {
                Err(NotDone::Refused(Refusal::OpenElsewhere { kiosk: "Poste 1".into() }))
            }
            Act::Open(_) => Err(NotDone::Refused(Refusal::UnknownCode)),
            Act::Finish => Ok(()),
            Act::Acknowledge(_) => Err(NotDone::Broken),
        };
        done.send(outcome).ok();
    }
}

impl Served {
    async fn start() -> Self {
        let listener = listen("kiosk.page", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (screens, seen) = watch::channel(Arc::new(running(60_000)));
        let (acts, asked) = mpsc::channel(4);
        tokio::spawn(answer(asked));
        tokio::spawn(serve(listener, Source { screens: seen, acts }));
        Self { address, screens }
    }

    /// Sends a request as written and gives the whole answer.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn get(&self, path: &str, host: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        self.raw(&request).await
    }

    async fn post(&self, path: &str, body: &str) -> String {
        let origin = format!("http://{}", self.address);
        self.post_from(path, body, &origin, "application/json").await
    }

    async fn post_from(&self, path: &str, body: &str, origin: &str, kind: &str) -> String {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nOrigin: {origin}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.raw(&request).await
    }
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or("none")
}

#[tokio::test]
async fn page_is_served_under_a_strict_policy() {
    let served = Served::start().await;
    let host = served.address.to_string();
    for (path, kind) in
        [("/", "text/html"), ("/kiosk.css", "text/css"), ("/kiosk.js", "text/javascript")]
    {
        let answer = served.get(path, &host).await;
        assert_eq!(status(&answer), "200", "{path}");
        assert!(answer.contains(kind), "{path}");
        assert!(answer.contains("default-src 'none'"), "{path}");
    }
    let localhost = format!("localhost:{}", served.address.port());
    assert_eq!(status(&served.get("/", &localhost).await), "200");
    for path in ["/../Cargo.toml", "/index.html", "/kiosk.js/", "/%2e%2e", "//"] {
        assert_eq!(status(&served.get(path, &host).await), "404", "{path}");
    }
}

#[tokio::test]
async fn name_pointed_at_loopback_gets_nothing() {
    let served = Served::start().await;
    for host in ["evil.example", "127.0.0.1", "127.0.0.1:1", ""] {
        assert_eq!(status(&served.get("/", host).await), "403", "{host}");
    }
}

#[tokio::test]
async fn acts_get_their_outcome() {
    let served = Served::start().await;
    let code = |code: &str| format!("{{\"code\":\"{code}\"}}");
    assert_eq!(status(&served.post("/open", &code("K7QM-2XPD")).await), "204");
    assert_eq!(status(&served.post("/finish", "{}").await), "204");

    let unknown = served.post("/open", &code("nope")).await;
    assert_eq!(status(&unknown), "422");
    assert!(unknown.ends_with("{\"error\":\"unknown_code\"}"), "{unknown}");
    let wait = served.post("/open", &code("wait")).await;
    assert_eq!(status(&wait), "429");
    assert!(wait.ends_with("{\"error\":\"throttled\",\"seconds\":8}"));
    let elsewhere = served.post("/open", &code("elsewhere")).await;
    assert!(elsewhere.ends_with("{\"error\":\"open_elsewhere\",\"kiosk\":\"Poste 1\"}"));

    let message = format!("{{\"message\":\"{}\"}}", RowId([2; 16]));
    assert_eq!(status(&served.post("/acknowledge", &message).await), "500");
}

#[tokio::test]
async fn another_page_of_the_same_browser_can_do_nothing() {
    let served = Served::start().await;
    let own = format!("http://{}", served.address);
    for origin in ["http://evil.example", "null", "", "https://127.0.0.1"] {
        let answer = served.post_from("/finish", "{}", origin, "application/json").await;
        assert_eq!(status(&answer), "403", "{origin}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let answer = served.post_from("/finish", "{}", &own, kind).await;
        assert_eq!(status(&answer), "415", "{kind}");
    }
}

#[tokio::test]
async fn hostile_bodies_are_refused_and_the_next_one_is_served() {
    let served = Served::start().await;
    for body in [
        "",
        "null",
        "[]",
        "{\"code\":1}",
        "{\"code\":\"a\",\"seconds\":3600}",
        "{\"code\":\"a\"} {}",
        "{\"code\":\"\u{0}",
    ] {
        assert_eq!(status(&served.post("/open", body).await), "400", "{body}");
    }
    assert_eq!(status(&served.post("/acknowledge", "{\"message\":\"zz\"}").await), "400");
    assert_eq!(status(&served.post("/finish", "{\"extra\":true}").await), "400");
    let large = format!("{{\"code\":\"{}\"}}", "A".repeat(5000));
    assert_eq!(status(&served.post("/open", &large).await), "413");
    assert_eq!(status(&served.post("/reboot", "{}").await), "404");
    let host = served.address;
    let answer = served
        .raw(&format!("DELETE / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
        .await;
    assert_eq!(status(&answer), "405");
    served.raw("\u{0}\u{1}\r\n\r\n").await;
    assert_eq!(status(&served.post("/finish", "{}").await), "204");
}

#[tokio::test]
async fn screen_is_told_at_once_and_at_every_change() {
    let served = Served::start().await;
    let mut page =
        Page::follow(served.address, &format!("http://{}", served.address)).await.unwrap();
    let first = page.next().await;
    assert_eq!(first["state"], "running");
    assert_eq!(first["kiosk"], "Poste 3");
    assert_eq!(first["warning_min"], 5);
    assert_eq!(first["messages"][0]["id"], RowId([2; 16]).to_string());
    assert!(first["remaining_ms"].as_u64().unwrap() <= 60_000);

    served.screens.send_modify(|screen| {
        let mut next = running(1_000);
        next.state = StateWord::Paused;
        next.messages =
            vec![MessageView { id: RowId([2; 16]), text: Some("Fermeture dans 10 min".into()) }];
        *screen = Arc::new(next);
    });
    let second = page.next().await;
    assert_eq!(second["state"], "paused");
    assert_eq!(second["remaining_ms"], 1_000);
    assert_eq!(second["messages"][0]["text"], "Fermeture dans 10 min");
}

#[tokio::test]
async fn stream_is_closed_to_other_pages() {
    let served = Served::start().await;
    for origin in ["http://evil.example", "null"] {
        assert!(Page::follow(served.address, origin).await.is_none());
    }
}

#[test]
fn late_page_does_not_start_from_an_old_figure() {
    let view = running(60_000);
    let later = view.at + Duration::from_secs(20);
    assert_eq!(view.aged(later).remaining_ms, 40_000);
    let mut paused = running(60_000);
    paused.state = StateWord::Paused;
    assert_eq!(paused.aged(later).remaining_ms, 60_000);
}

/// The page's end of a WebSocket: enough of the protocol to read short texts.
struct Page(TcpStream);

impl Page {
    async fn follow(address: SocketAddr, origin: &str) -> Option<Self> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /live HTTP/1.1\r\nHost: {address}\r\nOrigin: {origin}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        head.starts_with(b"HTTP/1.1 101").then_some(Self(stream))
    }

    /// The next text that is not a heartbeat.
    async fn next(&mut self) -> Value {
        loop {
            let head = self.0.read_u8().await.unwrap();
            assert_eq!(head, 0x81, "a whole text");
            let length = match self.0.read_u8().await.unwrap() {
                126 => usize::from(self.0.read_u16().await.unwrap()),
                short => usize::from(short),
            };
            let mut text = vec![0; length];
            self.0.read_exact(&mut text).await.unwrap();
            let value: Value = serde_json::from_slice(&text).unwrap();
            if value["type"] != "heartbeat" {
                return value;
            }
        }
    }
}
