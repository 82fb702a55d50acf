//! Links, peers and the gateway over real UDP on loopback.
//!
//! Nodes of one process where that can be; ractor_cluster allows one node per process, so its
//! tests start this binary again as members.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails on whatever it does not expect"
)]

#[path = "links/hostile.rs"]
mod hostile;
#[path = "links/lanes.rs"]
mod lanes;
#[path = "links/member.rs"]
mod member;
#[path = "links/members.rs"]
mod members;
#[path = "links/pairs.rs"]
mod pairs;
#[path = "links/world.rs"]
mod world;
