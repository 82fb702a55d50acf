//! ractor_cluster's node server: started with its own listener locked, its events handed on.

use std::net::{IpAddr, Ipv4Addr};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_cluster::node::{NodeConnectionMode, NodeServerSessionInformation};
use ractor_cluster::{
    IncomingEncryptionMode, NodeEventSubscription, NodeServer, NodeServerMessage,
};
use sha2::{Digest, Sha256};

use super::membership::MembershipMessage;
use super::transport::{NODE_NAME, hex};
use super::{guard, listener};

/// Starts the node server of `node` as a child of `membership`, which gets its events.
pub(super) async fn start(
    node: [u8; 32],
    site: [u8; 32],
    membership: &ActorRef<MembershipMessage>,
) -> Result<ActorRef<NodeServerMessage>, ActorProcessingErr> {
    let locked = IncomingEncryptionMode::Tls(listener::locked()?);
    // Not a secret: links have proven who speaks. It keeps sites apart, once more.
    let cookie = Sha256::new().chain_update(b"poste cluster").chain_update(site);
    let server = NodeServer::new(
        0,
        hex(&cookie.finalize()),
        NODE_NAME.to_owned(),
        // Has to differ between nodes: two with one host name and port take each other for
        // themselves.
        hex(&node),
        Some(locked),
        Some(NodeConnectionMode::Isolated),
    )
    .with_listen_addr(IpAddr::V4(Ipv4Addr::LOCALHOST))
    .with_max_inbound_frame_size(guard::MAX_FRAME as u64);
    let (server, _) = Actor::spawn_linked(None, server, (), membership.get_cell()).await?;
    server.cast(NodeServerMessage::SubscribeToEvents {
        id: "membership".to_owned(),
        subscription: Box::new(Subscription(membership.clone())),
    })?;
    Ok(server)
}

/// Hands ractor_cluster's events on; it calls this from within its own actor.
struct Subscription(ActorRef<MembershipMessage>);

impl Subscription {
    fn tell(&self, message: MembershipMessage) {
        if self.0.cast(message).is_err() {
            tracing::debug!("membership is not running");
        }
    }
}

impl NodeEventSubscription for Subscription {
    fn node_session_opened(&self, session: NodeServerSessionInformation) {
        self.tell(MembershipMessage::Opened(Box::new(session)));
    }

    fn node_session_authenticated(&self, session: NodeServerSessionInformation) {
        self.tell(MembershipMessage::Authenticated(Box::new(session)));
    }

    fn node_session_ready(&self, session: NodeServerSessionInformation) {
        self.tell(MembershipMessage::Ready(Box::new(session)));
    }

    fn node_session_disconnected(&self, session: NodeServerSessionInformation) {
        self.tell(MembershipMessage::Disconnected(Box::new(session)));
    }
}
