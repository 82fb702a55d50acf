//! The peers actor: dials what the book says, keeps one link per node, tells of their coming and
//! going.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use ractor::{
    Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, ActorStatus, RpcReplyPort,
    SupervisionEvent,
};
use ractor_cluster::RactorMessage;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::avoided::Avoided;
use super::book::{Book, Dial, Hint};
use super::claim::Claim;
use super::door::{Door, DoorMessage, DoorState, Doorkeeper};
use super::link::{LinkActor, LinkArguments, LinkMessage, LinkState};
use super::{LinkNow, PeersSettings};
use crate::link::close::{CloseReason, LinkEnd};
use crate::link::handshake::{Link, PeerKind};
use crate::link::intake::LinkEvent;
use crate::link::outbound::Outbound;
use crate::link::session::Session;

/// Before a door that closed is opened again.
const REOPEN_DOOR: Duration = Duration::from_millis(500);
/// Addresses that are remembered for refusing a link; beyond them none is told.
const MAX_CLOSED_DOORS: usize = 64;

mod dialling;

pub(super) struct Shell;

#[derive(RactorMessage)]
pub(super) enum PeersMessage {
    Hint(Hint),
    Know([u8; 32], PeerKind),
    Forget([u8; 32]),
    Close([u8; 32], CloseReason),
    Avoid(Vec<[u8; 32]>, Duration),
    Links(RpcReplyPort<Vec<LinkNow>>),
    Cells(RpcReplyPort<Vec<([u8; 32], ActorCell)>>),
    ClosedDoors(RpcReplyPort<Vec<(SocketAddr, LinkEnd)>>),
    /// A judged connection wants to become the link to its node.
    Claim(Box<Claim>, RpcReplyPort<Result<(), CloseReason>>),
    /// Its lanes are open; with the dial that made it, if this node dialled.
    Established(Box<Link>, Option<Dial>),
    /// A dial came to nothing.
    Failed(Dial, LinkEnd),
    /// Something in the book may be due.
    Due,
    OpenDoor,
}

pub(super) struct State {
    settings: PeersSettings,
    us: [u8; 32],
    book: Book,
    avoided: Avoided,
    claims: HashMap<[u8; 32], Claim>,
    links: HashMap<[u8; 32], Slot>,
    dials: usize,
    /// Where somebody answers and no link comes of it.
    closed_doors: BTreeMap<SocketAddr, LinkEnd>,
    alarm: Option<JoinHandle<()>>,
    door: Option<ActorRef<DoorMessage>>,
}

/// An open link.
struct Slot {
    claim: Claim,
    actor: ActorRef<LinkMessage>,
    outbound: Outbound,
    /// Why this node closed it, if it did.
    closed: Option<CloseReason>,
}

impl Actor for Shell {
    type Msg = PeersMessage;
    type State = State;
    type Arguments = PeersSettings;

    async fn pre_start(
        &self,
        myself: ActorRef<PeersMessage>,
        settings: PeersSettings,
    ) -> Result<State, ActorProcessingErr> {
        // The links of an actor that died have died with it, and nobody could say so.
        let orphans = std::mem::take(&mut *settings.told.lock());
        for peer in orphans {
            settings.intake.tell(LinkEvent::Down { peer, reason: LinkEnd::Crashed }).await;
        }
        let us = settings.endpoint.node();
        let mut book = Book::new(us);
        let now = Instant::now();
        settings.hints.iter().for_each(|hint| book.hint(*hint, now));
        myself.cast(PeersMessage::OpenDoor)?;
        myself.cast(PeersMessage::Due)?;
        Ok(State {
            settings,
            us,
            book,
            avoided: Avoided::default(),
            claims: HashMap::new(),
            links: HashMap::new(),
            dials: 0,
            closed_doors: BTreeMap::new(),
            alarm: None,
            door: None,
        })
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<PeersMessage>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        for slot in state.links.values() {
            CloseReason::Shutdown.close(&slot.claim.connection);
        }
        if let Some(alarm) = state.alarm.take() {
            alarm.abort();
        }
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<PeersMessage>,
        message: PeersMessage,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PeersMessage::Hint(hint) => state.book.hint(hint, Instant::now()),
            PeersMessage::Know(node, kind) => state.know(node, kind),
            PeersMessage::Forget(node) => state.book.forget(node),
            PeersMessage::Close(node, reason) => state.close(node, reason),
            PeersMessage::Avoid(nodes, length) => state.avoid(nodes, length),
            PeersMessage::Links(port) => reply(port, state.links_now()),
            PeersMessage::ClosedDoors(port) => {
                let doors = state.closed_doors.iter();
                reply(port, doors.map(|(address, end)| (*address, *end)).collect());
            }
            PeersMessage::Cells(port) => {
                let cells = state.links.iter();
                reply(port, cells.map(|(node, slot)| (*node, slot.actor.get_cell())).collect());
            }
            PeersMessage::Claim(claim, port) => {
                let verdict = state.claim(*claim).await;
                reply(port, verdict);
            }
            PeersMessage::Established(link, dial) => {
                if dial.is_some() {
                    state.dials = state.dials.saturating_sub(1);
                }
                state.established(&myself, *link, dial).await;
            }
            PeersMessage::Failed(dial, end) => {
                state.dials = state.dials.saturating_sub(1);
                tracing::debug!(address = %dial.address, %end, "dialling came to nothing");
                state.note_door(dial.address, end);
                state.book.failed(dial, end, Instant::now(), rand::random());
            }
            PeersMessage::Due => {}
            PeersMessage::OpenDoor => state.open_door(&myself).await,
        }
        state.dial_due(&myself);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<PeersMessage>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(cell, last, _) => {
                let end = last
                    .and_then(|mut last| last.take::<LinkState>().ok())
                    .and_then(|last| last.end);
                state.child_ended(&myself, cell.get_id(), end).await;
            }
            SupervisionEvent::ActorFailed(cell, panic) => {
                tracing::error!(%panic, "a child of the peers actor failed");
                state.child_ended(&myself, cell.get_id(), None).await;
            }
            SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_)
            | SupervisionEvent::PidLifecycleEvent(_) => {}
        }
        state.dial_due(&myself);
        Ok(())
    }
}

