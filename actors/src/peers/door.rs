//! The accept loop, and the doorkeeper that has strangers judged.

use std::sync::Arc;
use std::time::Duration;

use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::RactorMessage;
use tokio::sync::{mpsc, oneshot};

use super::claim::Claim;
use super::shell::PeersMessage;
use super::{ANSWER, Meeting};
use crate::link::close::CloseReason;
use crate::link::endpoint::{Arrival, Endpoint};
use crate::link::handshake::{Introduction, Judge, Link, PeerKind, Stranger};
use crate::pairing::waiting::Pairings;

/// How often the accept loop looks up, so that it can be stopped.
const LOOK_UP: Duration = Duration::from_secs(1);

/// Has strangers judged: first by whoever takes the meetings, then by who is linked already.
#[derive(Debug, Clone)]
pub(super) struct Doorkeeper {
    pub(super) meetings: mpsc::Sender<Meeting>,
    pub(super) peers: ActorRef<PeersMessage>,
}

impl Judge for Doorkeeper {
    async fn judge(&self, stranger: &Stranger) -> Result<PeerKind, CloseReason> {
        let (answer, verdict) = oneshot::channel();
        let meeting = Meeting {
            node: stranger.node,
            dialled: stranger.dialled,
            version: stranger.version,
            greeting: stranger.greeting.clone(),
            answer,
        };
        self.meetings.send(meeting).await.map_err(|_| CloseReason::Shutdown)?;
        let kind = verdict.await.map_err(|_| CloseReason::Shutdown)??;
        let claim = Box::new(Claim::new(stranger, kind));
        let claimed = self.peers.call(|port| PeersMessage::Claim(claim, port), Some(ANSWER));
        match claimed.await {
            Ok(CallResult::Success(verdict)) => verdict.map(|()| kind),
            Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => {
                Err(CloseReason::Shutdown)
            }
        }
    }
}

/// The actor that answers whoever dials this node.
pub(super) struct Door;

pub(super) struct DoorState {
    pub(super) endpoint: Endpoint,
    pub(super) introduction: Introduction,
    pub(super) doorkeeper: Doorkeeper,
    pub(super) pairings: Option<Arc<Pairings>>,
}

#[derive(RactorMessage)]
pub(super) enum DoorMessage {
    Next,
}

impl Actor for Door {
    type Msg = DoorMessage;
    type State = DoorState;
    type Arguments = DoorState;

    async fn pre_start(
        &self,
        myself: ActorRef<DoorMessage>,
        state: DoorState,
    ) -> Result<DoorState, ActorProcessingErr> {
        myself.cast(DoorMessage::Next)?;
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<DoorMessage>,
        DoorMessage::Next: DoorMessage,
        state: &mut DoorState,
    ) -> Result<(), ActorProcessingErr> {
        match tokio::time::timeout(LOOK_UP, state.endpoint.accept()).await {
            Ok(Some(arrival)) => {
                let (introduction, doorkeeper) =
                    (state.introduction.clone(), state.doorkeeper.clone());
                let pairings = state.pairings.clone();
                // Unfinished handshakes are bounded by the endpoint, in number and in time.
                tokio::spawn(answer(arrival, introduction, doorkeeper, pairings));
            }
            Ok(None) => {
                myself.stop(Some("the endpoint is closed".to_owned()));
                return Ok(());
            }
            Err(_) => {}
        }
        myself.cast(DoorMessage::Next)?;
        Ok(())
    }
}

async fn answer(
    arrival: Arrival,
    introduction: Introduction,
    doorkeeper: Doorkeeper,
    pairings: Option<Arc<Pairings>>,
) {
    let established = match arrival.prove().await {
        Ok(proven) if proven.pairing => {
            // A port without them has not offered to pair.
            if let Some(pairings) = pairings {
                pairings.answer(proven).await;
            }
            return;
        }
        Ok(proven) => Link::establish(proven, &introduction, &doorkeeper).await,
        Err(end) => Err(end),
    };
    match established {
        Ok(link) => {
            let told = doorkeeper.peers.cast(PeersMessage::Established(Box::new(link), None));
            if told.is_err() {
                tracing::debug!("a link was made while the peers actor was down");
            }
        }
        Err(end) => tracing::debug!(%end, "a connection was not made a link"),
    }
}
