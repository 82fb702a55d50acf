//! The digest by which two vaults find out that they differ, and where: a root over 256 buckets,
//! a bucket for each first byte of row ids. Only touched buckets are worked out again.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::RowId;
use sha2::{Digest, Sha256};

/// Number of buckets.
pub(crate) const BUCKETS: usize = 256;

/// Hashes of buckets, each valid until a row of it is touched.
#[derive(Debug)]
pub(crate) struct Tree {
    buckets: Vec<[u8; 32]>,
    touched: BTreeSet<u8>,
}

impl Default for Tree {
    fn default() -> Self {
        Tree { buckets: vec![[0; 32]; BUCKETS], touched: BTreeSet::new() }
    }
}

fn bucket_of(row: RowId) -> u8 {
    let [first, ..] = row.0;
    first
}

/// The first and the last possible row of a bucket.
pub(crate) fn bounds(bucket: u8) -> (RowId, RowId) {
    let (mut first, mut last) = ([0; 16], [0xff; 16]);
    first[0] = bucket;
    last[0] = bucket;
    (RowId(first), RowId(last))
}

impl Tree {
    /// A row was written or erased.
    pub(crate) fn touch(&mut self, row: RowId) {
        self.touched.insert(bucket_of(row));
    }

    /// The hashes of all buckets; an empty bucket has zeros.
    pub(crate) fn buckets<T>(
        &mut self,
        index: &BTreeMap<RowId, T>,
        hash: impl Fn(&T) -> [u8; 32],
    ) -> &[[u8; 32]] {
        while let Some(bucket) = self.touched.pop_first() {
            let (first, last) = bounds(bucket);
            let mut rows = index.range(first..=last).peekable();
            let mut value = [0; 32];
            if rows.peek().is_some() {
                let mut hasher = Sha256::new_with_prefix(b"poste-rows-bucket-1");
                for (row, standing) in rows {
                    hasher.update(row.0);
                    hasher.update(hash(standing));
                }
                value = hasher.finalize().into();
            }
            if let Some(held) = self.buckets.get_mut(usize::from(bucket)) {
                *held = value;
            }
        }
        &self.buckets
    }
}

/// The root over all buckets.
pub(crate) fn root(buckets: &[[u8; 32]]) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(b"poste-rows-root-1");
    buckets.iter().for_each(|bucket| hasher.update(bucket));
    hasher.finalize().into()
}
