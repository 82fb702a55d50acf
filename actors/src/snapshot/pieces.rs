//! A snapshot as bytes, cut into pieces.

use domain::checkpoint::{Floor, Ground, MOST_PIECE, MOST_PIECES};
use domain::codec::{self, CodecError};
use domain::id::{EntryId, EpochId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{NotASnapshot, Settled, Snapshot};
use crate::entry::Entry;
use crate::replica::message::SignedReading;

/// Room for a piece's own count of records.
const COUNT_BYTES: usize = 9;

/// One record. Their order in a snapshot is the order of the kinds here, then that of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Record {
    Floor(EpochId, Floor),
    Entry(Vec<u8>),
    /// The facts after this one are of this log.
    Log(EpochId),
    Fact(u64, bool, Vec<u8>),
    Reading(SignedReading),
}

/// A snapshot's bytes.
#[derive(Debug, Default)]
struct Cutter {
    pieces: Vec<Vec<u8>>,
    records: Vec<Record>,
    size: usize,
    log: Option<EpochId>,
}

impl Cutter {
    fn put(&mut self, record: Record) -> Result<(), CodecError> {
        let size = codec::encode(&record)?.len();
        if COUNT_BYTES + self.size + size > MOST_PIECE {
            self.cut()?;
        }
        self.size += size;
        self.records.push(record);
        Ok(())
    }

    fn put_fact(&mut self, id: &EntryId, settled: &Settled) -> Result<(), CodecError> {
        let fact = Record::Fact(id.seq, settled.vouched, settled.body.clone());
        let size = codec::encode(&fact)?.len();
        // A piece stands alone: it names its first log.
        if COUNT_BYTES + self.size + size + 40 > MOST_PIECE {
            self.cut()?;
        }
        if self.log != Some(id.epoch) {
            self.log = Some(id.epoch);
            self.put(Record::Log(id.epoch))?;
        }
        self.put(fact)
    }

    fn cut(&mut self) -> Result<(), CodecError> {
        if !self.records.is_empty() {
            self.pieces.push(codec::encode(&std::mem::take(&mut self.records))?);
        }
        self.size = 0;
        self.log = None;
        Ok(())
    }
}

/// The hash by which a piece is known.
pub fn piece_hash(piece: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(b"poste-piece-1").chain_update(piece).finalize().into()
}

impl Snapshot {
    /// Its pieces, the same for whoever holds the same snapshot; `None` if it is too large.
    ///
    /// # Errors
    /// A record that has no encoding.
    pub fn pieces(&self) -> Result<Option<Vec<Vec<u8>>>, CodecError> {
        let mut cutter = Cutter::default();
        for (epoch, floor) in &self.ground.floors {
            cutter.put(Record::Floor(*epoch, *floor))?;
        }
        for bytes in self.entries.values() {
            cutter.put(Record::Entry(bytes.clone()))?;
        }
        for (id, settled) in &self.facts {
            cutter.put_fact(id, settled)?;
        }
        for signed in self.readings.values() {
            cutter.put(Record::Reading(*signed))?;
        }
        cutter.cut()?;
        let pieces = cutter.pieces;
        let fits = u32::try_from(pieces.len()).is_ok_and(|count| count <= MOST_PIECES);
        Ok(fits.then_some(pieces))
    }

    /// Reads pieces back, which were found to be those of a checkpoint that gives these times.
    ///
    /// # Errors
    /// What is wrong with them, if they are no snapshot.
    pub fn read(
        pieces: &[Vec<u8>],
        as_of_ms: i64,
        since_ms: i64,
    ) -> Result<Snapshot, NotASnapshot> {
        let ground = Ground { as_of_ms: Some(as_of_ms), since_ms, ..Ground::default() };
        let mut snapshot = Snapshot { ground, ..Snapshot::default() };
        for piece in pieces {
            let records: Vec<Record> = codec::decode(piece).map_err(|_| NotASnapshot::Malformed)?;
            let mut log = None;
            for record in records {
                snapshot.take(record, &mut log)?;
            }
        }
        Ok(snapshot)
    }

    fn take(&mut self, record: Record, log: &mut Option<EpochId>) -> Result<(), NotASnapshot> {
        let fresh = match record {
            Record::Floor(epoch, floor) => {
                let begins = self.entries.is_empty() && self.facts.is_empty();
                let last = self.ground.floors.last_key_value();
                let follows = last.is_none_or(|(last, _)| *last < epoch);
                self.ground.floors.insert(epoch, floor);
                floor.height > 0 && begins && follows
            }
            Record::Entry(bytes) => {
                let entry = Entry::parse(&bytes).map_err(|_| NotASnapshot::Malformed)?;
                if !self.ground.covers(&entry.id) {
                    return Err(NotASnapshot::Above);
                }
                let last = self.entries.last_key_value();
                let follows = last.is_none_or(|(last, _)| *last < entry.id);
                self.entries.insert(entry.id, bytes);
                self.facts.is_empty() && follows
            }
            Record::Log(epoch) => {
                *log = Some(epoch);
                true
            }
            Record::Fact(seq, vouched, body) => {
                let epoch = log.ok_or(NotASnapshot::Order)?;
                let id = EntryId { epoch, seq };
                if !self.ground.covers(&id) {
                    return Err(NotASnapshot::Above);
                }
                let last = self.facts.last_key_value();
                let follows = last.is_none_or(|(last, _)| *last < id);
                self.facts.insert(id, Settled { vouched, body });
                self.readings.is_empty() && follows
            }
            Record::Reading(signed) => {
                let register = (signed.reading.session, signed.reading.epoch);
                let last = self.readings.last_key_value();
                let follows = last.is_none_or(|(last, _)| *last < register);
                self.readings.insert(register, signed);
                follows
            }
        };
        if fresh { Ok(()) } else { Err(NotASnapshot::Order) }
    }
}
