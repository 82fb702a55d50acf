//! Free text: messages, reasons, notes, labels of codes. The ledger names the row and nothing more.
//!
//! A text carries its own end. Past it, readers see nothing, whether or not the keeper has had the
//! row erased yet.

use domain::id::{OperatorId, RowId};
use domain::moment::Moment;
use rand::CryptoRng;
use storage::LedgerStore;

use super::refusal::VaultRefusal;
use super::row::Row;
use super::text::{LONGEST_TEXT, SealedText, is_showable};
use super::write::RowKind;
use super::{Author, Edit, Vault, VaultError, Written};

/// Longest text, in characters; a message to a kiosk is bounded by its screen.
pub const LONGEST_NOTE: usize = 1_000;

const TEXT: u16 = 1;
const EXPIRES: u16 = 2;

/// The kinds of row that hold free text.
pub const KINDS: [RowKind; 4] = [RowKind::MESSAGE, RowKind::REASON, RowKind::NOTE, RowKind::LABEL];

/// A text as read.
#[derive(Clone, PartialEq, Eq)]
pub struct Note {
    /// The row.
    pub row: RowId,
    /// What kind of text.
    pub kind: RowKind,
    /// The text; several while edits made apart are not settled.
    pub texts: Vec<String>,
    /// Who wrote the first of them.
    pub by: OperatorId,
    /// When, by the author's clock.
    pub at_ms: i64,
    /// When it ends, in the site's time; of several ends the earliest.
    pub expires_ms: Option<i64>,
}

/// Never the text.
impl std::fmt::Debug for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Note").field("row", &self.row).finish_non_exhaustive()
    }
}

impl Note {
    fn of(row: &Row) -> Option<Self> {
        let text = row.field(TEXT)?;
        let first = text.values().first()?;
        let texts = text.values().iter();
        Some(Note {
            row: row.id,
            kind: row.kind,
            by: first.by,
            at_ms: first.at_ms,
            texts: texts.map(|text| String::from_utf8_lossy(&text.bytes).into_owned()).collect(),
            expires_ms: ends(row),
        })
    }
}

/// When a row of text ends. An end that cannot be read has passed.
fn ends(row: &Row) -> Option<i64> {
    let field = row.field(EXPIRES)?;
    let ends = field.values().iter();
    ends.map(|end| <[u8; 8]>::try_from(end.bytes.as_slice()).map_or(i64::MIN, i64::from_le_bytes))
        .min()
}

fn has_ended(row: &Row, now: Moment) -> bool {
    now.trusted && ends(row).is_some_and(|end| end <= now.wall_ms)
}

impl<S: LedgerStore> Vault<S> {
    /// Writes a text into a fresh row. `expires_ms` is in the site's time; `None` keeps it until it
    /// is erased.
    pub fn put_note(
        &mut self,
        row: RowId,
        kind: RowKind,
        text: &str,
        expires_ms: Option<i64>,
        author: &Author<'_>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Written, VaultError> {
        if !KINDS.contains(&kind) {
            return Err(VaultRefusal::OtherKind.into());
        }
        let longest = if kind == RowKind::MESSAGE { LONGEST_TEXT } else { LONGEST_NOTE };
        if !is_showable(text, longest) {
            return Err(VaultRefusal::NotText.into());
        }
        let held = self.read(row)?;
        let seen = |field| held.as_ref().map(|row| row.seen(field)).unwrap_or_default();
        let mut edits =
            vec![Edit { field: TEXT, value: text.as_bytes().to_vec(), seen: seen(TEXT) }];
        if let Some(end) = expires_ms {
            let value = end.to_le_bytes().to_vec();
            edits.push(Edit { field: EXPIRES, value, seen: seen(EXPIRES) });
        }
        self.write(row, kind, edits, author, rng)
    }

    /// A text, while it lasts. Without the site's time nothing is taken to have ended.
    pub fn note(&self, row: RowId, now: Moment) -> Result<Option<Note>, VaultError> {
        let held = self.read(row)?.filter(|row| KINDS.contains(&row.kind));
        Ok(held.filter(|row| !has_ended(row, now)).as_ref().and_then(Note::of))
    }

    /// A message as its kiosk receives it, with `stay_ms` to show it where it has no end of its
    /// own. Of texts that are not settled, the first.
    pub fn text_for_kiosk(
        &self,
        row: RowId,
        now: Moment,
        stay_ms: i64,
    ) -> Result<Option<SealedText>, VaultError> {
        let note = self.note(row, now)?.filter(|note| note.kind == RowKind::MESSAGE);
        Ok(note.and_then(|note| {
            let expires_ms = note.expires_ms.unwrap_or(now.wall_ms.saturating_add(stay_ms));
            let text = note.texts.into_iter().next()?;
            Some(SealedText { row, text, expires_ms })
        }))
    }

