//! Holds the limits of an exercise, on the admin node that is asked to order its faults. Pure; the
//! moment and the room are arguments.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::NodeId;
use serde::{Deserialize, Serialize};

use super::hours::Hours;
use crate::config::TimeOfDay;

/// Limits, as whoever asks for a fault states them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Local hours, `20:00-07:00`. Not said: only while nobody uses the kiosks concerned.
    pub(crate) hours: Option<Hours>,
    /// Most kiosks under a fault at one time, in hundredths.
    pub(crate) share: u8,
    /// Durable nodes that are linked and under no fault, at any time: at least 1.
    pub(crate) keep_durable: u16,
    /// Longest fault, in seconds.
    pub(crate) deadline_s: u32,
}

/// A node as the referee sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Whether it is a kiosk's.
    pub(crate) kiosk: bool,
    /// Whether it keeps what it holds over a restart.
    pub(crate) durable: bool,
    /// Whether this node is linked to it, or is it.
    pub(crate) linked: bool,
    /// Whether a session stands on its kiosk.
    pub(crate) in_use: bool,
}

/// The room at the moment of asking.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    /// Every node that stands.
    pub(crate) nodes: BTreeMap<NodeId, Standing>,
    /// Local time of day.
    pub(crate) time: TimeOfDay,
    /// Boot time of the admin node.
    pub(crate) boot_ms: u64,
}

/// Why a fault is not ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Foul {
    /// It is not the hour.
    OutOfHours,
    /// No hours were stated, and a patron uses a kiosk concerned.
    InUse,
    /// More kiosks would be under a fault than stated.
    BeyondShare {
        /// Kiosks that would be under a fault.
        kiosks: usize,
        /// Kiosks of the site.
        of: usize,
        /// The limit, in hundredths.
        share: u8,
    },
    /// Too few durable nodes would be left untouched.
    LastDurable {
        /// Left.
        left: usize,
        /// The limit.
        keep: u16,
    },
    /// It would last too long, or no time at all.
    TooLong {
        /// The limit.
        most_s: u32,
    },
    /// A node that is no member, or nobody at all.
    UnknownNode,
}

/// Remembers which nodes are under a fault.
#[derive(Debug, Default)]
pub(crate) struct Referee {
    /// With the boot time at which each has ended it by itself.
    under: BTreeMap<NodeId, u64>,
}

impl Referee {
    /// Whether every limit would hold with a fault on `nodes` for so many seconds.
    pub(crate) fn check(
        &self,
        nodes: &[NodeId],
        for_s: u32,
        limits: &Limits,
        room: &Room,
    ) -> Result<(), Foul> {
        if nodes.is_empty() || !nodes.iter().all(|node| room.nodes.contains_key(node)) {
            return Err(Foul::UnknownNode);
        }
        if for_s == 0 || for_s > limits.deadline_s {
            return Err(Foul::TooLong { most_s: limits.deadline_s });
        }
        let in_use = |node: &NodeId| room.nodes.get(node).is_some_and(|standing| standing.in_use);
        match limits.hours {
            Some(hours) if !hours.hold(room.time, for_s) => return Err(Foul::OutOfHours),
            None if nodes.iter().any(in_use) => return Err(Foul::InUse),
            Some(_) | None => {}
        }
        let running = self.under(room.boot_ms).map(|(node, _)| node);
        let under: BTreeSet<NodeId> = running.chain(nodes.iter().copied()).collect();
        check_share(&under, limits, room)?;
        check_durable(&under, limits, room)
    }

    /// Books a fault on `nodes` for so many seconds, if every limit holds with it.
    pub(crate) fn book(
        &mut self,
        nodes: &[NodeId],
        for_s: u32,
        limits: &Limits,
        room: &Room,
    ) -> Result<(), Foul> {
        self.under.retain(|_, end| room.boot_ms < *end);
        self.check(nodes, for_s, limits, room)?;
        let end = room.boot_ms.saturating_add(u64::from(for_s) * 1_000);
        for node in nodes {
            let booked = self.under.entry(*node).or_default();
            *booked = end.max(*booked);
        }
        Ok(())
    }

    /// A node bears nothing any more, or never did.
    pub(crate) fn release(&mut self, node: &NodeId) {
        self.under.remove(node);
    }

    /// The nodes that may be under a fault at this boot time, and how long still, in milliseconds.
    pub(crate) fn under(&self, boot_ms: u64) -> impl Iterator<Item = (NodeId, u64)> {
        let left = move |(node, end): (&NodeId, &u64)| (*node, end.saturating_sub(boot_ms));
        self.under.iter().map(left).filter(|(_, left_ms)| *left_ms > 0)
    }
}

fn check_share(under: &BTreeSet<NodeId>, limits: &Limits, room: &Room) -> Result<(), Foul> {
    let is_kiosk = |node: &&NodeId| room.nodes.get(node).is_some_and(|standing| standing.kiosk);
    let kiosks = under.iter().filter(is_kiosk).count();
    let of = room.nodes.values().filter(|standing| standing.kiosk).count();
    if kiosks * 100 > of * usize::from(limits.share) {
        return Err(Foul::BeyondShare { kiosks, of, share: limits.share });
    }
    Ok(())
}

fn check_durable(under: &BTreeSet<NodeId>, limits: &Limits, room: &Room) -> Result<(), Foul> {
    let untouched = room
        .nodes
        .iter()
        .filter(|(node, standing)| standing.durable && standing.linked && !under.contains(node));
    let (left, keep) = (untouched.count(), limits.keep_durable.max(1));
    if left < usize::from(keep) {
        return Err(Foul::LastDurable { left, keep });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
