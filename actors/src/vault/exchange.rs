//! How two admin nodes bring their vaults to the same rows, and how a kiosk gets one text.
//!
//! A round: one side sends its [`RowMessage::Digest`]; where it differs the other answers with its
//! 256 bucket hashes; for each bucket that differs an offer of (row, hash) goes back, whose
//! receiver sends what it has beyond the offer and wants what it lacks. Every message stands alone:
//! lost, doubled or late ones cost a round, never a row. New writes are pushed at once as
//! [`RowMessage::Rows`], so rounds are usually idle.
//!
//! Answers are bounded: a round that finds more to say than [`MOST_ANSWER`] says the rest in the
//! next. So whoever has [learned](Handled::learned) something begins another round before long.

use std::collections::BTreeMap;

use domain::authority::NodeKind;
use domain::codec::{self, CodecError};
use domain::id::{EpochId, RowId, Signature};
use domain::planted::{self, Bug};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use storage::LedgerStore;
use storage::operation::Ticket;

use super::refusal::VaultRefusal;
use super::row::{Cell, Change};
use super::shelf::Held;
use super::text::SealedText;
use super::tree::{self, BUCKETS};
use super::write::FieldWrite;
use super::{Vault, VaultError};

/// Largest frame of the lane, in bytes.
pub const MOST_FRAME: usize = 256 * 1024;
/// Bytes of cells in one frame, as this node fills it: room is left for what the codec counts.
const FRAME_FILL: usize = 128 * 1024;
/// Most rows in one offer or want.
pub const MOST_LISTED: usize = 2_000;
/// Most offers in one answer.
const MOST_OFFERS: usize = 40;
/// Most bytes of cells in one answer, give or take one row.
pub const MOST_ANSWER: usize = 4 * 1024 * 1024;

/// What travels on the lane `rows`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowMessage {
    /// The root over everything that stands.
    Digest([u8; 32]),
    /// The hashes of all 256 buckets.
    Buckets(Vec<[u8; 32]>),
    /// All rows that stand from one id to another, with the hash of each, ascending.
    Offer {
        /// First id spoken about.
        from: RowId,
        /// Last id spoken about.
        until: RowId,
        /// The rows there.
        rows: Vec<(RowId, [u8; 32])>,
    },
    /// Rows that the sender would like to have, ascending.
    Want(Vec<RowId>),
    /// Fields of rows.
    Rows(Vec<Cell>),
    /// A text for the kiosk that receives this.
    Text(SealedText),
}

/// Bytes that are not a message, or one that breaks its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed row message")]
pub struct Malformed;

impl RowMessage {
    /// The frame.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self)
    }

    /// Reads a frame. Sizes are checked before anything is allocated or looked at; of a
    /// [`RowMessage::Rows`] only the frame is judged here, each cell by [`Vault::handle`].
    pub fn decode(frame: &[u8]) -> Result<Self, Malformed> {
        if frame.len() > MOST_FRAME {
            return Err(Malformed);
        }
        let message: RowMessage = codec::decode(frame).map_err(|_| Malformed)?;
        if message.is_well_formed() { Ok(message) } else { Err(Malformed) }
    }

    fn is_well_formed(&self) -> bool {
        match self {
            RowMessage::Digest(_) | RowMessage::Rows(_) => true,
            RowMessage::Buckets(buckets) => buckets.len() == BUCKETS,
            RowMessage::Offer { from, until, rows } => {
                rows.len() <= MOST_LISTED
                    && from <= until
                    && rows.is_sorted_by(|(a, _), (b, _)| a < b)
                    && rows.iter().all(|(row, _)| (from..=until).contains(&row))
            }
            RowMessage::Want(rows) => rows.len() <= MOST_LISTED && rows.is_sorted_by(|a, b| a < b),
            RowMessage::Text(text) => text.is_well_formed(),
        }
    }
}

/// Says whether an epoch had the authority to sign these bytes.
pub type Authorised<'a> = dyn Fn(&EpochId, &[u8], &Signature) -> bool + 'a;

/// What was left out of a message, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Beyond a bound, or about another field than it claims.
    pub malformed: usize,
    /// Not signed by an epoch with the authority.
    pub unauthorised: usize,
    /// About a row that was erased.
    pub erased: usize,
    /// New rows beyond the vault's bound.
    pub full: usize,
    /// Of no concern to this node: from a node that is not an admin, while shut, or a kiosk's text.
    pub unwelcome: usize,
}

