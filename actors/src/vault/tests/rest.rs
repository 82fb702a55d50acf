//! What lies on the disk: nothing to read, and what breaks comes back.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use domain::id::OperatorId;
use domain::operator::OperatorRole;
use storage::ledger_store::{Numbered, Pair, Placed};
use storage::operation::{Op, Table, Ticket};
use storage::{LedgerStore, MemoryStore, StoreError};

use super::{edit, key, node, on, refusal, row, settle};
use crate::vault::account::NewAccount;
use crate::vault::login::Login;
use crate::vault::password::PasswordHash;
use crate::vault::refusal::VaultRefusal;
use crate::vault::write::RowKind;

fn pairs(store: &impl LedgerStore) -> Vec<(Vec<u8>, Vec<u8>)> {
    store.scan(Table::Rows, None, 100_000).unwrap()
}

fn holds(store: &impl LedgerStore, needle: &[u8]) -> bool {
    pairs(store).iter().any(|(key, value)| {
        [key, value].iter().any(|bytes| bytes.windows(needle.len()).any(|part| part == needle))
    })
}

fn put(store: &impl LedgerStore, key: &[u8], value: Vec<u8>) {
    store.stage(vec![Op::Put { table: Table::Rows, key: key.to_vec(), value }]).unwrap();
}

#[test]
fn neither_text_nor_name_nor_login_nor_hash_lies_in_the_clear() {
    let mut desk = node(1);
    let account = NewAccount {
        operator: OperatorId([4; 16]),
        name: "Marie-Hélène Payet".into(),
        login: Login::parse("mh.payet").unwrap(),
        password: PasswordHash::of("Vanille!2031", [7; 16]).unwrap(),
        role: OperatorRole::Host,
    };
    desk.by(|vault, author, rng| {
        vault.create_account(account, author, rng).unwrap();
        vault
            .put_note(row(1), RowKind::MESSAGE, "Votre fils vous attend", None, author, rng)
            .unwrap();
    });
    desk.set(row(2), 1, "à retrouver");
    let store = desk.vault.store();
    for secret in ["Votre fils", "Payet", "payet", "$argon2id", "Vanille", "à retrouver"] {
        assert!(!holds(store, secret.as_bytes()), "{secret}");
    }
    // The search itself finds what is there.
    assert!(holds(store, &[2; 16]));
}

#[test]
fn a_superseded_value_is_gone_from_the_node_that_superseded_it() {
    let mut desk = node(1);
    let first = desk.set(row(1), 1, "ancien");
    desk.set(row(1), 1, "nouveau");
    let told = desk.hear(crate::vault::exchange::RowMessage::Want(vec![row(1)])).replies;
    let bytes = told[0].encode().unwrap();
    assert!(!bytes.windows(6).any(|part| part == b"ancien"));
    assert!(bytes.windows(7).any(|part| part == b"nouveau"));
    // And the old write, arriving again, changes nothing.
    assert!(desk.hear(first.messages[0].clone()).learned.is_empty());
    assert_eq!(desk.texts(row(1), 1), ["nouveau"]);
}

#[test]
fn an_erased_row_leaves_only_its_mark() {
    let mut desk = node(1);
    desk.set(row(1), 1, "rouge");
    desk.set(row(1), 63, "bleu");
    desk.vault.erase(row(1)).unwrap();
    let keys: Vec<_> = pairs(desk.vault.store()).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [vec![0], [[3].as_slice(), &[1; 16]].concat()]);
    let reopened = on(desk.vault.store().clone(), key(1), 1).unwrap();
    assert!(reopened.vault.is_erased(row(1)).unwrap());
    assert!(!reopened.vault.is_erased(row(2)).unwrap());
}

#[test]
fn another_key_is_refused() {
    let mut desk = node(1);
    let store = desk.vault.store().clone();
    desk.set(row(1), 1, "rouge");
    assert_eq!(refusal(on(store.clone(), key(2), 2)), Some(VaultRefusal::WrongKey));
    // The refusal has changed nothing.
    let again = on(store.clone(), key(1), 1).unwrap();
    assert_eq!(again.texts(row(1), 1), ["rouge"]);
    // A damaged constant alone is not a wrong key.
    put(&store, &[0], b"rubbish".to_vec());
    assert_eq!(on(store.clone(), key(1), 1).unwrap().texts(row(1), 1), ["rouge"]);
    assert_eq!(refusal(on(store, key(2), 2)), Some(VaultRefusal::WrongKey));
}

#[test]
fn a_flipped_byte_costs_one_field_and_is_learned_again() {
    let (mut desk, mut other) = (node(1), node(2));
    for number in 1..4 {
        let edits = vec![edit(1, "rouge", vec![]), edit(2, "bleu", vec![])];
        desk.write(row(number), edits).unwrap();
    }
    settle(&mut desk, &mut other);
    let whole = desk.vault.digest();
    for (at, (name, value)) in pairs(desk.vault.store()).into_iter().enumerate() {
        if name == [0] {
            continue;
        }
        let mut flipped = value.clone();
        let place = at * 7 % flipped.len();
        flipped[place] ^= 0x10;
        let store = desk.vault.store().clone();
        put(&store, &name, flipped);
        let mut hurt = on(store.clone(), key(1), 1).unwrap();
        assert_eq!(hurt.vault.damaged().len(), 1, "{name:?}");
        assert_ne!(hurt.vault.digest(), whole);
        let readable: usize = (1..4).map(|n| hurt.texts(row(n), 1).len()).sum();
        assert!(readable >= 2);
        settle(&mut hurt, &mut other);
        assert_eq!(hurt.vault.digest(), whole);
        assert!(hurt.vault.damaged().is_empty());
        let healed = on(store, key(1), 1).unwrap();
        assert!(healed.vault.damaged().is_empty());
    }
}

