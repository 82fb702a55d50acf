//! What nodes say to each other about the ledger and the registers of use.
//!
//! Every message stands alone: lost, doubled or late ones cost a round and never an entry. All of
//! it is hostile until checked; sizes are bounded before anything is looked at.

use domain::checkpoint::{CheckpointHash, MOST_PIECE, MOST_PIECES};
use domain::codec::{self, CodecError};
use domain::fact::CheckpointSigned;
use domain::id::{EpochId, SessionId, Signature};
use domain::session::Reading;
use serde::{Deserialize, Serialize};

/// Most epochs in one frontier message.
pub const MOST_REACHES: usize = 3_000;
/// Most ranges in one want.
pub const MOST_WANTS: usize = 256;
/// Most bytes of entries in one message.
pub const MOST_ENTRY_BYTES: usize = 64 * 1024;
/// Most messages of entries in answer to one want.
pub const MOST_ANSWERS: usize = 16;
/// Most readings in one message.
pub const MOST_READINGS: usize = 200;
/// Most signatures under checkpoints in one message.
pub const MOST_SIGNED: usize = 128;
/// Most certificates beside them, and most bytes of these.
pub const MOST_CERTIFICATES: usize = 256;
/// See [`MOST_CERTIFICATES`].
pub const MOST_CERTIFICATE_BYTES: usize = 96 * 1024;
/// Pieces of a snapshot that are asked for at a time.
pub const MOST_PIECES_WANTED: u32 = 16;
/// Buckets into which sessions fall, by the first byte of their name.
pub const BUCKETS: usize = 256;

/// How far one log is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The log.
    pub epoch: EpochId,
    /// Entries below this number were pruned.
    pub pruned_below: u64,
    /// Entries below this number are held.
    pub height: u64,
    /// Hash of the last of them.
    pub head: [u8; 32],
}

/// A node's word that it holds entries durably.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The epoch that signs.
    pub by: EpochId,
    /// Logs, and below which number each is on the signer's disk.
    pub held: Vec<(EpochId, u64)>,
    /// Over [`receipt_bytes`].
    pub signature: Signature,
}

/// Bytes that a receipt signs.
pub fn receipt_bytes(by: &EpochId, held: &[(EpochId, u64)]) -> Result<Vec<u8>, CodecError> {
    Ok([b"poste-receipt-1".to_vec(), codec::encode(&(by, held))?].concat())
}

/// A reading with its epoch's signature over [`reading_bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedReading {
    /// What was measured.
    pub reading: Reading,
    /// By the epoch that measured.
    pub signature: Signature,
}

/// Bytes that a reading signs.
pub fn reading_bytes(reading: &Reading) -> Result<Vec<u8>, CodecError> {
    Ok([b"poste-reading-1".to_vec(), codec::encode(reading)?].concat())
}

/// On the lane `ledger`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LedgerMessage {
    /// Begins a round: equal roots mean equal ledgers.
    Round {
        /// Hash over the frontier.
        root: [u8; 32],
        /// Hash over the names of the checkpoints that make up the sender's base.
        base: [u8; 32],
        /// What the sender's clock says (ms since 1970); 0 where it has no say, as a kiosk's.
        wall_ms: i64,
    },
    /// What the sender holds, in parts when there are many logs.
    Frontier {
        /// Whether another part follows.
        more: bool,
        /// Logs.
        reaches: Vec<Reach>,
    },
    /// Entries that the sender lacks: everything of these logs from these numbers on.
    Want(Vec<(EpochId, u64)>),
    /// Entries, each log's in order.
    Entries {
        /// Whether these answer a want and more of the answer follows.
        more: bool,
        /// Whether these answer a want, rather than being news.
        answer: bool,
        /// Their bytes.
        entries: Vec<Vec<u8>>,
    },
    /// Two entries with one name: proof that their author wrote two histories.
    Fork(Vec<u8>, Vec<u8>),
    /// The sender holds entries durably.
    Receipt(Receipt),
    /// The checkpoints that make up the sender's base.
    Checkpoints {
        /// Every signature under each of them.
        signed: Vec<CheckpointSigned>,
        /// Bodies of the site key's words about admin nodes, for whoever does not know them.
        certificates: Vec<Vec<u8>>,
    },
    /// The sender lacks the list of a snapshot's pieces.
    WantList(CheckpointHash),
    /// The hashes of a snapshot's pieces.
    List(CheckpointHash, Vec<[u8; 32]>),
    /// The sender lacks so many pieces of a snapshot, from this one on.
    WantPieces(CheckpointHash, u32, u32),
    /// A piece of a snapshot, with its number.
    Piece(CheckpointHash, u32, Vec<u8>),
}

