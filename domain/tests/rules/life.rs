//! A session's life: who may open it, what stands, and what an order does.

use domain::command::{Asked, Command, Terms};
use domain::fact::{Cause, Place, SessionClosed, SessionPaused, SessionResumed};
use domain::id::{EntryId, KioskId, RequestId, RoomId, SessionId, Signature};
use domain::moment::Moment;
use domain::operator::OperatorRole;
use domain::refusal::Refusal;
use domain::screen::Face;
use domain::session::{OrderKind, State};
use domain::settings::{IsolationPolicy, Settings};

use crate::world::{ADMIN, Code, HOST, Machine, NOW_MS, World, at, ended};

fn issued() -> (World, [Machine; 2], Vec<Machine>, Code) {
    let (mut world, admins, kiosks) = World::with_kiosks(3);
    let code = world.issue(&admins[0], 600);
    (world, admins, kiosks, code)
}

fn opened() -> (World, [Machine; 2], Vec<Machine>, Code) {
    let (mut world, admins, kiosks, code) = issued();
    world.open(&kiosks[0], &code).unwrap();
    (world, admins, kiosks, code)
}

fn open_on(machine: &Machine) -> State {
    State::Open { kiosk: machine.kiosk, node: machine.node }
}

fn pause(world: &mut World, on: &Machine, session: SessionId) -> EntryId {
    let replaces = world.session(session).head_ids_on(on.kiosk);
    world.write(on.epoch, SessionPaused { session, kiosk: on.kiosk, replaces })
}

fn may_open(world: &World, on: &Machine, code: &Code, now: Moment) -> Result<(), Refusal> {
    world.site().may_open(on.kiosk, code.session, false, now)
}

// ── Opening ─────────────────────────────────────────────────────────────────

#[test]
fn a_code_opens_its_session_on_a_kiosk_once() {
    let (mut world, _, kiosks, code) = issued();
    assert_eq!(world.state(code.session), State::Issued);
    world.open(&kiosks[0], &code).unwrap();
    assert_eq!(world.state(code.session), open_on(&kiosks[0]));
    assert_eq!(world.open(&kiosks[0], &code), Err(Refusal::KioskInUse));
    let name = world.site().kiosk_name(&kiosks[0].kiosk);
    assert_eq!(world.open(&kiosks[1], &code), Err(Refusal::OpenElsewhere { kiosk: name }));
}

#[test]
fn an_opening_without_the_code_changes_nothing() {
    let (mut world, admins, kiosks, code) = issued();
    let other = world.issue(&admins[0], 600);
    let good = world.opening(&kiosks[0], &code, 1, Vec::new());
    let mut forged = Vec::new();
    forged.push(domain::fact::SessionOpened { proof: Signature([0; 64]), ..good.clone() });
    forged.push(domain::fact::SessionOpened { opening: 2, ..good.clone() });
    let wrong = Code { session: code.session, key: other.key };
    forged.push(world.opening(&kiosks[0], &wrong, 1, Vec::new()));
    // Another kiosk's proof, as it stands in the ledger for all to see.
    let elsewhere = world.opening(&kiosks[1], &code, 1, Vec::new());
    forged.push(domain::fact::SessionOpened { proof: elsewhere.proof, ..good.clone() });
    for fact in forged {
        world.write(kiosks[0].epoch, fact);
        assert_eq!(world.state(code.session), State::Issued);
        assert_eq!(world.site().session_on(kiosks[0].kiosk).map(|(id, _)| id), None);
    }
    world.write(kiosks[0].epoch, good);
    assert_eq!(world.state(code.session), open_on(&kiosks[0]));
}

#[test]
fn an_opening_for_another_kiosk_or_node_changes_nothing() {
    let (mut world, _, kiosks, code) = issued();
    let others = world.opening(&kiosks[1], &code, 1, Vec::new());
    world.write(kiosks[0].epoch, others);
    assert_eq!(world.state(code.session), State::Issued);
}

