//! Nodes with which no link is made for a while: a cut that the site's staff ordered, to see how
//! the house bears it. Pure; time is an argument.
//!
//! Every cut has an end that nobody needs to be there for: an order that heals may come, or not.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Longest cut: an hour without whoever ordered it is what a house can bear.
pub const LONGEST_CUT: Duration = Duration::from_secs(3_600);

/// Nodes that can be avoided at once, as many as the dial book knows.
const MAX_AVOIDED: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Avoided {
    until: BTreeMap<[u8; 32], Instant>,
}

impl Avoided {
    /// Avoids these nodes and no others from now on, for so long.
    pub(super) fn set(&mut self, nodes: Vec<[u8; 32]>, length: Duration, now: Instant) {
        let end = now + length.min(LONGEST_CUT);
        self.until = nodes.into_iter().take(MAX_AVOIDED).map(|node| (node, end)).collect();
    }

    /// Whether this node is avoided still.
    pub(super) fn holds(&self, node: &[u8; 32], now: Instant) -> bool {
        self.until.get(node).is_some_and(|end| now < *end)
    }

    /// When the next node may be linked to again.
    pub(super) fn next_end(&self, now: Instant) -> Option<Instant> {
        self.until.values().filter(|end| now < **end).min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_ends_by_itself_within_the_hour() {
        let now = Instant::now();
        let mut avoided = Avoided::default();
        avoided.set(vec![[1; 32]], Duration::from_secs(10_000), now);
        let end = avoided.next_end(now).unwrap();
        assert_eq!(end - now, LONGEST_CUT);
        assert!(avoided.holds(&[1; 32], end - Duration::from_millis(1)));
        assert!(!avoided.holds(&[1; 32], end) && !avoided.holds(&[2; 32], now));
        assert_eq!(avoided.next_end(end), None);
    }

    #[test]
    fn a_new_cut_replaces_the_one_before() {
        let now = Instant::now();
        let mut avoided = Avoided::default();
        avoided.set(vec![[1; 32], [2; 32]], Duration::from_secs(60), now);
        avoided.set(vec![[2; 32], [3; 32]], Duration::from_secs(30), now);
        let held = [1, 2, 3].map(|node| avoided.holds(&[node; 32], now));
        assert_eq!(held, [false, true, true]);
        avoided.set(Vec::new(), Duration::ZERO, now);
        assert_eq!(avoided.next_end(now), None);
    }
}
