//! The world's record, and the hash over everything that happened in it.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::checker::Invariant;
use crate::cluster::Cluster;
use crate::event::{Event, HostId};
use crate::record::Record;

/// See the module.
pub(super) struct Judge {
    pub(super) record: Record,
    trace: Trace,
    sometimes: BTreeMap<&'static str, u64>,
    /// Who looks on: a person who replays a seed.
    pub(super) onlooker: Option<Onlooker>,
}

/// Is told every event with its true time.
pub(crate) type Onlooker = Box<dyn FnMut(u64, &Event)>;

/// A hash that grows with the run: equal for equal runs.
struct Trace(Sha256);

impl Write for Trace {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl Judge {
    pub(super) fn new(invariants: Vec<Box<dyn Invariant>>) -> Self {
        Judge {
            record: Record::new(invariants),
            trace: Trace(Sha256::new()),
            sometimes: BTreeMap::new(),
            onlooker: None,
        }
    }

    /// Something happened.
    pub(super) fn see(&mut self, at: u64, event: &Event, cluster: &dyn Cluster) {
        // Hashing text never fails.
        let written = writeln!(self.trace, "{at} {event:?}");
        debug_assert!(written.is_ok());
        if let Some(onlooker) = &mut self.onlooker {
            onlooker(self.record.told(at), event);
        }
        self.record.see(at, event, cluster);
    }

    /// A frame came out of a wire.
    pub(super) fn frame(&mut self, at: u64, from: HostId, to: HostId, frame: &[u8]) {
        self.trace.0.update(at.to_le_bytes());
        self.trace.0.update([from.0.to_le_bytes(), to.0.to_le_bytes()].concat());
        self.trace.0.update(frame);
    }

    /// A rare branch was taken.
    pub(super) fn sometimes(&mut self, branch: &'static str) {
        *self.sometimes.entry(branch).or_default() += 1;
    }

    /// The rare branches that the simulator itself saw.
    pub(super) fn branches(&self) -> impl Iterator<Item = (String, u64)> {
        self.sometimes.iter().map(|(name, count)| ((*name).to_owned(), *count))
    }

    /// The hash over everything so far.
    pub(super) fn trace(&self) -> String {
        let digest = self.trace.0.clone().finalize();
        digest.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}
