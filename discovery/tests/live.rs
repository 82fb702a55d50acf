//! Three nodes on loopback, each with a daemon of its own, find each other and part.
//!
//! As root the test runs itself again in a network namespace of its own, so that nothing at all can
//! leave this machine; elsewhere it runs on loopback as it is, and says so.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says where it runs"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use discovery::{Announcement, Discovery, Hint, Interfaces, Kind};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

const SITE: [u8; 32] = [0x51; 32];
/// Set for the run inside the namespace.
const INSIDE: &str = "DISCOVERY_TEST_INSIDE";
/// Nothing here takes more than some seconds; a machine under load may.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs a test in a namespace; true when this run is the one to do the work.
fn should_run_here(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        println!("in a network namespace of its own");
        return true;
    }
    let can = Command::new("unshare").args(["-n", "ip", "link", "set", "lo", "up"]).output();
    if !can.is_ok_and(|done| done.status.success()) {
        println!("no network namespace without root: on this machine's loopback");
        return true;
    }
    let script = "ip link set lo up && exec \"$0\" \"$@\"";
    let run = Command::new("unshare")
        .args(["-n", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(run.success(), "failed in its namespace");
    false
}

struct Node {
    id: [u8; 32],
    discovery: Discovery,
    hints: Receiver<Hint>,
    /// What the hints so far add up to.
    seen: BTreeMap<[u8; 32], (Kind, u16, Vec<SocketAddr>)>,
    statics: Vec<SocketAddr>,
}

impl Node {
    fn start(number: u8, site: [u8; 32], port: u16, peers: Vec<SocketAddr>) -> Self {
        let id = [number; 32];
        let kind = if number == 1 { Kind::Admin } else { Kind::Kiosk };
        let announcement = Announcement { site, node: id, kind, version: 1, port };
        let (discovery, hints) =
            Discovery::start(announcement, Interfaces::Loopback, peers).unwrap();
        Self { id, discovery, hints, seen: BTreeMap::new(), statics: Vec::new() }
    }

    /// Takes hints until `met`, or fails at the deadline.
    async fn until(&mut self, what: &str, met: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !met(self) {
                match self.hints.recv().await.unwrap() {
                    Hint::Seen { node, site, kind, version, addresses } => {
                        assert_eq!(site, SITE);
                        assert_ne!(node, self.id, "heard its own echo");
                        assert!(addresses.iter().all(|address| address.ip().is_loopback()));
                        self.seen.insert(node, (kind, version, addresses));
                    }
                    Hint::Gone { node } => {
                        assert!(self.seen.remove(&node).is_some(), "gone before it was seen");
                    }
                    Hint::Static { address } => self.statics.push(address),
                }
            }
        };
        let result = timeout(DEADLINE, waiting).await;
        assert!(result.is_ok(), "node {} never saw {what}: {:?}", self.id[0], self.seen);
    }

    fn sees(&self, number: u8, port: u16) -> bool {
        let seen = self.seen.get(&[number; 32]);
        seen.is_some_and(|(_, _, at)| at.iter().any(|address| address.port() == port))
    }
}

#[test]
fn nodes_appear_vanish_and_come_back_at_another_port() {
    if !should_run_here("nodes_appear_vanish_and_come_back_at_another_port") {
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut one = Node::start(1, SITE, 4_001, Vec::new());
        let mut two = Node::start(2, SITE, 4_002, Vec::new());
        let mut three = Node::start(3, SITE, 4_003, Vec::new());
        let stranger = Node::start(9, [0x99; 32], 4_009, Vec::new());
        one.until("two and three", |node| node.sees(2, 4_002) && node.sees(3, 4_003)).await;
        two.until("one and three", |node| node.sees(1, 4_001) && node.sees(3, 4_003)).await;
        three.until("one and two", |node| node.sees(1, 4_001) && node.sees(2, 4_002)).await;
        assert_eq!(two.seen.get(&[1; 32]).map(|(kind, _, _)| *kind), Some(Kind::Admin));
        assert_eq!(two.seen.get(&[3; 32]).map(|(kind, _, _)| *kind), Some(Kind::Kiosk));

        three.discovery.stop().await;
        one.until("three leave", |node| !node.seen.contains_key(&[3; 32])).await;
        two.until("three leave", |node| !node.seen.contains_key(&[3; 32])).await;

        let mut three = Node::start(3, SITE, 4_033, Vec::new());
        one.until("three at its new port", |node| node.sees(3, 4_033)).await;
        two.until("three at its new port", |node| node.sees(3, 4_033)).await;
        three.until("one and two", |node| node.sees(1, 4_001) && node.sees(2, 4_002)).await;
        assert!(!one.sees(3, 4_003) && !two.sees(3, 4_003));
        for node in [&one, &two, &three] {
            assert!(!node.seen.contains_key(&[9; 32]), "a node of another site was passed on");
        }

        // Dropped rather than stopped: leave is taken in the background.
        drop(three.discovery);
        one.until("three leave", |node| !node.seen.contains_key(&[3; 32])).await;
        one.discovery.stop().await;
        two.discovery.stop().await;
        stranger.discovery.stop().await;
    });
}

#[test]
fn static_peers_come_out_first() {
    if !should_run_here("static_peers_come_out_first") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let peers: Vec<SocketAddr> =
            (1..=600).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
        let mut node = Node::start(1, SITE, 4_101, peers.clone());
        node.until("its static peers", |node| node.statics.len() == 600).await;
        assert_eq!(node.statics, peers);
        node.discovery.stop().await;
    });
}

#[test]
fn impossible_interfaces_are_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let announcement =
        Announcement { site: SITE, node: [1; 32], kind: Kind::Admin, version: 1, port: 1 };
    let start = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Discovery::start(announcement.clone(), Interfaces::Named(names), Vec::new())
    };
    assert!(start(&["eth0"]).is_err(), "started outside of a runtime");
    let _inside = runtime.enter();
    for wrong in [&[][..], &[""], &["lo", ""], &["a-name-that-is-too-long"]] {
        assert!(start(wrong).is_err(), "{wrong:?}");
    }
}
