//! What the vault promises, on whole vaults.

use std::sync::Arc;

use domain::authority::NodeKind;
use domain::id::{EpochId, OperatorId, RowId, Signature};
use ed25519_dalek::{Signer, SigningKey};
use rand::SeedableRng;
use rand::rngs::StdRng;
use storage::{LedgerStore, MemoryStore};

use super::exchange::{Handled, RowMessage};
use super::key::VaultKey;
use super::refusal::VaultRefusal;
use super::row::Field;
use super::write::{RowKind, WriteId};
use super::{Author, Edit, Vault, VaultError, Written};

mod exchange;
mod merge;
mod rest;

/// Epochs whose keys begin with this byte are authorised; each test's nodes are made so.
const OURS: u8 = 1;

/// An admin node: a vault and what it signs with.
pub(super) struct Node<S = Arc<MemoryStore>> {
    pub(super) vault: Vault<S>,
    pub(super) epoch: SigningKey,
    pub(super) rng: StdRng,
}

pub(super) fn node(seed: u8) -> Node {
    on(Arc::new(MemoryStore::new()), key(seed), seed).unwrap()
}

pub(super) fn on<S: LedgerStore>(store: S, key: VaultKey, seed: u8) -> Result<Node<S>, VaultError> {
    let mut rng = StdRng::seed_from_u64(u64::from(seed));
    let vault = Vault::open(store, key, &mut rng)?;
    Ok(Node { vault, epoch: SigningKey::from_bytes(&[seed; 32]), rng })
}

pub(super) fn key(seed: u8) -> VaultKey {
    VaultKey::from_bytes([seed; 32])
}

pub(super) fn row(number: u8) -> RowId {
    RowId([number; 16])
}

/// Accepts every epoch that really signed, except the node made with seed `stranger`.
pub(super) fn authorised_but(stranger: Option<u8>) -> impl Fn(&EpochId, &[u8], &Signature) -> bool {
    let stranger = stranger.map(|seed| SigningKey::from_bytes(&[seed; 32]).verifying_key());
    move |epoch, bytes, signature| {
        stranger.is_none_or(|stranger| stranger.to_bytes() != epoch.0)
            && domain::id::verifies(&epoch.0, &[bytes], signature)
    }
}

pub(super) fn edit(field: u16, value: impl AsRef<[u8]>, seen: Vec<WriteId>) -> Edit {
    Edit { field, value: value.as_ref().to_vec(), seen }
}

