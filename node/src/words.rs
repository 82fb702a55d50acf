//! The site key as twenty-four French words, the last resort when the sealed file
//! or its passphrase is lost.
//!
//! The list is BIP-39's French one; the last word carries a checksum. Whoever
//! types them back in may leave accents and case aside and number or wrap the
//! words as they like.

use bip39::{Language, Mnemonic};
use zeroize::Zeroizing;

use crate::seed::Seed;
use crate::texts::Say;

/// Words that a site key has.
pub(crate) const COUNT: usize = 24;

/// The words of `seed`, in order.
///
/// # Errors
/// None in practice: thirty-two bytes always have words.
pub(crate) fn write(seed: &Seed) -> Result<Vec<&'static str>, Say> {
    let mnemonic =
        Mnemonic::from_entropy_in(Language::French, seed.bytes()).map_err(|_| Say::WordsWrong)?;
    Ok(mnemonic.words().collect())
}

/// The seed of words typed by a person.
///
/// # Errors
/// [`Say::WordUnknown`] names the first word that is not in the list;
/// [`Say::WordsCount`] and [`Say::WordsWrong`] say the rest.
pub(crate) fn read(typed: &str) -> Result<Seed, Say> {
    let list = Language::French.word_list();
    let mut words = Zeroizing::new(String::new());
    let mut count = 0_usize;
    let typed_words = typed
        .split(|c: char| c.is_whitespace() || ",;".contains(c))
        .map(|part| part.trim_matches(|c: char| c.is_ascii_digit() || ".):-".contains(c)))
        .filter(|part| !part.is_empty());
    for part in typed_words {
        count += 1;
        if count > COUNT {
            break;
        }
        let bare = Zeroizing::new(bare(part));
        let known = list.iter().find(|word| self::bare(word) == *bare).ok_or_else(|| {
            Say::WordUnknown { place: count, word: part.chars().take(20).collect() }
        })?;
        if count > 1 {
            words.push(' ');
        }
        words.push_str(known);
    }
    if count != COUNT {
        return Err(Say::WordsCount { found: count, wanted: COUNT });
    }
    let mnemonic =
        Mnemonic::parse_in_normalized(Language::French, &words).map_err(|_| Say::WordsWrong)?;
    let entropy = Zeroizing::new(mnemonic.to_entropy());
    let bytes: [u8; 32] = entropy.as_slice().try_into().map_err(|_| Say::WordsWrong)?;
    Ok(Seed::from_bytes(bytes))
}

/// A word without case and accents, however they are composed.
fn bare(word: &str) -> String {
    word.chars()
        .flat_map(char::to_lowercase)
        .filter_map(|c| match c {
            // Combining accents, as the list itself writes them.
            '\u{300}'..='\u{36f}' => None,
            'à' | 'â' | 'ä' => Some('a'),
            'ç' => Some('c'),
            'é' | 'è' | 'ê' | 'ë' => Some('e'),
            'î' | 'ï' => Some('i'),
            'ô' | 'ö' => Some('o'),
            'ù' | 'û' | 'ü' => Some('u'),
            other => Some(other),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bip39::Language;

    use super::{bare, read, write};
    use crate::seed::Seed;
    use crate::texts::Say;

    fn seed() -> Seed {
        Seed::from_bytes(std::array::from_fn(|i| u8::try_from(i * 7 % 251).unwrap()))
    }

    #[test]
    fn no_two_words_of_the_list_differ_by_accents_alone() {
        let list = Language::French.word_list();
        let distinct: BTreeSet<String> = list.iter().map(|word| bare(word)).collect();
        assert_eq!(distinct.len(), list.len());
        assert!(distinct.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase())));
    }

    #[test]
    fn words_read_back_however_they_are_typed() {
        let words = write(&seed()).unwrap();
        assert_eq!(words.len(), 24);
        assert_eq!(read(&words.join(" ")).unwrap(), seed());
        let shouted: Vec<String> = words
            .iter()
            .enumerate()
            .map(|(i, word)| format!("{}. {}", i + 1, bare(word).to_uppercase()))
            .collect();
        assert_eq!(read(&shouted.join("\n")).unwrap(), seed());
    }

    #[test]
    fn composed_accents_read_as_the_lists_decomposed_ones() {
        assert_eq!(bare("Académie"), "academie");
        assert_eq!(bare("acade\u{301}mie"), "academie");
        assert_eq!(bare("É\u{302}"), "e");
    }

    #[test]
    fn unknown_word_is_named_with_its_place() {
        let mut words = write(&seed()).unwrap();
        words[6] = "margouillat";
        assert!(matches!(
            read(&words.join(" ")),
            Err(Say::WordUnknown { place: 7, word }) if word == "margouillat"
        ));
    }

    #[test]
    fn missing_swapped_or_too_many_words_are_refused() {
        let mut words = write(&seed()).unwrap();
        assert!(matches!(read(&words[1..].join(" ")), Err(Say::WordsCount { found: 23, .. })));
        assert!(matches!(read(""), Err(Say::WordsCount { found: 0, .. })));
        assert!(matches!(read(&"zoologie ".repeat(5000)), Err(Say::WordsCount { found: 25, .. })));
        words.swap(0, 23);
        assert!(matches!(read(&words.join(" ")), Err(Say::WordsWrong)));
    }
}