#[test]
fn a_code_opens_where_and_while_its_terms_say() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(2);
    let terms = |place| Terms { place, ..World::terms(600) };
    let here = world.issue_on(&admin, terms(Place::Kiosk(kiosks[0].kiosk))).unwrap();
    assert_eq!(may_open(&world, &kiosks[0], &here, at(0)), Ok(()));
    assert_eq!(may_open(&world, &kiosks[1], &here, at(0)), Err(Refusal::WrongPlace));
    let room = world.room;
    let in_room = world.issue_on(&admin, terms(Place::Room(room))).unwrap();
    assert_eq!(may_open(&world, &kiosks[1], &in_room, at(0)), Ok(()));
    let unknown = world.issue_on(&admin, terms(Place::Room(RoomId([8; 16]))));
    assert_eq!(unknown.err(), Some(Refusal::UnknownRoom));
    let unknown = world.issue_on(&admin, terms(Place::Kiosk(KioskId([8; 16]))));
    assert_eq!(unknown.err(), Some(Refusal::UnknownKiosk));

    let wall = |wall_ms, trusted| Moment { boot_ms: 0, wall_ms, trusted };
    let early = wall(NOW_MS - 2 * 3_600_000, true);
    let late = wall(NOW_MS + 2 * 3_600_000, true);
    assert_eq!(may_open(&world, &kiosks[0], &here, early), Err(Refusal::CodeNotYetValid));
    assert_eq!(may_open(&world, &kiosks[0], &here, late), Err(Refusal::CodeExpired));
    for untrusted in [0, i64::MAX, i64::MIN] {
        assert_eq!(may_open(&world, &kiosks[0], &here, wall(untrusted, false)), Ok(()));
    }
}

#[test]
fn a_kiosk_that_is_alone_opens_what_the_site_allows() {
    let (mut world, [admin, _], kiosks, code) = issued();
    for (isolation, allowed) in [
        (IsolationPolicy::AcceptKnown, Ok(())),
        (IsolationPolicy::Finish, Err(Refusal::Isolated)),
        (IsolationPolicy::Lock, Err(Refusal::Isolated)),
    ] {
        let settings = Settings { isolation, ..Settings::default() };
        world.command(&admin, ADMIN, Command::ChangeSettings { settings }).unwrap();
        let alone = world.site().may_open(kiosks[0].kiosk, code.session, true, at(0));
        assert_eq!(alone, allowed, "{isolation:?}");
        assert_eq!(may_open(&world, &kiosks[0], &code, at(0)), Ok(()));
    }
}

#[test]
fn a_kiosk_in_use_or_out_of_service_opens_nothing() {
    let (mut world, [admin, _], kiosks, _) = opened();
    let second = world.issue(&admin, 600);
    assert_eq!(world.open(&kiosks[0], &second), Err(Refusal::KioskInUse));
    let kiosk = kiosks[1].kiosk;
    let describe = |in_service| Command::DescribeKiosk { kiosk, in_service, note: None };
    world.command(&admin, HOST, describe(false)).unwrap();
    assert_eq!(world.open(&kiosks[1], &second), Err(Refusal::OutOfService));
    assert_eq!(world.site().screen(kiosk, at(0)).face, Face::OutOfService);
    world.command(&admin, HOST, describe(true)).unwrap();
    world.open(&kiosks[1], &second).unwrap();
}

