//! What a command becomes: facts, or a refusal. Nothing is changed here.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use crate::authority::NodeKind;
use crate::code::{LONG, SHORT};
use crate::command::{Asked, Command, LONGEST_VALIDITY_MS, MOST_CODES, MOST_SECONDS, Terms};
use crate::fact::{
    CODES_IN_PART, CUTS_IN_PART, Cause, CloseAsked, CodeIssued, CodesIssued, Cut, Fact,
    KioskDescribed, KioskNamed, LONGEST_NAME, MOST_PARTS, MessageAcknowledged, MessageSent,
    NodeCountersigned, NodePaired, NodeRevoked, Part, PauseAsked, Place, ResumeAsked, RoomNamed,
    RowErased, Scope, SessionClosed, SessionExtended, SessionOpened, SessionPaused, SessionResumed,
    SettingsChanged, TokenIssued, TokenRevoked, Withdrawn, opening_bytes, root_of,
};
use crate::id::{
    CodeKey, EntryId, KioskId, NodeId, RequestId, SessionId, Signature, TokenId, verifies,
};
use crate::moment::Moment;
use crate::operator::{By, OperatorRole};
use crate::refusal::Refusal;
use crate::replace::Replaceable;
use crate::session::{Session, State};
use crate::settings::IsolationPolicy;
use crate::site::Site;

/// Most codes that one operator's batch may hold is [`MOST_CODES`]; both limits must agree.
const _: () = assert!(MOST_CODES <= CODES_IN_PART * MOST_PARTS as usize);
const _: () = assert!(SHORT < LONG);

/// On whose behalf a command is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// An operator, on an admin node.
    Operator(By),
    /// A kiosk's own node, for its patron.
    Kiosk {
        /// The kiosk.
        kiosk: KioskId,
        /// Its node.
        node: NodeId,
    },
}

impl Site {
    /// The facts that carry `asked` out, or why it is refused. An extension already made under the
    /// same request gives no facts: it counts once.
    pub fn decide(&self, asked: &Asked, by: Author, now: Moment) -> Result<Vec<Fact>, Refusal> {
        match by {
            Author::Operator(by) => self.decide_for_operator(asked, by, now),
            Author::Kiosk { kiosk, node } => {
                self.decide_for_kiosk(&asked.command, kiosk, node, now)
            }
        }
    }

