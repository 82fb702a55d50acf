//! A node's control socket, as its command line speaks to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::id::{EpochId, NodeId};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest wait for an answer: a node that is stopped does not give one.
const PATIENCE: Duration = Duration::from_secs(4);
/// Longest answer.
const LONGEST: u64 = 4 * 1024 * 1024;

/// What `poste status --json` says, as far as it is read here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Status {
    pub(crate) version: String,
    pub(crate) node: NodeId,
    pub(crate) epoch: EpochId,
    pub(crate) joined: bool,
    pub(crate) writable: bool,
    pub(crate) fingerprint: String,
    pub(crate) links: Vec<Link>,
    pub(crate) frontier: Vec<Reach>,
    pub(crate) clocks: Clocks,
    pub(crate) rows: Option<u64>,
}

/// A link to another node.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Link {
    pub(crate) node: NodeId,
}

/// What the node has of one epoch's log.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Reach {
    pub(crate) epoch: EpochId,
    pub(crate) pruned_below: u64,
    pub(crate) height: u64,
}

/// The node's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct Clocks {
    pub(crate) boot_ms: u64,
    pub(crate) site_ms: i64,
    pub(crate) trusted: bool,
}

/// The socket of one host, whatever process answers there.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    socket: PathBuf,
}

impl Control {
    /// The socket in a data folder, as it is reached from here.
    pub(crate) fn new(data: &Path) -> Self {
        Self { socket: data.join("control.sock") }
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &Path {
        self.socket.parent().unwrap_or(&self.socket)
    }

    /// Asks; `None` where nobody answers in time.
    pub(crate) fn ask(&self, request: &Value) -> Option<Value> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(format!("{request}\n").as_bytes()).ok()?;
        let mut answer = String::new();
        BufReader::new(stream.take(LONGEST)).read_line(&mut answer).ok()?;
        serde_json::from_str(&answer).ok()
    }

    /// How the node is.
    pub(crate) fn status(&self) -> Option<Status> {
        let mut answer = self.ask(&json!({"do": "status"}))?;
        serde_json::from_value(answer.get_mut("status")?.take()).ok()
    }

    /// Has the node write its ledger to `ledger` and its registers of use to `readings`, as paths that
    /// the node sees; whether it did.
    pub(crate) fn export(&self, ledger: &Path, readings: &Path) -> bool {
        let written = |request: Value| {
            self.ask(&request).is_some_and(|answer| answer.get("written").is_some())
        };
        // Registers first: a session that they speak of may still be on its way into the ledger, and
        // then is in the second file.
        written(json!({"do": "readings_export", "file": readings}))
            && written(json!({"do": "ledger_export", "file": ledger}))
    }
}
