//! Which connections become links, and how links come back.

use actors::link::LinkError;
use actors::link::close::{CloseReason, LinkEnd};
use actors::link::endpoint::Endpoint;
use actors::link::handshake::{Introduction, Judge, Link, PeerKind, Stranger};
use actors::link::intake::{Intake, LinkEvent};
use actors::link::lane::Lane;
use actors::link::session::Session;
use actors::peers::{FanOut, Hint};
use tokio::sync::watch;

use crate::world::{Node, REFUSED, SITE, anywhere, key, node_of, pair, until, within};

/// Admits everybody.
struct Open;

impl Judge for Open {
    async fn judge(&self, _stranger: &Stranger) -> Result<PeerKind, CloseReason> {
        Ok(PeerKind::Unknown)
    }
}

fn introduction(site: [u8; 32], greeting: &[u8]) -> Introduction {
    Introduction::new(site, watch::channel(greeting.to_vec()).1)
}

/// How a dial to `node` with this introduction ends.
async fn end_of_dial(seed: u8, node: &Node, introduction: &Introduction) -> LinkEnd {
    let endpoint = Endpoint::bind(&key(seed), anywhere()).unwrap();
    let proven = within("TLS", endpoint.dial(node.address, Some(node.id))).await.unwrap();
    within("the handshake", Link::establish(proven, introduction, &Open)).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_the_reason_and_nothing_else_happens() {
    let mut node = Node::start(11).await;
    let future = Introduction { versions: (2, 9), ..introduction(SITE, b"") };
    let cases = [
        (future, CloseReason::VersionMismatch),
        (introduction([6; 32], b""), CloseReason::OtherSite),
        (introduction(SITE, REFUSED), CloseReason::NotMember),
    ];
    for (introduction, reason) in cases {
        assert_eq!(end_of_dial(12, &node, &introduction).await, LinkEnd::Theirs(reason));
    }
    assert!(node.events.try_recv().is_err());
    assert_eq!(node.peers.links().await, []);
    let longest = introduction(SITE, &vec![9; actors::link::hello::MAX_GREETING]);
    let endpoint = Endpoint::bind(&key(12), anywhere()).unwrap();
    let proven = endpoint.dial(node.address, None).await.unwrap();
    let link = within("a welcome", Link::establish(proven, &longest, &Open)).await.unwrap();
    assert_eq!(link.peer(), node.id);
    assert_eq!(node.up().await.0, node_of(12));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialler_leaves_whoever_is_not_the_node_it_sought() {
    let node = Node::start(13).await;
    let endpoint = Endpoint::bind(&key(14), anywhere()).unwrap();
    let end = within("TLS", endpoint.dial(node.address, Some(node_of(15)))).await.unwrap_err();
    assert_eq!(end, LinkEnd::Ours(CloseReason::OtherNode));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named() {
    let node = Node::start(16).await;
    let error = Endpoint::bind(&key(17), node.address).unwrap_err();
    assert!(matches!(error, LinkError::PortInUse(address) if address == node.address));
    assert!(error.to_string().contains(&node.address.port().to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_dial_each_other_keep_one_connection() {
    for round in 0..5u8 {
        let (mut a, mut b) = (Node::start(20 + round).await, Node::start(30 + round).await);
        // Bare addresses: neither knows whom it dials, so neither lets the other go first.
        let bare = |address| Hint { node: None, address, kind: PeerKind::Unknown };
        a.peers.hint(bare(b.address));
        b.peers.hint(bare(a.address));
        let (_, mut a_to_b) = a.up().await;
        until("one connection at both ends", async || {
            a.endpoint.counts().open == 1
                && b.endpoint.counts().open == 1
                && a.peers.links().await.len() == 1
                && b.peers.links().await.len() == 1
        })
        .await;
        let (from_a, from_b) = (a.peers.links().await, b.peers.links().await);
        assert_ne!(from_a[0].dialled, from_b[0].dialled);
        // Whatever replaced what: the last way that was told works.
        while let Ok(event) = a.events.try_recv() {
            if let LinkEvent::Up { outbound, .. } = event {
                a_to_b = outbound;
            }
        }
        a_to_b.send(Lane::Uses, vec![1]).unwrap();
        while !matches!(b.event().await, LinkEvent::Frame { .. }) {}
    }
}

/// A link to `node` that it dialled itself, and then how a dial back to it ends.
async fn dialled_then_dialling(
    seed: u8,
    node: &mut Node,
    first: &Introduction,
    second: &Introduction,
) -> (Link, Result<Link, LinkEnd>) {
    let endpoint = Endpoint::bind(&key(seed), anywhere()).unwrap();
    let address = endpoint.address().unwrap();
    let (id, kind) = (Some(node_of(seed)), PeerKind::Kiosk);
    node.peers.hint(Hint { node: id, address, kind });
    let arrival = within("a dial", endpoint.accept()).await.unwrap();
    let proven = within("TLS", arrival.prove()).await.unwrap();
    let former = within("a link", Link::establish(proven, first, &Open)).await.unwrap();
    assert_eq!(node.up().await.0, node_of(seed));
    let proven = endpoint.dial(node.address, None).await.unwrap();
    let latter = within("an end", Link::establish(proven, second, &Open)).await;
    (former, latter)
}

async fn end_of(link: Link) -> LinkEnd {
    let (session, _outbound) = Session::new(link);
    let run = session.run(Intake::new().0, tokio::sync::mpsc::channel(1).0);
    within("the end of a link", run).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_connections_the_one_dialled_by_the_lower_id_stays() {
    let (low, high) = if node_of(81) < node_of(82) { (81, 82) } else { (82, 81) };
    let ours = introduction(SITE, b"");

    let mut node = Node::start(low).await;
    let (_former, latter) = dialled_then_dialling(high, &mut node, &ours, &ours).await;
    assert_eq!(latter.unwrap_err(), LinkEnd::Theirs(CloseReason::Duplicate));

    let mut node = Node::start(high).await;
    let (former, latter) = dialled_then_dialling(low, &mut node, &ours, &ours).await;
    let _latter = latter.unwrap();
    assert_eq!(end_of(former).await, LinkEnd::Theirs(CloseReason::Duplicate));
    let down = (node_of(low), LinkEnd::Ours(CloseReason::Duplicate));
    assert_eq!(node.down().await, down);
    assert_eq!(node.up().await.0, node_of(low));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_peer_replaces_its_former_self_whoever_dialled() {
    let (low, high) = if node_of(83) < node_of(84) { (83, 84) } else { (84, 83) };
    let (before, after) = (introduction(SITE, b""), introduction(SITE, b""));
    let mut node = Node::start(low).await;
    let (former, latter) = dialled_then_dialling(high, &mut node, &before, &after).await;
    let _latter = latter.unwrap();
    assert_eq!(end_of(former).await, LinkEnd::Theirs(CloseReason::Duplicate));
    assert_eq!(node.up().await.0, node_of(high));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_link_actor_is_told_and_the_link_comes_back() {
    let (mut a, _, mut b, _) = pair(41, 42).await;
    let cells = a.peers.link_cells().await;
    assert_eq!(cells.len(), 1);
    cells[0].1.kill();
    assert_eq!(a.down().await, (b.id, LinkEnd::Crashed));
    assert_eq!(b.down().await, (a.id, LinkEnd::Theirs(CloseReason::Shutdown)));
    let ((_, a_to_b), _) = (a.up().await, b.up().await);
    a_to_b.send(Lane::Ledger, vec![1]).unwrap();
    assert!(matches!(b.event().await, LinkEvent::Frame { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peers_actor_that_is_started_again_tells_its_links_as_down() {
    let (mut a, _, mut b, _) = pair(43, 44).await;
    b.peers.cell().kill();
    assert_eq!(a.down().await.0, b.id);
    b.restart().await;
    assert_eq!(b.down().await, (a.id, LinkEnd::Crashed));
    assert_eq!(b.up().await.0, a.id);
    assert_eq!(a.up().await.0, b.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_closed_as_revoked_learns_so() {
    let (mut a, _, mut b, _) = pair(45, 46).await;
    a.peers.forget(b.id);
    a.peers.close(b.id, CloseReason::Revoked);
    assert_eq!(a.down().await, (b.id, LinkEnd::Ours(CloseReason::Revoked)));
    assert_eq!(b.down().await, (a.id, LinkEnd::Theirs(CloseReason::Revoked)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kiosk_keeps_no_more_links_to_kiosks_than_its_fan_out() {
    let fan_out = FanOut { admin: false, max_kiosk_links: 2 };
    let mut kiosk = Node::start_as(50, fan_out, b"bonjour").await;
    let mut others = Vec::new();
    for seed in 51..53 {
        let other = Node::start(seed).await;
        other.hint(&kiosk);
        others.push(other);
    }
    kiosk.up().await;
    kiosk.up().await;
    let endpoint = Endpoint::bind(&key(54), anywhere()).unwrap();
    let proven = endpoint.dial(kiosk.address, None).await.unwrap();
    let refused = Link::establish(proven, &introduction(SITE, b""), &Open).await.unwrap_err();
    assert_eq!(refused, LinkEnd::Theirs(CloseReason::Overrun));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_avoided_comes_back_when_the_cut_ends_by_itself() {
    let (mut a, _, mut b, _) = pair(47, 48).await;
    let cut = std::time::Duration::from_secs(2);
    let began = std::time::Instant::now();
    a.peers.avoid(vec![b.id], cut);
    assert_eq!(a.down().await.0, b.id);
    assert_eq!(b.down().await, (a.id, LinkEnd::Theirs(CloseReason::Shutdown)));
    // Whoever is avoided knocks in vain, and nobody says that the cut is over.
    b.hint(&a);
    assert_eq!(a.up().await.0, b.id);
    assert!(began.elapsed() >= cut);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_that_is_healed_ends_at_once() {
    let (mut a, _, b, _) = pair(49, 50).await;
    a.peers.avoid(vec![b.id], std::time::Duration::from_secs(3_600));
    assert_eq!(a.down().await.0, b.id);
    a.peers.avoid(Vec::new(), std::time::Duration::ZERO);
    assert_eq!(a.up().await.0, b.id);
}
