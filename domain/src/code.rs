//! Access codes: what a patron types to open a session.
//!
//! Crockford's base 32 without I, L, O and U; eight characters are 40 bits, twelve are 60. A code is
//! a key: [`crate::id::CodeKey`] is derived from it (by the caller, slowly) and is all that the
//! ledger ever holds.

use alloc::string::String;
use core::fmt;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters of a code that is valid for at most a day.
pub const SHORT: usize = 8;
/// Characters of a code that is valid for longer.
pub const LONG: usize = 12;
/// Longest validity of a [`SHORT`] code, in milliseconds.
pub const SHORT_VALIDITY_MS: i64 = 24 * 3_600_000;
/// Longest input that is looked at, in bytes: a pasted essay is not a code.
const LONGEST_INPUT: usize = 64;

/// An access code in canonical form: upper case, no separators.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessCode(String);

/// Typed text that cannot be an access code, whatever the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotACode {
    /// Neither 8 nor 12 characters.
    #[error("an access code has {SHORT} or {LONG} characters")]
    Length,
    /// A character outside of the alphabet.
    #[error("character not used in access codes")]
    Character,
}

impl AccessCode {
    /// A code of `length` characters ([`SHORT`] or [`LONG`]) from uniformly random bytes. Only the
    /// low five bits of each byte are used, so that the code is uniform too.
    pub fn from_random<const LENGTH: usize>(random: [u8; LENGTH]) -> Self {
        AccessCode(
            random
                .iter()
                .filter_map(|byte| ALPHABET.get(usize::from(byte & 31)))
                .map(|&symbol| char::from(symbol))
                .collect(),
        )
    }

    /// Reads what a patron typed, generously: any case, spaces and hyphens anywhere, O for 0, I and
    /// L for 1.
    pub fn parse(typed: &str) -> Result<Self, NotACode> {
        if typed.len() > LONGEST_INPUT {
            return Err(NotACode::Length);
        }
        let mut canonical = String::with_capacity(LONG);
        for typed in typed.chars() {
            let symbol = match typed.to_ascii_uppercase() {
                '-' | '–' | '—' | '_' | '.' => continue,
                space if space.is_whitespace() => continue,
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            if !symbol.is_ascii() || !ALPHABET.contains(&(symbol as u8)) {
                return Err(NotACode::Character);
            }
            canonical.push(symbol);
        }
        match canonical.len() {
            SHORT | LONG => Ok(AccessCode(canonical)),
            _ => Err(NotACode::Length),
        }
    }

    /// The canonical characters, as they enter the key derivation.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Characters that a code valid for `validity_ms` must have.
    pub fn length_for(validity_ms: i64) -> usize {
        if validity_ms <= SHORT_VALIDITY_MS { SHORT } else { LONG }
    }
}

/// As shown and printed: groups of four, `K7QM-2XPD`.
impl fmt::Display for AccessCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, symbol) in self.0.chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{symbol}")?;
        }
        Ok(())
    }
}

/// Never the code itself: debug output ends up in log files.
impl fmt::Debug for AccessCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_code_is_shown_in_groups_of_four() {
        assert_eq!(
            AccessCode::from_random([19, 7, 22, 20, 2, 29, 21, 13]).to_string(),
            "K7PM-2XND"
        );
        assert_eq!(AccessCode::from_random([0; 12]).to_string(), "0000-0000-0000");
    }

    #[test]
    fn typed_codes_are_read_generously() {
        let code = AccessCode::parse("10QM2XPD").unwrap();
        for typed in ["10qm-2xpd", " 1O QM 2X PD ", "ioqm2xpd", "L0QM–2XPD", "1.0.Q.M_2XPD"] {
            assert_eq!(AccessCode::parse(typed), Ok(code.clone()), "{typed}");
        }
    }

    #[test]
    fn what_cannot_be_a_code_is_refused() {
        assert_eq!(AccessCode::parse(""), Err(NotACode::Length));
        assert_eq!(AccessCode::parse("K7QM2XP"), Err(NotACode::Length));
        assert_eq!(AccessCode::parse("K7QM2XPU"), Err(NotACode::Character));
        assert_eq!(AccessCode::parse("K7QM2XPé"), Err(NotACode::Character));
        assert_eq!(AccessCode::parse(&"A".repeat(65)), Err(NotACode::Length));
    }
}
