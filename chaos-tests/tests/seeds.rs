//! Worlds that once broke something: each file of `seeds/` is run as it was found.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use chaos_tests::scenario::Scenario;
use chaos_tests::sim::Sim;
use chaos_tests::target::Target;

#[test]
fn every_kept_seed_holds_today() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let scenario = Scenario::read(&file).unwrap();
        let seed = scenario.seed.unwrap();
        let outcome = Sim::default().run(&scenario, seed, &mut |_| {}).unwrap();
        let broken: Vec<_> =
            outcome.verdicts.iter().filter(|verdict| !verdict.breaches.is_empty()).collect();
        assert!(broken.is_empty(), "{}: {broken:?}", file.display());
    }
}
