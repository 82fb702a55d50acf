//! What a member that lies, or an author without authority, can do: nothing to others.

use domain::command::{Command, MOST_CODES};
use domain::decide::cut_parts;
use domain::fact::{
    Cause, CodesIssued, Cut, Fact, MOST_BODY, MessageAcknowledged, SessionClosed, SessionOpened,
    SessionPaused, SessionResumed,
};
use domain::id::{CodeKey, EntryId, EpochId, KioskId, RequestId, RowId, SessionId};
use domain::refusal::Refusal;
use domain::session::State;

use crate::mirror::Arrival;
use crate::sample::{LAST_KIND, fact};
use crate::world::{ADMIN, Code, HOST, Machine, World, at, by, ended, in_parts, running};

fn opened() -> (World, [Machine; 2], Vec<Machine>, Code) {
    let (mut world, admins, kiosks) = World::with_kiosks(3);
    let code = world.issue(&admins[0], 600);
    world.open(&kiosks[0], &code).unwrap();
    (world, admins, kiosks, code)
}

#[test]
fn a_stranger_changes_nothing_that_is_shown() {
    let (mut world, _, kiosks, code) = opened();
    let stranger = world.admin_machine();
    let kiosks: Vec<_> = kiosks.iter().map(|machine| machine.kiosk).collect();
    let before = world.view.sight(&kiosks, at(0)).difference(&world.view.sight(&kiosks, at(0)));
    assert_eq!(before, None);
    let shown = |world: &World| {
        (
            world.site().floor(at(0)),
            kiosks.iter().map(|k| world.site().screen(*k, at(0))).collect::<Vec<_>>(),
        )
    };
    let before = shown(&world);
    for kind in 1..=LAST_KIND {
        world.write(stranger.epoch, fact(kind, 3, false));
    }
    let session = code.session;
    world.write(stranger.epoch, domain::fact::Withdrawn { session, by: by(ADMIN) });
    world.write(EpochId([3; 32]), domain::fact::Withdrawn { session, by: by(ADMIN) });
    assert_eq!(shown(&world), before);
}

#[test]
fn a_kiosk_writes_no_operators_fact() {
    let (mut world, _, kiosks, code) = opened();
    let kiosk = &kiosks[0];
    let (state, granted) = (world.state(code.session), world.session(code.session).granted_ms());
    let before = world.site().floor(at(0));
    for kind in 1..=LAST_KIND {
        for mut lie in [fact(kind, 3, false), fact(kind, 4, false)] {
            match &mut lie {
                Fact::SessionExtended(f) => (f.session, f.by) = (code.session, by(ADMIN)),
                Fact::Withdrawn(f) => (f.session, f.by) = (code.session, by(ADMIN)),
                Fact::CloseAsked(f) => (f.session, f.by) = (code.session, by(ADMIN)),
                Fact::PauseAsked(f) => (f.session, f.by) = (code.session, by(ADMIN)),
                _ => {}
            }
            world.write(kiosk.epoch, lie);
        }
    }
    assert_eq!(world.state(code.session), state);
    assert_eq!(world.session(code.session).granted_ms(), granted);
    assert_eq!(world.site().floor(at(0)), before);
}

