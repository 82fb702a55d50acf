//! What people do in a run, and when: drawn from the seed before anything runs.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::event::HostId;
use crate::scenario::{Cast, Load, MOST_USED, Scenario};

/// Longest extension of a scenario's arrivals: people who would come after the end stay away.
const HOUR_MS: u64 = 3_600_000;
/// Between two pulls of a plug, so that a code can be typed and used.
const BETWEEN_PULLS_MS: u64 = 12_000;
/// Between two disagreements of operators.
const BETWEEN_QUARRELS_MS: u64 = 4_000;
/// Between two wrong codes: what fingers take.
const BETWEEN_WRONG_MS: u64 = 1_000;

/// Something that people do at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// A patron comes to the desk, gets a code and takes a free kiosk.
    Come { seconds: u32 },
    /// The patron of a kiosk leaves it.
    Leave { host: HostId },
    /// An operator does this or that.
    Operate,
    /// A code is issued that several people will have.
    IssueFor { load: usize, seconds: u32 },
    /// It is typed on several kiosks at one time.
    TypeEverywhere { load: usize, hosts: Vec<HostId> },
    /// A kiosk is switched off until somebody switches it on.
    SwitchOff { host: HostId },
    /// A kiosk is switched on, and a patron waits in front of it.
    SwitchOn { host: HostId },
    /// Operators close everything that runs.
    CloseAll,
    /// One extends what another closes.
    Quarrel,
    /// The patron of a kiosk pulls its plug, puts it back and types the code again.
    PullPlug { host: HostId },
    /// The patron who pulled the plug types the code again, or a first one.
    TypeAgain { host: HostId },
    /// Codes by the batch.
    Batch { codes: u16, seconds: u32 },
    /// Somebody comes with a printed one.
    BringPrinted { seconds: u32 },
    /// A wrong code.
    Wrong { host: HostId },
}

/// The deeds of a scenario's loads with their times, in milliseconds after the beginning.
pub(super) fn deeds(scenario: &Scenario, cast: &Cast, seed: u64) -> Vec<(u64, Deed)> {
    let mut draw = StdRng::seed_from_u64(seed);
    let end_ms = scenario.lasts_s * 1_000;
    let mut deeds = Vec::new();
    for (number, (load, hosts)) in scenario.load.iter().zip(&cast.loads).enumerate() {
        let from_ms = load.begins_s() * 1_000;
        match load {
            Load::Patrons { per_hour, minutes, .. } => {
                let seconds = u32::from(*minutes) * 60;
                let come = arrivals(from_ms, end_ms, *per_hour, &mut draw);
                deeds.extend(come.into_iter().map(|at| (at, Deed::Come { seconds })));
            }
            Load::Operators { per_hour, .. } => {
                let acts = arrivals(from_ms, end_ms, *per_hour, &mut draw);
                deeds.extend(acts.into_iter().map(|at| (at, Deed::Operate)));
            }
            Load::SameCode { minutes, .. } => {
                let seconds = u32::from(*minutes) * 60;
                // Known everywhere before anybody is cut off.
                deeds.push((0, Deed::IssueFor { load: number, seconds }));
                let hosts = hosts.clone();
                deeds.push((from_ms, Deed::TypeEverywhere { load: number, hosts }));
            }
            Load::OpeningRush { within_s, .. } => {
                for host in scenario.site.kiosk_hosts() {
                    let within_ms = (within_s * 1_000).max(1);
                    deeds.push((from_ms, Deed::SwitchOff { host }));
                    let on_ms = from_ms + draw.random_range(0..within_ms);
                    deeds.push((on_ms.max(from_ms + 1), Deed::SwitchOn { host }));
                }
            }
            Load::ClosingTime { .. } => deeds.push((from_ms, Deed::CloseAll)),
            Load::ExtendAgainstClose { times, .. } => {
                let quarrels = (0..u64::from(*times)).map(|n| from_ms + n * BETWEEN_QUARRELS_MS);
                deeds.extend(quarrels.map(|at| (at, Deed::Quarrel)));
            }
            Load::RebootAbuse { times, .. } => {
                for host in hosts {
                    deeds.push((from_ms, Deed::TypeAgain { host: *host }));
                    let pulls = (1..=u64::from(*times)).map(|n| from_ms + n * BETWEEN_PULLS_MS);
                    deeds.extend(pulls.map(|at| (at, Deed::PullPlug { host: *host })));
                }
            }
            Load::Batch { codes, minutes, within_s, .. } => {
                let seconds = u32::from(*minutes) * 60;
                deeds.push((from_ms, Deed::Batch { codes: *codes, seconds }));
                for _ in 0..(*codes).min(MOST_USED) {
                    let at_ms = from_ms + draw.random_range(0..(within_s * 1_000).max(1));
                    deeds.push((at_ms, Deed::BringPrinted { seconds }));
                }
            }
            Load::WrongCodes { times, .. } => {
                for host in hosts {
                    let tries = (0..u64::from(*times)).map(|n| from_ms + n * BETWEEN_WRONG_MS);
                    deeds.extend(tries.map(|at| (at, Deed::Wrong { host: *host })));
                }
            }
        }
    }
    deeds.retain(|(at, _)| *at < end_ms);
    deeds.sort_by_key(|(at, _)| *at);
    deeds
}

/// Moments at which somebody comes: on the average so many in an hour, as irregular as people are.
fn arrivals(from_ms: u64, end_ms: u64, per_hour: u32, draw: &mut StdRng) -> Vec<u64> {
    let Some(mean_ms) = HOUR_MS.checked_div(u64::from(per_hour)) else {
        return Vec::new();
    };
    let mut arrivals = Vec::new();
    let mut at = from_ms;
    loop {
        at += draw.random_range(0..=2 * mean_ms).max(1);
        if at >= end_ms {
            return arrivals;
        }
        arrivals.push(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_come_about_as_often_as_said() {
        let mut draw = StdRng::seed_from_u64(3);
        let come = arrivals(0, 10 * HOUR_MS, 100, &mut draw);
        assert!((800..1_200).contains(&come.len()), "{}", come.len());
        assert!(come.is_sorted());
        assert!(arrivals(0, HOUR_MS, 0, &mut draw).is_empty());
    }
}
