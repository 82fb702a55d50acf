//! The console over real sockets on loopback, with a node in memory behind it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails by panicking"
)]

mod bounds;
mod browser;
mod commands;
mod desk;
mod entry;
mod live;
mod page;
mod pairing;
mod routes;
mod tls;
