use std::collections::BTreeSet;

use domain::checkpoint::{Checkpoint, checkpoint_bytes};
use domain::command::Command;
use domain::fact::{AdminAdmitted, CheckpointSigned, Cut};
use domain::id::{EpochId, NodeId, Signature};
use domain::session::State;
use storage::ledger_store::LedgerStore;
use storage::operation::Table;

use super::super::message::{LedgerMessage, Message, Reach};
use super::super::{Input, Notice};
use super::world::{START_MS, World, session_id};
use crate::snapshot::{Snapshot, piece_hash};

const DAY_MS: i64 = 24 * 3_600_000;

fn base_of(world: &World, node: NodeId) -> Option<i64> {
    world.replica(node).base().map(|(as_of_ms, _)| as_of_ms)
}

fn entries_on(world: &World, node: NodeId) -> usize {
    world.machines[&node].disk.scan_entries(None, usize::MAX).unwrap().len()
}

/// Ten sessions come and go.
fn live(world: &mut World, admin: NodeId, kiosk: NodeId, from: u8) {
    for number in from..from + 10 {
        let session = world.issue(admin, number, 600);
        world.type_code(kiosk, number).unwrap();
        world.run_for(3_000);
        world.must(admin, Command::Close { session, keep_rest: true, note: None });
        world.run_for(1_000);
    }
}

/// Every admin node's, so that a majority is to be had.
fn days_pass(world: &mut World, days: i64) {
    for machine in world.machines.values_mut() {
        machine.wall_shift_ms += days * DAY_MS;
    }
    world.run_for(6_000);
}

fn checkpoint(world: &mut World, by: NodeId) {
    world.input(by, Input::Checkpoint);
    world.run_for(12_000);
}

#[test]
fn what_a_majority_signs_is_adopted_by_all_and_what_lies_beneath_is_dropped() {
    let (mut world, admins, kiosks) = World::new(2, 2);
    live(&mut world, admins[0], kiosks[0], 1);
    let before = entries_on(&world, kiosks[1]);
    checkpoint(&mut world, admins[0]);
    for node in admins.iter().chain(&kiosks) {
        assert_eq!(base_of(&world, *node), base_of(&world, admins[0]));
        let left = entries_on(&world, *node);
        assert!(left <= 4, "{left} of {before}");
        let signers = world.replica(*node).base.signed().len();
        assert_eq!(signers, 2, "every admin node that adopted it has signed it");
    }
    assert!(base_of(&world, admins[0]).is_some());
    assert_eq!(world.fingerprints().len(), 1);

    // Life goes on above it, and a second one surpasses the first.
    live(&mut world, admins[1], kiosks[1], 20);
    assert_eq!(world.fingerprints().len(), 1);
    checkpoint(&mut world, admins[1]);
    for node in admins.iter().chain(&kiosks) {
        assert_eq!(world.replica(*node).base.heads.len(), 1);
        assert!(entries_on(&world, *node) <= 4);
    }
    assert_eq!(world.fingerprints().len(), 1);
    let left = world.remaining_s(kiosks[0], session_id(3));
    assert_eq!(left, world.remaining_s(admins[1], session_id(3)));
    assert!((596..=598).contains(&left), "{left}");
}

#[test]
fn one_of_two_admin_nodes_alone_drops_nothing() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    world.kill(admins[1]);
    live(&mut world, admins[0], kiosks[0], 1);
    let before = entries_on(&world, admins[0]);
    checkpoint(&mut world, admins[0]);
    assert_eq!(base_of(&world, admins[0]), None);
    assert_eq!(entries_on(&world, admins[0]), before, "there is nobody to agree with");
    world.start(admins[1]);
    world.run_for(12_000);
    checkpoint(&mut world, admins[0]);
    assert!(base_of(&world, kiosks[0]).is_some());
    assert_eq!(world.fingerprints().len(), 1);
}

