//! `poste ledger`: the ledger as a file that others can verify.

use std::path::Path;

use storage::SledStore;

use crate::config::Config;
use crate::control::{Answer, Request};
use crate::ledger_file::{self, Tally};
use crate::membership::Membership;
use crate::running::store_trouble;
use crate::texts::Say;

use super::ask;

/// Checks a file.
pub(crate) fn verify_file(file: &Path) -> anyhow::Result<String> {
    Ok(right(ledger_file::verify(file)?))
}

/// Checks the store of a node that is not running. A damaged one is looked at, not
/// moved aside.
pub(crate) fn verify_store(config: &Config) -> anyhow::Result<String> {
    let store = SledStore::inspect(config.data_dir.join("store"))
        .map_err(|error| store_trouble(error, config))?;
    Ok(right(ledger_file::verify_store(&store)?))
}

fn right(tally: Tally) -> String {
    Say::LedgerRight {
        entries: tally.entries,
        epochs: tally.epochs,
        registers: tally.registers,
    }
    .to_string()
}

/// Has the running node write its ledger to a file.
pub(crate) fn export(config: &Config, file: &Path) -> anyhow::Result<String> {
    // The node would resolve a relative path from where it was started.
    let file = std::path::absolute(file)?;
    match ask(config, &Request::LedgerExport { file })? {
        Answer::Written { file } => Ok(Say::FileWritten {
            file: file.display().to_string(),
        }
        .to_string()),
        _ => Err(Say::AnswerOdd.into()),
    }
}

/// Takes a file's entries into the store of a node that is not running.
pub(crate) fn import(config: &Config, file: &Path) -> anyhow::Result<String> {
    let membership = Membership::read(&config.data_dir)?.ok_or_else(|| Say::NoSite {
        folder: config.data_dir.display().to_string(),
    })?;
    let opened = SledStore::open(config.data_dir.join("store"))
        .map_err(|error| store_trouble(error, config))?;
    let news = ledger_file::import(&opened.store, membership.site, file)?;
    Ok(Say::LedgerImported {
        entries: news.entries,
        registers: news.registers,
    }
    .to_string())
}
