//! The laws of time: granted is a sum, used is a register, remaining is the difference.

use domain::command::{Command, MOST_SECONDS};
use domain::fact::{Cause, CodeIssued, SessionExtended};
use domain::id::{EpochId, RequestId, SessionId};
use domain::refusal::Refusal;
use domain::session::{Reading, State};

use crate::mirror::Arrival;
use crate::world::{ADMIN, Code, HOST, Machine, World, at, by, ended, running};

/// A session of ten minutes, open on a kiosk.
fn opened() -> (World, [Machine; 2], Vec<Machine>, Code) {
    let (mut world, admins, kiosks) = World::with_kiosks(3);
    let code = world.issue(&admins[0], 600);
    world.open(&kiosks[0], &code).unwrap();
    (world, admins, kiosks, code)
}

fn granted_ms(world: &World, code: &Code) -> u64 {
    world.session(code.session).granted_ms()
}

fn extended(session: SessionId, seconds: i32, request: u8) -> SessionExtended {
    let request = RequestId([request; 16]);
    SessionExtended { session, seconds, request, by: by(HOST) }
}

// ── Granted ─────────────────────────────────────────────────────────────────

#[test]
fn two_operators_who_extend_together_both_count() {
    let (mut world, [one, other], _, code) = opened();
    world.extend(&one, code.session, 900);
    world.extend(&other, code.session, 300);
    world.extend(&one, code.session, -60);
    assert_eq!(granted_ms(&world, &code), (600 + 900 + 300 - 60) * 1000);
}

#[test]
fn one_request_counts_once_whoever_repeats_it() {
    let (mut world, [one, other], _, code) = opened();
    let request = RequestId([5; 16]);
    let command = Command::Extend { session: code.session, seconds: 900 };
    assert_eq!(world.request(&one, HOST, request, command.clone()).unwrap().len(), 1);
    assert_eq!(world.request(&other, HOST, request, command), Ok(vec![]));
    world.write(other.epoch, extended(code.session, 900, 5));
    assert_eq!(granted_ms(&world, &code), (600 + 900) * 1000);
}

#[test]
fn of_two_contents_under_one_request_one_counts_alike_everywhere() {
    let (mut world, [one, other], _, code) = opened();
    let reuse = Command::Extend { session: code.session, seconds: 300 };
    world.write(one.epoch, extended(code.session, 900, 5));
    let refused = world.request(&other, HOST, RequestId([5; 16]), reuse);
    assert_eq!(refused, Err(Refusal::RequestReused));
    world.write(other.epoch, extended(code.session, 300, 5));
    let counted = granted_ms(&world, &code);
    assert!([900_000, 1_500_000].contains(&counted), "{counted}");

    let (mut world, [one, other], _, code) = opened();
    world.write(other.epoch, extended(code.session, 300, 5));
    world.write(one.epoch, extended(code.session, 900, 5));
    assert_eq!(granted_ms(&world, &code), counted);
}

#[test]
fn one_request_extends_one_session() {
    let (mut world, [one, other], _, code) = opened();
    let second = world.issue(&one, 600);
    let command = |session| Command::Extend { session, seconds: 900 };
    world.write(one.epoch, extended(code.session, 900, 5));
    let refused = world.request(&other, HOST, RequestId([5; 16]), command(second.session));
    assert_eq!(refused, Err(Refusal::RequestReused));
    world.write(other.epoch, extended(second.session, 900, 5));
    let both = granted_ms(&world, &code) + granted_ms(&world, &second);
    assert_eq!(both, (600 + 600 + 900) * 1000);
}

#[test]
fn an_extension_is_bounded() {
    let (mut world, [admin, _], _, code) = opened();
    let session = code.session;
    for seconds in [0, 43_201, -43_201, i32::MAX, i32::MIN] {
        let refused = world.command(&admin, HOST, Command::Extend { session, seconds });
        assert_eq!(refused, Err(Refusal::OutOfBounds), "{seconds}");
    }
    for seconds in [43_201, i32::MAX, i32::MIN] {
        world.write(admin.epoch, extended(session, seconds, 9));
    }
    assert_eq!(granted_ms(&world, &code), 600_000);
}

