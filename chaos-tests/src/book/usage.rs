//! For how long sessions really ran: the time during which a kiosk's picture showed them running.
//!
//! No reading and no register takes part, so that the system's own counting can be held against it.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::SessionId;
use domain::session::READING_MS;

use super::hosts::{Hosts, Trouble, ends_boot, loses_disk};
use crate::event::{Event, HostId, Shown, Stop};

/// Two rounds of anti-entropy: what a kiosk told within that time may not have come to anybody while
/// the network or its neighbours were in trouble.
const UNTOLD_MS: u64 = 2 * READING_MS;

/// What so many hosts know of that do not forget is never lost with all their disks.
const MANY: u32 = 4;

/// For how long a process that ends a session, and is in touch, has to live on to have told of it.
const TELLING_MS: u64 = 1_000;

/// What a session used during one boot of one machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stint {
    /// Milliseconds that it ran for certain.
    pub sure_ms: u64,
    /// Milliseconds that it ran at most: the last moments before a power cut may have been seen by
    /// nobody.
    pub most_ms: u64,
    /// Pictures at which its running began or ended: each may be a moment late.
    pub edges: u32,
}

/// A session as a kiosk shows it now, or showed it when its process died.
#[derive(Debug, Clone, Copy)]
struct Live {
    session: SessionId,
    sure_until: u64,
    most_until: u64,
    process_died: bool,
}

/// The end of a session of which the kiosk's disk is not known to have taken note.
#[derive(Debug, Clone, Copy)]
struct UnnotedEnd {
    at_ms: u64,
    /// Whether a host that does not forget could hear of it at once.
    in_touch: bool,
    /// Whether one did, for the process that ended it ran on.
    told: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Usage {
    live: BTreeMap<HostId, Live>,
    running: BTreeMap<SessionId, BTreeSet<HostId>>,
    stints: BTreeMap<SessionId, BTreeMap<(HostId, u32), Stint>>,
    excused: BTreeMap<SessionId, u64>,
    /// What each host's sessions used since it was last in touch with a host that does not forget.
    untold: BTreeMap<HostId, BTreeMap<SessionId, u64>>,
    /// What only a few hosts have been told of, by session and by who they are.
    told_few: BTreeMap<(SessionId, BTreeSet<HostId>), u64>,
    shown: BTreeMap<HostId, (u64, Shown)>,
    unnoted_ends: BTreeMap<HostId, BTreeMap<SessionId, UnnotedEnd>>,
}

impl Usage {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events run no session")]
    pub(super) fn see(&mut self, at_ms: u64, event: &Event, hosts: &Hosts) {
        match event {
            Event::Shows { host, shown, .. } => {
                let boot = hosts.machine(*host).map_or(0, |machine| machine.boot);
                let in_touch = hosts.contact_ms(*host, at_ms) == at_ms;
                if in_touch {
                    self.tell(*host, hosts);
                }
                let before = self.live.get(host).map(|live| live.session);
                self.shows(at_ms, *host, boot, *shown);
                self.shown.insert(*host, (at_ms, *shown));
                if let Some(session) = before.filter(|_| !self.live.contains_key(host)) {
                    let end = UnnotedEnd { at_ms, in_touch, told: false };
                    self.unnoted_ends.entry(*host).or_default().insert(session, end);
                }
            }
            Event::Stopped { host, how } => {
                self.note_told_ends(at_ms, *host, hosts);
                self.stops(at_ms, *host, *how, hosts);
            }
            Event::Fell { host, .. } => {
                self.note_told_ends(at_ms, *host, hosts);
                self.stops(at_ms, *host, Stop::Killed, hosts);
            }
            Event::Linked { one, other } => self.tell_on(*one, *other, hosts),
            Event::Rebuilt { host } => self.lose(*host),
            Event::Started { host, new_boot: true, .. } => {
                self.forget(*host);
                self.shown.remove(host);
                self.unnoted_ends.remove(host);
            }
            Event::Durable { host, staged_ms } => {
                if let Some(ends) = self.unnoted_ends.get_mut(host) {
                    ends.retain(|_, end| end.at_ms > *staged_ms);
                }
            }
            // It goes on with what its disk noted last; when that ended, others know if they were told.
            // (Worlds 10421, and 200026 on a theme.)
            Event::Started { host, .. } => {
                let boot = hosts.machine(*host).map_or(0, |machine| machine.boot);
                for (session, end) in self.unnoted_ends.remove(host).unwrap_or_default() {
                    let since_ms = end.at_ms.saturating_sub(UNTOLD_MS);
                    if !end.told && hosts.had_since(*host, Trouble::Disk, since_ms) {
                        let most_ms = &mut self.stint(session, *host, boot).most_ms;
                        *most_ms += at_ms.saturating_sub(end.at_ms);
                    }
                }
            }
            _ => {}
        }
    }

