//! One cluster and its state.

mod base;
mod retention;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::authority::{Chain, Epoch, NodeKind, Standing};
use crate::batch::{Batches, Piece};
use crate::codec::{self, CodecError};
use crate::command::{MOST_SECONDS, Terms};
use crate::fact::{
    CodesIssued, Fact, LONGEST_NAME, MOST_PARTS, SessionExtended, fact_hash, opening_bytes,
};
use crate::id::{
    CodeKey, EntryId, EpochId, KioskId, NodeId, RequestId, RoomId, RowId, SessionId, SiteId,
    verifies,
};
use crate::kiosk::{Kiosk, Named, RoomName, Rooms, Service};
use crate::moment::Moment;
use crate::operator::{By, OperatorRole};
use crate::planted::{self, Bug};
use crate::replace::{Member, Replaceable};
use crate::session::{Issue, Order, OrderKind, Reading, Session, State, Step, StepKind};
use crate::settings::Settings;

pub use retention::Retention;

/// Registers that may wait for the opening or the certificate that makes them count, before more are
/// refused: each node of 200 kiosks may be ahead by some twenty. Those refused are offered again by
/// whoever holds them.
const MOST_WAITING: usize = 4_096;

/// What taking a fact in did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effect {
    /// The state changed.
    pub changed: bool,
    /// These epochs' entries have effect now, and must be applied again from the ledger.
    pub reread: Vec<EpochId>,
    /// Somebody lost authority: all entries must be applied again after [`Site::unfold`].
    pub refold: bool,
}

/// The state of a site: a function of the set of facts (and readings) taken in, whatever their order.
#[derive(Debug, Clone)]
pub struct Site {
    id: SiteId,
    chain: Chain,
    standing: Standing,
    held: BTreeSet<EpochId>,
    rooms: Rooms,
    kiosks: BTreeMap<KioskId, Kiosk>,
    settings: Replaceable<Settings>,
    sessions: BTreeMap<SessionId, Session>,
    batches: Batches,
    extensions: BTreeMap<RequestId, ([u8; 32], SessionId, i32)>,
    erased: BTreeSet<RowId>,
    codes: BTreeMap<CodeKey, BTreeSet<SessionId>>,
    on: BTreeMap<KioskId, BTreeSet<SessionId>>,
    waiting: BTreeSet<(SessionId, EpochId)>,
    /// Whether something has changed since those that wait were last looked through.
    waiting_stale: bool,
}

/// Tells whether an opening of `session` was proven by a code's key.
fn opening_proven(
    site: SiteId,
    session: SessionId,
) -> impl Fn(&CodeKey, &Step, &crate::id::Signature) -> bool {
    move |key, step, proof| match step.kind {
        StepKind::Opened { opening } => {
            let bytes = opening_bytes(&site, &session, &step.kiosk, &step.node, opening);
            verifies(&key.0, &[&bytes], proof) || planted::is(Bug::OpeningUnproven)
        }
        StepKind::Paused | StepKind::Resumed | StepKind::Closed(_) => false,
    }
}

/// What an extension says, by hash: of two under one request the lower counts.
fn content_of(f: &SessionExtended) -> Option<[u8; 32]> {
    codec::hash(b"poste-extend-1", &(f.session, f.seconds)).ok()
}

impl Site {
    /// A site of which nothing is known but its key.
    pub fn new(id: SiteId) -> Self {
        Site {
            id,
            chain: Chain::default(),
            standing: Standing::default(),
            held: BTreeSet::new(),
            rooms: BTreeMap::new(),
            kiosks: BTreeMap::new(),
            settings: Replaceable::default(),
            sessions: BTreeMap::new(),
            batches: Batches::default(),
            extensions: BTreeMap::new(),
            erased: BTreeSet::new(),
            codes: BTreeMap::new(),
            on: BTreeMap::new(),
            waiting: BTreeSet::new(),
            waiting_stale: false,
        }
    }

    /// Takes a fact in: any order, any number of times.
    ///
    /// A fact whose author has no authority changes nothing now; should the author get it later, the
    /// [`Effect`] of the fact that gives it asks for the author's entries again.
    pub fn apply(&mut self, id: EntryId, fact: &Fact) -> Effect {
        let mut effect = Effect::default();
        if self.ground().covers(&id) {
            return effect; // the base has said what it means
        }
        if Chain::concerns(fact) && self.chain.take(&self.id, &id, fact) {
            effect = self.restand_by(fact);
            effect.changed = true;
        }
        let Some(author) = self.standing.author(&id).copied() else {
            if !self.standing.epochs.contains_key(&id.epoch) && !planted::is(Bug::LateFactLost) {
                self.held.insert(id.epoch);
            }
            return effect;
        };
        effect.changed |= self.apply_from(id, fact, &author);
        self.waiting_stale |= effect.changed;
        effect
    }

