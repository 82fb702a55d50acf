//! What people and kiosks do with sessions on the stage.

use domain::fact::{
    Cause, CloseAsked, CodeIssued, Place, SessionClosed, SessionExtended, SessionOpened, Withdrawn,
    opening_bytes,
};
use domain::id::{CodeKey, EntryId, KioskId, RequestId, SessionId};
use domain::session::Reading;
use domain::settings::ALONE_AFTER_MS;

use super::{ADMIN, BY, Issued, KIOSK, Stage, key, kiosk_of, signed};
use crate::book::knowledge::Knowledge;
use crate::checker::Invariant;
use crate::event::{Event, HostId, Shown};

impl<I: Invariant> Stage<I> {
    /// The stage with ten minutes bought, which run for 20 s on a kiosk with a good link.
    pub(in crate::invariants) fn running(invariant: I) -> (Self, SessionId) {
        let mut stage = Self::with(invariant);
        stage.link(ADMIN, KIOSK);
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.runs(KIOSK, session, 20_000);
        (stage, session)
    }

    /// An admin host issues a code.
    pub(in crate::invariants) fn issue(
        &mut self,
        host: HostId,
        seconds: u32,
    ) -> (RequestId, Issued) {
        let (request, number) = (self.request(), self.draw());
        let (session, code) = (SessionId([number; 16]), key(number));
        let entry = self.write(
            host,
            CodeIssued {
                session,
                key: CodeKey(code.verifying_key().to_bytes()),
                derivation: 1,
                seconds,
                from_ms: 0,
                until_ms: i64::MAX,
                place: Place::Anywhere,
                label: None,
                request,
                by: BY,
            },
        );
        self.codes.insert(session, code);
        (request, Issued { session, entry })
    }

    /// The entry that issued a session's code.
    pub(in crate::invariants) fn issued(&self, session: SessionId) -> EntryId {
        let found = self.book.ledger.sessions.get(&session).unwrap();
        found.grants.iter().find(|grant| grant.request.is_none()).unwrap().entry
    }

    /// The kiosk whose step stands, as an admin host sees it.
    pub(in crate::invariants) fn kiosk_of_winner(&self, session: SessionId) -> Option<KioskId> {
        let found = self.nodes.at(ADMIN).site.session(&session)?;
        found.winner().map(|(_, step)| step.kiosk)
    }

    pub(in crate::invariants) fn extend(
        &mut self,
        host: HostId,
        session: SessionId,
        seconds: i32,
    ) -> EntryId {
        let request = self.request();
        self.write(host, SessionExtended { session, seconds, request, by: BY })
    }

    pub(in crate::invariants) fn withdraw(&mut self, host: HostId, session: SessionId) -> EntryId {
        self.write(host, Withdrawn { session, by: BY })
    }

    pub(in crate::invariants) fn close(
        &mut self,
        host: HostId,
        session: SessionId,
        keep_rest: bool,
    ) -> EntryId {
        let sees = self.nodes.at(host).heads(session);
        self.write(host, CloseAsked { session, keep_rest, sees, note: None, by: BY })
    }

    /// The code is typed on a kiosk, which opens the session as it sees it.
    pub(in crate::invariants) fn open(&mut self, host: HostId, session: SessionId) -> EntryId {
        let site = self.nodes.at(host).site.id();
        let (node, kiosk) = (self.nodes.at(host).node, kiosk_of(host).unwrap());
        let replaces = self.nodes.at(host).heads(session);
        let opening = self.nodes.at(host).openings(session) + 1;
        let bytes = opening_bytes(&site, &session, &kiosk, &node, opening);
        let proof = signed(&self.codes[&session], &bytes);
        let opened = SessionOpened { session, kiosk, node, opening, replaces, proof };
        let entry = self.write(host, opened);
        self.see(Event::Typed { host, session, why_not: None });
        self.page(host, session);
        entry
    }

    /// A code issued on an admin host and opened on a kiosk.
    pub(in crate::invariants) fn opened(
        &mut self,
        admin: HostId,
        kiosk: HostId,
        seconds: u32,
    ) -> SessionId {
        let (_, issued) = self.issue(admin, seconds);
        self.tell(kiosk, issued.entry);
        self.open(kiosk, issued.session);
        issued.session
    }

    /// The session ends on a kiosk: closed in the ledger, gone from the page.
    pub(in crate::invariants) fn closed(
        &mut self,
        host: HostId,
        session: SessionId,
        cause: Cause,
    ) -> EntryId {
        let replaces = self.nodes.at(host).own_heads(session);
        let kiosk = kiosk_of(host).unwrap();
        let entry = self.write(host, SessionClosed { session, kiosk, cause, replaces });
        self.shows(host, Shown::Ended { session, cause });
        entry
    }

    /// The page as an honest kiosk shows it, which knows whether it is alone.
    pub(in crate::invariants) fn shows(&mut self, host: HostId, shown: Shown) {
        let since = self.book.hosts.machine(host).and_then(|machine| machine.alone_since);
        let alone = since.is_some_and(|since| self.at_ms - since >= ALONE_AFTER_MS);
        self.see(Event::Shows { host, shown, alone });
    }

    /// The page as an honest kiosk draws it.
    fn page(&mut self, host: HostId, session: SessionId) {
        let node = self.nodes.at(host);
        let knowledge = Knowledge::new(self.scene(), node, session);
        let granted = knowledge.granted_ms().unwrap_or(0);
        let used = knowledge.used_here_ms().map_or(0, |used| used.exact_ms + used.charge_ms);
        let drawn = self.book.usage.shown(host).map_or(self.at_ms, |(at, _)| at);
        let goes_on = self.book.usage.running_on(&session).any(|other| other == host);
        let since = if goes_on { self.at_ms - drawn } else { 0 };
        let remaining_ms = granted.saturating_sub(used + since);
        self.shows(host, Shown::Running { session, remaining_ms });
    }

    /// The session runs on a kiosk for a while, drawn each second.
    pub(in crate::invariants) fn runs(&mut self, host: HostId, session: SessionId, ms: u64) {
        self.page(host, session);
        let until = self.at_ms + ms;
        while self.at_ms + 1_000 <= until {
            self.pass(1_000);
            self.page(host, session);
        }
        self.at_ms = until;
    }

    /// A kiosk's process writes a reading, which it alone holds.
    pub(in crate::invariants) fn reads(
        &mut self,
        host: HostId,
        session: SessionId,
        used_ms: u64,
        ahead_ms: u32,
    ) {
        let opening = self.nodes.at(host).openings(session).max(1);
        let node = self.nodes.at_mut(host);
        let epoch = node.author.epoch();
        let known = node.readings.iter().filter(|r| (r.session, r.epoch) == (session, epoch));
        let n = known.map(|reading| reading.n).max().unwrap_or(0) + 1;
        let continues = None;
        let reading = Reading { session, epoch, n, opening, used_ms, ahead_ms, continues };
        node.readings.push(reading);
        node.refold();
    }
}