#[test]
fn two_sessions_of_one_code_are_listed_and_the_lowest_opens() {
    let (mut world, [one, other], _) = World::with_kiosks(1);
    let first = world.issue(&one, 600);
    assert_eq!(world.site().collisions().count(), 0);
    let second = Code { session: SessionId(world.draw16()), key: first.key.clone() };
    let command = Command::IssueCode {
        session: second.session,
        key: second.public(),
        terms: World::terms(60),
        label: None,
    };
    world.command(&other, HOST, command).unwrap();
    assert_eq!(world.site().collisions().count(), 1);
    assert_eq!(world.site().floor(at(0)).collisions, 1);
    let lowest = first.session.min(second.session);
    assert_eq!(world.site().session_by_code(&first.public()), Some(lowest));
    world.withdraw(&one, lowest);
    let other = first.session.max(second.session);
    assert_eq!(world.site().session_by_code(&first.public()), Some(other));
}

// ── Twice at once ───────────────────────────────────────────────────────────

/// Two kiosks that had not seen each other's opening.
fn opened_twice() -> (World, Vec<Machine>, Code, [EntryId; 2]) {
    let (mut world, _, kiosks, code) = issued();
    let before = world.site().clone();
    let one = world.open_seeing(&before, &kiosks[0], &code).unwrap();
    let two = world.open_seeing(&before, &kiosks[1], &code).unwrap();
    (world, kiosks, code, [one, two])
}

#[test]
fn of_two_openings_that_did_not_see_each_other_the_lower_hash_keeps_the_session() {
    let (mut world, kiosks, code, entries) = opened_twice();
    let session = world.session(code.session);
    assert_eq!(session.double_openings().len(), 2);
    let (winner, step) = session.winner().unwrap();
    let hashes = entries.map(|id| {
        let body = world.view.known[&id].encode().unwrap();
        (domain::fact::fact_hash(&id, &body), id)
    });
    assert_eq!(winner, hashes.iter().min().unwrap().1);
    let loser = kiosks[..2].iter().find(|k| k.kiosk != step.kiosk).unwrap().clone();
    assert!(world.session(code.session).stands_on(loser.kiosk));
    world.end(&loser, code.session, Cause::Displaced);
    assert!(world.session(code.session).double_openings().is_empty());
    assert_eq!(world.session(code.session).winner().unwrap().0, winner);
    assert!(!world.session(code.session).stands_on(loser.kiosk));
}

#[test]
fn the_opening_that_had_seen_the_other_keeps_the_session_whatever_the_hashes() {
    for _ in 0..4 {
        let (mut world, [admin, _], kiosks, code) = opened();
        world.close(&admin, code.session, true);
        world.open(&kiosks[1], &code).unwrap();
        assert_eq!(world.state(code.session), open_on(&kiosks[1]));
        assert!(world.session(code.session).double_openings().is_empty());
    }
}

/// What the first kiosk goes on to write cannot take back what an opening elsewhere has followed.
#[test]
fn the_opening_that_had_seen_the_other_keeps_it_from_what_the_other_writes_later() {
    for last in 0..4 {
        let (mut world, [admin, _], kiosks, code) = opened();
        let (session, kiosk) = (code.session, kiosks[0].kiosk);
        let there = world.session(session).head_ids_on(kiosk);
        world.close(&admin, session, true);
        world.open(&kiosks[1], &code).unwrap();
        let paused = SessionPaused { session, kiosk, replaces: there };
        let paused = world.write(kiosks[0].epoch, paused);
        let replaces = vec![paused];
        match last {
            0 => {}
            1 => drop(world.write(kiosks[0].epoch, SessionResumed { session, kiosk, replaces })),
            2 => {
                let cause = Cause::Staff;
                world.write(kiosks[0].epoch, SessionClosed { session, kiosk, cause, replaces });
            }
            _ => {
                let cause = Cause::Left;
                world.write(kiosks[0].epoch, SessionClosed { session, kiosk, cause, replaces });
            }
        }
        assert_eq!(world.state(session), open_on(&kiosks[1]), "{last}");
        let stands = world.session(session).stands_on(kiosk);
        assert_eq!(stands, last < 2, "and the first kiosk knows that it must end");
    }
}

