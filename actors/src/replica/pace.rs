//! How soon a checkpoint is due in a simulated world: an hour has too few entries for the real pace.

use std::cell::Cell;

thread_local! {
    static DUE_AFTER: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From now on nodes of this thread have a checkpoint due after so many entries, or at the real pace.
pub fn checkpoint_after_in_this_thread(entries: Option<u64>) {
    DUE_AFTER.set(entries);
}

pub(super) fn checkpoint_after() -> Option<u64> {
    DUE_AFTER.get()
}
