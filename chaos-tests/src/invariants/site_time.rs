//! Invariant 21: a kiosk in touch with all admin nodes has their time, whatever its own clock or
//! another kiosk's says.

use super::LATE_MS;
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::cluster::NodeState;
use crate::event::{Event, HostId};
use crate::fault::Fault;
use crate::scenario::Words;

/// How often clocks are compared, in milliseconds.
const LOOKED_MS: u64 = 5_000;
/// By now a word of each admin node in reach has come: each says its time every round.
const CALM_MS: u64 = 15_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct SiteTime {
    looked_ms: u64,
    /// Admin hosts, by the way they started.
    admins: Vec<HostId>,
    /// Whether an admin host's clock was wrong: then there may be two times, and both are right.
    two_times: bool,
    judged: u64,
    worst_ms: u64,
}

impl SiteTime {
    fn look(&mut self, scene: Scene<'_>) -> Held {
        for (host, node) in scene.book.honest(scene.cluster) {
            let Some(right_ms) = self.time_in_reach(host, scene) else {
                continue;
            };
            let moment = node.moment();
            if node.kiosk().is_none() || !moment.trusted {
                continue;
            }
            self.judged += 1;
            let off_ms = moment.wall_ms.abs_diff(right_ms);
            self.worst_ms = self.worst_ms.max(off_ms);
            if off_ms > LATE_MS {
                let what = format!("its time is {off_ms} ms off that of the admin nodes in reach");
                return Err(Broken::on(host, what));
            }
        }
        Ok(())
    }

    /// The time of the admin nodes, if a host has had good links to all of them.
    fn time_in_reach(&self, host: HostId, scene: Scene<'_>) -> Option<i64> {
        let (hosts, since) = (&scene.book.hosts, scene.at_ms.checked_sub(CALM_MS)?);
        let calm = |host: HostId| {
            hosts.calm_since(host, since) && !scene.book.is_hostile(host, scene.cluster)
        };
        let admin = *self.admins.first()?;
        let linked = |admin: &HostId| hosts.link_since(host, *admin).is_some_and(|at| at <= since);
        let mut admins = self.admins.iter();
        let all_calm = calm(host) && admins.all(|admin| calm(*admin) && linked(admin));
        let node: Option<&dyn NodeState> = scene.cluster.node(admin).filter(|_| all_calm);
        node.map(|node| node.moment().wall_ms)
    }
}

impl Invariant for SiteTime {
    fn number(&self) -> u8 {
        21
    }

    fn name(&self) -> &'static str {
        "site_time"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Un poste dont l'horloge se trompe n'avance ni ne retarde les autres, et aucun code valable n'est refusé pour cela.",
            "A kiosk whose clock is wrong puts no other forward or back, and no valid code is refused for it.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events set no clock")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        match event {
            Event::Started { host, kiosk: None, .. } if !self.admins.contains(host) => {
                self.admins.push(*host);
            }
            Event::FaultBegan {
                fault:
                    Fault::ClockJump { .. }
                    | Fault::ClockLost { .. }
                    | Fault::ClockStrobe { .. }
                    | Fault::ClockDrift { .. },
                hosts,
                ..
            } => self.two_times |= hosts.iter().any(|host| self.admins.contains(host)),
            _ => {}
        }
        if self.two_times || scene.at_ms < self.looked_ms.saturating_add(LOOKED_MS) {
            return Ok(());
        }
        self.looked_ms = scene.at_ms;
        self.look(scene)
    }

    fn healed(&mut self, _scene: Scene<'_>) -> Held {
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }

    fn worst(&self) -> Option<(f64, &'static str)> {
        (self.judged > 0).then_some((self.worst_ms as f64 / 1000.0, "s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Hosts;
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_ADMIN, Stage};

    fn linked(wrong: Option<HostId>) -> Stage<SiteTime> {
        let mut stage = Stage::with(SiteTime::default());
        stage.link(ADMIN, KIOSK);
        stage.link(OTHER_ADMIN, KIOSK);
        if let Some(host) = wrong {
            let hosts = Hosts(String::from("one"));
            stage.begin(Fault::ClockJump { hosts, by_s: 90 }, &[host]);
        }
        stage.pass(60_000);
        stage.see(Event::Sometimes("a minute passed"));
        stage
    }

    #[test]
    fn a_kiosk_with_the_time_of_its_desk_is_right() {
        let stage = linked(Some(KIOSK));
        assert_eq!((stage.broken(), stage.judged()), (None, 1));
    }

    #[test]
    fn a_kiosk_with_another_kiosks_time_is_seen() {
        let mut stage = linked(None);
        stage.nodes.at_mut(KIOSK).off_ms = 90_000;
        stage.pass(LOOKED_MS);
        stage.see(Event::Sometimes("a while passed"));
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn a_desk_with_a_wrong_clock_makes_two_times() {
        let mut stage = linked(Some(ADMIN));
        stage.nodes.at_mut(KIOSK).off_ms = 90_000;
        stage.pass(LOOKED_MS);
        stage.see(Event::Sometimes("a while passed"));
        assert_eq!(stage.broken(), None);
    }
}