    /// Up to `most` rows of text that have ended: the keeper has them erased by a fact. None while
    /// the site's time is not known.
    pub fn ended_notes(&self, now: Moment, most: usize) -> Result<Vec<RowId>, VaultError> {
        self.check_open()?;
        let mut ended = Vec::new();
        for row in KINDS.into_iter().flat_map(|kind| self.rows_of(kind)) {
            if ended.len() >= most {
                break;
            }
            ended.extend(self.read(row)?.filter(|row| has_ended(row, now)).map(|row| row.id));
        }
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::tests::{Node, node, row, settle};

    const NOW: Moment = Moment { boot_ms: 0, wall_ms: 1_800_000_000_000, trusted: true };

    fn put(desk: &mut Node, number: u8, text: &str, lasts_ms: Option<i64>) -> Written {
        let end = lasts_ms.map(|ms| NOW.wall_ms + ms);
        desk.by(|vault, author, rng| {
            vault.put_note(row(number), RowKind::MESSAGE, text, end, author, rng).unwrap()
        })
    }

    fn at(ms: i64) -> Moment {
        Moment { wall_ms: NOW.wall_ms + ms, ..NOW }
    }

    #[test]
    fn a_text_is_read_on_either_node_until_it_ends() {
        let (mut a, mut b) = (node(1), node(2));
        b.hear_all(put(&mut a, 1, "Fermeture à 18 h", Some(5_000)).messages);
        let note = b.vault.note(row(1), at(4_999)).unwrap().unwrap();
        assert_eq!(note.texts, ["Fermeture à 18 h"]);
        assert_eq!(note.expires_ms, Some(NOW.wall_ms + 5_000));
        assert_eq!(b.vault.note(row(1), at(5_000)).unwrap(), None);
        let text = b.vault.text_for_kiosk(row(1), NOW, 60_000).unwrap().unwrap();
        assert_eq!(
            (text.text.as_str(), text.expires_ms),
            ("Fermeture à 18 h", NOW.wall_ms + 5_000)
        );
    }

    #[test]
    fn the_keeper_finds_what_has_ended_once_it_knows_the_time() {
        let mut desk = node(1);
        put(&mut desk, 1, "un", Some(1_000));
        put(&mut desk, 2, "deux", Some(9_000));
        put(&mut desk, 3, "trois", None);
        assert_eq!(desk.vault.ended_notes(at(1_000), 10).unwrap(), [row(1)]);
        assert_eq!(desk.vault.ended_notes(at(i64::MAX / 2 - NOW.wall_ms), 1).unwrap(), [row(1)]);
        let in_2099 = Moment { trusted: false, ..at(2_300_000_000_000) };
        assert!(desk.vault.ended_notes(in_2099, 10).unwrap().is_empty());
        assert!(desk.vault.note(row(1), in_2099).unwrap().is_some());
    }

    #[test]
    fn texts_edited_apart_are_both_there_and_end_at_the_earlier_end() {
        let (mut a, mut b) = (node(1), node(2));
        put(&mut a, 1, "un", Some(9_000));
        settle(&mut a, &mut b);
        put(&mut a, 1, "deux", Some(5_000));
        put(&mut b, 1, "trois", Some(7_000));
        settle(&mut a, &mut b);
        let note = a.vault.note(row(1), NOW).unwrap().unwrap();
        assert_eq!(note.texts.len(), 2);
        assert_eq!(note.expires_ms, Some(NOW.wall_ms + 5_000));
        assert_eq!(a.vault.note(row(1), at(5_000)).unwrap(), None);
    }

    #[test]
    fn what_is_not_a_text_is_refused() {
        let mut desk = node(1);
        let longest = "é".repeat(LONGEST_NOTE);
        for (kind, text, taken) in [
            (RowKind::NOTE, longest.as_str(), true),
            (RowKind::MESSAGE, longest.as_str(), false),
            (RowKind::NOTE, " ", false),
            (RowKind::NOTE, "a\u{0}b", false),
            (RowKind::ACCOUNT, "Bonjour", false),
        ] {
            let put = desk.by(|vault, author, rng| {
                vault.put_note(row(1), kind, text, None, author, rng).is_ok()
            });
            assert_eq!(put, taken);
        }
    }
}
