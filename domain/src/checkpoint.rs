//! Checkpoints: what a majority of the admin nodes say that the ledger comes to.
//!
//! A checkpoint names a snapshot by its hash. Once more than half of the admin nodes have signed it,
//! it is *agreed*, and its snapshot becomes part of the base of every node that knows it, whether or
//! not that node has dropped the entries beneath. The state is a fold of the base and of the entries
//! above it, so that a node which has pruned and one which has not cannot come to differ.
//!
//! A base is fixed by its [`Ground`]: below each floor the base alone speaks, and authority that was
//! in effect there is never taken back.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::codec::{self, CodecError};
use crate::fact::CheckpointSigned;
use crate::id::{EntryId, EpochId, NodeId, Signature, SiteId};
use crate::planted::{self, Bug};

/// How long what is over is kept, and how late an epoch may come that no base has seen, in
/// milliseconds of site time: thirty days.
pub const HORIZON_MS: i64 = 30 * 24 * 3_600_000;
/// Most checkpoints that one builds upon.
pub const MOST_PARENTS: usize = 4;
/// Largest piece of a snapshot, in bytes: one frame of a link and one value of a store.
pub const MOST_PIECE: usize = 60 * 1024;
/// Most pieces of a snapshot: 64 MiB, and their hashes fit one frame.
pub const MOST_PIECES: u32 = 1_092;
/// Checkpoints of one admin node that are remembered while they are not agreed.
const MOST_PROPOSED: usize = 8;

/// The name of a checkpoint: the hash of what it says.
pub type CheckpointHash = [u8; 32];

/// A snapshot's name card, which admin nodes sign.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The checkpoints whose union it builds upon, by hash, ascending; none for a first one.
    pub parents: Vec<CheckpointHash>,
    /// Site time of the admin node that proposed it (ms since 1970).
    pub as_of_ms: i64,
    /// That of the first checkpoint of its line.
    pub since_ms: i64,
    /// Hash over the hashes of the snapshot's pieces: see [`pieces_hash`].
    pub pieces: [u8; 32],
    /// Number of pieces.
    pub count: u32,
}

/// The hash that a checkpoint gives for its list of pieces.
pub fn pieces_hash(list: &[[u8; 32]]) -> Result<[u8; 32], CodecError> {
    codec::hash(b"poste-pieces-1", &list)
}

/// Bytes that an admin node's key signs under a checkpoint.
pub fn checkpoint_bytes(site: &SiteId, checkpoint: &Checkpoint) -> Result<Vec<u8>, CodecError> {
    let mut bytes = [b"poste-checkpoint-1".as_slice(), &site.0].concat();
    bytes.extend(codec::encode(checkpoint)?);
    Ok(bytes)
}

impl Checkpoint {
    /// Its name.
    pub fn hash(&self) -> Result<CheckpointHash, CodecError> {
        codec::hash(b"poste-checkpoint-hash-1", self)
    }

    /// Whether its figures can be right, whatever its snapshot says.
    pub fn is_sound(&self) -> bool {
        let first = self.parents.is_empty();
        self.parents.len() <= MOST_PARENTS
            && self.parents.windows(2).all(|pair| pair[0] < pair[1])
            && self.since_ms <= self.as_of_ms
            && (!first || self.since_ms == self.as_of_ms)
            && (1..=MOST_PIECES).contains(&self.count)
    }
}

/// How much of one log a base speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Floor {
    /// Number of the log's entries that the base speaks for.
    pub height: u64,
    /// Hash of the last of them.
    pub head: [u8; 32],
}

/// What a base stands on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ground {
    /// Site time of its newest checkpoint; `None` without a base.
    pub as_of_ms: Option<i64>,
    /// Site time of the first checkpoint of its line.
    pub since_ms: i64,
    /// Each log's floor.
    pub floors: BTreeMap<EpochId, Floor>,
}

impl Ground {
    /// Whether the base alone says what this entry means.
    pub fn covers(&self, id: &EntryId) -> bool {
        id.seq < self.height(&id.epoch)
    }

    /// Number of a log's entries that the base speaks for.
    pub fn height(&self, epoch: &EpochId) -> u64 {
        self.floors.get(epoch).map_or(0, |floor| floor.height)
    }

    /// Whether an epoch that began when its node `knew` the checkpoint of that time comes too late.
    pub fn refuses(&self, epoch: &EpochId, knew_ms: Option<i64>) -> bool {
        self.as_of_ms.is_some_and(|as_of_ms| {
            let knew_ms = knew_ms.unwrap_or(self.since_ms);
            let horizon_ms = as_of_ms.saturating_sub(HORIZON_MS);
            !self.floors.contains_key(epoch)
                && (knew_ms < horizon_ms || (knew_ms < as_of_ms && planted::is(Bug::LateRefused)))
        })
    }

    /// Whether it speaks for everything that `other` speaks for: that one then adds nothing. Of two
    /// that speak for the same, the later one does, by time.
    pub fn surpasses(&self, other: &Ground) -> bool {
        let reaches = other.floors.iter().all(|(epoch, floor)| self.height(epoch) >= floor.height);
        let same = self.floors.len() == other.floors.len()
            && self.floors.iter().all(|(epoch, floor)| other.height(epoch) == floor.height);
        reaches && (!same || self.as_of_ms > other.as_of_ms)
    }

