//! The table of what was announced, apart from any network.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::announcement::{ADDRESSES_MAX, Answer, Described, hex};
use crate::hint::Hint;

/// The most names held; a site has some 200 nodes.
pub(crate) const NAMES_MAX: usize = 1_024;

/// Who was announced under which name, turning answers into hints where something changed.
///
/// A node may show under two names at once (a conflict gives the later one a suffix): it is gone
/// only when the last of them is, and its addresses are those of all.
#[derive(Debug)]
pub(crate) struct Neighbours {
    site: [u8; 32],
    own: [u8; 32],
    names: BTreeMap<String, Announced>,
    /// Grows with each answer, so that the name not heard of for longest is known.
    clock: u64,
    /// The clock when the present and the previous round of browsing began.
    rounds: [u64; 2],
    /// Answers of other sites.
    strangers: u64,
}

#[derive(Debug)]
struct Announced {
    described: Described,
    addresses: BTreeSet<SocketAddr>,
    heard: u64,
}

impl Neighbours {
    /// An empty table of a node of a site.
    pub(crate) fn new(site: [u8; 32], own: [u8; 32]) -> Self {
        Self { site, own, names: BTreeMap::new(), clock: 0, rounds: [0; 2], strangers: 0 }
    }

    /// Takes an answer in.
    pub(crate) fn answered(&mut self, answer: Answer) -> Vec<Hint> {
        self.clock += 1;
        let Answer { name, described, addresses } = answer;
        let before = self.names.get(&name);
        // An answer in parts says again what it said before, or nothing that could be read.
        let Some(described) = described.or(before.map(|known| known.described)) else {
            tracing::debug!(name = shown(&name), "an announcement without readable TXT record");
            return Vec::new();
        };
        if described.node == self.own {
            return Vec::new();
        }
        if described.site != self.site {
            self.strangers += 1;
            if self.strangers == 1 {
                let site = hex(&described.site);
                tracing::debug!(site, "nodes of another site are announced here, and ignored");
            }
            return self.left(&name);
        }
        let before = before.filter(|known| known.described.node == described.node);
        let addresses = merged(before.map(|known| &known.addresses), addresses);
        if addresses.is_empty() {
            return Vec::new();
        }
        let node = described.node;
        let shown_before = self.hint_of(&node);
        let announced = Announced { described, addresses, heard: self.clock };
        let replaced = self.names.insert(name, announced);
        let mut hints = Vec::new();
        // The name may have belonged to another node until now.
        if let Some(other) = replaced.map(|known| known.described.node)
            && other != node
            && self.hint_of(&other).is_none()
        {
            hints.push(Hint::Gone { node: other });
        }
        let shown_now = self.hint_of(&node);
        if shown_now != shown_before {
            hints.extend(shown_now);
        }
        while self.names.len() > NAMES_MAX {
            let oldest = self.names.iter().min_by_key(|(_, known)| known.heard);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                break;
            };
            hints.extend(self.left(&oldest));
        }
        hints
    }

    /// Takes a goodbye, or an expiry, in.
    pub(crate) fn left(&mut self, name: &str) -> Vec<Hint> {
        let Some(gone) = self.names.remove(&name.to_lowercase()) else {
            return Vec::new();
        };
        let node = gone.described.node;
        match self.hint_of(&node) {
            // What it was last seen with may have changed, under its other name.
            Some(seen) => vec![seen],
            None => vec![Hint::Gone { node }],
        }
    }

    /// Begins a round of browsing, in which every living name answers again. Those that did not in
    /// the two rounds before are gone: their goodbye was missed.
    pub(crate) fn next_round(&mut self) -> Vec<Hint> {
        let [present, previous] = self.rounds;
        let silent = self.names.iter().filter(|(_, known)| known.heard <= previous);
        let silent: Vec<String> = silent.map(|(name, _)| name.clone()).collect();
        self.rounds = [self.clock, present];
        silent.iter().flat_map(|name| self.left(name)).collect()
    }

    /// What is known of a node under all of its names.
    fn hint_of(&self, node: &[u8; 32]) -> Option<Hint> {
        let known = || self.names.values().filter(|known| known.described.node == *node);
        let newest = known().max_by_key(|known| known.heard)?.described;
        let addresses: BTreeSet<SocketAddr> =
            known().flat_map(|known| known.addresses.iter().copied()).collect();
        Some(Hint::Seen {
            node: *node,
            site: newest.site,
            kind: newest.kind,
            version: newest.version,
            addresses: addresses.into_iter().take(ADDRESSES_MAX).collect(),
        })
    }
}

/// Old addresses stay beside new ones, since an answer may hold those of one interface only; after
/// a change of port they are of a program that has ended.
fn merged(
    before: Option<&BTreeSet<SocketAddr>>,
    now: BTreeSet<SocketAddr>,
) -> BTreeSet<SocketAddr> {
    let Some(before) = before else { return now };
    let Some(port) = now.first().map(SocketAddr::port) else {
        return before.clone();
    };
    let mut all = now;
    for old in before.iter().filter(|old| old.port() == port) {
        if all.len() < ADDRESSES_MAX {
            all.insert(*old);
        }
    }
    all
}

/// The beginning of a name that came from outside, fit for a line in the journal.
fn shown(name: &str) -> String {
    name.chars().take(80).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests;
