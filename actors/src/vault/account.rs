//! Operators' accounts: the vault's first tenant.
//!
//! An account is the row whose id is the operator's. Two nodes may edit it apart; until somebody
//! settles what both left, every doubt is read to the safe side:
//!
//! - Two roles: the lesser. Enabled and disabled: disabled. A role or flag that cannot be read:
//!   viewer, disabled.
//! - Two passwords: neither signs in until one is set anew, since one of the two may have been set
//!   to lock somebody out.
//! - One login on two accounts (created apart): both accounts are listed as clashing and neither
//!   signs in by it until one is renamed or erased. A disabled account holds its login too.

use std::collections::BTreeMap;

use domain::id::{OperatorId, RowId};
use domain::operator::OperatorRole;
use rand::CryptoRng;
use storage::LedgerStore;

use super::login::Login;
use super::password::PasswordHash;
use super::refusal::VaultRefusal;
use super::row::Row;
use super::text::is_showable;
use super::write::RowKind;
use super::{Author, Edit, Vault, VaultError, Written};

/// Longest name of an operator, in characters.
pub const LONGEST_NAME: usize = 80;

const NAME: u16 = 1;
const LOGIN: u16 = 2;
const PASSWORD: u16 = 3;
const ROLE: u16 = 4;
const DISABLED: u16 = 5;

/// The row of an operator's account; erasing it erases the account.
pub fn row_of(operator: OperatorId) -> RowId {
    RowId(operator.0)
}

/// What two nodes left different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// Two names.
    Name,
    /// Two logins.
    Login,
    /// Two passwords: nobody signs in.
    Password,
    /// Two roles: the lesser counts.
    Role,
    /// Enabled and disabled: disabled counts.
    Disabled,
    /// Another account has the same login: nobody signs in by it.
    Clash,
}

/// An operator's account, read to the safe side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The operator.
    pub operator: OperatorId,
    /// The name shown; of several, that of the lowest write.
    pub name: String,
    /// The logins that stand: one, or more while unsettled.
    pub logins: Vec<Login>,
    /// What the operator may do.
    pub role: OperatorRole,
    /// Whether sign-in is refused.
    pub disabled: bool,
    /// When the password was last set, by the setting node's clock.
    pub password_changed_ms: Option<i64>,
    /// What waits to be settled, for the next reader to see.
    pub doubts: Vec<Doubt>,
}

impl Account {
    fn of(row: &Row) -> Self {
        let values =
            |field| row.field(field).map(|field| field.values().to_vec()).unwrap_or_default();
        let texts = |field| -> Vec<String> {
            let values = values(field).into_iter();
            values.filter_map(|value| String::from_utf8(value.bytes).ok()).collect()
        };
        let mut logins: Vec<Login> =
            texts(LOGIN).iter().filter_map(|login| Login::parse(login).ok()).collect();
        logins.sort();
        logins.dedup();
        let roles = values(ROLE).into_iter().map(|value| read_role(&value.bytes));
        let flags = values(DISABLED);
        let passwords = values(PASSWORD);
        let doubts = [
            (NAME, Doubt::Name),
            (LOGIN, Doubt::Login),
            (PASSWORD, Doubt::Password),
            (ROLE, Doubt::Role),
            (DISABLED, Doubt::Disabled),
        ];
        Account {
            operator: OperatorId(row.id.0),
            name: texts(NAME).into_iter().next().unwrap_or_default(),
            logins,
            role: roles.min().unwrap_or(OperatorRole::Viewer),
            disabled: flags.is_empty() || flags.iter().any(|flag| flag.bytes != [0]),
            password_changed_ms: passwords.iter().map(|value| value.at_ms).max(),
            doubts: doubts
                .into_iter()
                .filter(|(field, _)| values(*field).len() > 1)
                .map(|(_, doubt)| doubt)
                .collect(),
        }
    }

    fn signs_in(&self) -> bool {
        !self.disabled
            && !self.doubts.contains(&Doubt::Password)
            && !self.doubts.contains(&Doubt::Clash)
    }
}

fn read_role(bytes: &[u8]) -> OperatorRole {
    match bytes {
        [2] => OperatorRole::Admin,
        [1] => OperatorRole::Host,
        _ => OperatorRole::Viewer,
    }
}

fn role_bytes(role: OperatorRole) -> Vec<u8> {
    match role {
        OperatorRole::Viewer => vec![0],
        OperatorRole::Host => vec![1],
        OperatorRole::Admin => vec![2],
    }
}

/// A new account.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Drawn by the caller.
    pub operator: OperatorId,
    /// The name shown.
    pub name: String,
    /// The name to sign in by.
    pub login: Login,
    /// See [`super::password::check`], which the caller has asked.
    pub password: PasswordHash,
    /// What the operator may do.
    pub role: OperatorRole,
}

/// One change to an account. It settles what stood there, doubts included.
#[derive(Debug, Clone)]
pub enum AccountChange {
    /// Another name.
    Name(String),
    /// Another login.
    Login(Login),
    /// Another password.
    Password(PasswordHash),
    /// Another role.
    Role(OperatorRole),
    /// Disabled, or enabled again.
    Disabled(bool),
}

