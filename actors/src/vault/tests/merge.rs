//! Properties of the merge: any order, any repetition, and erasure over all.

use domain::id::{EpochId, OperatorId, RowId, Signature};
use proptest::prelude::*;

use super::{edit, node, row, settle};
use crate::vault::row::{Cell, Change, MOST_HEADS, Row};
use crate::vault::write::{FieldWrite, RowKind, WriteId};

const ROW: RowId = RowId([5; 16]);

fn write(number: u8, replaces: Vec<WriteId>) -> FieldWrite {
    // Names do not ascend with time.
    let mut id = [number.wrapping_mul(151); 16];
    id[15] = number;
    FieldWrite {
        row: ROW,
        kind: RowKind::NOTE,
        field: 1,
        value: vec![number; 3],
        id: WriteId(id),
        replaces,
        at_ms: 0,
        by: OperatorId([9; 16]),
        epoch: EpochId([1; 32]),
        signature: Signature([0; 64]),
    }
}

fn empty() -> Cell {
    Cell::empty(ROW, RowKind::NOTE, 1)
}

/// What three nodes may do: write having seen their own heads, or hear from another.
#[derive(Debug, Clone)]
enum Step {
    Write(usize),
    Hear { to: usize, from: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..3_usize).prop_map(Step::Write),
        (0..3_usize, 0..3_usize).prop_map(|(to, from)| Step::Hear { to, from }),
    ];
    proptest::collection::vec(step, 1..40)
}

/// Plays a history: every write made, the field as its node sent it after each, and what each node
/// ended with.
fn play(steps: &[Step]) -> (Vec<FieldWrite>, Vec<Cell>, Vec<Cell>) {
    let mut cells = vec![empty(), empty(), empty()];
    let (mut writes, mut sent) = (Vec::new(), Vec::new());
    for (number, step) in (0..).zip(steps) {
        match *step {
            Step::Write(at) => {
                let seen = cells[at].heads().iter().map(|head| head.id).collect();
                let made = write(number, seen);
                cells[at].add(made.clone());
                writes.push(made);
                sent.push(cells[at].clone());
            }
            Step::Hear { to, from } if !cells[from].heads().is_empty() => {
                let heard = cells[from].clone();
                cells[to].merge(heard, |_| true);
            }
            Step::Hear { .. } => {}
        }
    }
    (writes, sent, cells)
}

/// The law, said the slow way: writes that no other names.
fn heads_of(writes: &[FieldWrite]) -> Vec<WriteId> {
    let mut heads: Vec<WriteId> = writes
        .iter()
        .map(|write| write.id)
        .filter(|id| !writes.iter().any(|other| other.replaces.contains(id)))
        .collect();
    heads.sort();
    heads
}

