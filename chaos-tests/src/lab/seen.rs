//! From what is seen to what happened: events for the invariants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::id::{EntryId, EpochId, NodeId};

use crate::cluster::{Cluster, NodeState};
use crate::event::{Event, HostId, Shown, Stop};

use super::page::{OFF_MS, Screen};
use super::plan::Deed;
use super::run::{Picture, Run};
use super::sight::{Care, Observer, Sight};

/// A page that was told nothing for so long knows that its node is gone.
const SILENT: Duration = Duration::from_secs(12);

/// A node that could not be looked at for so long is not judged by what it was.
const BLIND_MS: u64 = 10_000;

impl Run<'_> {
    /// Looks at every node that runs, exactly, at all of them at one time.
    pub(super) fn look_around(&mut self) {
        for known in self.known.values_mut().filter(|known| known.dead.is_empty()) {
            // Before the first look everything runs.
            known.up |= known.epoch.is_none() && known.held_by.is_empty();
        }
        let people = Arc::clone(&self.people);
        let sights: Vec<_> = std::thread::scope(|scope| {
            let look = |observer: &Arc<Observer>| {
                let observer = Arc::clone(observer);
                scope.spawn(move || (observer.host, observer.look(Care::Exact).map(Arc::new)))
            };
            let looks: Vec<_> = people.observers.values().map(look).collect();
            looks.into_iter().filter_map(|look| look.join().ok()).collect()
        });
        for (host, sight) in sights {
            self.saw(host, sight);
        }
    }

    /// A node was looked at.
    pub(super) fn saw(&mut self, host: HostId, sight: Option<Arc<Sight>>) {
        let now = self.now_ms();
        let Some(known) = self.known.get_mut(&host) else {
            return;
        };
        let Some(sight) = sight else {
            if now > known.looked_ms + BLIND_MS {
                self.sights.set(host, None);
            }
            return;
        };
        known.looked_ms = now;
        let epoch = sight.status.epoch;
        if !known.up || known.frozen || known.dead.contains(&epoch) {
            return;
        }
        let before = self.sights.of(host).cloned().filter(|_| known.epoch == Some(epoch));
        if known.epoch == Some(epoch) {
            self.sights.set(host, Some(Arc::clone(&sight)));
        } else {
            self.began(host, &sight);
        }
        if before.as_ref().is_none_or(|before| !sight.has_ledger_of(before)) {
            self.wrote(host, &sight);
        }
        if before.is_none_or(|before| before.status.links != sight.status.links) {
            self.compare_links();
        }
    }

    /// A process's first sight.
    fn began(&mut self, host: HostId, sight: &Arc<Sight>) {
        let Some(known) = self.known.get_mut(&host) else {
            return;
        };
        let (node, epoch) = (sight.status.node, sight.status.epoch);
        // One that nobody ended began another log by itself.
        let asked_for = known.told.then(|| known.epoch.replace(epoch)).flatten();
        let new_boot = std::mem::take(&mut known.new_boot);
        let first = known.node.is_none();
        (known.node, known.epoch, known.told) = (Some(node), Some(epoch), true);
        if let Some(before) = asked_for {
            known.dead.insert(before);
            self.sights.set(host, None);
            self.tell(&Event::Stopped { host, how: Stop::AskedFor });
        }
        self.sights.set(host, Some(Arc::clone(sight)));
        let kiosk = self.people.kiosks.get(&host).copied();
        let amnesic = self.scenario.site.is_amnesic(host);
        if first {
            self.tell_of_earlier_processes(host, node, epoch, sight);
        }
        self.begun.insert(epoch);
        self.tell(&Event::Started { host, node, kiosk, epoch, new_boot, amnesic });
        self.tell_of_orphans();
    }

    /// Logs that a host's node wrote while the site was founded.
    fn tell_of_earlier_processes(
        &mut self,
        host: HostId,
        node: NodeId,
        now: EpochId,
        sight: &Sight,
    ) {
        let epochs: Vec<EpochId> = sight.folded().chain().epochs_of(node).copied().collect();
        let kiosk = self.people.kiosks.get(&host).copied();
        for epoch in epochs.into_iter().filter(|epoch| *epoch != now) {
            let amnesic = self.scenario.site.is_amnesic(host);
            self.begun.insert(epoch);
            self.tell(&Event::Started { host, node, kiosk, epoch, new_boot: true, amnesic });
            self.tell(&Event::Stopped { host, how: Stop::Killed });
        }
    }

    /// Entries that nobody has seen before. They are told of where they were written, as long as
    /// somebody can look there, and not before the process that wrote them: who sees a neighbour's
    /// ledger first would not know yet whose kiosk they speak of.
    fn wrote(&mut self, host: HostId, sight: &Sight) {
        let comes = self.known.values().any(|known| known.up && !known.told);
        let told_of = |id: &EntryId| !comes || self.begun.contains(&id.epoch);
        let fresh = sight.entries().keys().filter(|id| !self.written.contains(id) && told_of(id));
        let fresh: Vec<EntryId> = fresh.copied().collect();
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for id in fresh {
            match self.author_of(&id, sight) {
                Some(author) if author == host => own.push(id),
                Some(author) if self.sights.of(author).is_some() => {}
                Some(_) | None => others.push(id),
            }
        }
        for entries in [own, others] {
            if !entries.is_empty() {
                self.written.extend(&entries);
                self.tell(&Event::Wrote { host, entries });
            }
        }
    }

    /// Entries of a host that can no longer be looked at are told of where else they are.
    pub(super) fn tell_of_orphans(&mut self) {
        let sights: Vec<_> = self.sights.all().map(|(host, s)| (host, Arc::clone(s))).collect();
        for (host, sight) in sights {
            self.wrote(host, &sight);
        }
    }

    /// The host whose process wrote an entry.
    fn author_of(&self, id: &EntryId, sight: &Sight) -> Option<HostId> {
        let node = sight.folded().node_of(&id.epoch)?;
        self.host_of(&node)
    }

    pub(super) fn host_of(&self, node: &NodeId) -> Option<HostId> {
        let mut known = self.known.iter().filter(|(_, known)| known.node.as_ref() == Some(node));
        known.next().map(|(host, _)| *host)
    }

    /// Links that stand at both ends, against those that stood before.
    fn compare_links(&mut self) {
        let hosts: BTreeMap<NodeId, HostId> =
            self.known.iter().filter_map(|(host, known)| Some((known.node?, *host))).collect();
        let mut said = BTreeSet::new();
        for (host, sight) in self.sights.all() {
            let peers = sight.links().into_iter().filter_map(|node| hosts.get(&node).copied());
            said.extend(peers.map(|peer| (host, peer)));
        }
        let both = said.iter().filter(|(one, other)| one < other && said.contains(&(*other, *one)));
        let now: BTreeSet<_> = both.copied().collect();
        let before = std::mem::replace(&mut self.linked, now.clone());
        for (one, other) in before.difference(&now) {
            self.tell(&Event::Unlinked { one: *one, other: *other });
        }
        for (one, other) in now.difference(&before) {
            self.tell(&Event::Linked { one: *one, other: *other });
        }
    }

    /// Something that people did.
    pub(super) fn heard(&mut self, event: &Event) {
        self.tell(event);
        if let Event::Typed { host, .. } = event {
            // The picture waited for it.
            self.show(*host, false);
        }
    }

    /// A page was told something.
    pub(super) fn page_says(&mut self, host: HostId, at: Instant, screen: Option<Screen>) {
        let Some(screen) = screen else {
            self.pages.remove(&host);
            if let Some(seat) = self.people.seats().get_mut(&host) {
                (seat.free, seat.taken) = (false, false);
            }
            return;
        };
        {
            let mut seats = self.people.seats();
            let seat = seats.entry(host).or_default();
            (seat.free, seat.taken) = (screen.is_free(), screen.is_taken());
        }
        self.pages.insert(host, (at, screen));
        self.show(host, false);
    }

    /// What every page shows, each second.
    pub(super) fn show_pages(&mut self) {
        let hosts: Vec<HostId> = self.pages.keys().copied().collect();
        for host in hosts {
            self.show(host, true);
        }
    }

    /// Tells what a page shows; a picture that only counts down, each second.
    fn show(&mut self, host: HostId, each_second: bool) {
        let (Some((at, screen)), Some(known)) = (self.pages.get(&host), self.known.get(&host))
        else {
            return;
        };
        let passed = at.elapsed();
        if !known.told || known.frozen || passed > SILENT && screen.is_free() {
            return;
        }
        let seat = self.people.seats().get(&host).cloned().unwrap_or_default();
        if seat.typing {
            return;
        }
        let kiosk = self.people.kiosks.get(&host);
        let folded = || {
            let site = self.sights.of(host)?.folded();
            site.session_on(*kiosk?).map(|(session, _)| session)
        };
        let session = seat.session.or_else(folded);
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        if let Some(shown) = screen.shown(session, passed_ms) {
            let alone = screen.alone;
            let now = self.now_ms();
            let before = self.shown.insert(host, (now, shown, alone));
            let differs = before.is_none_or(|before| differs(before, (now, shown, alone)));
            if differs && !each_second {
                self.lag_ms = self.lag_ms.max(passed_ms);
            }
            if each_second || differs {
                self.tell(&Event::Shows { host, shown, alone });
            }
        }
    }

    /// After healing everybody goes home: whoever only just sat down too.
    pub(super) fn send_home(&mut self) {
        let taken: Vec<HostId> = {
            let seats = self.people.seats();
            seats.iter().filter(|(_, seat)| seat.taken).map(|(host, _)| *host).collect()
        };
        for host in &taken {
            self.send_somebody(Deed::Leave { host: *host });
        }
        if !taken.is_empty() {
            // A session that pauses is not left: it is closed.
            self.send_somebody(Deed::CloseAll);
        }
    }

    /// Whether every node that should can be seen, and all say the same.
    pub(super) fn agreed(&self) -> bool {
        let wanted = self.sights.hosts().into_iter().filter(|host| !self.revoked.contains(host));
        let mut prints = wanted.map(|host| self.sights.node(host).map(NodeState::fingerprint));
        let first = prints.next().flatten();
        let at_rest = self.people.seats().values().all(|seat| !seat.taken);
        at_rest && first.is_some() && prints.all(|print| print == first)
    }
}

/// Whether a picture is another one than the one before, or counts down by itself from it.
fn differs((then, before, was_alone): Picture, (now, after, is_alone): Picture) -> bool {
    let same = match (before, after) {
        (
            Shown::Running { session: one, remaining_ms: had },
            Shown::Running { session: other, remaining_ms: has },
        ) => one == other && had.saturating_sub(now - then).abs_diff(has) < OFF_MS,
        (before, after) => before == after,
    };
    !same || was_alone != is_alone
}

#[cfg(test)]
mod tests {
    use domain::id::SessionId;

    use super::*;

    #[test]
    fn counting_down_is_no_other_picture() {
        let running = |remaining_ms| Shown::Running { session: SessionId([1; 16]), remaining_ms };
        assert!(!differs((0, running(9_000), false), (3_000, running(6_010), false)));
        assert!(differs((0, running(9_000), false), (3_000, running(9_000), false)));
        assert!(differs((0, running(9_000), false), (0, running(9_000), true)));
        assert!(differs((0, running(9_000), false), (0, Shown::Locked, false)));
    }
}
