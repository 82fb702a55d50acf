use std::sync::Arc;

use actors::vault::Vault;
use domain::id::NodeId;
use storage::{LedgerStore, SledStore};

use super::{make, restore, set_vault, until_next};
use crate::config::{BackupConfig, Config, Kind, TimeOfDay};
use crate::founding::{begin, first_account};
use crate::membership::{Membership, node_seed};
use crate::running::vault_key;
use crate::seal::SiteKey;
use crate::seed::Seed;
use crate::texts::Say;

/// An admin node that was founded and does not run.
fn founded(folder: &std::path::Path) -> Config {
    let config = Config {
        data_dir: folder.join("data"),
        kind: Kind::Admin,
        backup: BackupConfig { keep: 2, ..BackupConfig::default() },
        ..Config::default()
    };
    let key = SiteKey::of(Seed::from_bytes([5; 32]));
    let node = NodeId(node_seed(&config.data_dir).unwrap().public());
    let membership = Membership::found(&key, "Médiathèque", node).unwrap();
    let account = first_account("lea", "Léa", "Margouillat-974!").unwrap();
    begin(&config, &membership, account).unwrap();
    config
}

fn accounts(config: &Config) -> Result<usize, String> {
    let store = SledStore::open(config.data_dir.join("store")).unwrap();
    let store: Arc<dyn LedgerStore> = Arc::new(store.store);
    let key = vault_key(&config.data_dir).unwrap();
    let vault = Vault::open(store, key, &mut rand::rng()).unwrap();
    vault.accounts().map(|accounts| accounts.len()).map_err(|error| error.to_string())
}

#[test]
fn copy_comes_back_with_its_vault_shut_until_somebody_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = founded(folder.path());
    assert_eq!(accounts(&config), Ok(1));
    let copies = folder.path().join("copies");
    let store = SledStore::open(config.data_dir.join("store")).unwrap().store;
    let before = store.scan_entries(None, 100).unwrap();
    let copy = make(&store, &config, &copies).unwrap();
    drop(store);

    let again = Config { data_dir: folder.path().join("again"), ..config.clone() };
    restore(&again.data_dir, &copy, false).unwrap();
    assert!(accounts(&again).is_err());
    let store = SledStore::open(again.data_dir.join("store")).unwrap().store;
    assert_eq!(store.scan_entries(None, 100).unwrap(), before);
    set_vault(&again.data_dir, &Arc::new(store), true).unwrap();
    assert_eq!(accounts(&again), Ok(1));
    assert_eq!(
        Membership::read(&again.data_dir).unwrap(),
        Membership::read(&config.data_dir).unwrap()
    );

    let alone = folder.path().join("alone");
    restore(&alone, &copy, true).unwrap();
    let alone = Config { data_dir: alone, ..config };
    assert_eq!(accounts(&alone), Ok(1));
}

#[test]
fn damaged_copy_writes_nothing_and_a_nodes_folder_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let config = founded(folder.path());
    let store = SledStore::open(config.data_dir.join("store")).unwrap().store;
    let copy = make(&store, &config, folder.path()).unwrap();
    drop(store);
    assert!(matches!(restore(&config.data_dir, &copy, false), Err(Say::AlreadyThere { .. })));
    let mut bytes = std::fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&copy, bytes).unwrap();
    let fresh = folder.path().join("fresh");
    assert!(restore(&fresh, &copy, false).is_err());
    assert!(!fresh.exists());
}

#[test]
fn oldest_copies_go() {
    let folder = tempfile::tempdir().unwrap();
    let config = founded(folder.path());
    let copies = folder.path().join("copies");
    std::fs::create_dir(&copies).unwrap();
    for name in [
        "poste-20010101T000000Z.backup",
        "poste-20020101T000000Z.backup",
        "poste-20030101T000000Z.txt",
    ] {
        std::fs::write(copies.join(name), b"x").unwrap();
    }
    let store = SledStore::open(config.data_dir.join("store")).unwrap().store;
    make(&store, &config, &copies).unwrap();
    assert!(!copies.join("poste-20010101T000000Z.backup").exists());
    assert!(copies.join("poste-20020101T000000Z.backup").exists());
    assert!(copies.join("poste-20030101T000000Z.txt").exists());
}

#[test]
fn next_copy_is_due_at_its_time_of_day_here() {
    let at = TimeOfDay { hour: 2, minute: 30 };
    let hour = 3_600_000;
    assert_eq!(until_next(at, 0, 0), 2 * 3_600_000 + 30 * 60_000);
    assert_eq!(until_next(at, 3 * hour, 0), 23 * 3_600_000 + 30 * 60_000);
    // Réunion is four hours ahead: 22:30 UTC is 02:30 there, a day from now.
    assert_eq!(until_next(at, 22 * hour + hour / 2, 4 * 3600), 24 * 3_600_000);
    assert!(until_next(at, -1, 0) <= 24 * 3_600_000);
    assert!(until_next(at, i64::MAX, 14 * 3600) <= 24 * 3_600_000);
}
