//! Who can be called: ractor_cluster's sessions, one per linked node, bound to the key of its
//! link.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use ractor::{
    Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent,
};
use ractor_cluster::node::NodeServerSessionInformation;
use ractor_cluster::{NodeServerMessage, NodeSessionMessage, RactorMessage};
use tokio::task::JoinHandle;

use super::transport::{Transport, cluster_name, hex};
use super::{GatewayActor, GatewayEvent, GatewayMessage, GatewaySettings, Group, server};
use crate::link::session::ClusterLane;

/// How long a new session may take until it is ready.
const READY: Duration = Duration::from_secs(10);

/// Before something that failed is started again.
const AGAIN: Duration = Duration::from_millis(500);

/// Supervises the node server and the gateway's actor, and keeps one session per linked node.
pub(super) struct Membership;

#[derive(RactorMessage)]
pub(super) enum MembershipMessage {
    /// A link lends its lane.
    Lane(Box<ClusterLane>),
    Opened(Box<NodeServerSessionInformation>),
    Authenticated(Box<NodeServerSessionInformation>),
    Ready(Box<NodeServerSessionInformation>),
    Disconnected(Box<NodeServerSessionInformation>),
    /// A session should be ready by now.
    Overdue(u64),
    /// A lane that was injected should have its session by now.
    Unopened(String),
    StartServer,
    StartGateway,
    Members(Group, RpcReplyPort<Vec<[u8; 32]>>),
    Find([u8; 32], RpcReplyPort<Option<ActorCell>>),
}

pub(super) struct State {
    settings: GatewaySettings,
    server: Option<ActorRef<NodeServerMessage>>,
    gateway: Option<ActorRef<GatewayMessage>>,
    /// Sessions by ractor_cluster's node id, which is new at each connection.
    sessions: BTreeMap<u64, Session>,
    /// Lanes given to the node server, whose session has not been announced yet.
    injected: HashMap<String, [u8; 32]>,
    /// The newest lane of a peer whose former session has not ended yet.
    waiting: HashMap<[u8; 32], ClusterLane>,
    lanes_taken: u64,
    pump: JoinHandle<()>,
}

struct Session {
    peer: [u8; 32],
    /// Local: the session's own actor, not one of the peer's.
    actor: ActorRef<NodeSessionMessage>,
    ready: bool,
}

impl Actor for Membership {
    type Msg = MembershipMessage;
    type State = State;
    type Arguments = GatewaySettings;

    async fn pre_start(
        &self,
        myself: ActorRef<MembershipMessage>,
        settings: GatewaySettings,
    ) -> Result<State, ActorProcessingErr> {
        let (lanes, ours) = (settings.lanes.clone(), myself.clone());
        let pump = tokio::spawn(async move {
            let mut lanes = lanes.0.lock().await;
            while let Some(lane) = lanes.recv().await {
                if ours.cast(MembershipMessage::Lane(Box::new(lane))).is_err() {
                    break;
                }
            }
        });
        myself.cast(MembershipMessage::StartServer)?;
        myself.cast(MembershipMessage::StartGateway)?;
        Ok(State {
            settings,
            server: None,
            gateway: None,
            sessions: BTreeMap::new(),
            injected: HashMap::new(),
            waiting: HashMap::new(),
            lanes_taken: 0,
            pump,
        })
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<MembershipMessage>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.pump.abort();
        state.all_gone().await;
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<MembershipMessage>,
        message: MembershipMessage,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            MembershipMessage::Lane(lane) => state.take_lane(&myself, *lane),
            MembershipMessage::Opened(session) => state.opened(&myself, &session),
            MembershipMessage::Authenticated(session) => state.authenticated(&session),
            MembershipMessage::Ready(session) => state.ready(&session).await,
            MembershipMessage::Disconnected(session) => {
                state.disconnected(&myself, &session).await;
            }
            MembershipMessage::Overdue(id) => state.overdue(id),
            MembershipMessage::Unopened(label) => state.unopened(&myself, &label),
            MembershipMessage::StartServer => state.start_server(&myself).await,
            MembershipMessage::StartGateway => state.start_gateway(&myself).await,
            MembershipMessage::Members(group, port) => reply(port, state.members(group)),
            MembershipMessage::Find(node, port) => reply(port, state.find(node)),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<MembershipMessage>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(cell, _, reason) => {
                tracing::warn!(?reason, "a child of the gateway stopped");
                state.child_ended(&myself, cell.get_id()).await;
            }
            SupervisionEvent::ActorFailed(cell, panic) => {
                tracing::error!(%panic, "a child of the gateway failed");
                state.child_ended(&myself, cell.get_id()).await;
            }
            SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_)
            | SupervisionEvent::PidLifecycleEvent(_) => {}
        }
        Ok(())
    }
}

