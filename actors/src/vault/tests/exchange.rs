//! Between vaults: loss, reordering, and everything that a peer may send.

use std::collections::VecDeque;

use domain::authority::NodeKind;
use domain::id::RowId;
use proptest::prelude::*;

use super::{Node, authorised_but, edit, node, row, settle};
use crate::vault::exchange::{MOST_FRAME, MOST_LISTED, RowMessage, Skipped};
use crate::vault::text::SealedText;
use crate::vault::write::MOST_VALUE;

/// One step of a lossy world of two nodes.
#[derive(Debug, Clone)]
enum Step {
    Write {
        at: usize,
        row: u8,
        field: u16,
        value: u8,
    },
    Erase {
        at: usize,
        row: u8,
    },
    Round {
        at: usize,
    },
    /// Delivers one message in flight to a node, out of order; or loses it; or doubles it.
    Deliver {
        to: usize,
        which: prop::sample::Index,
        fate: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let node = 0..2_usize;
    let step = prop_oneof![
        4 => (node.clone(), 0..6_u8, 0..3_u16, any::<u8>())
            .prop_map(|(at, row, field, value)| Step::Write { at, row, field, value }),
        1 => (node.clone(), 0..6_u8).prop_map(|(at, row)| Step::Erase { at, row }),
        1 => node.clone().prop_map(|at| Step::Round { at }),
        6 => (node, any::<prop::sample::Index>(), 0..4_u8)
            .prop_map(|(to, which, fate)| Step::Deliver { to, which, fate }),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn two_vaults_come_to_the_same_rows_through_loss_and_disorder(steps in steps()) {
        let mut nodes = [node(1), node(2)];
        let mut wires = [VecDeque::new(), VecDeque::new()];
        let mut erased = Vec::new();
        for step in steps {
            match step {
                Step::Write { at, row: number, field, value } => {
                    let seen = nodes[at].seen(row(number), field);
                    let edits = vec![edit(field, [value], seen)];
                    if let Ok(written) = nodes[at].write(row(number), edits) {
                        wires[1 - at].extend(written.messages);
                    }
                }
                Step::Erase { at, row: number } => {
                    nodes[at].vault.erase(row(number)).unwrap();
                    erased.push(row(number));
                }
                Step::Round { at } => wires[1 - at].extend(nodes[at].vault.begin_round()),
                Step::Deliver { to, which, fate } => {
                    if wires[to].is_empty() {
                        continue;
                    }
                    let place = which.index(wires[to].len());
                    let message = wires[to].remove(place).unwrap();
                    if fate == 0 {
                        continue;
                    }
                    if fate == 1 {
                        wires[to].push_back(message.clone());
                    }
                    let replies = nodes[to].hear(message).replies;
                    wires[1 - to].extend(replies);
                }
            }
        }
        let [a, b] = &mut nodes;
        // The ledger brings every erasure to both in the end.
        for row in &erased {
            a.vault.erase(*row).unwrap();
            b.vault.erase(*row).unwrap();
        }
        settle(a, b);
        for number in 0..6 {
            prop_assert_eq!(a.vault.read(row(number)).unwrap().map(|row| row.hash()),
                b.vault.read(row(number)).unwrap().map(|row| row.hash()));
            for field in 0..3 {
                prop_assert_eq!(a.texts_raw(row(number), field), b.texts_raw(row(number), field));
            }
        }
        // An idle round is one message.
        let digest = a.vault.begin_round().unwrap();
        prop_assert!(b.hear(digest).replies.is_empty());
    }

    #[test]
    fn random_bytes_are_refused_or_change_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut desk = node(1);
        desk.set(row(1), 1, "rouge");
        let before = desk.vault.digest();
        if let Ok(message) = RowMessage::decode(&bytes) {
            desk.hear(message);
        }
        prop_assert_eq!(desk.vault.digest(), before);
        prop_assert_eq!(desk.texts(row(1), 1), ["rouge"]);
    }

    #[test]
    fn a_bent_message_is_refused_or_changes_nothing(
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
        cut in any::<bool>(),
    ) {
        let (mut desk, mut other) = (node(1), node(2));
        desk.set(row(1), 1, "rouge");
        let before = desk.vault.digest();
        let mut frame = other.set(row(1), 1, "forgé").messages[0].encode().unwrap();
        let place = at.index(frame.len());
        if cut {
            frame.truncate(place);
        } else {
            frame[place] ^= flip;
        }
        if let Ok(message) = RowMessage::decode(&frame) {
            desk.hear(message);
        }
        prop_assert_eq!(desk.vault.digest(), before);
    }
}

impl Node {
    fn texts_raw(&self, row: RowId, field: u16) -> Vec<Vec<u8>> {
        let held = self.vault.read(row).unwrap();
        let field = held.and_then(|row| row.field(field));
        let values = field.map(|field| field.values().to_vec()).unwrap_or_default();
        values.into_iter().map(|value| value.bytes).collect()
    }
}

fn skipped(desk: &mut Node, message: RowMessage) -> Skipped {
    let before = desk.vault.digest();
    let handled = desk.hear(message);
    assert!(handled.replies.is_empty() && handled.learned.is_empty());
    assert_eq!(handled.ticket, None);
    assert_eq!(desk.vault.digest(), before);
    handled.skipped
}

#[test]
fn a_write_without_authority_is_skipped_and_counted() {
    let (mut desk, mut stranger) = (node(1), node(3));
    let message = stranger.set(row(1), 1, "intrus").messages.remove(0);
    let judge = authorised_but(Some(3));
    let handled = desk.vault.handle(NodeKind::Admin, message, &judge, &mut desk.rng).unwrap();
    assert_eq!(handled.skipped, Skipped { unauthorised: 1, ..Skipped::default() });
    assert!(desk.vault.is_empty());
}

#[test]
fn a_kiosk_learns_nothing_and_teaches_nothing() {
    let (mut desk, mut other) = (node(1), node(2));
    desk.set(row(1), 1, "rouge");
    let rows = other.set(row(2), 1, "bleu").messages.remove(0);
    let judge = authorised_but(None);
    for message in [RowMessage::Digest([0; 32]), RowMessage::Want(vec![row(1)]), rows] {
        let handled = desk.vault.handle(NodeKind::Kiosk, message, &judge, &mut desk.rng).unwrap();
        assert!(handled.replies.is_empty());
        assert_eq!(handled.skipped, Skipped { unwelcome: 1, ..Skipped::default() });
    }
    assert_eq!(desk.vault.len(), 1);
    // Nor does an admin node take in what is meant for a kiosk's screen.
    let text = SealedText { row: row(1), text: "Bonjour".into(), expires_ms: 0 };
    let unwelcome = Skipped { unwelcome: 1, ..Skipped::default() };
    assert_eq!(skipped(&mut desk, RowMessage::Text(text)), unwelcome);
}

#[test]
fn cells_beyond_their_bounds_are_skipped_and_counted() {
    let mut other = node(2);
    let RowMessage::Rows(mut cells) = other.set(row(1), 1, "bleu").messages.remove(0) else {
        panic!("a write is sent as rows");
    };
    let good = cells.remove(0);
    let mut elsewhere = good.clone();
    elsewhere.field = 2;
    let mut beyond = good.clone();
    beyond.field = 64;
    let mut foreign = good.clone();
    foreign.row = row(9);
    let empty = crate::vault::row::Cell::empty(row(1), good.kind, 1);
    let mut large = empty.clone();
    let mut write = good.heads()[0].clone();
    write.value = vec![7; MOST_VALUE + 1];
    large.add(write);
    let mut greedy = empty.clone();
    let mut write = good.heads()[0].clone();
    write.replaces = (0..17).map(|n| crate::vault::write::WriteId([n; 16])).collect();
    greedy.add(write);
    let mut desk = node(1);
    let bad = vec![elsewhere, beyond, foreign, empty, large, greedy];
    let counted = Skipped { malformed: bad.len(), ..Skipped::default() };
    assert_eq!(skipped(&mut desk, RowMessage::Rows(bad)), counted);
    // The good one among bad ones is taken.
    let handled = desk.hear(RowMessage::Rows(vec![good.clone()]));
    assert_eq!(handled.learned, [row(1)]);
}

#[test]
fn messages_beyond_their_bounds_are_malformed() {
    let listed = |count: usize| -> Vec<RowId> {
        (0..count as u128).map(|n| RowId(n.to_be_bytes())).collect()
    };
    let offer = |from: u8, until: u8, rows: Vec<RowId>| RowMessage::Offer {
        from: row(from),
        until: row(until),
        rows: rows.into_iter().map(|row| (row, [0; 32])).collect(),
    };
    for bad in [
        RowMessage::Buckets(vec![[0; 32]; 255]),
        RowMessage::Buckets(vec![[0; 32]; 257]),
        RowMessage::Want(listed(MOST_LISTED + 1)),
        RowMessage::Want(vec![row(2), row(1)]),
        RowMessage::Want(vec![row(1), row(1)]),
        offer(3, 2, vec![]),
        offer(1, 3, vec![row(4)]),
        offer(1, 3, vec![row(2), row(2)]),
        RowMessage::Text(SealedText { row: row(1), text: "é".repeat(501), expires_ms: 0 }),
    ] {
        let frame = bad.encode().unwrap();
        assert!(RowMessage::decode(&frame).is_err(), "{bad:?}");
        let malformed = Skipped { malformed: 1, ..Skipped::default() };
        assert_eq!(skipped(&mut node(1), bad), malformed);
    }
    assert!(RowMessage::decode(&vec![0; MOST_FRAME + 1]).is_err());
    let mut trailing = RowMessage::Want(listed(3)).encode().unwrap();
    assert!(RowMessage::decode(&trailing).is_ok());
    trailing.push(0);
    assert!(RowMessage::decode(&trailing).is_err());
}

#[test]
fn large_rows_travel_in_frames_that_fit() {
    let (mut desk, mut other) = (node(1), node(2));
    let full = |n: usize| vec![n as u8; MOST_VALUE];
    for number in 0..4 {
        let edits = (0..64).map(|field| edit(field, full(usize::from(field)), vec![])).collect();
        for message in desk.write(row(number), edits).unwrap().messages {
            assert!(message.encode().unwrap().len() <= MOST_FRAME);
        }
    }
    let told = desk.hear(RowMessage::Want((0..4).map(row).collect())).replies;
    assert!(told.len() >= 4);
    for message in &told {
        let frame = message.encode().unwrap();
        assert!(frame.len() <= MOST_FRAME);
        other.hear(RowMessage::decode(&frame).unwrap());
    }
    assert_eq!(desk.vault.digest(), other.vault.digest());
}

#[test]
fn an_offer_is_answered_with_what_it_lacks_and_a_wish_for_what_it_has() {
    let mut desk = node(1);
    for number in [1, 2] {
        desk.set(row(number), 1, "rouge");
    }
    desk.vault.erase(row(4)).unwrap();
    let same = desk.vault.index[&row(1)].hash;
    let theirs = vec![(row(1), same), (row(3), [7; 32]), (row(4), [7; 32])];
    let offer = RowMessage::Offer { from: row(0), until: row(9), rows: theirs };
    let replies = desk.hear(offer).replies;
    let [RowMessage::Rows(cells), RowMessage::Want(wanted)] = replies.as_slice() else {
        panic!("rows and a wish, not {replies:?}");
    };
    assert_eq!(cells.iter().map(|cell| cell.row).collect::<Vec<_>>(), [row(2)]);
    assert_eq!(*wanted, [row(3)]);
}

#[test]
fn a_crowded_bucket_is_offered_in_parts_that_leave_no_gap() {
    let mut desk = node(1);
    desk.set(row(0), 1, "rouge");
    let standing = *desk.vault.index.get(&row(0)).unwrap();
    for number in 0..4_500_u128 {
        desk.vault.index.insert(RowId((number * 3 + 1).to_be_bytes()), standing);
    }
    desk.vault.tree.touch(row(0));
    let mut buckets = vec![[0; 32]; 256];
    let offers = desk.hear(RowMessage::Buckets(std::mem::take(&mut buckets))).replies;
    assert_eq!(offers.len(), 3);
    let mut next = 0_u128;
    for offer in offers {
        assert!(RowMessage::decode(&offer.encode().unwrap()).is_ok());
        let RowMessage::Offer { from, until, .. } = offer else { panic!("an offer") };
        assert_eq!(u128::from_be_bytes(from.0), next);
        next = u128::from_be_bytes(until.0) + 1;
    }
    assert_eq!(next, 1 << 120);
}
