//! The invariants' common ground: each sees every event, and the whole cluster at the end of healing.

use crate::cluster::Cluster;
use crate::event::{Event, HostId};

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invariant {number} ({name}) at {at_ms} ms: {what}")]
pub struct Breach {
    /// Its number.
    pub number: u8,
    /// Its name.
    pub name: &'static str,
    /// True time since the run began.
    pub at_ms: u64,
    /// Where, if it is about one host.
    pub host: Option<HostId>,
    /// What was seen, with the figures.
    pub what: String,
}

/// What an invariant says when asked.
pub type Held = Result<(), String>;

/// Something that must hold in every run, whatever goes wrong.
pub trait Invariant {
    /// Its number in the list.
    fn number(&self) -> u8;
    /// Its name in code and reports.
    fn name(&self) -> &'static str;
    /// What it protects a patron or an operator from, in French and in English.
    fn protects(&self) -> (&'static str, &'static str);
    /// Sees an event at a true time. Called for every event: cheap.
    fn see(&mut self, at_ms: u64, event: &Event, cluster: &dyn Cluster) -> Held;
    /// Looks at everything once the cluster was healed and has had its time to converge.
    fn healed(&mut self, at_ms: u64, cluster: &dyn Cluster) -> Held;
    /// The worst figure seen, in its unit, for the report: an overrun, a time to converge.
    fn worst(&self) -> Option<(f64, &'static str)> {
        None
    }
}
