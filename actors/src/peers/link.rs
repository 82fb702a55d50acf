//! The link actor: holds one link, and dies with it.

use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::RactorMessage;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::link::close::LinkEnd;
use crate::link::intake::Intake;
use crate::link::session::{ClusterLane, Session};

pub(super) struct LinkActor;

/// What a link actor starts from.
pub(super) struct LinkArguments {
    pub(super) session: Session,
    pub(super) intake: Intake,
    pub(super) cluster: mpsc::Sender<ClusterLane>,
}

/// What it leaves to its supervisor when it stops: how the link ended.
pub(super) struct LinkState {
    before: Option<LinkArguments>,
    running: Option<AbortOnDrop>,
    pub(super) end: Option<LinkEnd>,
}

#[derive(RactorMessage)]
pub(super) enum LinkMessage {
    /// The link has been told as up: its frames may follow.
    Run,
    Ended(LinkEnd),
}

/// The link runs in a task, so that the actor stays free to be stopped; a killed actor drops its
/// state, and the link ends with it.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Actor for LinkActor {
    type Msg = LinkMessage;
    type State = LinkState;
    type Arguments = LinkArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<LinkMessage>,
        arguments: LinkArguments,
    ) -> Result<LinkState, ActorProcessingErr> {
        Ok(LinkState { before: Some(arguments), running: None, end: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<LinkMessage>,
        message: LinkMessage,
        state: &mut LinkState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            LinkMessage::Run => {
                if let Some(LinkArguments { session, intake, cluster }) = state.before.take() {
                    let running = tokio::spawn(async move {
                        let end = session.run(intake, cluster).await;
                        if myself.cast(LinkMessage::Ended(end)).is_err() {
                            tracing::debug!("a link outlived its actor");
                        }
                    });
                    state.running = Some(AbortOnDrop(running));
                }
            }
            LinkMessage::Ended(end) => {
                state.end = Some(end);
                myself.stop(None);
            }
        }
        Ok(())
    }
}
