//! `poste ledger`: the ledger as a file that others can verify.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use actors::ledger_file::{self, LedgerFileError};
use actors::readings_file;
use data_encoding::HEXLOWER;
use domain::id::SiteId;
use storage::{LedgerStore, SledStore};

use crate::config::Config;
use crate::control::{Answer, Request};
use crate::key_file;
use crate::membership::Membership;
use crate::moments;
use crate::running::store_trouble;
use crate::texts::Say;

use super::ask;

fn wrong(file: &Path) -> impl Fn(LedgerFileError) -> Say {
    move |error| Say::FileTrouble { file: file.display().to_string(), reason: error.to_string() }
}

/// Checks a file.
pub(crate) fn verify_file(file: &Path) -> anyhow::Result<String> {
    let opened = File::open(file).map_err(|error| wrong(file)(error.into()))?;
    let report = ledger_file::verify(BufReader::new(opened)).map_err(wrong(file))?;
    Ok(Say::LedgerRight {
        name: report.name,
        site: report.site.to_string(),
        entries: report.entries,
        logs: report.logs,
        unknown: report.unknown,
        without_effect: report.without_effect,
        checkpoint: report.checkpoint_ms.map_or_else(|| "–".into(), |at| moments::utc(at).into()),
        members: report.members.len(),
        fingerprint: HEXLOWER.encode(&report.fingerprint).into(),
    }
    .to_string())
}

/// Checks the store of a node that is not running, as the file that it would
/// export. A damaged store is looked at, not moved aside.
pub(crate) fn verify_store(config: &Config) -> anyhow::Result<String> {
    let store = SledStore::inspect(config.data_dir.join("store"))
        .map_err(|error| store_trouble(error, config))?;
    let site = membership(config)?.site;
    let file = config.data_dir.join("verify.ledger");
    export_to(&store, site, &file)?;
    let verdict = verify_file(&file);
    std::fs::remove_file(&file)?;
    verdict
}

/// Writes the ledger of `store` to `file`, whole or not at all; nothing may be
/// there yet.
///
/// # Errors
/// [`Say::AlreadyThere`]; the store; the disk.
pub(crate) fn write<S: LedgerStore>(store: &S, site: SiteId, file: &Path) -> Result<(), Say> {
    if file.exists() {
        return Err(Say::AlreadyThere { file: file.display().to_string() });
    }
    export_to(store, site, file)
}

/// As [`write()`], of the registers of use.
///
/// # Errors
/// As [`write()`].
pub(crate) fn write_readings<S: LedgerStore>(
    store: &S,
    site: SiteId,
    file: &Path,
) -> Result<(), Say> {
    if file.exists() {
        return Err(Say::AlreadyThere { file: file.display().to_string() });
    }
    key_file::write_private_with(file, |out| {
        let written = readings_file::export(store, site, out).map(|_| ());
        written.map_err(|error| Say::FileTrouble {
            file: file.display().to_string(),
            reason: error.to_string(),
        })
    })
}

fn export_to<S: LedgerStore>(store: &S, site: SiteId, file: &Path) -> Result<(), Say> {
    key_file::write_private_with(file, |out| {
        ledger_file::export(store, site, out).map(|_| ()).map_err(wrong(file))
    })
}

/// Has the running node write its ledger to a file.
pub(crate) fn export(config: &Config, file: &Path) -> anyhow::Result<String> {
    has_written(config, file, |file| Request::LedgerExport { file })
}

/// Has the running node write its registers of use to a file.
pub(crate) fn readings(config: &Config, file: &Path) -> anyhow::Result<String> {
    has_written(config, file, |file| Request::ReadingsExport { file })
}

fn has_written(
    config: &Config,
    file: &Path,
    request: impl FnOnce(PathBuf) -> Request,
) -> anyhow::Result<String> {
    // The node would resolve a relative path from where it was started.
    let file = std::path::absolute(file)?;
    let Answer::Written { file } = ask(config, &request(file))? else {
        return Err(Say::AnswerOdd.into());
    };
    let file = file.display().to_string();
    Ok(Say::FileWritten { file }.to_string())
}

/// Takes a file's entries into the store of a node that has not run yet.
pub(crate) fn import(config: &Config, file: &Path) -> anyhow::Result<String> {
    let site = membership(config)?.site;
    let opened = SledStore::open(config.data_dir.join("store"))
        .map_err(|error| store_trouble(error, config))?;
    let source = File::open(file).map_err(|error| wrong(file)(error.into()))?;
    let entries =
        ledger_file::import(BufReader::new(source), site, &opened.store).map_err(wrong(file))?;
    Ok(Say::LedgerImported { entries }.to_string())
}

fn membership(config: &Config) -> Result<Membership, Say> {
    Membership::read(&config.data_dir)?
        .ok_or_else(|| Say::NoSite { folder: config.data_dir.display().to_string() })
}
