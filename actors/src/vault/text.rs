//! Texts on a kiosk: what its screen must show now, and nothing else of the vault.
//!
//! An admin node sends the text of a message to the node of the one kiosk concerned, sealed by the
//! link. The kiosk holds it in memory alone and lets it go when it expires, is erased, or the
//! process ends; the ledger knows only the row's id.

use std::fmt;

use domain::authority::NodeKind;
use domain::id::RowId;
use domain::moment::Moment;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// Most texts that a kiosk holds.
pub const MOST_TEXTS: usize = 16;
/// Longest text, in characters.
pub const LONGEST_TEXT: usize = 500;
/// Longest stay of a text, in milliseconds, whatever the sender says.
pub const LONGEST_STAY_MS: u64 = 24 * 3_600_000;
/// Stay of a text that came while this node did not know the site's time.
pub const STAY_UNTIMED_MS: u64 = 3_600_000;

/// The text of one row, for one kiosk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedText {
    /// The row that the ledger's fact names.
    pub row: RowId,
    /// What to show.
    pub text: String,
    /// When it ends, in the site's time.
    pub expires_ms: i64,
}

/// Never the text.
impl fmt::Debug for SealedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedText").field("row", &self.row).finish_non_exhaustive()
    }
}

/// Whether people can read it and a screen can show it: within `longest` characters, not blank, no
/// control characters but line feeds.
pub fn is_showable(text: &str, longest: usize) -> bool {
    text.len() <= 4 * longest
        && text.chars().count() <= longest
        && !text.trim().is_empty()
        && !text.chars().any(|c| c.is_control() && c != '\n')
}

impl SealedText {
    pub(super) fn is_well_formed(&self) -> bool {
        is_showable(&self.text, LONGEST_TEXT)
    }
}

/// Why a text was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextRefusal {
    /// Only admin nodes send texts.
    #[error("the sender is not an admin node")]
    NotAnAdmin,
    /// Blank, too long, or not text.
    #[error("not a text that a screen can show")]
    Malformed,
    /// It had expired when it came.
    #[error("the text had already expired")]
    Expired,
}

#[derive(Debug)]
struct Stay {
    text: SealedText,
    until_boot_ms: u64,
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.text.text.zeroize();
    }
}

/// The texts that this kiosk holds, in memory only.
#[derive(Debug, Default)]
pub struct Texts {
    /// In the order of arrival.
    stays: Vec<Stay>,
}

impl Texts {
    /// Takes a text in. The site's time is judged once, here; from now on the boot clock counts. A
    /// text for a row that is already there takes its place; when [`MOST_TEXTS`] are there, the
    /// oldest goes.
    pub fn take(
        &mut self,
        from: NodeKind,
        text: SealedText,
        now: Moment,
    ) -> Result<(), TextRefusal> {
        if from != NodeKind::Admin {
            return Err(TextRefusal::NotAnAdmin);
        }
        if !text.is_well_formed() {
            return Err(TextRefusal::Malformed);
        }
        let stay_ms = if now.trusted {
            let left = text.expires_ms.saturating_sub(now.wall_ms);
            u64::try_from(left).unwrap_or(0).min(LONGEST_STAY_MS)
        } else {
            STAY_UNTIMED_MS
        };
        if stay_ms == 0 {
            return Err(TextRefusal::Expired);
        }
        self.forget(text.row);
        self.expire(now);
        let excess = (self.stays.len() + 1).saturating_sub(MOST_TEXTS);
        self.stays.drain(..excess);
        self.stays.push(Stay { text, until_boot_ms: now.boot_ms.saturating_add(stay_ms) });
        Ok(())
    }

    /// The text of a row, while it lasts.
    pub fn get(&self, row: RowId, now: Moment) -> Option<&str> {
        self.stays
            .iter()
            .find(|stay| stay.text.row == row && stay.until_boot_ms > now.boot_ms)
            .map(|stay| stay.text.text.as_str())
    }

    /// Lets go of one row: shown and acknowledged, or erased.
    pub fn forget(&mut self, row: RowId) {
        self.stays.retain(|stay| stay.text.row != row);
    }

