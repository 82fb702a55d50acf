//! `poste backup`: a copy of the node's state.

use std::path::PathBuf;

use crate::config::Config;
use crate::control::{Answer, Request};
use crate::texts::Say;

use super::ask;

/// Has the running node make a copy now.
pub(crate) fn backup(config: &Config, to: Option<PathBuf>) -> anyhow::Result<String> {
    let folder = match to.or_else(|| config.backup.dir.clone()) {
        Some(folder) => Some(std::path::absolute(folder)?),
        None => return Err(Say::NoBackupFolder.into()),
    };
    match ask(config, &Request::Backup { folder })? {
        Answer::Written { file } => Ok(Say::FileWritten {
            file: file.display().to_string(),
        }
        .to_string()),
        _ => Err(Say::AnswerOdd.into()),
    }
}
