//! The QUIC endpoint of a node: one UDP socket that dials and answers.
//!
//! Whoever can reach the port can send to it, so everything before the greeting is bounded here:
//! addresses are validated by a stateless retry before any state is kept, and both the open
//! links and the unfinished handshakes (in all, and for one address) have a limit.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{AsyncUdpSocket, IdleTimeout, Runtime, VarInt};
use quinn_proto::HashedConnectionIdGenerator;
use tokio::sync::OwnedSemaphorePermit;

use super::LinkError;
use super::close::{CloseReason, LinkEnd};
use super::gate::{Gate, HandshakePlace, MAX_HANDSHAKES};
use super::reset::ResetKey;
use super::socket::{CountingSocket, QUIC_V1};
use super::tls;

/// How often the dialler of an idle link shows that it is alive; the answer shows the same of the
/// other end. What is lost of it is sent again within a fraction of a second.
pub const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// How long a peer may be silent before its link is lost.
pub const IDLE: Duration = Duration::from_secs(5);

/// From the first packet to open lanes: how long either end may take.
pub const HANDSHAKE: Duration = Duration::from_secs(5);

/// Streams that the dialler may have open: the five lanes, and a second `cluster` while the
/// first ends.
const MAX_STREAMS: u32 = 8;

/// What one stream may hold unread.
const STREAM_WINDOW: u32 = 256 * 1024;

/// What a peer may send in all before it is judged.
const STRANGER_WINDOW: u32 = 64 * 1024;

/// What a judged peer may have unread: every stream's window, so that no lane starves another.
const LINK_WINDOW: u32 = MAX_STREAMS * STREAM_WINDOW;

/// Where a socket listens that could not even say that.
const UNKNOWN_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A node's UDP port; cheap to clone.
#[derive(Debug, Clone)]
pub struct Endpoint {
    quinn: quinn::Endpoint,
    node: [u8; 32],
    gate: Arc<Gate>,
}

/// What the port has seen since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PortCounts {
    /// Datagrams that no peer of this node can have meant for it.
    pub strays: u64,
    /// Connections turned away because a limit was reached.
    pub turned_away: u64,
    /// Connections open now, judged or not.
    pub open: usize,
}

/// A connection whose TLS stands: both ends have proven their keys, nothing else is known.
#[derive(Debug)]
pub struct Proven {
    pub(crate) connection: quinn::Connection,
    pub(crate) peer: [u8; 32],
    pub(crate) dialled: bool,
    /// Whether it was opened to pair, and not to become a link.
    pub(crate) pairing: bool,
    pub(crate) place: OwnedSemaphorePermit,
    pub(crate) _handshake: Option<HandshakePlace>,
}

/// Somebody at the door: an address that was validated, and no handshake yet.
#[derive(Debug)]
pub struct Arrival {
    incoming: quinn::Incoming,
    place: OwnedSemaphorePermit,
    handshake: HandshakePlace,
}

impl Endpoint {
    /// Opens `listen` for the node of this key. Call within a tokio runtime.
    pub fn bind(key: &SigningKey, listen: SocketAddr) -> Result<Self, LinkError> {
        let socket = std::net::UdpSocket::bind(listen).map_err(|cause| {
            if cause.kind() == std::io::ErrorKind::AddrInUse {
                LinkError::PortInUse(listen)
            } else {
                LinkError::Listen { address: listen, cause }
            }
        })?;
        let socket = quinn::TokioRuntime.wrap_udp_socket(socket);
        Self::on(key, socket.map_err(|cause| LinkError::Listen { address: listen, cause })?)
    }

