//! What the console asks of the node behind it.

use std::future::Future;
use std::sync::Arc;

use actors::pairing::digits::Digits;
use actors::pairing::waiting::Waiting;
use domain::command::Command;
use domain::fact::Place;
use domain::id::{EntryId, KioskId, NodeId, OperatorId, RequestId, SessionId};
use domain::operator::{By, OperatorRole};
use domain::refusal::Refusal;
use tokio::sync::watch;

use crate::view::LiveView;

/// An operator's account that may sign in: known, not disabled, in no conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose.
    pub operator: OperatorId,
    /// Display name.
    pub name: String,
    /// What the operator may do.
    pub role: OperatorRole,
    /// When the password was last changed (ms since 1970): logins, tickets and tokens made before
    /// are void.
    pub password_changed_ms: i64,
}

/// What a password is checked against.
#[derive(Clone)]
pub struct PasswordCheck {
    /// An argon2id hash in PHC form: the account's, or, for a login name that nobody has, one that
    /// no password matches and that costs the same.
    pub phc: String,
    /// The account, if there is one that may sign in.
    pub account: Option<Account>,
}

/// Codes to issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueOrder {
    /// How many.
    pub count: u16,
    /// Seconds granted by each.
    pub seconds: u32,
    /// How long they open, in milliseconds from now; the desk's choice when absent.
    pub valid_ms: Option<i64>,
    /// Where they open.
    pub place: Place,
    /// A word for staff, for the vault.
    pub label: Option<String>,
}

/// A command that is durable on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The entries that carry it; none when the same request was carried out before.
    pub entries: Vec<EntryId>,
    /// When, in site time.
    pub at_ms: i64,
}

/// Codes that are durable on this node.
#[derive(Clone)]
pub struct Issued {
    /// The entries that carry them.
    pub accepted: Accepted,
    /// Sessions with their codes as shown to people; without a code where the same request was
    /// carried out before and the code is no longer known.
    pub codes: Vec<(SessionId, Option<String>)>,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// The rules said no.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// Too much is under way: try again.
    #[error("busy")]
    Busy,
    /// Something broke; nothing was acknowledged.
    #[error("broken: {0}")]
    Broken(String),
}

/// The node behind the console. Cheap to clone.
///
/// Nothing here returns before what it says is durable. Texts (labels, messages) go to the vault
/// before the fact that names their row.
pub trait ConsoleDesk: Clone + Send + Sync + 'static {
    /// This node's key.
    fn node(&self) -> NodeId;

    /// Wall time, in milliseconds since 1970: for the validity of tokens and tickets.
    fn now_ms(&self) -> i64;

    /// What the console shows; replaced at every change.
    fn view(&self) -> watch::Receiver<Arc<LiveView>>;

    /// Admin nodes that are admitted and not revoked, this one included.
    fn admin_nodes(&self) -> Vec<NodeId>;

    /// An ed25519 signature with this node's key. The bytes begin with a domain string of ours.
    fn sign(&self, bytes: &[u8]) -> [u8; 64];

    /// Submits a command that needs nothing drawn at random.
    fn submit(
        &self,
        by: By,
        request: RequestId,
        command: Command,
    ) -> impl Future<Output = Result<Accepted, NotDone>> + Send;

    /// Draws codes and issues them.
    fn issue(
        &self,
        by: By,
        request: RequestId,
        order: IssueOrder,
    ) -> impl Future<Output = Result<Issued, NotDone>> + Send;

    /// Puts a text into the vault and sends it to a kiosk.
    fn message(
        &self,
        by: By,
        request: RequestId,
        kiosk: KioskId,
        text: String,
    ) -> impl Future<Output = Result<Accepted, NotDone>> + Send;

    /// Machines that wait to be paired, the one that has waited longest first.
    fn pairings(&self) -> Vec<Waiting>;

    /// Admits the machine that shows these digits, as `kiosk` or as the one that it takes itself for.
    fn confirm_pairing(
        &self,
        by: By,
        request: RequestId,
        node: NodeId,
        digits: Digits,
        kiosk: Option<KioskId>,
    ) -> impl Future<Output = Result<Accepted, NotDone>> + Send;

    /// Turns the machine that shows these digits away.
    ///
    /// # Errors
    /// See [`NotDone`].
    fn refuse_pairing(&self, by: By, node: NodeId, digits: Digits) -> Result<(), NotDone>;

    /// What to check a password against.
    fn password_check(
        &self,
        login: &str,
    ) -> impl Future<Output = Result<PasswordCheck, NotDone>> + Send;

    /// An operator's account, if it may (still) sign in.
    fn account(
        &self,
        operator: OperatorId,
    ) -> impl Future<Output = Result<Option<Account>, NotDone>> + Send;
}
