//! The live stream: what changed since the last message on a socket.
//!
//! A socket has no backlog. It remembers the view that it was last sent and, when it can write
//! again, gets the difference to the newest one; a slow client skips what lay between.

use std::collections::BTreeMap;

use crate::shapes::floor::LiveTile;
use crate::shapes::hex::HexId;
use crate::shapes::live::LiveUpdate;
use crate::shapes::session::SessionView;
use crate::view::LiveView;

pub(crate) mod socket;

/// A countdown that has drifted by less than this from the straight line is not sent again.
const DRIFT_MS: u64 = 500;

/// What changed from one view to another; `None` when nothing did, save the passing of time.
pub(crate) fn difference(old: &LiveView, new: &LiveView) -> Option<LiveUpdate> {
    let old_tiles: BTreeMap<HexId, &LiveTile> =
        old.tiles.iter().map(|tile| (tile.kiosk, tile)).collect();
    let new_tiles: BTreeMap<HexId, &LiveTile> =
        new.tiles.iter().map(|tile| (tile.kiosk, tile)).collect();
    let old_codes: BTreeMap<HexId, &SessionView> =
        old.codes().map(|session| (session.id, session)).collect();
    let new_codes: BTreeMap<HexId, &SessionView> =
        new.codes().map(|session| (session.id, session)).collect();
    let update = LiveUpdate {
        stamp: new.stamp,
        tiles: new
            .tiles
            .iter()
            .filter(|tile| !old_tiles.get(&tile.kiosk).is_some_and(|old| same_tile(old, tile)))
            .cloned()
            .collect(),
        tiles_gone: gone(&old_tiles, &new_tiles),
        codes: new
            .codes()
            .filter(|code| !old_codes.get(&code.id).is_some_and(|old| same_session(old, code)))
            .cloned()
            .collect(),
        codes_gone: gone(&old_codes, &new_codes),
        deliveries: new
            .deliveries
            .iter()
            .filter(|delivery| !old.deliveries.contains(delivery))
            .cloned()
            .collect(),
        admins: (old.admins != new.admins).then(|| new.admins.clone()),
        rooms: (old.rooms != new.rooms).then(|| new.rooms.clone()),
    };
    let something = !update.tiles.is_empty()
        || !update.tiles_gone.is_empty()
        || !update.codes.is_empty()
        || !update.codes_gone.is_empty()
        || !update.deliveries.is_empty()
        || update.admins.is_some()
        || update.rooms.is_some();
    something.then_some(update)
}

/// Whether the site's name or its proposals changed: then the page begins anew.
pub(crate) fn needs_snapshot(old: &LiveView, new: &LiveView) -> bool {
    old.site_name != new.site_name || old.default_seconds != new.default_seconds
}

/// What a page shows after it was sent the difference from `old` to `new`: tiles that were not sent
/// again stay as they were, so that small drifts do not add up unseen.
pub(crate) fn carry_over(old: &LiveView, new: &LiveView) -> LiveView {
    let old_tiles: BTreeMap<HexId, &LiveTile> =
        old.tiles.iter().map(|tile| (tile.kiosk, tile)).collect();
    let mut shown = new.clone();
    for tile in &mut shown.tiles {
        if let Some(old) = old_tiles.get(&tile.kiosk).filter(|old| same_tile(old, tile)) {
            *tile = LiveTile::clone(old);
        }
    }
    shown
}

fn gone<T>(old: &BTreeMap<HexId, T>, new: &BTreeMap<HexId, T>) -> Vec<HexId> {
    old.keys().filter(|id| !new.contains_key(id)).copied().collect()
}

fn same_tile(old: &LiveTile, new: &LiveTile) -> bool {
    let same_session = match (&old.session, &new.session) {
        (None, None) => true,
        (Some(old), Some(new)) => same_session(old, new),
        (Some(_), None) | (None, Some(_)) => false,
    };
    // When a reachable kiosk was last heard of moves with every reading and is not shown.
    let seen = |tile: &LiveTile| if tile.reachable { None } else { tile.seen_ms };
    let LiveTile {
        kiosk,
        name,
        named,
        room,
        state,
        session: _,
        nodes,
        reachable,
        seen_ms: _,
        alarms,
        unread,
    } = new;
    same_session
        && seen(old) == seen(new)
        && (&old.kiosk, &old.name, old.named, &old.room, old.state, &old.nodes)
            == (kiosk, name, *named, room, *state, nodes)
        && (old.reachable, &old.alarms, old.unread) == (*reachable, alarms, *unread)
}

/// Whether a page that was sent `old` still shows what `new` says, by its own clock.
fn same_session(old: &SessionView, new: &SessionView) -> bool {
    let passed = if old.running { u64::try_from(new.at_ms - old.at_ms).ok() } else { Some(0) };
    let Some(passed) = passed else { return false };
    let expected = old.remaining_ms.saturating_sub(passed);
    let moved = SessionView {
        used_ms: new.used_ms,
        remaining_ms: new.remaining_ms,
        at_ms: new.at_ms,
        ..old.clone()
    };
    expected.abs_diff(new.remaining_ms) <= DRIFT_MS
        && (new.running || old.used_ms == new.used_ms)
        && moved == *new
}
