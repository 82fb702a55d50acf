//! A console that runs, and a small browser that speaks to it byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use admin_web::accept::Limits;
use admin_web::console::{Console, ConsoleConfig};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::desk::{MemoryDesk, PASSWORD};

/// A wait that only a broken program uses up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) desk: MemoryDesk,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) fn config(plain: bool) -> ConsoleConfig {
    ConsoleConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        plain,
        pages: Vec::new(),
        data_dir: std::env::temp_dir(),
        limits: Limits::default(),
    }
}

pub(crate) async fn run(config: ConsoleConfig, desk: MemoryDesk) -> Running {
    let (stop, stopped) = watch::channel(false);
    let console = Console::bind(config, desk.clone(), stopped).await.unwrap();
    let address = console.address();
    let task = tokio::spawn(console.run());
    Running { address, desk, stop, task }
}

pub(crate) async fn plain() -> Running {
    run(config(true), MemoryDesk::new(1)).await
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    /// The cookie that it sets, as the browser sends it back.
    pub(crate) fn cookie(&self) -> String {
        self.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }
}

/// Sends bytes and reads until the other end closes.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut all = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut all)).await.unwrap().unwrap();
    read(&all)
}

fn read(all: &[u8]) -> Reply {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head, body: all[end + 4..].to_vec() }
}

impl Running {
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A request with these headers besides Host and Connection.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
            if !headers.iter().any(|(name, _)| *name == "Content-Type") {
                text.push_str("Content-Type: application/json\r\n");
            }
        }
        text.push_str("\r\n");
        exchange(self.address, &[text.as_bytes(), body].concat()).await
    }

    pub(crate) async fn get(&self, path: &str, cookie: &str) -> Reply {
        self.ask("GET", path, &[("Cookie", cookie)], b"").await
    }

    /// As the page posts.
    pub(crate) async fn post(&self, path: &str, cookie: &str, body: &str) -> Reply {
        let origin = self.origin();
        self.ask("POST", path, &[("Cookie", cookie), ("Origin", &origin)], body.as_bytes()).await
    }

    pub(crate) async fn try_login(&self, login: &str, password: &str) -> Reply {
        let body = serde_json::json!({ "login": login, "password": password }).to_string();
        self.post("/api/v1/login", "", &body).await
    }

    pub(crate) async fn login(&self, login: &str) -> String {
        let reply = self.try_login(login, PASSWORD).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.cookie()
    }

    /// Opens the live stream; the reply's head if it was not opened.
    pub(crate) async fn live(&self, headers: &[(&str, &str)]) -> Result<Stream, Reply> {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let mut text = format!(
            "GET /api/v1/live HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            self.address
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        socket.write_all(text.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = timeout(DEADLINE, socket.read_u8()).await.unwrap().unwrap();
            head.push(byte);
        }
        let reply = read(&head);
        if reply.status == 101 { Ok(Stream { socket }) } else { Err(reply) }
    }

    pub(crate) async fn live_as(&self, cookie: &str) -> Stream {
        let origin = self.origin();
        self.live(&[("Cookie", cookie), ("Origin", &origin)]).await.unwrap()
    }
}

/// A WebSocket: frames of text from the server, masked ones to it.
pub(crate) struct Stream {
    pub(crate) socket: TcpStream,
}

/// What came in.
#[derive(Debug, PartialEq)]
pub(crate) enum Frame {
    Text(Value),
    Close(u16),
    End,
}

impl Stream {
    pub(crate) async fn send(&mut self, text: &str) {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 126);
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.socket.write_all(&frame).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Frame {
        timeout(DEADLINE, self.frame()).await.expect("a frame in time").unwrap_or(Frame::End)
    }

    async fn frame(&mut self) -> std::io::Result<Frame> {
        loop {
            let kind = self.socket.read_u8().await? & 0x0f;
            let length = match self.socket.read_u8().await? {
                126 => usize::from(self.socket.read_u16().await?),
                127 => usize::try_from(self.socket.read_u64().await?).unwrap(),
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.socket.read_exact(&mut payload).await?;
            match kind {
                1 => return Ok(Frame::Text(serde_json::from_slice(&payload).unwrap())),
                8 => {
                    let code = payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
                    return Ok(Frame::Close(code));
                }
                _ => {}
            }
        }
    }

    /// The next message of this type; heartbeats in between are skipped.
    pub(crate) async fn message(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Frame::Text(message) if message["type"] == kind => return message,
                Frame::Text(message) if message["type"] == "heartbeat" => {}
                other @ (Frame::Text(_) | Frame::Close(_) | Frame::End) => {
                    panic!("expected {kind}, got {other:?}")
                }
            }
        }
    }
}
