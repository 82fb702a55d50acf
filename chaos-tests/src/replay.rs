//! The state that a set of entries and registers comes to, folded again in an order of one's own; and
//! what anybody can see of a state, to compare two.

use std::collections::{BTreeMap, BTreeSet};

use actors::entry::Entry;
use domain::authority::Standing;
use domain::fact::Fact;
use domain::id::{EntryId, EpochId, KioskId, RoomId, RowId, SessionId, SiteId};
use domain::moment::Moment;
use domain::session::{OrderKind, Reading, State};
use domain::settings::Settings;
use domain::site::Site;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::book::ledger::Ledger;
use crate::cluster::NodeState;

/// Folds in a row: authority that comes to light in one has effect in the next.
const MOST_FOLDS: usize = 8;
/// One in so many comes twice.
const TWICE: u32 = 10;

/// What a fold takes in.
#[derive(Debug, Clone)]
enum Item {
    Said(EntryId, Fact),
    Read(Reading),
    Forked(EpochId, u64),
}

/// Everything that a node holds of its site.
#[derive(Debug, Clone)]
pub struct Replay {
    site: SiteId,
    items: Vec<Item>,
}

impl Replay {
    /// What a node holds; `None` once it stands on a checkpoint, for then it may know more than it
    /// holds.
    pub fn of(node: &dyn NodeState) -> Option<Self> {
        let site = node.site();
        if site.ground().as_of_ms.is_some() {
            return None;
        }
        let mut items = Vec::new();
        for epoch in node.epochs() {
            let (lowest, height) = node.reach(&epoch)?;
            if lowest > 0 {
                return None;
            }
            for seq in lowest..height {
                let id = EntryId { epoch, seq };
                let entry = Entry::parse(&node.entry_bytes(&id)?).ok()?;
                if let Ok(Some(fact)) = Fact::decode(&entry.body) {
                    items.push(Item::Said(id, fact));
                }
            }
        }
        let forks = site.chain().forks().iter();
        items.extend(forks.map(|(epoch, seq)| Item::Forked(*epoch, *seq)));
        items.extend(readings(&site).map(Item::Read));
        Some(Replay { site: site.id(), items })
    }

    /// What a node ever took in, what a checkpoint has folded away included; `None` if some of it was
    /// written before the run began, and nobody kept it for comparison.
    pub fn ever(node: &dyn NodeState, ledger: &Ledger) -> Option<Self> {
        for epoch in node.epochs() {
            let height = node.reach(&epoch).map_or(0, |(_, height)| height);
            let last = height.checked_sub(1).map(|seq| EntryId { epoch, seq });
            if last.is_some_and(|last| ledger.written(&last).is_none()) {
                return None;
            }
        }
        let held = ledger.facts().filter(|(entry, _)| node.holds(entry));
        Some(Self::with(held, &node.site()))
    }

    /// What a node holds still, and those of these entries that it held once.
    pub fn held_by(node: &dyn NodeState, written: impl Iterator<Item = (EntryId, Fact)>) -> Self {
        let mut said: BTreeMap<EntryId, Fact> = written.filter(|(id, _)| node.holds(id)).collect();
        for epoch in node.epochs() {
            let height = node.reach(&epoch).map_or(0, |(_, height)| height);
            let ids = (0..height).map(|seq| EntryId { epoch, seq });
            said.extend(ids.filter_map(|id| {
                let entry = Entry::parse(&node.entry_bytes(&id)?).ok()?;
                Some((id, Fact::decode(&entry.body).ok()??))
            }));
        }
        Self::with(said.into_iter(), &node.site())
    }

    /// These entries, with the registers and the forks that `known` has.
    pub fn with(entries: impl Iterator<Item = (EntryId, Fact)>, known: &Site) -> Self {
        let mut items: Vec<Item> = entries.map(|(id, fact)| Item::Said(id, fact)).collect();
        let forks = known.chain().forks().iter();
        items.extend(forks.map(|(epoch, seq)| Item::Forked(*epoch, *seq)));
        items.extend(readings(known).map(Item::Read));
        Replay { site: known.id(), items }
    }

    /// The same but for some entries.
    pub fn without(&self, gone: impl Fn(&EntryId) -> bool) -> Self {
        let stays = |item: &&Item| match item {
            Item::Said(id, _) => !gone(id),
            Item::Read(_) | Item::Forked(..) => true,
        };
        Replay { site: self.site, items: self.items.iter().filter(stays).cloned().collect() }
    }

