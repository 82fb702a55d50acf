//! Invariant 8: a code opened in two places at once is seen within one synchronisation of their
//! meeting, judged alike everywhere by the fixed rules, and costs the site no more than each side
//! saw as left. A session that was closed before it was opened elsewhere is never taken for one.

use std::collections::{BTreeMap, BTreeSet};

use actors::replica::ROUND_MS;
use domain::fact::{Cause, Fact};
use domain::id::{EntryId, KioskId, SessionId};

use super::LATE_MS;
use crate::book::hosts::{Birth, Trouble};
use crate::book::knowledge::{CHARGE_MS, Knowledge};
use crate::book::ledger::sessions::{Session, Step, StepKind};
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId, Shown};
use crate::scenario::Words;

/// How often those that run twice are looked for, in milliseconds.
const LOOKED_MS: u64 = 1_000;
/// A machine whose disk was changed is up again within this time.
const COMES_UP_MS: u64 = 60_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct DoubleOpening {
    looked_ms: u64,
    /// Since when two hosts run one session though they can know of each other.
    /// With the longest grace period since then: the one that holds is that of the moment at which the
    /// loser learns of it, and operators change settings.
    together: BTreeMap<SessionId, (u64, u64)>,
    /// What each opening saw as left when it began.
    saw_left: BTreeMap<SessionId, u64>,
    fresh: BTreeSet<(HostId, SessionId)>,
    /// Sessions that really ran in two places at one time.
    double: BTreeSet<SessionId>,
    worst_ms: u64,
    judged: u64,
}

impl DoubleOpening {
    /// Two kiosks that are linked, or have a link to one and the same host, end it between them within
    /// two rounds and the grace period.
    fn look(&mut self, scene: Scene<'_>) -> Held {
        let mut hosts: BTreeMap<SessionId, Vec<HostId>> = BTreeMap::new();
        for (host, session) in scene.book.usage.running() {
            hosts.entry(session).or_default().push(host);
        }
        hosts.retain(|_, hosts| hosts.len() > 1);
        self.together.retain(|session, _| hosts.contains_key(session));
        for (session, hosts) in hosts {
            self.double.insert(session);
            let Some(grace_ms) = grace(&hosts, scene) else {
                self.together.remove(&session);
                continue;
            };
            let met = meet(&hosts, scene).unwrap_or(scene.at_ms);
            let (since, longest) = self.together.entry(session).or_insert((scene.at_ms, grace_ms));
            *longest = grace_ms.max(*longest);
            let (since, grace_ms) = (met.max(*since), *longest);
            let both_ms = scene.at_ms.saturating_sub(since);
            self.worst_ms = self.worst_ms.max(both_ms);
            if both_ms > 2 * ROUND_MS + grace_ms + LATE_MS {
                let names: Vec<String> = hosts.iter().map(|h| scene.cluster.name(*h)).collect();
                let names = names.join(", ");
                let what = format!("{session} runs on {names}, connected for {both_ms} ms");
                return Err(Broken::anywhere(what));
            }
        }
        Ok(())
    }

    /// A kiosk gave a session up to another: there must be one that had a claim.
    fn displaced(&mut self, entry: &EntryId, session: SessionId, scene: Scene<'_>) -> Held {
        let ledger = &scene.book.ledger;
        let (Some(found), Some(written)) = (ledger.sessions.get(&session), ledger.written(entry))
        else {
            return Ok(());
        };
        let Some(here) = found.step(entry).map(|step| step.kiosk) else {
            return Ok(());
        };
        let sound = |step: &&Step| scene.book.is_honest_epoch(&step.entry.epoch, scene.cluster);
        let opened = |step: &&Step| step.kind == StepKind::Opened;
        let own = found.steps.iter().filter(opened).rfind(|step| step.kiosk == here);
        let Some(own) = own else { return Ok(()) };
        let birth = scene.book.hosts.of(&entry.epoch);
        if birth.is_some_and(|birth| lost_its_past(birth, scene)) {
            return Ok(());
        }
        self.judged += 1;
        let others = found.steps.iter().filter(opened).filter(|step| step.kiosk != here);
        // A thief's opening, or one that a revocation took back, proves nothing either way.
        let mut rivals = others.clone().filter(|rival| !gave_up(found, rival, own));
        if !others.clone().all(|step| sound(&step)) {
            return Ok(());
        }
        if rivals.next().is_some() {
            return keeps_by_rule(entry, found, scene);
        }
        let what = format!("{session} given up to nobody: it had been closed everywhere else");
        Err(Broken::on(written.host, what))
    }

