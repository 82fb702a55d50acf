//! The simulator: whole sites in one thread, with time that skips.
//!
//! A world drives one [`actors::replica::Replica`] for each process, the very machine that nodes
//! run, over simulated wires, disks and clocks, with people on top who issue codes, type them and
//! press power buttons. Everything that chance decides is drawn from one seeded generator, no clock
//! of this machine is read and no map of random order is walked: equal seeds give equal runs, which
//! the hash over the trace shows.
//!
//! What is simplified: a frame is lost or doubled whole, as a harsher network than QUIC's; changed
//! bits are lost frames, since QUIC finds them; handling a message takes no time; signatures are
//! stand-ins. Signatures, links and stores can each be the real ones ([`Sim::real`]): slower, and where
//! links are, no two runs are quite equal.

mod aftermath;
mod agenda;
mod clock;
mod desks;
mod dialling;
mod disk;
mod drawn;
mod founding;
mod history;
mod judge;
mod linking;
mod machine;
mod network;
pub mod night;
mod occasions;
mod opening;
mod pages;
mod patrons;
mod people;
mod quic;
mod sending;
pub mod shrink;
mod starting;
mod themes;
mod thieves;
mod upsets;
mod wired;
mod world;

use actors::replica::{ROUND_MS, pace};
use actors::signing::stand_ins;

use crate::checker::{Breach, Invariant};
use crate::event::Event;
use crate::invariants;
use crate::record::About;
use crate::scenario::{Scenario, Words};
use crate::target::{NotRun, Outcome, Progress, Target};
use agenda::Due;
use world::World;

/// Rounds of anti-entropy after healing within which all agree.
const ROUNDS: u32 = 10;
/// Machines that were down when everything was healed have so long to come up and link.
const COME_BACK_MS: u64 = 60_000;
/// Progress is told each so often.
const TELL_EVERY_MS: u64 = 60_000;

/// The figure that says how much was simulated.
const NODE_SECONDS: &str = "node-seconds";

/// The simulator as a target.
#[derive(Default)]
pub struct Sim {
    /// Whether signatures are real ones: about ten times slower.
    pub real_signatures: bool,
    /// Whether links are real ones: the nodes' own, over QUIC, on simulated paths. No two runs are
    /// quite equal then.
    pub real_links: bool,
    /// Whether every disk has a real store beside the simulated one, which must say the same.
    pub real_stores: bool,
    /// Stops at the first breach of this invariant.
    pub stop_at: Option<u8>,
    onlooker: Option<judge::Onlooker>,
}

impl Sim {
    /// Tells every event to `onlooker`, with its true time since the scenario began.
    #[must_use]
    pub fn watched(self, onlooker: impl FnMut(u64, &Event) + 'static) -> Self {
        Sim { onlooker: Some(Box::new(onlooker)), ..self }
    }

    /// One in which nothing is a stand-in that could be the real thing: signatures, links, stores.
    #[must_use]
    pub fn real() -> Self {
        Sim { real_signatures: true, real_links: true, real_stores: true, ..Sim::default() }
    }

    /// Runs a scenario under invariants of the caller's choice.
    ///
    /// # Errors
    /// A scenario that names hosts which its site does not have.
    pub fn run_under(
        &mut self,
        scenario: &Scenario,
        seed: u64,
        invariants: Vec<Box<dyn Invariant>>,
        watch: &mut dyn FnMut(&Progress),
    ) -> Result<Outcome, NotRun> {
        let stop_at = self.stop_at;
        let enough = |breaches: &[Breach]| {
            stop_at.is_some_and(|number| breaches.iter().any(|breach| breach.number == number))
        };
        let world = self.play(scenario, seed, invariants, enough, watch)?;
        Ok(world.conclude(scenario, seed))
    }

    /// Runs a scenario until anything is broken, and says what; healing shows what it has to show only
    /// where nothing was broken before.
    ///
    /// # Errors
    /// A scenario that names hosts which its site does not have.
    pub fn first_breach(
        &mut self,
        scenario: &Scenario,
        seed: u64,
        invariants: Vec<Box<dyn Invariant>>,
    ) -> Result<Option<Breach>, NotRun> {
        let any = |breaches: &[Breach]| !breaches.is_empty();
        let mut world = self.play(scenario, seed, invariants, any, &mut |_| {})?;
        if world.judge.record.breaches().is_empty() {
            let at = world.now();
            world.judge.record.healed(at, &world.stage);
        }
        Ok(world.judge.record.breaches().first().cloned())
    }