impl<S: LedgerStore> Node<S> {
    /// Runs `work` with this node's hand: its author and its randomness.
    pub(super) fn by<T>(
        &mut self,
        work: impl FnOnce(&mut Vault<S>, &Author<'_>, &mut StdRng) -> T,
    ) -> T {
        let epoch = self.epoch.clone();
        let sign = |bytes: &[u8]| Signature(epoch.sign(bytes).to_bytes());
        let author = Author {
            by: OperatorId([9; 16]),
            epoch: EpochId(epoch.verifying_key().to_bytes()),
            at_ms: 1_800_000_000_000,
            sign: &sign,
        };
        work(&mut self.vault, &author, &mut self.rng)
    }

    /// Writes one field, having seen what stands.
    pub(super) fn set(&mut self, row: RowId, field: u16, value: &str) -> Written {
        let seen = self.seen(row, field);
        self.write(row, vec![edit(field, value, seen)]).unwrap()
    }

    pub(super) fn write(&mut self, row: RowId, edits: Vec<Edit>) -> Result<Written, VaultError> {
        self.by(|vault, author, rng| vault.write(row, RowKind::NOTE, edits, author, rng))
    }

    pub(super) fn seen(&self, row: RowId, field: u16) -> Vec<WriteId> {
        let held = self.vault.read(row).unwrap();
        held.map(|row| row.seen(field)).unwrap_or_default()
    }

    /// Every value that stands in a field, as text.
    pub(super) fn texts(&self, row: RowId, field: u16) -> Vec<String> {
        let held = self.vault.read(row).unwrap();
        let field: Option<Field> = held.and_then(|row| row.field(field));
        let values = field.map(|field| field.values().to_vec()).unwrap_or_default();
        values.into_iter().map(|value| String::from_utf8(value.bytes).unwrap()).collect()
    }

    pub(super) fn hear(&mut self, message: RowMessage) -> Handled {
        self.vault.handle(NodeKind::Admin, message, &authorised_but(None), &mut self.rng).unwrap()
    }

    /// Hears messages as they cross a wire.
    pub(super) fn hear_all(&mut self, messages: Vec<RowMessage>) {
        for message in messages {
            let frame = message.encode().unwrap();
            self.hear(RowMessage::decode(&frame).unwrap());
        }
    }
}

/// Rounds in both directions, without loss, until both say the same or too many have passed.
pub(super) fn settle<A: LedgerStore, B: LedgerStore>(a: &mut Node<A>, b: &mut Node<B>) {
    for _ in 0..20 {
        let (digest, other) = (a.vault.digest(), b.vault.digest());
        if digest == other {
            return;
        }
        let mut to_b = vec![RowMessage::Digest(digest)];
        let mut to_a = vec![RowMessage::Digest(other)];
        while !to_a.is_empty() || !to_b.is_empty() {
            let from_b: Vec<_> = to_b.drain(..).flat_map(|m| b.hear(m).replies).collect();
            let from_a: Vec<_> = to_a.drain(..).flat_map(|m| a.hear(m).replies).collect();
            to_a.extend(from_b);
            to_b.extend(from_a);
        }
    }
    panic!("two vaults did not come to the same rows in 20 rounds");
}

fn refusal<T>(result: Result<T, VaultError>) -> Option<VaultRefusal> {
    match result {
        Err(VaultError::Refused(refusal)) => Some(refusal),
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    }
}

#[test]
fn a_value_is_replaced_by_who_has_seen_it() {
    let mut desk = node(OURS);
    desk.set(row(1), 1, "rouge");
    desk.set(row(1), 1, "bleu");
    assert_eq!(desk.texts(row(1), 1), ["bleu"]);
}

#[test]
fn edits_that_did_not_see_each_other_are_both_shown_until_one_names_both() {
    let (mut a, mut b) = (node(1), node(2));
    b.hear_all(a.set(row(1), 1, "rouge").messages);
    let (from_a, from_b) = (a.set(row(1), 1, "bleu"), b.set(row(1), 1, "vert"));
    a.hear_all(from_b.messages);
    b.hear_all(from_a.messages);
    let mut both = a.texts(row(1), 1);
    assert_eq!(both, b.texts(row(1), 1));
    both.sort();
    assert_eq!(both, ["bleu", "vert"]);
    b.hear_all(a.set(row(1), 1, "bleu-vert").messages);
    assert_eq!(b.texts(row(1), 1), ["bleu-vert"]);
    assert_eq!(a.vault.digest(), b.vault.digest());
}

#[test]
fn two_operators_on_one_node_do_not_overwrite_each_other_unseen() {
    let mut desk = node(OURS);
    desk.set(row(1), 1, "rouge");
    let seen = desk.seen(row(1), 1);
    desk.write(row(1), vec![edit(1, "bleu", seen.clone())]).unwrap();
    desk.write(row(1), vec![edit(1, "vert", seen)]).unwrap();
    assert_eq!(desk.texts(row(1), 1).len(), 2);
}

#[test]
fn what_a_row_does_not_take_is_refused_and_changes_nothing() {
    let mut desk = node(OURS);
    desk.set(row(1), 1, "rouge");
    let before = desk.vault.digest();
    let long = vec![7; super::write::MOST_VALUE + 1];
    for (edits, why) in [
        (vec![edit(2, "x", vec![]), edit(3, long, vec![])], VaultRefusal::ValueTooLong),
        (vec![edit(64, "x", vec![])], VaultRefusal::Field),
        (vec![edit(2, "x", vec![]), edit(2, "y", vec![])], VaultRefusal::Field),
        (vec![edit(1, "x", vec![WriteId([1; 16]); 17])], VaultRefusal::Unsettled),
    ] {
        assert_eq!(refusal(desk.write(row(1), edits)), Some(why));
    }
    let other_kind = desk.by(|vault, author, rng| {
        vault.write(row(1), RowKind::ACCOUNT, vec![edit(2, "x", vec![])], author, rng)
    });
    assert_eq!(refusal(other_kind), Some(VaultRefusal::OtherKind));
    assert_eq!(desk.vault.digest(), before);
}

#[test]
fn an_edit_that_could_be_dropped_unseen_is_refused() {
    let mut desk = node(OURS);
    let refused =
        (0..200).find_map(|n| refusal(desk.write(row(1), vec![edit(1, format!("{n}"), vec![])])));
    assert_eq!(refused, Some(VaultRefusal::Unsettled));
    assert_eq!(desk.texts(row(1), 1).len(), super::row::MOST_HEADS);
    desk.set(row(1), 1, "réglé");
    assert_eq!(desk.texts(row(1), 1), ["réglé"]);
}

#[test]
fn a_full_vault_takes_no_new_row_and_still_takes_edits() {
    let (mut desk, mut other) = (node(1), node(2));
    desk.set(row(1), 1, "rouge");
    let standing = *desk.vault.index.get(&row(1)).unwrap();
    for number in desk.vault.len() as u128..super::MOST_ROWS as u128 {
        desk.vault.index.insert(RowId(number.to_le_bytes()), standing);
    }
    let new = vec![edit(1, "x", vec![])];
    assert_eq!(refusal(desk.write(row(2), new)), Some(VaultRefusal::Full));
    let heard = other.set(row(2), 1, "x").messages.remove(0);
    assert_eq!(desk.hear(heard).skipped.full, 1);
    desk.set(row(1), 1, "bleu");
    assert_eq!(desk.texts(row(1), 1), ["bleu"]);
}

#[test]
fn a_restored_vault_tells_nothing_until_it_has_caught_up() {
    let (mut desk, mut other) = (node(1), node(2));
    desk.set(row(1), 1, "rouge");
    desk.set(row(2), 1, "bleu");
    let heard = other.set(row(3), 1, "vert").messages.remove(0);
    desk.vault.shut().unwrap();
    let store = desk.vault.store().clone();
    // Also after a restart.
    let mut desk = on(store, key(1), 1).unwrap();
    assert!(desk.vault.is_shut());
    assert_eq!(refusal(desk.vault.read(row(1))), Some(VaultRefusal::Shut));
    assert_eq!(refusal(desk.vault.accounts()), Some(VaultRefusal::Shut));
    assert_eq!(desk.vault.rows_of(RowKind::NOTE).count(), 0);
    assert_eq!(refusal(desk.write(row(1), vec![])), Some(VaultRefusal::Shut));
    assert_eq!(desk.vault.begin_round(), None);
    for message in [RowMessage::Want(vec![row(1)]), RowMessage::Digest([0; 32]), heard.clone()] {
        let handled = desk.hear(message);
        assert!(handled.replies.is_empty());
        assert_eq!(handled.skipped.unwelcome, 1);
    }
    // The ledger catches up: what was erased since the backup goes.
    desk.vault.erase(row(2)).unwrap();
    desk.vault.open_after_catch_up().unwrap();
    assert_eq!(desk.texts(row(1), 1), ["rouge"]);
    assert_eq!(desk.vault.read(row(2)).unwrap(), None);
    assert_eq!(desk.hear(heard).learned, [row(3)]);
}