/// Nodes that had not heard of it followed the revoked node's signature, and have dropped what lies
/// beneath: whoever had heard follows them.
#[test]
fn what_was_agreed_with_a_node_that_others_had_revoked_meanwhile_is_adopted_by_all() {
    let (mut world, admins, kiosks) = World::new(3, 2);
    let everyone: Vec<_> = admins.iter().chain(&kiosks).copied().collect();
    world.cut_off(admins[2], &everyone);
    let cut = cut_of(&world, admins[2], admins[0]);
    world.revoke_admin(admins[2], admins[0], cut);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[1]);
    assert!(base_of(&world, kiosks[1]).is_some() && base_of(&world, admins[2]).is_none());
    world.heal();
    world.run_for(20_000);
    let left = [admins[1], admins[2], kiosks[0], kiosks[1]];
    for node in left {
        assert_eq!(base_of(&world, node), base_of(&world, kiosks[1]));
        assert!(!world.replica(node).site().standing().is_member(&admins[0]));
    }
    let states: BTreeSet<_> =
        left.map(|node| world.replica(node).site().fingerprint().unwrap()).into();
    assert_eq!(states.len(), 1);

    // And the two that are left agree on the next one.
    live(&mut world, admins[1], kiosks[0], 20);
    let before = base_of(&world, admins[1]);
    checkpoint(&mut world, admins[1]);
    assert!(base_of(&world, admins[2]) > before);
}

/// The same, where the half that revoked it has its replacement already.
#[test]
fn a_replacement_for_a_revoked_node_has_no_say_about_what_was_agreed_before_it_was_known() {
    let (mut world, admins, kiosks) = World::new(3, 2);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[0]);
    let everyone: Vec<_> = admins.iter().chain(&kiosks).copied().collect();
    world.cut_off(admins[2], &everyone);
    let cut = cut_of(&world, admins[2], admins[0]);
    world.revoke_admin(admins[2], admins[0], cut);
    let there: Vec<_> = everyone.iter().copied().filter(|node| *node != admins[2]).collect();
    let new = world.add_admin(9);
    world.cut_off(new, &there);
    live(&mut world, admins[0], kiosks[0], 20);
    checkpoint(&mut world, admins[1]);
    world.heal();
    world.run_for(20_000);
    for node in [admins[2], new, kiosks[0]] {
        assert_eq!(base_of(&world, node), base_of(&world, admins[1]));
        let states = [node, admins[1]].map(|node| world.replica(node).site().fingerprint());
        assert_eq!(states[0].as_ref().unwrap(), states[1].as_ref().unwrap());
    }
}

/// Its first start met nobody: a wrong address, say.
#[test]
fn an_admin_node_that_was_started_twice_before_it_met_anybody_joins_all_the_same() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[0]);
    let new = world.add_admin(9);
    world.cut_off(new, &[admins[0], kiosks[0]]);
    world.run_for(6_000);
    world.kill(new);
    world.start(new);
    world.heal();
    world.run_for(20_000);
    assert_eq!(base_of(&world, new), base_of(&world, admins[0]));
    assert_eq!(world.fingerprints().len(), 1);
    live(&mut world, new, kiosks[0], 20);
    let before = base_of(&world, new);
    checkpoint(&mut world, new);
    assert!(base_of(&world, admins[0]) > before);
    let kiosk = world.add_kiosk_as(77, 7, true);
    world.run_for(20_000);
    assert_eq!(base_of(&world, kiosk), base_of(&world, new));
}

#[test]
fn two_new_admin_nodes_at_once_join_a_site_that_had_one() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[0]);
    let new = [world.add_admin(8), world.add_admin(9)];
    world.run_for(30_000);
    for node in new {
        assert_eq!(base_of(&world, node), base_of(&world, admins[0]));
    }
    assert_eq!(world.fingerprints().len(), 1);
}

