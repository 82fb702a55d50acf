//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// Longest wait: far beyond what anything takes, so that only what never comes fails.
const DEADLINE: Duration = Duration::from_secs(40);

/// Interval between two looks.
const LOOK: Duration = Duration::from_millis(30);

/// Looks until `probe` gives something, and gives that; says what it waited for in vain.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "in vain: {what}");
        std::thread::sleep(LOOK);
    }
}

/// Looks until `probe` is true.
#[track_caller]
pub(crate) fn until_true(what: &str, mut probe: impl FnMut() -> bool) {
    until(what, || probe().then_some(()));
}
