//! One node with links and gateway, as a process of its own.
//!
//! [`a_member`] is no test: started with [`SEED`] in its environment it is a node that says on
//! its output what happens and does what it reads on its input, until that ends.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use actors::gateway::{
    FaultAnswer, Gateway, GatewayEvent, GatewaySettings, Group, LiveCalls, lanes,
};
use actors::link::endpoint::Endpoint;
use actors::link::handshake::{Introduction, PeerKind};
use actors::link::intake::Intake;
use actors::peers::{FanOut, Hint, Meeting, Peers, PeersSettings};
use tokio::sync::{mpsc, watch};

use crate::world::{SITE, key, node_of};

pub(crate) const SEED: &str = "POSTE_TEST_MEMBER";
pub(crate) const LISTEN: &str = "POSTE_TEST_LISTEN";

/// The order that members obey.
const ORDER: &str = "signed";

struct Screen {
    seed: u8,
    nudges: AtomicU32,
}

impl LiveCalls for Screen {
    fn showing(&self) -> String {
        format!("écran {} nudged {}", self.seed, self.nudges.load(Ordering::Relaxed))
    }

    fn nudge(&self) {
        self.nudges.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self, order: &[u8]) -> bool {
        order == ORDER.as_bytes()
    }

    fn reboot(&self, _order: &[u8]) -> bool {
        false
    }

    fn fault(&self, order: Vec<u8>, answer: FaultAnswer) {
        answer([b"bears ".to_vec(), order].concat());
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // On a line of its own: the test harness writes to the same output.
    writeln!(out, "\n> {line}").unwrap();
    out.flush().unwrap();
}

/// The seed of the member with this key; tests use small ones.
fn seed_of(node: [u8; 32]) -> u8 {
    (1..=255).find(|seed| node_of(*seed) == node).unwrap()
}

#[test]
fn a_member() {
    let Ok(seed) = std::env::var(SEED) else {
        return;
    };
    let seed: u8 = seed.parse().unwrap();
    let listen: SocketAddr = std::env::var(LISTEN).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(member(seed, listen));
    std::process::exit(0);
}

async fn member(seed: u8, listen: SocketAddr) {
    let endpoint = Endpoint::bind(&key(seed), listen).unwrap();
    let address = endpoint.address().unwrap();
    let (_greeting, greeted) = watch::channel(b"bonjour".to_vec());
    let (intake, mut events) = Intake::new();
    let (meetings, mut met) = mpsc::channel::<Meeting>(16);
    let (cluster, lanes) = lanes();
    tokio::spawn(async move {
        while let Some(meeting) = met.recv().await {
            meeting.admit(PeerKind::Kiosk);
        }
    });
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    let (changes, mut changed) = mpsc::channel(16);
    let gateway = GatewaySettings {
        node: node_of(seed),
        site: SITE,
        group: if seed % 2 == 1 { Group::Admins } else { Group::Kiosks },
        calls: Arc::new(Screen { seed, nudges: AtomicU32::new(0) }),
        lanes,
        events: changes,
    };
    let (gateway, _) = Gateway::start(gateway, None).await.unwrap();
    let peers = PeersSettings {
        endpoint,
        introduction: Introduction::new(SITE, greeted),
        fan_out: FanOut::ADMIN,
        hints: Vec::new(),
        intake,
        meetings,
        cluster,
        pairings: None,
        told: Default::default(),
    };
    let (peers, _) = Peers::start(peers, None).await.unwrap();
    tokio::spawn(async move {
        while let Some(event) = changed.recv().await {
            match event {
                GatewayEvent::MemberUp(node) => say(&format!("up {}", seed_of(node))),
                GatewayEvent::MemberDown(node) => say(&format!("down {}", seed_of(node))),
            }
        }
    });
    say(&format!("address {address}"));
    let (lines, mut orders) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            lines.blocking_send(line.unwrap()).unwrap();
        }
    });
    while let Some(line) = orders.recv().await {
        let (verb, about) = line.split_once(' ').unwrap();
        match verb {
            "dial" => {
                let address = about.parse().unwrap();
                peers.hint(Hint { node: None, address, kind: PeerKind::Unknown });
            }
            "showing" => {
                let shown = gateway.showing(node_of(about.parse().unwrap())).await;
                say(&format!("showing {shown:?}"));
            }
            "nudge" => {
                let nudged = gateway.nudge(node_of(about.parse().unwrap())).await;
                say(&format!("nudged {nudged:?}"));
            }
            "lock" => {
                let (seed, order) = about.split_once(' ').unwrap();
                let node = node_of(seed.parse().unwrap());
                let locked = gateway.lock(node, order.as_bytes().to_vec()).await;
                say(&format!("locked {locked:?}"));
            }
            "fault" => {
                let (seed, order) = about.split_once(' ').unwrap();
                let node = node_of(seed.parse().unwrap());
                let word = gateway.fault(node, order.as_bytes().to_vec()).await;
                say(&format!("fault {:?}", word.map(|word| String::from_utf8(word).unwrap())));
            }
            "unlink" => {
                let node = node_of(about.parse().unwrap());
                peers.close(node, actors::link::close::CloseReason::Shutdown);
            }
            "members" => {
                let seeds = |nodes: Vec<_>| nodes.into_iter().map(seed_of).collect::<Vec<_>>();
                let admins = seeds(gateway.members(Group::Admins).await);
                let kiosks = seeds(gateway.members(Group::Kiosks).await);
                say(&format!("members {admins:?} {kiosks:?}"));
            }
            other => panic!("{other}"),
        }
    }
}
