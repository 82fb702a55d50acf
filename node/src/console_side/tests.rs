use std::collections::{BTreeMap, BTreeSet};

use actors::desk::FloorNow;
use actors::replica::delivery::{Delivery, Progress};
use admin_web::shapes::delivery::Stage;
use domain::floor::{Floor, Tile};
use domain::id::{EntryId, EpochId, KioskId, NodeId, RequestId};
use domain::settings::Settings;

use super::live_view;

const KIOSK: KioskId = KioskId([3; 16]);
const NODE: NodeId = NodeId([4; 32]);

fn progress(held_by: u32, kiosk: Option<KioskId>, linked: bool) -> Progress {
    Progress {
        delivery: Delivery {
            request: RequestId([1; 16]),
            entry: EntryId { epoch: EpochId([2; 32]), seq: 7 },
            verb: "issue",
            session: None,
            kiosk,
            at_ms: 1_000,
            confirmed_ms: None,
            seconds: None,
        },
        held_by,
        of: 3,
        kiosk_linked: linked,
    }
}

fn picture(deliveries: Vec<Progress>) -> FloorNow {
    FloorNow {
        floor: Floor {
            site: "Médiathèque".into(),
            settings: Settings::default(),
            rooms: Vec::new(),
            tiles: vec![Tile {
                kiosk: KIOSK,
                name: "Baobab".into(),
                room: None,
                named: true,
                in_service: true,
                note: None,
                nodes: vec![NODE],
                session: None,
                unread: 0,
            }],
            sessions: Vec::new(),
            nodes: Vec::new(),
            tokens: Vec::new(),
            collisions: 0,
        },
        as_of_ms: 5_000,
        node: NodeId([9; 32]),
        behind_ms: 0,
        fingerprint: [0; 32],
        deliveries,
        links: BTreeMap::from([(NODE, (false, Some(900)))]),
        doubled: BTreeSet::new(),
        failing: BTreeSet::new(),
        admins: BTreeMap::from([(NodeId([9; 32]), vec!["http://127.0.0.1:8700".into()])]),
        texts: BTreeMap::new(),
    }
}

#[test]
fn command_is_shown_where_it_is_and_never_further() {
    let mut confirmed = progress(3, Some(KIOSK), true);
    confirmed.delivery.confirmed_ms = Some(4_000);
    let view = live_view(&picture(vec![
        progress(1, None, false),
        progress(2, Some(KIOSK), true),
        progress(1, Some(KIOSK), false),
        confirmed,
    ]));
    let stages: Vec<Stage> = view.deliveries.iter().map(|d| d.stage).collect();
    // Newest first.
    assert_eq!(
        stages,
        [
            Stage::Confirmed { at_ms: 4_000, n: 3, m: 3 },
            Stage::Waiting { since_ms: 900, n: 1, m: 3 },
            Stage::Replicated { n: 2, m: 3 },
            Stage::Accepted,
        ]
    );
    assert_eq!(view.deliveries[0].command, "issue_code");
}

#[test]
fn this_node_is_known_among_the_admin_nodes() {
    let view = live_view(&picture(Vec::new()));
    assert_eq!(view.admins.len(), 1);
    assert!(view.admins[0].here);
    assert_eq!(view.admins[0].pages, ["http://127.0.0.1:8700"]);
    assert_eq!(view.site_name, "Médiathèque");
}