/// A key that the base says was revoked stands in for nobody who stands.
#[test]
fn a_key_of_the_past_agrees_to_nothing() {
    let (mut world, admins, kiosks) = World::new(3, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    let cut = cut_of(&world, admins[1], admins[0]);
    world.revoke_admin(admins[1], admins[0], cut);
    live(&mut world, admins[1], kiosks[0], 20);
    checkpoint(&mut world, admins[1]);
    let before = base_of(&world, kiosks[0]);
    live(&mut world, admins[1], kiosks[0], 40);
    let signed = lie(&mut world, admins[1]);
    let old_key = &world.machines[&admins[0]].identity.node_key;
    let bytes = checkpoint_bytes(&world.site(), &signed.checkpoint).unwrap();
    let signature = crate::signing::sign(old_key, &bytes);
    let by_it = CheckpointSigned { node: admins[0], signature, ..signed.clone() };
    for node in [admins[2], kiosks[0]] {
        let signed = vec![signed.clone(), by_it.clone()];
        let message = LedgerMessage::Checkpoints { signed, certificates: Vec::new() };
        let message = Message::Ledger(message);
        world.input(node, Input::Heard { peer: admins[1], message });
    }
    world.run_for(12_000);
    assert_eq!([kiosks[0], admins[2]].map(|node| base_of(&world, node)), [before; 2]);
}

/// A clock was wrong for a while, and both machines have been switched off since: nobody gives the
/// proposals of that time any more, nor remembers why they were not signed.
#[test]
fn proposals_of_another_time_are_in_nobodys_way_after_a_restart() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[0]);
    live(&mut world, admins[0], kiosks[0], 20);
    for minutes in 0..10 {
        let shift = 400 * DAY_MS + minutes * 11 * 60_000;
        world.machines.get_mut(&admins[0]).unwrap().wall_shift_ms = shift;
        checkpoint(&mut world, admins[0]);
    }
    world.machines.get_mut(&admins[0]).unwrap().wall_shift_ms = 0;
    for admin in &admins {
        world.kill(*admin);
    }
    for admin in &admins {
        world.start(*admin);
    }
    world.run_for(200_000);
    let fetching = |admin| world.replica(admin).base.fetch.is_some();
    assert_eq!([fetching(admins[0]), fetching(admins[1])], [false; 2], "nobody has them");
    let before = base_of(&world, kiosks[0]);
    checkpoint(&mut world, admins[1]);
    assert!(base_of(&world, kiosks[0]) > before);
    live(&mut world, admins[0], kiosks[0], 40);
    let before = base_of(&world, kiosks[0]);
    checkpoint(&mut world, admins[0]);
    assert!(base_of(&world, kiosks[0]) > before);
}

#[test]
fn a_day_later_entries_are_dropped_though_an_admin_node_is_away() {
    let (mut world, admins, kiosks) = World::new(3, 1);
    world.kill(admins[2]);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[0]);
    let before = entries_on(&world, kiosks[0]);
    let hours_pass = |world: &mut World, hours: i64| {
        for machine in world.machines.values_mut() {
            machine.wall_shift_ms += hours * 3_600_000;
        }
        world.run_for(12_000);
    };
    hours_pass(&mut world, 13);
    live(&mut world, admins[0], kiosks[0], 20);
    checkpoint(&mut world, admins[0]);
    assert!(entries_on(&world, kiosks[0]) > before, "the third may still judge for itself");
    hours_pass(&mut world, 12);
    assert!(entries_on(&world, kiosks[0]) < before, "{before}");
}

/// Its copy is older than what the others stand on: first it hears them.
#[test]
fn an_admin_node_restored_from_a_copy_makes_no_checkpoint_before_it_has_met_anybody() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[0]);
    live(&mut world, admins[0], kiosks[0], 20);
    let (copy, _) = world.copy_disk(admins[0]);
    let old = base_of(&world, admins[0]);
    days_pass(&mut world, 2);
    world.run_for(30_000);
    let newer = base_of(&world, kiosks[0]);
    assert!(newer > old);
    days_pass(&mut world, 2);
    world.restart_on(admins[0], copy);
    assert_eq!(base_of(&world, admins[0]), old);
    world.run_for(30_000);
    assert_eq!(world.replica(kiosks[0]).base.heads.len(), 1);
    assert_eq!(world.fingerprints().len(), 1);
}

