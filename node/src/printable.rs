//! Bytes as one line that a person can read aloud, type or photograph.
//!
//! Crockford's base 32 (no I, L, O, U), with a checksum of four bytes, behind a
//! prefix that says what it is: `poste-join1-…`. A typo is told apart from a line
//! that is right and refused for another reason. Reading is generous: case,
//! spaces, line ends and hyphens do not count, O is 0, I and L are 1.

use data_encoding::{Encoding, Specification};
use sha2::{Digest, Sha256};

const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHECKSUM_BYTES: usize = 4;

/// Longest line that is read, in bytes; the longest that is written has some 250.
const TEXT_MAX: usize = 4096;

/// Why a line is not what its prefix says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misread {
    /// It does not begin with the prefix: something else was pasted.
    OtherPrefix,
    /// A character is not of the alphabet, one is missing, or two are swapped.
    Typo,
}

fn encoding() -> Option<Encoding> {
    let mut specification = Specification::new();
    specification.symbols.push_str(ALPHABET);
    specification.translate.from.push_str("abcdefghjkmnpqrstvwxyzoOiIlL");
    specification.translate.to.push_str("ABCDEFGHJKMNPQRSTVWXYZ001111");
    specification.encoding().ok()
}

fn checksum(prefix: &str, bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = Sha256::new().chain_update(prefix.as_bytes()).chain_update(bytes).finalize();
    std::array::from_fn(|i| digest[i])
}

/// Writes `bytes` as one line that begins with `prefix` and a hyphen.
pub(crate) fn write(prefix: &str, bytes: &[u8]) -> String {
    let mut whole = bytes.to_vec();
    whole.extend_from_slice(&checksum(prefix, bytes));
    let text = encoding().map_or_else(String::new, |encoding| encoding.encode(&whole));
    format!("{prefix}-{text}")
}

/// Reads back what [`write()`] wrote.
///
/// # Errors
/// [`Misread`], which never says where: the checksum covers the whole line.
pub(crate) fn read(prefix: &str, text: &str) -> Result<Vec<u8>, Misread> {
    let text = text.trim();
    let head = text.get(..prefix.len()).ok_or(Misread::OtherPrefix)?;
    if !head.eq_ignore_ascii_case(prefix) || text.len() > TEXT_MAX {
        return Err(Misread::OtherPrefix);
    }
    let symbols: String =
        text[prefix.len()..].chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let mut whole = encoding()
        .and_then(|encoding| encoding.decode(symbols.as_bytes()).ok())
        .ok_or(Misread::Typo)?;
    let length = whole.len().checked_sub(CHECKSUM_BYTES).ok_or(Misread::Typo)?;
    let sum = whole.split_off(length);
    if sum != checksum(prefix, &whole) {
        return Err(Misread::Typo);
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::{Misread, read, write};

    #[test]
    fn every_length_reads_back() {
        for length in 0..100_u8 {
            let bytes: Vec<u8> = (0..length).map(|i| i.wrapping_mul(37)).collect();
            assert_eq!(read("poste-x1", &write("poste-x1", &bytes)), Ok(bytes));
        }
    }

    #[test]
    fn reading_is_generous_with_case_spaces_and_look_alikes() {
        let line = write("poste-x1", b"generous with what was typed");
        let lower = line.to_lowercase().replace('0', "o").replace('1', "l");
        let lower = lower.replacen("poste-xl", "POSTE-x1", 1);
        let mut spaced = String::from("  ");
        for (i, c) in lower.chars().enumerate() {
            if i > 9 && i % 5 == 0 {
                spaced.push_str("-\n ");
            }
            spaced.push(c);
        }
        assert_eq!(
            read("poste-x1", &spaced).as_deref(),
            Ok(b"generous with what was typed".as_slice())
        );
    }

    #[test]
    fn each_single_typo_is_noticed() {
        let line = write("poste-x1", &[7; 40]);
        let head = "poste-x1-".len();
        for place in head..line.len() {
            let right = line.as_bytes()[place];
            let wrong = if right == b'7' { 'K' } else { '7' };
            let mut typed = line.clone();
            typed.replace_range(place..=place, &wrong.to_string());
            assert_eq!(read("poste-x1", &typed), Err(Misread::Typo), "at {place}");
            let mut short = line.clone();
            short.remove(place);
            assert_eq!(read("poste-x1", &short), Err(Misread::Typo), "at {place}");
        }
    }

    #[test]
    fn hostile_lines_are_refused() {
        assert_eq!(read("poste-x1", ""), Err(Misread::OtherPrefix));
        assert_eq!(read("poste-x1", "poste-x"), Err(Misread::OtherPrefix));
        assert_eq!(read("poste-x1", "é".repeat(9).as_str()), Err(Misread::OtherPrefix));
        assert_eq!(read("poste-x1", "poste-x1"), Err(Misread::Typo));
        assert_eq!(read("poste-x1", "poste-x1-é"), Err(Misread::Typo));
        assert_eq!(read("poste-x1", "poste-x1-U"), Err(Misread::Typo));
        let long = format!("poste-x1-{}", "0".repeat(5000));
        assert_eq!(read("poste-x1", &long), Err(Misread::OtherPrefix));
        let other = write("poste-y1", &[1, 2, 3]).replace("poste-y1", "poste-x1");
        assert_eq!(read("poste-x1", &other), Err(Misread::Typo));
    }
}