#[test]
fn a_session_closed_and_opened_again_is_never_a_double_opening() {
    let (mut world, _, kiosks, code) = opened();
    let before = world.site().clone();
    world.end(&kiosks[0], code.session, Cause::Left);
    world.open(&kiosks[1], &code).unwrap();
    assert!(world.session(code.session).double_openings().is_empty());
    world.end(&kiosks[1], code.session, Cause::Reboot);
    world.open(&kiosks[0], &code).unwrap();
    assert!(world.session(code.session).double_openings().is_empty());
    assert_eq!(world.state(code.session), open_on(&kiosks[0]));
    drop(before);
}

#[test]
fn two_openings_on_one_kiosk_are_no_double_opening() {
    let (mut world, _, kiosks, code) = issued();
    for opening in [1, 2] {
        let opened = world.opening(&kiosks[0], &code, opening, Vec::new());
        world.write(kiosks[0].epoch, opened);
    }
    assert!(world.session(code.session).double_openings().is_empty());
    world.end(&kiosks[0], code.session, Cause::Left);
    let closed = State::Closed { kiosk: kiosks[0].kiosk, cause: Cause::Left };
    assert_eq!(world.state(code.session), closed);
}

// ── What stands ─────────────────────────────────────────────────────────────

#[test]
fn withdrawn_outranks_closed_by_staff_which_outranks_paused_which_outranks_open() {
    let (mut world, kiosks, code, _) = opened_twice();
    let admin = world.admin_machine();
    world.admit_admin(&admin, admin.node);
    let (_, held) = world.session(code.session).winner().unwrap();
    let loser = kiosks[..2].iter().find(|k| k.kiosk != held.kiosk).unwrap().clone();
    let keeper = kiosks[..2].iter().find(|k| k.kiosk == held.kiosk).unwrap().clone();
    assert_eq!(world.state(code.session), open_on(&keeper));

    pause(&mut world, &loser, code.session);
    let paused = State::Paused { kiosk: loser.kiosk, node: loser.node };
    assert_eq!(world.state(code.session), paused);

    world.close(&admin, code.session, false);
    world.end(&keeper, code.session, Cause::Staff);
    let closed = State::Closed { kiosk: keeper.kiosk, cause: Cause::Staff };
    assert_eq!(world.state(code.session), closed);

    world.withdraw(&admin, code.session);
    assert_eq!(world.state(code.session), State::Withdrawn);
    assert_eq!(may_open(&world, &keeper, &code, at(0)), Err(Refusal::CodeWithdrawn));
}

#[test]
fn an_end_of_its_own_yields_to_the_same_session_open_elsewhere() {
    let (mut world, kiosks, code, _) = opened_twice();
    world.end(&kiosks[0], code.session, Cause::Expired);
    assert_eq!(world.state(code.session), open_on(&kiosks[1]));
}

// ── Orders ──────────────────────────────────────────────────────────────────

#[test]
fn an_order_to_a_dead_kiosk_frees_the_session_and_its_late_use_still_counts() {
    let (mut world, [admin, _], kiosks, code) = opened();
    world.close(&admin, code.session, true);
    assert!(world.session(code.session).freed());
    world.open(&kiosks[1], &code).unwrap();
    assert_eq!(world.state(code.session), open_on(&kiosks[1]));
    world.read(ended(code.session, kiosks[0].epoch, 9, 200_000));
    assert_eq!(world.left_ms(code.session), 400_000);
    world.end(&kiosks[0], code.session, Cause::Freed);
    assert_eq!(world.state(code.session), open_on(&kiosks[1]));
}

