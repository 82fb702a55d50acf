//! What those who look and those who act tell the run.

use std::sync::Arc;
use std::time::Instant;

use crate::event::{Event, HostId};

use super::page::Screen;
use super::plan::Deed;
use super::sight::Sight;

/// News that may wait to be heard; who has more waits.
pub(super) const BACKLOG: usize = 256;

/// What threads tell the run.
pub(super) enum News {
    /// Something happened.
    Event(Event),
    /// A node was looked at; nobody answered.
    Sight(HostId, Option<Arc<Sight>>),
    /// A page was told something, or went away.
    Page(HostId, Instant, Option<Screen>),
    /// Somebody will do something so many milliseconds later.
    Later(u64, Deed),
}