#[test]
fn a_grant_beyond_the_bounds_is_no_issue() {
    let (mut world, [admin, _], _) = World::with_kiosks(0);
    let session = SessionId([4; 16]);
    let terms = World::terms(MOST_SECONDS + 1);
    assert_eq!(world.issue_on(&admin, terms.clone()).err(), Some(Refusal::OutOfBounds));
    let issued = CodeIssued {
        session,
        key: domain::id::CodeKey(admin.key.verifying_key().to_bytes()),
        derivation: 1,
        seconds: terms.seconds,
        from_ms: terms.from_ms,
        until_ms: terms.until_ms,
        place: terms.place,
        label: None,
        request: RequestId([1; 16]),
        by: by(HOST),
    };
    world.write(admin.epoch, issued);
    assert!(world.site().session(&session).is_none());
}

#[test]
fn taking_more_than_was_granted_leaves_nothing_and_is_exact() {
    let (mut world, [admin, _], _, code) = opened();
    world.extend(&admin, code.session, -900);
    assert_eq!(granted_ms(&world, &code), 0);
    assert_eq!(world.left_ms(code.session), 0);
    world.extend(&admin, code.session, 360);
    assert_eq!(granted_ms(&world, &code), 60_000, "the sum is clamped only when it is read");
}

// ── Used ────────────────────────────────────────────────────────────────────

fn measured(world: &World, code: &Code) -> u64 {
    let session = world.session(code.session);
    session.measured_ms(|epoch| world.site().node_of(epoch))
}

/// Readings of `count` epochs of one node that never recorded an end, 10 s each.
fn unended(world: &mut World, kiosk: &mut Machine, code: &Code, count: usize) {
    for number in 0..count {
        if number > 0 {
            world.boot(kiosk);
        }
        let reading = Reading {
            opening: u32::try_from(number).unwrap() + 1,
            ..running(code.session, kiosk.epoch, 1, 10_000)
        };
        world.read(reading);
    }
}

#[test]
fn the_first_three_epochs_without_an_end_are_forgiven_their_charge() {
    let (mut world, _, mut kiosks, code) = opened();
    unended(&mut world, &mut kiosks[0], &code, 3);
    assert_eq!(measured(&world, &code), 30_000);
}

#[test]
fn the_fourth_epoch_without_an_end_is_charged_ahead_and_each_one_after() {
    let (mut world, _, mut kiosks, code) = opened();
    unended(&mut world, &mut kiosks[0], &code, 4);
    assert_eq!(measured(&world, &code), 40_000 + 5_000);
    let (mut world, _, mut kiosks, code) = opened();
    unended(&mut world, &mut kiosks[0], &code, 7);
    assert_eq!(measured(&world, &code), 70_000 + 4 * 5_000);
}

#[test]
fn a_recorded_end_replaces_the_charge_by_exact_use() {
    let (mut world, _, mut kiosks, code) = opened();
    unended(&mut world, &mut kiosks[0], &code, 4);
    world.read(ended(code.session, kiosks[0].epoch, 2, 12_345));
    assert_eq!(measured(&world, &code), 30_000 + 12_345);
}

#[test]
fn a_process_that_goes_on_where_another_left_off_is_not_charged() {
    let (mut world, _, mut kiosks, code) = opened();
    unended(&mut world, &mut kiosks[0], &code, 4);
    let before = kiosks[0].epoch;
    world.boot(&mut kiosks[0]);
    let mut next = running(code.session, kiosks[0].epoch, 1, 1_000);
    next.opening = 4;
    next.continues = Some((before, 1));
    world.read(next);
    // Four ends are still missing: of three epochs that stopped, and of the one that runs.
    assert_eq!(measured(&world, &code), 41_000 + 5_000);
    next = Reading { n: 2, ahead_ms: 0, ..next };
    world.read(next);
    assert_eq!(measured(&world, &code), 41_000);
}

#[test]
fn nobody_goes_on_where_another_node_left_off() {
    let (mut world, [admin, _], mut kiosks, code) = opened();
    unended(&mut world, &mut kiosks[0], &code, 4);
    world.close(&admin, code.session, true);
    world.open(&kiosks[1], &code).unwrap();
    let mut lie = ended(code.session, kiosks[1].epoch, 1, 0);
    lie.continues = Some((kiosks[0].epoch, 1));
    world.read(lie);
    assert_eq!(measured(&world, &code), 40_000 + 5_000);
}