/// A kiosk that was never given the code, and everything that it can say of the session.
#[test]
fn a_kiosk_that_never_opened_a_session_has_no_say_in_it() {
    let (mut world, admins, kiosks, code) = opened();
    let unopened = world.issue(&admins[0], 600);
    let liar = &kiosks[1];
    let before = world.site().floor(at(0));
    for session in [code.session, unopened.session] {
        for victim in [kiosks[0].kiosk, liar.kiosk] {
            for replaces in [Vec::new(), world.session(session).head_ids()] {
                let (kiosk, cause) = (victim, Cause::Staff);
                let r = || replaces.clone();
                world.write(liar.epoch, SessionPaused { session, kiosk, replaces: r() });
                world.write(liar.epoch, SessionResumed { session, kiosk, replaces: r() });
                world.write(liar.epoch, SessionClosed { session, kiosk, cause, replaces: r() });
            }
        }
        // A ring that leans on itself alone.
        let seq = world.height(liar.epoch);
        let next = |more: u64| EntryId { epoch: liar.epoch, seq: seq + more };
        let kiosk = liar.kiosk;
        world.write(liar.epoch, SessionPaused { session, kiosk, replaces: vec![next(1)] });
        world.write(liar.epoch, SessionResumed { session, kiosk, replaces: vec![next(0)] });
        world.read(ended(session, liar.epoch, 1, 600_000));
        assert!(!world.session(session).stands_on(kiosk));
    }
    assert_eq!(world.site().floor(at(0)), before);
    assert_eq!(world.site().session_on(liar.kiosk).map(|(id, _)| id), None);
    // Its own patrons are not shut out by what it said.
    world.open(liar, &unopened).unwrap();
}

#[test]
fn a_kiosk_that_had_a_session_cannot_close_it_for_good_without_an_order() {
    let (mut world, [admin, _], kiosks, code) = opened();
    world.end(&kiosks[0], code.session, Cause::Staff);
    world.open(&kiosks[1], &code).unwrap();
    assert!(matches!(world.state(code.session), State::Open { .. }));
    world.close(&admin, code.session, false);
    world.end(&kiosks[1], code.session, Cause::Staff);
    assert_eq!(world.open(&kiosks[2], &code), Err(Refusal::SessionClosed));
}

#[test]
fn a_kiosk_does_not_read_another_kiosks_messages() {
    let (mut world, [admin, _], kiosks, _) = opened();
    let (kiosk, message) = (kiosks[0].kiosk, world.message(&admin, kiosks[0].kiosk));
    world.write(kiosks[1].epoch, MessageAcknowledged { message, kiosk });
    let kiosk = kiosks[1].kiosk;
    world.write(kiosks[1].epoch, MessageAcknowledged { message, kiosk });
    assert_eq!(world.site().screen(kiosks[0].kiosk, at(0)).messages, [message]);
}

/// As many registers as anybody cares to make up: those of the kiosk that runs the session count.
#[test]
fn made_up_readings_crowd_nobody_out() {
    let (mut world, _, mut kiosks, code) = opened();
    let mut chance = crate::chance::Chance::new(8);
    let mut mirror = world.view.clone();
    for _ in 0..10_000 {
        let (epoch, session) = (EpochId(chance.bytes()), SessionId(chance.bytes()));
        mirror.take(&Arrival::Reading(running(code.session, epoch, 1, 1)));
        mirror.take(&Arrival::Reading(running(session, kiosks[1].epoch, 1, 1)));
    }
    let kept: usize = mirror.site.session(&code.session).unwrap().cells().count();
    assert!(kept <= 5_000, "{kept}");
    assert!(!mirror.site.read(running(code.session, EpochId([1; 32]), 1, 1), at(0)));
    assert_eq!(mirror.site.fingerprint().unwrap(), world.fingerprint());
    world.view = mirror;
    for _ in 0..600 {
        world.read(ended(code.session, kiosks[0].epoch, 1, 100));
        world.boot(&mut kiosks[0]);
    }
    assert_eq!(world.left_ms(code.session), 540_000);
}

#[test]
fn a_thousand_lies_about_one_session_are_survived() {
    let (mut world, [admin, _], kiosks, code) = opened();
    let (session, kiosk) = (code.session, kiosks[1].kiosk);
    let before = world.state(session);
    for _ in 0..1_000 {
        let replaces = world.session(session).head_ids();
        world.write(kiosks[1].epoch, SessionPaused { session, kiosk, replaces });
    }
    assert_eq!(world.state(session), before);
    world.close(&admin, session, true);
    assert!(world.session(session).freed());
}

