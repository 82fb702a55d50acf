//! The invariants' common ground: each sees every event, and the whole cluster at the end of healing.
//! [`crate::record::Record`] is who shows them.

use crate::book::Book;
use crate::cluster::Cluster;
use crate::event::{Event, HostId};
use crate::scenario::Words;

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

/// What was seen that may not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Where, if it is about one host.
    pub host: Option<HostId>,
    /// In words, with the figures.
    pub what: String,
}

impl Broken {
    /// Something about one host.
    pub fn on(host: HostId, what: String) -> Self {
        Broken { host: Some(host), what }
    }

    /// Something about the whole site.
    pub fn anywhere(what: String) -> Self {
        Broken { host: None, what }
    }
}

/// What an invariant says when asked.
pub type Held = Result<(), Broken>;

/// What an invariant may look at.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// True time since the run began.
    pub at_ms: u64,
    /// What the run has shown so far, this event included.
    pub book: &'a Book,
    /// The nodes as they are now.
    pub cluster: &'a dyn Cluster,
}

impl Scene<'_> {
    /// Time since the scenario began, in milliseconds: its own steps count so.
    pub fn told_ms(&self) -> u64 {
        self.at_ms.saturating_sub(self.book.began_ms())
    }
}

/// Something that must hold in every run, whatever goes wrong; or, where a scenario promises something of
/// its own, in every run of that.
pub trait Invariant {
    /// Its number in the list.
    fn number(&self) -> u8;
    /// Its name in code and reports.
    fn name(&self) -> &'static str;
    /// What it protects a patron or an operator from; of a promise, what is promised.
    fn protects(&self) -> Words;
    /// Sees an event. Called for every one: cheap.
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held;
    /// Looks at everything once the cluster was healed and has had its time to converge.
    fn healed(&mut self, scene: Scene<'_>) -> Held;
    /// How often there was something to judge: 0 says nothing about whether it holds.
    fn judged(&self) -> u64;
    /// The worst figure seen, in its unit, for the report: an overrun, a time to converge.
    fn worst(&self) -> Option<(f64, &'static str)> {
        None
    }
}
