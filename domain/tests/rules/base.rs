//! Standing on a base: pruned, late or never pruned, nodes come to one state.

use std::collections::BTreeMap;

use domain::authority::Chain;
use domain::checkpoint::{Ballots, Checkpoint, Floor, Ground, HORIZON_MS};
use domain::fact::{AdminAdmitted, BootCertificate, CheckpointSigned, Fact};
use domain::id::{EntryId, EpochId, NodeId, Signature};
use domain::session::State;
use domain::site::{Retention, Site};
use proptest::prelude::*;

use crate::chance::Chance;
use crate::history::{Act, Course, acts};
use crate::mirror::{Arrival, Mirror, Sight};
use crate::world::{ADMIN, HOST, HOUR_MS, NOW_MS, World, at};

const HISTORIES: u32 = 64;
const LONGEST: usize = 90;

/// What an agreed checkpoint says, as the tests hold it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Base {
    pub(crate) ground: Ground,
    facts: BTreeMap<EntryId, (Fact, bool)>,
}

impl Base {
    pub(crate) fn members(&self) -> impl Iterator<Item = (EntryId, Fact)> {
        let facts = self.facts.iter().filter(|(_, (fact, _))| Chain::concerns(fact));
        facts.map(|(id, (fact, _))| (*id, fact.clone()))
    }

    pub(crate) fn settle_into(&self, site: &mut Site) {
        let opening = |fact: &Fact| matches!(fact, Fact::SessionOpened(_));
        for openings in [false, true] {
            for (id, (fact, vouched)) in &self.facts {
                if opening(fact) == openings {
                    site.settle(*id, fact, *vouched);
                }
            }
        }
    }

    pub(crate) fn join(&mut self, other: &Base) {
        self.ground.join(&other.ground);
        for (id, (fact, vouched)) in &other.facts {
            let known = self.facts.entry(*id).or_insert((fact.clone(), *vouched));
            known.1 |= vouched;
        }
    }

    /// What all that `mirror` knows comes to.
    fn of(mirror: &Mirror, as_of_ms: i64) -> Base {
        let before = &mirror.base.ground;
        let since_ms = if before.as_of_ms.is_some() { before.since_ms } else { as_of_ms };
        let mut ground = Ground { as_of_ms: Some(as_of_ms), since_ms, ..Ground::default() };
        for (epoch, member) in &mirror.site.standing().epochs {
            let mut height = before.height(epoch);
            while mirror.known.contains_key(&EntryId { epoch: *epoch, seq: height }) {
                height += 1;
            }
            let height = height.min(member.below);
            if height > 0 {
                ground.floors.insert(*epoch, Floor { height, head: [0; 32] });
            }
        }
        let mut under = Mirror::new(mirror.site.id());
        for (id, fact) in &mirror.proofs {
            under.known.insert(*id, fact.clone());
            under.site.apply_fork(id.epoch, id.seq);
        }
        let covered = mirror.known.iter().filter(|(id, _)| ground.covers(id));
        under.known = covered.map(|(id, fact)| (*id, fact.clone())).collect();
        under.adopt(&mirror.base);
        let retention = Retention::new(&under.site, &ground);
        let old = mirror.base.facts.iter().map(|(id, (fact, _))| (id, fact));
        let fresh = under.known.iter().filter(|(id, _)| !before.covers(id));
        let kept = old.chain(fresh).filter(|(id, fact)| retention.keeps(id, fact));
        let facts =
            kept.map(|(id, fact)| (*id, (fact.clone(), retention.vouches(id, fact)))).collect();
        Base { ground, facts }
    }
}

/// A node that adopted `bases` after so many of `arrivals`.
fn told(course: &Course, arrivals: &[Arrival], bases: &[(usize, Base)]) -> Mirror {
    let mut mirror = Mirror::new(course.world.id);
    for (place, arrival) in arrivals.iter().enumerate() {
        bases.iter().filter(|(at, _)| *at == place).for_each(|(_, base)| mirror.adopt(base));
        // What lies below the floors may be gone where the others are.
        mirror.take(arrival);
    }
    bases.iter().filter(|(at, _)| *at >= arrivals.len()).for_each(|(_, base)| mirror.adopt(base));
    mirror
}

fn alike(one: &Sight, two: &Sight, way: &str) -> Result<(), TestCaseError> {
    match one.difference(two) {
        None => Ok(()),
        Some(difference) => Err(TestCaseError::fail(format!("{way}: {difference}"))),
    }
}

/// Whether nothing that came late took authority away below a floor, which a base does not allow.
fn nothing_was_taken_back(free: &Mirror, base: &Base, course: &Course) -> bool {
    let proven_below = course.world.view.proofs.iter().any(|(id, _)| base.ground.covers(id));
    let standing = free.site.standing();
    !proven_below
        && base.ground.floors.iter().all(|(epoch, floor)| {
            let of = standing.epochs.get(epoch);
            of.is_some_and(|of| {
                of.below >= floor.height && base_kiosk(base, course, epoch) == Some(of.kiosk)
            })
        })
}

