//! From a scenario's faults to the orders that an admin node can give.

use std::time::Duration;

use domain::id::NodeId;
use serde_json::{Value, json};

use crate::event::HostId;
use crate::fault::{Fault, Shape};
use crate::record::drawn;
use crate::scenario::{Cast, Limits, Scenario, Step, Words};
use crate::target::NotRun;

use super::cannot;
use super::roll::Roll;

/// The control socket's word for giving an order.
pub(super) const BEGIN: &str = "fault_begin";

/// One order, to be given at its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// Milliseconds after the beginning.
    pub(super) at_ms: u64,
    /// Until the nodes end it by themselves, in seconds.
    pub(super) for_s: u32,
    /// Number of the scenario's fault that it is part of.
    pub(super) fault: u32,
    /// Who is to obey.
    pub(super) hosts: Vec<HostId>,
    /// With whom they make no links; `None`: their processes are killed.
    pub(super) cut_from: Option<Vec<HostId>>,
}

impl Order {
    /// The order as the control socket takes it, or asks about it.
    pub(super) fn request(&self, word: &str, roll: &Roll, limits: &Limits) -> Value {
        let ids = |hosts: &[HostId]| -> Vec<NodeId> {
            hosts.iter().filter_map(|host| roll.node(*host)).collect()
        };
        let mut request = json!({
            "do": word,
            "nodes": ids(&self.hosts),
            "for_s": self.for_s,
            "limits": {
                "hours": limits.hours,
                "share": limits.share(),
                "keep_durable": limits.keep_durable(),
                "deadline_s": limits.deadline_s(),
            },
        });
        if word == BEGIN {
            request["what"] = match &self.cut_from {
                Some(from) => json!({"cut": {"from": ids(from)}}),
                None => json!("restart"),
            };
        }
        request
    }

    /// Whether its faults are in force when another order is given.
    fn lasts_until(&self, at_ms: u64) -> bool {
        self.at_ms <= at_ms && at_ms < self.at_ms.saturating_add(u64::from(self.for_s) * 1_000)
    }

