//! Pairings over real UDP on loopback, honest and not.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test fails on whatever it does not expect")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::fact::{AdminAdmitted, admin_admission_bytes};
use domain::id::{KioskId, NodeId, Signature, SiteId};
use ed25519_dalek::{Signer, SigningKey};
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::answer::{hear, say};
use super::ask::{Offered, Paired, Unpaired, ask};
use super::digits::Digits;
use super::waiting::{MOST_SHOWN, MOST_WAITING, Pairings, Waiting};
use super::words::{Nonce, Reason, Request, Word, commitment};
use crate::link::endpoint::{self, Endpoint};
use crate::link::{frame, tls};

const MALFORMED: u64 = 7;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn node_of(seed: u8) -> NodeId {
    NodeId(key(seed).verifying_key().to_bytes())
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn request(number: u8) -> Request {
    Request { kiosk: KioskId([number; 16]), machine: [number; 32], release: [0, 1, 0] }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect(what)
}

/// The port of an admin node, with nothing behind it but the place to wait.
struct Admin {
    site: SiteId,
    pairings: Arc<Pairings>,
    address: SocketAddr,
}

impl Admin {
    fn start(site_seed: u8, seed: u8) -> Self {
        let site_key = key(site_seed);
        let site = SiteId(site_key.verifying_key().to_bytes());
        let node = node_of(seed);
        let signature = site_key.sign(&admin_admission_bytes(&site, &node));
        let signature = Signature(signature.to_bytes());
        let pairings = Arc::new(Pairings::new(site, AdminAdmitted { node, signature }));
        let endpoint = Endpoint::bind(&key(seed), anywhere()).unwrap();
        endpoint.answer_pairings(&key(seed)).unwrap();
        let address = endpoint.address().unwrap();
        let answering = Arc::clone(&pairings);
        tokio::spawn(async move {
            while let Some(arrival) = endpoint.accept().await {
                let pairings = Arc::clone(&answering);
                tokio::spawn(async move {
                    if let Ok(proven) = arrival.prove().await {
                        assert!(proven.pairing);
                        pairings.answer(proven).await;
                    }
                });
            }
        });
        Self { site, pairings, address }
    }

    async fn waiting(&self, count: usize) -> Vec<Waiting> {
        within("machines that wait", async {
            loop {
                let waiting = self.pairings.waiting();
                if waiting.len() == count {
                    return waiting;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }
}

/// A machine that asks; what its screen shows, and what comes of it.
fn machine(
    seed: u8,
    address: SocketAddr,
) -> (oneshot::Receiver<Offered>, JoinHandle<Result<Paired, Unpaired>>) {
    let (show, shown) = oneshot::channel();
    let outcome = tokio::spawn(async move {
        ask(&key(seed), anywhere(), address, request(seed), |offered| {
            show.send(*offered).ok();
        })
        .await
    });
    (shown, outcome)
}

async fn by_hand(seed: u8, address: SocketAddr) -> (quinn::Endpoint, Connection) {
    let port = endpoint::for_pairing(&key(seed), anywhere()).unwrap();
    let connecting = port.connect(address, tls::SERVER_NAME).unwrap();
    let connection = within("TLS", connecting).await.unwrap();
    (port, connection)
}

/// As far as the offer: a machine that has committed to `committed`.
async fn committed(connection: &Connection, committed: [u8; 32]) -> (SendStream, RecvStream, Word) {
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    say(&mut send, Word::Commit(committed)).await.unwrap();
    let word = hear(&mut recv).await.unwrap();
    (send, recv, word)
}

async fn close_code(connection: &Connection) -> u64 {
    match within("a close", connection.closed()).await {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_screens_show_the_same_digits_and_the_confirmed_machine_hears_its_kiosk() {
    let admin = Admin::start(1, 2);
    let (shown, outcome) = machine(3, admin.address);
    let shown = within("digits", shown).await.unwrap();
    let [waiting] = admin.waiting(1).await[..] else { panic!() };
    assert_eq!((waiting.node, waiting.digits), (node_of(3), shown.digits));
    assert_eq!(waiting.request, request(3));
    assert_eq!((shown.site, shown.admin), (admin.site, node_of(2)));
    let kiosk = KioskId([9; 16]);
    let one = admin.pairings.take(waiting.node, waiting.digits).unwrap();
    one.conclude(Ok(kiosk));
    let paired = within("an outcome", outcome).await.unwrap().unwrap();
    assert_eq!((paired.site, paired.kiosk), (admin.site, kiosk));
    assert_eq!(paired.admission.node, node_of(2));
    assert_eq!(admin.pairings.waiting(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_needs_the_digits_and_a_refusal_is_told() {
    let admin = Admin::start(1, 2);
    let (shown, outcome) = machine(3, admin.address);
    let digits = within("digits", shown).await.unwrap().digits;
    admin.waiting(1).await;
    let others = if digits.to_string() == "000000" { "000001" } else { "000000" };
    let others: Digits = others.parse().unwrap();
    assert!(admin.pairings.take(node_of(3), others).is_none());
    assert!(admin.pairings.take(node_of(4), digits).is_none());
    let one = admin.pairings.take(node_of(3), digits).unwrap();
    assert!(admin.pairings.take(node_of(3), digits).is_none(), "two operators at once");
    admin.pairings.put_back(one);
    let one = admin.pairings.take(node_of(3), digits).unwrap();
    one.conclude(Err(Reason::Refused));
    let outcome = within("an outcome", outcome).await.unwrap();
    assert!(matches!(outcome, Err(Unpaired::Ended(Reason::Refused))), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_in_between_shows_two_screens_different_digits() {
    let admin = Admin::start(1, 2);
    // In between: a site and a node key of its own on one side, a machine on the other.
    let between = Admin::start(11, 12);
    let (shown, _victim) = machine(3, between.address);
    let (copied, _relay) = machine(12, admin.address);
    let victim = within("digits", shown).await.unwrap();
    let copied = within("digits", copied).await.unwrap();
    let at_the_desk = admin.waiting(1).await[0];
    assert_eq!(at_the_desk.digits, copied.digits);
    assert_ne!(at_the_desk.digits, victim.digits);
    assert_ne!(victim.site, admin.site);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_passed_on_under_another_key_is_refused_before_anything_is_revealed() {
    let admin = Admin::start(1, 2);
    let middle = Endpoint::bind(&key(12), anywhere()).unwrap();
    middle.answer_pairings(&key(12)).unwrap();
    let (_, outcome) = machine(3, middle.address().unwrap());
    let arrival = within("a machine", middle.accept()).await.unwrap();
    let victim = arrival.prove().await.unwrap().connection;
    let (mut to_victim, mut from_victim) = victim.accept_bi().await.unwrap();
    let (_port, onward) = by_hand(12, admin.address).await;
    let Word::Commit(hash) = hear(&mut from_victim).await.unwrap() else { panic!() };
    let (_send, _recv, offer) = committed(&onward, hash).await;
    say(&mut to_victim, offer).await.unwrap();
    assert!(hear(&mut from_victim).await.is_err(), "nothing is revealed");
    let outcome = within("an outcome", outcome).await.unwrap();
    assert!(matches!(outcome, Err(Unpaired::Odd)), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reveal_that_was_not_committed_to_is_refused() {
    let admin = Admin::start(1, 2);
    let nonce: Nonce = [5; 32];
    let revealed = [([6; 32], request(3)), (nonce, request(4))];
    for (nonce_shown, request_shown) in revealed {
        let (_port, connection) = by_hand(3, admin.address).await;
        let hash = commitment(&nonce, &request(3));
        let (mut send, _recv, offer) = committed(&connection, hash).await;
        assert!(matches!(offer, Word::Offer { .. }));
        let late = Word::Reveal { nonce: nonce_shown, request: request_shown };
        say(&mut send, late).await.unwrap();
        assert_eq!(close_code(&connection).await, MALFORMED);
        assert_eq!(admin.pairings.waiting(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_whatever_is_too_long_or_out_of_turn_ends_it() {
    let admin = Admin::start(1, 2);
    let framed = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        [&length[..], bytes].concat()
    };
    let commit = Word::Commit([1; 32]).write();
    let reveal = Word::Reveal { nonce: [1; 32], request: request(3) };
    let firsts = [
        framed(&[0xa5; 100]),
        framed(&[&commit[..], &[0]].concat()),
        framed(&commit[..20]),
        framed(&reveal.write()),
        framed(&Word::Paired(KioskId([1; 16])).write()),
        framed(&[b'E', 77]),
        0u32.to_le_bytes().to_vec(),
        u32::MAX.to_le_bytes().to_vec(),
        framed(&[b'C'; 4096]),
    ];
    for first in firsts {
        let (_port, connection) = by_hand(3, admin.address).await;
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        send.write_all(&first).await.unwrap();
        assert_eq!(close_code(&connection).await, MALFORMED, "{first:?}");
        assert!(recv.read(&mut [0]).await.is_err(), "not a byte of the site");
    }
    // A machine that waits and goes on talking does not wait any more.
    let (_port, connection) = by_hand(3, admin.address).await;
    let hash = commitment(&[1; 32], &request(3));
    let (mut send, _recv, _) = committed(&connection, hash).await;
    say(&mut send, reveal).await.unwrap();
    admin.waiting(1).await;
    send.write_all(b"x").await.unwrap();
    assert_eq!(close_code(&connection).await, MALFORMED);
    admin.waiting(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_wait_and_no_more_and_who_leaves_makes_room() {
    let admin = Admin::start(1, 2);
    let mut machines = Vec::new();
    for seed in 0..u8::try_from(MOST_WAITING).unwrap() {
        let (shown, outcome) = machine(20 + seed, admin.address);
        within("digits", shown).await.unwrap();
        machines.push(outcome);
    }
    admin.waiting(MOST_WAITING).await;
    let (_, outcome) = machine(90, admin.address);
    let outcome = within("an outcome", outcome).await.unwrap();
    assert!(matches!(outcome, Err(Unpaired::Ended(Reason::Busy))), "{outcome:?}");
    machines.pop().unwrap().abort();
    admin.waiting(MOST_WAITING - 1).await;
    // Its place is free a moment after it is off the list.
    let shown = within("room for one", async {
        loop {
            let (shown, _outcome) = machine(91, admin.address);
            if let Ok(shown) = shown.await {
                return shown;
            }
        }
    });
    assert_eq!(shown.await.admin, node_of(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_asks_again_waits_once() {
    let admin = Admin::start(1, 2);
    let (first_shown, first) = machine(3, admin.address);
    within("digits", first_shown).await.unwrap();
    admin.waiting(1).await;
    let (shown, _second) = machine(3, admin.address);
    let second_digits = within("digits", shown).await.unwrap().digits;
    let first = within("an outcome", first).await.unwrap();
    assert!(matches!(first, Err(Unpaired::Ended(Reason::AskedAgain))), "{first:?}");
    assert_eq!(admin.waiting(1).await[0].digits, second_digits);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_tries_again_and_again_gets_few_guesses() {
    let admin = Admin::start(1, 2);
    let mut offers = 0;
    for _ in 0..=MOST_SHOWN {
        let (_port, connection) = by_hand(3, admin.address).await;
        match committed(&connection, [1; 32]).await.2 {
            Word::Offer { .. } => offers += 1,
            // All places may be taken for a moment: what counts is how many offers there were.
            word => assert_eq!(word, Word::Ended(Reason::Busy)),
        }
    }
    assert!(offers <= MOST_SHOWN, "{offers}");
    let (_port, connection) = by_hand(4, admin.address).await;
    let mut last = committed(&connection, [1; 32]).await.2;
    while last != Word::Ended(Reason::Busy) {
        let (_port, connection) = by_hand(4, admin.address).await;
        last = committed(&connection, [1; 32]).await.2;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_pairs_nobody_says_so_in_tls() {
    let kiosk = Endpoint::bind(&key(8), anywhere()).unwrap();
    let address = kiosk.address().unwrap();
    tokio::spawn(async move {
        while let Some(arrival) = kiosk.accept().await {
            assert!(arrival.prove().await.is_err());
        }
    });
    let (_, outcome) = machine(3, address);
    let outcome = within("an outcome", outcome).await.unwrap();
    assert!(matches!(outcome, Err(Unpaired::NotThere)), "{outcome:?}");
}

#[test]
fn digits_are_read_as_people_type_them_and_nothing_else_is() {
    let digits: Digits = "042 137".parse().unwrap();
    assert_eq!(digits.to_string(), "042137");
    assert_eq!(digits.spaced(), "042 137");
    assert_eq!("042137".parse(), Ok(digits));
    for text in ["", "42137", "0421370", "04213x", "-42137", "٠٤٢١٣٧"] {
        assert!(text.parse::<Digits>().is_err(), "{text}");
    }
    assert!(" ".repeat(1_000_000).parse::<Digits>().is_err());
}

#[test]
fn every_word_reads_back_and_no_other_length_does() {
    let mut words = vec![
        Word::Commit([1; 32]),
        Word::Offer { nonce: [2; 32], site: SiteId([3; 32]), admission: Signature([4; 64]) },
        Word::Reveal { nonce: [5; 32], request: request(6) },
        Word::Paired(KioskId([7; 16])),
    ];
    words.extend(Reason::ALL.map(Word::Ended));
    for word in words {
        let bytes = word.write();
        assert!(bytes.len() <= super::words::LONGEST);
        assert_eq!(Word::read(&bytes).unwrap(), word);
        assert!(Word::read(&bytes[..bytes.len() - 1]).is_err());
        assert!(Word::read(&[&bytes[..], &[0]].concat()).is_err());
    }
    assert!(Word::read(&[]).is_err());
}

#[tokio::test]
async fn no_word_is_longer_than_what_is_read() {
    // What `frame` refuses before it takes memory is what `hear` asks it to.
    let admin = Admin::start(1, 2);
    let (_port, connection) = by_hand(3, admin.address).await;
    let (mut send, _recv) = connection.open_bi().await.unwrap();
    let long = vec![b'C'; super::words::LONGEST + 1];
    frame::write(&mut send, &long).await.unwrap();
    assert_eq!(close_code(&connection).await, MALFORMED);
}