/// The kiosk for which an epoch wrote, as the base judged it.
fn base_kiosk(
    base: &Base,
    course: &Course,
    epoch: &EpochId,
) -> Option<Option<domain::id::KioskId>> {
    let mut alone = Mirror::new(course.world.id);
    alone.adopt(base);
    alone.site.standing().epochs.get(epoch).map(|epoch| epoch.kiosk)
}

fn stands(acts: &[Act], seed: u64) -> Result<usize, TestCaseError> {
    let mut course = Course::run(acts);
    let chance = &mut Chance::new(seed);
    let kiosks = course.kiosks.clone();
    let mut arrivals = course.world.arrivals.clone();
    let bases: Vec<Base> = course.mirrors().map(|mirror| Base::of(mirror, NOW_MS)).collect();
    let one = bases[chance.below(bases.len())].clone();
    let two = bases[chance.below(bases.len())].clone();
    let sight = |mirror: &Mirror| mirror.sight(&kiosks, at(7_000));

    // Two bases, whenever and in whatever order they are adopted, and a third made upon them.
    let first = told(&course, &arrivals, &[(0, one.clone()), (0, two.clone())]);
    let mut ways = Vec::new();
    for _ in 0..3 {
        chance.shuffle(&mut arrivals);
        let places = [chance.below(arrivals.len() + 1), chance.below(arrivals.len() + 1)];
        ways.push(told(&course, &arrivals, &[(places[0], one.clone()), (places[1], two.clone())]));
    }
    for way in &ways {
        alike(&sight(way), &sight(&first), "two bases in another order")?;
    }
    let upon = Base::of(&first, NOW_MS + 60_000);
    for way in &mut ways {
        let same = Base::of(way, NOW_MS + 60_000);
        prop_assert_eq!(&same, &upon, "two admin nodes fold the same entries to the same");
        way.adopt(&upon);
    }
    let mut late = Mirror::new(course.world.id);
    // Proofs of forks travel by themselves.
    for (id, _) in &course.world.view.proofs {
        late.site.apply_fork(id.epoch, id.seq);
    }
    late.adopt(&upon);
    let above = |a: &&Arrival| !matches!(a, Arrival::Entry(id, _) if upon.ground.covers(id));
    let above: Vec<_> = arrivals.iter().filter(above).cloned().collect();
    late.take_together(&above);
    for way in &ways {
        alike(&sight(&late), &sight(way), "everything below the floors is gone")?;
    }

    // A base and a late merge show what a node shows that never had one.
    let free = told(&course, &arrivals, &[]);
    if !nothing_was_taken_back(&free, &one, &course) {
        return Ok(0);
    }
    let pruned = told(&course, &arrivals, &[(0, one)]);
    alike(&sight(&pruned).but_for_the_hash(), &sight(&free).but_for_the_hash(), "never pruned")?;
    Ok(1)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_time: 60_000,
        max_shrink_iters: 100_000,
        ..ProptestConfig::with_cases(HISTORIES)
    })]

    #[test]
    fn prune_then_late_merge_equals_never_having_pruned(
        acts in acts(LONGEST),
        seed in any::<u64>(),
    ) {
        stands(&acts, seed)?;
    }
}

#[test]
fn a_session_that_ended_beyond_the_horizon_is_left_out_and_a_younger_one_is_not() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(1);
    let old = world.issue(&admin, 600);
    let open = world.issue(&admin, 600);
    world.open(&kiosks[0], &open).unwrap();
    let ended_ms = NOW_MS + HOUR_MS;
    let base = Base::of(&world.view, ended_ms + HORIZON_MS);
    let mut kept = world.view.clone();
    kept.adopt(&base);
    assert_eq!(kept.site.session(&old.session).unwrap().state(), Some(State::Issued));
    let base = Base::of(&world.view, ended_ms + HORIZON_MS + 1);
    let mut later = world.view.clone();
    later.adopt(&base);
    assert!(later.site.session(&old.session).is_none());
    let stands = later.site.session(&open.session).unwrap().state();
    assert!(matches!(stands, Some(State::Open { .. })), "it stands on a kiosk");
}