    fn shows(&mut self, at_ms: u64, host: HostId, boot: u32, shown: Shown) {
        let running = match shown {
            Shown::Running { session, .. } => Some(session),
            Shown::Locked | Shown::OutOfService | Shown::Paused { .. } | Shown::Ended { .. } => {
                None
            }
        };
        if let Some(live) = self.live.get(&host).copied() {
            let goes_on = running == Some(live.session);
            let untold = self.untold.entry(host).or_default().entry(live.session).or_default();
            *untold += at_ms.saturating_sub(live.sure_until);
            let stint = self.stint(live.session, host, boot);
            stint.most_ms += at_ms.saturating_sub(live.most_until);
            // A process that died and does not go on with it: what ran in between is not certain.
            if goes_on || !live.process_died {
                stint.sure_ms += at_ms.saturating_sub(live.sure_until);
            }
            if !goes_on {
                stint.edges += 1;
                self.forget(host);
            }
        }
        if let Some(session) = running {
            if !self.live.contains_key(&host) {
                self.stint(session, host, boot).edges += 1;
            }
            let live = Live { session, sure_until: at_ms, most_until: at_ms, process_died: false };
            self.live.insert(host, live);
            self.running.entry(session).or_default().insert(host);
        }
    }

    fn note_told_ends(&mut self, at_ms: u64, host: HostId, hosts: &Hosts) {
        let ends = self.unnoted_ends.get_mut(&host).into_iter().flat_map(BTreeMap::values_mut);
        for end in ends.filter(|end| end.in_touch) {
            let heard =
                !hosts.had_since(host, Trouble::Network, end.at_ms.saturating_sub(UNTOLD_MS));
            end.told |= heard && at_ms.saturating_sub(end.at_ms) >= TELLING_MS;
        }
    }

    fn stops(&mut self, at_ms: u64, host: HostId, how: Stop, hosts: &Hosts) {
        let Some(machine) = hosts.machine(host) else {
            return;
        };
        let disk = hosts.had_since(host, Trouble::Disk, machine.running_since.unwrap_or(0));
        // Of sessions that are over, too.
        if loses_disk(how, machine.amnesic) {
            self.lose(host);
        } else if disk {
            self.excuse_untold_and_over(host);
        }
        let Some(live) = self.live.get(&host).copied() else {
            return;
        };
        // Stopped already, it ran no more; its disk is changed while it is off.
        if !live.process_died {
            let stint = self.stint(live.session, host, machine.boot);
            stint.most_ms += at_ms.saturating_sub(live.most_until);
            stint.edges += 1;
            let most_until = at_ms.max(live.most_until);
            self.live.insert(host, Live { most_until, process_died: true, ..live });
        }
        if !ends_boot(how) && !machine.amnesic {
            return;
        }
        let mut unmeasured = 0;
        if loses_disk(how, machine.amnesic) {
            if hosts.unrest_since(at_ms.saturating_sub(UNTOLD_MS)) {
                unmeasured += UNTOLD_MS;
            }
        } else if disk {
            self.excuse_untold(host);
            let durable = machine.durable_ms.or(machine.running_since).unwrap_or(0);
            unmeasured += at_ms.saturating_sub(durable);
        }
        // A process that stood still could not measure.
        if hosts.has(host, Trouble::Process) && !live.process_died {
            unmeasured += at_ms.saturating_sub(live.sure_until);
        }
        *self.excused.entry(live.session).or_default() += unmeasured;
    }

    /// A host in touch tells what it told nobody yet.
    fn tell(&mut self, host: HostId, hosts: &Hosts) {
        let Some(untold) = self.untold.remove(&host) else {
            return;
        };
        if let Some(few) = few_with(BTreeSet::from([host]), hosts) {
            for (session, ms) in untold {
                *self.told_few.entry((session, few.clone())).or_default() += ms;
            }
        }
    }

    /// Two hosts meet, and each hears what the other knows of.
    fn tell_on(&mut self, one: HostId, other: HostId, hosts: &Hosts) {
        let both = [one, other];
        for ((session, mut few), ms) in std::mem::take(&mut self.told_few) {
            let meets = both.iter().any(|host| few.contains(host));
            few.extend(both.into_iter().filter(|host| meets && lasts(*host, hosts)));
            let few = if meets { few_with(few, hosts) } else { Some(few) };
            if let Some(few) = few {
                *self.told_few.entry((session, few)).or_default() += ms;
            }
        }
    }

