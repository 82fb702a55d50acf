//! Making a snapshot: folding what lies below given floors, and keeping what still matters.

use std::collections::BTreeMap;

use domain::authority::Chain;
use domain::checkpoint::{Floor, Ground};
use domain::fact::Fact;
use domain::id::{EpochId, SessionId, SiteId};
use domain::planted::{self, Bug};
use domain::site::{Retention, Site};
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;

use super::{Settled, Snapshot};
use crate::entry::{Entry, NO_ENTRY};

const PAGE: usize = 512;
/// Folds in a row: every fact about membership is known after the first.
const MOST_FOLDS: usize = 4;

/// Why no snapshot was made.
#[derive(Debug, thiserror::Error)]
pub enum NotFolded {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not all entries below the floors are held.
    #[error("entries below the floors are missing")]
    Missing,
    /// A log goes another way than its floor says.
    #[error("another history of log {0}")]
    OtherHistory(EpochId),
    /// Entries below a floor have no effect.
    #[error("log {0} has no authority up to its floor")]
    NoAuthority(EpochId),
}

/// A snapshot without registers of use, and the state that it was taken from.
pub struct Folded {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The sessions in it.
    pub sessions: Vec<SessionId>,
}

impl Snapshot {
    /// What the entries in `store` below `ground`'s floors come to, on top of `base`: a function of
    /// these and of the forks that are proven, the same on every node.
    ///
    /// # Errors
    /// See [`NotFolded`]. Every floor was checked against what is held.
    pub fn fold<S: LedgerStore>(
        site: SiteId,
        base: &Snapshot,
        forks: &BTreeMap<EpochId, u64>,
        ground: Ground,
        store: &S,
    ) -> Result<Folded, NotFolded> {
        let entries = Entries { base: &base.ground, ground: &ground, store };
        entries.check()?;
        let mut site = Site::new(site);
        for (epoch, seq) in forks {
            site.apply_fork(*epoch, *seq);
        }
        site.rebase(base.ground.clone(), base.members());
        let mut members = Vec::new();
        entries.each(|entry, fact| {
            members.extend(fact.filter(Chain::concerns).map(|fact| (entry.id, fact)));
        })?;
        site.learn(members);
        for _ in 0..MOST_FOLDS {
            site.unfold();
            base.settle_into(&mut site);
            let mut settled = true;
            entries.each(|entry, fact| {
                if let Some(fact) = fact {
                    let effect = site.apply(entry.id, &fact);
                    settled &= !effect.refold && effect.reread.is_empty();
                }
            })?;
            if settled {
                break;
            }
        }
        for (epoch, floor) in &ground.floors {
            let below = site.standing().epochs.get(epoch).map_or(0, |epoch| epoch.below);
            if below < floor.height {
                return Err(NotFolded::NoAuthority(*epoch));
            }
        }
        let mut snapshot = Snapshot { ground: ground.clone(), ..Snapshot::default() };
        snapshot.entries.clone_from(&base.entries);
        let retention = Retention::new(&site, &ground);
        for (id, settled) in &base.facts {
            if let Ok(Some(fact)) = Fact::decode(&settled.body)
                && retention.keeps(id, &fact)
            {
                let vouched = retention.vouches(id, &fact);
                snapshot.facts.insert(*id, Settled { vouched, body: settled.body.clone() });
            }
        }
        entries.each(|entry, fact| match fact {
            // Never folded away: a later release can read it.
            None if unknown(&entry) && !planted::is(Bug::UnknownFolded) => {
                snapshot.entries.insert(entry.id, entry.to_bytes());
            }
            Some(fact) if retention.keeps(&entry.id, &fact) => {
                if Chain::concerns(&fact) {
                    snapshot.entries.insert(entry.id, entry.to_bytes());
                } else {
                    let vouched = retention.vouches(&entry.id, &fact);
                    snapshot.facts.insert(entry.id, Settled { vouched, body: entry.body });
                }
            }
            Some(_) | None => {}
        })?;
        let sessions = site.sessions().map(|(id, _)| *id);
        let sessions = sessions.filter(|id| retention.keeps_session(id)).collect();
        Ok(Folded { snapshot, sessions })
    }
}

fn unknown(entry: &Entry) -> bool {
    matches!(Fact::decode(&entry.body), Ok(None))
}

/// The entries between a base and new floors.
struct Entries<'a, S> {
    base: &'a Ground,
    ground: &'a Ground,
    store: &'a S,
}

impl<S: LedgerStore> Entries<'_, S> {
    /// Whether all are held, each log up to the very entry that its floor names.
    fn check(&self) -> Result<(), NotFolded> {
        if !self.base.floors.iter().all(|(epoch, floor)| self.ground.height(epoch) >= floor.height)
        {
            return Err(NotFolded::Missing);
        }
        for (epoch, floor) in &self.ground.floors {
            let known = self.base.floors.get(epoch).copied();
            let Floor { mut height, mut head } =
                known.unwrap_or(Floor { height: 0, head: NO_ENTRY });
            self.each_of(epoch, floor, |entry| {
                if entry.id.seq == height && entry.prev == head {
                    height += 1;
                    head = entry.hash();
                }
            })?;
            if height < floor.height {
                return Err(NotFolded::Missing);
            }
            if head != floor.head {
                return Err(NotFolded::OtherHistory(*epoch));
            }
        }
        Ok(())
    }

    /// Each entry with what it says, in the order of logs.
    fn each(&self, mut with: impl FnMut(Entry, Option<Fact>)) -> Result<(), StoreError> {
        for (epoch, floor) in &self.ground.floors {
            self.each_of(epoch, floor, |entry| {
                let fact = Fact::decode(&entry.body).ok().flatten();
                with(entry, fact);
            })?;
        }
        Ok(())
    }

    fn each_of(
        &self,
        epoch: &EpochId,
        floor: &Floor,
        mut with: impl FnMut(Entry),
    ) -> Result<(), StoreError> {
        let mut from = self.base.height(epoch);
        while from < floor.height {
            let page = self.store.entries(&epoch.0, from, PAGE, usize::MAX)?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            from = last + 1;
            for (_, bytes) in page.into_iter().filter(|(seq, _)| *seq < floor.height) {
                if let Ok(entry) = Entry::parse(&bytes) {
                    with(entry);
                }
            }
        }
        Ok(())
    }
}
