//! What a thief makes of what others wrote: ends, proofs, registers and logs that are not his.

use actors::entry::Entry;
use actors::replica::message::{Message, SignedReading, UseMessage, reading_bytes};
use domain::fact::{Fact, SessionExtended, SessionOpened};
use domain::id::{EntryId, KioskId, RequestId, SessionId, Signature};
use domain::session::{Reading, State, StepKind};
use rand::RngExt;
use rand::seq::IndexedRandom;
use storage::ledger_store::LedgerStore;

use crate::event::{Event, HostId};
use crate::sim::founding::STAFF;
use crate::sim::world::World;

impl World {
    /// A session that runs on another kiosk, and what its end there would follow.
    pub(super) fn runs_elsewhere(
        &mut self,
        host: HostId,
    ) -> Option<(SessionId, KioskId, Vec<EntryId>)> {
        let own = self.stage.host(host)?.identity.kiosk;
        let sessions = self.stage.running(host)?.replica.site().sessions();
        let elsewhere = sessions.filter_map(|(id, session)| match session.state()? {
            State::Open { kiosk, .. } if Some(kiosk) != own => {
                Some((*id, kiosk, session.head_ids_on(kiosk)))
            }
            State::Open { .. }
            | State::Issued
            | State::Paused { .. }
            | State::Closed { .. }
            | State::Withdrawn => None,
        });
        let elsewhere: Vec<_> = elsewhere.collect();
        elsewhere.choose(&mut self.rng).cloned()
    }

    /// What another kiosk wrote when a code was typed there.
    pub(super) fn overheard_opening(&mut self, host: HostId) -> Option<SessionOpened> {
        let own = self.stage.host(host)?.identity.kiosk;
        let process = self.stage.running(host)?;
        let steps = process.replica.site().sessions().flat_map(|(_, session)| session.steps());
        let opened = steps.filter(|(_, step)| {
            matches!(step.kind, StepKind::Opened { .. }) && Some(step.kiosk) != own
        });
        let opened: Vec<EntryId> = opened.map(|(entry, _)| *entry).collect();
        let store = process.replica.store().clone();
        let entry = opened.choose(&mut self.rng)?;
        let bytes = store.entry(&entry.epoch.0, entry.seq).ok()??;
        match Fact::decode(&Entry::parse(&bytes).ok()?.body) {
            Ok(Some(Fact::SessionOpened(opened))) => Some(opened),
            Ok(_) | Err(_) => None,
        }
    }

    /// A register of use of a session that the thief's node never opened, nor ever will: it was ended
    /// for good.
    pub(super) fn misread(&mut self, host: HostId) {
        let node = self.own_node(host);
        let sessions = self.stage.running(host).map(|process| {
            let sessions = process.replica.site().sessions();
            let others = sessions
                .filter(|(_, session)| session.close_ordered())
                .filter(|(_, session)| session.steps().all(|(_, step)| Some(step.node) != node));
            others.map(|(id, _)| *id).collect::<Vec<_>>()
        });
        let session = sessions.unwrap_or_default().choose(&mut self.rng).copied();
        let beginning = self.write_as_thief(host, &[]);
        self.tell_entries(host, &beginning);
        let log = self.thieves.get(&host).and_then(|thief| thief.log.clone());
        let (Some(session), Some(author)) = (session, log) else {
            return;
        };
        let reading = Reading {
            session,
            epoch: author.epoch(),
            n: 1,
            opening: 1,
            used_ms: 600_000,
            ahead_ms: 0,
            continues: None,
        };
        let Ok(bytes) = reading_bytes(&reading) else {
            return;
        };
        let signed = SignedReading { reading, signature: author.sign(&bytes) };
        self.tell(Event::Attacked { host, entries: Vec::new() });
        self.shout(host, &Message::Use(UseMessage::Readings(vec![signed])));
    }

    /// The next entry of somebody else's log, which he never signed.
    pub(super) fn impersonate(&mut self, host: HostId) {
        let own = self.own_node(host);
        let session = self.some_session(host);
        let (request, hint_ms) = (RequestId(self.rng.random()), self.time.wall_ms());
        let logs = self.stage.running(host).map(|process| {
            let site = process.replica.site();
            let others = process.replica.frontier().filter(|reach| {
                reach.height > 0 && site.node_of(&reach.epoch).is_some_and(|of| Some(of) != own)
            });
            others.copied().collect::<Vec<_>>()
        });
        let Some(log) = logs.unwrap_or_default().choose(&mut self.rng).copied() else {
            return;
        };
        let fact =
            Fact::SessionExtended(SessionExtended { session, seconds: 3_600, request, by: STAFF });
        let Ok(body) = fact.encode() else {
            return;
        };
        let id = EntryId { epoch: log.epoch, seq: log.height };
        let signature = Signature([7; 64]);
        self.tell(Event::Attacked { host, entries: Vec::new() });
        self.tell_entries(host, &[Entry { id, prev: log.head, hint_ms, body, signature }]);
    }
}
