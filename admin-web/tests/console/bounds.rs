//! Connections: too many, too slow, in the wrong place.

use std::time::Duration;

use admin_web::console::{Console, ConsoleError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::browser::{DEADLINE, config, plain, run};
use crate::desk::MemoryDesk;

#[tokio::test]
async fn plain_http_stays_on_loopback() {
    let mut beyond = config(true);
    beyond.listen = "0.0.0.0:0".parse().unwrap();
    let refused = Console::bind(beyond, MemoryDesk::new(1), watch::channel(false).1).await;
    assert!(matches!(refused.err(), Some(ConsoleError::PlainBeyondLoopback(_))));
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let console = plain().await;
    let mut same = config(true);
    same.listen = console.address;
    let refused = Console::bind(same, MemoryDesk::new(1), watch::channel(false).1).await;
    let said = refused.err().unwrap().to_string();
    assert!(said.contains(&console.address.to_string()), "{said}");
}

#[tokio::test]
async fn a_page_that_is_no_address_is_refused() {
    for page in ["127.0.0.1:8443", "https://a/b", "https://127.0.0.1:1"] {
        let mut wrong = config(true);
        wrong.pages = vec![page.to_owned()];
        let refused = Console::bind(wrong, MemoryDesk::new(1), watch::channel(false).1).await;
        assert!(matches!(refused.err(), Some(ConsoleError::Page(_, "http"))), "{page}");
    }
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_place_comes_back() {
    let mut bounded = config(true);
    bounded.limits.connections = 3;
    let console = run(bounded, MemoryDesk::new(1)).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(console.address).await.unwrap();
        // Half a request: the server has taken the connection and waits for the rest.
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        held.push(stream);
    }
    let mut fourth = TcpStream::connect(console.address).await.unwrap();
    let end = timeout(DEADLINE, fourth.read_u8()).await.unwrap();
    assert!(end.is_err(), "the fourth was served");
    drop(held);
    let deadline = std::time::Instant::now() + DEADLINE;
    loop {
        let mut stream = TcpStream::connect(console.address).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", console.address);
        if stream.write_all(request.as_bytes()).await.is_ok() && stream.read_u8().await.is_ok() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the places never came back");
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_let_go() {
    let mut hasty = config(true);
    hasty.limits.head = Duration::from_millis(200);
    let console = run(hasty, MemoryDesk::new(1)).await;
    let mut stream = TcpStream::connect(console.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    let mut rest = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("closed in time").unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_connection_that_is_old_is_ended() {
    let mut short = config(true);
    short.limits.age = Duration::from_millis(200);
    let console = run(short, MemoryDesk::new(1)).await;
    let mut stream = TcpStream::connect(console.address).await.unwrap();
    let mut rest = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("closed in time").unwrap();
}

#[tokio::test]
async fn garbage_is_no_request() {
    let console = plain().await;
    for garbage in [&b"\x16\x03\x01\x02\x00"[..], b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n"] {
        let mut stream = TcpStream::connect(console.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("closed in time").unwrap();
        assert!(!rest.starts_with(b"HTTP/1.1 2"));
    }
    let huge = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nX: {}\r\n\r\n",
        console.address,
        "x".repeat(100_000)
    );
    let mut stream = TcpStream::connect(console.address).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    // The server may close while it is still being written to.
    let (_, read) = tokio::join!(writing.write_all(huge.as_bytes()), async {
        let mut first = [0; 12];
        timeout(DEADLINE, reading.read_exact(&mut first)).await.unwrap().map(|_| first)
    });
    assert!(read.is_err() || read.is_ok_and(|first| first.starts_with(b"HTTP/1.1 4")));
}
