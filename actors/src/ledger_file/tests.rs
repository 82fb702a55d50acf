use std::sync::Arc;

use storage::memory::MemoryStore;

use super::*;
use crate::replica::tests::world::World;

fn exported() -> (World, Vec<u8>, u64) {
    let (mut world, admins, kiosks) = World::new(2, 2);
    world.issue(admins[0], 1, 600);
    world.type_code(kiosks[0], 1).ok();
    world.run_for(6_000);
    let mut file = Vec::new();
    let count = export(&world.machines[&admins[1]].disk, world.site(), &mut file).unwrap();
    (world, file, count)
}

#[test]
fn a_file_verifies_and_tells_what_it_holds() {
    let (world, file, count) = exported();
    let report = verify(file.as_slice()).unwrap();
    assert_eq!(report.site, world.site());
    assert_eq!(report.name, "Médiathèque");
    assert_eq!(report.entries, count);
    assert_eq!((report.logs, report.unknown, report.without_effect), (4, 0, 0));
    assert_eq!(report.members.len(), 4);
}

#[test]
fn a_flipped_bit_anywhere_and_a_cut_anywhere_are_found() {
    let (_, file, _) = exported();
    for place in (0..file.len()).step_by(37) {
        let mut flipped = file.clone();
        flipped[place] ^= 4;
        assert!(verify(flipped.as_slice()).is_err(), "byte {place}");
        assert!(verify(&file[..place]).is_err(), "cut at {place}");
    }
    let mut longer = file.clone();
    longer.push(0);
    assert!(matches!(verify(longer.as_slice()), Err(LedgerFileError::Damaged(_))));
    assert!(matches!(verify(&b"PK\x03\x04"[..]), Err(LedgerFileError::NotALedger)));
}

#[test]
fn an_imported_ledger_is_the_exported_one() {
    let (world, file, count) = exported();
    let store = Arc::new(MemoryStore::default());
    assert_eq!(import(file.as_slice(), world.site(), &store).unwrap(), count);
    let mut again = Vec::new();
    export(&store, world.site(), &mut again).unwrap();
    assert_eq!(again, file);
    assert!(import(file.as_slice(), world.site(), &store).is_err(), "a second time");
    let other = Arc::new(MemoryStore::default());
    let refused = import(file.as_slice(), SiteId([1; 32]), &other);
    assert!(matches!(refused, Err(LedgerFileError::OtherSite(_))));
    assert!(other.scan_entries(None, 1).unwrap().is_empty());
}

/// A site that has adopted a checkpoint and lived on.
fn pruned() -> (World, Vec<u8>, u64) {
    let (mut world, admins, kiosks) = World::new(2, 2);
    world.issue(admins[0], 1, 600);
    world.run_for(1_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(6_000);
    world.input(admins[0], crate::replica::Input::Checkpoint);
    world.run_for(12_000);
    world.issue(admins[0], 2, 600);
    world.run_for(6_000);
    let mut file = Vec::new();
    let count = export(&world.machines[&kiosks[1]].disk, world.site(), &mut file).unwrap();
    (world, file, count)
}

#[test]
fn a_pruned_ledger_is_as_good_as_a_whole_one() {
    let (world, file, count) = pruned();
    let report = verify(file.as_slice()).unwrap();
    assert_eq!((report.entries, report.without_effect), (count, 0));
    assert!(count < 10, "{count} entries: a checkpoint speaks for the others");
    assert_eq!((report.members.len(), report.logs), (4, 4));
    let kiosk = *world.machines.keys().next().unwrap();
    assert_eq!(report.checkpoint_ms, world.replica(kiosk).base().map(|(as_of_ms, _)| as_of_ms));

    let store = Arc::new(MemoryStore::default());
    assert_eq!(import(file.as_slice(), world.site(), &store).unwrap(), count);
    let mut again = Vec::new();
    export(&store, world.site(), &mut again).unwrap();
    assert_eq!(again, file);
    for place in (0..file.len()).step_by(97) {
        let mut flipped = file.clone();
        flipped[place] ^= 4;
        assert!(verify(flipped.as_slice()).is_err(), "byte {place}");
        assert!(verify(&file[..place]).is_err(), "cut at {place}");
    }
}

#[test]
fn a_checkpoint_that_a_minority_signed_is_not_believed() {
    let (world, file, _) = pruned();
    let store = Arc::new(MemoryStore::default());
    import(file.as_slice(), world.site(), &store).unwrap();
    let one = shelf::base(&store).unwrap().remove(0);
    store.stage(vec![shelf::put_base(&[one])]).unwrap();
    let mut file = Vec::new();
    export(&store, world.site(), &mut file).unwrap();
    assert!(matches!(verify(file.as_slice()), Err(LedgerFileError::NotAgreed { .. })));
}

#[test]
fn the_documented_format_suffices_for_a_verifier_in_another_language() {
    for (_, file, count) in [exported(), pruned()] {
        suffices(&file, count);
    }
}

fn suffices(file: &[u8], count: u64) {
    let folder = tempfile::tempdir().unwrap();
    let run = |bytes: &[u8]| {
        let path = folder.path().join("ledger");
        std::fs::write(&path, bytes).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verify-ledger.mjs");
        std::process::Command::new("node").arg(script).arg(&path).output().unwrap()
    };
    let sound = run(file);
    let said = String::from_utf8_lossy(&sound.stdout);
    assert!(sound.status.success() && said.contains(&format!(" {count} entries")), "{said}");
    for place in [20, 60, file.len() / 2, file.len() - 10] {
        let mut flipped = file.to_vec();
        flipped[place] ^= 1;
        assert!(!run(&flipped).status.success(), "byte {place}");
    }
}
