use std::sync::Arc;

use domain::command::Command;
use domain::fact::Cause;
use domain::id::{NodeId, SessionId};
use domain::refusal::Refusal;
use domain::screen::Face;
use domain::session::State;

use super::super::{Failure, Notice};
use super::world::{World, kiosk_id};

fn state(world: &World, node: NodeId, session: SessionId) -> State {
    world.replica(node).site().session(&session).unwrap().state().unwrap()
}

#[test]
fn nodes_join_by_token_and_come_to_one_state() {
    let (world, admins, kiosks) = World::new(2, 3);
    assert_eq!(world.fingerprints().len(), 1);
    for node in admins.iter().chain(&kiosks) {
        assert_eq!(world.replica(*node).site().standing().members.len(), 5);
        assert_eq!(world.replica(*node).links().count(), 4);
        let named = world.replica(*node).site().kiosk_name(&kiosk_id(2));
        assert_eq!(named, "Poste 2");
    }
}

#[test]
fn the_story_of_a_session_that_outlives_its_admin_host() {
    let (mut world, admins, kiosks) = World::new(2, 3);
    let (first, second, kiosk) = (admins[0], admins[1], kiosks[0]);
    let session = world.issue(first, 1, 600);
    world.type_code(kiosk, 1).unwrap();
    world.run_for(10_000);
    assert_eq!(world.remaining_s(kiosk, session), 590);
    assert_eq!(world.remaining_s(second, session), 590);

    world.kill(first);
    world.run_for(60_000);
    assert_eq!(world.remaining_s(kiosk, session), 530);
    world.must(second, Command::Extend { session, seconds: 900 });
    world.run_for(1_000);
    assert_eq!(world.remaining_s(kiosk, session), 1_429);

    world.kill(kiosk);
    world.run_for(7_000);
    world.start(kiosk);
    world.run_for(1_000);
    assert_eq!(world.remaining_s(kiosk, session), 1_421, "time went on, and was counted once");
    assert!(matches!(state(&world, second, session), State::Open { .. }));

    world.start(first);
    world.run_for(10_000);
    assert_eq!(world.remaining_s(first, session), 1_411);
    world.must(first, Command::Close { session, keep_rest: false, note: None });
    world.run_for(6_000);
    assert_eq!(
        state(&world, second, session),
        State::Closed { kiosk: kiosk_id(1), cause: Cause::Staff }
    );
    assert_eq!(world.fingerprints().len(), 1);
}

#[test]
fn a_session_expires_on_its_kiosk_within_two_seconds_and_charges_no_more() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let session = world.issue(admins[0], 1, 60);
    world.type_code(kiosks[0], 1).unwrap();
    world.cut_off(kiosks[0], &admins);
    world.run_for(61_000);
    let cause = Cause::Expired;
    assert_eq!(state(&world, kiosks[0], session), State::Closed { kiosk: kiosk_id(1), cause });
    world.heal();
    world.run_for(12_000);
    let site = world.replica(admins[0]).site();
    let found = site.session(&session).unwrap();
    assert_eq!(found.measured_ms(|epoch| site.node_of(epoch)), 60_000);
    world.must(admins[0], Command::Extend { session, seconds: 300 });
    world.run_for(1_000);
    world.type_code(kiosks[0], 1).unwrap();
    assert_eq!(world.remaining_s(kiosks[0], session), 300);
}

#[test]
fn after_a_reboot_the_code_opens_what_was_left_on_another_kiosk() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    let session = world.issue(admins[0], 1, 600);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(33_000);
    world.cut_power(kiosks[0]);
    world.run_for(20_000);
    assert_eq!(
        world.type_code(kiosks[1], 1),
        Err(Failure::Refused(Refusal::OpenElsewhere { kiosk: String::from("Poste 1") }))
    );
    world.start(kiosks[0]);
    world.run_for(3_000);
    let cause = Cause::Reboot;
    assert_eq!(state(&world, admins[0], session), State::Closed { kiosk: kiosk_id(1), cause });
    world.type_code(kiosks[1], 1).unwrap();
    let left = world.remaining_s(kiosks[1], session);
    assert!((567..=572).contains(&left), "at most one interval is given: {left}");
}