#[test]
fn an_epoch_that_comes_beyond_the_horizon_is_refused_whole_and_listed() {
    let (mut world, [admin, _], mut kiosks) = World::with_kiosks(1);
    let first = Base::of(&world.view, NOW_MS);
    let mut late = kiosks[0].clone();
    late.epoch = EpochId(world.draw());
    let boot = world.certificate_of_one_that_knew(&late, Some(NOW_MS));
    let code = world.issue(&admin, 600);
    let (opening, boot_id) = (world.opening(&late, &code, 1, Vec::new()), late.epoch);
    let mut site = world.view.clone();
    site.adopt(&first);
    let second = Base::of(&site, NOW_MS + HORIZON_MS);
    site.adopt(&second);
    let tell = |mirror: &mut Mirror| {
        let entry = |seq, fact: Fact| Arrival::Entry(EntryId { epoch: boot_id, seq }, fact);
        mirror.take(&entry(0, boot.clone().into()));
        mirror.take(&entry(1, opening.clone().into()));
    };
    let mut just_in_time = site.clone();
    tell(&mut just_in_time);
    assert_eq!(just_in_time.site.refused_epochs().count(), 0);
    assert!(just_in_time.site.session_on(late.kiosk).is_some());

    let third = Base::of(&site, NOW_MS + HORIZON_MS + 1);
    site.adopt(&third);
    let before = site.site.standing().clone();
    tell(&mut site);
    assert_eq!(site.site.refused_epochs().collect::<Vec<_>>(), [&boot_id]);
    assert!(site.site.session_on(late.kiosk).is_none());
    assert_eq!(*site.site.standing(), before);
    // The same node is welcome in an epoch that knows the base.
    world.boot(&mut kiosks[0]);
}

#[test]
fn nothing_takes_back_authority_below_a_floor() {
    let (mut world, [first, second], _) = World::with_kiosks(1);
    let code = world.issue(&second, 600);
    let base = Base::of(&world.view, NOW_MS);
    let mut site = world.view.clone();
    site.adopt(&base);
    for piece in world.admin_revocation(second.node, &[]) {
        let seq = world.height(first.epoch);
        let id = EntryId { epoch: first.epoch, seq };
        world.write_at(id, piece.clone());
        site.take(&Arrival::Entry(id, piece.into()));
    }
    assert!(!site.site.standing().is_member(&second.node));
    assert!(site.site.session(&code.session).is_some(), "settled by the base");
    assert!(world.site().session(&code.session).is_none(), "cut, where there is no base");
    let row = domain::id::RowId([1; 16]);
    let seq = world.height(second.epoch);
    let fact = domain::fact::RowErased { row, by: crate::world::by(HOST) }.into();
    site.take(&Arrival::Entry(EntryId { epoch: second.epoch, seq }, fact));
    assert!(!site.site.erased().contains(&row), "above the floor the cut holds");
    let role = ADMIN;
    assert!(world.command(&first, role, domain::command::Command::EraseRow { row }).is_ok());
}

#[test]
fn a_base_makes_no_words_of_the_site_key() {
    let world = World::unfounded();
    let mut site = Site::new(world.site().id());
    let node = NodeId([7; 32]);
    let id = EntryId { epoch: EpochId([8; 32]), seq: 1 };
    let boot = BootCertificate {
        node,
        epoch: id.epoch,
        amnesic: false,
        machine: [0; 32],
        knew_ms: None,
        signature: Signature([7; 64]),
    };
    let forged = AdminAdmitted { node, signature: Signature([7; 64]) };
    for (admitted, stands) in [(forged, false), (world.admission_of_admin(node), true)] {
        let boot = (EntryId { seq: 0, ..id }, boot.clone().into());
        let ground = Ground { as_of_ms: Some(NOW_MS), since_ms: NOW_MS, ..Ground::default() };
        site.rebase(ground, [boot, (id, admitted.into())]);
        assert_eq!(site.standing().is_member(&node), stands);
    }
}

/// One admin node after the other proposes what nobody signs.
#[test]
fn checkpoints_that_nobody_agrees_to_are_forgotten_and_the_base_is_not() {
    let mut ballots = Ballots::default();
    let mut take = |number: i64| {
        // Each says that it is older than the one before: clocks may have been wrong.
        let (as_of_ms, since_ms) = (NOW_MS - number, NOW_MS - number);
        let checkpoint =
            Checkpoint { parents: Vec::new(), as_of_ms, since_ms, pieces: [0; 32], count: 1 };
        let hash = checkpoint.hash().unwrap();
        let (node, signature) = (NodeId([1; 32]), Signature([2; 64]));
        assert!(ballots.take(&CheckpointSigned { checkpoint, node, signature }));
        if number == 0 {
            ballots.keep([hash]);
        }
        let known = ballots.checkpoints().count();
        (hash, known, ballots.checkpoint(&hash).is_some())
    };
    let (base, ..) = take(0);
    for number in 1..40 {
        let (_, known, is_new_one_known) = take(number);
        assert!(known <= 9 && is_new_one_known, "{number}: {known}");
    }
    assert!(ballots.checkpoint(&base).is_some());
}
