//! The laws of identity: site, admin node, token, node, epoch.

use domain::authority::NodeKind;
use domain::command::Command;
use domain::fact::{
    BootCertificate, Cause, Cut, Fact, NodeCountersigned, NodePaired, NodeRevoked, Scope,
    TokenIssued, TokenRevoked,
};
use domain::id::{
    EntryId, EpochId, KioskId, NodeId, RequestId, RoomId, SessionId, Signature, SiteId, TokenId,
};
use domain::moment::Moment;
use domain::refusal::Refusal;
use domain::session::State;
use domain::site::Site;
use ed25519_dalek::SigningKey;

use crate::world::{ADMIN, HOST, Machine, NOW_MS, Token, World, at, by, ended, in_parts};

fn member(world: &World, node: NodeId) -> Option<KioskId> {
    let standing = world.site().standing();
    standing.members.get(&node).and_then(|member| member.kiosk)
}

/// A machine that came with a token, its admission written, and nobody's word on it.
fn asks(world: &mut World, kiosk: KioskId, token: &Token) -> Machine {
    let machine = world.kiosk_machine(kiosk);
    let admission = world.admission(machine.node, kiosk, token);
    world.write(machine.epoch, admission);
    machine
}

fn revoke(world: &mut World, by_admin: &Machine, node: NodeId, cut: &[Cut]) {
    let intent = RequestId(world.draw16());
    for (part, cut) in in_parts(intent, cut, 1) {
        world.write(by_admin.epoch, NodeRevoked { node, part, cut, by: by(ADMIN) });
    }
}

fn cut(epoch: EpochId, height: u64) -> Cut {
    Cut { epoch, height, head: [0; 32] }
}

// ── Admission ───────────────────────────────────────────────────────────────

#[test]
fn only_the_site_key_makes_an_admin_node() {
    let (mut world, [admin, _], _) = World::with_kiosks(0);
    let stranger = world.admin_machine();
    let mut admission = world.admission_of_admin(stranger.node);
    admission.signature = world.admission_of_admin(admin.node).signature;
    world.write(admin.epoch, admission);
    world.issue(&stranger, 600);
    assert!(!world.site().standing().is_member(&stranger.node));
    assert_eq!(world.site().sessions().count(), 0);
    // The site key's word comes late; what the node wrote before takes effect.
    world.admit_admin(&admin, stranger.node);
    assert!(world.site().standing().is_member(&stranger.node));
    assert_eq!(world.site().sessions().count(), 1);
}

#[test]
fn the_site_keys_word_counts_whoever_carries_it() {
    let mut world = World::unfounded();
    let stranger = world.kiosk_machine(KioskId([1; 16]));
    let admin = world.admin_machine();
    world.found(&stranger);
    world.admit_admin(&stranger, admin.node);
    assert_eq!(world.site().name(), "Médiathèque des Avirons");
    assert!(world.site().standing().is_member(&admin.node));
}

#[test]
fn another_sites_certificates_are_nothing_here() {
    let (world, _, _) = World::with_kiosks(1);
    let key = SigningKey::from_bytes(&[5; 32]).verifying_key();
    let mut other = Site::new(SiteId(key.to_bytes()));
    for (id, fact) in &world.view.known {
        other.apply(*id, fact);
    }
    assert!(other.standing().members.is_empty());
    assert_eq!(other.name(), "");
}

#[test]
fn a_node_that_came_with_a_token_belongs_once_a_member_countersigned() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(1);
    let kiosk = KioskId([6; 16]);
    for signer in [&admin, &kiosks[0]] {
        let token = world.token(&admin, Scope::Kiosk(kiosk));
        let machine = asks(&mut world, kiosk, &token);
        assert_eq!(member(&world, machine.node), None);
        let node = machine.node;
        let stranger = world.kiosk_machine(kiosk);
        world.write(stranger.epoch, NodeCountersigned { node, token: token.id, kiosk });
        assert_eq!(member(&world, node), None, "nobody's signature");
        let signed = world.site().countersign(&node, &token.id, &kiosk, at(0)).unwrap();
        world.write(signer.epoch, signed);
        assert_eq!(member(&world, node), Some(kiosk));
    }
}