#[test]
fn an_order_is_for_what_its_operator_saw() {
    let (mut world, [admin, other], kiosks, code) = opened();
    let before = world.site().clone();
    world.end(&kiosks[0], code.session, Cause::Left);
    world.open(&kiosks[1], &code).unwrap();
    // The other desk, cut off, still sees it on the first kiosk.
    let command = Command::Close { session: code.session, keep_rest: true, note: None };
    let asked = Asked { request: RequestId([1; 16]), command };
    let by = domain::decide::Author::Operator(crate::world::by(HOST));
    for fact in before.decide(&asked, by, at(0)).unwrap() {
        world.write(other.epoch, fact);
    }
    assert_eq!(world.session(code.session).pending_order(), None);
    world.close(&admin, code.session, true);
    let order = OrderKind::Close { keep_rest: true };
    assert_eq!(world.session(code.session).pending_order(), Some(order));
}

#[test]
fn a_pause_is_ordered_carried_out_and_taken_back() {
    let (mut world, [admin, _], kiosks, code) = opened();
    let session = code.session;
    assert_eq!(world.command(&admin, HOST, Command::Resume { session }), Err(Refusal::NotNow));
    world.command(&admin, HOST, Command::Pause { session }).unwrap();
    assert_eq!(world.session(session).pending_order(), Some(OrderKind::Pause));
    pause(&mut world, &kiosks[0], session);
    assert_eq!(world.session(session).pending_order(), None);
    let face = world.site().screen(kiosks[0].kiosk, at(0)).face;
    assert_eq!(face, Face::Paused { session, remaining_ms: 600_000 });
    world.command(&admin, HOST, Command::Resume { session }).unwrap();
    assert_eq!(world.session(session).pending_order(), Some(OrderKind::Resume));
    let (kiosk, replaces) = (kiosks[0].kiosk, world.session(session).head_ids_on(kiosks[0].kiosk));
    world.write(kiosks[0].epoch, SessionResumed { session, kiosk, replaces });
    assert_eq!(world.state(session), open_on(&kiosks[0]));
    assert_eq!(world.session(session).pending_order(), None);
}

#[test]
fn a_close_for_good_outweighs_whatever_else_was_ordered() {
    let (mut world, [one, other], _, code) = opened();
    let session = code.session;
    world.command(&one, HOST, Command::Pause { session }).unwrap();
    world.close(&other, session, true);
    let order = world.session(session).pending_order();
    assert_eq!(order, Some(OrderKind::Close { keep_rest: true }));
    world.close(&one, session, false);
    let order = world.session(session).pending_order();
    assert_eq!(order, Some(OrderKind::Close { keep_rest: false }));
    assert!(!world.session(session).freed());
}

#[test]
fn a_code_closed_before_it_was_used_is_over() {
    let (mut world, [admin, _], kiosks, code) = issued();
    world.close(&admin, code.session, false);
    assert_eq!(world.state(code.session), State::Withdrawn);
    assert!(world.open(&kiosks[0], &code).is_err());
}

#[test]
fn a_session_that_its_patron_left_is_closed_by_staff_without_the_kiosk() {
    let (mut world, [admin, _], kiosks, code) = opened();
    world.end(&kiosks[0], code.session, Cause::Left);
    world.close(&admin, code.session, false);
    let closed = State::Closed { kiosk: kiosks[0].kiosk, cause: Cause::Staff };
    assert_eq!(world.state(code.session), closed);
    assert_eq!(world.open(&kiosks[1], &code), Err(Refusal::SessionClosed));
    let more = Command::Extend { session: code.session, seconds: 60 };
    assert_eq!(world.command(&admin, HOST, more), Err(Refusal::NotNow));
}

// ── Who may ask ─────────────────────────────────────────────────────────────

#[test]
fn what_needs_a_role_is_refused_without_it() {
    let (mut world, [admin, _], _, code) = opened();
    let session = code.session;
    let host = Command::Extend { session, seconds: 60 };
    let settings = Settings::default();
    assert_eq!(world.command(&admin, OperatorRole::Viewer, host), Err(Refusal::Role));
    let change = Command::ChangeSettings { settings };
    assert_eq!(world.command(&admin, HOST, change), Err(Refusal::Role));
    let leave = Command::Leave { session };
    assert_eq!(world.command(&admin, ADMIN, leave), Err(Refusal::Authority));
}