#[test]
fn what_was_measured_after_the_next_process_began_is_charged() {
    let (mut world, _, mut kiosks, code) = opened();
    unended(&mut world, &mut kiosks[0], &code, 4);
    let before = kiosks[0].epoch;
    world.boot(&mut kiosks[0]);
    let mut next = ended(code.session, kiosks[0].epoch, 1, 1_000);
    next.continues = Some((before, 1));
    world.read(next);
    assert_eq!(measured(&world, &code), 41_000);
    let mut late = running(code.session, before, 2, 15_000);
    late.opening = 4;
    world.read(late);
    assert_eq!(measured(&world, &code), 46_000 + 5_000);
}

#[test]
fn the_total_is_over_all_epochs_and_kiosks() {
    let (mut world, [admin, _], kiosks, code) = opened();
    world.read(ended(code.session, kiosks[0].epoch, 1, 100_000));
    world.close(&admin, code.session, true);
    world.end(&kiosks[0], code.session, Cause::Freed);
    world.open(&kiosks[1], &code).unwrap();
    world.read(ended(code.session, kiosks[1].epoch, 1, 50_000));
    assert_eq!(world.left_ms(code.session), 450_000);
}

#[test]
fn readings_repeated_late_or_old_change_nothing() {
    let (mut world, _, kiosks, code) = opened();
    let readings =
        [1, 2, 3].map(|n| running(code.session, kiosks[0].epoch, n, u64::from(n) * 5_000));
    world.read(readings[2]);
    let after = (world.fingerprint(), measured(&world, &code));
    for reading in readings {
        world.read(reading);
    }
    assert_eq!((world.fingerprint(), measured(&world, &code)), after);
    assert_eq!(after.1, 15_000);
}

#[test]
fn readings_of_a_node_that_never_opened_the_session_change_nothing() {
    let (mut world, [admin, _], kiosks, code) = opened();
    let before = world.fingerprint();
    for liar in [kiosks[1].epoch, admin.epoch, EpochId([4; 32])] {
        world.read(ended(code.session, liar, 7, 600_000));
    }
    assert_eq!(world.left_ms(code.session), 600_000);
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_reading_that_came_before_its_opening_counts_once_that_is_known() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(1);
    let code = world.issue(&admin, 600);
    world.read(running(code.session, kiosks[0].epoch, 1, 60_000));
    assert_eq!(world.left_ms(code.session), 600_000);
    world.open(&kiosks[0], &code).unwrap();
    assert_eq!(world.left_ms(code.session), 540_000);
}

#[test]
fn use_beyond_what_was_granted_is_listed_and_shown_as_no_more_than_granted() {
    let (mut world, _, kiosks, code) = opened();
    world.read(ended(code.session, kiosks[0].epoch, 1, 700_000));
    let shown = world.site().session_on_floor(code.session, at(0)).unwrap();
    assert_eq!((shown.used_ms, shown.excess_ms, shown.remaining_ms), (600_000, 100_000, 0));
}

#[test]
fn an_extension_first_covers_the_debt() {
    let (mut world, [admin, _], kiosks, code) = opened();
    world.read(ended(code.session, kiosks[0].epoch, 1, 700_000));
    world.extend(&admin, code.session, 160);
    assert_eq!(world.left_ms(code.session), 60_000);
    let session = world.session(code.session);
    assert_eq!(session.excess_ms(|epoch| world.site().node_of(epoch)), 0);
}

#[test]
fn use_is_added_without_overflow() {
    let (mut world, _, mut kiosks, code) = opened();
    for _ in 0..3 {
        world.read(ended(code.session, kiosks[0].epoch, u32::MAX, u64::MAX));
        world.boot(&mut kiosks[0]);
    }
    assert_eq!(measured(&world, &code), u64::MAX);
    assert_eq!(world.left_ms(code.session), 0);
    drop(world.site().floor(at(u64::MAX / 4)));
}

// ── Remaining ───────────────────────────────────────────────────────────────