#[test]
fn power_cycling_does_not_pay_more_than_three_times() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let session = world.issue(admins[0], 1, 600);
    for _ in 0..8 {
        world.type_code(kiosks[0], 1).unwrap();
        world.run_for(4_900);
        world.cut_power(kiosks[0]);
        world.run_for(2_000);
        world.start(kiosks[0]);
        world.run_for(8_000);
    }
    let left = world.remaining_s(admins[0], session);
    assert_eq!(left, 600 - 5 * 5, "three intervals forgiven, five charged");
}

#[test]
fn one_code_on_two_kiosks_that_cannot_see_each_other_ends_on_one() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    let session = world.issue(admins[0], 1, 3600);
    world.run_for(1_000);
    let everyone: Vec<_> = admins.iter().chain(&kiosks).copied().collect();
    world.cut_off(kiosks[0], &everyone);
    world.cut_off(kiosks[1], &everyone);
    world.run_for(40_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.type_code(kiosks[1], 1).unwrap();
    world.run_for(60_000);
    world.heal();
    world.run_for(60_000);
    let open = kiosks.iter().filter(|kiosk| world.replica(**kiosk).running().is_some()).count();
    assert_eq!(open, 1);
    assert!(matches!(state(&world, admins[0], session), State::Open { .. }));
    let site = world.replica(admins[0]).site();
    let used = site.session(&session).unwrap().measured_ms(|epoch| site.node_of(epoch));
    assert!((205_000..=215_000).contains(&used), "both uses count, grace too: {used}");
}

#[test]
fn what_a_kiosk_told_after_its_disk_was_full_is_not_counted_twice() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    let session = world.issue(admins[0], 1, 600);
    world.run_for(1_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(20_000);
    world.machines[&kiosks[0]].disk.set_full(true);
    world.run_for(100_000);
    world.machines[&kiosks[0]].disk.set_full(false);
    world.kill(kiosks[0]);
    world.start(kiosks[0]);
    world.run_for(20_000);
    for node in admins.iter().chain(&kiosks) {
        let left = world.remaining_s(*node, session);
        assert!(
            (454..=460).contains(&left),
            "{left} s are left of 600, 140 after the code was typed"
        );
    }
}

#[test]
fn what_a_kiosk_told_after_its_disk_failed_is_not_counted_twice_once_the_session_is_over() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    let session = world.issue(admins[0], 1, 100);
    world.run_for(1_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(20_000);
    // What is written from here on does not come to the disk.
    let (disk, _) = world.copy_disk(kiosks[0]);
    world.run_for(140_000);
    world.restart_on(kiosks[0], disk);
    world.run_for(20_000);
    world.must(admins[0], Command::Extend { session, seconds: 300 });
    world.run_for(6_000);
    for node in admins.iter().chain(&kiosks) {
        let left = world.remaining_s(*node, session);
        assert!((298..=300).contains(&left), "{left} s are left of the 300 that were added");
    }
}

#[test]
fn what_a_process_told_of_which_the_disk_has_nothing_is_not_counted_twice() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    let session = world.issue(admins[0], 1, 600);
    world.run_for(1_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(20_000);
    let (disk, _) = world.copy_disk(kiosks[0]);
    // Two processes come and go, and the disk has neither of them in the end.
    for _ in 0..2 {
        world.kill(kiosks[0]);
        world.start(kiosks[0]);
        world.run_for(40_000);
    }
    world.restart_on(kiosks[0], disk);
    world.run_for(20_000);
    for node in admins.iter().chain(&kiosks) {
        let left = world.remaining_s(*node, session);
        assert!(
            (474..=480).contains(&left),
            "{left} s are left of 600, 120 after the code was typed"
        );
    }
}

