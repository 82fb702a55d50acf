//! How a node learns what others wrote while it could not hear them.

use std::collections::BTreeMap;

use domain::command::{Command, Terms};
use domain::fact::Place;
use domain::id::{CodeKey, SessionId};
use domain::session::Reading;

use super::super::message::{LedgerMessage, Message};
use super::super::{Input, Notice, Output};
use super::world::{START_MS, World};
use crate::entry::Entry;

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

#[test]
fn more_registers_than_one_answer_holds_are_learnt_without_waiting_for_a_round() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    let mut sessions = Vec::new();
    for batch in 0..11_u8 {
        let codes: Vec<_> = (0..=u8::MAX)
            .map(|n| {
                let mut name = [batch; 16];
                name[0] = n;
                let key = CodeKey([&name[..], &name[..]].concat().try_into().unwrap());
                (SessionId(name), key)
            })
            .collect();
        sessions.extend(codes.iter().map(|(session, _)| *session));
        let terms = Terms {
            derivation: 1,
            seconds: 600,
            from_ms: START_MS,
            until_ms: START_MS + 24 * 3_600_000,
            place: Place::Anywhere,
        };
        world.must(admins[0], Command::IssueCodes { codes, terms });
    }
    world.run_for(1_000);
    let (now, kiosk) = (world.moment(kiosks[0]), world.replica_mut(kiosks[0]));
    let epoch = kiosk.epoch();
    for session in &sessions {
        let reading = Reading {
            session: *session,
            epoch,
            n: 1,
            opening: 1,
            used_ms: 5_000,
            ahead_ms: 0,
            continues: None,
        };
        kiosk.measure(reading, None, now).unwrap();
    }
    let knows_all = |world: &World, node| {
        let site = world.replica(node).site();
        let known = |session| site.session(session).is_some_and(|s| s.cell(&epoch).is_some());
        sessions.iter().all(known)
    };
    assert!(knows_all(&world, kiosks[0]));
    // Rounds and digests bring them to the admin node, in time.
    world.run_for(130_000);
    assert!(knows_all(&world, admins[0]));

    world.kill(kiosks[1]);
    world.machines.get_mut(&kiosks[1]).unwrap().disk = Default::default();
    world.start(kiosks[1]);
    world.run_for(500);
    assert!(knows_all(&world, kiosks[1]));
}

#[test]
fn a_reading_is_told_to_nobody_who_said_it_or_was_told() {
    let (mut world, admins, kiosks) = World::new(2, 2);
    world.issue(admins[0], 1, 600);
    world.run_for(1_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(10_000);
    world.readings_sent = 0;
    world.run_for(40_000);
    // 8 readings: each at once to three nodes, and those may tell each other in the same round.
    assert!((24..=8 * 9).contains(&world.readings_sent), "{}", world.readings_sent);
}

#[test]
fn where_the_same_is_held_no_digest_travels_and_where_it_is_not_one_does() {
    let (mut world, admins, kiosks) = World::new(2, 2);
    let session = world.issue(admins[0], 1, 600);
    world.run_for(1_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(12_000);
    world.must(admins[0], Command::Close { session, keep_rest: true, note: None });
    world.run_for(70_000);
    world.digests_sent = 0;
    world.run_for(130_000);
    assert_eq!(world.digests_sent, 0, "one hash is enough");

    // A reading of which nobody was told.
    let (now, kiosk) = (world.moment(kiosks[0]), world.replica_mut(kiosks[0]));
    let register = (session, kiosk.epoch());
    let mut reading = kiosk.readings.get(&register).unwrap().reading;
    reading.n += 1;
    kiosk.measure(reading, None, now).unwrap();
    kiosk.readings.untold.clear();
    let told = kiosk.readings.count();
    for peer in kiosk.peers.values_mut() {
        peer.uses_sent = told;
    }
    world.run_for(70_000);
    assert!(world.digests_sent > 0);
    for node in admins.iter().chain(&kiosks) {
        let held = world.replica(*node).readings.get(&register).unwrap();
        assert_eq!(held.reading, reading);
    }
}

#[test]
fn a_new_admin_node_has_the_accounts_as_soon_as_it_has_the_ledger() {
    use crate::vault::account::NewAccount;
    use crate::vault::login::Login;
    use crate::vault::password::PasswordHash;

    let (mut world, admins, _) = World::new(1, 0);
    let operator = domain::id::OperatorId([4; 16]);
    let new = NewAccount {
        operator,
        name: String::from("Léa Hoarau"),
        login: Login::parse("lea").unwrap(),
        password: PasswordHash::of("Vacoa-et-Filao-974", [1; 16]).unwrap(),
        role: domain::operator::OperatorRole::Host,
    };
    let now = world.moment(admins[0]);
    let written = world.replica_mut(admins[0]).write_rows(operator, now, |vault, author, rng| {
        Ok(((), vec![vault.create_account(new, author, rng)?]))
    });
    let (outcome, outputs) = written.unwrap();
    outcome.unwrap();
    world.carry_out(admins[0], outputs);
    // The author's log ended with its process: the newcomer learns of it with the ledger only.
    world.kill(admins[0]);
    world.start(admins[0]);
    let second = world.add_admin(2);
    world.run_for(500);
    assert_eq!(world.replica(second).vault().unwrap().accounts().unwrap().len(), 1);
}

#[test]
fn no_log_is_so_long_that_an_answer_leaves_the_others_out() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    for batch in 0..40_u8 {
        let codes: Vec<_> = (0..500_u16)
            .map(|n| {
                let mut name = [batch; 16];
                name[..2].copy_from_slice(&n.to_le_bytes());
                (SessionId(name), CodeKey([&name[..], &name[..]].concat().try_into().unwrap()))
            })
            .collect();
        let terms = Terms {
            derivation: 1,
            seconds: 600,
            from_ms: START_MS,
            until_ms: START_MS + 86_400_000,
            place: Place::Anywhere,
        };
        world.must(admins[0], Command::IssueCodes { codes, terms });
    }
    let long = world.replica(admins[0]).epoch();
    let short = world.replica(kiosks[0]).epoch();
    let now = world.moment(admins[0]);
    let admin = world.replica_mut(admins[0]);
    let want = Message::Ledger(LedgerMessage::Want(vec![(long, 0), (short, 0)]));
    let outputs = admin.handle(Input::Heard { peer: kiosks[0], message: want }, now);
    let mut bytes = BTreeMap::new();
    for output in outputs {
        if let Output::Send {
            message: Message::Ledger(LedgerMessage::Entries { entries, .. }),
            ..
        } = output
        {
            for entry in entries {
                let id = Entry::parse(&entry).unwrap().id;
                *bytes.entry(id.epoch).or_insert(0) += entry.len();
            }
        }
    }
    assert!(bytes[&long] > 900_000, "the log is longer than an answer: {bytes:?}");
    assert!(bytes.contains_key(&short), "{bytes:?}");
}

#[test]
fn a_receipt_that_was_lost_on_its_way_is_given_again() {
    let (mut world, admins, _) = World::new(2, 1);
    let everybody_holds = |world: &World| {
        let now = world.moment(admins[0]);
        let told = world.replica(admins[0]).deliveries(now);
        told.iter().all(|progress| progress.held_by == progress.of)
    };
    assert!(everybody_holds(&world));
    world.replica_mut(admins[0]).receipts.forget_holders();
    assert!(!everybody_holds(&world));
    world.run_for(70_000);
    assert!(everybody_holds(&world));
}