#[test]
fn a_token_admits_nobody_outside_of_its_scope() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(2);
    let (ours, others) = (kiosks[0].kiosk, kiosks[1].kiosk);
    let token = world.token(&admin, Scope::Kiosk(ours));
    let machine = asks(&mut world, others, &token);
    let refused = world.site().countersign(&machine.node, &token.id, &others, at(0));
    assert_eq!(refused, Err(Refusal::WrongPlace));
    // And no countersignature, however it came about, makes up for it.
    let node = machine.node;
    world.write(admin.epoch, NodeCountersigned { node, token: token.id, kiosk: others });
    assert_eq!(member(&world, node), None);
}

#[test]
fn a_rooms_token_is_not_countersigned_for_a_kiosk_of_another_room() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(1);
    let elsewhere = RoomId([8; 16]);
    let room = Command::NameRoom { room: elsewhere, name: "Espace jeunesse".into(), order: 2 };
    world.command(&admin, ADMIN, room).unwrap();
    let token = world.token(&admin, Scope::Room(elsewhere));
    let countersign =
        |world: &World, kiosk| world.site().countersign(&NodeId([1; 32]), &token.id, &kiosk, at(0));
    assert_eq!(countersign(&world, kiosks[0].kiosk), Err(Refusal::WrongPlace));
    assert!(countersign(&world, KioskId([9; 16])).is_ok(), "no room yet: staff name it later");
}

#[test]
fn a_token_is_countersigned_until_it_expires_or_is_revoked() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(1);
    let kiosk = kiosks[0].kiosk;
    let token = world.token(&admin, Scope::Room(world.room));
    let late = Moment { boot_ms: 0, wall_ms: NOW_MS + 2 * 3_600_000, trusted: true };
    let countersign =
        |world: &World, now| world.site().countersign(&NodeId([1; 32]), &token.id, &kiosk, now);
    assert!(countersign(&world, at(0)).is_ok());
    assert_eq!(countersign(&world, late), Err(Refusal::TokenExpired));
    assert!(countersign(&world, Moment { trusted: false, ..late }).is_ok());
    let token_id = token.id;
    world.command(&admin, ADMIN, Command::RevokeToken { token: token_id }).unwrap();
    assert_eq!(countersign(&world, at(0)), Err(Refusal::UnknownToken));
    let again = world.command(&admin, ADMIN, Command::RevokeToken { token: token_id });
    assert_eq!(again, Err(Refusal::UnknownToken));
}

#[test]
fn a_node_admitted_before_its_token_was_revoked_stays() {
    let (mut world, [admin, _], _) = World::with_kiosks(0);
    let kiosk = KioskId([6; 16]);
    let token = world.token(&admin, Scope::Kiosk(kiosk));
    let machine = asks(&mut world, kiosk, &token);
    let node = machine.node;
    world.write(admin.epoch, NodeCountersigned { node, token: token.id, kiosk });
    world.command(&admin, ADMIN, Command::RevokeToken { token: token.id }).unwrap();
    assert_eq!(member(&world, node), Some(kiosk));
}

#[test]
fn tokens_are_an_administrators_and_an_admin_nodes() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(1);
    let token = |byte| TokenId([byte; 32]);
    let scope = Scope::Room(world.room);
    let issued =
        |byte, role| TokenIssued { token: token(byte), scope, expires_ms: NOW_MS, by: by(role) };
    world.write(admin.epoch, issued(1, HOST));
    world.write(kiosks[0].epoch, issued(2, ADMIN));
    world.write(admin.epoch, issued(3, ADMIN));
    let stands = |world: &World, byte| {
        world.site().chain().token(&token(byte), world.site().standing()).is_some()
    };
    assert_eq!([1, 2, 3].map(|byte| stands(&world, byte)), [false, false, true]);
    world.write(admin.epoch, TokenRevoked { token: token(3), by: by(HOST) });
    world.write(kiosks[0].epoch, TokenRevoked { token: token(3), by: by(ADMIN) });
    assert!(stands(&world, 3));
    world.write(admin.epoch, TokenRevoked { token: token(3), by: by(ADMIN) });
    assert!(!stands(&world, 3));
}

