use domain::id::OperatorId;
use domain::operator::OperatorRole;

use super::*;
use crate::vault::password::NOBODY;
use crate::vault::tests::{Node, node, settle};

const GOOD: &str = "Vanille!2031";

fn operator(number: u8) -> OperatorId {
    OperatorId([number; 16])
}

fn new(number: u8, login: &str) -> NewAccount {
    NewAccount {
        operator: operator(number),
        name: format!("Opérateur {number}"),
        login: Login::parse(login).unwrap(),
        password: PasswordHash::of(GOOD, [number; 16]).unwrap(),
        role: OperatorRole::Host,
    }
}

fn create(desk: &mut Node, account: NewAccount) -> Result<Written, VaultError> {
    desk.by(|vault, author, rng| vault.create_account(account, author, rng))
}

fn change(desk: &mut Node, number: u8, what: AccountChange) -> Result<Written, VaultError> {
    desk.by(|vault, author, rng| vault.change_account(operator(number), vec![what], author, rng))
}

fn signs_in(desk: &Node, login: &str, password: &str) -> Option<OperatorId> {
    desk.vault.challenge(login).unwrap().answer(password).map(|who| who.operator)
}

fn account(desk: &Node, number: u8) -> Account {
    let accounts = desk.vault.accounts().unwrap();
    accounts.into_iter().find(|account| account.operator == operator(number)).unwrap()
}

#[test]
fn an_operator_signs_in_on_either_admin_node() {
    let (mut a, mut b) = (node(1), node(2));
    b.hear_all(create(&mut a, new(4, "Hélène")).unwrap().messages);
    for desk in [&a, &b] {
        assert_eq!(signs_in(desk, "helene", GOOD), Some(operator(4)));
        assert_eq!(signs_in(desk, "HÉLÈNE", GOOD), Some(operator(4)));
        assert_eq!(signs_in(desk, "helene", "Vanille!2032"), None);
    }
    let who = b.vault.challenge("helene").unwrap().answer(GOOD).unwrap();
    assert_eq!((who.role, who.name.as_str()), (OperatorRole::Host, "Opérateur 4"));
    assert_eq!(account(&b, 4).password_changed_ms, Some(1_800_000_000_000));
}

#[test]
fn an_unknown_login_is_checked_like_any_other() {
    let desk = node(1);
    for login in ["nobody", "", "not a login", "мария"] {
        let challenge = desk.vault.challenge(login).unwrap();
        assert_eq!(challenge.hash().as_str(), NOBODY);
        assert_eq!(challenge.answer(GOOD), None);
    }
}

#[test]
fn a_disabled_operator_does_not_sign_in_and_keeps_the_login() {
    let mut desk = node(1);
    create(&mut desk, new(4, "helene")).unwrap();
    change(&mut desk, 4, AccountChange::Disabled(true)).unwrap();
    assert_eq!(signs_in(&desk, "helene", GOOD), None);
    let taken = create(&mut desk, new(5, "Hélène"));
    assert!(matches!(taken, Err(VaultError::Refused(VaultRefusal::LoginTaken))));
    change(&mut desk, 4, AccountChange::Disabled(false)).unwrap();
    assert_eq!(signs_in(&desk, "helene", GOOD), Some(operator(4)));
}

#[test]
fn one_login_created_twice_apart_signs_nobody_in_until_one_is_renamed() {
    let (mut a, mut b) = (node(1), node(2));
    create(&mut a, new(4, "helene")).unwrap();
    create(&mut b, new(5, "helene")).unwrap();
    settle(&mut a, &mut b);
    for desk in [&a, &b] {
        assert_eq!(desk.vault.accounts().unwrap().len(), 2);
        assert_eq!(account(desk, 4).doubts, [Doubt::Clash]);
        assert_eq!(account(desk, 5).doubts, [Doubt::Clash]);
        assert_eq!(signs_in(desk, "helene", GOOD), None);
    }
    let taken = change(&mut a, 5, AccountChange::Login(Login::parse("helene").unwrap()));
    assert!(matches!(taken, Err(VaultError::Refused(VaultRefusal::LoginTaken))));
    let renamed = Login::parse("helene.p").unwrap();
    b.hear_all(change(&mut a, 5, AccountChange::Login(renamed)).unwrap().messages);
    for desk in [&a, &b] {
        assert_eq!(signs_in(desk, "helene", GOOD), Some(operator(4)));
        assert_eq!(signs_in(desk, "helene.p", GOOD), Some(operator(5)));
    }
}

