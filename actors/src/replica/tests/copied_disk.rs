//! A node's disk in another machine: copied, with the first one still running, or moved.

use std::collections::BTreeSet;

use domain::authority::NodeKind;
use domain::fact::Cause;
use domain::id::EntryId;
use domain::refusal::Refusal;
use domain::screen::Face;
use domain::session::State;

use super::super::message::{LedgerMessage, Message};
use super::super::{Failure, Identity, Input, Replica};
use super::world::{World, kiosk_id, session_id};

#[test]
fn a_copy_neither_ends_nor_resumes_what_runs_on_the_first_machine() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let session = world.issue(admins[0], 1, 600);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(10_000);
    let (disk, first) = world.copy_disk(kiosks[0]);
    // The same boot id, too: a machine that wakes from a snapshot of the other one's memory.
    let copy = Identity { machine: [0x99; 32], ..first };
    let mut now = world.moment(kiosks[0]);
    let (mut replica, _) = Replica::start(disk, copy, None, [9; 32], now).unwrap();
    for _ in 0..20 {
        let found = replica.site().session(&session).unwrap();
        assert!(matches!(found.state(), Some(State::Open { .. })));
        assert_eq!(replica.running(), None);
        assert_eq!(replica.view(now).unwrap().screen.face, Face::OutOfService);
        now.boot_ms += 10_000;
        replica.handle(Input::Wake, now);
    }
}

#[test]
fn each_of_two_machines_for_one_kiosk_shows_what_runs_on_itself() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let other = world.add_kiosk_as(77, 1, false);
    world.move_disk(other);
    for number in [1, 2] {
        world.issue(admins[0], number, 600);
    }
    world.run_for(6_000);
    world.cut_off(other, &[admins[0], kiosks[0]]);
    world.run_for(31_000);
    // Both ways round: whichever session the kiosk's place would show alone.
    let codes = [(kiosks[0], 1), (other, 2)];
    for (node, number) in codes {
        world.type_code(node, number).unwrap();
    }
    world.run_for(5_000);
    world.heal();
    world.run_for(20_000);
    for (node, number) in codes {
        assert_eq!(world.replica(node).running(), Some(session_id(number)));
        let face = world.replica(node).view(world.moment(node)).unwrap().screen.face;
        let shows = matches!(face, Face::Running { session, .. } if session == session_id(number));
        assert!(shows, "{face:?} where {number} runs");
    }
}

#[test]
fn a_moved_disk_ends_what_its_former_machine_left_open_once_that_says_no_more() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    let session = world.issue(admins[0], 1, 600);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(10_000);
    world.move_disk(kiosks[0]);
    world.run_for(50_000);
    assert_eq!(world.type_code(kiosks[0], 1), Err(Failure::Refused(Refusal::KioskInUse)));
    world.run_for(12_000);
    let found = world.replica(admins[0]).site().session(&session).unwrap();
    let cause = Cause::Reboot;
    assert_eq!(found.state(), Some(State::Closed { kiosk: kiosk_id(1), cause }));
    world.type_code(kiosks[0], 1).unwrap();
    let left = world.remaining_s(admins[0], session);
    assert!((585..=590).contains(&left), "{left}");
}

#[test]
fn what_was_paused_on_the_former_machine_goes_on_with_the_code_typed_again() {
    use domain::command::Command;

    let (mut world, admins, kiosks) = World::new(1, 1);
    let session = world.issue(admins[0], 1, 600);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(10_000);
    world.must(admins[0], Command::Pause { session });
    world.run_for(1_000);
    world.move_disk(kiosks[0]);
    world.must(admins[0], Command::Resume { session });
    world.run_for(70_000);
    assert_eq!(world.replica(kiosks[0]).running(), None);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(10_000);
    let left = world.remaining_s(admins[0], session);
    assert!((579..=580).contains(&left), "{left}");
}

#[test]
fn what_the_first_machine_opens_is_left_alone_before_its_first_reading_came() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let session = world.issue(admins[0], 1, 600);
    world.run_for(6_000);
    let (disk, first) = world.copy_disk(kiosks[0]);
    let (admin, copy) = (admins[0], Identity { machine: [0x99; 32], ..first });
    let mut now = world.moment(kiosks[0]);
    let (mut replica, _) = Replica::start(disk, copy, None, [9; 32], now).unwrap();
    // Linked for long, and with nothing said of a session that nobody had opened.
    replica.handle(Input::LinkUp { peer: admin, kind: NodeKind::Admin }, now);
    now.boot_ms += 100_000;
    let done = world.type_code(kiosks[0], 1).unwrap();
    world.run_for(1_000);
    let epoch = done.entries[0].epoch;
    let of_first = |seq| world.replica(admin).entry_bytes(&EntryId { epoch, seq });
    let entries: Vec<_> = (0..).map_while(of_first).collect();
    let message = Message::Ledger(LedgerMessage::Entries { more: false, answer: false, entries });
    replica.handle(Input::Heard { peer: admin, message }, now);
    let found = replica.site().session(&session).unwrap();
    assert!(matches!(found.state(), Some(State::Open { .. })), "{:?}", found.state());
}

#[test]
fn two_machines_that_answer_for_one_node_are_told_to_staff_while_both_live() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    let (disk, first) = world.copy_disk(kiosks[0]);
    let copy = Identity { machine: [0x99; 32], ..first };
    let mut now = world.moment(kiosks[0]);
    let (replica, _) = Replica::start(disk, copy, None, [9; 32], now).unwrap();
    let original = world.replica(kiosks[0]).greeting().unwrap();
    let admin = world.replica_mut(admins[0]);
    admin.meet(kiosks[0], &original, now).unwrap();
    assert!(admin.doubled(now).is_empty());
    admin.meet(kiosks[0], &replica.greeting().unwrap(), now).unwrap();
    assert_eq!(admin.doubled(now), BTreeSet::from([kiosks[0]]));
    now.boot_ms += 61_000;
    admin.meet(kiosks[0], &original, now).unwrap();
    assert!(admin.doubled(now).is_empty(), "the copy is off");
}
