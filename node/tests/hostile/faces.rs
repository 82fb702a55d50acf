//! The console and the kiosk's page, as a browser or somebody else speaks to them.

use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::member::Member;
use crate::site::{LOGIN, PASSWORD};
use crate::waiting::until;

/// Longest wait for bytes.
const READ: Duration = Duration::from_secs(20);

/// An HTTP reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The code of a refusal.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

/// One request on a connection of its own.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(READ))?;
    stream.set_write_timeout(Some(READ))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        if !headers.iter().any(|(name, _)| *name == "Content-Type") {
            head.push_str("Content-Type: application/json\r\n");
        }
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    Ok(Reply {
        status: status.ok_or(std::io::ErrorKind::InvalidData)?,
        head,
        body: bytes[end + 4..].to_vec(),
    })
}

/// An operator who is signed in at one admin node.
pub(crate) struct Console {
    pub(crate) address: SocketAddr,
    pub(crate) cookie: String,
}

impl Console {
    #[track_caller]
    pub(crate) fn sign_in(admin: &Member) -> Self {
        let address = admin.page;
        let body = json!({"login": LOGIN, "password": PASSWORD}).to_string();
        // The account may still be on its way here.
        let cookie = until("to sign in", || {
            let origin = format!("http://{address}");
            let headers = [("Origin", origin.as_str())];
            let reply = request(address, "POST", "/api/v1/login", &headers, body.as_bytes());
            let reply = reply.ok().filter(|reply| reply.status == 200)?;
            let set = reply.head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("set-cookie").then_some(value)
            });
            Some(set?.split(';').next()?.to_owned())
        });
        Self { address, cookie }
    }

    pub(crate) fn get(&self, path: &str) -> Result<Reply> {
        let headers = [("Cookie", self.cookie.as_str())];
        request(self.address, "GET", path, &headers, b"")
    }

    /// A request of the console's own page.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Result<Reply> {
        let origin = format!("http://{}", self.address);
        self.post_with(path, &[("Origin", &origin)], body)
    }

    pub(crate) fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply> {
        let mut all = vec![("Cookie", self.cookie.as_str())];
        all.extend(headers);
        request(self.address, "POST", path, &all, body)
    }

    /// Asks for one code of an hour.
    pub(crate) fn issue(&self) -> Result<Reply> {
        let body = json!({"request": request_id(), "seconds": 3600});
        self.post("/api/v1/codes", body.to_string().as_bytes())
    }

    /// Whether this node knows the session.
    pub(crate) fn knows(&self, session: &str) -> bool {
        let reply = self.get(&format!("/api/v1/sessions/{session}"));
        reply.is_ok_and(|reply| reply.status == 200)
    }

    /// The session that runs on a kiosk, as this console sees it.
    pub(crate) fn running(&self) -> Option<String> {
        let tiles = self.tiles();
        let id = tiles.iter().find_map(|tile| tile["session"]["id"].as_str());
        id.map(str::to_owned)
    }

    /// What staff are to look at, by its stable code, on any kiosk.
    pub(crate) fn alarms(&self) -> Vec<String> {
        let tiles = self.tiles();
        let alarms = tiles.iter().filter_map(|tile| tile["alarms"].as_array()).flatten();
        alarms.filter_map(|alarm| alarm["code"].as_str().map(str::to_owned)).collect()
    }

    fn tiles(&self) -> Vec<Value> {
        let floor = self.get("/api/v1/floor").map(|reply| reply.json());
        floor.ok().and_then(|floor| floor["tiles"].as_array().cloned()).unwrap_or_default()
    }
}

/// A fresh request id.
pub(crate) fn request_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// What the kiosk's screen shows.
pub(crate) fn screen(kiosk: &Member) -> Option<Value> {
    let address = kiosk.page;
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(READ)).ok()?;
    let head = format!(
        "GET /live HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        seen.push(byte[0]);
    }
    let mut start = [0; 2];
    stream.read_exact(&mut start).ok()?;
    let length = match start[1] {
        126 => {
            let mut long = [0; 2];
            stream.read_exact(&mut long).ok()?;
            u16::from_be_bytes(long)
        }
        short => u16::from(short),
    };
    let mut text = vec![0; usize::from(length)];
    stream.read_exact(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Types a code at the kiosk.
pub(crate) fn open(kiosk: &Member, code: &str) -> Result<Reply> {
    let origin = format!("http://{}", kiosk.page);
    let body = json!({"code": code}).to_string();
    let headers = [("Origin", origin.as_str())];
    request(kiosk.page, "POST", "/open", &headers, body.as_bytes())
}

/// Types a code until the kiosk knows it; the session then runs.
#[track_caller]
pub(crate) fn open_for_sure(kiosk: &Member, code: &str) {
    until("the code to open", || {
        let reply = open(kiosk, code).ok()?;
        assert!(reply.status == 204 || reply.error() == "unknown_code", "{reply:?}");
        (reply.status == 204).then_some(())
    });
    remaining_ms(kiosk);
}

/// Milliseconds left of the session that runs on the kiosk.
#[track_caller]
pub(crate) fn remaining_ms(kiosk: &Member) -> u64 {
    until("a session that runs", || {
        let screen = screen(kiosk)?;
        (screen["state"] == "running").then_some(())?;
        screen["remaining_ms"].as_u64()
    })
}

/// Waits until the kiosk's countdown has gone down by this much from where it was.
#[track_caller]
pub(crate) fn counts_down(kiosk: &Member, ms: u64) {
    let before = remaining_ms(kiosk);
    until("the countdown to go on", || (remaining_ms(kiosk) + ms <= before).then_some(()));
}
