//! A site's first moments: the founding and the first operator's account, written
//! before the first node runs.

use std::fs;
use std::sync::Arc;

use actors::clock::{BootClock, boot_id};
use actors::replica::{Identity, Replica};
use actors::vault::Vault;
use actors::vault::account::NewAccount;
use actors::vault::login::Login;
use actors::vault::password::{self, PasswordHash};
use domain::authority::NodeKind;
use domain::id::OperatorId;
use domain::operator::OperatorRole;
use storage::{LedgerStore, SledStore};

use crate::answers::command_line;
use crate::config::Config;
use crate::machine;
use crate::membership::{Membership, node_seed};
use crate::running::{store_trouble, vault_key};
use crate::seed::random_bytes;
use crate::texts::Say;

fn broken(error: impl std::fmt::Display) -> Say {
    Say::Broken { reason: error.to_string() }
}

/// The first operator's account, an administrator's, its password checked.
///
/// # Errors
/// [`Say::LoginOdd`], [`Say::PasswordWeak`].
pub(crate) fn first_account(login: &str, name: &str, typed: &str) -> Result<NewAccount, Say> {
    let parsed = Login::parse(login).map_err(|_| Say::LoginOdd { login: login.to_owned() })?;
    password::check(typed, &parsed, name)
        .map_err(|refusal| Say::PasswordWeak { reason: refusal.to_string() })?;
    Ok(NewAccount {
        operator: OperatorId(random_bytes()?),
        name: name.to_owned(),
        login: parsed,
        password: PasswordHash::of(typed, random_bytes()?).map_err(broken)?,
        role: OperatorRole::Admin,
    })
}

/// Begins the ledger and the vault of the first admin node. The membership is
/// written last and makes the folder a node's: what an interrupted attempt left
/// behind before that belongs to nobody and is removed.
///
/// # Errors
/// The disk; an account that the vault does not take.
pub(crate) fn begin(
    config: &Config,
    membership: &Membership,
    account: NewAccount,
) -> Result<(), Say> {
    let path = config.data_dir.join("store");
    if path.exists() {
        fs::remove_dir_all(&path).map_err(|error| Say::FileTrouble {
            file: path.display().to_string(),
            reason: error.to_string(),
        })?;
    }
    let opened = SledStore::open(&path).map_err(|error| store_trouble(error, config))?;
    let store: Arc<dyn LedgerStore> = Arc::new(opened.store);
    let key = vault_key(&config.data_dir)?;
    let vault = Vault::open(Arc::clone(&store), key, &mut rand::rng()).map_err(broken)?;
    let identity = Identity {
        site: membership.site,
        node_key: node_seed(&config.data_dir)?.signing_key(),
        kind: NodeKind::Admin,
        kiosk: None,
        certificates: membership.certificates.clone(),
        amnesic: config.amnesic,
        machine: machine::beneath(config)?,
        boot_id: boot_id().map_err(broken)?,
    };
    let by = command_line(identity.node());
    let now = BootClock.now(false);
    let seed = random_bytes()?;
    let (mut replica, _) =
        Replica::start(Arc::clone(&store), identity, Some(vault), seed, now).map_err(broken)?;
    let written = replica.write_rows(by, now, |vault, author, rng| {
        Ok(((), vec![vault.create_account(account, author, rng)?]))
    });
    match written {
        Some((outcome, _)) => outcome.map_err(broken)?,
        None => return Err(Say::NotAnAdmin),
    }
    store.barrier().map_err(broken)?;
    membership.create(&config.data_dir)
}
