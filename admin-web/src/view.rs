//! The domain's floor as the shapes of the live stream.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use domain::fact::Place;
use domain::floor::{Floor, SessionOnFloor, StateWord, Tile};
use domain::id::{KioskId, NodeId, RowId};
use domain::session::OrderKind;

use crate::shapes::delivery::DeliveryView;
use crate::shapes::floor::{AlarmView, KioskState, LiveTile, RoomView};
use crate::shapes::hex::{HexId, HexKey};
use crate::shapes::live::LiveSnapshot;
use crate::shapes::login::{AdminView, OperatorView};
use crate::shapes::node::{NodeKind, NodeView};
use crate::shapes::session::{Order, SessionState, SessionView};
use crate::shapes::stamp::Stamp;

#[cfg(test)]
mod tests;

/// Everything that consoles show, made once for all of them at each change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveView {
    /// Who says it, when.
    pub stamp: Stamp,
    /// When it was made, on this machine's own clock.
    pub made: Instant,
    /// Name of the site.
    pub site_name: String,
    /// Seconds that the console proposes for a new code.
    pub default_seconds: u32,
    /// Rooms, in their order.
    pub rooms: Vec<RoomView>,
    /// Kiosks, by name.
    pub tiles: Vec<LiveTile>,
    /// Sessions that stand on no kiosk, newest validity first.
    pub resting: Vec<SessionView>,
    /// The latest commands, newest first.
    pub deliveries: Vec<DeliveryView>,
    /// Admin nodes.
    pub admins: Vec<AdminView>,
    /// All nodes, admin nodes first.
    pub nodes: Vec<NodeView>,
    /// Hash of the site's state.
    pub fingerprint: HexKey,
}

/// What a view is made of beside the floor.
pub struct Around<'a> {
    /// Who says it, when.
    pub stamp: Stamp,
    /// Hash of the site's state.
    pub fingerprint: [u8; 32],
    /// Links: whether a node is linked now, and when it was last heard of.
    pub links: &'a BTreeMap<NodeId, (bool, Option<i64>)>,
    /// Nodes for which two machines answer: a disk was copied.
    pub doubled: &'a BTreeSet<NodeId>,
    /// Nodes whose disk takes nothing any more.
    pub failing: &'a BTreeSet<NodeId>,
    /// Labels of the vault.
    pub labels: &'a BTreeMap<RowId, String>,
    /// The latest commands, newest first.
    pub deliveries: Vec<DeliveryView>,
    /// Admin nodes with their pages.
    pub admins: Vec<AdminView>,
}

impl LiveView {
    /// The view of a floor.
    #[must_use]
    pub fn of(floor: &Floor, around: Around<'_>) -> Self {
        let at_ms = around.stamp.as_of_ms;
        let session = |session: &SessionOnFloor| session_view(session, at_ms, around.labels);
        let tile = |tile: &Tile| {
            let own = HexKey(around.stamp.node.0);
            let linked = tile.nodes.iter().filter(|node| {
                node.0 == own.0 || around.links.get(node).is_some_and(|(linked, _)| *linked)
            });
            let linked = linked.count();
            let any_of = |nodes: &BTreeSet<NodeId>| tile.nodes.iter().any(|n| nodes.contains(n));
            let (copied, failing) = (any_of(around.doubled), any_of(around.failing));
            LiveTile {
                kiosk: HexId(tile.kiosk.0),
                name: tile.name.clone(),
                named: tile.named,
                room: tile.room.map(|room| HexId(room.0)),
                state: kiosk_state(tile),
                session: tile.session.as_ref().map(session),
                nodes: tile.nodes.iter().map(|node| HexKey(node.0)).collect(),
                reachable: linked > 0,
                seen_ms: tile.nodes.iter().filter_map(|node| around.links.get(node)?.1).max(),
                alarms: alarms(tile, copied || linked > 1, failing),
                unread: tile.unread,
            }
        };
        let names: BTreeMap<KioskId, &str> =
            floor.tiles.iter().map(|tile| (tile.kiosk, tile.name.as_str())).collect();
        let mut nodes: Vec<_> = floor
            .nodes
            .iter()
            .map(|node| {
                let here = node.node.0 == around.stamp.node.0;
                let (linked, seen_ms) =
                    around.links.get(&node.node).copied().unwrap_or((false, None));
                let name = node.kiosk.and_then(|kiosk| names.get(&kiosk).copied());
                NodeView {
                    node: HexKey(node.node.0),
                    kind: match node.kind {
                        domain::authority::NodeKind::Admin => NodeKind::Admin,
                        domain::authority::NodeKind::Kiosk => NodeKind::Kiosk,
                    },
                    kiosk: node.kiosk.map(|kiosk| HexId(kiosk.0)),
                    name: name.map_or_else(
                        || node.node.to_string().chars().take(8).collect(),
                        str::to_owned,
                    ),
                    here,
                    linked: linked || here,
                    seen_ms: if here { Some(at_ms) } else { seen_ms },
                    revoked: node.revoked,
                    forked: node.forked,
                }
            })
            .collect();
        nodes.sort_by(|a, b| {
            let kiosk = |node: &NodeView| node.kind == NodeKind::Kiosk;
            (kiosk(a), !a.here, &a.name, a.node).cmp(&(kiosk(b), !b.here, &b.name, b.node))
        });
        LiveView {
            site_name: floor.site.clone(),
            default_seconds: floor.settings.default_seconds,
            rooms: floor
                .rooms
                .iter()
                .map(|room| RoomView { id: HexId(room.id.0), name: room.name.clone() })
                .collect(),
            tiles: floor.tiles.iter().map(tile).collect(),
            resting: floor.sessions.iter().map(session).collect(),
            stamp: around.stamp,
            made: Instant::now(),
            deliveries: around.deliveries,
            admins: around.admins,
            nodes,
            fingerprint: HexKey(around.fingerprint),
        }
    }