fn ids(cell: &Cell) -> Vec<WriteId> {
    cell.heads().iter().map(|head| head.id).collect()
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_of_what_nodes_send_gives_the_same_field(
        steps in steps(),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..120),
    ) {
        let (writes, sent, _) = play(&steps);
        let mut cell = empty();
        for index in order.iter().filter(|_| !sent.is_empty()) {
            cell.merge(index.get(&sent).clone(), |_| true);
        }
        // Whatever came in whatever order, in the end everything has come.
        for other in sent.iter().rev() {
            cell.merge(other.clone(), |_| true);
        }
        prop_assert_eq!(ids(&cell), heads_of(&writes));
    }

    #[test]
    fn any_order_and_any_repetition_of_bare_writes_gives_the_same_field(
        steps in steps(),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let (mut writes, ..) = play(&steps);
        writes.truncate(MOST_HEADS);
        let mut cell = empty();
        for index in order.iter().filter(|_| !writes.is_empty()) {
            cell.add(index.get(&writes).clone());
        }
        for write in writes.iter().rev() {
            cell.add(write.clone());
        }
        prop_assert_eq!(ids(&cell), heads_of(&writes));
    }

    #[test]
    fn nodes_that_hear_each_other_twice_show_the_same(steps in steps()) {
        let (writes, _, mut cells) = play(&steps);
        for _ in 0..3 {
            for (to, from) in [(0, 1), (1, 2), (2, 0), (0, 2), (2, 1), (1, 0)] {
                if !cells[from].heads().is_empty() {
                    let heard = cells[from].clone();
                    cells[to].merge(heard, |_| true);
                }
            }
        }
        let expected = heads_of(&writes);
        for cell in &cells {
            prop_assert_eq!(ids(cell), expected.clone());
        }
    }

    #[test]
    fn beyond_the_bound_every_node_keeps_the_same_heads(
        order in Just((0..20_u8).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut cell = empty();
        order.iter().for_each(|number| { cell.add(write(*number, vec![])); });
        let mut lowest: Vec<WriteId> = (0..20).map(|number| write(number, vec![]).id).collect();
        lowest.sort();
        lowest.truncate(MOST_HEADS);
        prop_assert_eq!(ids(&cell), lowest);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn erasure_wins_wherever_it_falls(
        edits in proptest::collection::vec((0..2_usize, 0..4_u16, "[a-z]{1,8}"), 1..12),
        erased_at in any::<prop::sample::Index>(),
    ) {
        let mut nodes = [node(1), node(2)];
        let at = erased_at.index(edits.len() + 1);
        let mut sent = Vec::new();
        for (now, (writer, field, value)) in edits.iter().enumerate() {
            if now == at {
                nodes[0].vault.erase(row(1)).unwrap();
            }
            let seen = nodes[*writer].seen(row(1), *field);
            let written = nodes[*writer].write(row(1), vec![edit(*field, value, seen)]);
            sent.extend(written.into_iter().flat_map(|written| written.messages));
        }
        nodes[0].vault.erase(row(1)).unwrap();
        for message in sent.iter().chain(&sent) {
            let heard = nodes[0].hear(message.clone());
            prop_assert!(heard.learned.is_empty());
            prop_assert_eq!(heard.skipped.erased, 1);
        }
        prop_assert_eq!(nodes[0].vault.read(row(1)).unwrap(), None);
        prop_assert!(nodes[0].write(row(1), vec![edit(1, "again", vec![])]).is_err());
        // The other node is told by the ledger in its own time.
        nodes[1].vault.erase(row(1)).unwrap();
        let [a, b] = &mut nodes;
        settle(a, b);
        prop_assert!(a.vault.is_empty() && b.vault.is_empty());
    }
}

#[test]
fn one_name_for_two_writes_is_settled_by_hash_in_either_order() {
    let (one, two) = (write(1, vec![]), FieldWrite { value: vec![8], ..write(1, vec![]) });
    let (mut a, mut b) = (empty(), empty());
    for write in [&one, &two] {
        a.add(write.clone());
    }
    for write in [&two, &one] {
        b.add(write.clone());
    }
    assert_eq!(a.heads(), b.heads());
    assert_eq!(a.heads().len(), 1);
}

#[test]
fn two_kinds_under_one_row_are_settled_in_either_order() {
    let cell = |kind: u16, number| {
        let mut cell = Cell::empty(ROW, RowKind(kind), 1);
        cell.add(FieldWrite { kind: RowKind(kind), ..write(number, vec![]) });
        cell
    };
    let rows = [[(4, 1), (1, 2), (2, 3)], [(1, 2), (2, 3), (4, 1)], [(2, 3), (4, 1), (1, 2)]].map(
        |order| {
            let mut row = Row::new(ROW, RowKind(order[0].0));
            for (kind, number) in order {
                row.merge(cell(kind, number), |_| true);
            }
            row
        },
    );
    assert!(rows.iter().all(|row| *row == rows[0]));
    assert_eq!(rows[0].kind, RowKind(1));
}

#[test]
fn a_bare_claim_of_superseding_empties_nothing() {
    let (old, new) = (write(1, vec![]), write(2, vec![write(1, vec![]).id]));
    let mut cell = empty();
    cell.add(old.clone());
    cell.add(new.clone());
    // An old, authorised head sent again, beside a forged one, with the claim that what stands is
    // past.
    let mut claimed = empty();
    claimed.add(FieldWrite { replaces: vec![new.id], ..write(3, vec![]) });
    let forged_alone = claimed.clone();
    claimed.add(old.clone());
    assert_eq!(claimed.heads().len(), 2);
    assert_eq!(cell.merge(forged_alone, |_| false), (Change::None, 1));
    let (_, refused) = cell.merge(claimed, |head| head.id == old.id);
    assert_eq!((ids(&cell), refused), (vec![new.id], 1));
}