#[test]
fn nodes_that_vouch_for_each_other_and_nobody_else_belong_to_nothing() {
    let (mut world, [admin, _], _) = World::with_kiosks(0);
    let kiosk = KioskId([6; 16]);
    let token = world.token(&admin, Scope::Kiosk(kiosk));
    let (one, two) = (asks(&mut world, kiosk, &token), asks(&mut world, kiosk, &token));
    world.write(one.epoch, NodeCountersigned { node: two.node, token: token.id, kiosk });
    world.write(two.epoch, NodeCountersigned { node: one.node, token: token.id, kiosk });
    world.write(one.epoch, NodeCountersigned { node: one.node, token: token.id, kiosk });
    assert_eq!(member(&world, one.node), None);
    assert_eq!(member(&world, two.node), None);
    world.write(admin.epoch, NodeCountersigned { node: two.node, token: token.id, kiosk });
    assert_eq!(member(&world, one.node), Some(kiosk), "through the other");
}

#[test]
fn a_node_cannot_be_moved_by_whoever_holds_a_token() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(1);
    let liar = &kiosks[0];
    let token = world.token(&admin, Scope::Room(world.room));
    let victim = asks(&mut world, KioskId([6; 16]), &token);
    let node = victim.node;
    let token_id = token.id;
    let signed = NodeCountersigned { node, token: token_id, kiosk: victim.kiosk };
    world.write(liar.epoch, signed);
    assert_eq!(member(&world, node), Some(victim.kiosk));
    // The same member, and the same good token, for a kiosk of a lower name.
    let admission = world.admission(node, KioskId([0; 16]), &token);
    world.write(liar.epoch, admission.clone());
    assert_eq!(member(&world, node), Some(victim.kiosk));
    // Nor does the node itself become another kiosk by the countersignature that it has.
    world.write(victim.epoch, admission);
    assert_eq!(member(&world, node), Some(victim.kiosk));
}

#[test]
fn an_epoch_belongs_to_the_node_that_vouched_for_it_at_its_beginning() {
    let (mut world, _, kiosks) = World::with_kiosks(1);
    let mut forged = kiosks[0].clone();
    forged.epoch = EpochId([8; 32]);
    let good = world.certificate(&forged);
    let known = |world: &World| world.site().node_of(&forged.epoch).is_some();

    let bad = BootCertificate { signature: Signature([1; 64]), ..good.clone() };
    world.write_at(EntryId { epoch: forged.epoch, seq: 0 }, bad);
    assert!(!known(&world), "another's signature");

    let mut world = World::with_kiosks(1).0;
    world.write_at(EntryId { epoch: forged.epoch, seq: 1 }, good.clone());
    assert!(!known(&world), "not the first entry");
    world.write_at(EntryId { epoch: EpochId([9; 32]), seq: 0 }, good.clone());
    assert!(!known(&world), "in another's log");
    world.write_at(EntryId { epoch: forged.epoch, seq: 0 }, good);
    assert!(known(&world));
}

#[test]
fn an_admin_node_is_no_kiosk_whoever_pairs_it() {
    let (mut world, [admin, other], _) = World::with_kiosks(0);
    let (node, kiosk) = (other.node, KioskId([3; 16]));
    let refused = world.command(&admin, ADMIN, Command::PairNode { node, kiosk });
    assert_eq!(refused, Err(Refusal::Exists));
    world.write(admin.epoch, NodePaired { node, kiosk, by: by(ADMIN) });
    let standing = world.site().standing();
    assert_eq!(standing.members[&node].kind, NodeKind::Admin);
    assert_eq!(standing.nodes_of(kiosk).count(), 0);
}

// ── Revocation ──────────────────────────────────────────────────────────────

