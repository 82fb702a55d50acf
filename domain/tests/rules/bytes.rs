//! Facts as bytes: whole, bounded, and the same from release to release.

use domain::codec::{self, CodecError};
use domain::fact::{Cut, Fact, MOST_BODY};
use domain::id::{EntryId, EpochId, KioskId};
use domain::session::Reading;
use proptest::prelude::*;

use crate::chance::Chance;
use crate::sample::{LAST_KIND, fact};

const GOLDEN: &str = include_str!("../golden/facts.txt");

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn a_fact_is_read_back_as_it_was_written(kind in 1..=LAST_KIND, seed in 0..u64::MAX / 128) {
        let written = fact(kind, seed, false);
        let bytes = written.encode().unwrap();
        prop_assert_eq!(Fact::decode(&bytes), Ok(Some(written)));
    }

    #[test]
    fn no_strict_prefix_of_a_fact_is_a_fact(kind in 1..=LAST_KIND, seed in 0..u64::MAX / 128) {
        let bytes = fact(kind, seed, false).encode().unwrap();
        for end in 0..bytes.len() {
            prop_assert_eq!(Fact::decode(&bytes[..end]), Err(CodecError::Malformed));
        }
    }

    #[test]
    fn a_fact_with_a_byte_too_many_is_none(
        kind in 1..=LAST_KIND,
        seed in 0..u64::MAX / 128,
        more in any::<u8>(),
    ) {
        let mut bytes = fact(kind, seed, false).encode().unwrap();
        bytes.push(more);
        prop_assert_eq!(Fact::decode(&bytes), Err(CodecError::LeftOver));
    }

    #[test]
    fn any_bytes_are_read_without_harm(
        kind in 0..=LAST_KIND + 1,
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [kind.to_le_bytes().as_slice(), &rest].concat();
        if let Ok(Some(read)) = Fact::decode(&bytes) {
            prop_assert!(read.encode().is_ok());
        }
    }

    #[test]
    fn bytes_damaged_on_the_way_are_read_without_harm(
        kind in 1..=LAST_KIND,
        seed in 0..u64::MAX / 128,
        place in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut bytes = fact(kind, seed, false).encode().unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        if let Ok(Some(read)) = Fact::decode(&bytes) {
            prop_assert!(read.encode().is_ok());
        }
    }
}

#[test]
fn the_largest_fact_of_each_kind_fits_an_entry() {
    for kind in 1..=LAST_KIND {
        let largest = fact(kind, 1, true);
        let bytes = largest.encode().unwrap();
        assert!(
            bytes.len() <= MOST_BODY,
            "{}: {} bytes of {MOST_BODY}",
            largest.name(),
            bytes.len()
        );
        assert_eq!(Fact::decode(&bytes), Ok(Some(largest)));
    }
}

#[test]
fn the_bytes_of_a_fact_do_not_change() {
    let now: String = (1..=LAST_KIND)
        .map(|kind| {
            let fact = fact(kind, 1, false);
            let bytes = fact.encode().unwrap();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{kind} {} {hex}\n", fact.name())
        })
        .collect();
    assert!(
        now == GOLDEN,
        "facts.txt is what ledgers hold; a new kind of fact adds a line to it, none may change:\n{now}"
    );
}

#[test]
fn the_golden_bytes_are_read_as_the_facts_that_they_name() {
    for line in GOLDEN.lines() {
        let mut words = line.split(' ');
        let kind: u16 = words.next().unwrap().parse().unwrap();
        let (name, hex) = (words.next().unwrap(), words.next().unwrap());
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let read = Fact::decode(&bytes).unwrap().unwrap();
        assert_eq!((read.kind(), read.name()), (kind, name));
        assert_eq!(read, fact(kind, 1, false));
    }
    assert_eq!(GOLDEN.lines().count(), usize::from(LAST_KIND));
}

#[test]
fn a_kind_of_a_later_release_is_no_error() {
    for kind in [0, LAST_KIND + 1, 999, u16::MAX] {
        let mut bytes = kind.to_le_bytes().to_vec();
        assert_eq!(Fact::decode(&bytes), Ok(None));
        bytes.extend([1, 2, 3]);
        assert_eq!(Fact::decode(&bytes), Ok(None));
    }
}

#[test]
fn a_body_without_a_kind_is_malformed() {
    assert_eq!(Fact::decode(&[]), Err(CodecError::Malformed));
    assert_eq!(Fact::decode(&[1]), Err(CodecError::Malformed));
}

/// A length that promises more than the bytes that follow, or than any frame can hold.
#[test]
fn a_boundless_length_is_refused_before_it_is_believed() {
    let lengths: [&[u8]; 4] = [
        &[0xfb, 0xff, 0xff],
        &[0xfc, 0xff, 0xff, 0xff, 0x7f],
        &[0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ];
    for length in lengths {
        assert_eq!(codec::decode::<Vec<u8>>(length), Err(CodecError::Malformed));
        assert_eq!(codec::decode::<Vec<Cut>>(length), Err(CodecError::Malformed));
        assert_eq!(codec::decode::<Vec<EntryId>>(length), Err(CodecError::Malformed));
        assert_eq!(codec::decode::<String>(length), Err(CodecError::Malformed));
        // Inside a fact: a message's kiosk is fixed bytes, a closing's `replaces` is not.
        let mut closed = fact(22, 1, true).encode().unwrap();
        closed.truncate(2 + 16 + 16 + 1);
        closed.extend(length);
        assert_eq!(Fact::decode(&closed), Err(CodecError::Malformed));
    }
}

#[test]
fn a_value_beyond_the_limit_is_not_read() {
    let just_fits = codec::encode(&vec![7_u8; codec::LIMIT - 16]).unwrap();
    assert!(codec::decode::<Vec<u8>>(&just_fits).is_ok());
    let too_large = codec::encode(&vec![7_u8; codec::LIMIT + 1]).unwrap();
    assert_eq!(codec::decode::<Vec<u8>>(&too_large), Err(CodecError::Malformed));
}

#[test]
fn a_reading_is_read_back_as_it_was_written() {
    let mut chance = Chance::new(4);
    for _ in 0..100 {
        let reading = Reading {
            session: domain::id::SessionId(chance.bytes()),
            epoch: EpochId(chance.bytes()),
            n: u32::from_le_bytes(chance.bytes()),
            opening: u32::from_le_bytes(chance.bytes()),
            used_ms: chance.draw() >> chance.below(64),
            ahead_ms: 5_000,
            continues: (chance.below(2) == 0).then(|| (EpochId(chance.bytes()), 3)),
        };
        let bytes = codec::encode(&reading).unwrap();
        assert_eq!(codec::decode(&bytes), Ok(reading));
        assert_eq!(codec::decode::<Reading>(&bytes[1..]), Err(CodecError::Malformed));
    }
}

#[test]
fn an_identifier_is_read_from_its_text_and_from_no_other() {
    let kiosk = KioskId([0xa7; 16]);
    let text = kiosk.to_string();
    assert_eq!(text, "a7".repeat(16));
    assert_eq!(text.parse(), Ok(kiosk));
    assert_eq!(text.to_uppercase().parse(), Ok(kiosk));
    for wrong in ["", "a7", &"a7".repeat(17), &"g7".repeat(16), &"é".repeat(16)] {
        assert!(wrong.parse::<KioskId>().is_err(), "{wrong}");
    }
}
