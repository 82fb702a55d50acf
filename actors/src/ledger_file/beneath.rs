//! The part of a ledger file that says what the entries in it stand on.

use std::io::{Read, Write};

use domain::checkpoint::{Ballots, Checkpoint, CheckpointHash, Ground, MOST_PIECE, pieces_hash};
use domain::codec;
use domain::fact::{CheckpointSigned, Fact};
use domain::id::{NodeId, Signature, SiteId};
use domain::site::Site;
use storage::ledger_store::LedgerStore;
use storage::operation::Op;

use super::{Hashing, LedgerFileError, Reader};
use crate::entry::Entry;
use crate::snapshot::{Snapshot, piece_hash, shelf};

/// Pieces that are staged at a time.
const PIECES_AT_ONCE: usize = 32;

/// The checkpoints of a file.
#[derive(Debug, Default)]
pub(super) struct Beneath {
    /// What they say together.
    pub(super) base: Snapshot,
    heads: Vec<(CheckpointHash, Checkpoint, Vec<Vec<u8>>)>,
    signed: Vec<CheckpointSigned>,
    ballots: Ballots,
}

/// Writes the checkpoints under which `signed` stands; returns what they stand on together.
pub(super) fn write<S: LedgerStore, W: Write>(
    store: &S,
    signed: &[CheckpointSigned],
    out: &mut Hashing<W>,
) -> Result<Ground, LedgerFileError> {
    let mut checkpoints: Vec<&Checkpoint> =
        signed.iter().map(|signed| &signed.checkpoint).collect();
    checkpoints.sort();
    checkpoints.dedup();
    let many = |_| LedgerFileError::Damaged("more checkpoints than the format has room for");
    out.put(&[u8::try_from(checkpoints.len()).map_err(many)?])?;
    let mut ground = Ground::default();
    for checkpoint in checkpoints {
        let gone = LedgerFileError::Damaged("a checkpoint is damaged");
        let (Ok(bytes), Ok(hash)) = (codec::encode(checkpoint), checkpoint.hash()) else {
            return Err(gone);
        };
        out.put(&u16::try_from(bytes.len()).map_err(many)?.to_le_bytes())?;
        out.put(&bytes)?;
        let under: Vec<_> = signed.iter().filter(|s| s.checkpoint == *checkpoint).collect();
        out.put(&[u8::try_from(under.len()).map_err(many)?])?;
        for signed in under {
            out.put(&signed.node.0)?;
            out.put(&signed.signature.0)?;
        }
        let Some(pieces) = shelf::pieces(store, &hash, checkpoint)? else {
            return Err(gone);
        };
        for piece in &pieces {
            out.put(&u32::try_from(piece.len()).map_err(many)?.to_le_bytes())?;
            out.put(piece)?;
        }
        let (as_of_ms, since_ms) = (checkpoint.as_of_ms, checkpoint.since_ms);
        ground.join(&Snapshot::read(&pieces, as_of_ms, since_ms).map_err(|_| gone)?.ground);
    }
    Ok(ground)
}

/// Reads the checkpoints of a file: every signature, every piece and every whole entry verified.
pub(super) fn read<R: Read>(
    file: &mut Reader<R>,
    site: SiteId,
) -> Result<Beneath, LedgerFileError> {
    let mut beneath = Beneath::default();
    let [count] = file.take()?;
    for number in 0..count {
        let wrong = |why| LedgerFileError::Checkpoint { number, why };
        let mut bytes = vec![0; usize::from(u16::from_le_bytes(file.take()?))];
        file.fill(&mut bytes)?;
        let checkpoint: Checkpoint =
            codec::decode(&bytes).map_err(|_| wrong("it cannot be read"))?;
        let hash = checkpoint.hash().map_err(|_| wrong("it cannot be read"))?;
        let [signatures] = file.take()?;
        for _ in 0..signatures {
            let node = NodeId(file.take()?);
            let signed = CheckpointSigned {
                checkpoint: checkpoint.clone(),
                node,
                signature: Signature(file.take()?),
            };
            if !Fact::CheckpointSigned(signed.clone()).certificate_holds(&site) {
                return Err(wrong("a signature is not its node's"));
            }
            beneath.ballots.take(&signed);
            beneath.signed.push(signed);
        }
        if !checkpoint.is_sound() {
            return Err(wrong("its figures cannot be"));
        }
        let pieces = read_pieces(file, &checkpoint, number)?;
        let (as_of_ms, since_ms) = (checkpoint.as_of_ms, checkpoint.since_ms);
        let snapshot = Snapshot::read(&pieces, as_of_ms, since_ms);
        let snapshot = snapshot.map_err(|_| wrong("its pieces are no snapshot"))?;
        let mut entries = snapshot.entries.values().map(|bytes| Entry::parse(bytes));
        if !entries.all(|entry| entry.is_ok_and(|entry| entry.verify().is_ok())) {
            return Err(wrong("an entry in it is not what its author wrote"));
        }
        beneath.base.join(snapshot);
        beneath.heads.push((hash, checkpoint, pieces));
    }
    Ok(beneath)
}

fn read_pieces<R: Read>(
    file: &mut Reader<R>,
    checkpoint: &Checkpoint,
    number: u8,
) -> Result<Vec<Vec<u8>>, LedgerFileError> {
    let wrong = |why| LedgerFileError::Checkpoint { number, why };
    let mut pieces = Vec::new();
    for _ in 0..checkpoint.count {
        let length = usize::try_from(u32::from_le_bytes(file.take()?)).unwrap_or(usize::MAX);
        if length > MOST_PIECE {
            return Err(wrong("a piece is too large"));
        }
        let mut piece = vec![0; length];
        file.fill(&mut piece)?;
        pieces.push(piece);
    }
    let list: Vec<_> = pieces.iter().map(|piece| piece_hash(piece)).collect();
    if pieces_hash(&list) == Ok(checkpoint.pieces) {
        Ok(pieces)
    } else {
        Err(wrong("its pieces are not what was signed"))
    }
}

impl Beneath {
    /// Whether a majority of the admin nodes has signed each checkpoint.
    pub(super) fn check_agreed(&self, site: &Site) -> Result<(), LedgerFileError> {
        let voices = site.chain().voices(site.standing());
        let mut heads = self.heads.iter();
        match heads.find(|(hash, _, _)| !self.ballots.is_agreed(hash, &voices)) {
            Some((_, checkpoint, _)) => {
                Err(LedgerFileError::NotAgreed { as_of_ms: checkpoint.as_of_ms })
            }
            None => Ok(()),
        }
    }

    /// Puts the checkpoints into a store, as its base.
    pub(super) fn put_into<S: LedgerStore>(self, store: &S) -> Result<(), LedgerFileError> {
        for (hash, _, pieces) in self.heads {
            let list: Vec<_> = pieces.iter().map(|piece| piece_hash(piece)).collect();
            let ops: Vec<Op> = shelf::put(hash, &list, pieces).collect();
            for page in ops.chunks(PIECES_AT_ONCE) {
                store.stage(page.to_vec())?;
            }
        }
        if !self.signed.is_empty() {
            store.stage(vec![shelf::put_base(&self.signed)])?;
        }
        Ok(())
    }
}