/// Many machines, many years.
#[test]
fn a_frontier_of_more_logs_than_fit_is_remembered_from_its_beginning() {
    let (mut world, admins, _) = World::new(2, 0);
    let reach = |number: u16| {
        let mut epoch = [0; 32];
        epoch[..2].copy_from_slice(&number.to_be_bytes());
        Reach { epoch: EpochId(epoch), pruned_below: 0, height: 1, head: [1; 32] }
    };
    let reaches: Vec<_> = (0..20_000).map(reach).collect();
    let parts: Vec<_> = reaches.chunks(2_000).map(<[Reach]>::to_vec).collect();
    let last = parts.len() - 1;
    for (place, reaches) in parts.into_iter().enumerate() {
        let message = LedgerMessage::Frontier { more: place < last, reaches };
        let message = Message::Ledger(message);
        world.input(admins[0], Input::Heard { peer: admins[1], message });
    }
    let theirs = &world.replica(admins[0]).peers[&admins[1]].theirs;
    assert!(theirs.contains_key(&reach(0).epoch));
    assert!(theirs.len() < 17_000, "and no more than fit: {}", theirs.len());
}

/// What a node holds of another's logs.
fn cut_of(world: &World, here: NodeId, of: NodeId) -> Vec<Cut> {
    let here = world.replica(here);
    let of_it = |reach: &&Reach| here.site().node_of(&reach.epoch) == Some(of);
    let cut = here.frontier().filter(of_it);
    cut.map(|r| Cut { epoch: r.epoch, height: r.height, head: r.head }).collect()
}

#[test]
fn a_kiosk_that_was_cut_off_merges_late_what_it_did_meanwhile() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    let session = world.issue(admins[0], 1, 3_600);
    world.run_for(1_000);
    let everyone: Vec<_> = admins.iter().chain(&kiosks).copied().collect();
    world.cut_off(kiosks[0], &everyone);
    world.run_for(40_000);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(60_000);
    live(&mut world, admins[0], kiosks[1], 10);
    checkpoint(&mut world, admins[0]);
    assert!(base_of(&world, admins[0]).is_some() && base_of(&world, kiosks[0]).is_none());
    world.heal();
    world.run_for(20_000);
    assert_eq!(base_of(&world, kiosks[0]), base_of(&world, admins[0]));
    assert_eq!(world.fingerprints().len(), 1);
    let state = world.replica(admins[0]).site().session(&session).unwrap().state();
    assert!(matches!(state, Some(State::Open { .. })), "{state:?}");
    let left = world.remaining_s(admins[0], session);
    assert!((3_467..=3_468).contains(&left), "{left}");
}

#[test]
fn a_node_that_has_nothing_joins_by_the_base_and_begins_an_epoch_that_knows_it() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[0]);
    days_pass(&mut world, 31);
    live(&mut world, admins[0], kiosks[0], 20);
    checkpoint(&mut world, admins[0]);
    for node in [kiosks[0], admins[1]] {
        world.restart_on(node, Default::default());
        let first = world.replica(node).epoch();
        world.run_for(20_000);
        assert_eq!(base_of(&world, node), base_of(&world, admins[0]));
        assert_ne!(world.replica(node).epoch(), first, "its first epoch knew of no checkpoint");
        assert!(world.replica(node).counts());
        assert!(world.replica(node).refused_epochs().is_empty(), "it held certificates alone");
        assert_eq!(world.fingerprints().len(), 1);
    }
    live(&mut world, admins[1], kiosks[0], 40);
    assert_eq!(world.fingerprints().len(), 1);
    let over = world.replica(admins[0]).site().session(&session_id(3));
    assert!(over.is_none(), "it has been over for longer than the horizon");
}

