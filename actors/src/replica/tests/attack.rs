use domain::authority::NodeKind;
use domain::command::Command;
use domain::fact::{Fact, SessionExtended};
use domain::id::{NodeId, RequestId};
use domain::refusal::Refusal;

use super::super::greeting::Unwelcome;
use super::super::message::{LedgerMessage, Message};
use super::super::{Failure, Identity, Input, Notice, Output};
use super::world::{HOST, TOKEN_MS, World, kiosk_id};
use crate::entry::{Author, Entry};

fn cut_of(world: &World, holder: NodeId, node: NodeId) -> Vec<domain::fact::Cut> {
    let replica = world.replica(holder);
    let epochs = replica.site().chain().epochs_of(node).copied().collect::<Vec<_>>();
    let held = replica.frontier().filter(|reach| epochs.contains(&reach.epoch));
    held.map(|reach| domain::fact::Cut {
        epoch: reach.epoch,
        height: reach.height,
        head: reach.head,
    })
    .collect()
}

fn hear(world: &mut World, to: NodeId, from: NodeId, entries: Vec<Vec<u8>>) {
    let message = Message::Ledger(LedgerMessage::Entries { more: false, answer: false, entries });
    world.input(to, Input::Heard { peer: from, message });
}

#[test]
fn a_stranger_and_a_node_of_another_site_get_no_link() {
    let (mut world, admins, _) = World::new(1, 1);
    let other = World::new(1, 1);
    let stranger = other.0.replica(other.2[0]).greeting().unwrap();
    let now = world.moment(admins[0]);
    let node = NodeId([42; 32]);
    let met = world.replica_mut(admins[0]).meet(node, &stranger, now).err();
    assert_eq!(met, Some(Unwelcome::NotMember));
    for garbage in [vec![], vec![0xff; 40], vec![0; 20_000], stranger[..10].to_vec()] {
        let met = world.replica_mut(admins[0]).meet(node, &garbage, now).err();
        assert_eq!(met, Some(Unwelcome::Malformed));
    }
}

#[test]
fn an_expired_and_a_revoked_token_admit_nobody() {
    let (mut world, admins, _) = World::new(1, 0);
    world.machines.get_mut(&admins[0]).unwrap().wall_shift_ms = TOKEN_MS;
    world.run_for(6_000);
    let late = world.add_kiosk(1);
    assert_eq!(world.meet(admins[0], late).err(), Some(Unwelcome::Token(Refusal::TokenExpired)));

    let (mut world, admins, _) = World::new(1, 0);
    let token = domain::id::TokenId(world.token_key.verifying_key().to_bytes());
    world.must(admins[0], Command::RevokeToken { token });
    let late = world.add_kiosk(1);
    assert_eq!(world.meet(admins[0], late).err(), Some(Unwelcome::Token(Refusal::UnknownToken)));
}

#[test]
fn a_revoked_kiosk_is_dropped_at_once_and_what_it_writes_changes_nothing() {
    let (mut world, admins, kiosks) = World::new(2, 2);
    let session = world.issue(admins[0], 1, 600);
    world.type_code(kiosks[0], 1).unwrap();
    world.run_for(10_000);
    let cut = cut_of(&world, admins[0], kiosks[0]);
    world.must(admins[0], Command::RevokeNode { node: kiosks[0], cut });
    world.run_for(2_000);
    for node in admins.iter().chain(&kiosks[1..]) {
        assert!(world.replica(*node).links().all(|(peer, _, _)| *peer != kiosks[0]));
        assert!(!world.replica(*node).site().standing().is_member(&kiosks[0]));
    }
    let height = |world: &World| {
        world.replica(kiosks[0]).frontier().map(|reach| reach.height).max().unwrap()
    };
    let before = height(&world);
    world.run_for(60_000);
    assert!(height(&world) <= before + 2, "a revoked kiosk writes on and on");
    assert_eq!(world.meet(admins[1], kiosks[0]).err(), Some(Unwelcome::Revoked));
    let site = world.replica(admins[1]).site();
    let used = site.session(&session).unwrap().measured_ms(|epoch| site.node_of(epoch));
    assert!(used >= 5_000, "use within the cut counts: {used}");
    let live: std::collections::BTreeSet<_> = admins
        .iter()
        .chain(&kiosks[1..])
        .map(|node| world.replica(*node).site().fingerprint().unwrap())
        .collect();
    assert_eq!(live.len(), 1);
}

