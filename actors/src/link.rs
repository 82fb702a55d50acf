//! Links: the only way by which bytes travel between two nodes.
//!
//! A link is one QUIC connection, both of its ends proven by node keys ([`tls`]). What travels
//! on it before both sides have judged each other is one [`hello`] a side, nothing else. Then
//! each kind of traffic has a stream of its own, a [`lane`], so that a slow reader of one never
//! holds up another; every queue on the way is bounded ([`outbound`], [`intake`]).
//!
//! A link promises order within a lane and nothing more: a frame may be lost with its link, or
//! dropped when a queue is full. Repair is the business of whoever speaks over it.

use std::net::SocketAddr;

pub mod close;
pub mod endpoint;
pub mod frame;
pub mod gate;
pub mod handshake;
pub mod hello;
pub mod intake;
pub mod lane;
pub mod outbound;
mod reset;
pub mod session;
mod socket;
pub mod tls;

/// Why the link floor could not start. Ends of single links are [`close::LinkEnd`]s.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Another program (or another node) already listens there.
    #[error("UDP port {} is already in use on {} (is another node running?)", .0.port(), .0.ip())]
    PortInUse(SocketAddr),
    /// The address cannot be listened on, for another reason.
    #[error("cannot listen on UDP {address}: {cause}")]
    Listen {
        /// What the configuration asked for.
        address: SocketAddr,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// The node key cannot serve TLS.
    #[error("cannot set up TLS with this node's key: {0}")]
    Tls(String),
}
