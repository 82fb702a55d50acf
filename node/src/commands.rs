//! The commands, a file each. They return what is left to say.

use crate::config::{Config, Kind};
use crate::control::{Answer, Request, client};
use crate::texts::Say;

pub(crate) mod admit_admin;
pub(crate) mod backup;
pub(crate) mod code;
pub(crate) mod demo;
pub(crate) mod fault;
pub(crate) mod init;
pub(crate) mod join;
pub(crate) mod ledger;
pub(crate) mod node;
pub(crate) mod operator;
mod pairing;
pub(crate) mod place;
pub(crate) mod revoke_admin;
pub(crate) mod run;
pub(crate) mod settings;
pub(crate) mod status;
pub(crate) mod token;

/// Asks the node that runs on the configured folder.
fn ask(config: &Config, request: &Request) -> Result<Answer, Say> {
    client::ask(&config.data_dir, request)
}

/// Asks, where only an admin node has the answer.
fn ask_admin(config: &Config, request: &Request) -> Result<Answer, Say> {
    match config.kind {
        Kind::Admin => ask(config, request),
        Kind::Kiosk => Err(Say::NotAnAdmin),
    }
}

/// A list, or that it is empty.
fn listed(lines: &[String]) -> String {
    if lines.is_empty() {
        return Say::NothingListed.to_string();
    }
    lines.join("\n")
}
