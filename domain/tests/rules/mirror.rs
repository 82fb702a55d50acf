//! A node as the domain sees it: it keeps entries, applies them, and obeys what [`Effect`] asks.

use std::collections::BTreeMap;

use domain::fact::Fact;
use domain::id::{EntryId, KioskId, SessionId, SiteId};
use domain::moment::Moment;
use domain::session::Reading;
use domain::site::{Effect, Site};

use crate::base::Base;
use crate::world::at;

/// Something that reaches a node.
#[derive(Debug, Clone)]
pub(crate) enum Arrival {
    Entry(EntryId, Fact),
    Reading(Reading),
}

#[derive(Clone)]
pub(crate) struct Mirror {
    pub(crate) site: Site,
    pub(crate) known: BTreeMap<EntryId, Fact>,
    /// Second entries under a name that is known: proofs of forks, forwarded whole.
    pub(crate) proofs: Vec<(EntryId, Fact)>,
    pub(crate) readings: Vec<Reading>,
    /// The bases that it adopted, but for those that others surpass.
    pub(crate) heads: Vec<Base>,
    /// All of them in one.
    pub(crate) base: Base,
    /// Times that all entries had to be applied again.
    pub(crate) refolds: usize,
    /// Times that one epoch's entries had to be applied again.
    pub(crate) rereads: usize,
}

impl Mirror {
    pub(crate) fn new(site: SiteId) -> Self {
        Mirror {
            site: Site::new(site),
            known: BTreeMap::new(),
            proofs: Vec::new(),
            readings: Vec::new(),
            heads: Vec::new(),
            base: Base::default(),
            refolds: 0,
            rereads: 0,
        }
    }

    /// Takes one arrival in and carries out at once what its effect asks.
    pub(crate) fn take(&mut self, arrival: &Arrival) {
        let effect = self.note(arrival);
        self.obey(vec![effect]);
    }

    /// Stands on a base too from now on: what it says first, then everything known above it.
    pub(crate) fn adopt(&mut self, base: &Base) {
        if self.heads.iter().any(|head| head == base || head.ground.surpasses(&base.ground)) {
            return;
        }
        self.heads.retain(|head| !base.ground.surpasses(&head.ground));
        self.heads.push(base.clone());
        self.base = Base::default();
        self.heads.iter().for_each(|head| self.base.join(head));
        self.site.rebase(self.base.ground.clone(), self.base.members());
        let known = self.known.iter();
        known.for_each(|(id, fact)| {
            if domain::authority::Chain::concerns(fact) {
                self.site.apply(*id, fact);
            }
        });
        self.refold();
    }

    fn refold(&mut self) {
        self.obey(vec![Effect { refold: true, ..Effect::default() }]);
    }

    /// Takes a whole delivery in before it carries anything out.
    pub(crate) fn take_together(&mut self, arrivals: &[Arrival]) {
        let effects = arrivals.iter().map(|arrival| self.note(arrival)).collect();
        self.obey(effects);
    }

    fn note(&mut self, arrival: &Arrival) -> Effect {
        match arrival {
            Arrival::Entry(id, fact) => match self.known.get(id) {
                Some(known) if known != fact => {
                    self.proofs.push((*id, fact.clone()));
                    self.site.apply_fork(id.epoch, id.seq)
                }
                _ => {
                    self.known.insert(*id, fact.clone());
                    self.site.apply(*id, fact)
                }
            },
            Arrival::Reading(reading) => {
                self.readings.push(*reading);
                self.site.read(*reading, at(0));
                Effect::default()
            }
        }
    }