/// What a message led to.
#[derive(Debug, Default)]
pub struct Handled {
    /// For the sender.
    pub replies: Vec<RowMessage>,
    /// Rows whose readers see something new.
    pub learned: Vec<RowId>,
    /// What was left out.
    pub skipped: Skipped,
    /// Where something was staged.
    pub ticket: Option<Ticket>,
}

/// Packs cells into frames.
pub(super) fn frames(cells: Vec<Cell>) -> Result<Vec<RowMessage>, CodecError> {
    let (mut frames, mut cells_now, mut size) = (Vec::new(), Vec::new(), 0);
    for cell in cells.into_iter().filter(|cell| !cell.heads().is_empty()) {
        let length = codec::encode(&cell)?.len();
        if size + length > FRAME_FILL && !cells_now.is_empty() {
            frames.push(RowMessage::Rows(std::mem::take(&mut cells_now)));
            size = 0;
        }
        size += length;
        cells_now.push(cell);
    }
    if !cells_now.is_empty() {
        frames.push(RowMessage::Rows(cells_now));
    }
    Ok(frames)
}

impl<S: LedgerStore> Vault<S> {
    /// The root over everything that stands: equal roots, equal rows.
    pub fn digest(&mut self) -> [u8; 32] {
        tree::root(self.buckets())
    }

    /// What begins a round; `None` while shut.
    pub fn begin_round(&mut self) -> Option<RowMessage> {
        (!self.is_shut()).then(|| RowMessage::Digest(self.digest()))
    }

    /// Takes in a message. Hostile until proven otherwise: only admin nodes have a say (`from`, as
    /// the link proved it), and each write must satisfy `authorised`.
    pub fn handle(
        &mut self,
        from: NodeKind,
        message: RowMessage,
        authorised: &Authorised<'_>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Handled, VaultError> {
        let mut handled = Handled::default();
        if from != NodeKind::Admin || self.is_shut() {
            handled.skipped.unwelcome = 1;
            return Ok(handled);
        }
        if !message.is_well_formed() {
            handled.skipped.malformed = 1;
            return Ok(handled);
        }
        match message {
            RowMessage::Digest(root) if root == self.digest() => {}
            RowMessage::Digest(_) => {
                handled.replies.push(RowMessage::Buckets(self.buckets().to_vec()));
            }
            RowMessage::Buckets(theirs) => handled.replies = self.offers(&theirs),
            RowMessage::Offer { from, until, rows } => {
                handled.replies = self.answer_offer(from, until, &rows)?;
            }
            RowMessage::Want(rows) => handled.replies = self.tell(&rows)?,
            RowMessage::Rows(cells) => self.learn(cells, authorised, &mut handled, rng)?,
            RowMessage::Text(_) => handled.skipped.unwelcome = 1,
        }
        Ok(handled)
    }

    fn buckets(&mut self) -> &[[u8; 32]] {
        self.tree.buckets(&self.index, |standing| standing.hash)
    }

    fn offers(&mut self, theirs: &[[u8; 32]]) -> Vec<RowMessage> {
        // Neighbouring buckets that differ are spoken about together.
        let mut stretches: Vec<(u8, u8)> = Vec::new();
        for (bucket, (ours, theirs)) in (0..=u8::MAX).zip(self.buckets().iter().zip(theirs)) {
            if ours == theirs {
                continue;
            }
            match stretches.last_mut() {
                Some((_, last)) if bucket.checked_sub(1) == Some(*last) => *last = bucket,
                _ => stretches.push((bucket, bucket)),
            }
        }
        let mut offers = Vec::new();
        for (first, last) in stretches {
            let ((first, _), (_, last)) = (tree::bounds(first), tree::bounds(last));
            let standing = self.index.range(first..=last);
            let rows: Vec<_> = standing.map(|(row, at)| (*row, at.hash)).collect();
            offers.extend(split_offer(first, last, &rows));
        }
        offers.truncate(MOST_OFFERS);
        offers
    }

