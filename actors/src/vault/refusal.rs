//! Rules that stand in the way: values that travel in a reply, as opposed to what broke.

use super::MOST_ROWS;
use super::write::{FIELDS, MOST_VALUE};

/// A rule that stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultRefusal {
    /// The rows were sealed under another key than the one given.
    #[error("this key does not open the vault's rows")]
    WrongKey,
    /// A backup was restored and the ledger has not caught up yet.
    #[error("the vault is shut until the ledger has caught up with the restored backup")]
    Shut,
    /// The row was erased, for ever.
    #[error("this row was erased")]
    Erased,
    /// [`MOST_ROWS`] are there.
    #[error("the vault holds {MOST_ROWS} rows and takes no more")]
    Full,
    /// A value is longer than [`MOST_VALUE`].
    #[error("a field takes at most {MOST_VALUE} bytes")]
    ValueTooLong,
    /// No such field number, or one field written twice at once.
    #[error("fields are numbered below {FIELDS} and written once at a time")]
    Field,
    /// The row is there and is of another kind.
    #[error("this row is of another kind")]
    OtherKind,
    /// So many unsettled values stand that one more could be dropped unseen.
    #[error("too many edits of this field stand unsettled; settle them first")]
    Unsettled,
    /// Blank, too long, or with control characters.
    #[error("not a text that can be kept and shown")]
    NotText,
    /// The operator's login is taken, or was created twice apart and is not settled.
    #[error("this login is taken")]
    LoginTaken,
    /// An account of this operator is there already.
    #[error("this operator has an account already")]
    Exists,
    /// There is no such row.
    #[error("no such row")]
    Unknown,
}

impl VaultRefusal {
    /// Stable name for machines.
    pub fn code(self) -> &'static str {
        match self {
            VaultRefusal::WrongKey => "vault_wrong_key",
            VaultRefusal::Shut => "vault_shut",
            VaultRefusal::Erased => "row_erased",
            VaultRefusal::Full => "vault_full",
            VaultRefusal::ValueTooLong => "value_too_long",
            VaultRefusal::Field => "no_such_field",
            VaultRefusal::OtherKind => "other_kind",
            VaultRefusal::Unsettled => "too_many_conflicts",
            VaultRefusal::NotText => "not_text",
            VaultRefusal::LoginTaken => "login_taken",
            VaultRefusal::Exists => "account_exists",
            VaultRefusal::Unknown => "no_such_row",
        }
    }
}