#[test]
fn a_node_that_has_nothing_asks_for_no_entries_that_lie_beneath_a_base() {
    let (mut world, admins, kiosks) = World::new(3, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    // Entries are kept for an admin node that has not signed.
    world.kill(admins[2]);
    let written = entries_on(&world, admins[0]);
    checkpoint(&mut world, admins[0]);
    assert!(base_of(&world, admins[0]).is_some());
    assert!(entries_on(&world, admins[0]) >= written);
    world.restart_on(kiosks[0], Default::default());
    world.run_for(6_000);
    assert_eq!(base_of(&world, kiosks[0]), base_of(&world, admins[0]));
    let held = entries_on(&world, kiosks[0]);
    assert!(held < written / 2, "{held} of {written} entries came, and lie beneath the base");
}

#[test]
fn what_comes_beyond_the_horizon_is_refused_whole_and_told() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    live(&mut world, admins[0], kiosks[1], 1);
    checkpoint(&mut world, admins[0]);
    let session = world.issue(admins[0], 60, 3_600);
    world.run_for(1_000);
    world.kill(kiosks[0]);
    let everyone: Vec<_> = admins.iter().chain(&kiosks).copied().collect();
    world.cut_off(kiosks[0], &everyone);
    world.start(kiosks[0]);
    world.run_for(40_000);
    world.type_code(kiosks[0], 60).unwrap();
    world.run_for(10_000);
    let late = world.replica(kiosks[0]).epoch();
    days_pass(&mut world, 31);
    live(&mut world, admins[0], kiosks[1], 20);
    checkpoint(&mut world, admins[0]);
    world.heal();
    world.run_for(20_000);
    assert_eq!(world.fingerprints().len(), 1);
    for node in admins.iter().chain(&kiosks) {
        let replica = world.replica(*node);
        assert_eq!(replica.refused_epochs(), [late]);
        let state = replica.site().session(&session).map(|session| session.state());
        assert!(!matches!(state, Some(Some(State::Open { .. }))), "{state:?}");
    }
    let told = |(node, notice): &(NodeId, Notice)| {
        *node == admins[0] && matches!(notice, Notice::TooLate { epoch, .. } if *epoch == late)
    };
    assert_eq!(world.notices.iter().filter(|notice| told(notice)).count(), 1);
}

#[test]
fn a_restart_finds_the_base_again_after_a_crash_at_any_point() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[0]);
    live(&mut world, admins[0], kiosks[0], 20);
    for node in [admins[0], kiosks[0]] {
        world.cut_power(node);
        world.start(node);
        world.run_for(12_000);
        assert_eq!(world.fingerprints().len(), 1);
        assert_eq!(base_of(&world, node), base_of(&world, admins[1]));
    }
    // The disk answers no more while the second checkpoint is adopted: all of it is lost with the
    // power, and had again from the others.
    world.machines.get_mut(&kiosks[0]).unwrap().disk_answers = false;
    checkpoint(&mut world, admins[0]);
    let adopted = base_of(&world, kiosks[0]);
    assert_eq!(adopted, base_of(&world, admins[0]));
    world.cut_power(kiosks[0]);
    world.machines.get_mut(&kiosks[0]).unwrap().disk_answers = true;
    world.start(kiosks[0]);
    assert_ne!(base_of(&world, kiosks[0]), adopted);
    world.run_for(12_000);
    assert_eq!(base_of(&world, kiosks[0]), adopted);
    assert_eq!(world.fingerprints().len(), 1);
    let pieces = world.machines[&kiosks[0]].disk.scan(Table::Checkpoints, None, 100).unwrap();
    assert_eq!(pieces.len(), 3, "the base, one list, one piece: what it no longer names is gone");
}