    /// Lets a world pass, healing included, or until what was broken is enough.
    fn play(
        &mut self,
        scenario: &Scenario,
        seed: u64,
        invariants: Vec<Box<dyn Invariant>>,
        is_enough: impl Fn(&[Breach]) -> bool,
        watch: &mut dyn FnMut(&Progress),
    ) -> Result<World, NotRun> {
        let cast = scenario.cast(seed).map_err(|error| NotRun::Broken(error.to_string()))?;
        stand_ins::use_in_this_thread(!self.real_signatures);
        pace::checkpoint_after_in_this_thread(scenario.site.checkpoint_after);
        let mut world = World::new(scenario.clone(), cast, seed, invariants);
        if self.real_links {
            let opened = world.use_real_links(seed);
            opened.map_err(|error| NotRun::Broken(error.to_string()))?;
        }
        if self.real_stores {
            world.use_real_stores();
        }
        world.found();
        world.live_through(scenario.site.history_days);
        world.judge.onlooker = self.onlooker.take();
        world.plan();
        let ends_at = world.begins_at + scenario.lasts_s * 1_000;
        let rounds = scenario.hold.rounds.unwrap_or(ROUNDS);
        let of_ms = ends_at + COME_BACK_MS + u64::from(rounds) * ROUND_MS;
        let enough = |world: &World| is_enough(world.judge.record.breaches());
        while world.now() < ends_at && !enough(&world) {
            let what = Words::new("pannes et public", "faults and load");
            watch(&Progress {
                at_ms: world.now() - world.begins_at,
                of_ms: of_ms - world.begins_at,
                what,
            });
            let until = (world.now() + TELL_EVERY_MS).min(ends_at);
            world.run_until(until, enough);
        }
        world.heal();
        while world.now() < of_ms && !enough(&world) {
            let what = Words::new("rétablissement", "healing");
            watch(&Progress {
                at_ms: world.now() - world.begins_at,
                of_ms: of_ms - world.begins_at,
                what,
            });
            // Somebody may have come back to a session that went on by itself.
            world.everybody_leaves();
            let until = (world.now() + ROUND_MS).min(of_ms);
            world.run_until(until, enough);
        }
        self.onlooker = world.judge.onlooker.take();
        Ok(world)
    }
}

impl Target for Sim {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn run(
        &mut self,
        scenario: &Scenario,
        seed: u64,
        watch: &mut dyn FnMut(&Progress),
    ) -> Result<Outcome, NotRun> {
        self.run_under(scenario, seed, invariants::all(&scenario.hold), watch)
    }
}

impl World {
    /// Notes everything that the scenario wants.
    fn plan(&mut self) {
        for (step, planned) in self.scenario.fault.iter().enumerate() {
            let at = self.begins_at + upsets::milliseconds(planned.at_s);
            self.agenda.note(at, Due::Upset { step });
        }
        self.plan_copies();
        self.plan_loads();
    }

    fn conclude(mut self, scenario: &Scenario, seed: u64) -> Outcome {
        let at = self.now();
        self.judge.record.healed(at, &self.stage);
        let title = (scenario.title.fr.clone(), scenario.title.en.clone());
        let version = String::from(env!("CARGO_PKG_VERSION"));
        let versions = vec![(String::from("poste-chaos"), version)];
        let about = About { title, target: "sim", seed, versions };
        let trace = self.judge.trace();
        let aftermath = self.aftermath().into_iter().map(|(name, times)| (name.to_owned(), times));
        let branches: Vec<_> = self.judge.branches().chain(aftermath).collect();
        let nodes = self.stage.hosts.len();
        let mut outcome = self.judge.record.outcome(about, at, &self.stage);
        // What TLS draws is in no trace that another run could equal.
        outcome.trace = self.quic.is_none().then_some(trace);
        outcome.sometimes.extend(branches);
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let figures = [
            ("nodes", nodes as f64, ""),
            ("processes", self.processes as f64, ""),
            ("frames", self.frames as f64, ""),
            (NODE_SECONDS, nodes as f64 * (at - self.asleep_ms) as f64 / 1_000.0, "s"),
        ];
        for (name, figure, unit) in figures {
            outcome.figures.push((name.to_owned(), figure, unit.to_owned()));
        }
        outcome
    }
}
