//! Days that a site has lived before the scenario begins.
//!
//! In the morning every machine is switched on, patrons come for a few minutes, and in the evening
//! everything is switched off; over the night, time skips. So the ledger has what a ledger has after
//! so many days: openings and closings, a boot of every machine a day, and checkpoints.

use rand::RngExt;

use super::world::World;
use crate::event::{HostId, Stop};

/// How long a day lasts from morning to morning.
const DAY_MS: u64 = 24 * 3_600_000;
/// How long the doors are open: long enough for everything that happens in a day to happen once.
const OPEN_MS: u64 = 12 * 60_000;
/// What it takes to come up and find each other, and to leave.
const TURN_MS: u64 = 60_000;
/// Patrons a day.
const VISITS: u16 = 10;
/// The longest visit, in minutes.
const LONGEST: u16 = 5;

impl World {
    /// Lets so many days pass.
    pub(super) fn live_through(&mut self, days: u16) {
        let hosts: Vec<HostId> = self.stage.hosts.iter().map(|home| home.id).collect();
        for _ in 0..days {
            let morning = self.now();
            self.people.gone_home = false;
            for _ in 0..VISITS {
                let wait = self.rng.random_range(0..OPEN_MS / 2);
                let minutes = self.rng.random_range(1..=LONGEST);
                self.patron_comes_in(minutes, wait);
            }
            self.pass(OPEN_MS);
            self.everybody_leaves();
            self.pass(TURN_MS);
            for host in &hosts {
                self.stop(*host, Stop::Rebooted);
            }
            let closed = self.now();
            self.pass(DAY_MS.saturating_sub(closed - morning));
            self.asleep_ms += self.now() - closed;
            for host in &hosts {
                self.start_in(*host, 0);
            }
            self.pass(TURN_MS);
        }
        self.people.gone_home = false;
        self.begins_at = self.now();
        self.judge.record.tell_from(self.begins_at);
        self.judge.record.promise(&self.scenario);
    }
}