#[test]
fn a_kiosk_may_ask_for_nothing_of_an_operator() {
    let (world, _, kiosks, code) = opened();
    let session = code.session;
    for command in [
        Command::Extend { session, seconds: 60 },
        Command::Withdraw { session },
        Command::Close { session, keep_rest: false, note: None },
        Command::ChangeSettings { settings: Settings::default() },
        Command::EraseRow { row: domain::id::RowId([1; 16]) },
    ] {
        let asked = Asked { request: RequestId([1; 16]), command };
        let refused = world.site().decide(&asked, kiosks[0].author(), at(0));
        assert_eq!(refused, Err(Refusal::Authority));
    }
}

#[test]
fn a_patron_leaves_only_the_kiosk_where_the_session_stands() {
    let (world, _, kiosks, code) = opened();
    let command = Command::Leave { session: code.session };
    let asked = Asked { request: RequestId([1; 16]), command };
    let refused = world.site().decide(&asked, kiosks[1].author(), at(0));
    assert_eq!(refused, Err(Refusal::NotNow));
    let left = world.site().decide(&asked, kiosks[0].author(), at(0)).unwrap();
    assert_eq!(left, [world.site().closed(kiosks[0].kiosk, code.session, Cause::Left)]);
}

#[test]
fn a_message_is_unread_until_its_patron_reads_it() {
    let (mut world, [admin, _], kiosks, _) = opened();
    let kiosk = kiosks[0].kiosk;
    let message = world.message(&admin, kiosk);
    assert_eq!(world.site().screen(kiosk, at(0)).messages, [message]);
    let command = Command::AcknowledgeMessage { message };
    let asked = Asked { request: RequestId([1; 16]), command };
    let refused = world.site().decide(&asked, kiosks[1].author(), at(0));
    assert_eq!(refused, Err(Refusal::NotNow));
    let read = world.site().decide(&asked, kiosks[0].author(), at(0)).unwrap();
    world.write(kiosks[0].epoch, read[0].clone());
    assert_eq!(world.site().screen(kiosk, at(0)).messages, []);
}

#[test]
fn warnings_are_given_as_their_minute_comes() {
    let (mut world, _, kiosks, code) = opened();
    for (used_ms, warning) in [
        (0, Some(10)),
        (299_999, Some(10)),
        (300_000, Some(5)),
        (480_000, Some(2)),
        (599_999, Some(1)),
    ] {
        let n = u32::try_from(used_ms).unwrap() + 1;
        world.read(ended(code.session, kiosks[0].epoch, n, used_ms));
        let Face::Running { warning_min, .. } = world.site().screen(kiosks[0].kiosk, at(0)).face
        else {
            panic!("it runs");
        };
        assert_eq!(warning_min, warning, "{used_ms}");
    }
}

#[test]
fn the_floor_lists_what_stands_on_no_kiosk_the_longest_valid_first() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(1);
    let mut issue = |minutes: i64| {
        let until_ms = NOW_MS + minutes * 60_000;
        let terms = Terms { until_ms, ..World::terms(60) };
        world.issue_on(&admin, terms).unwrap()
    };
    let [first, second, third] = [30, 90, 60].map(&mut issue);
    world.open(&kiosks[0], &third).unwrap();
    let floor = world.site().floor(at(0));
    let listed: Vec<_> = floor.sessions.iter().map(|session| session.id).collect();
    assert_eq!(listed, [second.session, first.session]);
    assert_eq!(floor.tiles[0].session.as_ref().unwrap().id, third.session);
    for _ in 0..domain::floor::MOST_LISTED {
        world.issue(&admin, 60);
    }
    let floor = world.site().floor(at(0));
    assert_eq!(floor.sessions.len(), domain::floor::MOST_LISTED);
    assert_eq!(floor.sessions[0].id, second.session);
}
