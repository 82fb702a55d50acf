//! Hints of which nodes are near, over mDNS.
//!
//! Each node announces itself as an instance of the service `_poste._udp.local.` and browses for
//! the others; [`Discovery::start`](node_discovery::Discovery::start) does both and hands out
//! [`Hint`]s over a bounded channel. Networks that block multicast give a static list
//! of addresses, which comes out as hints of its own.
//!
//! **A hint is never trusted.** Anyone on the network can announce anything: who is really at an
//! address is proven by the link's handshake, and whether it still lives is the link's to say (mDNS
//! lists a killed node for a minute and a half). A hint that is wrong costs one failed dial.
//!
//! # What is announced
//! | Part | Content |
//! |---|---|
//! | instance name | the first 32 hex digits of the node's id |
//! | host name | the same, under `.local.` |
//! | port | the UDP port of the node's links |
//! | TXT `s` | site id, 64 hex digits |
//! | TXT `n` | node id, 64 hex digits |
//! | TXT `k` | `admin` or `kiosk` |
//! | TXT `v` | protocol version, decimal |
//!
//! Unknown TXT keys are ignored, so that later releases can add some.
//!
//! # Where it speaks
//! Only on the interfaces that it was [given](hint::Interfaces): on a fresh configuration that is
//! loopback alone.
//!
//! # What it survives
//! Garbage, missing keys, its own echo, nodes of other sites (counted, not passed on), more names
//! than any site has (the table is bounded), repeated and partial answers (merged), two names for
//! one node, a lagging reader, and the end of the mDNS daemon (begun anew).

pub mod error;
pub mod hint;
pub mod node_discovery;

mod announcement;
mod daemon;
mod neighbours;

pub use error::DiscoveryError;
pub use hint::{Announcement, Hint, Interfaces, Kind};
pub use node_discovery::Discovery;
