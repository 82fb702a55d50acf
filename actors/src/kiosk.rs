//! The kiosk's shell: what its page shows, and the actor of the session that runs.
//!
//! The page is pushed to at every change; between changes it counts down by itself. While a session
//! runs, an actor of its own sees to the moments at which the screen changes without anybody doing
//! anything: the warnings and the end.

use std::sync::Arc;
use std::time::Duration;

use domain::code::AccessCode;
use domain::command::{Asked, Command};
use domain::decide::Author as OnBehalf;
use domain::fact::Derivation;
use domain::id::{RequestId, RowId, SessionId};
use domain::refusal::Refusal;
use domain::screen::Face;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{Mutex, oneshot};

use crate::clerk::ClerkMessage;
use crate::code_key;
use crate::replica::Failure;
use crate::replica::duty::View;
use crate::tree::Shared;

/// What the kiosk actor is told.
#[derive(ractor_cluster::RactorMessage)]
pub enum KioskMessage {
    /// The state has changed.
    Changed,
    /// What the page shows now.
    Show(Box<View>),
}

/// See the module.
pub struct KioskActor;

/// What the kiosk actor keeps.
pub struct KioskState {
    shared: Arc<Shared>,
    session: Option<(SessionId, ActorRef<SessionMessage>)>,
}

impl Actor for KioskActor {
    type Msg = KioskMessage;
    type State = KioskState;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<KioskMessage>,
        shared: Arc<Shared>,
    ) -> Result<KioskState, ActorProcessingErr> {
        myself.cast(KioskMessage::Changed)?;
        Ok(KioskState { shared, session: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<KioskMessage>,
        message: KioskMessage,
        state: &mut KioskState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            KioskMessage::Changed => look(&state.shared, myself),
            KioskMessage::Show(view) => {
                let running = match &view.screen.face {
                    Face::Running { session, .. } => Some(*session),
                    Face::Locked | Face::OutOfService | Face::Paused { .. } => None,
                };
                let tended = state.session.as_ref().map(|(session, _)| *session);
                if running != tended {
                    if let Some((_, actor)) = state.session.take() {
                        actor.stop(None);
                    }
                    if let Some(session) = running {
                        let arguments = (Arc::clone(&state.shared), session);
                        let cell = myself.get_cell();
                        let (actor, _) =
                            Actor::spawn_linked(None, SessionActor, arguments, cell).await?;
                        state.session = Some((session, actor));
                    }
                }
                if let Some((_, actor)) = &state.session
                    && actor.cast(SessionMessage::Tend((*view).clone())).is_err()
                {
                    tracing::debug!("the session's actor has just ended");
                }
                state.shared.view.send_replace(Some(Arc::new(*view)));
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<KioskMessage>,
        event: SupervisionEvent,
        state: &mut KioskState,
    ) -> Result<(), ActorProcessingErr> {
        let ended = match event {
            SupervisionEvent::ActorFailed(cell, error) => {
                tracing::error!(%error, "the session's actor failed and is started again");
                cell
            }
            SupervisionEvent::ActorTerminated(cell, _, _) => cell,
            SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_)
            | SupervisionEvent::PidLifecycleEvent(_) => return Ok(()),
        };
        if state.session.as_ref().is_some_and(|(_, actor)| actor.get_id() == ended.get_id()) {
            // The next look finds the session running with nobody to tend it.
            state.session = None;
            look(&state.shared, myself);
        }
        Ok(())
    }
}

fn look(shared: &Arc<Shared>, myself: ActorRef<KioskMessage>) {
    let told = shared.tell_clerk(ClerkMessage::Turn(Box::new(move |replica, now| {
        if let Some(view) = replica.view(now)
            && myself.cast(KioskMessage::Show(Box::new(view))).is_err()
        {
            tracing::debug!("the kiosk actor has just ended");
        }
        Vec::new()
    })));
    if !told {
        tracing::debug!("the clerk is being started again and will say what changed");
    }
}

/// What a session's actor is told.
#[derive(ractor_cluster::RactorMessage)]
pub enum SessionMessage {
    /// What the page shows now: the next moment follows from it.
    Tend(View),
    /// A moment came; the number tells which.
    Moment(u64),
}

/// The actor of the session that runs on this kiosk.
pub struct SessionActor;

/// What it keeps.
pub struct SessionState {
    shared: Arc<Shared>,
    session: SessionId,
    number: u64,
}

impl Actor for SessionActor {
    type Msg = SessionMessage;
    type State = SessionState;
    type Arguments = (Arc<Shared>, SessionId);

    async fn pre_start(
        &self,
        _: ActorRef<SessionMessage>,
        (shared, session): (Arc<Shared>, SessionId),
    ) -> Result<SessionState, ActorProcessingErr> {
        tracing::info!(%session, "session runs here");
        Ok(SessionState { shared, session, number: 0 })
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionMessage>,
        message: SessionMessage,
        state: &mut SessionState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SessionMessage::Tend(view) => {
                let Face::Running { remaining_ms, .. } = view.screen.face else {
                    return Ok(());
                };
                state.number += 1;
                let number = state.number;
                let wait = until_next_minute(remaining_ms);
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    if myself.cast(SessionMessage::Moment(number)).is_err() {
                        tracing::debug!("the session has ended");
                    }
                });
            }
            SessionMessage::Moment(number) if number == state.number => {
                // Reads, ends or warns, whatever is due, and then everybody looks again.
                let session = state.session;
                let told =
                    state.shared.tell_clerk(ClerkMessage::Turn(Box::new(move |replica, now| {
                        let mut outputs = replica.handle(crate::replica::Input::Wake, now);
                        outputs.push(crate::replica::Output::Changed { by_fact: false });
                        if replica.running() != Some(session) {
                            tracing::debug!(%session, "session no longer runs here");
                        }
                        outputs
                    })));
                if !told {
                    tracing::debug!("the clerk is being started again");
                }
            }
            SessionMessage::Moment(_) => {}
        }
        Ok(())
    }
}