    fn decide_for_operator(
        &self,
        asked: &Asked,
        by: By,
        now: Moment,
    ) -> Result<Vec<Fact>, Refusal> {
        if by.role < required_role(&asked.command).ok_or(Refusal::Authority)? {
            return Err(Refusal::Role);
        }
        let request = asked.request;
        match &asked.command {
            Command::IssueCode { session, key, terms, label } => {
                self.check_terms(terms, now)?;
                if let Some(known) = self.session(session) {
                    let same = known.issue().is_some_and(|issue| issue.key == *key);
                    return if same { Ok(Vec::new()) } else { Err(Refusal::Exists) };
                }
                Ok(vec![Fact::CodeIssued(CodeIssued {
                    session: *session,
                    key: *key,
                    derivation: terms.derivation,
                    seconds: terms.seconds,
                    from_ms: terms.from_ms,
                    until_ms: terms.until_ms,
                    place: terms.place,
                    label: *label,
                    request,
                    by,
                })])
            }
            Command::IssueCodes { codes, terms } => {
                self.issue_codes(request, codes, terms, by, now)
            }
            Command::Withdraw { session } => {
                let found = self.find(session)?;
                match found.state() {
                    Some(State::Withdrawn) => Ok(Vec::new()),
                    _ => Ok(vec![Fact::Withdrawn(Withdrawn { session: *session, by })]),
                }
            }
            Command::Extend { session, seconds } => self.extend(request, session, *seconds, by),
            Command::Pause { session } => {
                let found = self.find(session)?;
                match found.state() {
                    Some(State::Open { .. }) if !found.close_ordered() => {
                        let sees = found.head_ids();
                        Ok(vec![Fact::PauseAsked(PauseAsked { session: *session, sees, by })])
                    }
                    _ => Err(Refusal::NotNow),
                }
            }
            Command::Resume { session } => {
                let found = self.find(session)?;
                match found.state() {
                    Some(State::Paused { .. }) if !found.close_ordered() => {
                        let sees = found.head_ids();
                        Ok(vec![Fact::ResumeAsked(ResumeAsked { session: *session, sees, by })])
                    }
                    _ => Err(Refusal::NotNow),
                }
            }
            Command::Close { session, keep_rest, note } => {
                let found = self.find(session)?;
                match found.state() {
                    Some(State::Open { .. } | State::Paused { .. }) => {}
                    Some(State::Issued | State::Closed { .. }) if !keep_rest => {}
                    _ => return Err(Refusal::NotNow),
                }
                if found.close_ordered() {
                    return Ok(Vec::new());
                }
                Ok(vec![Fact::CloseAsked(CloseAsked {
                    session: *session,
                    keep_rest: *keep_rest,
                    sees: found.head_ids(),
                    note: *note,
                    by,
                })])
            }
            Command::SendMessage { message, kiosk } => {
                self.find_kiosk(kiosk)?;
                Ok(vec![Fact::MessageSent(MessageSent { message: *message, kiosk: *kiosk, by })])
            }
            Command::NameKiosk { kiosk, name, room } => {
                check_name(name)?;
                self.rooms().get(room).ok_or(Refusal::UnknownRoom)?;
                let replaces = self
                    .kiosks()
                    .get(kiosk)
                    .map(|known| known.named.head_ids())
                    .unwrap_or_default();
                let (kiosk, name, room) = (*kiosk, name.clone(), *room);
                Ok(vec![Fact::KioskNamed(KioskNamed { kiosk, name, room, replaces, by })])
            }
            Command::DescribeKiosk { kiosk, in_service, note } => {
                let replaces = self.find_kiosk(kiosk)?.service.head_ids();
                Ok(vec![Fact::KioskDescribed(KioskDescribed {
                    kiosk: *kiosk,
                    in_service: *in_service,
                    note: *note,
                    replaces,
                    by,
                })])
            }
            Command::NameRoom { room, name, order } => {
                check_name(name)?;
                let replaces =
                    self.rooms().get(room).map(Replaceable::head_ids).unwrap_or_default();
                let (room, name, order) = (*room, name.clone(), *order);
                Ok(vec![Fact::RoomNamed(RoomNamed { room, name, order, replaces, by })])
            }
            Command::ChangeSettings { settings } => {
                settings.check()?;
                Ok(vec![Fact::SettingsChanged(SettingsChanged {
                    settings: settings.clone(),
                    replaces: self.settings_heads(),
                    by,
                })])
            }
            Command::IssueToken { token, scope, expires_ms } => {
                if let Scope::Room(room) = scope {
                    self.rooms().get(room).ok_or(Refusal::UnknownRoom)?;
                }
                let validity = expires_ms.saturating_sub(now.wall_ms);
                if !(1..=LONGEST_VALIDITY_MS).contains(&validity) {
                    return Err(Refusal::OutOfBounds);
                }
                let (token, scope, expires_ms) = (*token, *scope, *expires_ms);
                Ok(vec![Fact::TokenIssued(TokenIssued { token, scope, expires_ms, by })])
            }
            Command::RevokeToken { token } => {
                self.chain().token(token, self.standing()).ok_or(Refusal::UnknownToken)?;
                Ok(vec![Fact::TokenRevoked(TokenRevoked { token: *token, by })])
            }
            Command::PairNode { node, kiosk } => {
                if self.standing().members.contains_key(node) {
                    return Err(Refusal::Exists);
                }
                Ok(vec![Fact::NodePaired(NodePaired { node: *node, kiosk: *kiosk, by })])
            }
            Command::RevokeNode { node, cut } => self.revoke_node(request, node, cut, by),
            Command::EraseRow { row } => Ok(vec![Fact::RowErased(RowErased { row: *row, by })]),
            Command::Open { .. } | Command::Leave { .. } | Command::AcknowledgeMessage { .. } => {
                Err(Refusal::Authority)
            }
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else is not a kiosk's to do")]
    fn decide_for_kiosk(
        &self,
        command: &Command,
        kiosk: KioskId,
        node: NodeId,
        now: Moment,
    ) -> Result<Vec<Fact>, Refusal> {
        match command {
            Command::Open { session, opening, proof, alone } => {
                self.open(kiosk, node, *session, *opening, proof, *alone, now)
            }
            Command::Leave { session } => {
                let found = self.find(session)?;
                if !found.stands_on(kiosk) {
                    return Err(Refusal::NotNow);
                }
                Ok(vec![self.closed(kiosk, *session, Cause::Left)])
            }
            Command::AcknowledgeMessage { message } => {
                let sent =
                    self.kiosks().get(&kiosk).is_some_and(|known| known.has_message(message));
                if !sent {
                    return Err(Refusal::NotNow);
                }
                Ok(vec![Fact::MessageAcknowledged(MessageAcknowledged {
                    message: *message,
                    kiosk,
                })])
            }
            _ => Err(Refusal::Authority),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the opening's whole circumstance")]
    fn open(
        &self,
        kiosk: KioskId,
        node: NodeId,
        id: SessionId,
        opening: u32,
        proof: &Signature,
        alone: bool,
        now: Moment,
    ) -> Result<Vec<Fact>, Refusal> {
        self.may_open(kiosk, id, alone, now)?;
        let session = self.find(&id)?;
        let issue = session.issue().ok_or(Refusal::UnknownCode)?;
        let bytes = opening_bytes(&self.id(), &id, &kiosk, &node, opening);
        if !verifies(&issue.key.0, &[&bytes], proof) {
            return Err(Refusal::UnknownCode);
        }
        Ok(vec![Fact::SessionOpened(SessionOpened {
            session: id,
            kiosk,
            node,
            opening,
            replaces: session.head_ids(),
            proof: *proof,
        })])
    }

    /// Whether `kiosk` may open session `id` now. The only judgement by the clock about a session,
    /// made once, by the kiosk that opens; a clock that nobody vouches for refuses nobody.
    pub fn may_open(
        &self,
        kiosk: KioskId,
        id: SessionId,
        alone: bool,
        now: Moment,
    ) -> Result<(), Refusal> {
        let session = self.session(&id).ok_or(Refusal::UnknownCode)?;
        let terms = &session.issue().ok_or(Refusal::UnknownCode)?.terms;
        match session.state().ok_or(Refusal::UnknownCode)? {
            State::Withdrawn => return Err(Refusal::CodeWithdrawn),
            State::Closed { cause, .. } if !cause.reopenable() => {
                return Err(Refusal::SessionClosed);
            }
            State::Open { kiosk: at, .. } if at != kiosk && !session.freed() => {
                return Err(Refusal::OpenElsewhere { kiosk: self.kiosk_name(&at) });
            }
            State::Open { kiosk: at, .. } if at == kiosk && session.stands_on(kiosk) => {
                return Err(Refusal::KioskInUse);
            }
            State::Open { .. } | State::Paused { .. } | State::Issued | State::Closed { .. } => {}
        }
        if session.close_ordered() {
            return Err(Refusal::SessionClosed);
        }
        let here = match terms.place {
            Place::Anywhere => true,
            Place::Room(room) => self.room_of(&kiosk) == Some(room),
            Place::Kiosk(only) => only == kiosk,
        };
        if !here {
            return Err(Refusal::WrongPlace);
        }
        if now.trusted && now.wall_ms < terms.from_ms {
            return Err(Refusal::CodeNotYetValid);
        }
        if now.trusted && now.wall_ms > terms.until_ms {
            return Err(Refusal::CodeExpired);
        }
        if self.remaining_ms(session, now).0 == 0 {
            return Err(Refusal::UsedUp);
        }
        if self.kiosks().get(&kiosk).is_some_and(|known| !known.in_service()) {
            return Err(Refusal::OutOfService);
        }
        if self.sessions_on(kiosk).any(|other| other != id) {
            return Err(Refusal::KioskInUse);
        }
        if alone && self.settings().isolation != IsolationPolicy::AcceptKnown {
            return Err(Refusal::Isolated);
        }
        Ok(())
    }

    /// The fact that ends a session on a kiosk.
    pub fn closed(&self, kiosk: KioskId, session: SessionId, cause: Cause) -> Fact {
        let replaces = self.steps_on(kiosk, session);
        Fact::SessionClosed(SessionClosed { session, kiosk, cause, replaces })
    }

    /// The fact that pauses a session on a kiosk.
    pub fn paused(&self, kiosk: KioskId, session: SessionId) -> Fact {
        let replaces = self.steps_on(kiosk, session);
        Fact::SessionPaused(SessionPaused { session, kiosk, replaces })
    }

    /// The fact by which a paused session goes on.
    pub fn resumed(&self, kiosk: KioskId, session: SessionId) -> Fact {
        let replaces = self.steps_on(kiosk, session);
        Fact::SessionResumed(SessionResumed { session, kiosk, replaces })
    }

    fn steps_on(&self, kiosk: KioskId, session: SessionId) -> Vec<EntryId> {
        self.session(&session).map(|found| found.head_ids_on(kiosk)).unwrap_or_default()
    }

    /// The countersignature of a node that asks to be admitted by `token`: the one judgement of a
    /// token's expiry, made by the member that it meets.
    pub fn countersign(
        &self,
        node: &NodeId,
        token: &TokenId,
        kiosk: &KioskId,
        now: Moment,
    ) -> Result<Fact, Refusal> {
        let found = self.chain().token(token, self.standing()).ok_or(Refusal::UnknownToken)?;
        if now.trusted && now.wall_ms > found.expires_ms {
            return Err(Refusal::TokenExpired);
        }
        match found.scope {
            Scope::Kiosk(only) if only != *kiosk => Err(Refusal::WrongPlace),
            Scope::Room(room) if self.room_of(kiosk).is_some_and(|of| of != room) => {
                Err(Refusal::WrongPlace)
            }
            Scope::Kiosk(_) | Scope::Room(_) => Ok(Fact::NodeCountersigned(NodeCountersigned {
                node: *node,
                token: *token,
                kiosk: *kiosk,
            })),
        }
    }

    fn extend(
        &self,
        request: RequestId,
        session: &SessionId,
        seconds: i32,
        by: By,
    ) -> Result<Vec<Fact>, Refusal> {
        let found = self.find(session)?;
        if seconds == 0 || seconds.unsigned_abs() > MOST_SECONDS {
            return Err(Refusal::OutOfBounds);
        }
        if let Some(already) = self.extension(&request) {
            return if already == (*session, seconds) {
                Ok(Vec::new())
            } else {
                Err(Refusal::RequestReused)
            };
        }
        match found.state() {
            Some(State::Withdrawn) | None => return Err(Refusal::NotNow),
            Some(State::Closed { cause, .. }) if !cause.reopenable() => {
                return Err(Refusal::NotNow);
            }
            Some(_) => {}
        }
        let longest_ms = 7 * 24 * 3_600_000;
        if seconds > 0 && found.granted_ms() > longest_ms {
            return Err(Refusal::OutOfBounds);
        }
        Ok(vec![Fact::SessionExtended(SessionExtended { session: *session, seconds, request, by })])
    }

    fn issue_codes(
        &self,
        request: RequestId,
        codes: &[(SessionId, CodeKey)],
        terms: &Terms,
        by: By,
        now: Moment,
    ) -> Result<Vec<Fact>, Refusal> {
        self.check_terms(terms, now)?;
        if codes.is_empty() || codes.len() > MOST_CODES {
            return Err(Refusal::OutOfBounds);
        }
        let sessions: BTreeSet<_> = codes.iter().map(|(session, _)| session).collect();
        if sessions.len() < codes.len() {
            return Err(Refusal::OutOfBounds);
        }
        let known = |(session, key): &(SessionId, CodeKey)| {
            self.session(session).is_some_and(|known| known.has_key(key))
        };
        if codes.iter().all(known) {
            return Ok(Vec::new());
        }
        if sessions.into_iter().any(|session| self.session(session).is_some()) {
            return Err(Refusal::Exists);
        }
        let part = parts(request, codes, codes.len().div_ceil(CODES_IN_PART))?;
        let pieces = codes.chunks(CODES_IN_PART).zip(0..);
        Ok(pieces
            .map(|(codes, index)| {
                Fact::CodesIssued(CodesIssued {
                    part: Part { index, ..part },
                    codes: codes.to_vec(),
                    derivation: terms.derivation,
                    seconds: terms.seconds,
                    from_ms: terms.from_ms,
                    until_ms: terms.until_ms,
                    place: terms.place,
                    by,
                })
            })
            .collect())
    }

    fn revoke_node(
        &self,
        request: RequestId,
        node: &NodeId,
        cut: &[Cut],
        by: By,
    ) -> Result<Vec<Fact>, Refusal> {
        let member = self.standing().members.get(node).ok_or(Refusal::UnknownNode)?;
        if member.kind != NodeKind::Kiosk {
            // Only the site key makes and unmakes admin nodes.
            return Err(Refusal::Authority);
        }
        if member.cut {
            return Ok(Vec::new());
        }
        Ok(cut_parts(request, cut)?
            .into_iter()
            .map(|(part, cut)| Fact::NodeRevoked(NodeRevoked { node: *node, part, cut, by }))
            .collect())
    }

    fn check_terms(&self, terms: &Terms, now: Moment) -> Result<(), Refusal> {
        let validity = terms.until_ms.saturating_sub(terms.from_ms);
        let from_now = terms.until_ms.saturating_sub(now.wall_ms);
        let bounded = (1..=MOST_SECONDS).contains(&terms.seconds)
            && (1..=LONGEST_VALIDITY_MS).contains(&validity)
            && (1..=LONGEST_VALIDITY_MS).contains(&from_now);
        if !bounded {
            return Err(Refusal::OutOfBounds);
        }
        match terms.place {
            Place::Anywhere => Ok(()),
            Place::Room(room) => self.rooms().get(&room).map(|_| ()).ok_or(Refusal::UnknownRoom),
            Place::Kiosk(kiosk) => self.find_kiosk(&kiosk).map(|_| ()),
        }
    }

    fn find(&self, session: &SessionId) -> Result<&Session, Refusal> {
        self.session(session).ok_or(Refusal::UnknownSession)
    }

    fn find_kiosk(&self, kiosk: &KioskId) -> Result<&crate::kiosk::Kiosk, Refusal> {
        self.kiosks().get(kiosk).ok_or(Refusal::UnknownKiosk)
    }
}

/// The pieces of a cut, each small enough for an entry. An empty cut is one empty piece.
pub fn cut_parts(intent: RequestId, cut: &[Cut]) -> Result<Vec<(Part, Vec<Cut>)>, Refusal> {
    let part = parts(intent, cut, cut.len().div_ceil(CUTS_IN_PART).max(1))?;
    if cut.is_empty() {
        return Ok(vec![(part, Vec::new())]);
    }
    let pieces = cut.chunks(CUTS_IN_PART).zip(0..);
    Ok(pieces.map(|(cut, index)| (Part { index, ..part }, cut.to_vec())).collect())
}

fn parts<T: serde::Serialize>(
    intent: RequestId,
    whole: &[T],
    count: usize,
) -> Result<Part, Refusal> {
    let count = u16::try_from(count).ok().filter(|count| *count <= MOST_PARTS);
    let root = root_of(&whole).map_err(|_| Refusal::OutOfBounds)?;
    Ok(Part { intent, index: 0, count: count.ok_or(Refusal::OutOfBounds)?, root })
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let printable = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if printable && name.len() <= LONGEST_NAME { Ok(()) } else { Err(Refusal::OutOfBounds) }
}

/// The least role that may ask for this; `None` for what is not an operator's at all.
pub fn required_role(command: &Command) -> Option<OperatorRole> {
    match command {
        Command::IssueCode { .. }
        | Command::IssueCodes { .. }
        | Command::Withdraw { .. }
        | Command::Extend { .. }
        | Command::Pause { .. }
        | Command::Resume { .. }
        | Command::Close { .. }
        | Command::SendMessage { .. }
        | Command::DescribeKiosk { .. }
        | Command::EraseRow { .. } => Some(OperatorRole::Host),
        Command::NameKiosk { .. }
        | Command::NameRoom { .. }
        | Command::ChangeSettings { .. }
        | Command::IssueToken { .. }
        | Command::RevokeToken { .. }
        | Command::PairNode { .. }
        | Command::RevokeNode { .. } => Some(OperatorRole::Admin),
        Command::Open { .. } | Command::Leave { .. } | Command::AcknowledgeMessage { .. } => None,
    }
}