#[test]
fn what_a_revoked_node_wrote_beyond_the_cut_is_without_effect() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(2);
    let within = world.issue(&admin, 600);
    world.open(&kiosks[0], &within).unwrap();
    let height = world.height(kiosks[0].epoch);
    world.end(&kiosks[0], within.session, Cause::Left);
    let beyond = world.issue(&admin, 600);
    world.open(&kiosks[0], &beyond).unwrap();
    world.read(ended(within.session, kiosks[0].epoch, 1, 60_000));
    world.read(ended(beyond.session, kiosks[0].epoch, 1, 60_000));

    revoke(&mut world, &admin, kiosks[0].node, &[cut(kiosks[0].epoch, height)]);
    assert!(!world.site().standing().is_member(&kiosks[0].node));
    assert!(matches!(world.state(within.session), State::Open { .. }), "its end is beyond");
    assert_eq!(world.state(beyond.session), State::Issued);
    assert_eq!(world.left_ms(within.session), 540_000, "opened within: its use counts");
    assert_eq!(world.left_ms(beyond.session), 600_000, "never opened: its use does not");

    world.read(ended(within.session, kiosks[0].epoch, 2, 90_000));
    assert_eq!(world.left_ms(within.session), 510_000, "late use of it too");
    world.end(&kiosks[0], within.session, Cause::Staff);
    assert!(matches!(world.state(within.session), State::Open { .. }), "it goes on writing");
}

#[test]
fn an_epoch_that_the_cut_does_not_list_is_without_effect() {
    let (mut world, [admin, _], mut kiosks) = World::with_kiosks(1);
    let code = world.issue(&admin, 600);
    let before = kiosks[0].epoch;
    let height = world.height(before);
    world.boot(&mut kiosks[0]);
    world.open(&kiosks[0], &code).unwrap();
    revoke(&mut world, &admin, kiosks[0].node, &[cut(before, height)]);
    assert_eq!(world.state(code.session), State::Issued);
    world.boot(&mut kiosks[0]);
    let opened = world.opening(&kiosks[0], &code, 1, Vec::new());
    world.write(kiosks[0].epoch, opened);
    assert_eq!(world.state(code.session), State::Issued);
}

#[test]
fn a_revocation_bites_on_links_at_once_and_on_entries_when_it_is_complete() {
    let (mut world, [admin, other], mut kiosks) = World::with_kiosks(1);
    let code = world.issue(&admin, 600);
    let before = kiosks[0].epoch;
    world.boot(&mut kiosks[0]);
    world.open(&kiosks[0], &code).unwrap();
    let node = kiosks[0].node;
    let whole = [cut(before, 1), cut(kiosks[0].epoch, 1)];
    let pieces = in_parts(RequestId([1; 16]), &whole, 1);
    let write = |world: &mut World, by_admin: &Machine, at: usize| {
        let (part, cut) = pieces[at].clone();
        world.write(by_admin.epoch, NodeRevoked { node, part, cut, by: by(ADMIN) });
    };
    write(&mut world, &admin, 0);
    assert!(!world.site().standing().is_member(&node));
    assert!(matches!(world.state(code.session), State::Open { .. }));
    // The desk that began has died; another begins anew.
    let cut = world.cut_here(node);
    let again = Command::RevokeNode { node, cut: cut.clone() };
    assert_eq!(world.command(&other, ADMIN, again).unwrap().len(), 1);
    assert!(matches!(world.state(code.session), State::Open { .. }), "all of it was within");
    let third = Command::RevokeNode { node, cut };
    assert_eq!(world.command(&other, ADMIN, third), Ok(vec![]), "it is done");
    write(&mut world, &admin, 1);
    assert_eq!(world.state(code.session), State::Issued, "the lower cut holds");
}

#[test]
fn two_admin_nodes_that_revoke_at_once_end_at_the_lower_cut() {
    let (mut world, [one, other], kiosks) = World::with_kiosks(1);
    let codes = [world.issue(&one, 600), world.issue(&one, 600)];
    world.open(&kiosks[0], &codes[0]).unwrap();
    let low = world.height(kiosks[0].epoch);
    world.end(&kiosks[0], codes[0].session, Cause::Left);
    world.open(&kiosks[0], &codes[1]).unwrap();
    let high = world.height(kiosks[0].epoch);
    let (node, epoch) = (kiosks[0].node, kiosks[0].epoch);
    revoke(&mut world, &one, node, &[cut(epoch, high)]);
    assert!(matches!(world.state(codes[1].session), State::Open { .. }));
    revoke(&mut world, &other, node, &[cut(epoch, low)]);
    assert_eq!(world.state(codes[1].session), State::Issued);
    assert!(matches!(world.state(codes[0].session), State::Open { .. }));
}

