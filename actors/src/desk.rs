//! What an admin node offers to its console and to its command line.
//!
//! Nothing here returns before what it says is durable on this node.

pub(crate) mod issue;
mod pairing;
pub(crate) mod shell;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::command::{Asked, Command};
use domain::decide::Author as OnBehalf;
use domain::fact::Fact;
use domain::floor::Floor;
use domain::id::{KioskId, NodeId, OperatorId, RequestId, RowId};
use domain::operator::{By, OperatorRole};
use domain::refusal::Refusal;
use ed25519_dalek::Signer;
use tokio::sync::{oneshot, watch};

use crate::clerk::{ClerkMessage, Store};
use crate::clock::BootClock;
use crate::replica::delivery::Progress;
use crate::replica::{Done, Failure, Output, Replica};
use crate::tree::Shared;
use crate::vault::account::{Account, AccountChange, NewAccount, row_of};
use crate::vault::login::Login;
use crate::vault::password::PasswordHash;
use crate::vault::{Vault, VaultError};

pub use issue::{Batch, Issued};

/// What consoles show, made once for all of them.
#[derive(Debug, Clone)]
pub struct FloorNow {
    /// The site's state.
    pub floor: Floor,
    /// Site time of this picture (ms since 1970).
    pub as_of_ms: i64,
    /// This node.
    pub node: NodeId,
    /// Milliseconds since the last word of the most silent linked node's kind that matters: how far
    /// behind this picture may be; 0 with every known node linked.
    pub behind_ms: u64,
    /// Hash of the site's state; on a long ledger, where it is dear, of a state that this picture may
    /// be ahead of by a moment.
    pub fingerprint: [u8; 32],
    /// The latest commands, oldest first.
    pub deliveries: Vec<Progress>,
    /// Nodes linked now, or when they last were (ms since 1970).
    pub links: BTreeMap<NodeId, (bool, Option<i64>)>,
    /// Nodes for which two machines answer.
    pub doubled: BTreeSet<NodeId>,
    /// Kiosks whose disk takes nothing any more, as they themselves said a moment ago.
    pub failing: BTreeSet<NodeId>,
    /// Admin nodes and the addresses of their consoles, as far as known.
    pub admins: BTreeMap<NodeId, Vec<String>>,
    /// Texts of labels and notes that the floor names.
    pub texts: BTreeMap<RowId, String>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// The rules said no.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// The vault said no; the word is stable.
    #[error("refused: {0}")]
    Vault(&'static str),
    /// The node is being started again: try in a moment.
    #[error("busy")]
    Busy,
    /// Something broke; nothing was acknowledged.
    #[error("broken: {0}")]
    Broken(String),
}

impl From<Failure> for NotDone {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => NotDone::Refused(refusal),
            Failure::Disk => NotDone::Broken(failure.to_string()),
        }
    }
}

impl From<VaultError> for NotDone {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Refused(refusal) => NotDone::Vault(refusal.code()),
            VaultError::Store(_) | VaultError::Codec(_) | VaultError::Unsealable => {
                NotDone::Broken(error.to_string())
            }
        }
    }
}

/// Handle to a running admin node; cheap to clone.
#[derive(Clone)]
pub struct Desk {
    shared: Arc<Shared>,
    issues: Arc<issue::Issues>,
}

impl Desk {
    /// The desk of a running node.
    pub fn new(shared: Arc<Shared>) -> Self {
        Desk { shared, issues: Arc::new(issue::Issues::default()) }
    }

    /// This node.
    pub fn node(&self) -> NodeId {
        self.shared.identity.node()
    }

    /// What the node's actors share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What consoles show; replaced at every change. `None` until the node has folded its ledger.
    pub fn floor(&self) -> watch::Receiver<Option<Arc<FloorNow>>> {
        self.shared.floor.subscribe()
    }

    /// Wall time of this machine (ms since 1970).
    pub fn now_ms(&self) -> i64 {
        BootClock.wall_ms()
    }

