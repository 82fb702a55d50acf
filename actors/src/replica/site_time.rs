//! Site time: what the admin nodes say, carried on this node's boot clock.
//!
//! A kiosk's own wall clock never votes. Without an admin's word a kiosk shows its own time, marked
//! as untrusted, never earlier than the latest time that an admin node is known to have signed.

use domain::authority::NodeKind;
use domain::moment::Moment;

/// 2025-01-01 and 2095-01-01, in ms since 1970: a clock outside of these is wrong.
const POSSIBLE: std::ops::Range<i64> = 1_735_689_600_000..3_944_678_400_000;

/// Whether a wall clock can be right.
pub fn is_possible(wall_ms: i64) -> bool {
    POSSIBLE.contains(&wall_ms)
}

/// See the module.
#[derive(Debug, Clone)]
pub struct SiteTime {
    kind: NodeKind,
    /// Wall time minus boot time, by an admin node's word.
    offset: Option<i64>,
    /// The latest time that an admin node signed.
    signed: i64,
}

impl SiteTime {
    /// For a node of this kind, of whose site nothing was heard yet.
    pub fn new(kind: NodeKind) -> Self {
        SiteTime { kind, offset: None, signed: i64::MIN }
    }

    /// Takes an admin node's word, heard over its link at `raw`.
    pub fn hear(&mut self, wall_ms: i64, raw: Moment) {
        if self.kind == NodeKind::Kiosk && is_possible(wall_ms) {
            self.offset = i64::try_from(raw.boot_ms).ok().map(|boot| wall_ms.saturating_sub(boot));
        }
    }

    /// Takes the time hint of an admin node's entry.
    pub fn hear_signed(&mut self, wall_ms: i64) {
        if is_possible(wall_ms) {
            self.signed = self.signed.max(wall_ms);
        }
    }

    /// This machine's moment as the site sees it.
    pub fn moment(&self, raw: Moment) -> Moment {
        let boot = i64::try_from(raw.boot_ms).unwrap_or(i64::MAX);
        let (wall_ms, trusted) = match (self.kind, self.offset) {
            (NodeKind::Admin, _) => (raw.wall_ms, is_possible(raw.wall_ms)),
            (NodeKind::Kiosk, Some(offset)) => (offset.saturating_add(boot), true),
            (NodeKind::Kiosk, None) => (raw.wall_ms.max(self.signed), false),
        };
        Moment { boot_ms: raw.boot_ms, wall_ms, trusted }
    }
}
