//! Time as it comes in: never read here, always an argument.

use serde::{Deserialize, Serialize};

/// One instant, on the two clocks that a machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Milliseconds since this machine booted, suspend included (`CLOCK_BOOTTIME`). Never jumps.
    pub boot_ms: u64,
    /// Milliseconds since 1970-01-01 UTC. May jump, may be wrong.
    pub wall_ms: i64,
    /// Whether `wall_ms` is the site's time (an admin node's word), not just this machine's belief.
    pub trusted: bool,
}

impl Moment {
    /// Milliseconds of boot time since `earlier`; 0 when `earlier` lies ahead.
    pub fn since(&self, earlier_boot_ms: u64) -> u64 {
        self.boot_ms.saturating_sub(earlier_boot_ms)
    }
}
