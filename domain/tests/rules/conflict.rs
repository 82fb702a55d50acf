//! Facts that replace others: the newest where one saw the other, a fixed rank where none did.

use domain::command::Command;
use domain::fact::{KioskDescribed, KioskNamed, RoomNamed, SettingsChanged};
use domain::id::{EntryId, RowId};
use domain::refusal::Refusal;
use domain::settings::{IsolationPolicy, Settings};

use crate::world::{ADMIN, HOST, Machine, World, by};

fn settings(isolation: IsolationPolicy, allowance_s: u32) -> Settings {
    Settings { isolation, allowance_s, ..Settings::default() }
}

fn change(
    world: &mut World,
    admin: &Machine,
    settings: &Settings,
    replaces: Vec<EntryId>,
) -> EntryId {
    let settings = settings.clone();
    world.write(admin.epoch, SettingsChanged { settings, replaces, by: by(ADMIN) })
}

#[test]
fn settings_that_replace_others_hold_whatever_their_strictness() {
    let (mut world, [one, other], _) = World::with_kiosks(0);
    assert_eq!(world.site().settings(), Settings::default());
    for isolation in [IsolationPolicy::Lock, IsolationPolicy::AcceptKnown, IsolationPolicy::Finish]
    {
        for admin in [&one, &other] {
            let settings = settings(isolation, 600);
            let command = Command::ChangeSettings { settings: settings.clone() };
            world.command(admin, ADMIN, command).unwrap();
            assert_eq!(world.site().settings(), settings);
        }
    }
}

#[test]
fn of_settings_that_did_not_see_each_other_the_stricter_hold() {
    use IsolationPolicy::{AcceptKnown, Finish, Lock};
    let (loose, strict) = (settings(AcceptKnown, 60), settings(Finish, 3600));
    for [first, second] in [[&loose, &strict], [&strict, &loose]] {
        let (mut world, [one, other], _) = World::with_kiosks(0);
        change(&mut world, &one, first, Vec::new());
        change(&mut world, &other, second, Vec::new());
        assert_eq!(world.site().settings(), strict);
        // Of equal isolation, the shorter allowance.
        let shorter = settings(Finish, 60);
        change(&mut world, &one, &shorter, Vec::new());
        assert_eq!(world.site().settings(), shorter);
        // The next change replaces all of them.
        let next = settings(AcceptKnown, 7200);
        let command = Command::ChangeSettings { settings: next.clone() };
        world.command(&other, ADMIN, command).unwrap();
        assert_eq!(world.site().settings(), next);
        change(&mut world, &one, &settings(Lock, 0), Vec::new());
        assert_eq!(world.site().settings().isolation, Lock);
    }
}

#[test]
fn settings_out_of_bounds_change_nothing() {
    let (mut world, [admin, _], _) = World::with_kiosks(0);
    for wrong in [
        Settings { allowance_s: 12 * 3600 + 1, ..Settings::default() },
        Settings { grace_s: 601, ..Settings::default() },
        Settings { default_seconds: 59, ..Settings::default() },
        Settings { warnings_min: vec![5, 5], ..Settings::default() },
        Settings { warnings_min: vec![1, 0], ..Settings::default() },
        Settings { warnings_min: (1..=9).rev().collect(), ..Settings::default() },
    ] {
        let command = Command::ChangeSettings { settings: wrong.clone() };
        assert_eq!(world.command(&admin, ADMIN, command), Err(Refusal::OutOfBounds));
        change(&mut world, &admin, &wrong, Vec::new());
        assert_eq!(world.site().settings(), Settings::default());
    }
}

#[test]
fn out_of_service_is_the_stricter() {
    let (mut world, [one, other], kiosks) = World::with_kiosks(1);
    let kiosk = kiosks[0].kiosk;
    for (admin, in_service) in [(&one, true), (&other, false), (&one, true)] {
        let (note, replaces) = (Some(RowId([1; 16])), Vec::new());
        world
            .write(admin.epoch, KioskDescribed { kiosk, in_service, note, replaces, by: by(HOST) });
    }
    assert!(!world.site().kiosks()[&kiosk].in_service());
    let back = Command::DescribeKiosk { kiosk, in_service: true, note: None };
    world.command(&other, HOST, back).unwrap();
    assert!(world.site().kiosks()[&kiosk].in_service());
}

#[test]
fn names_in_conflict_are_settled_alike_in_any_order() {
    let named = |order: [usize; 2]| {
        let (mut world, admins, kiosks) = World::with_kiosks(1);
        let (kiosk, room) = (kiosks[0].kiosk, world.room);
        let replaces = Vec::new();
        for at in order {
            let name = format!("Poste {at}");
            let (replaces, by) = (replaces.clone(), by(ADMIN));
            world.write(
                admins[at].epoch,
                KioskNamed { kiosk, name, room, replaces: replaces.clone(), by },
            );
            let name = format!("Salle {at}");
            world.write(admins[at].epoch, RoomNamed { room, name, order: 1, replaces, by });
        }
        let room = world.site().rooms()[&room].winner_by(|_| ()).unwrap().1.name.clone();
        (world.site().kiosk_name(&kiosk), room)
    };
    assert_eq!(named([0, 1]), named([1, 0]));
}

#[test]
fn a_name_is_short_and_printable() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(1);
    let (kiosk, room) = (kiosks[0].kiosk, world.room);
    let before = world.site().kiosk_name(&kiosk);
    for name in [String::new(), "  ".into(), "a\nb".into(), "é".repeat(31)] {
        let command = Command::NameKiosk { kiosk, name: name.clone(), room };
        assert_eq!(world.command(&admin, ADMIN, command), Err(Refusal::OutOfBounds), "{name}");
    }
    let replaces = Vec::new();
    let name = "é".repeat(31);
    world.write(admin.epoch, KioskNamed { kiosk, name, room, replaces, by: by(ADMIN) });
    assert_eq!(world.site().kiosk_name(&kiosk), before);
}

/// An author can foretell the names of his own entries, so facts can claim to replace each other.
#[test]
fn a_ring_of_replacements_leaves_a_value_and_can_be_replaced() {
    let (mut world, [admin, _], _) = World::with_kiosks(0);
    let seq = world.height(admin.epoch);
    let next = |more: u64| EntryId { epoch: admin.epoch, seq: seq + more };
    let (one, two) = (settings(IsolationPolicy::Finish, 60), settings(IsolationPolicy::Lock, 60));
    change(&mut world, &admin, &one, vec![next(1), next(0)]);
    assert_eq!(world.site().settings(), one, "it cannot replace itself");
    change(&mut world, &admin, &two, vec![next(0)]);
    assert_eq!(world.site().settings(), two);
    let three = settings(IsolationPolicy::AcceptKnown, 60);
    let command = Command::ChangeSettings { settings: three.clone() };
    world.command(&admin, ADMIN, command).unwrap();
    assert_eq!(world.site().settings(), three);
}

#[test]
fn more_conflicts_than_one_fact_can_replace_are_replaced_by_a_few() {
    let (mut world, [admin, _], _) = World::with_kiosks(0);
    for allowance in 0..40 {
        change(&mut world, &admin, &settings(IsolationPolicy::Lock, allowance), Vec::new());
    }
    let wanted = settings(IsolationPolicy::AcceptKnown, 60);
    for _ in 0..6 {
        let command = Command::ChangeSettings { settings: wanted.clone() };
        let entries = world.command(&admin, ADMIN, command).unwrap();
        let body = world.view.known[&entries[0]].encode().unwrap();
        assert!(body.len() <= domain::fact::MOST_BODY);
    }
    assert_eq!(world.site().settings(), wanted);
}