#[test]
fn a_piece_of_another_admins_making_does_not_undo_a_revocation() {
    let (mut world, [one, other], kiosks) = World::with_kiosks(1);
    let (node, epoch) = (kiosks[0].node, kiosks[0].epoch);
    let (part, cut) = in_parts(RequestId([1; 16]), &[cut(epoch, 0)], 1).remove(0);
    let by = by(ADMIN);
    let below = |world: &World| world.site().standing().epochs[&epoch].below;
    for writer in [&one, &other] {
        world.write(writer.epoch, NodeRevoked { node, part, cut: cut.clone(), by });
        world.write(writer.epoch, NodeRevoked { node, part, cut: Vec::new(), by });
        assert_eq!(below(&world), 0);
    }
}

#[test]
fn only_an_administrator_on_an_admin_node_revokes() {
    let (mut world, [admin, _], kiosks) = World::with_kiosks(2);
    let node = kiosks[0].node;
    let (part, cut) = in_parts(RequestId([1; 16]), &[], 1).remove(0);
    let before = world.site().standing().clone();
    for (epoch, role) in [(kiosks[1].epoch, ADMIN), (kiosks[0].epoch, ADMIN), (admin.epoch, HOST)] {
        let cut = cut.clone();
        world.write(epoch, NodeRevoked { node, part, cut, by: by(role) });
        assert_eq!(world.site().standing(), &before);
    }
    let admin_node = admin.node;
    let command = Command::RevokeNode { node: admin_node, cut: Vec::new() };
    assert_eq!(world.command(&admin, ADMIN, command), Err(Refusal::Authority));
    world.write(admin.epoch, NodeRevoked { node: admin_node, part, cut, by: by(ADMIN) });
    assert!(world.site().standing().is_member(&admin_node), "the site key alone unmakes it");
}

#[test]
fn what_drew_its_authority_from_beyond_a_cut_falls_with_it() {
    let (mut world, [admin, bad], _) = World::with_kiosks(0);
    let height = world.height(bad.epoch);
    let kiosk = KioskId([6; 16]);
    // A token, a countersignature, a pairing and a code, all of the bad admin's last day.
    let token = world.token(&bad, Scope::Kiosk(kiosk));
    let machine = asks(&mut world, kiosk, &token);
    world.write(bad.epoch, NodeCountersigned { node: machine.node, token: token.id, kiosk });
    let paired = world.kiosk_machine(KioskId([7; 16]));
    world.write(bad.epoch, NodePaired { node: paired.node, kiosk: paired.kiosk, by: by(ADMIN) });
    let code = world.issue(&admin, 600);
    world.open(&machine, &code).unwrap();
    world.extend(&bad, code.session, 60);
    assert_eq!(member(&world, machine.node), Some(kiosk));

    for piece in world.admin_revocation(bad.node, &[cut(bad.epoch, height)]) {
        world.write(admin.epoch, piece);
    }
    assert!(!world.site().standing().is_member(&bad.node));
    assert_eq!(member(&world, machine.node), None);
    assert_eq!(member(&world, paired.node), None);
    assert_eq!(world.state(code.session), State::Issued);
    assert_eq!(world.session(code.session).granted_ms(), 600_000);
}

#[test]
fn a_revocation_by_an_admin_who_was_cut_before_it_never_was() {
    let (mut world, [admin, bad], kiosks) = World::with_kiosks(1);
    let code = world.issue(&admin, 600);
    world.open(&kiosks[0], &code).unwrap();
    let height = world.height(bad.epoch);
    revoke(&mut world, &bad, kiosks[0].node, &[]);
    assert_eq!(world.state(code.session), State::Issued);
    for piece in world.admin_revocation(bad.node, &[cut(bad.epoch, height)]) {
        world.write(admin.epoch, piece);
    }
    assert!(world.site().standing().is_member(&kiosks[0].node));
    assert!(matches!(world.state(code.session), State::Open { .. }));
}