    /// Lets go of what has expired.
    pub fn expire(&mut self, now: Moment) {
        self.stays.retain(|stay| stay.until_boot_ms > now.boot_ms);
    }

    /// When [`Texts::expire`] has something to do next, on the boot clock.
    pub fn next_end(&self) -> Option<u64> {
        self.stays.iter().map(|stay| stay.until_boot_ms).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment { boot_ms: 1_000, wall_ms: 1_800_000_000_000, trusted: true };

    fn text(row: u8, text: &str, lasts_ms: i64) -> SealedText {
        let expires_ms = NOW.wall_ms + lasts_ms;
        SealedText { row: RowId([row; 16]), text: text.into(), expires_ms }
    }

    fn later(ms: u64) -> Moment {
        Moment { boot_ms: NOW.boot_ms + ms, ..NOW }
    }

    #[test]
    fn a_text_is_shown_until_it_expires() {
        let mut texts = Texts::default();
        texts.take(NodeKind::Admin, text(1, "Fermeture à 18 h", 5_000), NOW).unwrap();
        assert_eq!(texts.get(RowId([1; 16]), later(4_999)), Some("Fermeture à 18 h"));
        assert_eq!(texts.get(RowId([1; 16]), later(5_000)), None);
        assert_eq!(texts.next_end(), Some(6_000));
        texts.expire(later(5_000));
        assert_eq!(texts.next_end(), None);
    }

    #[test]
    fn only_an_admin_node_puts_a_text_on_a_screen() {
        let mut texts = Texts::default();
        let refused = texts.take(NodeKind::Kiosk, text(1, "Bonjour", 5_000), NOW);
        assert_eq!(refused, Err(TextRefusal::NotAnAdmin));
    }

    #[test]
    fn what_a_screen_cannot_show_is_refused() {
        let mut texts = Texts::default();
        let (longest, longer) = ("é".repeat(LONGEST_TEXT), "é".repeat(LONGEST_TEXT + 1));
        assert_eq!(texts.take(NodeKind::Admin, text(1, &longest, 5_000), NOW), Ok(()));
        for bad in ["", " \n ", "a\u{7}b", "a\u{1b}[2J", longer.as_str()] {
            let refused = texts.take(NodeKind::Admin, text(1, bad, 5_000), NOW);
            assert_eq!(refused, Err(TextRefusal::Malformed), "{bad:?}");
        }
        let expired = texts.take(NodeKind::Admin, text(2, "Trop tard", 0), NOW);
        assert_eq!(expired, Err(TextRefusal::Expired));
    }

    #[test]
    fn sixteen_texts_stay_and_the_oldest_goes() {
        let mut texts = Texts::default();
        for row in 0..20 {
            texts.take(NodeKind::Admin, text(row, "Bonjour", 5_000), NOW).unwrap();
        }
        assert_eq!(texts.stays.len(), MOST_TEXTS);
        assert_eq!(texts.get(RowId([3; 16]), NOW), None);
        assert!(texts.get(RowId([4; 16]), NOW).is_some());
        texts.forget(RowId([4; 16]));
        assert_eq!(texts.get(RowId([4; 16]), NOW), None);
    }

    #[test]
    fn a_wrong_wall_clock_neither_loses_a_text_nor_keeps_it_for_ever() {
        let mut texts = Texts::default();
        for wall_ms in [0, i64::MIN, i64::MAX] {
            let lost = Moment { wall_ms, trusted: false, ..NOW };
            texts.take(NodeKind::Admin, text(1, "Bonjour", 5_000), lost).unwrap();
            assert_eq!(texts.next_end(), Some(NOW.boot_ms + STAY_UNTIMED_MS));
        }
        let for_ever = SealedText { expires_ms: i64::MAX, ..text(1, "Bonjour", 0) };
        texts.take(NodeKind::Admin, for_ever, NOW).unwrap();
        assert_eq!(texts.next_end(), Some(NOW.boot_ms + LONGEST_STAY_MS));
    }
}