    /// A signature with this node's key. The bytes must begin with a domain string of their own.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.shared.identity.node_key.sign(bytes).to_bytes()
    }

    /// Submits a command for an operator. Texts and codes have calls of their own.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub async fn submit(
        &self,
        by: By,
        request: RequestId,
        command: Command,
    ) -> Result<Done, NotDone> {
        let by = OnBehalf::Operator(by);
        let asked = Asked { request, command };
        self.answered(|answer| ClerkMessage::Ask(by, asked, answer)).await
    }

    /// Sends a message to a kiosk.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub async fn message(
        &self,
        by: By,
        request: RequestId,
        kiosk: KioskId,
        text: String,
    ) -> Result<Done, NotDone> {
        // The row bears the request's name, so that the same request is the same message.
        let message = RowId(request.0);
        let asked = Asked { request, command: Command::SendMessage { message, kiosk } };
        self.answered(|answer| ClerkMessage::Say(by, asked, text, answer)).await
    }

    /// Writes a certificate that the site key made into the ledger: another admin node's admission
    /// or revocation.
    ///
    /// # Errors
    /// [`Refusal::Authority`] when the site key did not make it.
    pub async fn certify(&self, certificate: Fact) -> Result<Done, NotDone> {
        self.answered(|answer| ClerkMessage::Certify(Box::new(certificate), answer)).await
    }

    /// Looks at the Replica in the clerk's turn.
    ///
    /// # Errors
    /// [`NotDone::Busy`].
    pub async fn look<T: Send + 'static>(
        &self,
        with: impl FnOnce(&Replica<Store>, domain::moment::Moment) -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let (tell, told) = oneshot::channel();
        self.turn(move |replica, now| {
            let now = replica.moment(now);
            if tell.send(with(replica, now)).is_err() {
                tracing::debug!("nobody waits for this look any more");
            }
            Vec::new()
        })?;
        told.await.map_err(|_| NotDone::Busy)
    }

    /// The accounts.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub async fn accounts(&self) -> Result<Vec<Account>, NotDone> {
        let read = self.look(|replica, _| replica.vault().map(Vault::accounts)).await?;
        Ok(read.ok_or(Refusal::Authority)??)
    }

    /// What a password must be checked against, and whose account it is. A login that nobody has
    /// gets a hash that costs as much.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub async fn challenge(
        &self,
        login: String,
    ) -> Result<crate::vault::account::Challenge, NotDone> {
        let read =
            self.look(move |replica, _| replica.vault().map(|v| v.challenge(&login))).await?;
        Ok(read.ok_or(Refusal::Authority)??)
    }

    /// Adds an account. `by` is the operator who does it.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub async fn add_account(
        &self,
        by: OperatorId,
        login: &str,
        name: String,
        role: OperatorRole,
        password: &str,
    ) -> Result<OperatorId, NotDone> {
        let login = Login::parse(login).map_err(|_| NotDone::Vault("not_a_login"))?;
        let password = hash(password, &login, &name).await?;
        let operator = OperatorId(rand::random());
        let new = NewAccount { operator, name, login, password, role };
        self.write_rows(by, move |vault, author, rng| {
            Ok(((), vec![vault.create_account(new, author, rng)?]))
        })
        .await?;
        Ok(operator)
    }

    /// Changes an account.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub async fn change_account(
        &self,
        by: OperatorId,
        operator: OperatorId,
        changes: Vec<AccountChange>,
    ) -> Result<(), NotDone> {
        self.write_rows(by, move |vault, author, rng| {
            Ok(((), vec![vault.change_account(operator, changes, author, rng)?]))
        })
        .await
    }

    /// Gives the account of `login` a new password.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub async fn reset_password(
        &self,
        by: OperatorId,
        login: &str,
        password: &str,
    ) -> Result<(), NotDone> {
        let login = Login::parse(login).map_err(|_| NotDone::Vault("not_a_login"))?;
        let accounts = self.accounts().await?;
        let found = accounts.into_iter().find(|account| account.logins.contains(&login));
        let account = found.ok_or(NotDone::Vault("no_such_row"))?;
        let password = hash(password, &login, &account.name).await?;
        self.change_account(by, account.operator, vec![AccountChange::Password(password)]).await
    }

    /// Erases an operator's account for ever.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub async fn erase_account(&self, by: By, operator: OperatorId) -> Result<Done, NotDone> {
        let row = row_of(operator);
        self.submit(by, RequestId(rand::random()), Command::EraseRow { row }).await
    }

    /// Writes rows and returns once they are durable.
    pub(crate) async fn write_rows<T: Send + 'static>(
        &self,
        by: OperatorId,
        with: impl FnOnce(
            &mut Vault<Store>,
            &crate::vault::Author<'_>,
            &mut rand::rngs::StdRng,
        ) -> Result<(T, Vec<crate::vault::Written>), VaultError>
        + Send
        + 'static,
    ) -> Result<T, NotDone> {
        let (tell, told) = oneshot::channel();
        self.turn(move |replica, now| {
            let (outcome, outputs) = match replica.write_rows(by, now, with) {
                Some((outcome, outputs)) => (outcome.map_err(NotDone::from), outputs),
                None => (Err(Refusal::Authority.into()), Vec::new()),
            };
            if tell.send(outcome).is_err() {
                tracing::debug!("nobody waits for these rows any more");
            }
            outputs
        })?;
        let value = told.await.map_err(|_| NotDone::Busy)??;
        self.answered(ClerkMessage::Settle).await?;
        Ok(value)
    }

    fn turn(
        &self,
        turn: impl FnOnce(&mut Replica<Store>, domain::moment::Moment) -> Vec<Output> + Send + 'static,
    ) -> Result<(), NotDone> {
        if self.shared.tell_clerk(ClerkMessage::Turn(Box::new(turn))) {
            Ok(())
        } else {
            Err(NotDone::Busy)
        }
    }

    async fn answered(
        &self,
        message: impl FnOnce(crate::clerk::Answer) -> ClerkMessage,
    ) -> Result<Done, NotDone> {
        let (answer, answered) = oneshot::channel();
        if !self.shared.tell_clerk(message(answer)) {
            return Err(NotDone::Busy);
        }
        answered.await.map_err(|_| NotDone::Busy)?.map_err(NotDone::from)
    }
}

async fn hash(password: &str, login: &Login, name: &str) -> Result<PasswordHash, NotDone> {
    crate::vault::password::check(password, login, name)
        .map_err(|weak| NotDone::Vault(weak.code()))?;
    let password = zeroize::Zeroizing::new(password.to_owned());
    let salt = rand::random();
    match tokio::task::spawn_blocking(move || PasswordHash::of(&password, salt)).await {
        Ok(Ok(hash)) => Ok(hash),
        Ok(Err(error)) => Err(NotDone::Broken(error.to_string())),
        Err(error) => Err(NotDone::Broken(error.to_string())),
    }
}
