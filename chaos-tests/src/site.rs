//! A real site: faults that one of its admin nodes orders and its nodes bear, within limits.
//!
//! What is run here is the house. Nothing touches a clock, a disk, a key or the ledger: nodes refuse
//! links with one another for a while, or have their processes killed. The admin node that is asked
//! holds the limits and refuses what lies beyond them; each node ends each fault by its own clock.
//! A run that is interrupted, or whose controller dies, therefore strands nothing.
//!
//! What can be seen is what one admin node sees: its own ledger and its own links. An invariant that
//! would have to look at other nodes has nothing to judge here, and says so.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::lab::control::Control;
use crate::scenario::{Scenario, Words};
use crate::target::{NotRun, Outcome, Progress, Target};

mod answer;
mod exercise;
mod order;
mod roll;

use exercise::Exercise;
use order::Order;
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

    /// Everything is checked before the first order: that nodes are there and obey, that each fault can be
    /// borne, is short enough and within the limits at this moment. The admin node checks each order again.
    fn run(
        &mut self,
        scenario: &Scenario,
        seed: u64,
        watch: &mut dyn FnMut(&Progress),
    ) -> Result<Outcome, NotRun> {
        let (scenario, roll, orders) = self.prepare(scenario, seed)?;
        Exercise::new(&scenario, seed, roll, self.control()).carry_out(&orders, watch)
    }
}

impl Site {
    /// What [`Target::run`] would do, in lines for people: who plays whom, and which order comes when.
    /// Nothing is ordered.
    ///
    /// # Errors
    /// Why it would not be run at this moment.
    pub fn rehearse(&self, scenario: &Scenario, seed: u64) -> Result<Vec<Words>, NotRun> {
        let (scenario, roll, orders) = self.prepare(scenario, seed)?;
        let names = roll.names(&scenario.site);
        let cast = names.iter().map(|name| Words::same(name.as_str()));
        Ok(cast.chain(orders.iter().map(|order| order.words(&names))).collect())
    }

    fn control(&self) -> Control {
        Control::new(&self.data_dir)
    }

    fn prepare(
        &self,
        scenario: &Scenario,
        seed: u64,
    ) -> Result<(Scenario, Roll, Vec<Order>), NotRun> {
        let control = self.control();
        let roll = Roll::call(&control, scenario)?;
        let scenario = roll.fit(scenario);
        let orders = orders(&scenario, seed)?;
        let mut checked = BTreeSet::new();
        // Each must find somebody who obeys; the limits hold for all that is in force with it.
        let together = orders.iter().map(|order| order.with_what_lasts(&orders));
        for order in orders.iter().cloned().chain(together) {
            if checked.insert((order.hosts.clone(), order.for_s)) {
                roll.check(&control, &order, &scenario.limits)?;
            }
        }
        Ok((scenario, roll, orders))
    }
}

/// Why no real site could carry a scenario out, whatever nodes it has; `None` where one could.
pub fn why_not(scenario: &Scenario) -> Option<Words> {
    orders(scenario, 0).err().map(|why| why.words())
}

fn orders(scenario: &Scenario, seed: u64) -> Result<Vec<Order>, NotRun> {
    let cast = scenario.cast(seed).map_err(|error| cannot(error.words()))?;
    order::orders(scenario, &cast)
}

fn cannot(what: Words) -> NotRun {
    NotRun::Cannot { target: NAME, what }
}