impl State {
    /// Takes a lane up; if the peer still has a session, only once that has ended. Two sessions
    /// of one name would drive each other out.
    fn take_lane(&mut self, myself: &ActorRef<MembershipMessage>, lane: ClusterLane) {
        let mut former = false;
        for session in self.sessions.values().filter(|session| session.peer == lane.peer) {
            session.actor.stop(Some("the link was made anew".to_owned()));
            former = true;
        }
        if former || self.injected.values().any(|peer| *peer == lane.peer) {
            self.waiting.insert(lane.peer, lane);
        } else {
            self.inject(myself, lane);
        }
    }

    fn inject(&mut self, myself: &ActorRef<MembershipMessage>, lane: ClusterLane) {
        // Without a server the lane is dropped, and its link will lend it again.
        let Some(server) = &self.server else { return };
        self.lanes_taken += 1;
        let (peer, is_server) = (lane.peer, !lane.dialled);
        let label = format!("{}/{}", hex(&peer), self.lanes_taken);
        let stream = Box::new(Transport { lane, label: label.clone() });
        let opened = NodeServerMessage::ConnectionOpenedExternal { stream, is_server };
        if server.cast(opened).is_ok() {
            self.injected.insert(label.clone(), peer);
            myself.send_after(READY, move || MembershipMessage::Unopened(label));
        }
    }

    fn unopened(&mut self, myself: &ActorRef<MembershipMessage>, label: &str) {
        if let Some(peer) = self.injected.remove(label)
            && let Some(lane) = self.waiting.remove(&peer)
        {
            self.inject(myself, lane);
        }
    }

    fn opened(
        &mut self,
        myself: &ActorRef<MembershipMessage>,
        session: &NodeServerSessionInformation,
    ) {
        let actor = session.actor.clone();
        let Some(peer) = self.injected.remove(&session.peer_addr) else {
            // Not one of ours: whoever it is got past the locked listener.
            tracing::error!(from = session.peer_addr, "a cluster session from nowhere");
            actor.stop(Some("not over a link".to_owned()));
            return;
        };
        let id = session.node_id;
        if self.waiting.contains_key(&peer) {
            actor.stop(Some("the link was made anew".to_owned()));
        }
        self.sessions.insert(id, Session { peer, actor, ready: false });
        myself.send_after(READY, move || MembershipMessage::Overdue(id));
    }

    /// The transport has seen to the name already; this holds if it should ever fail to.
    fn authenticated(&self, session: &NodeServerSessionInformation) {
        let expected = self.sessions.get(&session.node_id).map(|one| cluster_name(one.peer));
        let declared = session.peer_name.as_ref().map(|name| &name.name);
        if expected.is_none() || expected.as_ref() != declared {
            tracing::error!(from = session.peer_addr, "a cluster session under a false name");
            session.actor.stop(Some("false name".to_owned()));
        }
    }

    async fn ready(&mut self, session: &NodeServerSessionInformation) {
        if let Some(session) = self.sessions.get_mut(&session.node_id)
            && !session.ready
        {
            session.ready = true;
            let peer = session.peer;
            self.tell(GatewayEvent::MemberUp(peer)).await;
        }
    }