#[test]
fn admins_whom_the_site_key_revoked_in_each_others_logs_are_both_revoked() {
    let (mut world, [one, other], _) = World::with_kiosks(0);
    let cuts = [(other.node, cut(other.epoch, 1)), (one.node, cut(one.epoch, 1))];
    for ((node, cut), carrier) in cuts.into_iter().zip([&one, &other]) {
        for piece in world.admin_revocation(node, &[cut]) {
            world.write(carrier.epoch, piece);
        }
    }
    assert_eq!(world.site().standing().nodes(NodeKind::Admin).count(), 0);
}

// ── Forks ───────────────────────────────────────────────────────────────────

#[test]
fn a_fork_cuts_its_epoch_from_the_lowest_proof_on() {
    let (mut world, [admin, _], mut kiosks) = World::with_kiosks(1);
    let codes = [(); 3].map(|()| world.issue(&admin, 600));
    let epoch = kiosks[0].epoch;
    let mut entries = Vec::new();
    for code in &codes {
        let id = world.open(&kiosks[0], code).unwrap();
        entries.push(id);
        world.end(&kiosks[0], code.session, Cause::Left);
    }
    world.read(ended(codes[0].session, epoch, 1, 60_000));
    let other = |seq: u64| domain::fact::MessageAcknowledged {
        message: domain::id::RowId([u8::try_from(seq).unwrap(); 16]),
        kiosk: KioskId([1; 16]),
    };
    let states =
        |world: &World| codes.each_ref().map(|code| world.state(code.session) == State::Issued);
    world.write_at(entries[2], other(1));
    assert_eq!(states(&world), [false, false, true]);
    world.write_at(entries[1], other(2));
    assert_eq!(states(&world), [false, true, true]);
    // A later proof adds nothing; the epoch goes on writing in vain.
    world.write_at(entries[2], other(3));
    world.open(&kiosks[0], &codes[2]).unwrap();
    assert_eq!(states(&world), [false, true, true]);
    assert_eq!(world.left_ms(codes[0].session), 540_000, "registers of use excepted");
    assert!(world.site().standing().is_member(&kiosks[0].node));
    assert!(world.site().floor(at(0)).nodes.iter().any(|node| node.forked));
    // The next start is a new epoch, and good.
    world.boot(&mut kiosks[0]);
    world.open(&kiosks[0], &codes[1]).unwrap();
    assert_eq!(states(&world), [false, false, true]);
}

#[test]
fn what_a_forked_epoch_only_carried_goes_with_it() {
    let (mut world, [_, admin], _) = World::with_kiosks(0);
    let stranger = world.admin_machine();
    let carried = world.admit_admin(&admin, stranger.node);
    world.issue(&stranger, 600);
    assert!(world.site().standing().is_member(&stranger.node));
    let row = domain::id::RowId([1; 16]);
    world.write_at(carried, domain::fact::RowErased { row, by: by(HOST) });
    assert!(!world.site().standing().is_member(&stranger.node));
    assert_eq!(world.site().sessions().count(), 0);
}

/// A ledger from before its author was known, in one piece.
#[test]
fn entries_wait_for_the_authority_of_their_author() {
    let (mut world, [admin, _], _) = World::with_kiosks(0);
    let mut late = World::with_kiosks(0).1[1].clone();
    late.epoch = EpochId([8; 32]);
    let session = SessionId([1; 16]);
    let withdrawn = domain::fact::Withdrawn { session, by: by(HOST) };
    world.write_at(EntryId { epoch: late.epoch, seq: 1 }, withdrawn);
    let code = {
        let code = world.issue(&admin, 60);
        domain::fact::CodeIssued {
            session,
            key: code.public(),
            derivation: 1,
            seconds: 60,
            from_ms: 0,
            until_ms: 1,
            place: domain::fact::Place::Anywhere,
            label: None,
            request: RequestId([1; 16]),
            by: by(HOST),
        }
    };
    world.write(admin.epoch, code);
    assert_eq!(world.state(session), State::Issued);
    let certificate = world.certificate(&late);
    world.write_at(EntryId { epoch: late.epoch, seq: 0 }, Fact::from(certificate));
    assert_eq!(world.state(session), State::Withdrawn);
}
