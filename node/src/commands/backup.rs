//! `poste backup` and `poste restore`: copies of the node's state.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::SledStore;

use crate::backup;
use crate::config::Config;
use crate::control::{Answer, Request};
use crate::running::store_trouble;
use crate::texts::Say;

use super::ask;

/// Has the running node make a copy now.
pub(crate) fn backup(config: &Config, to: Option<PathBuf>) -> anyhow::Result<String> {
    let folder = match to.or_else(|| config.backup.dir.clone()) {
        // The node would resolve a relative path from where it was started.
        Some(folder) => Some(std::path::absolute(folder)?),
        None => return Err(Say::NoBackupFolder.into()),
    };
    let Answer::Written { file } = ask(config, &Request::Backup { folder })? else {
        return Err(Say::AnswerOdd.into());
    };
    let file = file.display().to_string();
    Ok(Say::FileWritten { file }.to_string())
}

/// Puts a copy back.
pub(crate) fn restore(config: &Config, from: &Path, alone: bool) -> anyhow::Result<String> {
    backup::restore(&config.data_dir, from, alone)?;
    let folder = config.data_dir.display().to_string();
    let done = if alone || !config.data_dir.join("vault.key").exists() {
        Say::RestoredOpen { folder }
    } else {
        Say::Restored { folder }
    };
    Ok(done.to_string())
}

/// Opens the vault that a restored copy left shut.
pub(crate) fn open_vault(config: &Config) -> anyhow::Result<String> {
    if !config.data_dir.join("vault.key").exists() {
        return Err(Say::NotAnAdmin.into());
    }
    let store = SledStore::open(config.data_dir.join("store"))
        .map_err(|error| store_trouble(error, config))?
        .store;
    backup::set_vault(&config.data_dir, &Arc::new(store), true)?;
    Ok(Say::VaultOpened.to_string())
}
