//! `poste ledger`: the ledger as a file that others can verify.

use crate::cli::LedgerVerb;
use crate::config::Config;
use crate::control::{Answer, Request};
use crate::texts::Say;

use super::ask;

/// Exports.
pub(crate) fn ledger(config: &Config, verb: LedgerVerb) -> anyhow::Result<String> {
    let LedgerVerb::Export { file } = verb;
    // The node resolves relative paths from where it was started, not from here.
    let file = std::path::absolute(file)?;
    match ask(config, &Request::LedgerExport { file })? {
        Answer::Written { file } => Ok(Say::FileWritten {
            file: file.display().to_string(),
        }
        .to_string()),
        _ => Err(Say::AnswerOdd.into()),
    }
}
