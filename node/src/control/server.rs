//! The node's end of the control socket.

use std::fs::{self, Permissions};
use std::future::Future;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Answer, LINE_MAX, Request, socket_path};
use crate::texts::Say;

/// Connections served at once; more wait their turn.
const AT_ONCE: usize = 8;

/// Time that a command has to send its request and to take its answer.
const SLOWEST: Duration = Duration::from_secs(10);

/// Longest path of a Unix socket on Linux: `sun_path` with its closing zero is 108.
const PATH_MAX: usize = 107;

/// A bound socket, removed when dropped.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Binds the socket in `data_dir`. What a killed process left there is
    /// replaced.
    ///
    /// # Errors
    /// [`Say::AlreadyRunning`] when somebody answers there.
    pub(crate) fn bind(data_dir: &Path) -> Result<Self, Say> {
        let path = socket_path(data_dir);
        let trouble = |error: std::io::Error| Say::SocketTrouble {
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        if path.as_os_str().as_bytes().len() > PATH_MAX {
            return Err(Say::SocketPathLong { path: path.display().to_string() });
        }
        match std::os::unix::net::UnixStream::connect(&path) {
            Ok(_) => {
                return Err(Say::AlreadyRunning { folder: data_dir.display().to_string() });
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                fs::remove_file(&path).map_err(trouble)?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(trouble(error)),
        }
        // The folder is 0700, so nobody slips in between these two lines.
        let listener = UnixListener::bind(&path).map_err(trouble)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(trouble)?;
        Ok(Self { listener, path })
    }

    /// Answers with `answer` until dropped.
    pub(crate) async fn serve<F, A>(self, answer: F)
    where
        F: Fn(Request) -> A + Send + Sync + 'static,
        A: Future<Output = Answer> + Send,
    {
        let answer = Arc::new(answer);
        let places = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let answer = Arc::clone(&answer);
                    tokio::spawn(async move {
                        serve_one(stream, answer.as_ref()).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of descriptors, most likely: not a reason to end.
                    tracing::warn!(%error, "control socket cannot accept");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "control socket was gone already");
        }
    }
}

async fn serve_one<F, A>(stream: UnixStream, answer: &F)
where
    F: Fn(Request) -> A,
    A: Future<Output = Answer>,
{
    let ours = rustix::process::geteuid().as_raw();
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == ours || peer.uid() == 0 => {}
        Ok(_) | Err(_) => return,
    }
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let bounded = BufReader::new(read).take(LINE_MAX as u64 + 1);
    tokio::pin!(bounded);
    let reply = match timeout(SLOWEST, bounded.read_until(b'\n', &mut line)).await {
        Ok(Ok(0)) => return,
        Ok(Ok(_)) => match parse(&line) {
            Ok(request) => answer(request).await,
            Err(reason) => Answer::Malformed { reason },
        },
        Ok(Err(error)) => Answer::Malformed { reason: error.to_string() },
        Err(_) => Answer::Malformed { reason: "no whole line in time".to_owned() },
    };
    let mut bytes = match serde_json::to_vec(&reply) {
        Ok(bytes) if bytes.len() < LINE_MAX => bytes,
        Ok(_) | Err(_) => br#"{"broken":{"reason":"the answer is too long"}}"#.to_vec(),
    };
    bytes.push(b'\n');
    let sent = timeout(SLOWEST, async {
        write.write_all(&bytes).await?;
        write.shutdown().await
    });
    if let Ok(Err(error)) = sent.await {
        tracing::debug!(%error, "a command left before its answer");
    }
}

/// Reads a request out of what came before the line's end.
fn parse(line: &[u8]) -> Result<Request, String> {
    if line.len() > LINE_MAX {
        return Err(format!("a request has at most {LINE_MAX} bytes"));
    }
    let Some(line) = line.strip_suffix(b"\n") else {
        return Err("a request ends with a line end".to_owned());
    };
    serde_json::from_slice(line).map_err(|error| error.to_string())
}
