//! Peers that break the protocol, and strangers at the door.

use std::net::UdpSocket;
use std::sync::Arc;

use actors::link::endpoint::KEEP_ALIVE;
use actors::link::gate::MAX_HANDSHAKES_FROM_ONE;
use actors::link::hello::{Hello, VERSIONS};
use actors::link::intake::LinkEvent;
use actors::link::lane::Lane;
use actors::link::tls;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use tokio::task::JoinSet;

use crate::world::{DEADLINE, Node, REFUSED, SITE, anywhere, key, pair, until, within};

/// A connection whose TLS stands, made without the link floor.
async fn raw(seed: u8, node: &Node) -> (quinn::Endpoint, Connection) {
    let (_, client) = tls::configs(&key(seed)).unwrap();
    let client = QuicClientConfig::try_from(client).unwrap();
    let mut endpoint = quinn::Endpoint::client(anywhere()).unwrap();
    let mut config = quinn::ClientConfig::new(Arc::new(client));
    let mut transport = quinn::TransportConfig::default();
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    config.transport_config(Arc::new(transport));
    endpoint.set_default_client_config(config);
    let connecting = endpoint.connect(node.address, "poste.node").unwrap();
    let connection = within("TLS", connecting).await.unwrap();
    (endpoint, connection)
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(bytes.len()).unwrap().to_le_bytes().to_vec();
    frame.extend_from_slice(bytes);
    frame
}

fn hello() -> Hello {
    Hello { versions: VERSIONS, site: SITE, instance: [1; 8], greeting: b"salut".to_vec() }
}

/// A stream that begins with these bytes.
async fn stream(connection: &Connection, first: &[u8]) -> (SendStream, RecvStream) {
    let (mut send, recv) = connection.open_bi().await.unwrap();
    send.write_all(first).await.unwrap();
    (send, recv)
}

/// The named code with which the node closes.
async fn close_code(connection: &Connection) -> u64 {
    match within("a close", connection.closed()).await {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        other => panic!("{other}"),
    }
}

const NOT_MEMBER: u64 = 3;
const MALFORMED: u64 = 7;

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_strangers_get_a_reason_and_no_byte() {
    let node = Node::start(61).await;
    let good = hello().encode();
    let mut cases = vec![
        [b"C".as_slice(), &framed(&[0xa5; 500])].concat(),
        [b"C".as_slice(), &framed(&good[..40])].concat(),
        [b"C".as_slice(), &u32::MAX.to_le_bytes()].concat(),
        [b"C".as_slice(), &0u32.to_le_bytes()].concat(),
        [b"L".as_slice(), &framed(&good)].concat(),
        b"?".to_vec(),
    ];
    let mut longer = good.clone();
    longer.push(0);
    cases.push([b"C".as_slice(), &framed(&longer)].concat());
    let mut cases: Vec<_> = cases.into_iter().map(|first| (first, MALFORMED)).collect();
    // A stranger of the right site with the right manners and a key of its own.
    let unknown = Hello { greeting: REFUSED.to_vec(), ..hello() };
    cases.push(([b"C".as_slice(), &framed(&unknown.encode())].concat(), NOT_MEMBER));
    for (first, code) in cases {
        let (_endpoint, connection) = raw(62, &node).await;
        let (_send, mut recv) = stream(&connection, &first).await;
        assert_eq!(close_code(&connection).await, code);
        let mut byte = [0];
        assert!(recv.read(&mut byte).await.is_err(), "not a byte before the end");
        assert!(connection.accept_bi().await.is_err());
    }
    // A hello that breaks off is as bad.
    let (_endpoint, connection) = raw(62, &node).await;
    let (mut send, _recv) =
        stream(&connection, &[b"C".as_slice(), &framed(&good)[..50]].concat()).await;
    send.finish().unwrap();
    assert_eq!(close_code(&connection).await, MALFORMED);
    assert_eq!(node.peers.links().await, []);
}

