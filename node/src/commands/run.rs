//! `poste run`: the node, until it is told to stop.
//!
//! A store that saw its disk fail takes nothing more. Meanwhile a kiosk lets its session run on and a
//! console can be read; once the disk takes writes again the process begins anew in its place.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::RunArgs;
use crate::config::Config;
use crate::logging;
use crate::running::Running;
use crate::standard_input;
use crate::texts::Say;

/// Worker threads: a node waits far more than it works.
const WORKERS: usize = 2;

/// Starts the node and waits for a signal, or for its parent's end.
pub(crate) fn run(config: Config, args: &RunArgs) -> anyhow::Result<String> {
    let _log = logging::start(&config)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let outcome = runtime.block_on(until_stopped(Arc::new(config), args.with_parent));
    let outcome = outcome.and_then(|end| match end {
        End::Stopped => Ok(()),
        End::DiskIsBack => Err(begin_anew()?),
    });
    if let Err(error) = &outcome {
        tracing::error!(target: logging::SAID, "{error:#}");
    }
    // What still blocks (a derivation, a look-up) is not waited for.
    runtime.shutdown_background();
    outcome.map(|()| String::new())
}

/// Why a node ended in good order.
enum End {
    Stopped,
    DiskIsBack,
}

/// This program again, with the same arguments, in this process's place; returns only if it cannot be.
fn begin_anew() -> std::io::Result<anyhow::Error> {
    let mut again = Command::new(std::env::current_exe()?);
    Ok(again.args(std::env::args_os().skip(1)).exec().into())
}

async fn until_stopped(config: Arc<Config>, with_parent: bool) -> anyhow::Result<End> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let parent = async {
        if with_parent {
            let mut lines = standard_input::lines();
            while lines.recv().await.is_some() {}
        } else {
            std::future::pending::<()>().await;
        }
    };
    let mut running = Running::start(config).await?;
    let disk_is_back = running.disk_is_back();
    let end = tokio::select! {
        _ = terminated.recv() => End::Stopped,
        _ = interrupted.recv() => End::Stopped,
        () = parent => End::Stopped,
        () = running.gave_up() => return Err(Say::GaveUp.into()),
        () = disk_is_back => End::DiskIsBack,
    };
    match end {
        End::Stopped => tracing::info!("stopping"),
        End::DiskIsBack => tracing::warn!("the disk takes writes again: the node starts anew"),
    }
    running.stop().await;
    Ok(end)
}