    /// The state that it comes to, in the order that a number stands for; some of it comes twice.
    pub fn fold(&self, order: u64) -> Site {
        let mut rng = StdRng::seed_from_u64(order);
        let mut items: Vec<&Item> = self.items.iter().collect();
        let again: Vec<&Item> =
            items.iter().copied().filter(|_| rng.random_ratio(1, TWICE)).collect();
        items.extend(again);
        let mut site = Site::new(self.site);
        for _ in 0..MOST_FOLDS {
            items.shuffle(&mut rng);
            let (mut refold, mut reread) = (false, false);
            for item in &items {
                let effect = match item {
                    Item::Said(id, fact) => site.apply(*id, fact),
                    Item::Forked(epoch, seq) => site.apply_fork(*epoch, *seq),
                    Item::Read(reading) => {
                        site.read(*reading, BEGINNING);
                        continue;
                    }
                };
                refold |= effect.refold;
                reread |= !effect.reread.is_empty();
            }
            if refold {
                site.unfold();
            } else if !reread {
                break;
            }
        }
        // The registers that wait for their openings are bounded; by now each has its own.
        for reading in readings_of(&self.items) {
            site.read(reading, BEGINNING);
        }
        site
    }
}

/// Nobody's boot clock: when a register was taken in is no part of the state.
const BEGINNING: Moment = Moment { boot_ms: 0, wall_ms: 0, trusted: false };

fn readings(site: &Site) -> impl Iterator<Item = Reading> {
    site.sessions().flat_map(|(_, session)| session.cells().map(|cell| cell.reading))
}

fn readings_of(items: &[Item]) -> impl Iterator<Item = Reading> {
    items.iter().filter_map(|item| match item {
        Item::Read(reading) => Some(*reading),
        Item::Said(..) | Item::Forked(..) => None,
    })
}

/// A session as anybody can see it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    state: Option<State>,
    winner: Option<EntryId>,
    order: Option<OrderKind>,
    granted_ms: u64,
    measured_ms: u64,
    double: bool,
}

/// A kiosk as anybody can see it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    name: String,
    room: Option<RoomId>,
    in_service: bool,
    unread: Vec<RowId>,
}

/// What anybody can see of a state: verdicts and figures, not what they were worked out from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    sessions: BTreeMap<SessionId, Seen>,
    places: BTreeMap<KioskId, Place>,
    rooms: BTreeMap<RoomId, String>,
    settings: Settings,
    standing: Standing,
    erased: BTreeSet<RowId>,
    forks: BTreeMap<EpochId, u64>,
}

impl Picture {
    /// Of a state.
    pub fn of(site: &Site) -> Self {
        let seen = |session: &domain::session::Session| Seen {
            state: session.state(),
            winner: session.winner().map(|(id, _)| id),
            order: session.pending_order(),
            granted_ms: session.granted_ms(),
            measured_ms: session.measured_ms(|epoch| site.node_of(epoch)),
            double: !session.double_openings().is_empty(),
        };
        let place = |kiosk: &domain::kiosk::Kiosk| Place {
            name: kiosk.named().map(|named| named.name.clone()).unwrap_or_default(),
            room: kiosk.named().map(|named| named.room),
            in_service: kiosk.in_service(),
            unread: kiosk.unread().copied().collect(),
        };
        let name = |names: &domain::replace::Replaceable<domain::kiosk::RoomName>| {
            names.winner_by(|_| ()).map(|(_, name)| name.name.clone()).unwrap_or_default()
        };
        Picture {
            sessions: site.sessions().map(|(id, session)| (*id, seen(session))).collect(),
            places: site.kiosks().iter().map(|(id, kiosk)| (*id, place(kiosk))).collect(),
            rooms: site.rooms().iter().map(|(id, names)| (*id, name(names))).collect(),
            settings: site.settings(),
            standing: site.standing().clone(),
            erased: site.erased().clone(),
            forks: site.chain().forks().clone(),
        }
    }

    /// The same without sessions that `keeps` does not want, and without what tells epochs apart that
    /// nobody speaks of any more.
    #[must_use]
    pub fn only(mut self, keeps: impl Fn(&SessionId) -> bool) -> Self {
        self.sessions.retain(|session, _| keeps(session));
        self.standing.epochs.clear();
        self
    }

    /// The sessions in it.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionId> {
        self.sessions.keys()
    }

    /// The first thing in which two differ, in words.
    pub fn difference(&self, other: &Picture) -> Option<String> {
        let sessions = first_difference("session", &self.sessions, &other.sessions);
        sessions
            .or_else(|| first_difference("kiosk", &self.places, &other.places))
            .or_else(|| first_difference("room", &self.rooms, &other.rooms))
            .or_else(|| first_difference("member", &self.standing.members, &other.standing.members))
            .or_else(|| first_difference("epoch", &self.standing.epochs, &other.standing.epochs))
            .or_else(|| first_difference("fork", &self.forks, &other.forks))
            .or_else(|| {
                (self.settings != other.settings)
                    .then(|| format!("settings: {:?} against {:?}", self.settings, other.settings))
            })
            .or_else(|| {
                let row = self.erased.symmetric_difference(&other.erased).next()?;
                Some(format!("row {row} is erased in one only"))
            })
    }
}

fn first_difference<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    one: &BTreeMap<K, V>,
    other: &BTreeMap<K, V>,
) -> Option<String> {
    let keys: BTreeSet<&K> = one.keys().chain(other.keys()).collect();
    let key = keys.into_iter().find(|key| one.get(key) != other.get(key))?;
    Some(format!("{what} {key:?}: {:?} against {:?}", one.get(key), other.get(key)))
}