    /// As [`Order::request`] has to ask about it: limits hold for all that is under a fault at one time.
    pub(super) fn with_what_lasts(&self, orders: &[Order]) -> Self {
        let lasting = orders.iter().filter(|order| order.lasts_until(self.at_ms));
        let mut hosts: Vec<HostId> = lasting.flat_map(|order| order.hosts.clone()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        Self { hosts, ..self.clone() }
    }

    /// The order in a line, by the names of the hosts.
    pub(super) fn words(&self, names: &[String]) -> Words {
        let hosts = self.hosts.iter().filter_map(|host| names.get(usize::from(host.0)));
        let hosts: Vec<&str> = hosts.map(String::as_str).collect();
        let (hosts, at_s, for_s) = (hosts.join(", "), self.at_ms / 1_000, self.for_s);
        match self.cut_from {
            Some(_) => Words::new(
                format!("{at_s:>7} s  coupure des autres, {for_s} s : {hosts}"),
                format!("{at_s:>7} s  cut off from the others, {for_s} s: {hosts}"),
            ),
            None => Words::new(
                format!("{at_s:>7} s  programme tué : {hosts}"),
                format!("{at_s:>7} s  process killed: {hosts}"),
            ),
        }
    }
}

/// The orders of a scenario, in the order of their times.
///
/// # Errors
/// The first fault that no node of a real site bears, or that would last too long.
pub(super) fn orders(scenario: &Scenario, cast: &Cast) -> Result<Vec<Order>, NotRun> {
    let mut orders = Vec::new();
    for ((number, step), hosts) in (0..).zip(&scenario.fault).zip(&cast.faults) {
        orders.extend(of_step(scenario, number, step, hosts)?);
    }
    if orders.is_empty() {
        return Err(cannot(Words::new(
            "rien n'y est à ordonner à un vrai site, et personne n'est envoyé aux postes",
            "nothing of it can be ordered on a real site, and nobody is sent to use kiosks",
        )));
    }
    orders.sort_by_key(|order| order.at_ms);
    Ok(orders)
}

fn of_step(
    scenario: &Scenario,
    fault: u32,
    step: &Step,
    hosts: &[HostId],
) -> Result<Vec<Order>, NotRun> {
    let at_ms = milliseconds(step.at_s);
    let until_ms = step.for_s.map_or(scenario.lasts_s * 1_000, |for_s| at_ms + milliseconds(for_s));
    let lasts_ms = until_ms.saturating_sub(at_ms);
    let others = |of: &[HostId]| scenario.site.hosts().filter(|host| !of.contains(host)).collect();
    let cut = |at_ms: u64, lasts_ms: u64, of: &[HostId]| {
        let hosts = of.to_vec();
        Order { at_ms, for_s: seconds(lasts_ms), fault, hosts, cut_from: Some(others(of)) }
    };
    let each_alone = || hosts.iter().map(|host| cut(at_ms, lasts_ms, &[*host])).collect();
    let orders: Vec<Order> = match &step.fault {
        Fault::Cut { shape: Shape::Apart, .. } => vec![cut(at_ms, lasts_ms, hosts)],
        Fault::Cut { shape: Shape::Alone, .. } | Fault::Pause { .. } => each_alone(),
        Fault::Flap { period_ms, .. } => {
            let turns = (at_ms..until_ms).step_by(usize::try_from(period_ms * 2).unwrap_or(1));
            turns.map(|at_ms| cut(at_ms, *period_ms, hosts)).collect()
        }
        Fault::Kill { .. } | Fault::Reboot { .. } => {
            let for_s = seconds(lasts_ms);
            vec![Order { at_ms, for_s, fault, hosts: hosts.to_vec(), cut_from: None }]
        }
        Fault::Cut { shape: Shape::Bridge | Shape::Ring | Shape::Mute | Shape::Deaf, .. }
        | Fault::Degrade { .. }
        | Fault::NewAddress { .. }
        | Fault::Suspend { .. }
        | Fault::PowerCut { .. }
        | Fault::Amnesia { .. }
        | Fault::Replace { .. }
        | Fault::Restore { .. }
        | Fault::Clone { .. }
        | Fault::OtherRelease { .. }
        | Fault::DiskFull { .. }
        | Fault::DiskSlow { .. }
        | Fault::DiskFails { .. }
        | Fault::TornTail { .. }
        | Fault::BitFlip { .. }
        | Fault::ClockJump { .. }
        | Fault::ClockLost { .. }
        | Fault::ClockStrobe { .. }
        | Fault::ClockDrift { .. }
        | Fault::Hostile { .. }
        | Fault::Revoke { .. } => {
            let name = drawn(&step.fault).1;
            return Err(cannot(Words::new(
                format!("{name} : aucun nœud d'un vrai site ne subit cela"),
                format!("{name}: no node of a real site bears that"),
            )));
        }
    };
    let deadline_s = scenario.limits.deadline_s();
    match orders.iter().find(|order| u64::from(order.for_s) > deadline_s) {
        Some(long) => {
            let (name, for_s) = (drawn(&step.fault).1, long.for_s);
            Err(cannot(Words::new(
                format!(
                    "{name} durerait {for_s} s, ses limites disent {deadline_s} (--within la raccourcit)"
                ),
                format!(
                    "{name} would last {for_s} s, its limits say {deadline_s} (--within makes it shorter)"
                ),
            )))
        }
        None => Ok(orders),
    }
}

fn milliseconds(seconds: f64) -> u64 {
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whole seconds, one at least: orders know no less.
fn seconds(ms: u64) -> u32 {
    u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::shipped::{SHIPPED, named};

    fn orders_of(name: &str, within_s: u64) -> Result<Vec<Order>, NotRun> {
        let scenario = named(name).unwrap().scenario().unwrap().within(within_s);
        orders(&scenario, &scenario.cast(1).unwrap())
    }

    #[test]
    fn a_room_is_cut_in_two_by_one_order_to_one_half() {
        let orders = orders_of("room-in-two", 2_700).unwrap();
        let [order] = &orders[..] else { panic!("{orders:?}") };
        assert_eq!((order.at_ms, order.for_s), (900_000, 1_200));
        let from = order.cut_from.as_ref().unwrap();
        assert_eq!(order.hosts.len() + from.len(), 14);
        assert!(order.hosts.iter().all(|host| !from.contains(host)));
    }

    #[test]
    fn kiosks_that_are_each_alone_are_cut_from_each_other_too() {
        let orders = orders_of("same-code", 2_400).unwrap();
        assert_eq!(orders.len(), 3);
        for order in orders {
            assert_eq!(order.hosts.len(), 1);
            assert_eq!(order.cut_from.unwrap().len(), 7);
        }
    }

    #[test]
    fn limits_hold_for_all_that_is_under_a_fault_when_an_order_is_given() {
        let order = |at_s: u64, for_s, host| Order {
            at_ms: at_s * 1_000,
            for_s,
            fault: 0,
            hosts: vec![HostId(host)],
            cut_from: None,
        };
        let orders = [order(0, 10, 1), order(5, 10, 2), order(10, 1, 3), order(20, 1, 4)];
        let hosts = orders.iter().map(|order| order.with_what_lasts(&orders).hosts);
        let hosts: Vec<Vec<u16>> =
            hosts.map(|hosts| hosts.into_iter().map(|host| host.0).collect()).collect();
        assert_eq!(hosts, [vec![1], vec![1, 2], vec![2, 3], vec![4]]);
    }

    #[test]
    fn a_flapping_switch_comes_back_between_its_cuts() {
        let orders = orders_of("flapping-switch", 2_400).unwrap();
        let slow: Vec<&Order> = orders.iter().filter(|order| order.fault == 0).collect();
        assert_eq!(slow.len(), 38);
        for pair in slow.windows(2) {
            assert!(pair[0].at_ms + u64::from(pair[0].for_s) * 1_000 < pair[1].at_ms);
        }
    }

    #[test]
    fn a_fault_beyond_its_deadline_is_not_begun() {
        assert!(matches!(orders_of("admin-off", 32_400), Err(NotRun::Cannot { .. })));
        let [order] = &orders_of("admin-off", 3_600).unwrap()[..] else { panic!("one order") };
        assert_eq!((order.for_s, &order.cut_from), (3_200, &None));
    }

    #[test]
    fn clocks_disks_and_keys_of_a_real_site_are_left_alone() {
        for name in ["clock-chaos", "disk-full", "hostile-kiosk", "power-cut", "usb-clone"] {
            assert!(matches!(orders_of(name, 600), Err(NotRun::Cannot { .. })), "{name}");
        }
        let can = SHIPPED.iter().filter(|shipped| orders_of(shipped.name, 600).is_ok());
        assert!(can.count() >= 6);
    }
}
