//! The site's settings, replaced as a whole.

use alloc::vec::Vec;
use core::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// What a kiosk does once it has had no link for [`ALONE_AFTER_MS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IsolationPolicy {
    /// Finishes the running session, and opens known codes up to the allowance.
    AcceptKnown,
    /// Finishes the running session and opens nothing.
    Finish,
    /// Ends the running session after its grace period, and locks.
    Lock,
}

/// A kiosk is alone when it has had no link for this long, in milliseconds (ARCHITECTURE.md).
pub const ALONE_AFTER_MS: u64 = 30_000;

/// The settings of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What an isolated kiosk does.
    pub isolation: IsolationPolicy,
    /// Seconds that one session may use on one kiosk that is alone.
    pub allowance_s: u32,
    /// Minutes left at which the patron is warned, from most to least.
    pub warnings_min: Vec<u8>,
    /// Seconds left to save one's work when a session ends other than by its time.
    pub grace_s: u16,
    /// Seconds that the console proposes for a new code.
    pub default_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            isolation: IsolationPolicy::AcceptKnown,
            allowance_s: 30 * 60,
            warnings_min: Vec::from([10, 5, 2, 1]),
            grace_s: 30,
            default_seconds: 3600,
        }
    }
}

impl Settings {
    /// Whether every figure is one that a site could want.
    pub fn check(&self) -> Result<(), Refusal> {
        let sane = self.allowance_s <= 12 * 3600
            && self.grace_s <= 600
            && (60..=12 * 3600).contains(&self.default_seconds)
            && self.warnings_min.len() <= 8
            && self.warnings_min.windows(2).all(|pair| pair[0] > pair[1])
            && !self.warnings_min.contains(&0);
        if sane { Ok(()) } else { Err(Refusal::OutOfBounds) }
    }

    /// Strictness, for a conflict between two settings: the greater wins.
    pub fn strictness(&self) -> (IsolationPolicy, Reverse<u32>) {
        (self.isolation, Reverse(self.allowance_s))
    }
}