    /// The stamp of something said now. Its time is the view's own, carried on by a clock that never
    /// jumps: countdowns are counted from `at_ms`, which is on the view's clock and not on this
    /// machine's, and the two may differ.
    #[must_use]
    pub fn stamp_now(&self) -> Stamp {
        let passed = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        let behind_ms = self.stamp.behind_ms;
        Stamp {
            as_of_ms: self.stamp.as_of_ms.saturating_add_unsigned(passed),
            // Whoever is out of sight has been so for longer by now.
            behind_ms: if behind_ms == 0 { 0 } else { behind_ms.saturating_add(passed) },
            ..self.stamp
        }
    }

    /// Sessions at rest whose code still opens.
    pub fn codes(&self) -> impl Iterator<Item = &SessionView> {
        self.resting.iter().filter(|session| {
            matches!(session.state, SessionState::Issued | SessionState::Reopenable)
                && session.remaining_ms > 0
                && session.valid_until_ms >= self.stamp.as_of_ms
        })
    }

    /// Every session that the view knows, each once.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionView> {
        let on_kiosks: BTreeSet<HexId> =
            self.tiles.iter().filter_map(|tile| Some(tile.session.as_ref()?.id)).collect();
        let resting = self.resting.iter().filter(move |session| !on_kiosks.contains(&session.id));
        self.tiles.iter().filter_map(|tile| tile.session.as_ref()).chain(resting)
    }

    /// The view as one operator's snapshot.
    #[must_use]
    pub fn snapshot(&self, operator: OperatorView) -> LiveSnapshot {
        LiveSnapshot {
            stamp: self.stamp,
            site_name: self.site_name.clone(),
            default_seconds: self.default_seconds,
            rooms: self.rooms.clone(),
            tiles: self.tiles.clone(),
            codes: self.codes().cloned().collect(),
            deliveries: self.deliveries.clone(),
            admins: self.admins.clone(),
            operator,
        }
    }
}

fn kiosk_state(tile: &Tile) -> KioskState {
    match tile.session.as_ref().map(|session| session.state) {
        Some(StateWord::Open) => KioskState::Running,
        Some(StateWord::Paused) => KioskState::Paused,
        Some(StateWord::Issued | StateWord::Closed | StateWord::Withdrawn) | None => {
            if tile.in_service { KioskState::Free } else { KioskState::OutOfService }
        }
    }
}

fn alarms(tile: &Tile, two_machines: bool, failing: bool) -> Vec<AlarmView> {
    let alarm = |code: &str, message_fr: &str, message_en: &str| AlarmView {
        code: code.to_owned(),
        message_fr: message_fr.to_owned(),
        message_en: message_en.to_owned(),
    };
    let mut alarms = Vec::new();
    if failing {
        alarms.push(alarm(
            "disk_failed",
            "Le disque de ce poste n’enregistre plus rien : aucun code n’y ouvre.",
            "This kiosk’s disk records nothing any more: no code opens there.",
        ));
    }
    if two_machines {
        alarms.push(alarm(
            "two_machines",
            "Deux machines se présentent comme ce poste.",
            "Two machines present themselves as this kiosk.",
        ));
    }
    if tile.session.as_ref().is_some_and(|session| session.double) {
        alarms.push(alarm(
            "double_opening",
            "La même session est ouverte sur plusieurs postes.",
            "The same session is open on several kiosks.",
        ));
    }
    if !tile.named {
        alarms.push(alarm("not_named", "Nouveau poste : à nommer.", "New kiosk: to be named."));
    }
    alarms
}

fn session_view(
    session: &SessionOnFloor,
    at_ms: i64,
    labels: &BTreeMap<RowId, String>,
) -> SessionView {
    let (bound_kiosk, bound_room) = match session.place {
        Place::Anywhere => (None, None),
        Place::Room(room) => (None, Some(HexId(room.0))),
        Place::Kiosk(kiosk) => (Some(HexId(kiosk.0)), None),
    };
    SessionView {
        id: HexId(session.id.0),
        state: match session.state {
            StateWord::Issued => SessionState::Issued,
            StateWord::Open => SessionState::Running,
            StateWord::Paused => SessionState::Paused,
            StateWord::Withdrawn => SessionState::Withdrawn,
            StateWord::Closed if session.cause.is_some_and(|cause| cause.reopenable()) => {
                SessionState::Reopenable
            }
            StateWord::Closed => SessionState::Closed,
        },
        intended: session.ordered.map(|order| match order {
            OrderKind::Close { keep_rest: true } => Order::CloseKeepingRest,
            OrderKind::Close { keep_rest: false } => Order::Close,
            OrderKind::Pause => Order::Pause,
            OrderKind::Resume => Order::Resume,
        }),
        kiosk: session.kiosk.map(|kiosk| HexId(kiosk.0)),
        bound_kiosk,
        bound_room,
        label: session.label.and_then(|row| labels.get(&row).cloned()),
        granted_ms: session.granted_ms,
        used_ms: session.used_ms,
        remaining_ms: session.remaining_ms,
        excess_ms: session.excess_ms,
        at_ms,
        running: session.running,
        valid_from_ms: session.from_ms,
        valid_until_ms: session.until_ms,
        issued_by: HexId(session.issued_by.0),
        double: session.double,
    }
}
