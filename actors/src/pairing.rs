//! Pairing: how a machine without a join token comes to a site.
//!
//! The machine dials an admin node under a protocol name of its own ([`crate::link::tls::PAIRING_ALPN`]).
//! TLS proves both node keys to each other, and says nothing of whose they are. So both screens show
//! the same six [`digits::Digits`], made of the site, both keys and a number drawn by each side, and
//! an operator who sees both compares them and confirms.
//!
//! Whoever sits in between holds two conversations under keys of its own and would have to make both
//! come to the same digits. It cannot search for such numbers: the machine commits to its own before
//! it hears the admin node's, and shows it only afterwards. One guess in a million is what is left,
//! and an admin node shows few digits in a while ([`waiting::MOST_SHOWN`]).
//!
//! ```text
//! machine                              admin node
//!    │ Commit   hash of nonce, request     │
//!    │────────────────────────────────────▶│
//!    │ Offer    nonce, site, admission     │
//!    │◀────────────────────────────────────│
//!    │ Reveal   nonce, request             │
//!    │────────────────────────────────────▶│  both show six digits
//!    │ Paired   kiosk   (or Ended, reason) │  an operator confirms
//!    │◀────────────────────────────────────│
//! ```

use std::time::Duration;

mod answer;
pub mod ask;
pub mod digits;
pub mod waiting;
pub mod words;

#[cfg(test)]
mod tests;

/// How long an operator may take.
pub const WAIT: Duration = Duration::from_secs(5 * 60);

/// How long one message may take.
pub const MESSAGE: Duration = Duration::from_secs(5);