    /// What a host's disk held is gone: what it told nobody, and what all who were told have lost, too.
    /// (World 602457.)
    fn lose(&mut self, host: HostId) {
        self.excuse_untold(host);
        for ((session, mut few), ms) in std::mem::take(&mut self.told_few) {
            few.remove(&host);
            if few.is_empty() {
                *self.excused.entry(session).or_default() += ms;
            } else {
                *self.told_few.entry((session, few)).or_default() += ms;
            }
        }
    }

    /// What a host told nobody went with its disk.
    fn excuse_untold(&mut self, host: HostId) {
        for (session, ms) in self.untold.remove(&host).unwrap_or_default() {
            *self.excused.entry(session).or_default() += ms;
        }
    }

    /// A disk that took nothing kept no word of sessions that are over. (World 503298.)
    fn excuse_untold_and_over(&mut self, host: HostId) {
        let live = self.live.get(&host).map(|live| live.session);
        let untold = self.untold.remove(&host).unwrap_or_default();
        let (goes_on, over): (BTreeMap<_, _>, BTreeMap<_, _>) =
            untold.into_iter().partition(|(session, _)| Some(*session) == live);
        self.untold.insert(host, over);
        self.excuse_untold(host);
        self.untold.insert(host, goes_on);
    }

    fn forget(&mut self, host: HostId) {
        if let Some(live) = self.live.remove(&host)
            && let Some(hosts) = self.running.get_mut(&live.session)
        {
            hosts.remove(&host);
            if hosts.is_empty() {
                self.running.remove(&live.session);
            }
        }
    }

    fn stint(&mut self, session: SessionId, host: HostId, boot: u32) -> &mut Stint {
        self.stints.entry(session).or_default().entry((host, boot)).or_default()
    }

    /// What a session used, by host and boot.
    pub fn stints(&self, session: &SessionId) -> impl Iterator<Item = (HostId, u32, &Stint)> {
        let stints = self.stints.get(session).into_iter().flatten();
        stints.map(|((host, boot), stint)| (*host, *boot, stint))
    }

    /// What it used during one boot of one machine.
    pub fn on(&self, session: &SessionId, host: HostId, boot: u32) -> Stint {
        let stints = self.stints.get(session);
        stints.and_then(|stints| stints.get(&(host, boot))).copied().unwrap_or_default()
    }

    /// Sessions that ran at all.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionId> {
        self.stints.keys()
    }

    /// Milliseconds of a session that no kiosk could have kept: its disk was lost before anybody was
    /// told, or took nothing, or its process stood still when the power went.
    pub fn excused_ms(&self, session: &SessionId) -> u64 {
        self.excused.get(session).copied().unwrap_or(0)
    }

    /// Hosts that show a session running.
    pub fn running_on(&self, session: &SessionId) -> impl Iterator<Item = HostId> {
        let hosts = self.running.get(session).into_iter().flatten().copied();
        hosts.filter(|host| self.live.get(host).is_some_and(|live| !live.process_died))
    }

    /// Every host that shows a session running, with the session.
    pub fn running(&self) -> impl Iterator<Item = (HostId, SessionId)> {
        let live = self.live.iter().filter(|(_, live)| !live.process_died);
        live.map(|(host, live)| (*host, live.session))
    }

    /// What a kiosk showed last, and when.
    pub fn shown(&self, host: HostId) -> Option<(u64, Shown)> {
        self.shown.get(&host).copied()
    }
}

fn lasts(host: HostId, hosts: &Hosts) -> bool {
    hosts.machine(host).is_some_and(|machine| !machine.amnesic)
}

/// These hosts and whom they tell that do not forget, one after the other; `None` once they are many.
fn few_with(mut few: BTreeSet<HostId>, hosts: &Hosts) -> Option<BTreeSet<HostId>> {
    let links = |host: &HostId| hosts.machine(*host).map_or(0, |machine| machine.lasting_links);
    if few.iter().any(|host| links(host) >= MANY) {
        return None;
    }
    let mut ahead: Vec<HostId> = few.iter().copied().collect();
    while let Some(host) = ahead.pop() {
        let told = hosts.neighbours(host).into_iter().filter(|peer| lasts(*peer, hosts));
        ahead.extend(told.filter(|peer| few.insert(*peer)));
    }
    let lasting = few.iter().filter(|host| lasts(**host, hosts)).count();
    u32::try_from(lasting).is_ok_and(|lasting| lasting < MANY).then_some(few)
}
