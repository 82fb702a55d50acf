//! The first operator's account, between `poste init` and the first `poste run`.
//!
//! Accounts live in the vault, whose writes are signed by a running node. Until
//! there is one, the first account waits in a private file, its password hashed
//! already; the node takes it into the vault and removes the file.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use actors::vault::login::Login;
use actors::vault::password::{self, PasswordHash};
use domain::id::OperatorId;
use serde::{Deserialize, Serialize};

use crate::key_file;
use crate::seed::random_bytes;
use crate::texts::Say;

/// The account that waits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstOperator {
    /// Whose.
    pub(crate) operator: OperatorId,
    /// Its login.
    pub(crate) login: String,
    /// Its name.
    pub(crate) name: String,
    /// Its password's argon2id hash, in PHC form.
    pub(crate) hash: String,
}

/// Checks a login and a new password and hashes it.
///
/// # Errors
/// [`Say::LoginOdd`], [`Say::PasswordWeak`].
pub(crate) fn credentials(
    login: &str,
    name: &str,
    typed: &str,
) -> Result<(Login, PasswordHash), Say> {
    let parsed = Login::parse(login).map_err(|_| Say::LoginOdd {
        login: login.to_owned(),
    })?;
    password::check(typed, &parsed, name).map_err(|refusal| Say::PasswordWeak {
        reason: refusal.to_string(),
    })?;
    let hash = PasswordHash::of(typed, random_bytes()?).map_err(|error| Say::NoMemory {
        reason: error.to_string(),
    })?;
    Ok((parsed, hash))
}

impl FirstOperator {
    /// An account of `login`, whose password is hashed here.
    ///
    /// # Errors
    /// As [`credentials`].
    pub(crate) fn new(login: &str, name: &str, typed: &str) -> Result<Self, Say> {
        let (login, hash) = credentials(login, name, typed)?;
        Ok(Self {
            operator: OperatorId(random_bytes()?),
            login: login.as_str().to_owned(),
            name: name.to_owned(),
            hash: hash.as_str().to_owned(),
        })
    }

    /// Lets it wait in `data_dir`.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn create(&self, data_dir: &Path) -> Result<(), Say> {
        let path = path(data_dir);
        let bytes = serde_json::to_vec(self).map_err(|error| Say::FileTrouble {
            file: path.display().to_string(),
            reason: error.to_string(),
        })?;
        key_file::write_private(&path, &bytes)
    }

    /// The one that waits in `data_dir`, if any.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn waiting(data_dir: &Path) -> Result<Option<Self>, Say> {
        let path = path(data_dir);
        let trouble = |reason: String| Say::FileTrouble {
            file: path.display().to_string(),
            reason,
        };
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| trouble(error.to_string())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(trouble(error.to_string())),
        }
    }

    /// Forgets the one that waited: the vault has it, durably.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn taken(data_dir: &Path) -> Result<(), Say> {
        key_file::remove(&path(data_dir))
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("first-operator.json")
}