#[test]
fn what_two_nodes_changed_apart_is_read_to_the_safe_side() {
    let (mut a, mut b) = (node(1), node(2));
    create(&mut a, new(4, "helene")).unwrap();
    settle(&mut a, &mut b);
    change(&mut a, 4, AccountChange::Role(OperatorRole::Admin)).unwrap();
    change(&mut b, 4, AccountChange::Role(OperatorRole::Viewer)).unwrap();
    change(&mut a, 4, AccountChange::Disabled(false)).unwrap();
    change(&mut b, 4, AccountChange::Disabled(true)).unwrap();
    settle(&mut a, &mut b);
    let read = account(&a, 4);
    assert_eq!(read, account(&b, 4));
    assert_eq!((read.role, read.disabled), (OperatorRole::Viewer, true));
    assert_eq!(read.doubts, [Doubt::Role, Doubt::Disabled]);
    // One change settles it.
    change(&mut a, 4, AccountChange::Disabled(false)).unwrap();
    change(&mut a, 4, AccountChange::Role(OperatorRole::Admin)).unwrap();
    let read = account(&a, 4);
    assert_eq!((read.role, read.disabled), (OperatorRole::Admin, false));
    assert!(read.doubts.is_empty());
}

#[test]
fn two_passwords_set_apart_sign_nobody_in_until_one_is_set_anew() {
    let (mut a, mut b) = (node(1), node(2));
    create(&mut a, new(4, "helene")).unwrap();
    settle(&mut a, &mut b);
    let hash = |password| PasswordHash::of(password, [7; 16]).unwrap();
    change(&mut a, 4, AccountChange::Password(hash("Bourbon!2031"))).unwrap();
    change(&mut b, 4, AccountChange::Password(hash("Letchis!2031"))).unwrap();
    settle(&mut a, &mut b);
    for password in [GOOD, "Bourbon!2031", "Letchis!2031"] {
        assert_eq!(signs_in(&a, "helene", password), None);
    }
    change(&mut b, 4, AccountChange::Password(hash("Cilaos!!2031"))).unwrap();
    assert_eq!(signs_in(&b, "helene", "Cilaos!!2031"), Some(operator(4)));
}

#[test]
fn an_account_that_lost_a_field_is_not_read_as_more_than_it_was() {
    let mut desk = node(1);
    create(&mut desk, new(4, "helene")).unwrap();
    let row = desk.vault.read(row_of(operator(4))).unwrap().unwrap();
    let mut without = Row::new(row.id, row.kind);
    for cell in row.cells().filter(|cell| ![ROLE, DISABLED].contains(&cell.field)) {
        without.restore(cell.clone());
    }
    let read = Account::of(&without);
    assert_eq!((read.role, read.disabled), (OperatorRole::Viewer, true));
}

#[test]
fn a_name_is_text_and_an_account_begins_once() {
    let mut desk = node(1);
    for name in ["", "  ", "a\nb", "a\u{1b}b", &"x".repeat(81)] {
        let bad = create(&mut desk, NewAccount { name: name.into(), ..new(4, "helene") });
        assert!(matches!(bad, Err(VaultError::Refused(VaultRefusal::NotText))), "{name:?}");
    }
    create(&mut desk, new(4, "helene")).unwrap();
    let twice = create(&mut desk, new(4, "other"));
    assert!(matches!(twice, Err(VaultError::Refused(VaultRefusal::Exists))));
    let unknown = change(&mut desk, 7, AccountChange::Disabled(true));
    assert!(matches!(unknown, Err(VaultError::Refused(VaultRefusal::Unknown))));
}

#[test]
fn an_erased_account_is_gone_for_good() {
    let mut desk = node(1);
    create(&mut desk, new(4, "helene")).unwrap();
    desk.vault.erase(row_of(operator(4))).unwrap();
    assert_eq!(signs_in(&desk, "helene", GOOD), None);
    assert!(desk.vault.accounts().unwrap().is_empty());
    let again = create(&mut desk, new(4, "helene"));
    assert!(matches!(again, Err(VaultError::Refused(VaultRefusal::Erased))));
    create(&mut desk, new(5, "helene")).unwrap();
}
