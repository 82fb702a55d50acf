//! What a checkpoint's snapshot keeps of the facts below its floors.
//!
//! Kept is what still shows, and what a late entry could still meet. Left out is, of what has
//! effect: everything of a session that is over, stands on no kiosk and whose code's validity ended
//! beyond the horizon; names, descriptions and settings that others replaced; messages that were
//! sent and read. All of it is a function of the state alone, so that every admin node that folds
//! the same entries keeps the same.

use alloc::collections::BTreeSet;

use crate::authority::Chain;
use crate::checkpoint::{Ground, HORIZON_MS};
use crate::fact::Fact;
use crate::id::{EntryId, SessionId};
use crate::planted::{self, Bug};
use crate::replace::Replaceable;
use crate::session::{Session, State};

use super::{Site, content_of};

/// Judges facts of one state.
pub struct Retention<'a> {
    site: &'a Site,
    /// Codes whose validity ended before this are not kept for their own sake.
    before_ms: i64,
    /// Names, descriptions and settings that are kept.
    places: BTreeSet<EntryId>,
    /// Sessions that are left out.
    over: BTreeSet<SessionId>,
}

impl<'a> Retention<'a> {
    /// For a `site` in which exactly what lies below the floors of `ground` was folded.
    pub fn new(site: &'a Site, ground: &Ground) -> Self {
        let as_of_ms = ground.as_of_ms.unwrap_or(i64::MIN);
        let before_ms = as_of_ms.saturating_sub(HORIZON_MS);
        let mut places = BTreeSet::new();
        standing_members(&site.settings, ground, &mut places);
        for room in site.rooms.values() {
            standing_members(room, ground, &mut places);
        }
        for kiosk in site.kiosks.values() {
            standing_members(&kiosk.named, ground, &mut places);
            standing_members(&kiosk.service, ground, &mut places);
        }
        let on_kiosks: BTreeSet<_> = site.on.values().flatten().copied().collect();
        let elsewhere = site.sessions().filter(|(id, _)| !on_kiosks.contains(*id));
        let over = elsewhere.filter(|(_, session)| is_over(session, before_ms));
        let over = over.map(|(id, _)| *id).collect();
        Retention { site, before_ms, places, over }
    }

    /// Whether a fact below the floors is kept.
    pub fn keeps(&self, id: &EntryId, fact: &Fact) -> bool {
        if Chain::concerns(fact) {
            // What a base says of membership is believed as it stands: a forged certificate, which
            // changes nothing where it was written, must not get into one.
            return fact.certificate_holds(&self.site.id)
                && (fact.speaks_for_itself()
                    || matches!(fact, Fact::BootCertificate(_))
                    || self.site.standing.author(id).is_some());
        }
        match fact {
            Fact::KioskNamed(_)
            | Fact::KioskDescribed(_)
            | Fact::RoomNamed(_)
            | Fact::SettingsChanged(_) => self.places.contains(id),
            Fact::CodeIssued(f) => self.keeps_of(&f.session, id),
            Fact::Withdrawn(f) => self.keeps_of(&f.session, id),
            Fact::SessionOpened(f) => self.keeps_of(&f.session, id),
            Fact::SessionPaused(f) => self.keeps_of(&f.session, id),
            Fact::SessionResumed(f) => self.keeps_of(&f.session, id),
            Fact::SessionClosed(f) => self.keeps_of(&f.session, id),
            Fact::CloseAsked(f) => self.keeps_of(&f.session, id),
            Fact::PauseAsked(f) => self.keeps_of(&f.session, id),
            Fact::ResumeAsked(f) => self.keeps_of(&f.session, id),
            Fact::SessionExtended(f) => {
                let counts = self.site.extensions.get(&f.request);
                counts.is_some_and(|(known, _, _)| Some(*known) == content_of(f))
                    && !self.over.contains(&f.session)
            }
            Fact::CodesIssued(f) => {
                let live = |session: &SessionId| !self.over.contains(session);
                self.site.batches.keeps(id, &f.part, self.before_ms, live)
            }
            Fact::MessageSent(f) => self.site.kiosks.get(&f.kiosk).is_some_and(|kiosk| {
                let sent = kiosk.messages.get(&f.message);
                sent.is_some_and(|by| by.contains(id)) && !kiosk.has_read(&f.message)
            }),
            Fact::MessageAcknowledged(f) => {
                self.site.kiosks.get(&f.kiosk).is_some_and(|kiosk| {
                    kiosk.has_read(&f.message) && !kiosk.has_message(&f.message)
                })
            }
            Fact::RowErased(f) => {
                self.site.erased.contains(&f.row) && !planted::is(Bug::ErasureFolded)
            }
            // Signatures travel with the checkpoint that they stand under.
            Fact::CheckpointSigned(_)
            | Fact::SiteFounded(_)
            | Fact::AdminAdmitted(_)
            | Fact::AdminRevoked(_)
            | Fact::BootCertificate(_)
            | Fact::TokenIssued(_)
            | Fact::TokenRevoked(_)
            | Fact::NodeAdmitted(_)
            | Fact::NodeCountersigned(_)
            | Fact::NodePaired(_)
            | Fact::NodeRevoked(_) => false,
        }
    }

    /// Whether an opening was proven, so that nobody need verify it again.
    pub fn vouches(&self, id: &EntryId, fact: &Fact) -> bool {
        let Fact::SessionOpened(f) = fact else {
            return false;
        };
        let session = self.site.sessions.get(&f.session);
        session.is_some_and(|session| session.has_one_key() && session.has_step(id))
    }

    /// Whether a session is kept.
    pub fn keeps_session(&self, session: &SessionId) -> bool {
        self.site.session(session).is_some() && !self.over.contains(session)
    }

    fn keeps_of(&self, session: &SessionId, id: &EntryId) -> bool {
        !self.over.contains(session)
            && self.site.sessions.get(session).is_some_and(|found| found.says(id))
    }
}

/// Whether it neither runs nor pauses, and no code of it has been valid since `before_ms`.
fn is_over(session: &Session, before_ms: i64) -> bool {
    let over = match session.state() {
        Some(State::Issued | State::Closed { .. } | State::Withdrawn) => true,
        Some(State::Open { .. } | State::Paused { .. }) | None => false,
    };
    let long_over = |until_ms| until_ms < before_ms || planted::is(Bug::FoldedEarly);
    over && session.valid_until().is_some_and(long_over)
}

/// The heads, and members that replace what is not below the floors: such a one may come yet, and
/// must find itself replaced.
fn standing_members<T>(set: &Replaceable<T>, ground: &Ground, kept: &mut BTreeSet<EntryId>) {
    kept.extend(set.heads().into_iter().map(|(id, _)| id));
    let awaited = set
        .members()
        .filter(|(_, member)| member.replaces.iter().any(|older| !ground.covers(older)));
    kept.extend(awaited.map(|(id, _)| *id));
}
