//! What goes in and what comes out.

use std::net::SocketAddr;

/// What a node says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The site that it belongs to.
    pub site: [u8; 32],
    /// Its id, a public key.
    pub node: [u8; 32],
    /// Its kind.
    pub kind: Kind,
    /// The highest version of the link protocol that it speaks.
    pub version: u16,
    /// The UDP port of its links.
    pub port: u16,
}

/// A node's kind, as it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A node with a console.
    Admin,
    /// A node on a public computer.
    Kiosk,
}

/// Where to announce and to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interfaces {
    /// 127.0.0.0/8 only.
    Loopback,
    /// Exactly the interfaces of these names, now or whenever they come up.
    Named(Vec<String>),
}

/// Something that may help to find a node. Nothing in it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A node of our site was announced, or what was announced of it has changed.
    Seen {
        /// Its id as announced.
        node: [u8; 32],
        /// Its site as announced; always ours.
        site: [u8; 32],
        /// Its kind as announced.
        kind: Kind,
        /// Its protocol version as announced.
        version: u16,
        /// Where to dial it, sorted; never empty.
        addresses: Vec<SocketAddr>,
    },
    /// A node took its leave, or was not heard of for long. It may live all the same.
    Gone {
        /// Its id as announced.
        node: [u8; 32],
    },
    /// An address from the static list; sent once, at the start.
    Static {
        /// Where to dial.
        address: SocketAddr,
    },
}
