//! The base beneath the entries: facts that an agreed checkpoint settled.

use crate::authority::Chain;
use crate::checkpoint::Ground;
use crate::fact::Fact;
use crate::id::{EntryId, EpochId, KioskId, SessionId};

use super::Site;

impl Site {
    /// Begins anew on a base, with what it says of membership: without what it gives as the site key's
    /// words and is not, since no majority of admin nodes makes others. The caller then settles the
    /// base's other facts and applies every entry above it; readings stay.
    pub fn rebase(&mut self, ground: Ground, members: impl IntoIterator<Item = (EntryId, Fact)>) {
        self.unfold();
        self.held.clear();
        self.chain = self.chain.on(ground);
        for (id, fact) in members {
            if !fact.is_of_site_key() || fact.certificate_holds(&self.id) {
                self.chain.settle(&id, &fact);
            }
        }
        self.standing = self.chain.standing();
    }

    /// Takes in what the base says, other than of membership; after each [`Site::rebase`] and
    /// [`Site::unfold`], and issues before openings. Authority was judged when the base was agreed,
    /// and so was the opening's proof if it is `vouched` for.
    pub fn settle(&mut self, id: EntryId, fact: &Fact, vouched: bool) {
        if Chain::concerns(fact) {
            return;
        }
        match kiosk_that_says(fact) {
            None => {
                self.apply_from_admin(id, fact);
            }
            Some(kiosk) => {
                if let Some(node) = self.node_of(&id.epoch) {
                    self.apply_from_kiosk(id, fact, node, kiosk, vouched);
                }
            }
        }
    }

    /// What the base stands on.
    pub fn ground(&self) -> &Ground {
        self.chain.ground()
    }

    /// Epochs that came too late, beyond the horizon: nothing that they wrote has effect.
    pub fn refused_epochs(&self) -> impl Iterator<Item = &EpochId> {
        self.chain.refused()
    }

    /// Forgets the readings of a session of which no entry says anything.
    pub fn forget_readings(&mut self, session: &SessionId) {
        if self.sessions.get(session).is_some_and(|found| !found.is_entered()) {
            self.sessions.remove(session);
            self.waiting.retain(|(of, _)| of != session);
        }
    }
}

/// The kiosk whose word a fact is; `None` for an admin node's.
#[allow(clippy::wildcard_enum_match_arm, reason = "whatever else has effect is an admin node's")]
fn kiosk_that_says(fact: &Fact) -> Option<KioskId> {
    match fact {
        Fact::SessionOpened(f) => Some(f.kiosk),
        Fact::SessionPaused(f) => Some(f.kiosk),
        Fact::SessionResumed(f) => Some(f.kiosk),
        Fact::SessionClosed(f) => Some(f.kiosk),
        Fact::MessageAcknowledged(f) => Some(f.kiosk),
        _ => None,
    }
}
