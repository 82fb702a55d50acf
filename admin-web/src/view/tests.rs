use std::collections::{BTreeMap, BTreeSet};

use domain::fact::{Cause, Place};
use domain::floor::{Floor, NodeOnFloor, SessionOnFloor, StateWord, Tile};
use domain::id::{KioskId, NodeId, OperatorId, RoomId, RowId, SessionId};
use domain::session::OrderKind;
use domain::settings::Settings;

use super::{Around, LiveView};
use crate::shapes::floor::KioskState;
use crate::shapes::hex::HexKey;
use crate::shapes::node::NodeKind;
use crate::shapes::session::{Order, SessionState};
use crate::shapes::stamp::Stamp;

const NOW_MS: i64 = 1_000_000;
const HERE: NodeId = NodeId([1; 32]);
const COPIED: NodeId = NodeId([7; 32]);
const FAILING: NodeId = NodeId([10; 32]);

fn session(id: u8, state: StateWord, cause: Option<Cause>) -> SessionOnFloor {
    SessionOnFloor {
        id: SessionId([id; 16]),
        state,
        kiosk: None,
        cause,
        ordered: None,
        granted_ms: 3_600_000,
        used_ms: 600_000,
        excess_ms: 0,
        remaining_ms: 3_000_000,
        running: state == StateWord::Open,
        from_ms: 0,
        until_ms: NOW_MS + 1,
        place: Place::Room(RoomId([9; 16])),
        label: Some(RowId([4; 16])),
        issued_by: OperatorId([2; 16]),
        double: false,
    }
}

fn tile(id: u8, session: Option<SessionOnFloor>, nodes: &[u8]) -> Tile {
    Tile {
        kiosk: KioskId([id; 16]),
        name: format!("Poste {id}"),
        room: None,
        named: true,
        in_service: true,
        note: None,
        nodes: nodes.iter().map(|node| NodeId([*node; 32])).collect(),
        session,
        unread: 0,
    }
}

fn view(tiles: Vec<Tile>, sessions: Vec<SessionOnFloor>) -> LiveView {
    let node = |id: u8, kind, kiosk| NodeOnFloor {
        node: NodeId([id; 32]),
        kind,
        kiosk,
        revoked: false,
        forked: false,
    };
    let floor = Floor {
        site: "Médiathèque".into(),
        settings: Settings::default(),
        rooms: Vec::new(),
        tiles,
        sessions,
        nodes: vec![
            node(5, domain::authority::NodeKind::Kiosk, Some(KioskId([7; 16]))),
            node(2, domain::authority::NodeKind::Admin, None),
            node(1, domain::authority::NodeKind::Admin, None),
        ],
        tokens: Vec::new(),
        collisions: 0,
    };
    let links = BTreeMap::from([
        (NodeId([5; 32]), (true, Some(NOW_MS))),
        (NodeId([6; 32]), (true, Some(NOW_MS))),
        (NodeId([8; 32]), (false, Some(NOW_MS - 60_000))),
    ]);
    let labels = BTreeMap::from([(RowId([4; 16]), "M. Payet".to_owned())]);
    let around = Around {
        stamp: Stamp { as_of_ms: NOW_MS, node: HexKey(HERE.0), behind_ms: 0 },
        fingerprint: [3; 32],
        links: &links,
        doubled: &BTreeSet::from([COPIED]),
        failing: &BTreeSet::from([FAILING]),
        labels: &labels,
        deliveries: Vec::new(),
        admins: Vec::new(),
    };
    LiveView::of(&floor, around)
}

#[test]
fn observed_and_intended_are_apart() {
    let mut open = session(1, StateWord::Open, None);
    open.ordered = Some(OrderKind::Close { keep_rest: true });
    let view = view(vec![tile(7, Some(open), &[5])], Vec::new());
    let shown = view.tiles[0].session.as_ref().unwrap();
    assert_eq!(shown.state, SessionState::Running);
    assert_eq!(shown.intended, Some(Order::CloseKeepingRest));
    assert_eq!((shown.at_ms, shown.running), (NOW_MS, true));
    assert_eq!(shown.label.as_deref(), Some("M. Payet"));
    assert_eq!(shown.bound_room.unwrap().0, [9; 16]);
    assert_eq!(view.tiles[0].state, KioskState::Running);
}

#[test]
fn only_codes_that_still_open_are_live() {
    let mut late = session(4, StateWord::Issued, None);
    late.until_ms = NOW_MS - 1;
    let mut empty = session(5, StateWord::Closed, Some(Cause::Expired));
    empty.remaining_ms = 0;
    let view = view(
        Vec::new(),
        vec![
            session(1, StateWord::Issued, None),
            session(2, StateWord::Closed, Some(Cause::Left)),
            session(3, StateWord::Closed, Some(Cause::Staff)),
            late,
            empty,
            session(6, StateWord::Withdrawn, None),
        ],
    );
    let live: Vec<u8> = view.codes().map(|code| code.id.0[0]).collect();
    assert_eq!(live, [1, 2]);
    let states: Vec<_> = view.sessions().map(|session| session.state).collect();
    assert_eq!(states[1], SessionState::Reopenable);
    assert_eq!(states[2], SessionState::Closed);
    assert_eq!(states[5], SessionState::Withdrawn);
}

#[test]
fn a_kiosk_is_reachable_by_a_link_and_two_machines_or_a_failed_disk_alarm() {
    let nodes = [&[8][..], &[5, 6], &[], &[7], &[10]];
    let tiles = (1..).zip(nodes).map(|(number, nodes)| tile(number, None, nodes)).collect();
    let view = view(tiles, Vec::new());
    let [away, double, nobody, copied, failing] = &view.tiles[..] else { panic!("five tiles") };
    assert!(!away.reachable);
    assert_eq!(away.seen_ms, Some(NOW_MS - 60_000));
    assert!(double.reachable);
    assert_eq!(double.alarms[0].code, "two_machines");
    assert!(!nobody.reachable && nobody.alarms.is_empty());
    assert_eq!(copied.alarms[0].code, "two_machines");
    assert_eq!(failing.alarms[0].code, "disk_failed");
    // Staff did not take it out of service, and may: that is another word.
    assert_eq!(failing.state, KioskState::Free);
}

#[test]
fn a_kiosk_out_of_service_says_so_unless_somebody_sits_there() {
    let mut closed = tile(1, None, &[5]);
    closed.in_service = false;
    let mut taken = tile(2, Some(session(1, StateWord::Paused, None)), &[5]);
    taken.in_service = false;
    let mut unnamed = tile(3, None, &[5]);
    unnamed.named = false;
    let view = view(vec![closed, taken, unnamed], Vec::new());
    let states: Vec<_> = view.tiles.iter().map(|tile| tile.state).collect();
    assert_eq!(states, [KioskState::OutOfService, KioskState::Paused, KioskState::Free]);
    assert_eq!(view.tiles[2].alarms[0].code, "not_named");
}

#[test]
fn admin_nodes_come_first_and_this_one_before_all() {
    let view = view(vec![tile(7, None, &[5])], Vec::new());
    let order: Vec<_> = view.nodes.iter().map(|node| (node.node.0[0], node.kind)).collect();
    assert_eq!(order, [(1, NodeKind::Admin), (2, NodeKind::Admin), (5, NodeKind::Kiosk)]);
    assert_eq!(view.nodes[2].name, "Poste 7");
    assert!(view.nodes[0].here && view.nodes[0].linked);
}
