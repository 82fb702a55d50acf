//! The rules, held to the laws of the ledger, of time and of identity.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(clippy::wildcard_enum_match_arm, reason = "tests pick what they are about")]

mod authority;
mod base;
mod bytes;
mod chance;
mod conflict;
mod convergence;
mod history;
mod hostile;
mod life;
mod mirror;
mod sample;
mod time;
mod world;