impl AccountChange {
    fn field_and_bytes(self) -> Result<(u16, Vec<u8>), VaultRefusal> {
        Ok(match self {
            AccountChange::Name(name) => {
                if !is_showable(&name, LONGEST_NAME) || name.contains('\n') {
                    return Err(VaultRefusal::NotText);
                }
                (NAME, name.into_bytes())
            }
            AccountChange::Login(login) => (LOGIN, login.as_str().as_bytes().to_vec()),
            AccountChange::Password(hash) => (PASSWORD, hash.as_str().as_bytes().to_vec()),
            AccountChange::Role(role) => (ROLE, role_bytes(role)),
            AccountChange::Disabled(disabled) => (DISABLED, vec![u8::from(disabled)]),
        })
    }
}

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The operator.
    pub operator: OperatorId,
    /// The role held now.
    pub role: OperatorRole,
    /// The name shown.
    pub name: String,
}

/// A sign-in whose password is still to be checked: take it to a thread that may block. There is
/// one for every login, known or not, and checking each takes as long.
#[derive(Debug)]
pub struct Challenge {
    hash: PasswordHash,
    account: Option<SignedIn>,
}

impl Challenge {
    /// The hash to check: the account's, or nobody's.
    pub fn hash(&self) -> &PasswordHash {
        &self.hash
    }

    /// Who signed in, if the password is right and the account may.
    pub fn answer(self, password: &str) -> Option<SignedIn> {
        let verified = self.hash.verifies(password);
        self.account.filter(|_| verified)
    }
}

impl<S: LedgerStore> Vault<S> {
    /// All accounts, ascending by operator, clashes marked.
    pub fn accounts(&self) -> Result<Vec<Account>, VaultError> {
        self.check_open()?;
        let mut accounts = Vec::new();
        for row in self.rows_of(RowKind::ACCOUNT) {
            accounts.extend(self.read(row)?.as_ref().map(Account::of));
        }
        let mut holders: BTreeMap<Login, usize> = BTreeMap::new();
        for login in accounts.iter().flat_map(|account| &account.logins) {
            *holders.entry(login.clone()).or_default() += 1;
        }
        for account in &mut accounts {
            if account.logins.iter().any(|login| holders.get(login).is_some_and(|n| *n > 1)) {
                account.doubts.push(Doubt::Clash);
            }
        }
        Ok(accounts)
    }

    /// Adds an account. Refused where the login is held, here and now; created apart on two nodes,
    /// both stand and [clash](Doubt::Clash).
    pub fn create_account(
        &mut self,
        new: NewAccount,
        author: &Author<'_>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Written, VaultError> {
        let row = row_of(new.operator);
        self.check_login(&new.login, new.operator)?;
        let edits = [
            AccountChange::Name(new.name),
            AccountChange::Login(new.login),
            AccountChange::Password(new.password),
            AccountChange::Role(new.role),
            AccountChange::Disabled(false),
        ]
        .into_iter()
        .map(|change| {
            let (field, value) = change.field_and_bytes()?;
            Ok(Edit { field, value, seen: Vec::new() })
        })
        .collect::<Result<_, VaultRefusal>>()?;
        if self.read(row)?.is_some() {
            return Err(VaultRefusal::Exists.into());
        }
        self.write(row, RowKind::ACCOUNT, edits, author, rng)
    }

    /// Changes an account.
    pub fn change_account(
        &mut self,
        operator: OperatorId,
        changes: Vec<AccountChange>,
        author: &Author<'_>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Written, VaultError> {
        let row = row_of(operator);
        let held = self.read(row)?.filter(|row| row.kind == RowKind::ACCOUNT);
        let held = held.ok_or(VaultRefusal::Unknown)?;
        let mut edits = Vec::new();
        for change in changes {
            if let AccountChange::Login(login) = &change {
                self.check_login(login, operator)?;
            }
            let (field, value) = change.field_and_bytes()?;
            edits.push(Edit { field, value, seen: held.seen(field) });
        }
        self.write(row, RowKind::ACCOUNT, edits, author, rng)
    }

    /// What must be checked for `login` to sign in. Never says whether there is such an account.
    pub fn challenge(&self, login: &str) -> Result<Challenge, VaultError> {
        let login = Login::parse(login).ok();
        let mut found = None;
        for account in self.accounts()? {
            if login.as_ref().is_some_and(|login| account.logins.contains(login)) {
                found = Some(account);
            }
        }
        let account = found.filter(Account::signs_in);
        let operator = account.as_ref().map(|account| account.operator);
        let hash = match operator {
            Some(operator) => self.password_of(operator)?,
            None => None,
        };
        let account = account.filter(|_| hash.is_some()).map(|account| SignedIn {
            operator: account.operator,
            role: account.role,
            name: account.name,
        });
        Ok(Challenge { hash: hash.unwrap_or_else(PasswordHash::nobody), account })
    }

    fn password_of(&self, operator: OperatorId) -> Result<Option<PasswordHash>, VaultError> {
        let field = self.read(row_of(operator))?.and_then(|row| row.field(PASSWORD));
        Ok(field.and_then(|field| match field.values() {
            [only] => PasswordHash::kept(&only.bytes),
            _ => None,
        }))
    }

    fn check_login(&self, login: &Login, operator: OperatorId) -> Result<(), VaultError> {
        let held = self
            .accounts()?
            .iter()
            .any(|account| account.operator != operator && account.logins.contains(login));
        if held { Err(VaultRefusal::LoginTaken.into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