impl State {
    fn kiosk_links(&self) -> usize {
        self.links
            .values()
            .map(|slot| &slot.claim)
            .chain(self.claims.values())
            .filter(|claim| claim.kind != PeerKind::Admin)
            .count()
    }

    /// Remembers who refused this node or was refused by it, and says so when it is news: whoever
    /// set a node up waits for a link and must not wait in vain without a word.
    fn note_door(&mut self, address: SocketAddr, end: LinkEnd) {
        let (LinkEnd::Ours(reason) | LinkEnd::Theirs(reason)) = end else {
            return;
        };
        let lasting = match reason {
            CloseReason::VersionMismatch
            | CloseReason::OtherSite
            | CloseReason::NotMember
            | CloseReason::Revoked => true,
            CloseReason::Duplicate
            | CloseReason::Shutdown
            | CloseReason::Malformed
            | CloseReason::Overrun
            | CloseReason::OtherNode => false,
        };
        let known = self.closed_doors.contains_key(&address);
        if !lasting || (!known && self.closed_doors.len() >= MAX_CLOSED_DOORS) {
            return;
        }
        if self.closed_doors.insert(address, end) != Some(end) {
            tracing::warn!(%address, why = %end, "no link there");
        }
    }

    fn know(&mut self, node: [u8; 32], kind: PeerKind) {
        self.book.know(node, kind);
        if let Some(slot) = self.links.get_mut(&node) {
            slot.claim.kind = kind;
        }
    }

    fn close(&mut self, node: [u8; 32], reason: CloseReason) {
        if let Some(slot) = self.links.get_mut(&node) {
            slot.closed = Some(reason);
            reason.close(&slot.claim.connection);
        }
        if let Some(claim) = self.claims.remove(&node) {
            reason.close(&claim.connection);
        }
    }

    fn avoid(&mut self, nodes: Vec<[u8; 32]>, length: Duration) {
        for node in &nodes {
            self.close(*node, CloseReason::Shutdown);
        }
        self.avoided.set(nodes, length, Instant::now());
    }

    fn links_now(&self) -> Vec<LinkNow> {
        let mut links: Vec<_> = self
            .links
            .iter()
            .map(|(node, slot)| LinkNow {
                peer: *node,
                kind: slot.claim.kind,
                address: slot.claim.connection.remote_address(),
                dialled: slot.claim.dialled,
                up: slot.claim.made.elapsed(),
                round_trip: slot.claim.connection.rtt(),
                dropped: slot.outbound.dropped(),
            })
            .collect();
        links.sort_by_key(|link| link.peer);
        links
    }

    /// Settles whether a judged connection may become the link to its node.
    async fn claim(&mut self, claim: Claim) -> Result<(), CloseReason> {
        let now = Instant::now();
        self.claims.retain(|_, claim| !claim.is_void(now));
        if claim.node == self.us {
            return Err(CloseReason::OtherNode);
        }
        if self.avoided.holds(&claim.node, now) {
            return Err(CloseReason::Shutdown);
        }
        let (us, node) = (self.us, claim.node);
        let former = self.links.get(&node).map(|slot| &slot.claim).or(self.claims.get(&node));
        match former {
            Some(former) if !former.yields_to(&claim, us) => return Err(CloseReason::Duplicate),
            Some(_) => {}
            None if self.settings.fan_out.keeps(claim.kind, self.kiosk_links()) => {}
            None => return Err(CloseReason::Overrun),
        }
        if let Some(former) = self.claims.insert(node, claim) {
            CloseReason::Duplicate.close(&former.connection);
        }
        if let Some(former) = self.links.remove(&node) {
            CloseReason::Duplicate.close(&former.claim.connection);
            former.actor.stop(None);
            self.tell_down(node, LinkEnd::Ours(CloseReason::Duplicate)).await;
        }
        Ok(())
    }