    /// Takes in what many facts say of membership, and works out once who stands: for whoever goes on
    /// to apply all of them.
    pub fn learn(&mut self, facts: impl IntoIterator<Item = (EntryId, Fact)>) {
        for (id, fact) in facts {
            self.chain.take(&self.id, &id, &fact);
        }
        self.standing = self.chain.standing();
    }

    /// Takes the proof in that `epoch` wrote two entries with number `seq`.
    pub fn apply_fork(&mut self, epoch: EpochId, seq: u64) -> Effect {
        if self.chain.take_fork(epoch, seq) {
            Effect { changed: true, ..self.restand() }
        } else {
            Effect::default()
        }
    }

    /// Forgets everything that entries said, except about membership, so that all of them can be
    /// applied again under the authority that stands now.
    pub fn unfold(&mut self) {
        self.rooms.clear();
        self.kiosks.clear();
        self.settings = Replaceable::default();
        self.batches = Batches::default();
        self.extensions.clear();
        self.erased.clear();
        self.codes.clear();
        self.on.clear();
        let sessions = core::mem::take(&mut self.sessions);
        self.sessions =
            sessions.into_iter().map(|(id, session)| (id, session.only_cells())).collect();
    }

    /// Takes a reading in whose signature by its epoch was verified. `seen` is this node's moment.
    /// Says whether it was news.
    pub fn read(&mut self, reading: Reading, seen: Moment) -> bool {
        let register = (reading.session, reading.epoch);
        let known = self
            .sessions
            .get(&reading.session)
            .is_some_and(|session| session.cell(&reading.epoch).is_some());
        if !known && !self.is_counted(&register) {
            if self.waiting.len() >= MOST_WAITING && core::mem::take(&mut self.waiting_stale) {
                let waiting = core::mem::take(&mut self.waiting).into_iter();
                self.waiting = waiting.filter(|register| !self.is_counted(register)).collect();
            }
            if self.waiting.len() >= MOST_WAITING {
                return false;
            }
            self.waiting.insert(register);
        }
        let session = self.sessions.entry(reading.session).or_default();
        session.read(reading, seen.boot_ms)
    }

    /// Whether an epoch's readings of a session count: its node opened that session.
    fn is_counted(&self, (session, epoch): &(SessionId, EpochId)) -> bool {
        self.node_of(epoch).is_some_and(|node| {
            self.sessions.get(session).is_some_and(|session| session.was_opened_by(node))
        })
    }

    /// As [`Site::restand`], at once for what comes by the thousand: a member's fresh epoch, of which
    /// no entry has come before its certificate, adds itself to what stands and nothing else.
    fn restand_by(&mut self, fact: &Fact) -> Effect {
        if let Fact::BootCertificate(f) = fact
            && !self.held.contains(&f.epoch)
            && !self.standing.epochs.contains_key(&f.epoch)
            && let Some(epoch) = self.chain.epoch_of_member(&f.epoch, &self.standing)
        {
            self.standing.epochs.insert(f.epoch, epoch);
            return Effect::default();
        }
        self.restand()
    }

    fn restand(&mut self) -> Effect {
        let now = self.chain.standing();
        let before = core::mem::replace(&mut self.standing, now);
        let mut effect = Effect::default();
        for (id, old) in &before.epochs {
            match self.standing.epochs.get(id) {
                Some(new) if new.below >= old.below && new.kiosk == old.kiosk => {}
                _ => effect.refold = !planted::is(Bug::NotFoldedAgain),
            }
        }
        for (id, new) in &self.standing.epochs {
            let gained = before.epochs.get(id).is_none_or(|old| old.below < new.below);
            if gained && (self.held.remove(id) || before.epochs.contains_key(id)) {
                effect.reread.push(*id);
            }
        }
        effect
    }

