//! What the console shows of a site at one moment.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::authority::NodeKind;
use crate::fact::{Cause, Place};
use crate::id::{EpochId, KioskId, NodeId, OperatorId, RoomId, RowId, SessionId, TokenId};
use crate::moment::Moment;
use crate::session::{OrderKind, Session, State};
use crate::settings::Settings;
use crate::site::Site;

/// Sessions beside those on kiosks that the floor lists: the newest of them.
pub const MOST_LISTED: usize = 500;

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomOnFloor {
    /// Which.
    pub id: RoomId,
    /// Its name.
    pub name: String,
    /// Place among the rooms.
    pub order: u16,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionOnFloor {
    /// Which.
    pub id: SessionId,
    /// Where it stands, observed: `issued`, `open`, `paused`, `closed`, `withdrawn`.
    pub state: StateWord,
    /// The kiosk where it stands or ended.
    pub kiosk: Option<KioskId>,
    /// Why it ended.
    pub cause: Option<Cause>,
    /// An order not carried out yet: what is intended.
    pub ordered: Option<OrderKind>,
    /// Milliseconds granted.
    pub granted_ms: u64,
    /// Milliseconds used, at most what was granted.
    pub used_ms: u64,
    /// Milliseconds used beyond that.
    pub excess_ms: u64,
    /// Milliseconds left at the floor's moment.
    pub remaining_ms: u64,
    /// Whether they run down.
    pub running: bool,
    /// First moment at which its code opens (ms since 1970).
    pub from_ms: i64,
    /// Last moment at which its code opens (ms since 1970).
    pub until_ms: i64,
    /// Where its code opens.
    pub place: Place,
    /// The vault's row that says for whom.
    pub label: Option<RowId>,
    /// The operator who issued it.
    pub issued_by: OperatorId,
    /// Whether it stands open on several kiosks that had not seen each other.
    pub double: bool,
}

/// [`State`] in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateWord {
    /// Never opened.
    Issued,
    /// Runs.
    Open,
    /// Pauses.
    Paused,
    /// Ended on a kiosk.
    Closed,
    /// Code withdrawn.
    Withdrawn,
}

/// A kiosk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tile {
    /// Which.
    pub kiosk: KioskId,
    /// Its name, or the start of its identifier.
    pub name: String,
    /// Its room, once staff said.
    pub room: Option<RoomId>,
    /// Whether staff have named it: a new machine waits for that.
    pub named: bool,
    /// Whether it takes patrons.
    pub in_service: bool,
    /// The vault's row that says why not.
    pub note: Option<RowId>,
    /// The nodes that serve it now; more than one is an alarm when both are alive.
    pub nodes: Vec<NodeId>,
    /// The session that stands on it.
    pub session: Option<SessionOnFloor>,
    /// Messages sent and not read.
    pub unread: u16,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeOnFloor {
    /// Which.
    pub node: NodeId,
    /// Its kind.
    pub kind: NodeKind,
    /// The kiosk that it serves.
    pub kiosk: Option<KioskId>,
    /// Whether it no longer belongs.
    pub revoked: bool,
    /// Whether one of its epochs is proven to have written two histories.
    pub forked: bool,
}

/// A join token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenOnFloor {
    /// Which.
    pub token: TokenId,
    /// Its end (ms since 1970).
    pub expires_ms: i64,
}

/// Everything that the console shows of the site's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// The site's name.
    pub site: String,
    /// Its settings.
    pub settings: Settings,
    /// Its rooms, in order.
    pub rooms: Vec<RoomOnFloor>,
    /// Its kiosks, by room and name.
    pub tiles: Vec<Tile>,
    /// Sessions that stand on no kiosk, newest validity first, at most [`MOST_LISTED`].
    pub sessions: Vec<SessionOnFloor>,
    /// Its nodes.
    pub nodes: Vec<NodeOnFloor>,
    /// Its live join tokens.
    pub tokens: Vec<TokenOnFloor>,
    /// Codes that open more than one session.
    pub collisions: u32,
}