/// Time until the remaining time passes a whole minute (where warnings stand), or ends.
fn until_next_minute(remaining_ms: u64) -> Duration {
    let within = remaining_ms % 60_000;
    Duration::from_millis(if within == 0 { 60_000.min(remaining_ms.max(1_000)) } else { within })
}

/// What the kiosk's page may do; cheap to clone.
#[derive(Clone)]
pub struct Seat {
    shared: Arc<Shared>,
    /// One code at a time: its derivation is dear, and a kiosk has one keyboard.
    typing: Arc<Mutex<()>>,
}

impl Seat {
    /// The page's side of this node.
    pub fn new(shared: Arc<Shared>) -> Self {
        Seat { shared, typing: Arc::new(Mutex::new(())) }
    }

    /// Opens a session by what the patron typed.
    ///
    /// # Errors
    /// Refusals; [`Failure::Disk`] when this node cannot answer at all.
    pub async fn open(&self, typed: &str) -> Result<(), Failure> {
        let _turn = self.typing.lock().await;
        let key = match AccessCode::parse(typed) {
            Ok(code) => {
                let derivation = self.derivation().await?.ok_or(Refusal::NotJoined)?;
                let derived =
                    tokio::task::spawn_blocking(move || code_key::key_pair(&derivation, &code));
                match derived.await {
                    Ok(Ok(pair)) => Some(Box::new(pair)),
                    Ok(Err(error)) => {
                        tracing::error!(%error, "this site's codes cannot be read here");
                        return Err(Failure::Disk);
                    }
                    Err(_) => return Err(Failure::Disk),
                }
            }
            Err(_) => None,
        };
        self.answer(|answer| ClerkMessage::Typed(key, answer)).await
    }

    /// The patron leaves.
    ///
    /// # Errors
    /// As [`Seat::open`].
    pub async fn leave(&self) -> Result<(), Failure> {
        let session = match self.shared.view.borrow().as_deref().map(|view| &view.screen.face) {
            Some(Face::Running { session, .. } | Face::Paused { session, .. }) => *session,
            Some(Face::Locked | Face::OutOfService) | None => return Err(Refusal::NotNow.into()),
        };
        self.command(Command::Leave { session }).await
    }

    /// The patron read a message.
    ///
    /// # Errors
    /// As [`Seat::open`].
    pub async fn acknowledge(&self, message: RowId) -> Result<(), Failure> {
        self.command(Command::AcknowledgeMessage { message }).await
    }

    async fn command(&self, command: Command) -> Result<(), Failure> {
        let node = self.shared.identity.node();
        let kiosk = self.shared.identity.kiosk.ok_or(Refusal::Authority)?;
        let by = OnBehalf::Kiosk { kiosk, node };
        let asked = Asked { request: RequestId(rand::random()), command };
        self.answer(|answer| ClerkMessage::Ask(by, asked, answer)).await
    }

    async fn derivation(&self) -> Result<Option<Derivation>, Failure> {
        let (tell, told) = oneshot::channel();
        let turn = ClerkMessage::Turn(Box::new(move |replica, _| {
            let founded = replica.site().chain().founded();
            if tell.send(founded.map(|(_, derivation)| *derivation)).is_err() {
                tracing::debug!("nobody waits for the derivation any more");
            }
            Vec::new()
        }));
        if !self.shared.tell_clerk(turn) {
            return Err(Failure::Disk);
        }
        told.await.map_err(|_| Failure::Disk)
    }

    async fn answer(
        &self,
        message: impl FnOnce(crate::clerk::Answer) -> ClerkMessage,
    ) -> Result<(), Failure> {
        let (answer, answered) = oneshot::channel();
        if !self.shared.tell_clerk(message(answer)) {
            return Err(Failure::Disk);
        }
        answered.await.map_err(|_| Failure::Disk)?.map(|_| ())
    }
}
