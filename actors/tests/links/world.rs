//! Nodes without a Replica: a port, the peers actor, and a judge that says what the test wants.

use std::net::SocketAddr;
use std::time::Duration;

use actors::link::close::{CloseReason, LinkEnd};
use actors::link::endpoint::Endpoint;
use actors::link::handshake::{Introduction, PeerKind};
use actors::link::intake::{Intake, LinkEvent};
use actors::link::outbound::Outbound;
use actors::peers::{FanOut, Hint, Peers, PeersSettings};
use ed25519_dalek::SigningKey;
use tokio::sync::{mpsc, watch};

pub(crate) const SITE: [u8; 32] = [5; 32];

/// A deadline generous enough for a busy machine; reached only when something is broken.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn node_of(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

pub(crate) fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {DEADLINE:?}: {what}"),
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    within(what, async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

pub(crate) struct Node {
    pub(crate) id: [u8; 32],
    pub(crate) endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    pub(crate) peers: Peers,
    pub(crate) events: mpsc::Receiver<LinkEvent>,
    settings: PeersSettings,
    _greeting: watch::Sender<Vec<u8>>,
}

/// The greeting that the judges of these tests refuse.
pub(crate) const REFUSED: &[u8] = b"nobody knows me";

impl Node {
    pub(crate) async fn start(seed: u8) -> Self {
        Self::start_as(seed, FanOut::ADMIN, b"bonjour").await
    }

    /// A node that greets so; it admits everybody as a kiosk but those that greet [`REFUSED`].
    pub(crate) async fn start_as(seed: u8, fan_out: FanOut, greeting: &[u8]) -> Self {
        let endpoint = Endpoint::bind(&key(seed), anywhere()).unwrap();
        let (greeting, greeted) = watch::channel(greeting.to_vec());
        let (intake, events) = Intake::new();
        let (meetings, mut met) = mpsc::channel::<actors::peers::Meeting>(16);
        tokio::spawn(async move {
            while let Some(meeting) = met.recv().await {
                if meeting.greeting == REFUSED {
                    meeting.refuse(CloseReason::NotMember);
                } else {
                    meeting.admit(PeerKind::Kiosk);
                }
            }
        });
        let settings = PeersSettings {
            endpoint: endpoint.clone(),
            introduction: Introduction::new(SITE, greeted),
            fan_out,
            hints: Vec::new(),
            intake,
            meetings,
            cluster: mpsc::channel(1).0,
            pairings: None,
            told: Default::default(),
        };
        let (peers, _) = Peers::start(settings.clone(), None).await.unwrap();
        let address = endpoint.address().unwrap();
        let (id, _greeting) = (node_of(seed), greeting);
        Self { id, endpoint, address, peers, events, settings, _greeting }
    }

    /// Starts the peers actor again, as its supervisor would.
    pub(crate) async fn restart(&mut self) {
        self.peers.start_again(self.settings.clone(), None).await.unwrap();
    }

    pub(crate) fn hint(&self, other: &Self) {
        let (node, address) = (Some(other.id), other.address);
        self.peers.hint(Hint { node, address, kind: PeerKind::Kiosk });
    }

    pub(crate) async fn event(&mut self) -> LinkEvent {
        within("a link event", self.events.recv()).await.unwrap()
    }

    /// The next coming; frames and goings before it are passed over.
    pub(crate) async fn up(&mut self) -> ([u8; 32], Outbound) {
        loop {
            if let LinkEvent::Up { peer, outbound, .. } = self.event().await {
                return (peer, outbound);
            }
        }
    }

    /// The next going; frames and comings before it are passed over.
    pub(crate) async fn down(&mut self) -> ([u8; 32], LinkEnd) {
        loop {
            if let LinkEvent::Down { peer, reason } = self.event().await {
                return (peer, reason);
            }
        }
    }
}

/// Two linked nodes, the first having dialled, with their ways to each other.
pub(crate) async fn pair(first: u8, second: u8) -> (Node, Outbound, Node, Outbound) {
    let (mut a, mut b) = (Node::start(first).await, Node::start(second).await);
    a.hint(&b);
    let ((to, a_to_b), (from, b_to_a)) = (a.up().await, b.up().await);
    assert_eq!((to, from), (b.id, a.id));
    (a, a_to_b, b, b_to_a)
}
