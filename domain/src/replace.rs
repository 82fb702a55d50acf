//! Sets in which a newer member names the older ones that it replaces.
//!
//! Nothing here looks at time. A member that no other names is a *head*; one head is the value, and
//! several are a conflict between facts that had not seen each other, settled by rank, then by the
//! lower hash. Any order and any repetition of insertions gives the same set.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::Serialize;

use crate::id::EntryId;
use crate::planted::{self, Bug};

/// Most entries that one fact may replace: heads are few, and an entry is small.
pub const MOST_REPLACED: usize = 8;

/// A fact's body with its place among the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member<T> {
    /// What the fact says.
    pub value: T,
    /// The members that it replaces.
    pub replaces: Vec<EntryId>,
    /// The fact's hash: the last word in a conflict.
    pub hash: [u8; 32],
}

/// A set of members by entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replaceable<T> {
    members: BTreeMap<EntryId, Member<T>>,
}

impl<T> Default for Replaceable<T> {
    fn default() -> Self {
        Replaceable { members: BTreeMap::new() }
    }
}

impl<T> Replaceable<T> {
    /// Adds a member; says whether the set changed.
    pub fn insert(&mut self, id: EntryId, member: Member<T>) -> bool {
        let fresh = !self.members.contains_key(&id);
        self.members.entry(id).or_insert(member);
        fresh
    }

    /// Takes out the members whose value `wanted` picks.
    pub fn remove_if(&mut self, wanted: impl Fn(&T) -> bool) {
        self.members.retain(|_, member| !wanted(&member.value));
    }

    /// Every member.
    pub fn members(&self) -> impl Iterator<Item = (&EntryId, &Member<T>)> {
        self.members.iter()
    }

    /// One member.
    pub fn get(&self, id: &EntryId) -> Option<&Member<T>> {
        self.members.get(id)
    }

    /// Whether nothing was ever inserted.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members that no other member replaces, of those that are `wanted`. `counts(newer, older)`
    /// says whether `newer` had the right to replace `older`. Members that replace each other in a ring
    /// (an author can foretell names) leave no head; then all of them are.
    pub fn heads_where(
        &self,
        wanted: impl Fn(&Member<T>) -> bool,
        counts: impl Fn(&Member<T>, &Member<T>) -> bool,
    ) -> Vec<(EntryId, &Member<T>)> {
        let members = || {
            let members = self.members.iter().filter(|(_, member)| wanted(member));
            members.map(|(id, member)| (*id, member))
        };
        let mut replaced = Vec::new();
        for (id, newer) in members() {
            for older in newer.replaces.iter().filter(|older| **older != id) {
                if self.members.get(older).is_some_and(|found| counts(newer, found))
                    && !planted::is(Bug::ReplacedStays)
                {
                    replaced.push(*older);
                }
            }
        }
        replaced.sort_unstable();
        let stays = |id: &EntryId| replaced.binary_search(id).is_err();
        let heads: Vec<_> = members().filter(|(id, _)| stays(id)).collect();
        if heads.is_empty() { members().collect() } else { heads }
    }

    /// The heads, where every member may replace every other.
    pub fn heads(&self) -> Vec<(EntryId, &Member<T>)> {
        self.heads_where(|_| true, |_, _| true)
    }

    /// The names of the heads, as the next fact must replace them.
    pub fn head_ids(&self) -> Vec<EntryId> {
        self.heads().into_iter().map(|(id, _)| id).take(MOST_REPLACED).collect()
    }

    /// The head that stands: the greatest rank, then the lowest hash.
    pub fn winner_by<R: Ord>(&self, rank: impl Fn(&T) -> R) -> Option<(EntryId, &T)> {
        self.heads()
            .into_iter()
            .max_by(|(_, a), (_, b)| {
                rank(&a.value).cmp(&rank(&b.value)).then_with(|| b.hash.cmp(&a.hash))
            })
            .map(|(id, member)| (id, &member.value))
    }
}
