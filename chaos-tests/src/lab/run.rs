//! One run: the site is set up, people come, things go wrong, all is healed, and everything that is
//! seen goes to the invariants.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use domain::id::{EntryId, EpochId, NodeId};
use domain::session::READING_MS;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::event::{Event, HostId, Shown};
use crate::record::{About, Record, drawn};
use crate::scenario::{Cast, Scenario, Words};
use crate::target::{NotRun, Outcome, Progress};

use super::disk::Left;
use super::ground::broken;
use super::house::House;
use super::machine::Machine;
use super::needs::NAME;
use super::network::Traffic;
use super::news::{BACKLOG, News};
use super::page::Screen;
use super::people::{People, fork};
use super::plan::{Deed, deeds};
use super::sight::{Care, Sights};

/// The tick: what counts down is told, and what changes by itself is looked at.
const TICK_MS: u64 = 1_000;
/// How often hosts are weighed.
const WEIGH_MS: u64 = 15_000;
/// Rounds until all nodes agree, where the scenario does not say.
const ROUNDS: u32 = 10;
/// Besides the rounds: links that were cut are dialled again at most so much later.
const DIAL_MS: u64 = 20_000;
/// For so long all nodes say the same before they are believed: a look may be that old.
const REST_MS: u64 = 2_000;
/// How often those who sit are sent home after healing.
const HOME_MS: u64 = 3_000;
/// A harness that is later than this cannot tell seconds.
const MOST_LAG_MS: u64 = 700;
/// Invariants that are about seconds: overrun, closing, restarts, double counting, what remains.
const TIMED: [u8; 5] = [3, 4, 5, 6, 7];
/// Interval between two looks at a node.
const LOOK: Duration = Duration::from_millis(500);
/// With so many hosts more the interval is as long again.
const AT_EACH_LOOK: u32 = 12;

/// What the run has to do at some moment.
#[derive(Debug, Clone)]
pub(super) enum Due {
    /// A step of the scenario begins.
    Begin(usize),
    /// It ends.
    End(usize),
    /// A switch that comes and goes turns; whether it goes.
    Turn(usize, bool),
    /// A copy of a disk is made, to be put back by a later step.
    Copy(usize),
    /// People.
    Deed(Deed),
    /// A machine whose plug was pulled is switched on again.
    PlugIn(HostId),
    /// See [`TICK_MS`].
    Tick,
}

/// A picture with its time, and whether its kiosk takes itself for alone.
pub(super) type Picture = (u64, Shown, bool);

/// What is known of a host.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) node: Option<NodeId>,
    pub(super) epoch: Option<EpochId>,
    /// Epochs whose process is gone: what a late look says of them is past.
    pub(super) dead: BTreeSet<EpochId>,
    /// Its process was started and nobody ended it.
    pub(super) up: bool,
    /// Its start was told.
    pub(super) told: bool,
    pub(super) new_boot: bool,
    pub(super) frozen: bool,
    /// When it was last looked at.
    pub(super) looked_ms: u64,
    /// Faults that keep it down.
    pub(super) held_by: BTreeSet<usize>,
    pub(super) restarts: u32,
    /// Core seconds of its processes that ended.
    pub(super) spent_s: f64,
    /// Most bytes of memory that it was seen to have.
    pub(super) most_memory: u64,
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) cast: Cast,
    pub(super) seed: u64,
    pub(super) house: House<'a>,
    pub(super) people: Arc<People>,
    pub(super) record: Record,
    pub(super) sights: Sights,
    pub(super) known: BTreeMap<HostId, Known>,
    pub(super) pages: BTreeMap<HostId, (Instant, Screen)>,
    pub(super) shown: BTreeMap<HostId, Picture>,
    pub(super) linked: BTreeSet<(HostId, HostId)>,
    pub(super) written: BTreeSet<EntryId>,
    /// Epochs whose beginning was told.
    pub(super) begun: BTreeSet<EpochId>,
    pub(super) in_force: BTreeSet<usize>,
    /// Hosts whose nodes were revoked: they agree with nobody any more.
    pub(super) revoked: BTreeSet<HostId>,
    pub(super) draw: StdRng,
    /// What the next power cut leaves.
    pub(super) left: Left,
    /// How late the harness itself was at worst.
    pub(super) lag_ms: u64,
    /// Machines that run copies of disks, by step.
    pub(super) copies: BTreeMap<(usize, u16), Machine>,
    agenda: BTreeMap<(u64, u64), Due>,
    noted: u64,
    start: Instant,
    last_ms: u64,
    news: Receiver<News>,
    /// Every event in words, for whoever looks for the cause of a breach.
    diary: BufWriter<File>,
}

