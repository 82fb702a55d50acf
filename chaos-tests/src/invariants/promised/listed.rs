//! In the end every node shows what happened: a conflict that nobody is told of is one that goes on.

use domain::fact::Cause;
use domain::session::{Session, State};
use domain::site::Site;

use super::Told;
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::Event;
use crate::scenario::{Listing, Words};

/// See the module.
#[derive(Debug)]
pub(super) struct Listed {
    told: Told,
    sessions: Listing,
    least: u32,
    judged: u64,
    fewest: Option<usize>,
}

impl Listed {
    pub(super) fn new(told: Told, sessions: Listing, least: u32) -> Self {
        Listed { told, sessions, least, judged: 0, fewest: None }
    }

    fn is_listed(&self, site: &Site, session: &Session) -> bool {
        match self.sessions {
            Listing::Overdrawn => session.excess_ms(|epoch| site.node_of(epoch)) > 0,
            Listing::ClosedByStaff => {
                matches!(session.state(), Some(State::Closed { cause: Cause::Staff, .. }))
            }
        }
    }
}

impl Invariant for Listed {
    fn number(&self) -> u8 {
        self.told.number
    }

    fn name(&self) -> &'static str {
        "listed"
    }

    fn protects(&self) -> Words {
        self.told.words.clone()
    }

    fn see(&mut self, _event: &Event, _scene: Scene<'_>) -> Held {
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        for (host, node) in scene.book.honest(scene.cluster) {
            let site = node.site();
            let listed = site.sessions().filter(|(_, session)| self.is_listed(&site, session));
            let listed = listed.count();
            self.judged += 1;
            self.fewest = Some(self.fewest.map_or(listed, |fewest| fewest.min(listed)));
            if u64::try_from(listed).is_ok_and(|listed| listed < u64::from(self.least)) {
                return Err(Broken::on(host, format!("lists {listed}")));
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }

    fn worst(&self) -> Option<(f64, &'static str)> {
        self.fewest.map(|fewest| (fewest as f64, ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::stage::{ADMIN, KIOSK, Stage};

    fn stage(sessions: Listing) -> Stage<Listed> {
        let told = Told { number: 1, words: Words::same("") };
        Stage::with(Listed::new(told, sessions, 1))
    }

    #[test]
    fn what_every_node_shows_is_listed() {
        for ends in [true, false] {
            let mut stage = stage(Listing::ClosedByStaff);
            let session = stage.opened(ADMIN, KIOSK, 600);
            if ends {
                stage.close(ADMIN, session, false);
                stage.closed(KIOSK, session, Cause::Staff);
            }
            stage.spread();
            stage.heal();
            assert_eq!(
                (stage.broken().is_none(), stage.worst()),
                (ends, Some(f64::from(u8::from(ends))))
            );
        }
    }

    #[test]
    fn what_one_node_does_not_know_is_not() {
        for known in [true, false] {
            let mut stage = stage(Listing::Overdrawn);
            let session = stage.opened(ADMIN, KIOSK, 600);
            stage.reads(KIOSK, session, 601_000, 0);
            if known {
                stage.spread();
            }
            stage.heal();
            assert_eq!(stage.broken().is_none(), known, "{}", stage.words());
        }
    }
}
