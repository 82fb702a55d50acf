//! ractor_cluster over links, between processes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::pipe;

use crate::member::{LISTEN, SEED};
use crate::world::{anywhere, key, until, within};

/// A node as a process; killed when dropped.
struct Member {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<pipe::Receiver>>,
    address: SocketAddr,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Member {
    async fn start(seed: u8, listen: SocketAddr) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "member::a_member", "--nocapture", "--test-threads=1"])
            .env(SEED, seed.to_string())
            .env(LISTEN, listen.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = child.stdout.take().unwrap();
        let output = pipe::Receiver::from_owned_fd(output.into()).unwrap();
        let output = BufReader::new(output).lines();
        let mut member = Self { child, input, output, address: anywhere() };
        member.address = member.hears("address ").await.parse().unwrap();
        member
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn told(&mut self, order: &str) {
        writeln!(self.input, "{order}").unwrap();
    }

    /// The rest of the next line that begins so; lines before it are passed over.
    async fn hears(&mut self, beginning: &str) -> String {
        within(beginning, async {
            loop {
                let line = self.output.next_line().await.unwrap().unwrap();
                if let Some(rest) =
                    line.strip_prefix("> ").and_then(|line| line.strip_prefix(beginning))
                {
                    return rest.to_owned();
                }
            }
        })
        .await
    }

    async fn asked(&mut self, order: &str, beginning: &str) -> String {
        self.told(order);
        self.hears(beginning).await
    }

    /// What a node shows that has just come up. Both ends dial, and a question may go down with the
    /// connection that gives way: then it is asked again.
    async fn showing(&mut self, node: u8) -> String {
        within("an answer", async {
            loop {
                let answer = self.asked(&format!("showing {node}"), "showing ").await;
                if answer != "Err(NoAnswer)" {
                    return answer;
                }
            }
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_see_call_lose_and_find_each_other() {
    let mut admin = Member::start(1, anywhere()).await;
    let mut kiosk = Member::start(2, anywhere()).await;
    let other = Member::start(4, anywhere()).await;
    admin.told(&format!("dial {}", kiosk.address));
    assert_eq!(admin.hears("up ").await, "2");
    admin.told(&format!("dial {}", other.address));
    assert_eq!(admin.hears("up ").await, "4");
    assert_eq!(kiosk.hears("up ").await, "1");
    assert_eq!(admin.asked("members all", "members ").await, "[] [2, 4]");
    // Groups are not relayed: the kiosks do not see each other through the admin node.
    assert_eq!(kiosk.asked("members all", "members ").await, "[1] []");
    assert_eq!(admin.asked("showing 2", "showing ").await, r#"Ok("écran 2 nudged 0")"#);
    assert_eq!(kiosk.asked("showing 1", "showing ").await, r#"Ok("écran 1 nudged 0")"#);
    assert_eq!(kiosk.asked("showing 4", "showing ").await, "Err(NotHere)");
    assert_eq!(admin.asked("nudge 2", "nudged ").await, "Ok(())");
    assert_eq!(admin.asked("showing 2", "showing ").await, r#"Ok("écran 2 nudged 1")"#);
    assert_eq!(admin.asked("lock 2 forged", "locked ").await, "Ok(false)");
    assert_eq!(admin.asked("lock 2 signed", "locked ").await, "Ok(true)");
    assert_eq!(admin.asked("fault 2 a cut", "fault ").await, r#"Ok("bears a cut")"#);

    // Three times over: killed, seen as gone, back at the same port with the same key.
    for _ in 0..3 {
        let address = kiosk.address;
        kiosk.kill();
        assert_eq!(admin.hears("down ").await, "2");
        assert_eq!(admin.asked("showing 2", "showing ").await, "Err(NotHere)");
        kiosk = Member::start(2, address).await;
        assert_eq!(admin.hears("up ").await, "2");
        assert_eq!(kiosk.hears("up ").await, "1");
        assert_eq!(admin.showing(2).await, r#"Ok("écran 2 nudged 0")"#);
        assert_eq!(kiosk.showing(1).await, r#"Ok("écran 1 nudged 0")"#);
    }

    // Killed and back before anybody missed it: the new run tells the old links to let go.
    let address = kiosk.address;
    kiosk.kill();
    kiosk = Member::start(2, address).await;
    assert_eq!(admin.hears("down ").await, "2");
    assert_eq!(admin.hears("up ").await, "2");
    assert_eq!(kiosk.hears("up ").await, "1");

    // A link that ends and comes back within the same processes.
    for _ in 0..3 {
        admin.told("unlink 2");
        assert_eq!(admin.hears("down ").await, "2");
        assert_eq!(admin.hears("up ").await, "2");
        assert_eq!(admin.showing(2).await, r#"Ok("écran 2 nudged 0")"#);
    }
    assert_eq!(admin.asked("members all", "members ").await, "[] [2, 4]");
}

/// The TCP ports on which a process listens.
fn listening(process: u32) -> Vec<u16> {
    let sockets: Vec<String> = std::fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|to| Some(to.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6"] {
        let table =
            std::fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let columns: Vec<_> = line.split_whitespace().collect();
            if columns[3] == "0A" && sockets.iter().any(|inode| inode == columns[9]) {
                let (address, port) = columns[1].rsplit_once(':').unwrap();
                assert_eq!(address, "0100007F", "the listener is on 127.0.0.1 only");
                ports.push(u16::from_str_radix(port, 16).unwrap());
            }
        }
    }
    ports
}

/// What a stranger would send that knows ractor_cluster: a frame with its name.
fn name_frame() -> Vec<u8> {
    let name = b"poste@me";
    let mut frame = vec![10, 12, 10, 10, 10, 8];
    frame.extend_from_slice(name);
    let mut bytes = u64::try_from(frame.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(&frame);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intruder_on_the_tcp_listener_gets_nothing() {
    let mut member = Member::start(6, anywhere()).await;
    let process = member.child.id();
    until("a listener", async || !listening(process).is_empty()).await;
    let ports = listening(process);
    let [port] = ports[..] else { panic!("{ports:?}") };

    // In clear: a TLS alert, and never ractor_cluster.
    for sent in [name_frame(), vec![0; 64], b"GET / HTTP/1.1\r\n\r\n".to_vec()] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(&sent).unwrap();
        let mut alert = [0; 7];
        stream.read_exact(&mut alert).unwrap();
        assert_eq!(alert[..5], [21, 3, 3, 0, 2]);
        // Whether it ends with a close or with a reset does not matter.
        let mut rest = Vec::new();
        let _ended = stream.read_to_end(&mut rest);
        assert_eq!(rest, []);
    }

    // With TLS, and even with a node's key: no handshake succeeds.
    let (_, mut client) = actors::link::tls::configs(&key(7)).unwrap();
    client.alpn_protocols.clear();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("poste.node").unwrap();
    match within("an end", connector.connect(name, stream)).await {
        Err(_) => {}
        Ok(mut stream) => {
            let _sent = stream.write_all(&name_frame()).await;
            let mut got = Vec::new();
            let ended = within("an end", stream.read_to_end(&mut got)).await;
            assert!(ended.is_err() && got.is_empty(), "{got:?}");
        }
    }
    assert_eq!(member.asked("members all", "members ").await, "[] []");
}
