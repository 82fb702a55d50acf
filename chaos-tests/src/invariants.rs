//! The invariants: what must hold in every run, on every target, whatever goes wrong. One to a file.

mod any_order;
mod bounds;
mod clean_start;
mod closing;
mod convergence;
mod double_count;
mod double_opening;
mod durable_ack;
mod early_ack;
mod equivocation;
mod erasure;
mod fair_restart;
mod one_content;
mod overrun;
mod poison;
mod privacy;
mod promised;
mod pruning;
mod releases;
mod remaining;
mod revocation;
mod role;
mod site_time;

#[cfg(test)]
mod stage;

use std::collections::BTreeSet;

use domain::id::EntryId;

use crate::checker::{Broken, Held, Invariant, Scene};
use crate::cluster::NodeState;
use crate::replay::{Picture, Replay};
use crate::scenario::Hold;

pub use promised::promised;

/// Every invariant, in the order of their numbers.
pub fn all(hold: &Hold) -> Vec<Box<dyn Invariant>> {
    vec![
        Box::<durable_ack::DurableAck>::default(),
        Box::<early_ack::EarlyAck>::default(),
        Box::new(overrun::Overrun::new(hold)),
        Box::<closing::Closing>::default(),
        Box::<fair_restart::FairRestart>::default(),
        Box::<double_count::DoubleCount>::default(),
        Box::<remaining::Remaining>::default(),
        Box::<double_opening::DoubleOpening>::default(),
        Box::new(convergence::Convergence::new(hold)),
        Box::<any_order::AnyOrder>::default(),
        Box::<role::Role>::default(),
        Box::<revocation::Revocation>::default(),
        Box::new(equivocation::Equivocation::new(hold)),
        Box::<one_content::OneContent>::default(),
        Box::<clean_start::CleanStart>::default(),
        Box::<pruning::Pruning>::default(),
        Box::<bounds::Bounds>::default(),
        Box::<poison::Poison>::default(),
        Box::<releases::Releases>::default(),
        Box::<erasure::Erasure>::default(),
        Box::<site_time::SiteTime>::default(),
        Box::<privacy::Privacy>::default(),
    ]
}

/// Rounds of anti-entropy within which a healed cluster agrees, where a scenario says nothing else.
const ROUNDS: u32 = 10;
/// What pictures and polls may be late by, in milliseconds: the page is drawn each second, and the
/// laboratory looks at it a few times in one.
const LATE_MS: u64 = 2_000;
/// A kiosk finds out within this time that its last link has gone, in milliseconds. Where it still hears
/// and is not heard, the others give up first. From then on it hears nothing, and gives up after five
/// seconds, counted anew from the first packet that it sends into the silence; QUIC waits for three probe
/// timeouts instead where packets were lost before, and those are longer. (Of links that lost three
/// packets of ten some took fifteen seconds: world 701700, on real links.)
const NOTICE_MS: u64 = 20_000;

/// Holds if the honest node that holds most of these entries shows the same with them and without.
fn without_effect(entries: &BTreeSet<EntryId>, what: &str, scene: Scene<'_>) -> Held {
    let held = |node: &dyn NodeState| entries.iter().filter(|entry| node.holds(entry)).count();
    let nodes = scene.book.honest(scene.cluster).map(|(host, node)| (held(node), host, node));
    let most = nodes.reduce(|most, next| if next.0 > most.0 { next } else { most });
    let Some((_, host, node)) = most else {
        return Ok(());
    };
    let gone = |entry: &EntryId| entries.contains(entry);
    let (site, order) = (node.site(), scene.at_ms);
    let (with, without) = match Replay::of(node) {
        Some(all) => (Picture::of(&site), all.without(gone).fold(order)),
        // It stands on a checkpoint: then what all wrote is folded twice.
        None => {
            let all = Replay::held_by(node, scene.book.ledger.facts());
            (Picture::of(&all.fold(order)), all.without(gone).fold(order))
        }
    };
    match with.difference(&Picture::of(&without)) {
        None => Ok(()),
        Some(difference) => Err(Broken::on(host, format!("{what} changed {difference}"))),
    }
}
