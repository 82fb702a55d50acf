use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use domain::refusal::Refusal;

use super::server::Control;
use super::{Answer, LINE_MAX, PlaceNamed, Request, client, socket_path};
use crate::texts::Say;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn answer(request: Request) -> Answer {
    if let Request::CodeIssue { count, .. } = request {
        return Answer::Codes(vec!["K7QM-2XPD".into(); count.into()]);
    }
    if let Request::TokenRevoke { .. } = request {
        return Answer::Refused(Refusal::UnknownToken);
    }
    if let Request::NodeList {} = request {
        return Answer::Codes(vec!["x".repeat(LINE_MAX)]);
    }
    if let Request::Backup { .. } = request {
        let reason = "disk full".into();
        return Answer::Broken { reason };
    }
    Answer::Done
}

/// A served socket in a folder of its own; both go when it is dropped.
struct Served {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Served {
    fn start() -> Self {
        let served = Self { folder: tempfile::tempdir().unwrap(), runtime: runtime() };
        let guard = served.runtime.enter();
        let control = Control::bind(served.folder.path()).unwrap();
        served.runtime.spawn(control.serve(answer));
        drop(guard);
        served
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What comes back for raw bytes, the writing end closed after them.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(socket_path(self.path())).unwrap();
        // The other end may have heard enough and left.
        if stream.write_all(bytes).is_ok() {
            stream.shutdown(std::net::Shutdown::Write).ok();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok();
        answer
    }
}

fn codes(count: u16) -> Request {
    Request::CodeIssue {
        minutes: 60,
        hours: 12,
        count,
        place: PlaceNamed::Room("Espace jeunesse".into()),
    }
}

#[test]
fn command_gets_its_answer() {
    let served = Served::start();
    let Ok(Answer::Codes(codes)) = client::ask(served.path(), &codes(3)) else {
        panic!("no codes");
    };
    assert_eq!(codes.len(), 3);
    let mode = std::fs::metadata(socket_path(served.path())).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn refusal_and_breakage_are_told_apart() {
    let served = Served::start();
    let revoke = Request::TokenRevoke { token: domain::id::TokenId([1; 32]) };
    assert_eq!(client::ask(served.path(), &revoke), Err(Say::Refused(Refusal::UnknownToken)));
    assert_eq!(
        client::ask(served.path(), &Request::Backup { folder: None }),
        Err(Say::Broken { reason: "disk full".into() })
    );
}

#[test]
fn hostile_input_gets_one_clear_line_and_the_next_command_its_answer() {
    let served = Served::start();
    let huge = vec![b'x'; LINE_MAX + 2];
    let deep = format!("{}\n", "[".repeat(100_000));
    for (bytes, word) in [
        (&b"\n"[..], "malformed"),
        (b"{}\n", "malformed"),
        (b"{\"do\":\"fly\"}\n", "malformed"),
        (b"{\"do\":\"status\",\"extra\":1}\n", "malformed"),
        (b"{\"do\":\"status\"} {\"do\":\"status\"}\n", "malformed"),
        (b"{\"do\":\"status\"}", "malformed"),
        (
            b"{\"do\":\"code_issue\",\"minutes\":-1,\"hours\":1,\"count\":1,\"place\":\"anywhere\"}\n",
            "malformed",
        ),
        (
            b"{\"do\":\"token_revoke\",\"token\":\"zz\"}\n",
            "malformed",
        ),
        (b"\xff\xfe\x00\n", "malformed"),
        (deep.as_bytes(), "malformed"),
    ] {
        let answer = served.raw(bytes);
        assert!(answer.starts_with("{\""), "{answer:?}");
        assert!(answer.contains(word), "{answer:?}");
        assert_eq!(answer.lines().count(), 1);
    }
    // Too long: the answer may be lost with the connection, the node is not.
    served.raw(&huge);
    assert_eq!(served.raw(b""), "");
    assert!(matches!(client::ask(served.path(), &Request::Status {}), Ok(Answer::Done)));
}

#[test]
fn answer_that_would_be_too_long_is_broken_not_cut() {
    let served = Served::start();
    assert!(matches!(client::ask(served.path(), &Request::NodeList {}), Err(Say::Broken { .. })));
}

#[test]
fn many_connections_that_say_nothing_do_not_stop_the_next() {
    let served = Served::start();
    let idle: Vec<UnixStream> =
        (0..7).map(|_| UnixStream::connect(socket_path(served.path())).unwrap()).collect();
    assert!(client::ask(served.path(), &codes(1)).is_ok());
    drop(idle);
}

#[test]
fn stale_socket_is_replaced_and_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(client::ask(folder.path(), &Request::Status {}), Err(Say::NotRunning { .. })));
    // A killed process leaves its socket file behind.
    drop(std::os::unix::net::UnixListener::bind(socket_path(folder.path())).unwrap());
    assert!(matches!(client::ask(folder.path(), &Request::Status {}), Err(Say::NotRunning { .. })));
    let runtime = runtime();
    let guard = runtime.enter();
    let control = Control::bind(folder.path()).unwrap();
    assert!(matches!(Control::bind(folder.path()), Err(Say::AlreadyRunning { .. })));
    drop(control);
    assert!(!socket_path(folder.path()).exists());
    drop(guard);
}

#[test]
fn path_too_long_for_a_socket_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let runtime = runtime();
    let _guard = runtime.enter();
    assert!(matches!(Control::bind(&deep), Err(Say::SocketPathLong { .. })));
}