/// Has `liar` sign a checkpoint whose snapshot leaves something out.
fn lie(world: &mut World, liar: NodeId) -> CheckpointSigned {
    let now = world.moment(liar);
    let replica = world.replica_mut(liar);
    let site = replica.site().id();
    let (mut ground, forks) =
        (replica.ground_now(now.wall_ms, now.wall_ms).unwrap(), Default::default());
    ground.floors.retain(|_, floor| floor.height > 0);
    let base = replica.read_base().unwrap();
    let mut folded = Snapshot::fold(site, &base, &forks, ground, replica.store()).unwrap();
    folded.snapshot.facts.pop_first().unwrap();
    let pieces = folded.snapshot.pieces().unwrap().unwrap();
    let list: Vec<_> = pieces.iter().map(|piece| piece_hash(piece)).collect();
    let checkpoint = Checkpoint {
        parents: replica.base.parents(),
        as_of_ms: now.wall_ms,
        since_ms: now.wall_ms,
        pieces: domain::checkpoint::pieces_hash(&list).unwrap(),
        count: u32::try_from(list.len()).unwrap(),
    };
    let hash = checkpoint.hash().unwrap();
    replica.write_pieces(hash, &list, pieces, now).unwrap();
    replica.sign_checkpoint(checkpoint, now).unwrap();
    let signed = replica.base.ballots.signed(&hash).remove(0);
    world.input(liar, Input::Wake);
    world.run_for(12_000);
    signed
}

#[test]
fn a_checkpoint_that_leaves_something_out_is_signed_by_nobody_else() {
    let (mut world, admins, kiosks) = World::new(3, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    let signed = lie(&mut world, admins[0]);
    let hash = signed.checkpoint.hash().unwrap();
    for node in admins.iter().chain(&kiosks) {
        assert_eq!(base_of(&world, *node), None);
        assert_eq!(world.replica(*node).base.ballots.signers(&hash).len(), 1);
    }
    let unsigned = |(node, notice): &&(NodeId, Notice)| {
        *node == admins[1] && matches!(notice, Notice::NotSigned { .. })
    };
    assert_eq!(world.notices.iter().filter(unsigned).count(), 1, "{:?}", world.notices);
    // It is no hindrance to a true one.
    checkpoint(&mut world, admins[1]);
    assert!(base_of(&world, kiosks[0]).is_some());
    assert_eq!(world.fingerprints().len(), 1);
}

#[test]
fn checkpoints_go_on_after_a_new_node_joined_by_one_that_is_older_than_the_horizon() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[0]);
    days_pass(&mut world, 31);
    live(&mut world, admins[0], kiosks[0], 20);
    checkpoint(&mut world, admins[0]);
    let new = world.add_kiosk(7);
    world.run_for(20_000);
    assert!(world.replica(new).counts());
    live(&mut world, admins[0], new, 40);
    let before = base_of(&world, admins[0]);
    checkpoint(&mut world, admins[0]);
    for node in [admins[0], admins[1], kiosks[0], new] {
        assert!(base_of(&world, node) > before, "{:?}", world.notices);
    }
    assert!(world.replica(new).counts());
    assert_eq!(world.fingerprints().len(), 1);
}

#[test]
fn an_agreed_checkpoint_that_nobody_has_any_more_keeps_no_other_away() {
    let (mut world, admins, kiosks) = World::new(2, 2);
    live(&mut world, admins[0], kiosks[0], 1);
    // Both admin nodes signed it; its pieces are nowhere, and its name comes before any other.
    let gone = (0_u16..).find_map(|number| {
        let mut pieces = [7; 32];
        pieces[..2].copy_from_slice(&number.to_be_bytes());
        let (parents, as_of_ms) = (Vec::new(), START_MS - DAY_MS);
        let checkpoint = Checkpoint { parents, as_of_ms, since_ms: as_of_ms, pieces, count: 1 };
        (checkpoint.hash().unwrap()[0] == 0).then_some(checkpoint)
    });
    let gone = gone.unwrap();
    for admin in &admins {
        let now = world.moment(*admin);
        world.replica_mut(*admin).sign_checkpoint(gone.clone(), now).unwrap();
        world.input(*admin, Input::Wake);
    }
    world.run_for(12_000);
    assert_eq!(world.replica(kiosks[0]).base.ballots.signers(&gone.hash().unwrap()).len(), 2);
    checkpoint(&mut world, admins[0]);
    world.run_for(60_000);
    for node in admins.iter().chain(&kiosks) {
        assert!(base_of(&world, *node).is_some(), "{node:?}");
    }
    assert_eq!(world.fingerprints().len(), 1);
}

