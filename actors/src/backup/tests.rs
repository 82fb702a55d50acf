use std::sync::Arc;

use storage::memory::MemoryStore;

use super::*;
use crate::replica::tests::world::World;

fn backed_up() -> (World, domain::id::NodeId, Vec<u8>) {
    let (mut world, admins, kiosks) = World::new(1, 1);
    world.issue(admins[0], 1, 600);
    world.run_for(1_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(6_000);
    let mut file = Vec::new();
    let key = SmallFile { name: String::from("node.key"), bytes: vec![7; 32] };
    write(&world.machines[&admins[0]].disk, &[key], &mut file).unwrap();
    (world, admins[0], file)
}

#[test]
fn a_restored_node_knows_what_it_knew_and_begins_a_log_of_its_own() {
    let (mut world, admin, file) = backed_up();
    let before = world.replica(admin).epoch();
    let backup = read(file.as_slice()).unwrap();
    assert_eq!(backup.files.len(), 1);
    assert_eq!(backup.files[0].bytes, [7; 32]);
    let store = Arc::new(MemoryStore::default());
    backup.restore(&store).unwrap();
    world.kill(admin);
    world.machines.get_mut(&admin).unwrap().disk = store.clone();
    world.start(admin);
    world.run_for(12_000);
    assert_ne!(world.replica(admin).epoch(), before, "a log is never continued");
    assert_eq!(world.fingerprints().len(), 1);
    assert!(world.remaining_s(admin, crate::replica::tests::world::session_id(1)) > 0);
    let again = read(file.as_slice()).unwrap().restore(&store);
    assert!(matches!(again, Err(BackupError::NotEmpty)));
}

#[test]
fn a_node_restored_from_a_pruned_one_stands_on_the_same_base() {
    let (mut world, admin, _) = backed_up();
    world.input(admin, crate::replica::Input::Checkpoint);
    world.run_for(12_000);
    assert!(world.machines[&admin].disk.scan_entries(None, 100).unwrap().len() < 5);
    world.issue(admin, 2, 600);
    world.run_for(6_000);
    let mut file = Vec::new();
    write(&world.machines[&admin].disk, &[], &mut file).unwrap();
    let base = world.replica(admin).base();
    let store = Arc::new(MemoryStore::default());
    read(file.as_slice()).unwrap().restore(&store).unwrap();
    world.kill(admin);
    world.machines.get_mut(&admin).unwrap().disk = store;
    world.start(admin);
    assert_eq!(world.replica(admin).base(), base);
    world.run_for(12_000);
    assert_eq!(world.fingerprints().len(), 1);
}

#[test]
fn a_changed_or_cut_backup_is_refused_whole() {
    let (_, _, file) = backed_up();
    for place in (0..file.len()).step_by(41) {
        let mut flipped = file.clone();
        flipped[place] ^= 16;
        assert!(read(flipped.as_slice()).is_err(), "byte {place}");
        assert!(read(&file[..place]).is_err(), "cut at {place}");
    }
}