impl Site {
    /// A session as the console shows it.
    pub fn session_on_floor(&self, id: SessionId, now: Moment) -> Option<SessionOnFloor> {
        let session = self.session(&id)?;
        let issue = session.issue()?;
        let (state, kiosk, cause) = match session.state()? {
            State::Issued => (StateWord::Issued, None, None),
            State::Open { kiosk, .. } => (StateWord::Open, Some(kiosk), None),
            State::Paused { kiosk, .. } => (StateWord::Paused, Some(kiosk), None),
            State::Closed { kiosk, cause } => (StateWord::Closed, Some(kiosk), Some(cause)),
            State::Withdrawn => (StateWord::Withdrawn, None, None),
        };
        let node_of = |epoch: &EpochId| self.node_of(epoch);
        let granted_ms = session.granted_ms();
        let (remaining_ms, running) = self.remaining_ms(session, now);
        Some(SessionOnFloor {
            id,
            state,
            kiosk,
            cause,
            ordered: session.pending_order(),
            granted_ms,
            used_ms: session.measured_ms(node_of).min(granted_ms),
            excess_ms: session.excess_ms(node_of),
            remaining_ms,
            running,
            from_ms: issue.terms.from_ms,
            until_ms: issue.terms.until_ms,
            place: issue.terms.place,
            label: issue.label,
            issued_by: issue.by.operator,
            double: !session.double_openings().is_empty(),
        })
    }

    /// The kiosk as the console shows it.
    pub fn tile(&self, kiosk: KioskId, now: Moment) -> Tile {
        let known = self.kiosks().get(&kiosk);
        Tile {
            kiosk,
            name: self.kiosk_name(&kiosk),
            room: self.room_of(&kiosk),
            named: known.is_some_and(|known| known.named().is_some()),
            in_service: known.is_none_or(crate::kiosk::Kiosk::in_service),
            note: known.and_then(|known| known.service()).and_then(|service| service.note),
            nodes: self.standing().nodes_of(kiosk).copied().collect(),
            session: self.session_on(kiosk).and_then(|(id, _)| self.session_on_floor(id, now)),
            unread: known
                .map_or(0, |known| u16::try_from(known.unread().count()).unwrap_or(u16::MAX)),
        }
    }

    /// Everything that the console shows.
    pub fn floor(&self, now: Moment) -> Floor {
        let mut rooms: Vec<_> = self
            .rooms()
            .iter()
            .filter_map(|(id, names)| {
                let (_, name) = names.winner_by(|_| ())?;
                Some(RoomOnFloor { id: *id, name: name.name.clone(), order: name.order })
            })
            .collect();
        rooms.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));

        let served = self.standing().nodes(NodeKind::Kiosk);
        let served = served.filter_map(|node| self.standing().members.get(node)?.kiosk);
        let kiosks: alloc::collections::BTreeSet<_> =
            self.kiosks().keys().copied().chain(served).collect();
        let mut tiles: Vec<_> = kiosks.into_iter().map(|kiosk| self.tile(kiosk, now)).collect();
        tiles.sort_by(|a, b| a.name.cmp(&b.name).then(a.kiosk.cmp(&b.kiosk)));

        // By validity first: where a session stands is dear to work out, and there are thousands.
        let mut newest: Vec<_> = self
            .sessions()
            .filter_map(|(id, session)| Some((session.issue()?.terms.until_ms, *id, session)))
            .collect();
        newest.sort_unstable_by(|(one, a, _), (other, b, _)| (other, b).cmp(&(one, a)));
        let waiting =
            newest.into_iter().filter(|(_, _, session)| stands_nowhere(session)).take(MOST_LISTED);

        let nodes = self.standing().members.iter().map(|(node, member)| NodeOnFloor {
            node: *node,
            kind: member.kind,
            kiosk: member.kiosk,
            revoked: member.revoked,
            forked: self.chain().epochs_of(*node).any(|e| self.chain().forks().contains_key(e)),
        });
        let tokens = self.chain().tokens(self.standing());
        Floor {
            site: String::from(self.name()),
            settings: self.settings(),
            rooms,
            tiles,
            sessions: waiting.filter_map(|(_, id, _)| self.session_on_floor(id, now)).collect(),
            nodes: nodes.collect(),
            tokens: tokens
                .map(|(token, said)| TokenOnFloor { token: *token, expires_ms: said.expires_ms })
                .collect(),
            collisions: u32::try_from(self.collisions().count()).unwrap_or(u32::MAX),
        }
    }
}

fn stands_nowhere(session: &Session) -> bool {
    !matches!(session.state(), Some(State::Open { .. } | State::Paused { .. }))
}