    /// The steps that stand in the end are those that the rules choose: one that had seen the other,
    /// else the one with the lower hash.
    fn chosen(&mut self, scene: Scene<'_>) -> Held {
        let Some((host, node)) = scene.book.honest(scene.cluster).next() else {
            return Ok(());
        };
        for (session, found) in scene.book.ledger.sessions.all() {
            let opened = found.steps.iter().filter(|step| step.kind == StepKind::Opened);
            let kiosks: BTreeSet<KioskId> = opened.map(|step| step.kiosk).collect();
            let certain = found.steps.iter().all(|step| {
                scene.book.is_honest_epoch(&step.entry.epoch, scene.cluster)
                    && scene.book.ledger.is_within(&step.entry)
                    && node.holds(&step.entry)
            });
            // A code that an admin host issued beyond its cut opens nothing. (World 103609.)
            let granted =
                found.grants.iter().any(|grant| scene.book.ledger.is_within(&grant.entry));
            if kiosks.is_empty() || !certain || !granted || !found.ended.is_empty() {
                continue;
            }
            let site = node.site();
            let known = site.session(session);
            // Folded away by a checkpoint: whether it might be, `pruning` judges. (World 210366 on a theme.)
            if known.is_none() && site.ground().as_of_ms.is_some() {
                continue;
            }
            self.judged += 1;
            let said = known.and_then(|known| known.winner());
            let by_rule = winner(found, scene);
            if said.map(|(entry, _)| entry) != by_rule {
                let said = said.map(|(entry, _)| entry.to_string()).unwrap_or_default();
                let rule = by_rule.map(|entry| entry.to_string()).unwrap_or_default();
                let what = format!("{session}: {said} stands, by the rules {rule}");
                return Err(Broken::on(host, what));
            }
        }
        Ok(())
    }

