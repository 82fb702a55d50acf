//! Site time: what the admin nodes say, carried on this node's boot clock.
//!
//! Each admin node's clock is one word, and of several the one in the middle is believed (of two the
//! earlier), so that all nodes that heard the same believe the same, and one clock that is wrong does
//! not carry the others away. A kiosk's own clock never has a word. Without any word a node shows its
//! own time, marked as untrusted. Time is never earlier than the latest that an admin node is known to
//! have signed.

use std::collections::BTreeMap;

use domain::authority::NodeKind;
use domain::id::NodeId;
use domain::moment::Moment;
use domain::planted::{self, Bug};

/// 2025-01-01 and 2095-01-01, in ms since 1970: a clock outside of these is wrong.
const POSSIBLE: std::ops::Range<i64> = 1_735_689_600_000..3_944_678_400_000;
/// Other admin nodes whose word is kept.
const MOST_WORDS: usize = 64;

/// Whether a wall clock can be right.
pub fn is_possible(wall_ms: i64) -> bool {
    POSSIBLE.contains(&wall_ms)
}

/// See the module.
#[derive(Debug, Clone)]
pub struct SiteTime {
    kind: NodeKind,
    /// Wall time minus boot time, by the latest word of each other admin node.
    words: BTreeMap<NodeId, i64>,
    /// The latest time that an admin node signed.
    signed: i64,
}

impl SiteTime {
    /// For a node of this kind, of whose site nothing was heard yet.
    pub fn new(kind: NodeKind) -> Self {
        SiteTime { kind, words: BTreeMap::new(), signed: i64::MIN }
    }

    /// Takes the word of an admin node, heard over its link at `raw`.
    pub fn hear(&mut self, admin: NodeId, wall_ms: i64, raw: Moment) {
        if is_possible(wall_ms)
            && (self.words.len() < MOST_WORDS || self.words.contains_key(&admin))
        {
            self.words.insert(admin, wall_ms.saturating_sub(boot(raw)));
        }
    }

    /// Forgets the word of a node that no longer belongs.
    pub fn forget(&mut self, admin: &NodeId) {
        self.words.remove(admin);
    }

    /// Takes the time hint of an admin node's entry.
    pub fn hear_signed(&mut self, wall_ms: i64) {
        if is_possible(wall_ms) {
            self.signed = self.signed.max(wall_ms);
        }
    }

    /// Whether an admin node is known to have signed something later than this.
    pub fn is_signed_later(&self, wall_ms: i64) -> bool {
        self.signed > wall_ms
    }

    /// This node's own word, if it is one that has a say and a clock that can be right.
    pub fn own_word(&self, wall_ms: i64) -> Option<i64> {
        (self.kind == NodeKind::Admin && is_possible(wall_ms)).then_some(wall_ms)
    }

    /// This machine's moment as the site sees it.
    pub fn moment(&self, raw: Moment) -> Moment {
        let own = self.own_word(raw.wall_ms).map(|wall_ms| wall_ms.saturating_sub(boot(raw)));
        let mut words: Vec<i64> = self.words.values().copied().chain(own).collect();
        words.sort_unstable();
        let middle = words.get(words.len().saturating_sub(1) / 2);
        let wall_ms = middle.map_or(raw.wall_ms, |word| word.saturating_add(boot(raw)));
        let wall_ms = match self.kind {
            NodeKind::Kiosk if middle.is_some() && planted::is(Bug::HintIsTime) => self.signed,
            NodeKind::Kiosk | NodeKind::Admin => wall_ms.max(self.signed),
        };
        let ahead = u64::try_from(raw.wall_ms.saturating_sub(wall_ms)).unwrap_or(0);
        let measured = self.kind == NodeKind::Kiosk && ahead > 5_000;
        let ahead = if measured && planted::is(Bug::WallClockMeasures) { ahead } else { 0 };
        let boot_ms = raw.boot_ms.saturating_add(ahead);
        Moment { boot_ms, wall_ms, trusted: middle.is_some() }
    }
}

fn boot(raw: Moment) -> i64 {
    i64::try_from(raw.boot_ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_000_000_000;
    const YEAR: i64 = 365 * 24 * 3_600_000;

    fn raw(boot_ms: u64, wall_ms: i64) -> Moment {
        Moment { boot_ms, wall_ms, trusted: false }
    }

    fn admin(number: u8) -> NodeId {
        NodeId([number; 32])
    }

    #[test]
    fn a_kiosk_shows_its_own_clock_and_does_not_trust_it() {
        let time = SiteTime::new(NodeKind::Kiosk);
        let moment = time.moment(raw(5, NOON));
        assert_eq!((moment.wall_ms, moment.trusted), (NOON, false));
    }

    #[test]
    fn an_admin_nodes_word_is_carried_on_the_boot_clock_whatever_the_wall_clock_does() {
        let mut time = SiteTime::new(NodeKind::Kiosk);
        time.hear(admin(1), NOON, raw(1_000, 0));
        for wall_ms in [0, NOON - YEAR, NOON + YEAR, i64::MAX, i64::MIN] {
            let moment = time.moment(raw(61_000, wall_ms));
            assert_eq!((moment.wall_ms, moment.trusted), (NOON + 60_000, true));
        }
    }

    #[test]
    fn of_three_words_the_one_in_the_middle_counts_and_of_two_the_earlier() {
        let mut time = SiteTime::new(NodeKind::Kiosk);
        time.hear(admin(1), NOON + YEAR, raw(0, 0));
        time.hear(admin(2), NOON, raw(0, 0));
        assert_eq!(time.moment(raw(0, 0)).wall_ms, NOON);
        time.hear(admin(3), NOON + 1_000, raw(0, 0));
        assert_eq!(time.moment(raw(0, 0)).wall_ms, NOON + 1_000);
        time.forget(&admin(2));
        time.forget(&admin(3));
        assert_eq!(time.moment(raw(0, 0)).wall_ms, NOON + YEAR);
    }

    #[test]
    fn an_admin_node_with_a_wrong_clock_is_outvoted_by_the_others() {
        let mut time = SiteTime::new(NodeKind::Admin);
        let wrong = raw(0, NOON + YEAR);
        assert_eq!(time.moment(wrong).wall_ms, NOON + YEAR, "it has nobody to ask");
        time.hear(admin(1), NOON, wrong);
        time.hear(admin(2), NOON + 10, wrong);
        assert_eq!(time.moment(wrong).wall_ms, NOON + 10);
        let lost = time.moment(raw(0, 0));
        assert_eq!((lost.wall_ms, lost.trusted), (NOON, true));
    }

    #[test]
    fn time_is_never_earlier_than_what_an_admin_node_signed() {
        for kind in [NodeKind::Kiosk, NodeKind::Admin] {
            let mut time = SiteTime::new(kind);
            time.hear_signed(NOON);
            time.hear_signed(0);
            time.hear_signed(i64::MAX);
            assert_eq!(time.moment(raw(0, NOON - YEAR)).wall_ms, NOON);
            time.hear(admin(1), NOON - YEAR, raw(0, 0));
            assert_eq!(time.moment(raw(0, NOON - YEAR)).wall_ms, NOON);
        }
    }

    #[test]
    fn a_word_that_cannot_be_is_not_heard() {
        let mut time = SiteTime::new(NodeKind::Kiosk);
        for wall_ms in [0, -1, i64::MIN, i64::MAX] {
            time.hear(admin(1), wall_ms, raw(9, 0));
        }
        assert!(!time.moment(raw(9, NOON)).trusted);
    }
}