    async fn disconnected(
        &mut self,
        myself: &ActorRef<MembershipMessage>,
        session: &NodeServerSessionInformation,
    ) {
        let Some(gone) = self.sessions.remove(&session.node_id) else {
            return;
        };
        if gone.ready {
            self.tell(GatewayEvent::MemberDown(gone.peer)).await;
        }
        let another = self.sessions.values().any(|session| session.peer == gone.peer);
        if !another && let Some(lane) = self.waiting.remove(&gone.peer) {
            self.inject(myself, lane);
        }
    }

    fn overdue(&self, id: u64) {
        if let Some(session) = self.sessions.get(&id)
            && !session.ready
        {
            session.actor.stop(Some("not ready in time".to_owned()));
        }
    }

    async fn child_ended(&mut self, myself: &ActorRef<MembershipMessage>, child: ActorId) {
        if self.server.as_ref().is_some_and(|server| server.get_id() == child) {
            self.server = None;
            self.all_gone().await;
            myself.send_after(AGAIN, || MembershipMessage::StartServer);
        } else if self.gateway.as_ref().is_some_and(|gateway| gateway.get_id() == child) {
            self.gateway = None;
            myself.send_after(AGAIN, || MembershipMessage::StartGateway);
        }
    }

    /// The server has died with all its sessions, whose lanes are free again.
    async fn all_gone(&mut self) {
        self.injected.clear();
        self.waiting.clear();
        for session in std::mem::take(&mut self.sessions).into_values() {
            session.actor.stop(None);
            if session.ready {
                self.tell(GatewayEvent::MemberDown(session.peer)).await;
            }
        }
    }

    async fn start_server(&mut self, myself: &ActorRef<MembershipMessage>) {
        if self.server.is_some() {
            return;
        }
        match server::start(self.settings.node, self.settings.site, myself).await {
            Ok(server) => self.server = Some(server),
            Err(error) => {
                tracing::error!(%error, "cannot start ractor_cluster");
                myself.send_after(AGAIN, || MembershipMessage::StartServer);
            }
        }
    }

    async fn start_gateway(&mut self, myself: &ActorRef<MembershipMessage>) {
        if self.gateway.is_some() {
            return;
        }
        let arguments = (self.settings.group, self.settings.calls.clone());
        match Actor::spawn_linked(None, GatewayActor, arguments, myself.get_cell()).await {
            Ok((gateway, _)) => self.gateway = Some(gateway),
            Err(error) => {
                tracing::error!(%error, "cannot start the gateway's actor");
                myself.send_after(AGAIN, || MembershipMessage::StartGateway);
            }
        }
    }

    /// The remote gateways in a group, with the node of each.
    fn remote(&self, group: Group) -> impl Iterator<Item = ([u8; 32], ActorCell)> {
        let cells = ractor::pg::get_members(&group.name().to_owned());
        cells.into_iter().filter_map(|cell| match cell.get_id() {
            ActorId::Remote { node_id, .. } => {
                let session = self.sessions.get(&node_id)?;
                session.ready.then_some((session.peer, cell))
            }
            ActorId::Local(_) => None,
        })
    }

    fn members(&self, group: Group) -> Vec<[u8; 32]> {
        let members: HashSet<_> = self.remote(group).map(|(peer, _)| peer).collect();
        let mut members: Vec<_> = members.into_iter().collect();
        members.sort_unstable();
        members
    }

    fn find(&self, node: [u8; 32]) -> Option<ActorCell> {
        let mut all = self.remote(Group::Admins).chain(self.remote(Group::Kiosks));
        all.find(|(peer, _)| *peer == node).map(|(_, cell)| cell)
    }

    async fn tell(&self, event: GatewayEvent) {
        if self.settings.events.send(event).await.is_err() {
            tracing::debug!("nobody listens to membership");
        }
    }
}

fn reply<T: Send + 'static>(port: RpcReplyPort<T>, value: T) {
    if port.send(value).is_err() {
        tracing::debug!("nobody waits for this answer any more");
    }
}