    /// Makes an established connection the link to its node, if its claim still holds.
    async fn established(
        &mut self,
        myself: &ActorRef<PeersMessage>,
        link: Link,
        dial: Option<Dial>,
    ) {
        let node = link.peer();
        let (session, outbound) = Session::new(link);
        let id = session.connection().stable_id();
        let holds = self.claims.get(&node).is_some_and(|claim| claim.id() == id);
        let claim = if holds { self.claims.remove(&node) } else { None };
        let Some(claim) = claim else {
            CloseReason::Duplicate.close(session.connection());
            if let Some(dial) = dial {
                let end = LinkEnd::Ours(CloseReason::Duplicate);
                self.book.failed(dial, end, Instant::now(), rand::random());
            }
            return;
        };
        let (kind, version) = (claim.kind, session.version());
        let address = claim.connection.remote_address();
        let whom = dial.map(|dial| dial.whom);
        self.book.reached(whom, node, address, kind, Instant::now());
        self.closed_doors.remove(&address);
        let arguments = LinkArguments {
            session,
            intake: self.settings.intake.clone(),
            cluster: self.settings.cluster.clone(),
        };
        let spawned = Actor::spawn_linked(None, LinkActor, arguments, myself.get_cell()).await;
        let Ok((actor, _)) = spawned else {
            CloseReason::Shutdown.close(&claim.connection);
            self.book.lost(node, LinkEnd::Crashed, Instant::now(), rand::random());
            return;
        };
        self.settings.told.lock().insert(node);
        let (run, up) = (actor.clone(), outbound.clone());
        self.links.insert(node, Slot { claim, actor, outbound, closed: None });
        let intake = self.settings.intake.clone();
        intake.tell(LinkEvent::Up { peer: node, kind, version, address, outbound: up }).await;
        if run.cast(LinkMessage::Run).is_err() {
            tracing::debug!("a link actor died before it ran");
        }
    }

    /// A child is no more: the door, or a link.
    async fn child_ended(
        &mut self,
        myself: &ActorRef<PeersMessage>,
        child: ActorId,
        end: Option<LinkEnd>,
    ) {
        if self.door.as_ref().is_some_and(|door| door.get_id() == child) {
            self.door = None;
            myself.send_after(REOPEN_DOOR, || PeersMessage::OpenDoor);
            return;
        }
        let node = self.links.iter().find(|(_, slot)| slot.actor.get_id() == child);
        let Some(node) = node.map(|(node, _)| *node) else {
            return;
        };
        let Some(slot) = self.links.remove(&node) else {
            return;
        };
        CloseReason::Shutdown.close(&slot.claim.connection);
        let end = slot.closed.map(LinkEnd::Ours).or(end).unwrap_or(LinkEnd::Crashed);
        self.book.lost(node, end, Instant::now(), rand::random());
        self.tell_down(node, end).await;
    }

    async fn tell_down(&self, peer: [u8; 32], reason: LinkEnd) {
        self.settings.told.lock().remove(&peer);
        self.settings.intake.tell(LinkEvent::Down { peer, reason }).await;
    }

    async fn open_door(&mut self, myself: &ActorRef<PeersMessage>) {
        if self.door.is_some() {
            return;
        }
        let door = DoorState {
            endpoint: self.settings.endpoint.clone(),
            introduction: self.settings.introduction.clone(),
            doorkeeper: self.doorkeeper(myself),
            pairings: self.settings.pairings.clone(),
        };
        match Actor::spawn_linked(None, Door, door, myself.get_cell()).await {
            Ok((door, _)) => self.door = Some(door),
            // A node that ends as soon as it has begun: nobody dials it.
            Err(_) if myself.get_status() >= ActorStatus::Draining => {}
            Err(error) => {
                tracing::error!(%error, "cannot answer whoever dials");
                myself.send_after(REOPEN_DOOR, || PeersMessage::OpenDoor);
            }
        }
    }

    fn doorkeeper(&self, myself: &ActorRef<PeersMessage>) -> Doorkeeper {
        Doorkeeper { meetings: self.settings.meetings.clone(), peers: myself.clone() }
    }
}

fn reply<T: Send + 'static>(port: RpcReplyPort<T>, value: T) {
    if port.send(value).is_err() {
        tracing::debug!("nobody waits for this answer any more");
    }
}
