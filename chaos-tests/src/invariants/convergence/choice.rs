//! What stands of several things that operators said, worked out a second time: what nothing else
//! replaces; of several such, the stricter; then the lower hash.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use domain::fact::Fact;
use domain::id::{EntryId, KioskId};
use domain::settings::{IsolationPolicy, Settings};

use crate::checker::Scene;
use crate::cluster::NodeState;

/// Something said, which may replace something said before.
struct Said<'a, T> {
    entry: EntryId,
    replaces: &'a [EntryId],
    value: T,
    hash: [u8; 32],
}

/// The one that stands.
fn stands<'a, T, R: Ord>(said: &'a [Said<'_, T>], strictness: impl Fn(&T) -> R) -> Option<&'a T> {
    let replaced: BTreeSet<&EntryId> = said.iter().flat_map(|said| said.replaces).collect();
    let heads = said.iter().filter(|said| !replaced.contains(&said.entry));
    let best = heads.max_by(|one, other| {
        let stricter = strictness(&one.value).cmp(&strictness(&other.value));
        stricter.then_with(|| other.hash.cmp(&one.hash))
    });
    best.map(|said| &said.value)
}

/// Settings by strictness: what an isolated kiosk may do, then for how long.
fn strictness(settings: &&Settings) -> (u8, Reverse<u32>) {
    let policy = match settings.isolation {
        IsolationPolicy::AcceptKnown => 0,
        IsolationPolicy::Finish => 1,
        IsolationPolicy::Lock => 2,
    };
    (policy, Reverse(settings.allowance_s))
}

/// Whether a node takes for settings, names and services what the rules choose of what was written.
/// Where a thief sat at an admin node, or one was revoked, the laws leave room.
#[allow(clippy::wildcard_enum_match_arm, reason = "the other facts replace nothing here")]
pub(super) fn holds(node: &dyn NodeState, scene: Scene<'_>) -> Result<(), String> {
    let book = scene.book;
    let mut settings = Vec::new();
    let mut names: BTreeMap<KioskId, Vec<Said<'_, &str>>> = BTreeMap::new();
    let mut services: BTreeMap<KioskId, Vec<Said<'_, bool>>> = BTreeMap::new();
    for (entry, written) in book.ledger.entries() {
        let Some(birth) = book.hosts.of(&entry.epoch) else {
            return Ok(());
        };
        if birth.kiosk.is_some() {
            continue;
        }
        if book.is_hostile(birth.host, scene.cluster)
            || book.ledger.revocation(&birth.node).is_some()
        {
            return Ok(());
        }
        let Some(fact) = written.fact.as_ref().filter(|_| node.holds(entry)) else {
            continue;
        };
        let (entry, hash) = (*entry, written.fact_hash);
        match fact {
            Fact::SettingsChanged(f) => {
                settings.push(Said { entry, replaces: &f.replaces, value: &f.settings, hash });
            }
            Fact::KioskNamed(f) => {
                let said = Said { entry, replaces: &f.replaces, value: f.name.as_str(), hash };
                names.entry(f.kiosk).or_default().push(said);
            }
            Fact::KioskDescribed(f) => {
                let said = Said { entry, replaces: &f.replaces, value: f.in_service, hash };
                services.entry(f.kiosk).or_default().push(said);
            }
            _ => {}
        }
    }
    let site = node.site();
    if let Some(chosen) = stands(&settings, strictness)
        && site.settings() != **chosen
    {
        return Err(format!("settings {:?} stand, by the rules {chosen:?}", site.settings()));
    }
    for (kiosk, said) in &names {
        let chosen = stands(said, |_| ());
        let name = site.kiosk_name(kiosk);
        if chosen.is_some_and(|chosen| *chosen != name) {
            return Err(format!("{kiosk} is called {name}, by the rules {chosen:?}"));
        }
    }
    for (kiosk, said) in &services {
        let open = site.kiosks().get(kiosk).is_none_or(|known| known.in_service());
        // Out of service is the stricter.
        if stands(said, |in_service| !in_service).is_some_and(|chosen| *chosen != open) {
            return Err(format!("{kiosk}: in service {open}, by the rules otherwise"));
        }
    }
    Ok(())
}