#[test]
fn a_kiosk_revoked_while_its_link_was_being_made_is_dropped_as_it_comes_up() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let cut = cut_of(&world, admins[0], kiosks[0]);
    world.must(admins[0], Command::RevokeNode { node: kiosks[0], cut });
    let now = world.moment(admins[0]);
    let admin = world.replica_mut(admins[0]);
    let outputs = admin.handle(Input::LinkUp { peer: kiosks[0], kind: NodeKind::Kiosk }, now);
    let told = |output: &Output| matches!(output, Output::Send { peer, .. } if *peer == kiosks[0]);
    assert!(!outputs.iter().any(told), "{outputs:?}");
    let drops = |output: &Output| matches!(output, Output::Drop { peer } if *peer == kiosks[0]);
    assert_eq!(outputs.iter().filter(|output| drops(output)).count(), 1, "{outputs:?}");
    assert_eq!(admin.links().count(), 0);
}

#[test]
fn a_kiosk_cannot_extend_its_own_session() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let session = world.issue(admins[0], 1, 600);
    let fact = Fact::SessionExtended(SessionExtended {
        session,
        seconds: 3600,
        request: RequestId([1; 16]),
        by: HOST,
    });
    let now = world.moment(kiosks[0]);
    let kiosk = world.replica_mut(kiosks[0]);
    kiosk.append(vec![fact], now).unwrap();
    let outputs = kiosk.handle(Input::Wake, now);
    world.carry_out(kiosks[0], outputs);
    world.run_for(6_000);
    for node in admins.iter().chain(&kiosks) {
        assert_eq!(world.remaining_s(*node, session), 600);
    }
    let by = domain::decide::Author::Operator(HOST);
    let request = world.request();
    let command = Command::Extend { session, seconds: 60 };
    let ask = world.ask(kiosks[0], by, domain::command::Asked { request, command });
    assert_eq!(world.replies[&ask], Err(Failure::Refused(Refusal::Authority)));
}

#[test]
fn forged_replayed_grafted_and_future_entries_are_refused_and_stop_nobody() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    let (admin, kiosk) = (admins[0], kiosks[0]);
    let before = world.replica(admin).site().fingerprint().unwrap();
    let logs: Vec<_> = world.replica(admin).frontier().copied().collect();
    let real = {
        use storage::ledger_store::LedgerStore;
        let epoch = world.replica(admin).epoch();
        world.replica(admin).store().entry(&epoch.0, 1).unwrap().unwrap()
    };
    let mut forged = real.clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let mut future = real.clone();
    future[0] = 9;
    let stranger = Author::new([9; 32]);
    let boot = stranger.entry(vec![250, 0, 1, 2, 3], 0).unwrap().to_bytes();
    let mut graft = Entry::parse(&real).unwrap();
    graft.id.seq = logs.iter().map(|reach| reach.height).max().unwrap();
    let all =
        vec![forged, future, boot, graft.to_bytes(), real.clone(), vec![], vec![1; 90], vec![7; 9]];
    hear(&mut world, admin, kiosk, all);
    world.run_for(6_000);
    assert_eq!(world.replica(admin).site().fingerprint().unwrap(), before);
    let refused = world
        .notices
        .iter()
        .any(|(at, notice)| *at == admin && matches!(notice, Notice::Refused { count: 5.., .. }));
    assert!(refused, "{:?}", world.notices);
    world.issue(admin, 1, 600);
    world.run_for(1_000);
    world.type_code(kiosk, 1).unwrap();
}