/// Whoever knows the code can open it often; staff's word must still reach what stands.
#[test]
fn an_order_reaches_the_session_however_often_it_was_opened() {
    let (mut world, [admin, _], kiosks, code) = opened();
    for opening in 2..40 {
        let on = &kiosks[opening % 3];
        let opened = world.opening(on, &code, u32::try_from(opening).unwrap(), Vec::new());
        world.write(on.epoch, opened);
    }
    world.close(&admin, code.session, true);
    assert!(world.session(code.session).freed());
    for machine in &kiosks {
        for _ in 0..8 {
            let fact = world.site().closed(machine.kiosk, code.session, Cause::Freed);
            assert!(fact.encode().unwrap().len() <= MOST_BODY);
            world.write(machine.epoch, fact);
        }
        assert!(!world.session(code.session).stands_on(machine.kiosk));
    }
}

#[test]
fn openings_numbered_to_the_end_are_followed() {
    let (mut world, _, kiosks, code) = opened();
    world.end(&kiosks[0], code.session, Cause::Left);
    let replaces = world.session(code.session).head_ids();
    let last = world.opening(&kiosks[0], &code, u32::MAX, replaces);
    world.write(kiosks[0].epoch, last);
    world.end(&kiosks[0], code.session, Cause::Left);
    world.open(&kiosks[1], &code).unwrap();
    assert!(matches!(world.state(code.session), State::Open { .. }));
}

#[test]
fn openings_that_replace_each_other_leave_one_that_stands() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(1);
    let code = world.issue(&admin, 600);
    let seq = world.height(kiosks[0].epoch);
    let next = |more: u64| EntryId { epoch: kiosks[0].epoch, seq: seq + more };
    let ring: Vec<SessionOpened> = vec![
        world.opening(&kiosks[0], &code, 1, vec![next(1)]),
        world.opening(&kiosks[0], &code, 2, vec![next(0)]),
    ];
    for opened in ring {
        world.write(kiosks[0].epoch, opened);
    }
    assert!(matches!(world.state(code.session), State::Open { .. }));
    world.end(&kiosks[0], code.session, Cause::Left);
    assert!(matches!(world.state(code.session), State::Closed { .. }));
}

// ── Batches ─────────────────────────────────────────────────────────────────

fn batch(world: &mut World, count: usize) -> (Vec<Code>, Vec<(SessionId, CodeKey)>) {
    let codes: Vec<_> = (0..count)
        .map(|_| Code { session: SessionId(world.draw16()), key: world.draw_key() })
        .collect();
    let pairs = codes.iter().map(|code| (code.session, code.public())).collect();
    (codes, pairs)
}

#[test]
fn a_batch_is_issued_whole_and_repeated_once() {
    let (mut world, [admin, other], kiosks) = World::with_kiosks(1);
    let (codes, pairs) = batch(&mut world, 40);
    let terms = World::terms(300);
    let command = Command::IssueCodes { codes: pairs.clone(), terms: terms.clone() };
    let request = RequestId([4; 16]);
    let entries = world.request(&admin, HOST, request, command.clone()).unwrap();
    assert_eq!(entries.len(), 3);
    assert_eq!(world.site().sessions().count(), 40);
    assert_eq!(world.request(&other, HOST, request, command), Ok(vec![]));
    world.open(&kiosks[0], &codes[39]).unwrap();

    let mut cold = crate::mirror::Mirror::new(world.id);
    for (id, fact) in world.view.known.iter().filter(|(id, _)| **id != entries[1]) {
        cold.take(&Arrival::Entry(*id, fact.clone()));
    }
    assert_eq!(cold.site.sessions().count(), 0, "nothing of it before all of it");

    let partly = [pairs[0], batch(&mut world, 1).1[0]];
    let command = Command::IssueCodes { codes: partly.to_vec(), terms: terms.clone() };
    assert_eq!(world.command(&admin, HOST, command), Err(Refusal::Exists));
    let twice = batch(&mut world, 1).1;
    let command =
        Command::IssueCodes { codes: [twice.clone(), twice].concat(), terms: terms.clone() };
    assert_eq!(world.command(&admin, HOST, command), Err(Refusal::OutOfBounds));
    for count in [0, MOST_CODES + 1] {
        let (_, codes) = batch(&mut world, count);
        let command = Command::IssueCodes { codes, terms: terms.clone() };
        assert_eq!(world.command(&admin, HOST, command), Err(Refusal::OutOfBounds));
    }
}

