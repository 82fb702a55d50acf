use domain::checkpoint::{Floor, MOST_PIECE};
use domain::id::Signature;
use domain::session::Reading;

use super::*;
use crate::entry::Author;

/// A snapshot of so many facts in each of two logs.
fn snapshot(facts: u64) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.ground.as_of_ms = Some(7);
    snapshot.ground.since_ms = 5;
    let mut author = Author::new([9; 32]);
    for (number, epoch) in [author.epoch(), EpochId([3; 32])].into_iter().enumerate() {
        let head = [u8::try_from(number).unwrap(); 32];
        snapshot.ground.floors.insert(epoch, Floor { height: facts + 1, head });
        for seq in 1..=facts {
            let body = [28, 0, u8::try_from(seq % 251).unwrap(), 4];
            let settled = Settled { vouched: seq.is_multiple_of(3), body: body.repeat(20) };
            snapshot.facts.insert(EntryId { epoch, seq }, settled);
        }
    }
    let entry = author.entry(vec![77, 77, 1, 2, 3], 0).unwrap();
    author.advance(&entry);
    snapshot.entries.insert(entry.id, entry.to_bytes());
    let (session, epoch) = (SessionId([4; 16]), EpochId([3; 32]));
    let (used_ms, ahead_ms) = (9, 0);
    let reading = Reading { session, epoch, n: 1, opening: 1, used_ms, ahead_ms, continues: None };
    let signature = Signature([8; 64]);
    snapshot.readings.insert((session, epoch), SignedReading { reading, signature });
    snapshot
}

#[test]
fn pieces_are_bounded_stand_alone_and_come_back_as_the_same_snapshot() {
    for facts in [0, 1, 300, 2_000] {
        let whole = snapshot(facts);
        let pieces = whole.pieces().unwrap().unwrap();
        assert!(pieces.iter().all(|piece| piece.len() <= MOST_PIECE));
        assert_eq!(pieces.len() > 1, facts > 300, "{facts} facts");
        assert_eq!(Snapshot::read(&pieces, 7, 5).unwrap(), whole);
    }
}

#[test]
fn what_is_too_large_has_no_pieces() {
    let mut whole = snapshot(1);
    let epoch = EpochId([3; 32]);
    whole.ground.floors.insert(epoch, Floor { height: u64::MAX, head: [0; 32] });
    let body = vec![1; 59_000];
    for seq in 0..1_100 {
        let settled = Settled { vouched: false, body: body.clone() };
        whole.facts.insert(EntryId { epoch, seq }, settled);
    }
    assert_eq!(whole.pieces().unwrap(), None);
}

#[test]
fn pieces_out_of_order_twice_cut_or_changed_are_no_snapshot_or_another_one() {
    let whole = snapshot(2_000);
    let pieces = whole.pieces().unwrap().unwrap();
    let mut swapped = pieces.clone();
    swapped.swap(1, 2);
    assert_eq!(Snapshot::read(&swapped, 7, 5), Err(NotASnapshot::Order));
    let twice = [pieces.clone(), vec![pieces.last().unwrap().clone()]].concat();
    assert_eq!(Snapshot::read(&twice, 7, 5), Err(NotASnapshot::Order));
    let headless = &pieces[1..];
    assert_eq!(Snapshot::read(headless, 7, 5), Err(NotASnapshot::Above));
    for place in (0..pieces[0].len()).step_by(211) {
        let mut changed = pieces.clone();
        changed[0][place] ^= 1;
        // Never a panic, and never the same.
        assert_ne!(Snapshot::read(&changed, 7, 5).as_ref(), Ok(&whole), "byte {place}");
        let mut cut = pieces.clone();
        cut[0].truncate(place);
        assert_eq!(Snapshot::read(&cut, 7, 5), Err(NotASnapshot::Malformed), "cut at {place}");
    }
}

#[test]
fn snapshots_join_to_the_same_whichever_comes_first() {
    let (one, mut other) = (snapshot(4), snapshot(6));
    other.ground.as_of_ms = Some(9);
    let id = EntryId { epoch: EpochId([3; 32]), seq: 2 };
    other.facts.get_mut(&id).unwrap().body.push(1);
    let (mut first, mut second) = (one.clone(), other.clone());
    first.join(other);
    second.join(one);
    assert_eq!(first, second);
    assert_eq!((first.ground.as_of_ms, first.ground.since_ms), (Some(9), 5));
    assert_eq!(first.ground.height(&EpochId([3; 32])), 7);
}