    fn apply_from(&mut self, id: EntryId, fact: &Fact, author: &Epoch) -> bool {
        match author.kind {
            NodeKind::Admin => self.apply_from_admin(id, fact),
            NodeKind::Kiosk => match author.kiosk {
                Some(kiosk) => self.apply_from_kiosk(id, fact, author.node, kiosk, false),
                None => false,
            },
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "a kind not listed is not an admin node's")]
    fn apply_from_admin(&mut self, id: EntryId, fact: &Fact) -> bool {
        let Ok(body) = fact.encode() else {
            return false;
        };
        let hash = fact_hash(&id, &body);
        let host = |by: &By| by.role >= OperatorRole::Host;
        let admin = |by: &By| by.role >= OperatorRole::Admin;
        match fact {
            Fact::KioskNamed(f) if admin(&f.by) && f.name.len() <= LONGEST_NAME => {
                let value = Named { name: f.name.clone(), room: f.room };
                let member = Member { value, replaces: f.replaces.clone(), hash };
                self.kiosks.entry(f.kiosk).or_default().named.insert(id, member)
            }
            Fact::KioskDescribed(f) if host(&f.by) => {
                let value = Service { in_service: f.in_service, note: f.note };
                let member = Member { value, replaces: f.replaces.clone(), hash };
                self.kiosks.entry(f.kiosk).or_default().service.insert(id, member)
            }
            Fact::RoomNamed(f) if admin(&f.by) && f.name.len() <= LONGEST_NAME => {
                let value = RoomName { name: f.name.clone(), order: f.order };
                let member = Member { value, replaces: f.replaces.clone(), hash };
                self.rooms.entry(f.room).or_default().insert(id, member)
            }
            Fact::SettingsChanged(f) if admin(&f.by) && f.settings.check().is_ok() => {
                let value = f.settings.clone();
                if planted::is(Bug::SettingsByArrival) {
                    self.settings = Replaceable::default();
                }
                self.settings.insert(id, Member { value, replaces: f.replaces.clone(), hash })
            }
            Fact::CodeIssued(f) if host(&f.by) && f.seconds <= MOST_SECONDS => {
                let terms = Terms {
                    derivation: f.derivation,
                    seconds: f.seconds,
                    from_ms: f.from_ms,
                    until_ms: f.until_ms,
                    place: f.place,
                };
                let issue = Issue::new(f.key, terms, f.label, f.by, hash);
                self.issue(id, f.session, issue)
            }
            Fact::CodesIssued(f) if host(&f.by) && f.seconds <= MOST_SECONDS => {
                self.apply_batch(id, f, hash)
            }
            Fact::Withdrawn(f) if host(&f.by) => {
                self.sessions.entry(f.session).or_default().withdraw(id)
            }
            Fact::SessionExtended(f) if host(&f.by) && f.seconds.unsigned_abs() <= MOST_SECONDS => {
                self.apply_extension(f)
            }
            Fact::CloseAsked(f) if host(&f.by) => {
                let kind = OrderKind::Close { keep_rest: f.keep_rest };
                let order = Order { kind, sees: f.sees.clone(), by: f.by };
                self.sessions.entry(f.session).or_default().order(id, order)
            }
            Fact::PauseAsked(f) if host(&f.by) => {
                let order = Order { kind: OrderKind::Pause, sees: f.sees.clone(), by: f.by };
                self.sessions.entry(f.session).or_default().order(id, order)
            }
            Fact::ResumeAsked(f) if host(&f.by) => {
                let order = Order { kind: OrderKind::Resume, sees: f.sees.clone(), by: f.by };
                self.sessions.entry(f.session).or_default().order(id, order)
            }
            Fact::MessageSent(f) if host(&f.by) => {
                let kiosk = self.kiosks.entry(f.kiosk).or_default();
                kiosk.messages.entry(f.message).or_default().insert(id)
            }
            Fact::RowErased(f) if host(&f.by) => self.erased.insert(f.row),
            _ => false,
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "a kind not listed is not a kiosk's")]
    fn apply_from_kiosk(
        &mut self,
        id: EntryId,
        fact: &Fact,
        node: NodeId,
        own: KioskId,
        vouched: bool,
    ) -> bool {
        let Ok(body) = fact.encode() else {
            return false;
        };
        let hash = fact_hash(&id, &body);
        let mut step = |session: SessionId, kind, replaces: &Vec<EntryId>| {
            let value = Step { kind, kiosk: own, node };
            let member = Member { value, replaces: replaces.clone(), hash };
            let changed = self.sessions.entry(session).or_default().step(id, member);
            self.index(session);
            changed
        };
        match fact {
            Fact::SessionOpened(f) if f.kiosk == own && f.node == node => {
                self.apply_opening(id, f, hash, vouched)
            }
            Fact::SessionPaused(f) if f.kiosk == own => {
                step(f.session, StepKind::Paused, &f.replaces)
            }
            Fact::SessionResumed(f) if f.kiosk == own => {
                step(f.session, StepKind::Resumed, &f.replaces)
            }
            Fact::SessionClosed(f) if f.kiosk == own => {
                step(f.session, StepKind::Closed(f.cause), &f.replaces)
            }
            Fact::MessageAcknowledged(f) if f.kiosk == own => {
                self.kiosks.entry(own).or_default().acknowledged.insert(f.message)
            }
            Fact::SessionClosed(f) if planted::is(Bug::ClosesElsewhere) => {
                self.apply_from_kiosk(id, fact, node, f.kiosk, vouched)
            }
            Fact::SessionExtended(f) if planted::is(Bug::KioskExtends) => self.apply_extension(f),
            _ => planted::is(Bug::KioskActsAsAdmin) && self.apply_from_admin(id, fact),
        }
    }