    /// Opens the port of this key's node on a socket of the caller's. Call within a tokio runtime.
    pub fn on(key: &SigningKey, socket: Arc<dyn AsyncUdpSocket>) -> Result<Self, LinkError> {
        let (server, client) = tls::configs(key)?;
        let (server, client) = (answering(server)?, dialling(client)?);
        let reset_key = ResetKey::of(key);
        let id_key = reset_key.connection_ids();
        let mut settings = quinn::EndpointConfig::new(Arc::new(reset_key));
        settings
            .supported_versions(vec![QUIC_V1])
            .grease_quic_bit(false)
            .min_reset_interval(Duration::from_millis(100))
            .cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(id_key)));
        let strays = Arc::new(AtomicU64::new(0));
        let address = socket.local_addr().unwrap_or(UNKNOWN_ADDRESS);
        let mut quinn = quinn::Endpoint::new_with_abstract_socket(
            settings,
            Some(server),
            Arc::new(CountingSocket::new(socket, id_key, Arc::clone(&strays))),
            Arc::new(quinn::TokioRuntime),
        )
        .map_err(|cause| LinkError::Listen { address, cause })?;
        quinn.set_default_client_config(client);
        let gate = Gate::new(strays);
        Ok(Self { quinn, node: key.verifying_key().to_bytes(), gate: Arc::new(gate) })
    }

    /// From now on answers whoever wants to pair, too: an admin node's port.
    pub(crate) fn answer_pairings(&self, key: &SigningKey) -> Result<(), LinkError> {
        let (mut server, _) = tls::configs(key)?;
        server.alpn_protocols.push(tls::PAIRING_ALPN.to_vec());
        self.quinn.set_server_config(Some(answering(server)?));
        Ok(())
    }

    /// The address that it listens on, with the port that the system chose if 0 was asked for.
    pub fn address(&self) -> Result<SocketAddr, LinkError> {
        self.quinn
            .local_addr()
            .map_err(|cause| LinkError::Listen { address: UNKNOWN_ADDRESS, cause })
    }

    /// The node whose port this is.
    pub fn node(&self) -> [u8; 32] {
        self.node
    }

    /// What the port has seen so far.
    pub fn counts(&self) -> PortCounts {
        PortCounts {
            strays: self.gate.strays.load(Ordering::Relaxed),
            turned_away: self.gate.turned_away.load(Ordering::Relaxed),
            open: self.quinn.open_connections(),
        }
    }

    /// The next connection that asks to be answered; `None` once the endpoint is closed.
    pub async fn accept(&self) -> Option<Arrival> {
        loop {
            let incoming = self.quinn.accept().await?;
            if !incoming.remote_address_validated() {
                // Nothing is kept for an address until it has answered from there.
                if let Err(error) = incoming.retry() {
                    error.into_incoming().ignore();
                }
                continue;
            }
            let from = incoming.remote_address().ip();
            let place = Arc::clone(&self.gate.links).try_acquire_owned().ok();
            match (place, HandshakePlace::take(&self.gate, from)) {
                (Some(place), Some(handshake)) => {
                    return Some(Arrival { incoming, place, handshake });
                }
                _ => {
                    self.gate.turned_away.fetch_add(1, Ordering::Relaxed);
                    incoming.refuse();
                }
            }
        }
    }

    /// Dials `address`. With `sought`, whoever else answers there is left without a word.
    pub async fn dial(
        &self,
        address: SocketAddr,
        sought: Option<[u8; 32]>,
    ) -> Result<Proven, LinkEnd> {
        let place = Arc::clone(&self.gate.links)
            .try_acquire_owned()
            .map_err(|_| LinkEnd::Ours(CloseReason::Overrun))?;
        let connecting =
            self.quinn.connect(address, tls::SERVER_NAME).map_err(|_| LinkEnd::Lost)?;
        let connection = shaken(connecting).await?;
        let peer = tls::peer_node(&connection).ok_or(LinkEnd::Ours(CloseReason::Malformed))?;
        if sought.is_some_and(|sought| sought != peer) || peer == self.node {
            CloseReason::OtherNode.close(&connection);
            return Err(LinkEnd::Ours(CloseReason::OtherNode));
        }
        Ok(Proven { connection, peer, dialled: true, pairing: false, place, _handshake: None })
    }

    /// Closes every link and the port; in the background, what is owed to peers is still sent.
    pub fn close(&self) {
        let reason = CloseReason::Shutdown;
        self.quinn.close(VarInt::from_u32(reason.code()), reason.name().as_bytes());
    }

    /// Waits until all closes have been sent, at most for as long as a peer may be silent.
    pub async fn closed(&self) {
        self.quinn.wait_idle().await;
    }
}

impl Arrival {
    /// Does the TLS handshake.
    pub async fn prove(self) -> Result<Proven, LinkEnd> {
        let connecting = self.incoming.accept().map_err(|error| LinkEnd::from(&error))?;
        let connection = shaken(connecting).await?;
        let peer = tls::peer_node(&connection).ok_or(LinkEnd::Ours(CloseReason::Malformed))?;
        let (place, handshake) = (self.place, Some(self.handshake));
        let pairing = tls::is_pairing(&connection);
        Ok(Proven { connection, peer, dialled: false, pairing, place, _handshake: handshake })
    }
}

impl Proven {
    /// The node at the other end.
    pub fn peer(&self) -> [u8; 32] {
        self.peer
    }

    /// Gives a judged peer the windows of a link.
    pub(crate) fn widen(&self) {
        self.connection.set_receive_window(VarInt::from_u32(LINK_WINDOW));
    }
}

/// A port that only dials, and only to pair.
pub(crate) fn for_pairing(
    key: &SigningKey,
    from: SocketAddr,
) -> Result<quinn::Endpoint, LinkError> {
    let (_, mut client) = tls::configs(key)?;
    client.alpn_protocols = vec![tls::PAIRING_ALPN.to_vec()];
    let mut port = quinn::Endpoint::client(from)
        .map_err(|cause| LinkError::Listen { address: from, cause })?;
    port.set_default_client_config(dialling(client)?);
    Ok(port)
}

fn answering(server: rustls::ServerConfig) -> Result<quinn::ServerConfig, LinkError> {
    let server =
        QuicServerConfig::try_from(server).map_err(|error| LinkError::Tls(error.to_string()))?;
    let mut server = quinn::ServerConfig::with_crypto(Arc::new(server));
    server
        .transport_config(Arc::new(transport()))
        .migration(false)
        .max_incoming(MAX_HANDSHAKES)
        .incoming_buffer_size(16 * 1024)
        .incoming_buffer_size_total(1024 * 1024);
    Ok(server)
}

fn dialling(client: rustls::ClientConfig) -> Result<quinn::ClientConfig, LinkError> {
    let client =
        QuicClientConfig::try_from(client).map_err(|error| LinkError::Tls(error.to_string()))?;
    let mut client = quinn::ClientConfig::new(Arc::new(client));
    let mut transport = transport();
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    client.transport_config(Arc::new(transport));
    Ok(client)
}

async fn shaken(connecting: quinn::Connecting) -> Result<quinn::Connection, LinkEnd> {
    match tokio::time::timeout(HANDSHAKE, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(LinkEnd::from(&error)),
        Err(_) => Err(LinkEnd::Lost),
    }
}

fn transport() -> quinn::TransportConfig {
    let mut transport = quinn::TransportConfig::default();
    let idle = u32::try_from(IDLE.as_millis()).unwrap_or(u32::MAX);
    transport
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle))))
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(STRANGER_WINDOW))
        .send_window(1024 * 1024);
    transport
}
