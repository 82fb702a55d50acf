//! The commands' end of the control socket. Blocking: a command does one thing.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{Answer, LINE_MAX, Request, socket_path};
use crate::texts::Say;

/// Longest wait for an answer: a copy of a large ledger takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks the node that runs on `data_dir`.
///
/// # Errors
/// No node runs there; it refused; something broke.
pub(crate) fn ask(data_dir: &Path, request: &Request) -> Result<Answer, Say> {
    let path = socket_path(data_dir);
    let trouble = |error: &dyn std::fmt::Display| Say::SocketTrouble {
        path: path.display().to_string(),
        reason: error.to_string(),
    };
    let mut stream = UnixStream::connect(&path).map_err(|error| {
        if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) {
            let folder = data_dir.display().to_string();
            return Say::NotRunning { folder };
        }
        trouble(&error)
    })?;
    let mut line = serde_json::to_vec(request).map_err(|e| trouble(&e))?;
    line.push(b'\n');
    stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
        .and_then(|()| stream.write_all(&line))
        .map_err(|e| trouble(&e))?;
    let mut answer = String::new();
    // One byte more than allowed, to notice that there is more.
    BufReader::new(stream.take(LINE_MAX as u64 + 1))
        .read_line(&mut answer)
        .map_err(|e| trouble(&e))?;
    match serde_json::from_str(&answer) {
        Ok(Answer::Refused(refusal)) => Err(Say::Refused(refusal)),
        Ok(Answer::Malformed { reason } | Answer::Broken { reason }) => Err(Say::Broken { reason }),
        Ok(answer) => Ok(answer),
        Err(_) => Err(Say::AnswerOdd),
    }
}
