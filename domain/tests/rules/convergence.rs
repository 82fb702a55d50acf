//! State is a function of the set of entries and readings: the most important law of all.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use crate::chance::Chance;
use crate::history::{Act, Course, acts};
use crate::mirror::{Arrival, Mirror, Sight};
use crate::world::at;

/// Histories that are tried; each is delivered in several ways. Two thousand take five minutes.
const HISTORIES: u32 = 64;
const LONGEST: usize = 90;

fn sight(course: &Course, mirror: &Mirror) -> Sight {
    mirror.sight(&course.kiosks, at(7_000))
}

/// Delivers `arrivals` as they are, each obeyed at once or in deliveries of chance lengths.
fn delivered(course: &Course, arrivals: &[Arrival], chance: Option<&mut Chance>) -> Mirror {
    let mut mirror = Mirror::new(course.world.id);
    match chance {
        None => arrivals.iter().for_each(|arrival| mirror.take(arrival)),
        Some(chance) => {
            let mut rest = arrivals;
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(1 + chance.below(20)));
                mirror.take_together(now);
                rest = later;
            }
        }
    }
    mirror
}

fn alike(one: &Sight, two: &Sight, way: &str) -> Result<(), TestCaseError> {
    match one.difference(two) {
        None => Ok(()),
        Some(difference) => Err(TestCaseError::fail(format!("{way}: {difference}"))),
    }
}

/// Every way of delivery ends in the same sight.
fn converges(acts: &[Act], seed: u64) -> Result<(), TestCaseError> {
    let mut course = Course::run(acts);
    let chance = &mut Chance::new(seed);
    let mut arrivals = course.world.arrivals.clone();
    let told = sight(&course, &course.world.view);

    arrivals.reverse();
    let reversed = delivered(&course, &arrivals, None);
    alike(&sight(&course, &reversed), &told, "backwards")?;

    for _ in 0..2 {
        chance.shuffle(&mut arrivals);
        let shuffled = delivered(&course, &arrivals, None);
        alike(&sight(&course, &shuffled), &told, "shuffled")?;
    }

    for _ in 0..2 {
        let again: Vec<_> = (0..arrivals.len() / 2)
            .map(|_| arrivals[chance.below(arrivals.len())].clone())
            .collect();
        let mut repeated = [arrivals.clone(), again].concat();
        chance.shuffle(&mut repeated);
        let repeated = delivered(&course, &repeated, Some(chance));
        alike(&sight(&course, &repeated), &told, "repeated, in deliveries")?;
    }

    // Late authority: whatever says who belongs comes last.
    let (who, what): (Vec<_>, Vec<_>) = arrivals.iter().cloned().partition(
        |arrival| matches!(arrival, Arrival::Entry(_, fact) if domain::authority::Chain::concerns(fact)),
    );
    let late = delivered(&course, &[what, who].concat(), None);
    alike(&sight(&course, &late), &told, "authority last")?;

    // What each node had seen of its own, then the rest.
    let kiosks = course.kiosks.clone();
    for mirror in course.mirrors() {
        mirror.take_together(&arrivals);
        alike(&mirror.sight(&kiosks, at(7_000)), &told, "a node of the site")?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_time: 60_000,
        max_shrink_iters: 100_000,
        ..ProptestConfig::with_cases(HISTORIES)
    })]

    #[test]
    fn any_order_any_repetition_and_any_deliveries_give_one_state(
        acts in acts(LONGEST),
        seed in any::<u64>(),
    ) {
        converges(&acts, seed)?;
    }
}

/// The property above means little about what its histories never hold.
#[test]
fn the_histories_are_rich() {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let mut tally: BTreeMap<&'static str, usize> = BTreeMap::new();
    for _ in 0..2 * HISTORIES {
        let acts = acts(LONGEST).new_tree(&mut runner).unwrap().current();
        let mut course = Course::run(&acts);
        course.count_the_end();
        for (what, times) in course.tally {
            *tally.entry(what).or_default() += times;
        }
    }
    for wanted in [
        "admin admitted",
        "admin revoked",
        "batch",
        "closed by a reboot",
        "collision of codes",
        "displaced",
        "double opening",
        "ends closed",
        "ends closed by staff",
        "ends open",
        "ends paused",
        "ends withdrawn",
        "excess",
        "fork",
        "four epochs without an end",
        "lie",
        "message read",
        "no admin left",
        "node countersigned",
        "node paired",
        "opened",
        "opened again",
        "order carried out",
        "order to carry out",
        "piece of a batch repeated",
        "reading",
        "reading goes on in the next process",
        "reading of another's session",
        "refold",
        "request_reused",
        "revocation left incomplete",
        "revoked in parts",
        "ring of openings",
        "session or key issued twice",
        "settings changed",
        "step without an opening",
        "three openings",
        "token revoked",
    ] {
        assert!(tally.contains_key(wanted), "no history holds: {wanted} {tally:#?}");
    }
}