#[test]
fn nobody_adopts_by_the_word_of_a_minority_or_of_a_stranger() {
    let (mut world, admins, kiosks) = World::new(3, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    let mut signed = lie(&mut world, admins[0]);
    let tell = |world: &mut World, signed: Vec<CheckpointSigned>| {
        let message = LedgerMessage::Checkpoints { signed, certificates: Vec::new() };
        let message = Message::Ledger(message);
        world.input(kiosks[0], Input::Heard { peer: admins[0], message });
        world.run_for(6_000);
        assert_eq!(base_of(world, kiosks[0]), None);
    };
    tell(&mut world, vec![signed.clone()]);
    // Two more signatures: one of a kiosk, one that is another's.
    let by_kiosk = CheckpointSigned { node: kiosks[0], ..signed.clone() };
    let stolen = CheckpointSigned { node: admins[1], ..signed.clone() };
    tell(&mut world, vec![signed.clone(), by_kiosk, stolen]);
    signed.checkpoint.as_of_ms += 1;
    tell(&mut world, vec![signed]);
    assert!(world.replica(kiosks[0]).base.fetch.is_none(), "it does not even ask for pieces");
}

#[test]
fn a_forged_admission_gains_nothing_by_lying_beneath_a_checkpoint() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    let thief = NodeId([7; 32]);
    let forged = AdminAdmitted { node: thief, signature: Signature([7; 64]) };
    let now = world.moment(kiosks[0]);
    world.replica_mut(kiosks[0]).append(vec![forged.into()], now).unwrap();
    world.input(kiosks[0], Input::Wake);
    world.run_for(12_000);
    checkpoint(&mut world, admins[0]);
    for node in admins.iter().chain(&kiosks) {
        assert!(base_of(&world, *node).is_some());
        assert!(!world.replica(*node).site().standing().members.contains_key(&thief));
    }
    assert_eq!(world.fingerprints().len(), 1);
}

#[test]
fn a_checkpoint_of_another_time_is_not_signed() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    world.machines.get_mut(&admins[0]).unwrap().wall_shift_ms = 400 * DAY_MS;
    checkpoint(&mut world, admins[0]);
    assert_eq!(base_of(&world, kiosks[0]), None);
    world.machines.get_mut(&admins[0]).unwrap().wall_shift_ms = 0;
    checkpoint(&mut world, admins[1]);
    assert!(base_of(&world, kiosks[0]).is_some_and(|as_of| as_of < START_MS + DAY_MS));
}

#[test]
fn a_day_makes_a_checkpoint_due_by_itself() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[0]);
    let first = base_of(&world, kiosks[0]);
    days_pass(&mut world, 1);
    world.run_for(60_000);
    assert!(base_of(&world, kiosks[0]) > first);
    assert_eq!(world.fingerprints().len(), 1);
}

#[test]
fn an_admin_node_takes_the_place_of_another_where_all_is_pruned() {
    let (mut world, admins, kiosks) = World::new(2, 1);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[0]);
    let base = base_of(&world, admins[0]);
    let settled = world.replica(admins[0]).site().fingerprint();
    world.revoke_admin(admins[0], admins[1], Vec::new());
    world.kill(admins[1]);
    let gone = world.machines.remove(&admins[1]);
    assert_ne!(world.replica(kiosks[0]).site().fingerprint(), settled, "it stands no more");
    let overdue = world.replica(kiosks[0]).site().session(&session_id(3)).is_some();
    assert!(gone.is_some() && overdue, "what it did below the floor stays");

    let new = world.add_admin(9);
    world.run_for(20_000);
    assert_eq!(base_of(&world, new), base, "it adopts what the one that is left has signed");
    let kiosk = world.add_kiosk(7);
    world.run_for(20_000);
    assert_eq!(base_of(&world, kiosk), base, "and signs it, so that others can");
    assert_eq!(world.fingerprints().len(), 1);
    live(&mut world, new, kiosk, 40);
    checkpoint(&mut world, new);
    assert!(base_of(&world, kiosk) > base);
    assert_eq!(world.fingerprints().len(), 1);
}

