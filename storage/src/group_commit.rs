//! Many waiters, one fsync.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::StoreError;

/// Who waits for which ticket, and whether someone is already syncing.
///
/// The first to arrive leads: it syncs for all that was staged up to then. Who arrives meanwhile
/// waits, and of those one leads the next round, so under load each fsync covers a whole crowd.
#[derive(Debug)]
pub(crate) struct GroupCommit {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    staged: u64,
    durable: u64,
    syncing: bool,
    broken: Option<String>,
}

impl GroupCommit {
    /// Starts where everything up to `ticket` is known to be on the disk.
    pub(crate) fn new(ticket: u64) -> Self {
        let state = State { staged: ticket, durable: ticket, syncing: false, broken: None };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The last ticket given out, or the reason why no more are.
    pub(crate) fn staged(&self) -> Result<u64, StoreError> {
        let state = self.lock();
        check_whole(&state)?;
        Ok(state.staged)
    }

    /// Notes that everything up to `ticket` is staged.
    pub(crate) fn note_staged(&self, ticket: u64) {
        let mut state = self.lock();
        state.staged = state.staged.max(ticket);
    }

    /// Lets nothing more through.
    pub(crate) fn note_broken(&self, why: &str) {
        self.lock().broken.get_or_insert_with(|| why.to_owned());
        self.changed.notify_all();
    }

    /// Waits until all that is staged now is durable; `sync` makes it so up to the ticket that it is
    /// given, and is run by one waiter.
    /// A sync that failed once is never tried again.
    pub(crate) fn wait(
        &self,
        sync: impl Fn(u64) -> Result<(), StoreError>,
    ) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let wanted = state.staged;
        loop {
            check_whole(&state)?;
            if state.durable >= wanted {
                return Ok(state.durable);
            }
            if state.syncing {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.syncing = true;
            let covered = state.staged;
            drop(state);
            let result = sync(covered);
            state = self.lock();
            state.syncing = false;
            match result {
                Ok(()) => state.durable = state.durable.max(covered),
                Err(error) => {
                    state.broken.get_or_insert_with(|| error.into_reason());
                }
            }
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_whole(state: &State) -> Result<(), StoreError> {
    match &state.broken {
        Some(why) => Err(StoreError::Broken { why: why.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