impl<'a> Run<'a> {
    /// A run on a site that stands.
    pub(super) fn new(
        scenario: &'a Scenario,
        cast: Cast,
        seed: u64,
        house: House<'a>,
    ) -> Result<Self, NotRun> {
        let (told, news) = sync_channel(BACKLOG);
        let people = Arc::new(house.people(scenario, told.clone())?);
        let names = scenario.site.hosts().map(|host| scenario.site.name(host)).collect();
        let known = scenario.site.hosts().map(|host| (host, Known::default())).collect();
        let diary = house.folder.join("events.txt");
        let diary = File::create(&diary).map_err(|error| broken("diary", error))?;
        let run = Self {
            diary: BufWriter::new(diary),
            record: Record::of(scenario),
            scenario,
            cast,
            seed,
            house,
            people,
            sights: Sights::new(names),
            known,
            pages: BTreeMap::new(),
            shown: BTreeMap::new(),
            linked: BTreeSet::new(),
            written: BTreeSet::new(),
            begun: BTreeSet::new(),
            in_force: BTreeSet::new(),
            revoked: BTreeSet::new(),
            draw: StdRng::seed_from_u64(seed),
            left: Left::Nothing,
            lag_ms: 0,
            copies: BTreeMap::new(),
            agenda: BTreeMap::new(),
            noted: 0,
            start: Instant::now(),
            last_ms: 0,
            news,
        };
        run.watch_everything(&told);
        Ok(run)
    }

    fn watch_everything(&self, told: &SyncSender<News>) {
        let hosts = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        for observer in self.people.observers.values() {
            let (observer, told) = (Arc::clone(observer), told.clone());
            let interval = LOOK * (1 + hosts / AT_EACH_LOOK);
            std::thread::spawn(move || {
                loop {
                    let sight = observer.look(Care::Idle).map(Arc::new);
                    if told.send(News::Sight(observer.host, sight)).is_err() {
                        return;
                    }
                    std::thread::sleep(interval);
                }
            });
        }
        for (host, page) in &self.people.pages {
            let Some(observer) = self.people.observers.get(host) else {
                continue;
            };
            let (observer, page, told) = (Arc::clone(observer), page.clone(), told.clone());
            std::thread::spawn(move || {
                let host = observer.host;
                let mut before: Option<(Instant, Screen)> = None;
                page.follow(|at, screen| {
                    let same = match (&before, &screen) {
                        (Some((then, before)), Some(screen)) => {
                            screen.only_counts_down_from(before, at.duration_since(*then))
                        }
                        (None, _) | (_, None) => false,
                    };
                    if same {
                        return true;
                    }
                    before = screen.clone().map(|screen| (at, screen));
                    // What the picture came of is to be seen before it.
                    let sight = observer.look(Care::Fresh).map(Arc::new);
                    told.send(News::Sight(host, sight)).is_ok()
                        && told.send(News::Page(host, at, screen)).is_ok()
                });
            });
        }
    }

    /// Carries the scenario out.
    ///
    /// # Errors
    /// The surroundings failed.
    pub(super) fn carry_out(mut self, watch: &mut dyn FnMut(&Progress)) -> Result<Outcome, NotRun> {
        self.look_around();
        let before = self.house.traffic()?;
        self.plan();
        let lasts_ms = self.scenario.lasts_s * 1_000;
        let rounds = u64::from(self.scenario.hold.rounds.unwrap_or(ROUNDS));
        let patience_ms = rounds * READING_MS + DIAL_MS;
        let of_ms = lasts_ms + patience_ms;
        let mut reported_s = u64::MAX;
        let mut report = |run: &Self| {
            let at_ms = run.now_ms();
            if std::mem::replace(&mut reported_s, at_ms / 1_000) != at_ms / 1_000 {
                watch(&Progress { at_ms, of_ms, what: run.what_goes_on() });
            }
        };
        while self.now_ms() < lasts_ms {
            self.go_on(lasts_ms)?;
            report(&self);
        }
        self.heal()?;
        let healed_ms = self.now_ms();
        let (mut agreed_ms, mut home_ms) = (None, healed_ms);
        while self.now_ms() < healed_ms + patience_ms {
            self.go_on(healed_ms + patience_ms)?;
            let now = self.now_ms();
            if now >= home_ms + HOME_MS {
                home_ms = now;
                self.send_home();
            }
            agreed_ms = self.agreed().then(|| agreed_ms.unwrap_or(now));
            if agreed_ms.is_some_and(|agreed| now >= agreed + REST_MS) {
                break;
            }
            report(&self);
        }
        let converged_ms = agreed_ms.map(|agreed| agreed - healed_ms);
        self.look_around();
        let end_ms = self.now_ms();
        self.record.healed(end_ms, &self.sights);
        let after = self.house.traffic()?;
        Ok(self.outcome(end_ms, converged_ms, (&before, &after)))
    }