#[test]
fn a_batch_that_is_not_what_its_root_says_issues_nothing() {
    let (mut world, [admin, other], _) = World::with_kiosks(0);
    let (_, pairs) = batch(&mut world, 4);
    let terms = World::terms(300);
    let pieces = in_parts(RequestId([4; 16]), &pairs, 2);
    let piece = |at: usize, codes: &[(SessionId, CodeKey)]| CodesIssued {
        part: pieces[at].0,
        codes: codes.to_vec(),
        derivation: 1,
        seconds: terms.seconds,
        from_ms: terms.from_ms,
        until_ms: terms.until_ms,
        place: terms.place,
        by: by(HOST),
    };
    world.write(admin.epoch, piece(0, &pairs[..2]));
    world.write(other.epoch, piece(1, &pairs[2..]));
    assert_eq!(world.site().sessions().count(), 0, "of two authors");
    world.write(admin.epoch, piece(1, &pairs[3..]));
    assert_eq!(world.site().sessions().count(), 0, "one code short");
    let mut outside = piece(1, &pairs[2..]);
    outside.part.index = outside.part.count;
    world.write(admin.epoch, outside);
    assert_eq!(world.site().sessions().count(), 0, "outside of its parts");
}

#[test]
fn the_largest_intents_fit_their_entries() {
    let (mut world, [admin, _], _) = World::with_kiosks(0);
    let (_, codes) = batch(&mut world, MOST_CODES);
    let command = Command::IssueCodes { codes, terms: World::terms(300) };
    for id in world.command(&admin, HOST, command).unwrap() {
        assert!(world.view.known[&id].encode().unwrap().len() <= MOST_BODY);
    }
    assert_eq!(world.site().sessions().count(), MOST_CODES);

    let cut = |count: u64| -> Vec<Cut> {
        let epochs = (0..count).map(|n| EpochId(crate::chance::bytes_of("epoch", n)));
        epochs.map(|epoch| Cut { epoch, height: u64::MAX, head: [7; 32] }).collect()
    };
    let pieces = cut_parts(RequestId([1; 16]), &cut(640)).unwrap();
    assert_eq!(pieces.len(), 64);
    for (part, cut) in pieces {
        let (node, signature) = (admin.node, domain::id::Signature([1; 64]));
        let revoked = domain::fact::AdminRevoked { node, part, cut, signature };
        assert!(Fact::from(revoked).encode().unwrap().len() <= MOST_BODY);
    }
    assert_eq!(cut_parts(RequestId([1; 16]), &cut(641)), Err(Refusal::OutOfBounds));
}

#[test]
fn an_erased_row_stays_erased() {
    let (mut world, [admin, _], kiosks, _) = opened();
    let row = RowId([1; 16]);
    world.write(kiosks[0].epoch, domain::fact::RowErased { row, by: by(ADMIN) });
    assert!(!world.site().erased().contains(&row), "not a kiosk's to say");
    world.command(&admin, HOST, Command::EraseRow { row }).unwrap();
    world.command(&admin, HOST, Command::EraseRow { row }).unwrap();
    assert!(world.site().erased().contains(&row));
}

#[test]
fn a_kiosk_nobody_named_is_shown_by_its_identifier() {
    let (world, _, _) = World::with_kiosks(0);
    assert_eq!(world.site().kiosk_name(&KioskId([0xab; 16])), "abababab");
    assert_eq!(world.site().screen(KioskId([1; 16]), at(0)).messages, []);
}
