//! What happens is written to the console and to a file a day.

use std::io::IsTerminal;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::Config;
use crate::key_file;
use crate::texts::Say;

/// Lines that wait for a slow disk; beyond it lines are dropped, and the node
/// goes on.
const WAITING_LINES: usize = 4096;

/// Target of what is said on the console anyway: it goes to the file alone.
pub(crate) const SAID: &str = "poste::said";

/// Starts writing. The guard writes what is left when it is dropped.
///
/// # Errors
/// A folder that cannot be written in.
pub(crate) fn start(config: &Config) -> Result<WorkerGuard, Say> {
    let folder = config.log_dir();
    let trouble = |reason: String| Say::LogTrouble { folder: folder.display().to_string(), reason };
    key_file::private_folder(&folder)?;
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("poste")
        .filename_suffix("log")
        .max_log_files(usize::from(config.log.keep))
        .build(&folder)
        .map_err(|error| trouble(error.to_string()))?;
    let (file, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).lossy(true).finish(file);
    let filter =
        EnvFilter::try_new(&config.log.filter).map_err(|error| trouble(error.to_string()))?;
    Registry::default()
        .with(filter)
        .with(layer().with_ansi(false).with_writer(file))
        .with(
            layer()
                .with_ansi(std::io::stderr().is_terminal())
                .with_writer(std::io::stderr)
                .with_filter(filter_fn(|metadata| metadata.target() != SAID)),
        )
        .try_init()
        .map_err(|error| trouble(error.to_string()))?;
    Ok(guard)
}
