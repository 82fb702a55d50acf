use domain::id::NodeId;

use super::{Foul, Limits, Referee, Room, Standing};

fn node(number: u8) -> NodeId {
    NodeId([number; 32])
}

const ADMIN: u8 = 100;
const OTHER_ADMIN: u8 = 101;

/// Ten kiosks that keep nothing and two admin nodes, at nine in the evening.
fn room() -> Room {
    let kiosk = Standing { kiosk: true, durable: false, linked: true, in_use: false };
    let admin = Standing { kiosk: false, durable: true, ..kiosk };
    let mut nodes: std::collections::BTreeMap<_, _> = (1..=10).map(|n| (node(n), kiosk)).collect();
    nodes.extend([ADMIN, OTHER_ADMIN].map(|n| (node(n), admin)));
    Room { nodes, time: "21:00".parse().unwrap(), boot_ms: 1_000_000 }
}

fn limits() -> Limits {
    let hours = Some("20:00-07:00".parse().unwrap());
    Limits { hours, share: 30, keep_durable: 1, deadline_s: 60 }
}

fn booked(referee: &mut Referee, nodes: &[u8], room: &Room) -> Result<(), Foul> {
    let nodes: Vec<NodeId> = nodes.iter().map(|number| node(*number)).collect();
    referee.book(&nodes, 60, &limits(), room)
}

#[test]
fn out_of_hours_nothing_is_ordered() {
    let day = Room { time: "10:00".parse().unwrap(), ..room() };
    assert_eq!(booked(&mut Referee::default(), &[1], &day), Err(Foul::OutOfHours));
}

#[test]
fn without_hours_a_kiosk_in_use_is_left_alone() {
    let mut room = room();
    room.nodes.get_mut(&node(2)).unwrap().in_use = true;
    let limits = Limits { hours: None, ..limits() };
    let mut referee = Referee::default();
    assert_eq!(referee.book(&[node(1)], 60, &limits, &room), Ok(()));
    assert_eq!(referee.book(&[node(2)], 60, &limits, &room), Err(Foul::InUse));
}

#[test]
fn faults_that_run_count_in_the_share_until_they_end() {
    let (mut referee, mut room) = (Referee::default(), room());
    assert_eq!(booked(&mut referee, &[1, 2], &room), Ok(()));
    let beyond = Foul::BeyondShare { kiosks: 4, of: 10, share: 30 };
    assert_eq!(booked(&mut referee, &[3, 4], &room), Err(beyond));
    assert_eq!(booked(&mut referee, &[2, 3], &room), Ok(()), "the same kiosk counts once");
    room.boot_ms += 60_000;
    assert_eq!(booked(&mut referee, &[4, 5, 6], &room), Ok(()));
}

#[test]
fn what_was_refused_leaves_no_trace() {
    let (mut referee, room) = (Referee::default(), room());
    assert!(booked(&mut referee, &[1, 2, 3, 4], &room).is_err());
    assert_eq!(referee.under(room.boot_ms).count(), 0);
    assert_eq!(booked(&mut referee, &[1, 2, 3], &room), Ok(()));
    referee.release(&node(1));
    assert_eq!(booked(&mut referee, &[4], &room), Ok(()));
}

#[test]
fn the_last_durable_node_is_never_touched() {
    let (mut referee, mut room) = (Referee::default(), room());
    let last = Err(Foul::LastDurable { left: 0, keep: 1 });
    assert_eq!(booked(&mut referee, &[ADMIN, OTHER_ADMIN], &room), last);
    assert_eq!(booked(&mut referee, &[ADMIN], &room), Ok(()));
    assert_eq!(booked(&mut referee, &[OTHER_ADMIN], &room), last);
    // A durable node that nobody sees is no safety.
    let mut fresh = Referee::default();
    room.nodes.get_mut(&node(OTHER_ADMIN)).unwrap().linked = false;
    assert_eq!(booked(&mut fresh, &[ADMIN], &room), last);
    // Nor does a file that says 0 take it away.
    let limits = Limits { keep_durable: 0, ..limits() };
    assert_eq!(fresh.book(&[node(ADMIN)], 60, &limits, &room), last);
}

#[test]
fn no_fault_lasts_beyond_the_deadline() {
    let room = room();
    for for_s in [0, 61, u32::MAX] {
        let refused = Referee::default().book(&[node(1)], for_s, &limits(), &room);
        assert_eq!(refused, Err(Foul::TooLong { most_s: 60 }));
    }
}

#[test]
fn nobody_and_strangers_are_not_members() {
    for nodes in [&[][..], &[1, 77]] {
        assert_eq!(booked(&mut Referee::default(), nodes, &room()), Err(Foul::UnknownNode));
    }
}