    fn plan(&mut self) {
        self.note(0, Due::Tick);
        for (at_ms, deed) in deeds(self.scenario, &self.cast, self.seed) {
            self.note(at_ms, Due::Deed(deed));
        }
        for (number, step) in self.scenario.fault.iter().enumerate() {
            let begins_ms = ms(step.at_s);
            if let crate::fault::Fault::Restore { age_ms, .. } = &step.fault {
                self.note(begins_ms.saturating_sub(*age_ms), Due::Copy(number));
            }
            self.note(begins_ms, Due::Begin(number));
            if let Some(for_s) = step.for_s {
                self.note(begins_ms + ms(for_s), Due::End(number));
            }
        }
    }

    /// True time since the run began.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn note(&mut self, at_ms: u64, due: Due) {
        self.noted += 1;
        self.agenda.insert((at_ms, self.noted), due);
    }

    /// Tells the invariants of an event that happens now.
    pub(super) fn tell(&mut self, event: &Event) {
        self.last_ms = self.now_ms();
        // A diary that cannot be written is no reason to stop.
        writeln!(self.diary, "{} {event:?}", self.last_ms).ok();
        self.record.see(self.last_ms, event, &self.sights);
    }

    /// Does what is due, hears what is told, for a moment.
    fn go_on(&mut self, until_ms: u64) -> Result<(), NotRun> {
        let now = self.now_ms();
        while let Some(first) = self.agenda.first_entry()
            && first.key().0 <= now
        {
            let (due_ms, _) = *first.key();
            let due = first.remove();
            self.carry(due_ms, due)?;
        }
        let next = self.agenda.keys().next().map_or(until_ms, |(at_ms, _)| *at_ms).min(until_ms);
        let wait = Duration::from_millis(next.saturating_sub(self.now_ms()).min(TICK_MS));
        match self.news.recv_timeout(wait) {
            Ok(news) => self.hear(news),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        while let Ok(news) = self.news.try_recv() {
            self.hear(news);
        }
        Ok(())
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Event(event) => self.heard(&event),
            News::Sight(host, sight) => self.saw(host, sight),
            News::Page(host, at, screen) => self.page_says(host, at, screen),
            News::Later(after_ms, deed) => self.note(self.now_ms() + after_ms, Due::Deed(deed)),
        }
    }

    fn carry(&mut self, due_ms: u64, due: Due) -> Result<(), NotRun> {
        match due {
            Due::Begin(number) => self.begin(number),
            Due::End(number) => self.end(number),
            Due::Turn(number, goes) => self.turn(number, goes),
            Due::Copy(number) => self.copy(number),
            Due::PlugIn(host) => self.plug_in(host),
            Due::Tick => {
                let began_ms = self.now_ms();
                self.tick()?;
                self.lag_ms = self.lag_ms.max(began_ms.saturating_sub(due_ms));
                self.note(began_ms + TICK_MS, Due::Tick);
                Ok(())
            }
            Due::Deed(Deed::SwitchOff { host }) => self.switch_off(host),
            Due::Deed(Deed::SwitchOn { host }) => self.plug_in(host),
            Due::Deed(Deed::PullPlug { host }) => self.pull_plug(host),
            Due::Deed(deed) => {
                self.send_somebody(deed);
                Ok(())
            }
        }
    }

    /// Has somebody do a deed that takes as long as nodes take to answer.
    pub(super) fn send_somebody(&mut self, deed: Deed) {
        let (people, mut draw) = (Arc::clone(&self.people), fork(&mut self.draw));
        std::thread::spawn(move || match deed {
            Deed::Come { seconds } => {
                if let Some(host) = people.come(seconds, &mut draw) {
                    people.stay(host, seconds, &mut draw);
                }
            }
            Deed::Leave { host } => people.leave(host, &mut draw),
            Deed::Operate => people.operate(&mut draw),
            Deed::IssueFor { load, seconds } => people.issue_for(load, seconds, &mut draw),
            Deed::TypeEverywhere { load, hosts } => people.type_everywhere(load, &hosts),
            Deed::CloseAll => people.close_all(&mut draw),
            Deed::Quarrel => people.quarrel(&mut draw),
            Deed::TypeAgain { host } => people.type_again(host, &mut draw),
            Deed::Batch { codes, seconds } => people.batch(codes, seconds, &mut draw),
            Deed::BringPrinted { seconds } => {
                if let Some(host) = people.bring_printed(&mut draw) {
                    people.stay(host, seconds, &mut draw);
                }
            }
            Deed::Wrong { host } => people.type_wrong(host, &mut draw),
            // Machines are the run's own to touch.
            Deed::SwitchOff { .. } | Deed::SwitchOn { .. } | Deed::PullPlug { .. } => {}
        });
    }

    fn tick(&mut self) -> Result<(), NotRun> {
        self.show_pages();
        self.look_after_machines()?;
        if self.last_ms % WEIGH_MS < TICK_MS {
            self.weigh();
        }
        Ok(())
    }

    /// Ends every fault, sends everybody home, and says so.
    fn heal(&mut self) -> Result<(), NotRun> {
        for number in self.in_force.clone() {
            self.end(number)?;
        }
        self.agenda.retain(|_, due| matches!(due, Due::Tick));
        let hosts: Vec<HostId> = self.known.keys().copied().collect();
        for host in hosts {
            self.bring_up(host)?;
        }
        self.tell(&Event::Healed);
        self.send_home();
        Ok(())
    }

    fn what_goes_on(&self) -> Words {
        let faults = self.in_force.iter().filter_map(|number| self.scenario.fault.get(*number));
        let words: Vec<String> = faults
            .map(|step| format!("{} {}", drawn(&step.fault).1, step.fault.hosts().0))
            .collect();
        if words.is_empty() {
            return Words::new("tout va bien", "all is well");
        }
        Words::same(words.join(" · "))
    }

    fn outcome(
        self,
        end_ms: u64,
        converged_ms: Option<u64>,
        (before, after): (&BTreeMap<HostId, Traffic>, &BTreeMap<HostId, Traffic>),
    ) -> Outcome {
        let version = self.sights.all().next().map(|(_, sight)| sight.status.version.clone());
        let about = About {
            title: (self.scenario.title.fr.clone(), self.scenario.title.en.clone()),
            target: NAME,
            seed: self.seed,
            versions: vec![
                ("poste-chaos".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
                ("poste".to_owned(), version.unwrap_or_default()),
            ],
        };
        let figures = self.figures(end_ms, before, after);
        let lag_ms = self.lag_ms;
        let mut outcome = self.record.outcome(about, end_ms, &self.sights);
        if lag_ms > MOST_LAG_MS {
            distrust(&mut outcome, lag_ms);
        }
        outcome.converged_ms = converged_ms;
        outcome.figures = figures;
        outcome
    }
}

/// On a machine that has no time for its own harness, nobody can say when anything happened: what is
/// measured in seconds was not looked at, and what was seen is told as it was seen.
fn distrust(outcome: &mut Outcome, lag_ms: u64) {
    let at_ms = outcome.lasted_ms;
    let late = format!("this machine was too busy: the harness was {lag_ms} ms late");
    outcome.notices.push((at_ms, late));
    let timed = outcome.verdicts.iter_mut().filter(|verdict| TIMED.contains(&verdict.number));
    // What is promised is promised in time.
    for verdict in timed.chain(&mut outcome.promises) {
        (verdict.judged, verdict.worst) = (0, None);
        for breach in verdict.breaches.drain(..) {
            outcome.notices.push((at_ms, format!("{}, not counted: {breach}", verdict.name)));
        }
    }
}

/// Milliseconds of a scenario's seconds.
fn ms(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds)
        .map_or(0, |duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