    /// Takes another checkpoint's ground in: floors by maximum. Of two histories of one log, equally
    /// long, the lower hash.
    pub fn join(&mut self, other: &Ground) {
        self.since_ms = match self.as_of_ms {
            Some(_) => self.since_ms.min(other.since_ms),
            None => other.since_ms,
        };
        self.as_of_ms = self.as_of_ms.max(other.as_of_ms);
        for (epoch, floor) in &other.floors {
            let known = self.floors.entry(*epoch).or_insert(*floor);
            if floor.height > known.height
                || (floor.height == known.height && floor.head < known.head)
            {
                *known = *floor;
            }
        }
    }
}

/// What an admin node's opinion of a checkpoint is worth to whoever counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voice {
    /// Whether it belongs to the site now.
    pub stands: bool,
    /// Whether its signature counts.
    pub counts: bool,
    /// Whether its silence counts.
    pub awaited: bool,
}

/// The signatures known under one checkpoint.
#[derive(Debug, Clone)]
struct Ballot {
    checkpoint: Checkpoint,
    signatures: BTreeMap<NodeId, Signature>,
    /// How many were known before it.
    number: u64,
}

/// The signatures known under checkpoints.
#[derive(Debug, Clone, Default)]
pub struct Ballots {
    ballots: BTreeMap<CheckpointHash, Ballot>,
    /// Those of the base: they are never forgotten.
    kept: BTreeSet<CheckpointHash>,
    taken: u64,
}

impl Ballots {
    /// Takes a signature in that was verified; says whether it is news.
    pub fn take(&mut self, signed: &CheckpointSigned) -> bool {
        let Ok(hash) = signed.checkpoint.hash() else {
            return false;
        };
        if !signed.checkpoint.is_sound() {
            return false;
        }
        self.taken += 1;
        let number = self.taken;
        let ballot = self.ballots.entry(hash).or_insert_with(|| {
            let checkpoint = signed.checkpoint.clone();
            Ballot { checkpoint, signatures: BTreeMap::new(), number }
        });
        let news = ballot.signatures.insert(signed.node, signed.signature).is_none();
        if news {
            self.forget_oldest_of(&signed.node);
        }
        news
    }

    /// Nobody can fill this node with checkpoints: of those that one node alone signed the last that
    /// came stay. Their own times say nothing of that: a clock may have been wrong.
    fn forget_oldest_of(&mut self, node: &NodeId) {
        let alone = self.ballots.iter().filter(|(hash, ballot)| {
            let alone = ballot.signatures.len() == 1 && ballot.signatures.contains_key(node);
            alone && !self.kept.contains(*hash)
        });
        let mut alone: Vec<_> = alone.map(|(hash, ballot)| (ballot.number, *hash)).collect();
        alone.sort_unstable();
        for (_, hash) in alone.iter().rev().skip(MOST_PROPOSED) {
            self.ballots.remove(hash);
        }
    }

    /// From now on these make up the base.
    pub fn keep(&mut self, heads: impl IntoIterator<Item = CheckpointHash>) {
        self.kept = heads.into_iter().collect();
    }

    /// Forgets what was signed, but for the base and checkpoints that are `wanted`.
    pub fn retain(&mut self, wanted: impl Fn(&Checkpoint) -> bool) {
        let kept = &self.kept;
        self.ballots.retain(|hash, ballot| kept.contains(hash) || wanted(&ballot.checkpoint));
    }

    /// A checkpoint that somebody signed.
    pub fn checkpoint(&self, hash: &CheckpointHash) -> Option<&Checkpoint> {
        self.ballots.get(hash).map(|ballot| &ballot.checkpoint)
    }

    /// Every checkpoint that somebody signed.
    pub fn checkpoints(&self) -> impl Iterator<Item = (&CheckpointHash, &Checkpoint)> {
        self.ballots.iter().map(|(hash, ballot)| (hash, &ballot.checkpoint))
    }

    /// Who signed a checkpoint.
    pub fn signers(&self, hash: &CheckpointHash) -> BTreeSet<NodeId> {
        let ballot = self.ballots.get(hash);
        ballot.map(|ballot| ballot.signatures.keys().copied().collect()).unwrap_or_default()
    }

    /// The signatures under a checkpoint, as facts.
    pub fn signed(&self, hash: &CheckpointHash) -> Vec<CheckpointSigned> {
        let Some(ballot) = self.ballots.get(hash) else {
            return Vec::new();
        };
        let facts = ballot.signatures.iter().map(|(node, signature)| {
            let (checkpoint, node, signature) = (ballot.checkpoint.clone(), *node, *signature);
            CheckpointSigned { checkpoint, node, signature }
        });
        facts.collect()
    }

    /// Whether more than half of the admin nodes that have a voice have signed, at least one of which
    /// stands.
    pub fn is_agreed(&self, hash: &CheckpointHash, voices: &BTreeMap<NodeId, Voice>) -> bool {
        let signers = self.signers(hash);
        let (mut all, mut votes, mut standing_votes) = (0_usize, 0_usize, 0_usize);
        for (node, voice) in voices {
            let signed = signers.contains(node) && voice.counts;
            all += usize::from(signed || voice.awaited);
            votes += usize::from(signed);
            standing_votes += usize::from(signed && voice.stands);
        }
        let most = 2 * votes > all || planted::is(Bug::MinorityAgrees);
        most && standing_votes > 0
    }
}
