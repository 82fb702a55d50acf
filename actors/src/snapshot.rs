//! Snapshots: what a checkpoint says, as a canonical list of records in pieces.
//!
//! In this order: the floors; as whole signed entries, what was said of membership and what this
//! release cannot read (a later one can); the other facts that still matter; the registers of use of
//! the sessions that are kept. Each piece stands alone, is no larger than a frame, and is known by
//! its hash before it comes.

mod fold;
mod pieces;
pub mod shelf;

use std::collections::BTreeMap;

use domain::authority::Chain;
use domain::checkpoint::Ground;
use domain::fact::{Fact, fact_hash};
use domain::id::{EntryId, EpochId, SessionId};
use domain::site::Site;

use crate::entry::Entry;
use crate::replica::message::SignedReading;

pub use fold::{Folded, NotFolded};
pub use pieces::piece_hash;

/// A fact that a base says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Whether it is an opening whose proof was found good.
    pub vouched: bool,
    /// The entry's body.
    pub body: Vec<u8>,
}

/// What a checkpoint says; see the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// What it stands on.
    pub ground: Ground,
    /// Whole entries.
    pub entries: BTreeMap<EntryId, Vec<u8>>,
    /// Facts.
    pub facts: BTreeMap<EntryId, Settled>,
    /// Registers of use.
    pub readings: BTreeMap<(SessionId, EpochId), SignedReading>,
}

/// Bytes that are no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotASnapshot {
    /// A piece that cannot be read.
    #[error("malformed piece")]
    Malformed,
    /// Records out of their order, or twice.
    #[error("records out of order")]
    Order,
    /// Something that lies above its own floors.
    #[error("a record above the snapshot's floors")]
    Above,
}

impl Snapshot {
    /// What it says of membership.
    pub fn members(&self) -> impl Iterator<Item = (EntryId, Fact)> {
        self.readable().filter(|(_, fact)| Chain::concerns(fact))
    }

    /// The whole entries that this release can read.
    fn readable(&self) -> impl Iterator<Item = (EntryId, Fact)> {
        self.entries.iter().filter_map(|(id, bytes)| {
            let entry = Entry::parse(bytes).ok()?;
            Fact::decode(&entry.body).ok().flatten().map(|fact| (*id, fact))
        })
    }

    /// Tells `site`, which stands on it, all facts other than of membership: openings last, since
    /// they are proven by what issues say.
    pub fn settle_into(&self, site: &mut Site) {
        let mut openings = Vec::new();
        for (id, fact) in self.readable() {
            site.settle(id, &fact, false);
        }
        for (id, settled) in &self.facts {
            match Fact::decode(&settled.body) {
                Ok(Some(fact @ Fact::SessionOpened(_))) => {
                    openings.push((*id, fact, settled.vouched));
                }
                Ok(Some(fact)) => site.settle(*id, &fact, false),
                Ok(None) | Err(_) => {}
            }
        }
        for (id, fact, vouched) in openings {
            site.settle(id, &fact, vouched);
        }
    }

    /// Takes another checkpoint's snapshot in. Of two bodies under one name the lower hash counts, as
    /// everywhere.
    pub fn join(&mut self, other: Snapshot) {
        self.ground.join(&other.ground);
        for (id, bytes) in other.entries {
            let known = self.entries.entry(id).or_insert_with(|| bytes.clone());
            if bytes < *known {
                *known = bytes;
            }
        }
        for (id, settled) in other.facts {
            let known = self.facts.entry(id).or_insert_with(|| settled.clone());
            if settled.body == known.body {
                known.vouched |= settled.vouched;
            } else if fact_hash(&id, &settled.body) < fact_hash(&id, &known.body) {
                *known = settled;
            }
        }
        for (register, signed) in other.readings {
            let known = self.readings.entry(register).or_insert(signed);
            if (signed.reading.n, signed.reading) > (known.reading.n, known.reading) {
                *known = signed;
            }
        }
    }
}

#[cfg(test)]
mod tests;