/// A whole handshake by hand; the streams of the three lanes and of ractor_cluster.
async fn by_hand(connection: &Connection) -> Vec<(SendStream, RecvStream)> {
    let first = [b"C".as_slice(), &framed(&hello().encode())].concat();
    let (send, mut recv) = stream(connection, &first).await;
    let mut length = [0; 4];
    within("a hello", recv.read_exact(&mut length)).await.unwrap();
    let mut answer = vec![0; u32::from_le_bytes(length) as usize];
    within("a hello", recv.read_exact(&mut answer)).await.unwrap();
    assert_eq!(Hello::decode(&answer, VERSIONS).unwrap().0.greeting, b"bonjour");
    let mut streams = vec![(send, recv)];
    for tag in [b"L", b"U", b"R", b"A"] {
        streams.push(stream(connection, tag).await);
    }
    streams
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_frame_closes_the_link_and_the_node_lives_on() {
    let mut node = Node::start(63).await;
    let too_long = u32::try_from(Lane::Uses.max_frame() + 1).unwrap().to_le_bytes().to_vec();
    // On each stream: something before the breach, and whether the stream then ends.
    let breaches = [
        (2, too_long, false),
        (1, u32::MAX.to_le_bytes().to_vec(), false),
        (3, 0u32.to_le_bytes().to_vec(), false),
        (1, framed(b"cut short")[..8].to_vec(), true),
        (2, vec![1, 0], true),
        (2, vec![], true),
        (0, b"x".to_vec(), false),
    ];
    for (number, bytes, ends) in breaches {
        let (_endpoint, connection) = raw(64, &node).await;
        let mut streams = by_hand(&connection).await;
        let (peer, outbound) = node.up().await;
        let (send, _) = &mut streams[number];
        if number > 0 {
            send.write_all(&framed(b"well formed")).await.unwrap();
            assert!(matches!(node.event().await, LinkEvent::Frame { .. }));
        }
        send.write_all(&bytes).await.unwrap();
        if ends {
            send.finish().unwrap();
        }
        assert_eq!(close_code(&connection).await, MALFORMED, "{number} {bytes:?}");
        assert_eq!(node.down().await.0, peer);
        until("the way to send is gone", async || outbound.send(Lane::Uses, vec![1]).is_err())
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_on_the_port_is_counted_and_disturbs_no_link() {
    let (a, a_to_b, mut b, _) = pair(65, 66).await;
    let noise = UdpSocket::bind(anywhere()).unwrap();
    let mut seed = 1u64;
    for number in 0..500usize {
        let mut datagram = vec![0u8; number * 3 % 1400];
        for byte in &mut datagram {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (seed >> 56) as u8;
        }
        // Every kind of first byte: long and short headers, with and without the fixed bit.
        if let Some(first) = datagram.first_mut() {
            *first = (*first & 0x3f) | (u8::try_from(number % 4).unwrap() << 6);
        }
        // The system may drop some of a flood; the count below tells.
        noise.send_to(&datagram, b.address).unwrap();
        a_to_b.send(Lane::Uses, vec![1]).unwrap_or_default();
    }
    until("the noise is counted", async || b.endpoint.counts().strays >= 100).await;
    a_to_b.send(Lane::Ledger, b"still here".to_vec()).unwrap();
    loop {
        match b.event().await {
            LinkEvent::Frame { lane: Lane::Ledger, bytes, .. } => {
                assert_eq!(bytes, b"still here");
                break;
            }
            LinkEvent::Frame { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(b.endpoint.counts().open, 1);
    assert_eq!(a.peers.links().await.len(), 1);
    assert_eq!(a.endpoint.counts().strays, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_greets_is_closed_and_told_nothing() {
    let node = Node::start(67).await;
    let (_endpoint, connection) = raw(68, &node).await;
    // The stranger keeps the connection alive and waits for whatever comes.
    let heard = tokio::time::timeout(DEADLINE, connection.accept_bi()).await.unwrap();
    assert!(matches!(heard, Err(ConnectionError::ApplicationClosed(_))), "{heard:?}");
    until("nothing is kept of it", async || node.endpoint.counts().open == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_all_handshakes() {
    let node = Node::start(69).await;
    let (_, client) = tls::configs(&key(70)).unwrap();
    let client = QuicClientConfig::try_from(client).unwrap();
    let mut endpoint = quinn::Endpoint::client(anywhere()).unwrap();
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(client)));
    let mut dials = JoinSet::new();
    for _ in 0..40 {
        dials.spawn(endpoint.connect(node.address, "poste.node").unwrap());
    }
    let answers = within("answers", dials.join_all()).await;
    let refused = answers.iter().filter(|answer| answer.is_err()).count();
    assert!(refused >= 40 - MAX_HANDSHAKES_FROM_ONE, "{refused}");
    assert_eq!(node.endpoint.counts().turned_away, refused as u64);
}