#[test]
fn time_runs_from_the_last_reading_on_the_boot_clock_alone() {
    let (mut world, _, kiosks, code) = opened();
    world.read(running(code.session, kiosks[0].epoch, 1, 60_000));
    for wall_ms in [0, 1, i64::MIN, i64::MAX] {
        let now = domain::moment::Moment { boot_ms: 3_000, wall_ms, trusted: false };
        let left = world.site().remaining_ms(world.session(code.session), now);
        assert_eq!(left, (537_000, true));
    }
}

#[test]
fn a_session_that_never_started_or_pauses_does_not_run_down() {
    let (mut world, [admin, _], kiosks, code) = opened();
    let left = |world: &World| world.site().remaining_ms(world.session(code.session), at(9_000));
    assert_eq!(left(&world), (600_000, false), "no reading yet");
    world.read(running(code.session, kiosks[0].epoch, 1, 0));
    assert_eq!(left(&world), (591_000, true));
    world.command(&admin, HOST, Command::Pause { session: code.session }).unwrap();
    let replaces = world.session(code.session).head_ids_on(kiosks[0].kiosk);
    let (session, kiosk) = (code.session, kiosks[0].kiosk);
    world.read(ended(session, kiosks[0].epoch, 2, 9_000));
    world.write(kiosks[0].epoch, domain::fact::SessionPaused { session, kiosk, replaces });
    assert_eq!(left(&world), (591_000, false));
}

#[test]
fn an_expired_session_opens_again_after_an_extension_and_one_closed_by_staff_does_not() {
    let (mut world, [admin, _], kiosks, code) = opened();
    world.read(ended(code.session, kiosks[0].epoch, 1, 600_000));
    world.end(&kiosks[0], code.session, Cause::Expired);
    assert_eq!(world.open(&kiosks[1], &code), Err(Refusal::UsedUp));
    world.extend(&admin, code.session, 60);
    world.open(&kiosks[1], &code).unwrap();
    assert_eq!(world.left_ms(code.session), 60_000);

    world.close(&admin, code.session, false);
    world.end(&kiosks[1], code.session, Cause::Staff);
    let closed = State::Closed { kiosk: kiosks[1].kiosk, cause: Cause::Staff };
    assert_eq!(world.state(code.session), closed);
    assert_eq!(world.open(&kiosks[0], &code), Err(Refusal::SessionClosed));
    let more = Command::Extend { session: code.session, seconds: 60 };
    assert_eq!(world.command(&admin, HOST, more), Err(Refusal::NotNow));
}

#[test]
fn a_decision_at_the_ends_of_time_is_a_refusal_and_no_overflow() {
    let (mut world, [admin, _], _, _) = opened();
    let scope = domain::fact::Scope::Room(world.room);
    let token = domain::id::TokenId([1; 32]);
    let asked = |expires_ms| domain::command::Asked {
        request: RequestId([1; 16]),
        command: Command::IssueToken { token, scope, expires_ms },
    };
    let by = domain::decide::Author::Operator(by(ADMIN));
    for wall_ms in [i64::MIN, i64::MIN / 2, i64::MAX] {
        let now = domain::moment::Moment { boot_ms: 0, wall_ms, trusted: true };
        for expires_ms in [i64::MIN, 0, i64::MAX] {
            let refused = world.site().decide(&asked(expires_ms), by, now);
            assert_eq!(refused, Err(Refusal::OutOfBounds), "{wall_ms} {expires_ms}");
        }
    }
    for (from_ms, until_ms) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (0, 0)] {
        let terms = domain::command::Terms { from_ms, until_ms, ..World::terms(60) };
        assert_eq!(world.issue_on(&admin, terms).err(), Some(Refusal::OutOfBounds));
    }
}

/// As [`Arrival`]s in any order: what was measured is what is used.
#[test]
fn a_thousand_readings_backwards_are_worth_the_last() {
    let (world, _, kiosks, code) = opened();
    let mut mirror = world.view.clone();
    for n in (1..=1_000).rev() {
        let used_ms = u64::from(n) * 100;
        mirror.take(&Arrival::Reading(running(code.session, kiosks[0].epoch, n, used_ms)));
    }
    let session = mirror.site.session(&code.session).unwrap();
    assert_eq!(mirror.site.remaining_ms(session, at(0)).0, 500_000);
}
