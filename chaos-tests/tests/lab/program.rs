//! The program that real processes run.

use std::path::PathBuf;

/// The program of the nodes.
pub(crate) fn poste() -> PathBuf {
    let named = std::env::var_os("POSTE_BINARY").map(PathBuf::from);
    let there = named.filter(|program| program.is_file());
    there.unwrap_or_else(|| {
        panic!("POSTE_BINARY names no program of the nodes: run make test-chaos")
    })
}
