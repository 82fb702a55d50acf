//! Who plays what: the hosts that a scenario's words came to mean in one run.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::event::HostId;
use crate::fault::{Fault, Hosts};
use crate::scenario::{Load, NoSuchHost, Scenario};

/// The hosts of every step, drawn before anything runs, so that what a target draws besides changes
/// none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cast {
    /// For each fault of the scenario, in its order.
    pub faults: Vec<Vec<HostId>>,
    /// For each fault, the admin host where it is done: revocations alone have one.
    pub done_on: Vec<Option<HostId>>,
    /// For each load, in its order; empty where a load names nobody.
    pub loads: Vec<Vec<HostId>>,
}

impl Scenario {
    /// Casts the scenario: equal for equal seeds, on every target.
    ///
    /// # Errors
    /// A word that means no host of this site; a [checked](Scenario::check) scenario has none.
    pub fn cast(&self, seed: u64) -> Result<Cast, NoSuchHost> {
        let mut draw = StdRng::seed_from_u64(seed);
        let mut mean = |hosts: &Hosts| hosts.mean(&self.site, &mut draw);
        let mut cast = Cast { faults: Vec::new(), done_on: Vec::new(), loads: Vec::new() };
        for step in &self.fault {
            cast.faults.push(mean(step.fault.hosts())?);
            cast.done_on.push(match step.fault.done_on() {
                Some(on) => mean(on)?.first().copied(),
                None => None,
            });
        }
        for load in &self.load {
            cast.loads.push(load.hosts().map_or(Ok(Vec::new()), &mut mean)?);
        }
        Ok(cast)
    }
}

impl Fault {
    /// Where it is done, if that is another place than where it is felt.
    pub fn done_on(&self) -> Option<&Hosts> {
        if let Fault::Revoke { on, .. } = self { Some(on) } else { None }
    }
}

impl Load {
    /// Whom it is about, where it names somebody.
    pub fn hosts(&self) -> Option<&Hosts> {
        match self {
            Load::SameCode { hosts, .. }
            | Load::RebootAbuse { hosts, .. }
            | Load::WrongCodes { hosts, .. } => Some(hosts),
            Load::Patrons { .. }
            | Load::Operators { .. }
            | Load::OpeningRush { .. }
            | Load::ClosingTime { .. }
            | Load::ExtendAgainstClose { .. }
            | Load::Batch { .. } => None,
        }
    }

    /// Seconds after the beginning at which it begins.
    pub fn begins_s(&self) -> u64 {
        match self {
            Load::Patrons { from_s, .. } | Load::Operators { from_s, .. } => *from_s,
            Load::SameCode { at_s, .. }
            | Load::OpeningRush { at_s, .. }
            | Load::ClosingTime { at_s }
            | Load::ExtendAgainstClose { at_s, .. }
            | Load::RebootAbuse { at_s, .. }
            | Load::Batch { at_s, .. }
            | Load::WrongCodes { at_s, .. } => *at_s,
        }
    }
}