    fn answer_offer(
        &mut self,
        from: RowId,
        until: RowId,
        theirs: &[(RowId, [u8; 32])],
    ) -> Result<Vec<RowMessage>, VaultError> {
        let theirs: BTreeMap<RowId, [u8; 32]> = theirs.iter().copied().collect();
        let beyond: Vec<RowId> = self
            .index
            .range(from..=until)
            .filter(|(row, standing)| theirs.get(row) != Some(&standing.hash))
            .map(|(row, _)| *row)
            .collect();
        let mut wanted = Vec::new();
        for (row, hash) in &theirs {
            let same = self.index.get(row).is_some_and(|standing| standing.hash == *hash);
            if !same && !self.shelf.is_erased(*row)? {
                wanted.push(*row);
            }
        }
        let mut replies = self.tell(&beyond)?;
        if !wanted.is_empty() {
            replies.push(RowMessage::Want(wanted));
        }
        Ok(replies)
    }

    /// Everything that stands in `rows`, up to the bound of an answer.
    fn tell(&self, rows: &[RowId]) -> Result<Vec<RowMessage>, VaultError> {
        let (mut cells, mut size) = (Vec::new(), 0);
        for row in rows.iter().filter(|row| self.index.contains_key(row)) {
            if size > MOST_ANSWER {
                break;
            }
            for cell in self.shelf.load(*row)?.iter().flat_map(|held| held.row.cells()) {
                size += codec::encode(cell)?.len();
                cells.push(cell.clone());
            }
        }
        Ok(frames(cells)?)
    }

    fn learn(
        &mut self,
        cells: Vec<Cell>,
        authorised: &Authorised<'_>,
        handled: &mut Handled,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(), VaultError> {
        let mut by_row: BTreeMap<RowId, Vec<Cell>> = BTreeMap::new();
        for cell in cells {
            if cell.is_well_formed() {
                by_row.entry(cell.row).or_default().push(cell);
            } else {
                handled.skipped.malformed += 1;
            }
        }
        let trusted = |write: &FieldWrite| {
            write
                .signed_bytes()
                .is_ok_and(|bytes| authorised(&write.epoch, &bytes, &write.signature))
        };
        let (mut changed, mut fresh) = (Vec::new(), 0);
        for (id, cells) in by_row {
            let new = !self.index.contains_key(&id);
            match self.check_room(id, fresh) {
                Ok(()) => {}
                Err(VaultError::Refused(VaultRefusal::Erased))
                    if planted::is(Bug::ErasedReturns) => {}
                Err(VaultError::Refused(VaultRefusal::Erased)) => {
                    handled.skipped.erased += cells.len();
                    continue;
                }
                Err(VaultError::Refused(VaultRefusal::Full)) => {
                    handled.skipped.full += cells.len();
                    continue;
                }
                Err(error) => return Err(error),
            }
            let Some(kind) = cells.iter().map(|cell| cell.kind).min() else {
                continue;
            };
            let mut held = self.shelf.load(id)?.unwrap_or_else(|| Held::fresh(id, kind));
            held.begin(kind);
            let kind_before = held.row.kind;
            let (mut fields, mut heads) = (Vec::new(), false);
            for cell in cells {
                let field = cell.field;
                let (change, refused) = held.row.merge(cell, trusted);
                handled.skipped.unauthorised += refused;
                if change != Change::None {
                    fields.push(field);
                }
                heads |= change == Change::Heads;
            }
            if fields.is_empty() {
                continue;
            }
            if heads {
                handled.learned.push(id);
            }
            fresh += usize::from(new);
            changed.push((held, kind_before, fields));
        }
        if !changed.is_empty() {
            handled.ticket = Some(self.keep(changed, rng)?);
        }
        Ok(())
    }
}

/// An offer in parts of at most [`MOST_LISTED`] rows, which together speak about every id from
/// `first` to `last`.
fn split_offer(first: RowId, last: RowId, rows: &[(RowId, [u8; 32])]) -> Vec<RowMessage> {
    let mut parts: Vec<&[(RowId, [u8; 32])]> = rows.chunks(MOST_LISTED).collect();
    let end = parts.pop().unwrap_or_default();
    let (mut offers, mut from) = (Vec::new(), first);
    for part in parts {
        if let Some((until, _)) = part.last() {
            offers.push(RowMessage::Offer { from, until: *until, rows: part.to_vec() });
            from = RowId(u128::from_be_bytes(until.0).saturating_add(1).to_be_bytes());
        }
    }
    offers.push(RowMessage::Offer { from, until: last, rows: end.to_vec() });
    offers
}