/// On the lane `uses`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum UseMessage {
    /// Readings.
    Readings(Vec<SignedReading>),
    /// Hash of each bucket of registers; the receiver answers with what differs, and with its own
    /// hashes when `reply` asks for them.
    Digest {
        /// Eight bytes of hash for each of the [`BUCKETS`].
        buckets: Vec<[u8; 8]>,
        /// Whether the sender wants the receiver's digest back.
        reply: bool,
    },
    /// The sender holds this reading durably: (session, epoch, n).
    Held(SessionId, EpochId, u32),
    /// One hash over all buckets; a receiver with another one sends its digest.
    Root([u8; 32]),
}

/// A message with the lane that it travels on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// About entries.
    Ledger(LedgerMessage),
    /// About registers of use.
    Use(UseMessage),
    /// About rows.
    Row(crate::vault::exchange::RowMessage),
}

/// A frame that is not a message, or one beyond its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed message")]
pub struct Malformed;

impl LedgerMessage {
    /// Reads a frame of the lane `ledger`.
    pub fn decode(frame: &[u8]) -> Result<Self, Malformed> {
        let message = codec::decode(frame).map_err(|_| Malformed)?;
        let bounded = match &message {
            LedgerMessage::Round { .. } => true,
            LedgerMessage::Frontier { reaches, .. } => reaches.len() <= MOST_REACHES,
            LedgerMessage::Want(wants) => wants.len() <= MOST_WANTS,
            LedgerMessage::Entries { entries, .. } => {
                entries.iter().map(Vec::len).sum::<usize>() <= 2 * MOST_ENTRY_BYTES
            }
            LedgerMessage::Fork(one, other) => one.len() + other.len() <= 4_096,
            LedgerMessage::Receipt(receipt) => receipt.held.len() <= MOST_REACHES,
            LedgerMessage::Checkpoints { signed, certificates } => {
                signed.len() <= MOST_SIGNED
                    && certificates.len() <= MOST_CERTIFICATES
                    && certificates.iter().map(Vec::len).sum::<usize>() <= MOST_CERTIFICATE_BYTES
            }
            LedgerMessage::WantList(_) => true,
            LedgerMessage::List(_, pieces) => {
                u32::try_from(pieces.len()).is_ok_and(|count| count <= MOST_PIECES)
            }
            LedgerMessage::WantPieces(_, _, count) => *count <= MOST_PIECES_WANTED,
            LedgerMessage::Piece(_, _, bytes) => bytes.len() <= MOST_PIECE,
        };
        if bounded { Ok(message) } else { Err(Malformed) }
    }
}

impl UseMessage {
    /// Reads a frame of the lane `uses`.
    pub fn decode(frame: &[u8]) -> Result<Self, Malformed> {
        let message = codec::decode(frame).map_err(|_| Malformed)?;
        let bounded = match &message {
            UseMessage::Readings(readings) => readings.len() <= MOST_READINGS,
            UseMessage::Digest { buckets, .. } => buckets.len() == BUCKETS,
            UseMessage::Held(..) | UseMessage::Root(_) => true,
        };
        if bounded { Ok(message) } else { Err(Malformed) }
    }
}

impl Message {
    /// The frame for its lane.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        match self {
            Message::Ledger(message) => codec::encode(message),
            Message::Use(message) => codec::encode(message),
            Message::Row(message) => message.encode(),
        }
    }
}
