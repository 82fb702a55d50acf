//! A real site: faults that one of its admin nodes orders and its nodes bear, within limits.
//!
//! What is run here is the house. Nothing touches a clock, a disk, a key or the ledger: nodes refuse
//! links with one another for a while, or have their processes killed. The admin node that is asked
//! holds the limits and refuses what lies beyond them; each node ends each fault by its own clock.
//! A run that is interrupted, or whose controller dies, therefore strands nothing.
//!
//! What can be seen is what one admin node sees: its own ledger and its own links. An invariant that
//! would have to look at other nodes has nothing to judge here, and says so.

use std::path::PathBuf;

use crate::lab::control::Control;
use crate::scenario::Scenario;
use crate::target::{NotRun, Outcome, Progress, Target};

mod exercise;
mod order;
mod roll;

use exercise::Exercise;
use roll::Roll;

/// The target's name in reports.
const NAME: &str = "site";

/// The target.
#[derive(Debug)]
pub struct Site {
    data_dir: PathBuf,
}

impl Site {
    /// The site of the admin node that runs on this data folder.
    pub fn new(data_dir: PathBuf) -> Self {
        Self { data_dir }
    }
}

impl Target for Site {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Everything is checked before the first order: that nodes are there, that each fault can be
    /// borne and is short enough. The admin node checks each order again.
    fn run(
        &mut self,
        scenario: &Scenario,
        seed: u64,
        watch: &mut dyn FnMut(&Progress),
    ) -> Result<Outcome, NotRun> {
        let control = Control::new(&self.data_dir);
        let roll = Roll::call(&control, scenario)?;
        let scenario = roll.fit(scenario);
        let cast = scenario.cast(seed).map_err(|error| cannot(error.to_string()))?;
        let orders = order::orders(&scenario, &cast)?;
        Exercise::new(&scenario, seed, roll, control).carry_out(&orders, watch)
    }
}

fn cannot(what: String) -> NotRun {
    NotRun::Cannot { target: NAME, what }
}