#[test]
fn a_cloned_disk_that_resumes_its_log_is_proven_on_every_node() {
    let (mut world, admins, kiosks) = World::new(2, 2);
    // A snapshot of the kiosk's memory writes a second history of the same epoch.
    let epoch = world.replica(kiosks[0]).epoch();
    let mut twin = world.replica(kiosks[0]).author.clone();
    let body = |number: u8| {
        let message = domain::id::RowId([number; 16]);
        let kiosk = kiosk_id(1);
        Fact::MessageAcknowledged(domain::fact::MessageAcknowledged { message, kiosk })
    };
    let now = world.moment(kiosks[0]);
    let kiosk = world.replica_mut(kiosks[0]);
    kiosk.append(vec![body(1)], now).unwrap();
    let outputs = kiosk.handle(Input::Wake, now);
    world.carry_out(kiosks[0], outputs);
    world.run_for(1_000);
    let entry = twin.entry(body(2).encode().unwrap(), 0).unwrap();
    twin.advance(&entry);
    hear(&mut world, admins[1], kiosks[1], vec![entry.to_bytes()]);
    world.run_for(6_000);
    for node in admins.iter().chain(&kiosks) {
        let forks = world.replica(*node).site().chain().forks();
        assert_eq!(forks.get(&epoch), Some(&entry.id.seq), "{node:?}");
    }
    assert_eq!(world.fingerprints().len(), 1);
    // The kiosk itself has begun a new log, and what it writes counts.
    assert_ne!(world.replica(kiosks[0]).epoch(), epoch);
    world.issue(admins[0], 9, 600);
    world.run_for(1_000);
    world.type_code(kiosks[0], 9).unwrap();
    world.run_for(6_000);
    assert!(world.remaining_s(admins[1], super::world::session_id(9)) < 600);
    // The proof outlives a restart.
    world.kill(admins[0]);
    world.start(admins[0]);
    assert!(world.replica(admins[0]).site().chain().forks().contains_key(&epoch));
}

#[test]
fn a_history_that_only_a_late_comer_holds_is_found_by_its_head() {
    let (mut world, admins, kiosks) = World::new(1, 2);
    let epoch = world.replica(kiosks[0]).epoch();
    let mut twin = world.replica(kiosks[0]).author.clone();
    let body = |number: u8| {
        let (message, kiosk) = (domain::id::RowId([number; 16]), kiosk_id(1));
        Fact::MessageAcknowledged(domain::fact::MessageAcknowledged { message, kiosk })
    };
    world.cut_off(kiosks[1], &[admins[0], kiosks[0]]);
    let now = world.moment(kiosks[0]);
    let kiosk = world.replica_mut(kiosks[0]);
    kiosk.append(vec![body(1)], now).unwrap();
    let outputs = kiosk.handle(Input::Wake, now);
    world.carry_out(kiosks[0], outputs);
    let entry = twin.entry(body(2).encode().unwrap(), 0).unwrap();
    twin.advance(&entry);
    let now = world.moment(kiosks[1]);
    let other = world.replica_mut(kiosks[1]);
    other.keep(NodeId([0; 32]), vec![entry], now);
    world.run_for(1_000);
    world.heal();
    world.run_for(20_000);
    for node in admins.iter().chain(&kiosks) {
        assert!(world.replica(*node).site().chain().forks().contains_key(&epoch), "{node:?}");
    }
    assert_eq!(world.fingerprints().len(), 1);
}

#[test]
fn five_wrong_codes_make_people_wait_and_the_wait_grows() {
    let (mut world, admins, kiosks) = World::new(1, 1);
    world.issue(admins[0], 1, 600);
    world.run_for(1_000);
    for _ in 0..5 {
        let refused = world.type_code(kiosks[0], 99);
        assert_eq!(refused, Err(Failure::Refused(Refusal::UnknownCode)));
    }
    let throttled = |seconds| Err(Failure::Refused(Refusal::Throttled { seconds }));
    assert_eq!(world.type_code(kiosks[0], 1), throttled(2));
    world.run_for(2_000);
    let refused = world.type_code(kiosks[0], 99);
    assert_eq!(refused, Err(Failure::Refused(Refusal::UnknownCode)));
    assert_eq!(world.type_code(kiosks[0], 1), throttled(4));
    world.run_for(4_000);
    world.type_code(kiosks[0], 1).unwrap();
}