    /// An opening counts once its session's issue is known and its proof was made by that code. Where
    /// it was vouched for, it was proven under the one key that was known; another key asks anew.
    fn apply_opening(
        &mut self,
        id: EntryId,
        f: &crate::fact::SessionOpened,
        hash: [u8; 32],
        vouched: bool,
    ) -> bool {
        let kind = StepKind::Opened { opening: f.opening };
        let value = Step { kind, kiosk: f.kiosk, node: f.node };
        let member = Member { value, replaces: f.replaces.clone(), hash };
        let proven = opening_proven(self.id, f.session);
        let session = self.sessions.entry(f.session).or_default();
        let settled = vouched && session.has_one_key();
        let changed = session
            .open(id, f.proof, member, |key, step, proof| settled || proven(key, step, proof));
        self.index(f.session);
        changed
    }

    fn issue(&mut self, id: EntryId, session: SessionId, issue: Issue) -> bool {
        self.codes.entry(issue.key).or_default().insert(session);
        let proven = opening_proven(self.id, session);
        let changed = self.sessions.entry(session).or_default().issue_by(id, issue, proven);
        self.index(session);
        changed
    }

    fn unissue(&mut self, id: &EntryId, session: SessionId, key: CodeKey) {
        let proven = opening_proven(self.id, session);
        let Some(found) = self.sessions.get_mut(&session) else {
            return;
        };
        found.unissue(id, proven);
        if !found.has_key(&key)
            && let Some(sessions) = self.codes.get_mut(&key)
        {
            sessions.remove(&session);
        }
        self.index(session);
    }

    /// Keeps the list of sessions that stand on each kiosk.
    fn index(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let kiosks: BTreeSet<KioskId> = session.kiosks().collect();
        for kiosk in kiosks {
            let on = self.on.entry(kiosk).or_default();
            if session.issue().is_some() && session.stands_on(kiosk) {
                on.insert(id);
            } else {
                on.remove(&id);
            }
        }
    }

    /// One request extends one session once. Of different contents under one request the lower hash
    /// counts, and the other is taken back.
    fn apply_extension(&mut self, f: &SessionExtended) -> bool {
        let Some(content) = content_of(f) else {
            return false;
        };
        let known = self.extensions.get(&f.request).filter(|_| !planted::is(Bug::RequestTwice));
        if let Some((known, session, _)) = known {
            if *known <= content {
                return false;
            }
            if let Some(session) = self.sessions.get_mut(session) {
                session.unextend(&f.request);
            }
        }
        let extension = (content, f.session, f.seconds);
        self.extensions.insert(f.request, extension);
        let session = self.sessions.entry(f.session).or_default();
        session.extend(f.request, f.seconds);
        true
    }

    /// What was extended under a request, and by how many seconds.
    pub(crate) fn extension(&self, request: &RequestId) -> Option<(SessionId, i32)> {
        let (_, session, seconds) = self.extensions.get(request)?;
        Some((*session, *seconds))
    }

    fn apply_batch(&mut self, id: EntryId, f: &CodesIssued, hash: [u8; 32]) -> bool {
        if f.part.count > MOST_PARTS || f.part.index >= f.part.count {
            return false;
        }
        let terms = Terms {
            derivation: f.derivation,
            seconds: f.seconds,
            from_ms: f.from_ms,
            until_ms: f.until_ms,
            place: f.place,
        };
        let piece = Piece { terms, by: f.by, hash, codes: f.codes.clone() };
        let Some(turn) = self.batches.insert(id, &f.part, piece) else {
            return false;
        };
        for (id, piece) in turn.lost {
            for (session, key) in piece.codes {
                self.unissue(&id, session, key);
            }
        }
        for (id, piece) in turn.gained {
            for (session, key) in piece.codes {
                let issue = Issue::new(key, piece.terms.clone(), None, piece.by, piece.hash);
                self.issue(id, session, issue);
            }
        }
        true
    }