#[test]
fn a_pause_that_only_the_disk_has_lost_goes_on() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let session = world.issue(admins[0], 1, 600);
    world.run_for(1_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(20_000);
    let (disk, _) = world.copy_disk(kiosks[0]);
    world.must(admins[0], Command::Pause { session });
    world.run_for(30_000);
    world.restart_on(kiosks[0], disk);
    world.run_for(30_000);
    let screen = world.replica(kiosks[0]).view(world.moment(kiosks[0])).unwrap().screen;
    assert!(matches!(screen.face, Face::Paused { .. }), "{screen:?}");
    for node in [admins[0], kiosks[0]] {
        let left = world.remaining_s(node, session);
        assert!((578..=580).contains(&left), "{left} s are left of 600, paused after 20");
    }
    world.must(admins[0], Command::Resume { session });
    world.run_for(10_000);
    let left = world.remaining_s(admins[0], session);
    assert!((568..=570).contains(&left), "{left} s are left after ten more");
}

#[test]
fn an_end_that_only_the_disk_has_lost_is_the_end_that_it_was() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let session = world.issue(admins[0], 1, 600);
    world.run_for(1_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(20_000);
    let (disk, _) = world.copy_disk(kiosks[0]);
    world.must(admins[0], Command::Close { session, keep_rest: true, note: None });
    world.run_for(2_000);
    world.restart_on(kiosks[0], disk);
    world.run_for(10_000);
    let kiosk = kiosk_id(1);
    assert_eq!(state(&world, admins[0], session), State::Closed { kiosk, cause: Cause::Freed });
    let displaced = world.notices.iter().any(|(_, notice)| matches!(notice, Notice::Ended { .. }));
    assert!(!displaced, "nobody had displaced it: {:?}", world.notices);
}

/// A kiosk whose session was paused or closed after 20 s by an order that came while its disk was
/// failing, and which staged so many batches before the process died.
fn ended_on_a_failing_disk(pauses: bool) -> (World, [NodeId; 2], SessionId, usize) {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let session = world.issue(admins[0], 1, 600);
    world.run_for(1_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(20_000);
    world.machines.get_mut(&kiosks[0]).unwrap().disk_answers = false;
    let order = match pauses {
        true => Command::Pause { session },
        false => Command::Close { session, keep_rest: true, note: None },
    };
    world.must(admins[0], order);
    world.run_for(200);
    assert!(world.replica(kiosks[0]).running().is_none());
    let pending = world.machines[&kiosks[0]].disk.pending();
    (world, [admins[0], kiosks[0]], session, pending)
}

#[test]
fn a_run_that_ends_as_the_disk_fails_is_charged_no_further() {
    for pauses in [true, false] {
        let pending = ended_on_a_failing_disk(pauses).3;
        for came_through in 0..=pending {
            let (mut world, nodes, session, _) = ended_on_a_failing_disk(pauses);
            let disk = Arc::new(world.machines[&nodes[1]].disk.crash_late(came_through));
            world.kill(nodes[1]);
            world.run_for(30_000);
            world.machines.get_mut(&nodes[1]).unwrap().disk_answers = true;
            world.restart_on(nodes[1], disk);
            world.run_for(10_000);
            for node in nodes {
                let left = world.remaining_s(node, session);
                let case = format!("pauses: {pauses}, batches that came through: {came_through}");
                assert!((578..=580).contains(&left), "{left} s left of 600, over after 20; {case}");
                let now = state(&world, node, session);
                match pauses {
                    true => assert!(matches!(now, State::Paused { .. }), "{now:?}; {case}"),
                    false => assert!(matches!(now, State::Closed { .. }), "{now:?}; {case}"),
                }
            }
        }
    }
}

#[test]
fn a_kiosk_that_is_alone_says_so_once_and_without_being_asked() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    world.run_for(6_000);
    world.cut_off(kiosks[0], &admins);
    world.run_for(29_000);
    let mut tells = |after_ms: u64| {
        let mut now = world.moment(kiosks[0]);
        now.boot_ms += after_ms;
        let outputs = world.replica_mut(kiosks[0]).handle(super::super::Input::Wake, now);
        outputs.iter().any(|output| matches!(output, super::super::Output::Changed { .. }))
    };
    assert_eq!([0, 2_000, 4_000].map(&mut tells), [false, true, false]);
}

