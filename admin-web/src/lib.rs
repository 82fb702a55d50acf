//! The staff console: JSON API, live stream and page.
//!
//! [`console::Console`] serves it over TLS (plain HTTP on loopback only) and asks everything of the
//! node through [`desk::ConsoleDesk`]. Whatever comes in is hostile until `web.rs` has let it in:
//! the `Host` must be ours, a request that changes something must come from our own page or carry a
//! bearer token, bodies, connections, streams and tables are bounded. No rule of lending computers
//! is decided here: the domain refuses, this crate says so in two languages.

pub mod accept;
pub mod certificate;
pub mod console;
mod denied;
pub mod desk;
mod live;
mod login;
pub mod openapi;
pub mod origin;
mod page;
pub mod refusals;
mod reply;
pub mod request;
mod routes;
pub mod shapes;
pub mod view;
mod web;