    /// SHA-256 of the state: equal on nodes that hold the same entries and readings.
    pub fn fingerprint(&self) -> Result<[u8; 32], CodecError> {
        // What only readings speak of is left out, and readings that do not count: how many of them a
        // node keeps is bounded, and depends on what it met first.
        let entered: BTreeMap<_, _> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.is_entered())
            .map(|(id, session)| {
                let used = session.counted(|epoch| self.node_of(epoch)).into_iter();
                (id, (session, used.collect::<Vec<_>>()))
            })
            .collect();
        let places = (&self.rooms, &self.kiosks, &self.settings);
        let state = (
            &self.id,
            self.chain.within(&self.standing),
            places,
            entered,
            &self.batches,
            &self.erased,
        );
        codec::hash(b"poste-site-1", &state)
    }

    /// The site's key.
    pub fn id(&self) -> SiteId {
        self.id
    }

    /// The name that the public knows; empty until its founding is known.
    pub fn name(&self) -> &str {
        self.chain.founded().map_or("", |(name, _): &(String, _)| name.as_str())
    }

    /// Every fact about membership.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Who stands.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The settings that stand: the stricter of a conflict, the default where none were set.
    pub fn settings(&self) -> Settings {
        self.settings
            .winner_by(Settings::strictness)
            .map_or_else(Settings::default, |(_, settings)| settings.clone())
    }

    pub(crate) fn settings_heads(&self) -> Vec<EntryId> {
        self.settings.head_ids()
    }

    /// The rooms.
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// The kiosks of which anything is known.
    pub fn kiosks(&self) -> &BTreeMap<KioskId, Kiosk> {
        &self.kiosks
    }

    /// One session.
    pub fn session(&self, id: &SessionId) -> Option<&Session> {
        self.sessions.get(id).filter(|session| session.issue().is_some())
    }

    /// The sessions whose issue is known.
    pub fn sessions(&self) -> impl Iterator<Item = (&SessionId, &Session)> {
        self.sessions.iter().filter(|(_, session)| session.issue().is_some())
    }

    /// Rows erased for ever.
    pub fn erased(&self) -> &BTreeSet<RowId> {
        &self.erased
    }

    /// The node of an epoch, member or not.
    pub fn node_of(&self, epoch: &EpochId) -> Option<NodeId> {
        self.chain.node_of(epoch).map(|(node, _)| node)
    }

    /// The session that a code opens: the lowest of those that share it and are not over.
    pub fn session_by_code(&self, key: &CodeKey) -> Option<SessionId> {
        let shared = self.codes.get(key)?;
        let live = shared.iter().find(|id| {
            self.session(id).and_then(Session::state).is_some_and(|state| match state {
                State::Withdrawn => false,
                State::Closed { cause, .. } => cause.reopenable(),
                State::Issued | State::Open { .. } | State::Paused { .. } => true,
            })
        });
        live.or(shared.first()).copied()
    }

    /// Codes that open more than one session: chance, at 2⁻⁴⁰ a pair, or a fault.
    pub fn collisions(&self) -> impl Iterator<Item = &BTreeSet<SessionId>> {
        self.codes.values().filter(|sessions| sessions.len() > 1)
    }

    /// Every session of which one step stands on `kiosk`.
    pub fn sessions_on(&self, kiosk: KioskId) -> impl Iterator<Item = SessionId> {
        self.on.get(&kiosk).into_iter().flatten().copied()
    }

    /// The session that stands on a kiosk; of several, the one opened last by number, then by name.
    pub fn session_on(&self, kiosk: KioskId) -> Option<(SessionId, &Session)> {
        let standing = self.on.get(&kiosk)?.iter().filter_map(|id| Some((*id, self.session(id)?)));
        standing.max_by_key(|(id, session)| {
            let here = matches!(
                session.state(),
                Some(State::Open { kiosk: at, .. } | State::Paused { kiosk: at, .. }) if at == kiosk
            );
            (here, *id)
        })
    }

    /// Milliseconds left of a session, and whether they run down.
    pub fn remaining_ms(&self, session: &Session, moment: Moment) -> (u64, bool) {
        session.remaining_ms(|epoch| self.node_of(epoch), moment)
    }

    /// A kiosk's room.
    pub fn room_of(&self, kiosk: &KioskId) -> Option<RoomId> {
        self.kiosks.get(kiosk).and_then(Kiosk::named).map(|named| named.room)
    }

    /// What to call a kiosk: its name, or the start of its identifier until staff named it.
    pub fn kiosk_name(&self, kiosk: &KioskId) -> String {
        match self.kiosks.get(kiosk).and_then(Kiosk::named) {
            Some(named) => named.name.clone(),
            None => alloc::format!("{kiosk}").chars().take(8).collect(),
        }
    }
}
