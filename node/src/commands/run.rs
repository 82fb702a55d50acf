//! `poste run`: the node, until it is told to stop.

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
    if let Err(error) = &outcome {
        tracing::error!(target: logging::SAID, "{error:#}");
    }
    // What still blocks (a derivation, a look-up) is not waited for.
    runtime.shutdown_background();
    outcome.map(|()| String::new())
}

async fn until_stopped(config: Arc<Config>, with_parent: bool) -> anyhow::Result<()> {
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
    let gave_up = tokio::select! {
        _ = terminated.recv() => false,
        _ = interrupted.recv() => false,
        () = parent => false,
        () = running.gave_up() => true,
    };
    if gave_up {
        return Err(Say::GaveUp.into());
    }
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}