#[test]
fn a_field_that_nobody_else_has_is_reported_until_its_row_is_written_again() {
    let mut desk = node(1);
    desk.set(row(1), 1, "rouge");
    desk.set(row(1), 2, "bleu");
    let store = desk.vault.store().clone();
    put(&store, &[[1].as_slice(), &[1; 16], &[0, 1]].concat(), vec![7; 80]);
    for _ in 0..2 {
        let hurt = on(store.clone(), key(1), 1).unwrap();
        assert_eq!(hurt.vault.damaged().len(), 1);
        assert_eq!(hurt.texts(row(1), 2), ["bleu"]);
    }
    on(store.clone(), key(1), 1).unwrap().set(row(1), 2, "vert");
    assert!(on(store, key(1), 1).unwrap().vault.damaged().is_empty());
}

#[test]
fn cells_swapped_between_rows_do_not_open() {
    let mut desk = node(1);
    desk.set(row(1), 1, "rouge");
    desk.set(row(2), 1, "bleu");
    let store = desk.vault.store().clone();
    let cells: Vec<_> = pairs(&store).into_iter().filter(|(key, _)| key[0] == 1).collect();
    put(&store, &cells[0].0, cells[1].1.clone());
    put(&store, &cells[1].0, cells[0].1.clone());
    let desk = on(store, key(1), 1).unwrap();
    assert_eq!(desk.vault.damaged().len(), 2);
    assert!(desk.texts(row(1), 1).is_empty());
}

/// A store that calls chosen values damaged, as one on disk does when a checksum fails.
#[derive(Debug)]
struct Flawed {
    inner: Arc<MemoryStore>,
    bad: Mutex<BTreeSet<Vec<u8>>>,
}

impl Flawed {
    fn judge(&self, key: &[u8]) -> Result<(), StoreError> {
        if self.bad.lock().unwrap().contains(key) {
            return Err(StoreError::Damaged { what: "checksum".into() });
        }
        Ok(())
    }
}

impl LedgerStore for Flawed {
    fn stage(&self, batch: Vec<Op>) -> Result<Ticket, StoreError> {
        for op in &batch {
            if let Op::Put { key, .. } | Op::Remove { key, .. } = op {
                self.bad.lock().unwrap().remove(key);
            }
        }
        self.inner.stage(batch)
    }
    fn barrier(&self) -> Result<Ticket, StoreError> {
        self.inner.barrier()
    }
    fn entry(&self, epoch: &[u8; 32], seq: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.entry(epoch, seq)
    }
    fn entries(
        &self,
        epoch: &[u8; 32],
        from: u64,
        max_count: usize,
        max_bytes: usize,
    ) -> Result<Vec<Numbered>, StoreError> {
        self.inner.entries(epoch, from, max_count, max_bytes)
    }
    fn scan_entries(
        &self,
        after: Option<([u8; 32], u64)>,
        max_count: usize,
    ) -> Result<Vec<Placed>, StoreError> {
        self.inner.scan_entries(after, max_count)
    }
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.judge(key)?;
        self.inner.get(table, key)
    }
    fn scan(
        &self,
        table: Table,
        after: Option<&[u8]>,
        max_count: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        let page = self.inner.scan(table, after, max_count)?;
        page.iter().try_for_each(|(key, _)| self.judge(key))?;
        Ok(page)
    }
}

#[test]
fn values_that_the_store_calls_damaged_are_stepped_over_and_learned_again() {
    let (mut desk, mut other) = (node(1), node(2));
    for number in 1..40 {
        desk.set(row(number), 1, "rouge");
    }
    desk.vault.erase(row(40)).unwrap();
    settle(&mut desk, &mut other);
    let whole = desk.vault.digest();
    let inner = desk.vault.store().clone();
    let of = |tag: u8, number: u8, field: &[u8]| [[tag].as_slice(), &[number; 16], field].concat();
    for bad in [
        vec![of(2, 1, &[])],
        vec![of(2, 39, &[])],
        vec![of(2, 17, &[]), of(2, 18, &[]), of(1, 30, &[0, 1])],
        vec![of(2, 39, &[]), of(3, 40, &[])],
        vec![vec![0]],
    ] {
        let rows: BTreeSet<_> =
            bad.iter().filter(|key| (1..3).contains(&key[0])).map(|key| key[1]).collect();
        let store = Flawed { inner: inner.clone(), bad: Mutex::new(bad.into_iter().collect()) };
        let mut hurt = on(store, key(1), 1).unwrap();
        assert_eq!(hurt.vault.len(), 39 - rows.len(), "{rows:?}");
        settle(&mut hurt, &mut other);
        assert_eq!(hurt.vault.digest(), whole);
        assert!(hurt.vault.is_erased(row(40)).unwrap());
    }
}