    fn obey(&mut self, mut effects: Vec<Effect>) {
        while effects.iter().any(|e| e.refold || !e.reread.is_empty()) {
            let mut next = Vec::new();
            if effects.iter().any(|e| e.refold) {
                self.refolds += 1;
                self.site.unfold();
                self.base.settle_into(&mut self.site);
                next.extend(self.known.iter().map(|(id, fact)| self.site.apply(*id, fact)));
            } else {
                for epoch in effects.iter().flat_map(|e| &e.reread) {
                    self.rereads += 1;
                    let first = EntryId { epoch: *epoch, seq: 0 };
                    let last = EntryId { epoch: *epoch, seq: u64::MAX };
                    let own = self.known.range(first..=last);
                    next.extend(own.map(|(id, fact)| self.site.apply(*id, fact)));
                }
            }
            effects = next;
        }
    }

    /// What this node can tell another that the other does not know.
    pub(crate) fn unknown_to(&self, other: &Mirror) -> Vec<Arrival> {
        let fresh = |(id, fact): &(EntryId, Fact)| {
            other.known.get(id) != Some(fact) && !other.proofs.contains(&(*id, fact.clone()))
        };
        let entries = self.known.iter().map(|(id, fact)| (*id, fact.clone()));
        let entries = entries.chain(self.proofs.iter().cloned()).filter(fresh);
        let readings = self.readings.iter().filter(|r| !other.readings.contains(r));
        entries
            .map(|(id, fact)| Arrival::Entry(id, fact))
            .chain(readings.copied().map(Arrival::Reading))
            .collect()
    }

    /// All that anybody can see of the state, the hash of it first.
    pub(crate) fn sight(&self, kiosks: &[KioskId], now: Moment) -> Sight {
        let sessions = self.site.sessions().map(|(id, session)| {
            let node_of = |epoch: &_| self.site.node_of(epoch);
            let told = format!(
                "{:?} winner {:?} order {:?} granted {} measured {} excess {} left {:?} twice {:?}",
                session.state(),
                session.winner(),
                session.pending_order(),
                session.granted_ms(),
                session.measured_ms(node_of),
                session.excess_ms(node_of),
                self.site.remaining_ms(session, now),
                session.double_openings(),
            );
            (*id, told)
        });
        Sight {
            sessions: sessions.collect(),
            screens: kiosks
                .iter()
                .map(|kiosk| format!("{:?}", self.site.screen(*kiosk, now)))
                .collect(),
            floor: format!("{:?}", self.site.floor(now)),
            collisions: format!("{:?}", self.site.collisions().collect::<Vec<_>>()),
            standing: format!("{:?}", self.site.standing()),
            fingerprint: self.site.fingerprint().unwrap(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) sessions: BTreeMap<SessionId, String>,
    screens: Vec<String>,
    floor: String,
    collisions: String,
    standing: String,
    pub(crate) fingerprint: [u8; 32],
}

impl Sight {
    /// For a node with a base and one without: what others replaced is hashed by one of them.
    pub(crate) fn but_for_the_hash(mut self) -> Sight {
        self.fingerprint = [0; 32];
        self
    }

    /// Where two sights differ, if they do.
    pub(crate) fn difference(&self, other: &Sight) -> Option<String> {
        let sessions = (&self.sessions, &other.sessions);
        let ids: std::collections::BTreeSet<_> =
            sessions.0.keys().chain(sessions.1.keys()).collect();
        let sessions = ids.into_iter().map(|id| {
            let told = |in_sight: &BTreeMap<SessionId, String>| format!("{:?}", in_sight.get(id));
            (format!("{id:?}"), told(&self.sessions), told(&other.sessions))
        });
        let rest = [
            ("standing", &self.standing, &other.standing),
            ("screens", &self.screens.join(" "), &other.screens.join(" ")),
            ("floor", &self.floor, &other.floor),
            ("collisions", &self.collisions, &other.collisions),
        ];
        let rest = rest.map(|(what, one, two)| (what.to_owned(), one.clone(), two.clone()));
        let hash = |sight: &Sight| format!("{:?}", &sight.fingerprint[..4]);
        let hash = [("fingerprint".to_owned(), hash(self), hash(other))];
        let mut all = sessions.chain(rest).chain(hash);
        all.find(|(_, one, two)| one != two)
            .map(|(what, one, two)| format!("{what}\n   one {one}\n   two {two}"))
    }
}
