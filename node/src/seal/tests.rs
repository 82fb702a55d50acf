use super::{PREFIX, SiteKey, open, seal};
use crate::printable;
use crate::seed::Seed;
use crate::texts::Say;

const PASSPHRASE: &str = "le margouillat dort sous la varangue";

fn key() -> SiteKey {
    SiteKey::of(Seed::from_bytes([5; 32]))
}

fn bytes_of(text: &str) -> Vec<u8> {
    printable::read(PREFIX, text.lines().nth(1).unwrap()).unwrap()
}

fn resealed(bytes: &[u8]) -> String {
    printable::write(PREFIX, bytes)
}

#[test]
fn sealed_key_opens_with_its_passphrase_only() {
    let text = seal(&key(), PASSPHRASE).unwrap();
    assert_eq!(open(&text, PASSPHRASE).unwrap(), key());
    assert!(matches!(
        open(&text, "le margouillat dort sous la véranda"),
        Err(Say::WrongPassphrase)
    ));
    assert!(matches!(open(&text, ""), Err(Say::WrongPassphrase)));
}

#[test]
fn two_seals_of_one_key_share_nothing_but_the_head() {
    let one = bytes_of(&seal(&key(), PASSPHRASE).unwrap());
    let other = bytes_of(&seal(&key(), PASSPHRASE).unwrap());
    assert_eq!(one[..41], other[..41]);
    assert_ne!(one[41..], other[41..]);
    assert!(!one.windows(8).any(|window| window == [5; 8]));
}

#[test]
fn short_passphrase_is_refused() {
    assert!(matches!(seal(&key(), "trop court"), Err(Say::PassphraseShort { least: 12 })));
}

#[test]
fn flipped_character_is_damage_not_a_wrong_passphrase() {
    let text = seal(&key(), PASSPHRASE).unwrap();
    let line = text.lines().nth(1).unwrap();
    for place in PREFIX.len() + 1..line.len() {
        let wrong = if line.as_bytes()[place] == b'A' { "B" } else { "A" };
        let mut damaged = line.to_owned();
        damaged.replace_range(place..=place, wrong);
        assert!(matches!(open(&damaged, PASSPHRASE), Err(Say::SealDamaged)));
    }
}

#[test]
fn forged_bytes_with_a_right_checksum_do_not_open() {
    let bytes = bytes_of(&seal(&key(), PASSPHRASE).unwrap());
    // One place in each part: site, salt, nonce, seed, tag.
    for place in [9, 41, 57, 81, 113] {
        let mut forged = bytes.clone();
        forged[place] ^= 1;
        assert!(
            matches!(open(&resealed(&forged), PASSPHRASE), Err(Say::WrongPassphrase)),
            "at {place}"
        );
    }
    for (range, value) in [(1..5, u32::MAX), (1..5, 1), (5..9, u32::MAX), (5..9, 0)] {
        let mut greedy = bytes.clone();
        greedy[range].copy_from_slice(&value.to_le_bytes());
        assert!(matches!(open(&resealed(&greedy), PASSPHRASE), Err(Say::SealDamaged)));
    }
    let mut later = bytes.clone();
    later[0] = 2;
    for odd in [&later[..], &bytes[..bytes.len() - 1], &[], &[1; 500]] {
        assert!(matches!(open(&resealed(odd), PASSPHRASE), Err(Say::SealDamaged)));
    }
}

#[test]
fn text_that_is_something_else_is_damage() {
    for text in ["", "#", "poste-join1-ABC", "\u{0}\u{ff}", "# a\n# b\n"] {
        assert!(matches!(open(text, PASSPHRASE), Err(Say::SealDamaged)));
    }
}