#[test]
fn an_isolated_kiosk_opens_known_codes_up_to_the_allowance_across_restarts() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let settings = domain::settings::Settings { allowance_s: 120, ..Default::default() };
    world.must(admins[0], Command::ChangeSettings { settings });
    let session = world.issue(admins[0], 1, 3600);
    world.run_for(6_000);
    world.cut_off(kiosks[0], &admins);
    world.run_for(40_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(70_000);
    world.cut_power(kiosks[0]);
    world.start(kiosks[0]);
    world.run_for(200);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(70_000);
    let cause = Cause::Isolated;
    assert_eq!(state(&world, kiosks[0], session), State::Closed { kiosk: kiosk_id(1), cause });
    assert_eq!(world.type_code(kiosks[0], 1), Err(Failure::Refused(Refusal::Isolated)));
    world.heal();
    world.run_for(6_000);
    world.type_code(kiosks[0], 1).unwrap();
}

#[test]
fn pausing_stops_the_clock_and_resuming_goes_on() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    let session = world.issue(admins[0], 1, 600);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(20_000);
    world.must(admins[1], Command::Pause { session });
    world.run_for(100_000);
    let left = world.remaining_s(admins[0], session);
    assert!((579..=580).contains(&left), "{left}");
    let screen = world.replica(kiosks[0]).view(world.moment(kiosks[0])).unwrap().screen;
    assert!(matches!(screen.face, Face::Paused { .. }));
    world.must(admins[0], Command::Resume { session });
    world.run_for(20_000);
    let left = world.remaining_s(admins[1], session);
    assert!((559..=560).contains(&left), "{left}");
}

#[test]
fn a_pause_that_outlived_its_node_ends_in_the_code_typed_again_and_not_in_free_time() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let session = world.issue(admins[0], 1, 600);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(20_000);
    world.must(admins[0], Command::Pause { session });
    world.run_for(6_000);
    world.kill(kiosks[0]);
    let reborn = world.add_kiosk_as(77, 1, true);
    world.run_for(12_000);
    assert!(matches!(state(&world, reborn, session), State::Paused { .. }));
    world.must(admins[0], Command::Resume { session });
    world.run_for(6_000);
    let cause = Cause::Reboot;
    assert_eq!(state(&world, admins[0], session), State::Closed { kiosk: kiosk_id(1), cause });
    world.type_code(reborn, 1).unwrap();
    world.run_for(20_000);
    let left = world.remaining_s(admins[0], session);
    assert!((555..=560).contains(&left), "{left}");
}

/// A kiosk that forgets, and that may let one session run alone for a minute; the session has run
/// there for 12 s when its links go.
fn forgetful_and_cut_off() -> (World, NodeId, SessionId) {
    let (mut world, admins, _) = World::new(1, 0);
    let kiosk = world.add_kiosk_as(77, 1, true);
    world.run_for(12_000);
    let settings = domain::settings::Settings { allowance_s: 60, ..Default::default() };
    world.must(admins[0], Command::ChangeSettings { settings });
    let session = world.issue(admins[0], 1, 600);
    world.type_code(kiosk, 1).unwrap();
    world.run_for(12_000);
    world.cut_off(kiosk, &admins);
    (world, kiosk, session)
}

#[test]
fn a_restart_gives_a_kiosk_that_forgets_no_second_allowance() {
    let (mut world, kiosk, session) = forgetful_and_cut_off();
    world.run_for(40_000);
    world.kill(kiosk);
    world.start(kiosk);
    world.run_for(10_000);
    assert_eq!(world.replica(kiosk).running(), Some(session));
    world.run_for(20_000);
    assert_eq!(world.replica(kiosk).running(), None, "what it told nobody would be lost with it");
}

#[test]
fn nor_does_typing_the_code_again() {
    let (mut world, kiosk, _) = forgetful_and_cut_off();
    world.run_for(70_000);
    assert_eq!(world.replica(kiosk).running(), None);
    assert_eq!(world.type_code(kiosk, 1), Err(Failure::Refused(Refusal::Isolated)));
    world.heal();
    world.run_for(12_000);
    world.type_code(kiosk, 1).unwrap();
}

