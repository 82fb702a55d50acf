//! How a node learns what others wrote while it could not hear them.

use domain::command::Command;

use super::super::Notice;
use super::world::World;

/// Entries that fill several messages.
const MANY: i32 = 900;

#[test]
fn a_long_log_of_an_unknown_epoch_is_learnt_without_waiting_for_a_round() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    let session = world.issue(admins[0], 1, 600);
    world.run_for(1_000);
    let others = [admins[1], kiosks[0]];
    world.cut_off(admins[0], &others);
    world.kill(admins[0]);
    world.start(admins[0]);
    for n in 0..MANY {
        let seconds = if n % 2 == 0 { 60 } else { -60 };
        world.must(admins[0], Command::Extend { session, seconds });
    }
    world.run_for(1_000);
    world.notices.clear();
    world.heal();
    // A link begins with a round; the next is 5 s away.
    world.run_for(500);
    assert_eq!(world.fingerprints().len(), 1);
    let refused = |(_, notice): &(_, Notice)| matches!(notice, Notice::Refused { .. });
    assert!(!world.notices.iter().any(refused), "{:?}", world.notices);
}

#[test]
fn a_lost_disk_is_learnt_again_without_waiting_for_a_round() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let session = world.issue(admins[0], 1, 600);
    for n in 0..MANY {
        let seconds = if n % 2 == 0 { 60 } else { -60 };
        world.must(admins[0], Command::Extend { session, seconds });
    }
    world.run_for(6_000);
    world.kill(kiosks[0]);
    world.machines.get_mut(&kiosks[0]).unwrap().disk = Default::default();
    world.start(kiosks[0]);
    world.run_for(500);
    assert_eq!(world.fingerprints().len(), 1);
}
