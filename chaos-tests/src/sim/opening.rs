//! A site is founded: its admin nodes, its token, its kiosks, and their names.

use std::rc::Rc;

use domain::command::Command;
use domain::fact::Scope;
use domain::settings::{IsolationPolicy, Settings};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::agenda::{Agenda, Due};
use super::clock::{MachineClock, TrueTime};
use super::disk::Disk;
use super::founding::{Founding, ROOM, kiosk_of};
use super::judge::Judge;
use super::machine::{Host, Stage};
use super::network::Network;
use super::people::{Errand, People};
use super::upsets::Upsets;
use super::world::World;
use crate::checker::Invariant;
use crate::event::HostId;
use crate::scenario::{Cast, Policy, Scenario};

/// A site stands so long after its first node started, before anything goes wrong.
const FOUNDED_MS: u64 = 20_000;
/// The token outlives every run.
const TOKEN_MS: i64 = 300 * 24 * 3_600_000;

impl World {
    /// A world in which nothing has happened yet.
    pub(super) fn new(
        scenario: Scenario,
        cast: Cast,
        seed: u64,
        invariants: Vec<Box<dyn Invariant>>,
    ) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let founding = Founding::new(&mut rng);
        let time = TrueTime::default();
        let hosts = scenario.site.hosts().map(|id| {
            let identity = if scenario.site.is_kiosk(id) {
                founding.kiosk(id, scenario.site.is_amnesic(id), &mut rng)
            } else {
                founding.admin(id, &mut rng)
            };
            Host {
                id,
                name: scenario.site.name(id),
                identity,
                clock: Rc::new(MachineClock::new(time.clone())),
                disk: Disk::default(),
                process: None,
                held_down: 0,
                boots: true,
                frozen: 0,
                hostile: false,
                later_release: false,
                barrier_ms: 0,
                damaged: false,
                restored: false,
            }
        });
        let stage = Stage { hosts: hosts.collect() };
        World {
            time,
            agenda: Agenda::default(),
            rng,
            stage,
            net: Network::default(),
            quic: None,
            judge: Judge::new(invariants),
            founding,
            people: People::default(),
            upsets: Upsets::default(),
            thieves: std::collections::BTreeMap::new(),
            scenario,
            cast,
            begins_at: 0,
            asleep_ms: 0,
            processes: 0,
            frames: 0,
        }
    }

    /// From now on every disk has a real store beside it.
    pub(super) fn use_real_stores(&mut self) {
        for home in &mut self.stage.hosts {
            home.disk = Disk::with_twin();
        }
    }

    /// Founds the site, and lets everybody join it.
    pub(super) fn found(&mut self) {
        self.agenda.note(0, Due::Weigh);
        for admin in self.admin_hosts() {
            self.start_in(admin, 0);
        }
        self.pass(3_000);
        let desk = HostId(0);
        let name = String::from("Salle multimédia");
        self.order(desk, Command::NameRoom { room: ROOM, name, order: 1 }, Errand::Plain);
        let expires_ms = self.time.wall_ms() + TOKEN_MS;
        let (token, scope) = (self.founding.token(), Scope::Room(ROOM));
        self.order(desk, Command::IssueToken { token, scope, expires_ms }, Errand::Plain);
        let isolation = match self.scenario.site.policy {
            Policy::Finish => IsolationPolicy::Finish,
            Policy::Codes => IsolationPolicy::AcceptKnown,
            Policy::Lock => IsolationPolicy::Lock,
        };
        let mut settings = Settings { isolation, ..Settings::default() };
        if let Some(minutes) = self.scenario.site.allowance_min {
            settings.allowance_s = u32::from(minutes) * 60;
        }
        self.order(desk, Command::ChangeSettings { settings }, Errand::Plain);
        let kiosks: Vec<HostId> = self.scenario.site.kiosk_hosts().collect();
        for kiosk in &kiosks {
            self.start_in(*kiosk, 500);
        }
        self.pass(FOUNDED_MS / 2);
        for (number, host) in (1..).zip(kiosks) {
            let (kiosk, name) = (kiosk_of(host), format!("Poste {number}"));
            self.order(desk, Command::NameKiosk { kiosk, name, room: ROOM }, Errand::Plain);
        }
        self.pass(FOUNDED_MS / 2);
    }

    pub(super) fn pass(&mut self, ms: u64) {
        let until = self.now() + ms;
        self.run_until(until, |_| false);
    }
}
