//! Everything that stands: the ground, the network, the machines, and the keys to them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::event::HostId;
use crate::scenario::{Cast, Load, Scenario, Words};
use crate::target::NotRun;

use super::barrier::{self, Barrier};
use super::clock::WallClock;
use super::console::Console;
use super::door::Door;
use super::founding::{self, Keys, Machines};
use super::ground::Ground;
use super::library::Library;
use super::machine::{CONSOLE, Machine, PAGE, Part};
use super::needs::{is_of_barrier, is_of_clock, is_of_disk};
use super::network::{Room, Traffic};
use super::news::News;
use super::page::Page;
use super::people::People;
use super::sight::{Care, Observer};

/// A ledger is read at most this often for each host that there is: reading is work, and the machine
/// is the nodes' own.
const READ_EACH: Duration = Duration::from_millis(250);
/// And at least this rarely.
const READ_LEAST: Duration = Duration::from_secs(2);

/// What stands.
pub(super) struct House<'a> {
    pub(super) ground: &'a Ground,
    pub(super) room: Room,
    pub(super) machines: Machines,
    pub(super) keys: Keys,
    pub(super) folder: PathBuf,
    pub(super) binary: PathBuf,
    pub(super) other_release: Option<PathBuf>,
}

/// What a host must have for what will be done to it.
#[derive(Debug, Clone, Copy, Default)]
struct Outfit {
    disk: bool,
    clock: bool,
    barrier: bool,
}

impl<'a> House<'a> {
    /// Sets everything up for a scenario, and founds its site.
    ///
    /// # Errors
    /// The first thing that went wrong.
    pub(super) fn build(
        ground: &'a Ground,
        (binary, other_release): (&Path, Option<&Path>),
        folder: &Path,
        (scenario, cast): (&Scenario, &Cast),
        seed: u64,
        watch: &mut dyn FnMut(Words),
    ) -> Result<Self, NotRun> {
        let shape = &scenario.site;
        let hosts: Vec<HostId> = shape.hosts().collect();
        let room = Room::wire(ground, &hosts)?;
        let outfits = outfits(scenario, cast);
        let library = match outfits.values().any(|outfit| outfit.barrier) {
            true => Some(barrier::build(folder)?),
            false => None,
        };
        let mut draw = StdRng::seed_from_u64(seed);
        let mut machines = Machines::new();
        for host in hosts {
            let part = Part {
                host,
                name: shape.name(host),
                kiosk: shape.is_kiosk(host),
                amnesic: shape.is_amnesic(host),
            };
            let outfit = outfits.get(&host).copied().unwrap_or_default();
            let home = folder.join(&part.name);
            let mut machine = Machine::new(ground, part, home, binary, outfit.disk)?;
            if outfit.clock {
                machine.clock = Some(WallClock::new(machine.home())?);
            }
            if outfit.barrier {
                machine.barrier = Some(Barrier::new(machine.home())?);
                machine.barrier_library.clone_from(&library);
            }
            machine.boot(&mut draw)?;
            machines.insert(host, machine);
        }
        let keys = founding::found(ground, folder, shape, &mut machines, watch)?;
        Ok(Self {
            ground,
            room,
            machines,
            keys,
            folder: folder.to_owned(),
            binary: binary.to_owned(),
            other_release: other_release.map(Path::to_owned),
        })
    }

    /// The people of this house.
    ///
    /// # Errors
    /// Nobody knows yet how codes become keys here.
    pub(super) fn people(
        &self,
        scenario: &Scenario,
        news: SyncSender<News>,
    ) -> Result<People, NotRun> {
        let shape = &scenario.site;
        let door = |host: HostId, address| {
            let network = self.room.network(host);
            let network = network.ok_or_else(|| NotRun::Broken(format!("no {host:?}")))?;
            Ok::<_, NotRun>(Door::new(network, address))
        };
        let interval = READ_LEAST.max(READ_EACH * u32::from(shape.admins + shape.kiosks));
        let library = Arc::new(Library::default());
        let mut observers = BTreeMap::new();
        for (host, machine) in &self.machines {
            let control = machine.control(self.ground);
            let inside = self.ground.folder_in_memory(&machine.part.name)?;
            let outside = self.ground.path(&inside);
            let folders = (inside, outside);
            let library = Arc::clone(&library);
            let observer = Observer::new(*host, control, folders, library, interval);
            observers.insert(*host, Arc::new(observer));
        }
        let mut consoles = BTreeMap::new();
        for host in shape.admin_hosts() {
            consoles.insert(host, Console::new(door(host, CONSOLE)?));
        }
        let (mut pages, mut kiosks) = (BTreeMap::new(), BTreeMap::new());
        let sight = observers.get(&HostId(0)).and_then(|first| first.look(Care::Fresh));
        let sight = sight.ok_or_else(|| NotRun::Broken("the first node fell silent".into()))?;
        let site = sight.folded();
        for host in shape.kiosk_hosts() {
            pages.insert(host, Page::new(door(host, PAGE)?));
            let status = observers.get(&host).and_then(|observer| observer.status());
            let member = status.and_then(|status| site.standing().members.get(&status.node));
            kiosks.extend(member.and_then(|member| member.kiosk).map(|kiosk| (host, kiosk)));
        }
        let derivation = site.chain().founded().map(|(_, derivation)| *derivation);
        let derivation = derivation.ok_or_else(|| NotRun::Broken("a site without codes".into()))?;
        Ok(People {
            consoles,
            pages,
            observers,
            kiosks,
            derivation,
            seats: Mutex::default(),
            unused: Mutex::default(),
            shared: Mutex::default(),
            printed: Mutex::default(),
            news,
        })
    }

    /// What each host has sent and received so far.
    ///
    /// # Errors
    /// The switch does not answer.
    pub(super) fn traffic(&self) -> Result<BTreeMap<HostId, Traffic>, NotRun> {
        self.room.traffic(self.ground)
    }
}

fn outfits(scenario: &Scenario, cast: &Cast) -> BTreeMap<HostId, Outfit> {
    let mut outfits: BTreeMap<HostId, Outfit> = BTreeMap::new();
    for (step, hosts) in scenario.fault.iter().zip(&cast.faults) {
        for host in hosts {
            let outfit = outfits.entry(*host).or_default();
            outfit.disk |= is_of_disk(&step.fault);
            outfit.clock |= is_of_clock(&step.fault);
            outfit.barrier |= is_of_barrier(&step.fault);
        }
    }
    for (load, hosts) in scenario.load.iter().zip(&cast.loads) {
        if matches!(load, Load::RebootAbuse { .. }) {
            for host in hosts {
                outfits.entry(*host).or_default().disk = true;
            }
        }
    }
    outfits
}
