//! What kiosks and their patrons do.

use super::*;

impl Course {
    pub(super) fn open(&mut self, what: What, kiosk: usize, code: &Code, d: u8) {
        let machine = self.parties[kiosk].machine.clone();
        let site = &self.parties[kiosk].mirror.site;
        let known = site.session(&code.session);
        let opening = known.map_or(1, domain::session::Session::next_opening);
        let replaces = known.map(domain::session::Session::head_ids).unwrap_or_default();
        // A kiosk that knows nothing of the session cannot open it, but an amnesic one could have.
        if what == What::OpenBlind {
            let replaces = if d.is_multiple_of(2) { Vec::new() } else { replaces };
            let opened = self.world.opening(&machine, code, opening, replaces);
            self.say(kiosk, opened);
            self.count("opened blind");
            return;
        }
        let may = site.may_open(machine.kiosk, code.session, d.is_multiple_of(2), at(0));
        let proof = self.world.opening(&machine, code, opening, Vec::new()).proof;
        let command =
            Command::Open { session: code.session, opening, proof, alone: d.is_multiple_of(2) };
        let asked = Asked { request: RequestId([0; 16]), command };
        match site.decide(&asked, machine.author(), at(0)) {
            Ok(facts) => {
                facts.into_iter().for_each(|fact| {
                    self.say(kiosk, fact);
                });
                let again = opening > 1;
                self.count(if again { "opened again" } else { "opened" });
            }
            Err(refusal) => {
                assert!(may.is_err() || refusal == Refusal::UnknownCode);
                self.refused(&refusal);
            }
        }
    }

    pub(super) fn step(&mut self, kiosk: usize, session: SessionId, d: u8) {
        let machine = self.parties[kiosk].machine.clone();
        let own = machine.kiosk;
        let site = &self.parties[kiosk].mirror.site;
        let Some(known) = site.session(&session) else {
            return;
        };
        let replaces = known.head_ids_on(own);
        let stands = known.stands_on(own);
        // Mostly on sessions that stand there; sometimes a lie.
        if !stands && d < 200 {
            return;
        }
        let kiosk_id = own;
        match d % 4 {
            0 => self.say(kiosk, SessionPaused { session, kiosk: kiosk_id, replaces }),
            1 => self.say(kiosk, SessionResumed { session, kiosk: kiosk_id, replaces }),
            2 => self.say(
                kiosk,
                SessionClosed { session, kiosk: kiosk_id, cause: Cause::Left, replaces },
            ),
            _ => self.say(
                kiosk,
                SessionClosed { session, kiosk: kiosk_id, cause: Cause::Expired, replaces },
            ),
        };
        self.count(if stands { "step" } else { "step without an opening" });
    }

    /// What an honest kiosk does of its own accord: it carries out orders, and yields.
    pub(super) fn carry(&mut self, kiosk: usize) {
        let own = self.parties[kiosk].machine.kiosk;
        let site = &self.parties[kiosk].mirror.site;
        let on: Vec<_> = site.sessions_on(own).collect();
        for id in on {
            let site = &self.parties[kiosk].mirror.site;
            let Some(session) = site.session(&id) else {
                continue;
            };
            let replaces = session.head_ids_on(own);
            let here = session.winner().is_some_and(|(_, step)| step.kiosk == own);
            let order = session.pending_order();
            let (session, kiosk_id) = (id, own);
            let close = |cause| SessionClosed {
                session,
                kiosk: kiosk_id,
                cause,
                replaces: replaces.clone(),
            };
            if !here {
                self.count("displaced");
                self.say(kiosk, close(Cause::Displaced));
                continue;
            }
            match order {
                None => continue,
                Some(OrderKind::Close { keep_rest: true }) => self.say(kiosk, close(Cause::Freed)),
                Some(OrderKind::Close { keep_rest: false }) => self.say(kiosk, close(Cause::Staff)),
                Some(OrderKind::Pause) => {
                    self.say(kiosk, SessionPaused { session, kiosk: kiosk_id, replaces })
                }
                Some(OrderKind::Resume) => {
                    self.say(kiosk, SessionResumed { session, kiosk: kiosk_id, replaces })
                }
            };
            self.count("order carried out");
        }
    }

    pub(super) fn measure(&mut self, kiosk: usize, session: SessionId, d: u8) {
        let (machine, site) = (&self.parties[kiosk].machine, &self.parties[kiosk].mirror.site);
        let standing = site.sessions_on(machine.kiosk).next();
        let session = standing.filter(|_| d < 220).unwrap_or(session);
        let epoch = machine.epoch;
        let stands = site.session(&session).is_some_and(|s| s.stands_on(machine.kiosk));
        // Mostly of sessions that stand there; sometimes a lie about another's.
        if !stands && d < 220 {
            return;
        }
        let before = self.parties[kiosk].measured.get(&session).copied();
        let (n, used_ms) = before.map_or((1, 0), |r| (r.n + 1, r.used_ms + 1_000 * u64::from(d)));
        let mut reading = match d % 5 {
            0 => ended(session, epoch, n, used_ms),
            _ => running(session, epoch, n, used_ms),
        };
        reading.continues = before.and_then(|r| r.continues);
        self.parties[kiosk].measured.insert(session, reading);
        self.hear(kiosk, reading);
        self.count(if stands { "reading" } else { "reading of another's session" });
    }

    pub(super) fn restart(&mut self, kiosk: usize, c: u8) {
        let mut machine = self.parties[kiosk].machine.clone();
        let before = machine.epoch;
        machine.epoch = EpochId(self.world.draw());
        self.parties[kiosk].machine = machine.clone();
        let certificate = self.world.certificate(&machine);
        self.say(kiosk, certificate);
        let old = std::mem::take(&mut self.parties[kiosk].measured);
        for (session, last) in old {
            let mut next = running(session, machine.epoch, 1, u64::from(c) * 100);
            next.continues = Some((before, last.n));
            self.parties[kiosk].measured.insert(session, next);
            self.hear(kiosk, next);
            self.count("reading goes on in the next process");
        }
    }
}
