//! Codes issued together: pieces of one author's intent, in effect once all are there.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::Serialize;

use crate::command::Terms;
use crate::fact::{Part, root_of};
use crate::id::{CodeKey, EntryId, EpochId, RequestId, SessionId};
use crate::operator::By;

/// One piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Piece {
    pub(crate) terms: Terms,
    pub(crate) by: By,
    pub(crate) hash: [u8; 32],
    pub(crate) codes: Vec<(SessionId, CodeKey)>,
}

/// Author, name, number of pieces and root: pieces that differ in one of them belong to two intents.
type Intent = (EpochId, RequestId, u16, [u8; 32]);

/// Pieces that came into effect, or lost it, by one more.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) lost: Vec<(EntryId, Piece)>,
    pub(crate) gained: Vec<(EntryId, Piece)>,
}

/// Every piece known.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Batches(BTreeMap<Intent, BTreeMap<(u16, EntryId), Piece>>);

impl Batches {
    /// Adds a piece; `None` if it is known.
    pub(crate) fn insert(&mut self, id: EntryId, part: &Part, piece: Piece) -> Option<Turn> {
        let intent = (id.epoch, part.intent, part.count, part.root);
        let pieces = self.0.entry(intent).or_default();
        let before = in_effect(pieces, part);
        if pieces.insert((part.index, id), piece).is_some() {
            return None;
        }
        let after = in_effect(pieces, part);
        let only_in = |these: &[(EntryId, Piece)], those: &[(EntryId, Piece)]| {
            let fresh = these.iter().filter(|piece| !those.contains(piece));
            fresh.cloned().collect()
        };
        Some(Turn { lost: only_in(&before, &after), gained: only_in(&after, &before) })
    }

    /// Whether a piece is kept: it makes up a whole with one of which a code is still `live`, or the
    /// rest of it may yet come.
    pub(crate) fn keeps(
        &self,
        id: &EntryId,
        part: &Part,
        before_ms: i64,
        live: impl Fn(&SessionId) -> bool,
    ) -> bool {
        let intent = (id.epoch, part.intent, part.count, part.root);
        let Some(pieces) = self.0.get(&intent) else {
            return false;
        };
        let whole = !in_effect(pieces, part).is_empty();
        let known = pieces.contains_key(&(part.index, *id));
        known
            && pieces.values().any(|piece| {
                let awaited = !whole && piece.terms.until_ms >= before_ms;
                awaited || (whole && piece.codes.iter().any(|(session, _)| live(session)))
            })
    }
}

/// The piece that counts in each place (of several the lowest hash), if together they are what the
/// root says.
fn in_effect(pieces: &BTreeMap<(u16, EntryId), Piece>, part: &Part) -> Vec<(EntryId, Piece)> {
    let mut places: BTreeMap<u16, (EntryId, &Piece)> = BTreeMap::new();
    for ((index, id), piece) in pieces {
        let place = places.entry(*index).or_insert((*id, piece));
        if piece.hash < place.1.hash {
            *place = (*id, piece);
        }
    }
    if places.len() != usize::from(part.count) {
        return Vec::new();
    }
    let codes = places.values().flat_map(|(_, piece)| piece.codes.iter());
    let whole: Vec<_> = codes.copied().collect();
    if root_of(&whole).ok() != Some(part.root) {
        return Vec::new();
    }
    let counted = places.into_values();
    counted.map(|(id, piece)| (id, piece.clone())).collect()
}
