//! Invariant 9: all connected nodes have one fingerprint, byte for byte, at most ten rounds after
//! healing, and make the same of it: of what operators said at the same time, what the rules choose.

mod choice;

use std::collections::BTreeMap;

use actors::replica::ROUND_MS;

use super::ROUNDS;
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::Event;
use crate::replay::Picture;
use crate::scenario::{Hold, Words};

/// See the module.
#[derive(Debug)]
pub(super) struct Convergence {
    most_ms: u64,
    took_ms: Option<u64>,
    judged: u64,
}

impl Convergence {
    pub(super) fn new(hold: &Hold) -> Self {
        let rounds = u64::from(hold.rounds.unwrap_or(ROUNDS));
        Convergence { most_ms: rounds * ROUND_MS, took_ms: None, judged: 0 }
    }
}

impl Invariant for Convergence {
    fn number(&self) -> u8 {
        9
    }

    fn name(&self) -> &'static str {
        "convergence"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Après une panne de réseau, tous les postes et toutes les consoles racontent de nouveau la même histoire.",
            "After a network failure, all kiosks and all consoles tell the same story again.",
        )
    }

    fn see(&mut self, _event: &Event, _scene: Scene<'_>) -> Held {
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        let mut groups: BTreeMap<[u8; 32], Vec<String>> = BTreeMap::new();
        let mut first: Option<Picture> = None;
        let mut differs = None;
        for (host, node) in book.honest(cluster) {
            let (said, site) = (node.fingerprint(), node.site());
            if site.fingerprint().is_ok_and(|folded| folded != said) {
                let what = String::from("its fingerprint is not that of what it holds");
                return Err(Broken::on(host, what));
            }
            groups.entry(said).or_default().push(cluster.name(host));
            let picture = Picture::of(&site);
            match &first {
                None => first = Some(picture),
                Some(first) => {
                    self.judged += 1;
                    differs = differs.or_else(|| Some((host, first.difference(&picture)?)))
                }
            }
        }
        if groups.len() > 1 {
            let groups: Vec<String> = groups.values().map(|names| names.join(", ")).collect();
            let differs = differs.map(|(_, differs)| differs).unwrap_or_default();
            let what = format!("no common state: {}. {differs}", groups.join(" | "));
            return Err(Broken::anywhere(what));
        }
        if let Some((host, differs)) = differs {
            let what = format!("same fingerprint as others, and yet {differs}");
            return Err(Broken::on(host, what));
        }
        if let Some((host, node)) = book.honest(cluster).next() {
            choice::holds(node, scene).map_err(|what| Broken::on(host, what))?;
        }
        self.took_ms = book.converged_ms();
        if self.took_ms.is_some_and(|took| took > self.most_ms) {
            let what = format!("agreed {:?} ms after healing", self.took_ms);
            return Err(Broken::anywhere(what));
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }

    fn worst(&self) -> Option<(f64, &'static str)> {
        self.took_ms.map(|took| (took as f64 / 1000.0, "s"))
    }
}

#[cfg(test)]
mod tests {
    use domain::fact::SettingsChanged;
    use domain::settings::Settings;

    use super::*;
    use crate::event::Stop;
    use crate::invariants::stage::{ADMIN, BY, KIOSK, OTHER_ADMIN, OTHER_KIOSK, Stage};

    fn convergence(rounds: u32) -> Convergence {
        Convergence::new(&Hold { rounds: Some(rounds), ..Hold::default() })
    }

    #[test]
    fn nodes_that_hold_the_same_agree() {
        let mut stage = Stage::with(convergence(10));
        stage.opened(ADMIN, KIOSK, 600);
        stage.spread();
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 3));
    }

    #[test]
    fn a_node_that_lacks_an_entry_does_not() {
        let mut stage = Stage::with(convergence(10));
        stage.opened(ADMIN, KIOSK, 600);
        stage.heal();
        assert_eq!(stage.broken(), Some(None));
    }

    #[test]
    fn a_fingerprint_is_not_taken_on_trust() {
        let mut stage = Stage::with(convergence(10));
        let print = stage.nodes.at(ADMIN).site.fingerprint().unwrap();
        stage.issue(ADMIN, 600);
        stage.nodes.at_mut(ADMIN).claims = Some(print);
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn what_replaces_something_stands_whatever_its_hash() {
        let mut stage = Stage::with(convergence(10));
        let mut before = Vec::new();
        for grace_s in [10, 20, 30, 40] {
            let settings = Settings { grace_s, ..Settings::default() };
            before =
                vec![stage.write(ADMIN, SettingsChanged { settings, replaces: before, by: BY })];
        }
        stage.spread();
        assert_eq!(stage.nodes.at(ADMIN).site.settings().grace_s, 40);
        stage.heal();
        assert_eq!((stage.broken(), stage.words()), (None, ""));
    }

    #[test]
    fn a_state_that_takes_another_for_the_one_that_stands_is_seen() {
        let mut stage = Stage::with(convergence(10));
        let settings = Settings { grace_s: 10, ..Settings::default() };
        stage.write(ADMIN, SettingsChanged { settings, replaces: Vec::new(), by: BY });
        stage.spread();
        let state = stage.nodes.at(ADMIN).site.clone();
        let settings = Settings { grace_s: 20, ..Settings::default() };
        let replaces = vec![stage.last_of(ADMIN)];
        stage.write(ADMIN, SettingsChanged { settings, replaces, by: BY });
        stage.spread();
        for host in [ADMIN, OTHER_ADMIN, KIOSK, OTHER_KIOSK] {
            stage.nodes.at_mut(host).site = state.clone();
        }
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn one_node_alone_agrees_with_nobody() {
        let mut stage = Stage::with(convergence(10));
        for host in [OTHER_ADMIN, KIOSK, OTHER_KIOSK] {
            stage.stop(host, Stop::Killed);
        }
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 0));
    }

    /// Those who run agree at once; one who was down comes a minute later and takes its time.
    #[test]
    fn the_time_to_one_state_begins_anew_with_a_machine_that_was_down() {
        for took_ms in [3_000, 9_000] {
            let mut stage = Stage::with(convergence(1));
            stage.stop(OTHER_KIOSK, Stop::PowerLost);
            let (_, issued) = stage.issue(ADMIN, 600);
            for host in [OTHER_ADMIN, KIOSK] {
                stage.tell(host, issued.entry);
            }
            stage.see(Event::Healed);
            stage.pass(60_000);
            stage.start(OTHER_KIOSK, true);
            stage.pass(took_ms);
            stage.spread();
            stage.see(Event::Sometimes("they met"));
            stage.look();
            assert_eq!(stage.broken().is_none(), took_ms < 5_000, "{}", stage.words());
            assert_eq!(stage.worst(), Some(took_ms as f64 / 1_000.0));
        }
    }

    #[test]
    fn agreement_that_comes_late_is_seen() {
        let mut stage = Stage::with(convergence(1));
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.see(Event::Healed);
        stage.pass(6_000);
        stage.see(Event::Sometimes("a while passed"));
        stage.spread();
        stage.tell(OTHER_ADMIN, issued.entry);
        stage.pass(2_000);
        stage.see(Event::Sometimes("a while passed"));
        stage.look();
        assert_eq!(stage.broken(), Some(None));
    }
}