    fn overdraft(&mut self, scene: Scene<'_>) -> Held {
        let Some((host, node)) = scene.book.honest(scene.cluster).next() else {
            return Ok(());
        };
        for session in &self.double {
            let knowledge = Knowledge::new(scene, node, *session);
            let (Some(granted), Some(measured)) = (knowledge.granted_ms(), knowledge.measured())
            else {
                continue;
            };
            let grants = scene.book.ledger.sessions.get(session).map(|found| &found.grants);
            let changed = grants.is_none_or(|grants| grants.len() > 1);
            let saw_left = self.saw_left.get(session).copied().unwrap_or(0);
            let openings = to_u64(measured.exact.len());
            let most = saw_left + openings * (LATE_MS + CHARGE_MS);
            let used = measured.total_ms();
            self.judged += 1;
            if !changed && used > most.max(granted) {
                let what = format!(
                    "{session} used {used} ms, and its openings together saw {saw_left} ms left"
                );
                return Err(Broken::on(host, what));
            }
        }
        Ok(())
    }
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The longest grace period among these hosts; `None` where one of them says nothing that counts.
fn grace(hosts: &[HostId], scene: Scene<'_>) -> Option<u64> {
    let mut longest = 0;
    for host in hosts {
        let node = scene.cluster.node(*host)?;
        if scene.book.is_hostile(*host, scene.cluster)
            || scene.book.ledger.revocation(&node.node()).is_some()
            || scene.book.ledger.is_forked(&node.epoch())
        {
            return None;
        }
        longest = longest.max(u64::from(node.site().settings().grace_s) * 1000);
    }
    Some(longest)
}

/// Since when hosts have been able to learn of each other, by good links, directly or over one other
/// host; `None` if they are not.
fn meet(hosts: &[HostId], scene: Scene<'_>) -> Option<u64> {
    let known = &scene.book.hosts;
    let calm = |host: HostId, since: u64| {
        known.calm_since(host, since) && !scene.book.is_hostile(host, scene.cluster)
    };
    let good = |one: HostId, other: HostId| {
        let since = known.link_since(one, other)?;
        (calm(one, since) && calm(other, since)).then_some(since)
    };
    let [first, others @ ..] = hosts else { return None };
    let mut latest = 0;
    for other in others {
        let over = known.neighbours(*first).into_iter();
        let over = over.filter_map(|via| Some(good(*first, via)?.max(good(via, *other)?)));
        let since = good(*first, *other).into_iter().chain(over).min()?;
        latest = latest.max(since);
    }
    Some(latest)
}

/// Whether a process began with a disk of another time, or without one: while its log comes back piece by
/// piece, it may take what it had known to be closed for what contends. (World 3385.)
fn lost_its_past(birth: &Birth, scene: Scene<'_>) -> bool {
    let since_ms = birth.at_ms.saturating_sub(COMES_UP_MS);
    scene.book.hosts.had_since(birth.host, Trouble::Disk, since_ms)
}

/// Whether `rival` was over, as far as `own` could tell, when `own` opened; or had been freed by an
/// operator for whoever came next.
fn gave_up(found: &Session, rival: &Step, own: &Step) -> bool {
    let closed = found
        .steps
        .iter()
        .filter(|step| step.kiosk == rival.kiosk && matches!(step.kind, StepKind::Closed(_)));
    let mut ends = closed.filter(|step| found.follows(&step.entry, &rival.entry));
    ends.any(|end| found.follows(&own.entry, &end.entry))
}

/// Whether a kiosk that gave a session up with this entry had to, by the rules, as far as it knew.
fn keeps_by_rule(given_up: &EntryId, found: &Session, scene: Scene<'_>) -> Held {
    let of = |host: &HostId| Some((*host, scene.cluster.node(*host)?));
    let written = scene.book.ledger.written(given_up);
    let Some((host, node)) = written.and_then(|written| of(&written.host)) else {
        return Ok(());
    };
    let knew = |step: &&Step| step.entry != *given_up && node.holds(&step.entry);
    let counts = |step: &Step| scene.book.ledger.is_within(&step.entry);
    let steps: Vec<Step> = found.steps.iter().filter(knew).cloned().collect();
    let certain = steps.iter().all(counts);
    let before = Session { steps, ..Session::default() };
    let by_rule = winner(&before, scene).and_then(|entry| before.step(&entry));
    if !certain || by_rule.map(|step| step.kiosk) != node.kiosk() {
        return Ok(());
    }
    Err(Broken::on(host, String::from("a session given up that the rules leave here")))
}

/// The step that stands by the rules, written a second time: of the kiosks with an opening that no
/// other opening had seen, the last steps; pausing before running before an end, then the lower hash.
fn winner(found: &Session, scene: Scene<'_>) -> Option<EntryId> {
    let opened: Vec<&Step> = found.steps.iter().filter(|s| s.kind == StepKind::Opened).collect();
    let unseen =
        |step: &&&Step| !opened.iter().any(|other| found.follows(&other.entry, &step.entry));
    let kiosks: BTreeSet<KioskId> = opened.iter().filter(unseen).map(|s| s.kiosk).collect();
    let heads = found.steps.iter().filter(|step| {
        let followed = found.steps.iter().any(|newer| {
            let may = newer.kind == StepKind::Opened || newer.kiosk == step.kiosk;
            may && newer.replaces.contains(&step.entry)
        });
        kiosks.contains(&step.kiosk) && !followed
    });
    let rank = |step: &Step| match step.kind {
        StepKind::Paused => 2,
        StepKind::Opened | StepKind::Resumed => 1,
        StepKind::Closed(_) => 0,
    };
    let hash = |step: &Step| scene.book.ledger.written(&step.entry).map(|w| w.fact_hash);
    let best = heads
        .max_by(|one, other| rank(one).cmp(&rank(other)).then_with(|| hash(other).cmp(&hash(one))));
    best.map(|step| step.entry)
}

impl Invariant for DoubleOpening {
    fn number(&self) -> u8 {
        8
    }

    fn name(&self) -> &'static str {
        "double_opening"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Un code tapé sur deux postes qui ne se voient pas n’en occupe bientôt plus qu’un, et personne n’est chassé à tort.",
            "A code typed on two kiosks that cannot see each other soon holds only one, and nobody is sent away by mistake.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events open nothing")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        match event {
            Event::Typed { host, session, why_not: None } => {
                self.fresh.insert((*host, *session));
            }
            Event::Shows { host, shown: Shown::Running { session, remaining_ms }, .. }
                if self.fresh.remove(&(*host, *session)) =>
            {
                let sum = self.saw_left.entry(*session).or_default();
                *sum = sum.saturating_add(*remaining_ms);
            }
            Event::Wrote { entries, .. } => {
                for entry in entries {
                    let written = scene.book.ledger.written(entry);
                    if let Some(Fact::SessionClosed(closed)) = written.and_then(|w| w.fact.as_ref())
                        && closed.cause == Cause::Displaced
                    {
                        self.displaced(entry, closed.session, scene)?;
                    }
                }
            }
            _ => {}
        }
        if scene.at_ms < self.looked_ms.saturating_add(LOOKED_MS) {
            return Ok(());
        }
        self.looked_ms = scene.at_ms;
        self.look(scene)
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        self.chosen(scene)?;
        self.overdraft(scene)
    }

    fn judged(&self) -> u64 {
        self.judged + to_u64(self.double.len())
    }

    fn worst(&self) -> Option<(f64, &'static str)> {
        (!self.double.is_empty()).then_some((self.worst_ms as f64 / 1000.0, "s"))
    }
}

#[cfg(test)]
mod tests;
