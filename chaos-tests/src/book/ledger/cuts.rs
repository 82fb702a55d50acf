//! Revocations as they were written, and what they cut off.

use std::collections::{BTreeMap, BTreeSet};

use domain::fact::{Cut, Fact, Part, root_of};
use domain::id::{EntryId, EpochId, NodeId};

/// A node's revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// When the first of it was written.
    pub at_ms: u64,
    /// The entries that say so.
    pub entries: Vec<EntryId>,
    /// What stays in effect, once a whole cut is known: epochs not listed keep nothing.
    pub cut: Option<BTreeMap<EpochId, u64>>,
}

#[derive(Debug, Clone)]
struct Piece {
    at_ms: u64,
    entry: EntryId,
    /// Whether the site key signed it, so that its author does not matter.
    by_site: bool,
    part: Part,
    cut: Vec<Cut>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    pieces: BTreeMap<NodeId, Vec<Piece>>,
    node_of: BTreeMap<EpochId, NodeId>,
}

impl Cuts {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the other facts revoke nobody")]
    pub(super) fn take(&mut self, at_ms: u64, entry: &EntryId, fact: &Fact, by_kiosk: bool) {
        let (node, by_site, part, cut) = match fact {
            Fact::BootCertificate(f) if f.epoch == entry.epoch => {
                self.node_of.insert(f.epoch, f.node);
                return;
            }
            Fact::AdminRevoked(f) => (f.node, true, f.part, f.cut.clone()),
            Fact::NodeRevoked(f) if !by_kiosk => (f.node, false, f.part, f.cut.clone()),
            _ => return,
        };
        let piece = Piece { at_ms, entry: *entry, by_site, part, cut };
        self.pieces.entry(node).or_default().push(piece);
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &NodeId> {
        self.pieces.keys()
    }

    pub(super) fn revocation<'a>(
        &self,
        node: &NodeId,
        fork: impl Fn(&EntryId) -> Option<&'a u64>,
    ) -> Option<Revoked> {
        let pieces = self.pieces.get(node)?.iter();
        let pieces: Vec<&Piece> = pieces.filter(|piece| self.counts(piece, &fork)).collect();
        let at_ms = pieces.iter().map(|piece| piece.at_ms).min()?;
        let entries = pieces.iter().map(|piece| piece.entry).collect();
        Some(Revoked { at_ms, entries, cut: merged(&pieces) })
    }

    /// Whether a piece has effect: the site key's word always, an admin node's within its own cut. The
    /// revocations of admin nodes are all the site key's, so this looks no deeper.
    fn counts<'a>(&self, piece: &Piece, fork: &impl Fn(&EntryId) -> Option<&'a u64>) -> bool {
        let forked = fork(&piece.entry).is_some_and(|fork| piece.entry.seq >= *fork);
        if forked {
            return false;
        }
        let author = self.node_of.get(&piece.entry.epoch);
        let own = author.and_then(|node| self.pieces.get(node)).into_iter().flatten();
        let own: Vec<&Piece> = own.filter(|piece| piece.by_site).collect();
        piece.by_site || within(merged(&own).as_ref(), &piece.entry)
    }

    pub(super) fn allows<'a>(
        &self,
        entry: &EntryId,
        fork: impl Fn(&EntryId) -> Option<&'a u64>,
    ) -> bool {
        let Some(node) = self.node_of.get(&entry.epoch) else {
            return true;
        };
        let revoked = self.revocation(node, fork);
        within(revoked.and_then(|revoked| revoked.cut).as_ref(), entry)
    }
}

fn within(cut: Option<&BTreeMap<EpochId, u64>>, entry: &EntryId) -> bool {
    cut.is_none_or(|cut| cut.get(&entry.epoch).is_some_and(|height| entry.seq < *height))
}

/// The whole cuts among these pieces, merged: the lowest height of each epoch, nothing of one that any
/// of them leaves out.
fn merged(pieces: &[&Piece]) -> Option<BTreeMap<EpochId, u64>> {
    let intents: BTreeSet<_> = pieces.iter().map(|piece| intent(piece)).collect();
    let mut merged: Option<BTreeMap<EpochId, u64>> = None;
    for wanted in intents {
        let mut parts: Vec<&&Piece> =
            pieces.iter().filter(|piece| intent(piece) == wanted).collect();
        parts.sort_by_key(|piece| piece.part.index);
        parts.dedup_by_key(|piece| piece.part.index);
        let whole: Vec<Cut> = parts.iter().flat_map(|piece| piece.cut.iter().copied()).collect();
        let (_, part) = wanted;
        if parts.len() != usize::from(part.count) || root_of(&whole).ok() != Some(part.root) {
            continue;
        }
        let heights: BTreeMap<_, _> = whole.iter().map(|cut| (cut.epoch, cut.height)).collect();
        merged = Some(match merged {
            None => heights,
            Some(before) => {
                let both = before
                    .into_iter()
                    .filter_map(|(epoch, height)| Some((epoch, height.min(*heights.get(&epoch)?))));
                both.collect()
            }
        });
    }
    merged
}

/// What the pieces of one intent have in common.
fn intent(piece: &Piece) -> (Option<EpochId>, Part) {
    ((!piece.by_site).then_some(piece.entry.epoch), Part { index: 0, ..piece.part })
}