#[test]
fn nor_does_leaving_and_coming_back_before_the_kiosk_knows_that_it_is_alone() {
    let (mut world, kiosk, session) = forgetful_and_cut_off();
    for _ in 0..2 {
        world.run_for(10_000);
        let request = world.request();
        let by = domain::decide::Author::Kiosk { kiosk: kiosk_id(1), node: kiosk };
        let leaves = domain::command::Asked { request, command: Command::Leave { session } };
        world.ask(kiosk, by, leaves);
        assert_eq!(world.replica(kiosk).running(), None);
        world.type_code(kiosk, 1).unwrap();
    }
    world.run_for(35_000);
    assert_eq!(world.replica(kiosk).running(), Some(session), "55 s of 60 are used alone");
    world.run_for(8_000);
    assert_eq!(world.replica(kiosk).running(), None, "63 s would be lost with this machine");
}

#[test]
fn nothing_is_acknowledged_before_the_disk_has_it() {
    let (mut world, admins, _) = World::new(1, 0);
    let session = world.issue(admins[0], 1, 600);
    world.machines.get_mut(&admins[0]).unwrap().disk_answers = false;
    let request = world.request();
    let command = Command::Extend { session, seconds: 60 };
    let asked = domain::command::Asked { request, command };
    let by = domain::decide::Author::Operator(super::world::HOST);
    let first = world.ask(admins[0], by, asked.clone());
    let again = world.ask(admins[0], by, asked);
    assert!(!world.replies.contains_key(&first), "acknowledged before it was durable");
    assert!(!world.replies.contains_key(&again), "a repetition was acknowledged too early");
    world.input(admins[0], super::super::Input::DiskFailed);
    assert_eq!(world.replies[&first], Err(Failure::Disk));
    assert_eq!(world.replies[&again], Err(Failure::Disk));
}

#[test]
fn a_kiosk_whose_disk_failed_says_so_and_takes_no_code_for_a_wrong_one() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let (admin, kiosk) = (admins[0], kiosks[0]);
    let session = world.issue(admin, 1, 60);
    world.run_for(1_000);
    world.type_code(kiosk, 1).unwrap();
    let now = world.moment(kiosk);
    let outputs = world.replica_mut(kiosk).handle(super::super::Input::DiskFailed, now);
    let told = |output: &_| matches!(output, super::super::Output::Changed { .. });
    assert!(outputs.iter().any(told), "the page is not told");
    let face = |world: &World| {
        let now = world.moment(kiosk);
        world.replica(kiosk).view(now).map(|view| view.screen.face)
    };
    let runs = |face| matches!(face, Some(Face::Running { session: of, .. }) if of == session);
    assert!(runs(face(&world)), "what runs goes on");
    world.run_for(70_000);
    assert_eq!(face(&world), Some(Face::OutOfService));
    // It takes in nothing that was written since: the code is a good one, and unknown here.
    world.issue(admin, 2, 600);
    world.run_for(1_000);
    for _ in 0..10 {
        assert_eq!(world.type_code(kiosk, 2), Err(Failure::Disk));
    }
}

#[test]
fn a_text_reaches_its_kiosk_and_nobody_else_and_goes_when_read() {
    let (mut world, admins, kiosks) = World::new(2, 2);
    let message = domain::id::RowId([77; 16]);
    let command = Command::SendMessage { message, kiosk: kiosk_id(1) };
    let asked = domain::command::Asked { request: world.request(), command };
    let now = world.moment(admins[0]);
    // The kiosk is linked to the other admin node alone.
    world.cut_off(kiosks[0], &[admins[0]]);
    let outputs = world.replica_mut(admins[0]).say(
        super::super::AskId(1),
        super::world::HOST,
        asked,
        "Fermeture dans dix minutes",
        now,
    );
    world.carry_out(admins[0], outputs);
    world.run_for(6_000);
    let texts =
        |world: &World, kiosk| world.replica(kiosk).view(world.moment(kiosk)).unwrap().texts;
    assert_eq!(texts(&world, kiosks[0]), [(message, String::from("Fermeture dans dix minutes"))]);
    assert_eq!(texts(&world, kiosks[1]), []);
    let by = domain::decide::Author::Kiosk { kiosk: kiosk_id(1), node: kiosks[0] };
    let command = Command::AcknowledgeMessage { message };
    let request = world.request();
    world.ask(kiosks[0], by, domain::command::Asked { request, command });
    world.run_for(1_000);
    assert_eq!(texts(&world, kiosks[0]), []);
}

