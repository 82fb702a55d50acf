//! The rules of lending computers to the public, and nothing else.
//!
//! This crate has no clock, no file, no thread and no randomness: `no_std` makes the compiler say so.
//! Whatever it needs of the outside world comes in as an argument: [`moment::Moment`] for time,
//! identifiers and keys already drawn by the caller.
//!
//! Three functions carry it: [`site::Site::decide`] turns a [`command::Command`] into facts or a
//! [`refusal::Refusal`]; [`site::Site::apply`] takes a [`fact::Fact`] in any order, any number of
//! times; [`site::Site::screen`] says what a kiosk must show. The state is a function of the *set* of
//! facts, and [`site::Site::fingerprint`] is its hash.

#![no_std]

extern crate alloc;

pub mod authority;
mod batch;
pub mod checkpoint;
pub mod code;
pub mod codec;
pub mod command;
pub mod decide;
pub mod fact;
pub mod floor;
pub mod id;
pub mod kiosk;
pub mod moment;
pub mod operator;
pub mod planted;
pub mod refusal;
pub mod replace;
pub mod screen;
pub mod session;
pub mod settings;
pub mod site;
#[cfg(feature = "chaos")]
pub mod stand_in;