#[test]
fn a_wrong_wall_clock_neither_gives_nor_takes_time() {
    for shift in [-1_795_000_000_000, 2_300_000_000_000] {
        let (mut world, admins, kiosks) = World::new(1, 1);
        let session = world.issue(admins[0], 1, 600);
        world.type_code(kiosks[0], 1).unwrap();
        world.run_for(10_000);
        world.machines.get_mut(&kiosks[0]).unwrap().wall_shift_ms = shift;
        world.machines.get_mut(&admins[0]).unwrap().wall_shift_ms = shift;
        world.run_for(10_000);
        assert_eq!(world.remaining_s(kiosks[0], session), 580);
        assert_eq!(world.remaining_s(admins[0], session), 580);
    }
}

#[test]
fn a_lost_disk_is_learnt_again_from_the_peers() {
    let (mut world, admins, kiosks) = World::new(2, 2);
    let session = world.issue(admins[0], 1, 600);
    world.run_for(1_000);
    world.kill(kiosks[0]);
    let empty = std::sync::Arc::new(storage::memory::MemoryStore::default());
    world.machines.get_mut(&kiosks[0]).unwrap().disk = empty;
    world.start(kiosks[0]);
    world.run_for(12_000);
    assert_eq!(world.fingerprints().len(), 1);
    world.type_code(kiosks[0], 1).unwrap();
    assert_eq!(world.remaining_s(kiosks[0], session), 600);
}

#[test]
fn a_node_of_an_identity_that_was_never_admitted_is_told_so() {
    let (mut world, admins, _) = World::new(1, 0);
    let node_key = super::world::key(77);
    let identity = Identity {
        site: world.site(),
        node_key,
        kind: domain::authority::NodeKind::Kiosk,
        kiosk: Some(kiosk_id(7)),
        certificates: Vec::new(),
        amnesic: false,
        machine: [7; 32],
        boot_id: [7; 16],
    };
    let node = world.add(identity);
    assert_eq!(world.meet(admins[0], node).err(), Some(Unwelcome::NotMember));
    assert_eq!(world.type_code(node, 1), Err(Failure::Refused(Refusal::UnknownCode)));
}

#[test]
fn logs_of_nodes_that_nobody_named_are_not_taken_and_cost_nobody_its_place() {
    use domain::fact::{BootCertificate, boot_bytes};
    use domain::id::Signature;
    use ed25519_dalek::Signer;

    let (mut world, admins, kiosks) = World::new(1, 2);
    let site = world.site();
    let made_up: Vec<Vec<u8>> = (0..200u8)
        .map(|number| {
            let (mut log, mut key) = ([0x76; 32], [0x77; 32]);
            (log[0], key[0]) = (number, number);
            let author = Author::new(log);
            let node_key = ed25519_dalek::SigningKey::from_bytes(&key);
            let (node, epoch) = (NodeId(node_key.verifying_key().to_bytes()), author.epoch());
            let bytes = boot_bytes(&site, &node, &epoch, false, &[0; 32], None);
            let signature = Signature(node_key.sign(&bytes).to_bytes());
            let boot = BootCertificate {
                node,
                epoch,
                amnesic: false,
                machine: [0; 32],
                knew_ms: None,
                signature,
            };
            author.entry(Fact::BootCertificate(boot).encode().unwrap(), 0).unwrap().to_bytes()
        })
        .collect();
    let before = world.replica(admins[0]).frontier().count();
    hear(&mut world, admins[0], kiosks[0], made_up);
    world.run_for(6_000);
    assert_eq!(world.replica(admins[0]).frontier().count(), before);
    // A member that starts again is heard all the same.
    world.kill(kiosks[1]);
    world.start(kiosks[1]);
    world.run_for(12_000);
    assert_eq!(world.replica(admins[0]).frontier().count(), before + 1);
    assert_eq!(world.fingerprints().len(), 1);
}
