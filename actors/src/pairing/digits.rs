//! The six digits that two screens show.

use std::fmt;
use std::str::FromStr;

use domain::id::{NodeId, SiteId};
use sha2::{Digest, Sha256};

use super::words::{Nonce, Request};

const DOMAIN: &[u8] = b"poste-pair-digits-1";
const COUNT: usize = 6;

/// Six digits to be compared by a person. Written without a gap, read with or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digits(u32);

/// What the digits are made of: everything that either side said, and who they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) site: SiteId,
    pub(super) joining: NodeId,
    pub(super) admin: NodeId,
    pub(super) joining_nonce: &'a Nonce,
    pub(super) admin_nonce: &'a Nonce,
    pub(super) request: &'a Request,
}

impl Digits {
    /// The digits of one conversation.
    pub(super) fn of(said: Said<'_>) -> Self {
        let hash = Sha256::new_with_prefix(DOMAIN)
            .chain_update(said.site.0)
            .chain_update(said.joining.0)
            .chain_update(said.admin.0)
            .chain_update(said.joining_nonce)
            .chain_update(said.admin_nonce)
            .chain_update(said.request.bytes())
            .finalize();
        // Six bytes: the remainder's bias is below one in a hundred million.
        let number = hash.iter().take(6).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        Self(u32::try_from(number % 1_000_000).unwrap_or_default())
    }

    /// As people read them aloud: `042 137`.
    pub fn spaced(self) -> String {
        format!("{:03} {:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// The text is not six digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not six digits")]
pub struct NotDigits;

impl FromStr for Digits {
    type Err = NotDigits;

    fn from_str(text: &str) -> Result<Self, NotDigits> {
        // Bounded before anything is looked at: the text is a stranger's.
        if text.len() > 2 * COUNT {
            return Err(NotDigits);
        }
        let mut number = 0;
        let mut count = 0;
        for letter in text.chars().filter(|letter| *letter != ' ') {
            number = number * 10 + letter.to_digit(10).ok_or(NotDigits)?;
            count += 1;
            if count > COUNT {
                return Err(NotDigits);
            }
        }
        if count == COUNT { Ok(Self(number)) } else { Err(NotDigits) }
    }
}
