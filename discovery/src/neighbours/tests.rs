use super::*;
use crate::hint::Kind;

const SITE: [u8; 32] = [1; 32];
const OWN: [u8; 32] = [2; 32];
const NODE: [u8; 32] = [3; 32];
const OTHER: [u8; 32] = [4; 32];

fn table() -> Neighbours {
    Neighbours::new(SITE, OWN)
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn answer(name: &str, node: [u8; 32], addresses: &[&str]) -> Answer {
    let described = Described { site: SITE, node, kind: Kind::Kiosk, version: 1 };
    let addresses = addresses.iter().copied().map(at).collect();
    Answer { name: name.to_owned(), described: Some(described), addresses }
}

fn seen(node: [u8; 32], addresses: &[&str]) -> Hint {
    let addresses = addresses.iter().copied().map(at).collect();
    Hint::Seen { node, site: SITE, kind: Kind::Kiosk, version: 1, addresses }
}

#[test]
fn a_node_is_seen_once_however_often_it_answers() {
    let mut table = table();
    let hints = table.answered(answer("a", NODE, &["10.0.0.1:5"]));
    assert_eq!(hints, [seen(NODE, &["10.0.0.1:5"])]);
    for _ in 0..3 {
        assert_eq!(table.answered(answer("a", NODE, &["10.0.0.1:5"])), []);
    }
}

#[test]
fn addresses_that_come_in_parts_are_put_together() {
    let mut table = table();
    table.answered(answer("a", NODE, &["10.0.0.1:5"]));
    let hints = table.answered(answer("a", NODE, &["10.0.0.2:5"]));
    assert_eq!(hints, [seen(NODE, &["10.0.0.1:5", "10.0.0.2:5"])]);
    assert_eq!(table.answered(answer("a", NODE, &["10.0.0.1:5"])), []);
    assert_eq!(table.answered(answer("a", NODE, &[])), []);
}

#[test]
fn a_changed_port_drops_the_old_addresses() {
    let mut table = table();
    table.answered(answer("a", NODE, &["10.0.0.1:5", "10.0.0.2:5"]));
    let hints = table.answered(answer("a", NODE, &["10.0.0.1:6"]));
    assert_eq!(hints, [seen(NODE, &["10.0.0.1:6"])]);
}

#[test]
fn a_changed_version_is_seen() {
    let mut table = table();
    table.answered(answer("a", NODE, &["10.0.0.1:5"]));
    let mut newer = answer("a", NODE, &["10.0.0.1:5"]);
    newer.described = newer.described.map(|described| Described { version: 2, ..described });
    let hints = table.answered(newer);
    assert!(matches!(&hints[..], [Hint::Seen { version: 2, .. }]), "{hints:?}");
}

#[test]
fn an_answer_that_says_nothing_readable_keeps_what_was_known() {
    let mut table = table();
    let mute = |addresses| Answer { described: None, ..answer("a", NODE, addresses) };
    assert_eq!(table.answered(mute(&["10.0.0.1:5"])), []);
    table.answered(answer("a", NODE, &["10.0.0.1:5"]));
    let hints = table.answered(mute(&["10.0.0.2:5"]));
    assert_eq!(hints, [seen(NODE, &["10.0.0.1:5", "10.0.0.2:5"])]);
}

#[test]
fn without_an_address_there_is_no_hint() {
    let mut table = table();
    assert_eq!(table.answered(answer("a", NODE, &[])), []);
    assert_eq!(table.left("a"), []);
}

#[test]
fn a_goodbye_is_told_once() {
    let mut table = table();
    table.answered(answer("a", NODE, &["10.0.0.1:5"]));
    assert_eq!(table.left("A"), [Hint::Gone { node: NODE }]);
    assert_eq!(table.left("a"), []);
    assert_eq!(table.left("never heard of"), []);
    let back = table.answered(answer("a", NODE, &["10.0.0.1:5"]));
    assert_eq!(back, [seen(NODE, &["10.0.0.1:5"])]);
}

#[test]
fn a_node_under_two_names_is_gone_with_the_last() {
    let mut table = table();
    table.answered(answer("a", NODE, &["10.0.0.1:5"]));
    let hints = table.answered(answer("a (2)", NODE, &["10.0.0.1:6"]));
    assert_eq!(hints, [seen(NODE, &["10.0.0.1:5", "10.0.0.1:6"])]);
    assert_eq!(table.left("a"), [seen(NODE, &["10.0.0.1:6"])]);
    assert_eq!(table.left("a (2)"), [Hint::Gone { node: NODE }]);
}

#[test]
fn a_name_that_passes_to_another_node_ends_the_first() {
    let mut table = table();
    table.answered(answer("a", NODE, &["10.0.0.1:5"]));
    let hints = table.answered(answer("a", OTHER, &["10.0.0.9:5"]));
    assert_eq!(hints, [Hint::Gone { node: NODE }, seen(OTHER, &["10.0.0.9:5"])]);
}

#[test]
fn our_own_echo_is_not_heard() {
    let mut table = table();
    assert_eq!(table.answered(answer("me", OWN, &["10.0.0.1:5"])), []);
    assert_eq!(table.answered(answer("me (2)", OWN, &["10.0.0.6:5"])), []);
    assert_eq!(table.names.len(), 0);
}

#[test]
fn other_sites_are_counted_and_not_passed_on() {
    let mut table = table();
    let stranger = |name: &str| {
        let mut answer = answer(name, NODE, &["10.0.0.1:5"]);
        answer.described = answer.described.map(|d| Described { site: [9; 32], ..d });
        answer
    };
    for n in 0..5_000 {
        assert_eq!(table.answered(stranger(&n.to_string())), []);
    }
    assert_eq!((table.strangers, table.names.len()), (5_000, 0));
    table.answered(answer("a", NODE, &["10.0.0.1:5"]));
    assert_eq!(table.answered(stranger("a")), [Hint::Gone { node: NODE }]);
}

#[test]
fn a_flood_of_names_drops_the_oldest() {
    let mut table = table();
    let node = |n: u16| {
        let mut id = [7; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        id
    };
    let mut gone = Vec::new();
    for n in 0..3_000 {
        let hints = table.answered(answer(&n.to_string(), node(n), &["10.0.0.1:5"]));
        gone.extend(hints.into_iter().filter(|hint| matches!(hint, Hint::Gone { .. })));
        assert!(table.names.len() <= NAMES_MAX);
    }
    let wanted: Vec<_> = (0..3_000 - 1_024).map(|n| Hint::Gone { node: node(n) }).collect();
    assert_eq!(gone, wanted);
}

#[test]
fn a_flood_of_addresses_is_cut() {
    let mut table = table();
    for n in 0..=255 {
        table.answered(answer("a", NODE, &[&format!("10.0.0.{n}:5")]));
    }
    let hints = table.answered(answer("a (2)", NODE, &["9.0.0.1:5"]));
    let [Hint::Seen { addresses, .. }] = &hints[..] else { panic!("{hints:?}") };
    assert_eq!(addresses.len(), ADDRESSES_MAX);
    assert!(addresses.contains(&at("9.0.0.1:5")));
}

#[test]
fn a_name_silent_for_two_rounds_is_gone() {
    let mut table = table();
    table.answered(answer("a", NODE, &["10.0.0.1:5"]));
    table.answered(answer("b", OTHER, &["10.0.0.2:5"]));
    assert_eq!(table.next_round(), []);
    assert_eq!(table.answered(answer("b", OTHER, &["10.0.0.2:5"])), []);
    assert_eq!(table.next_round(), []);
    assert_eq!(table.answered(answer("b", OTHER, &["10.0.0.2:5"])), []);
    assert_eq!(table.next_round(), [Hint::Gone { node: NODE }]);
    assert_eq!(table.next_round(), []);
    assert_eq!(table.next_round(), [Hint::Gone { node: OTHER }]);
}