#[test]
fn an_admin_node_that_was_here_before_is_not_talked_into_the_word_of_one() {
    let (world, admins, kiosks) = World::new(2, 1);
    is_not_talked_into_a_lie(world, (admins[0], admins[1]), kiosks[0]);
    // Nor one that has never said a word.
    let (mut world, admins, kiosks) = World::new(1, 1);
    let silent = world.add_admin(9);
    world.run_for(12_000);
    is_not_talked_into_a_lie(world, (admins[0], silent), kiosks[0]);
}

fn is_not_talked_into_a_lie(mut world: World, admins: (NodeId, NodeId), kiosk: NodeId) {
    let admins = [admins.0, admins.1];
    live(&mut world, admins[0], kiosk, 1);
    let signed = lie(&mut world, admins[0]);
    // It says that it has dropped what the other does not hold.
    let mut reach = *world.replica(admins[0]).frontier().next().unwrap();
    (reach.pruned_below, reach.height) = (1_000, 1_001);
    let frontier = LedgerMessage::Frontier { more: false, reaches: vec![reach] };
    let checkpoints = LedgerMessage::Checkpoints { signed: vec![signed], certificates: Vec::new() };
    world.kill(admins[1]);
    world.start(admins[1]);
    world.run_for(6_000);
    for message in [frontier, checkpoints] {
        let message = Message::Ledger(message);
        world.input(admins[1], Input::Heard { peer: admins[0], message });
    }
    world.run_for(6_000);
    assert_eq!(base_of(&world, admins[1]), None);
}

#[test]
fn a_snapshot_comes_from_another_where_one_falls_silent_or_lies() {
    let (mut world, admins, kiosks) = World::new(2, 2);
    live(&mut world, admins[0], kiosks[0], 1);
    checkpoint(&mut world, admins[0]);
    let (base, (_, hash)) = (base_of(&world, admins[0]), world.replica(admins[0]).base().unwrap());
    // One that the newcomer is linked to holds other bytes than it says.
    let liar = *admins.iter().chain(&kiosks).min().unwrap();
    let disk = world.machines[&liar].disk.clone();
    let key = [hash.as_slice(), &0_u32.to_be_bytes()].concat();
    let op = storage::operation::Op::Put { table: Table::Checkpoints, key, value: vec![7; 100] };
    disk.stage(vec![op]).unwrap();
    let new = world.add_kiosk(7);
    world.run_for(20_000);
    assert_eq!(base_of(&world, new), base);
    let refused = |(node, notice): &(NodeId, Notice)| {
        *node == new && matches!(notice, Notice::Refused { peer, .. } if *peer == liar)
    };
    assert!(world.notices.iter().any(refused), "{:?}", world.notices);
    assert_eq!(world.fingerprints().len(), 1);
}

#[test]
fn what_came_with_the_base_is_receipted_like_what_came_in_entries() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    let everyone: Vec<_> = admins.iter().chain(&kiosks).copied().collect();
    world.cut_off(kiosks[0], &everyone);
    world.issue(admins[0], 1, 600);
    checkpoint(&mut world, admins[0]);
    let progress = |world: &World| {
        let replica = world.replica(admins[0]);
        let now = replica.moment(world.moment(admins[0]));
        replica.deliveries(now).last().map(|last| (last.held_by, last.of))
    };
    assert_eq!(progress(&world), Some((2, 3)));
    world.heal();
    world.run_for(12_000);
    assert_eq!(base_of(&world, kiosks[0]), base_of(&world, admins[0]));
    assert_eq!(progress(&world), Some((3, 3)));
}