#[test]
fn a_restored_vault_stays_shut_until_the_ledger_has_caught_up_with_every_erasure() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    let message = domain::id::RowId([78; 16]);
    let command = Command::SendMessage { message, kiosk: kiosk_id(1) };
    let asked = domain::command::Asked { request: world.request(), command };
    let now = world.moment(admins[0]);
    let say = super::super::AskId(1);
    let outputs =
        world.replica_mut(admins[0]).say(say, super::world::HOST, asked, "Personnel", now);
    world.carry_out(admins[0], outputs);
    world.run_for(16_000);
    world.kill(admins[1]);
    let backup = world.machines[&admins[1]].disk.clone();
    world.must(admins[0], Command::EraseRow { row: message });
    // The backup comes back on the second node, its vault shut.
    {
        let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::from_seed([1; 32]);
        let key = crate::vault::key::VaultKey::from_bytes([5; 32]);
        let mut vault = crate::vault::Vault::open(backup, key, &mut rng).unwrap();
        vault.shut().unwrap();
    }
    world.start(admins[1]);
    assert!(world.replica(admins[1]).vault().unwrap().is_shut());
    world.run_for(16_000);
    for admin in &admins {
        let vault = world.replica(*admin).vault().unwrap();
        assert!(!vault.is_shut());
        assert!(vault.is_erased(message).unwrap());
        assert!(vault.read(message).unwrap().is_none());
    }
    assert!(world.replica(kiosks[0]).links().count() == 2);
}

#[test]
fn pressing_the_power_button_gives_an_isolated_kiosk_no_more_than_its_policy() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let isolation = domain::settings::IsolationPolicy::Finish;
    let settings = domain::settings::Settings { isolation, ..Default::default() };
    world.must(admins[0], Command::ChangeSettings { settings });
    world.issue(admins[0], 1, 3600);
    world.run_for(6_000);
    world.cut_off(kiosks[0], &admins);
    world.cut_power(kiosks[0]);
    world.start(kiosks[0]);
    world.run_for(200);
    assert_eq!(world.type_code(kiosks[0], 1), Err(Failure::Refused(Refusal::Isolated)));
    world.heal();
    world.run_for(1_000);
    world.type_code(kiosks[0], 1).unwrap();
}

#[test]
fn a_close_outlives_a_pause_that_its_operator_had_not_seen() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    let session = world.issue(admins[0], 1, 600);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(6_000);
    let others = [admins[0], kiosks[0]];
    world.cut_off(admins[1], &others);
    world.must(admins[0], Command::Pause { session });
    world.run_for(6_000);
    assert!(matches!(state(&world, admins[0], session), State::Paused { .. }));
    world.must(admins[1], Command::Close { session, keep_rest: true, note: None });
    world.heal();
    world.run_for(6_000);
    let cause = Cause::Freed;
    for admin in &admins {
        assert_eq!(state(&world, *admin, session), State::Closed { kiosk: kiosk_id(1), cause });
    }
}

#[test]
fn a_session_that_stays_after_all_forgets_that_it_was_to_go() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    let session = world.issue(admins[0], 1, 3600);
    world.run_for(1_000);
    let everyone: Vec<_> = admins.iter().chain(&kiosks).copied().collect();
    world.cut_off(kiosks[0], &everyone);
    world.cut_off(kiosks[1], &everyone);
    world.run_for(40_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.type_code(kiosks[1], 1).unwrap();
    world.heal();
    world.run_for(6_000);
    let displaced = |world: &World, kiosk| {
        world.replica(kiosk).view(world.moment(kiosk)).unwrap().displaced_in_ms.is_some()
    };
    let (loser, keeper) =
        if displaced(&world, kiosks[0]) { (kiosks[0], kiosks[1]) } else { (kiosks[1], kiosks[0]) };
    assert!(displaced(&world, loser));
    let kiosk = world.replica(keeper).me().kiosk.unwrap();
    let by = domain::decide::Author::Kiosk { kiosk, node: keeper };
    let request = world.request();
    world.ask(keeper, by, domain::command::Asked { request, command: Command::Leave { session } });
    world.run_for(60_000);
    assert!(!displaced(&world, loser));
    assert_eq!(world.replica(loser).running(), Some(session), "it is the only one now");
}
