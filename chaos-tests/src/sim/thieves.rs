//! Thieves: what a member's stolen key can say, beside what its honest node says.
//!
//! The honest program goes on running on the machine. The thief writes logs of his own under the
//! node's key, and sends what he likes over the machine's links.

mod hearsay;
mod histories;
mod noise;
mod perjury;

use std::collections::VecDeque;

use actors::clerk::lane_of;
use actors::entry::{Author, Entry};
use actors::link::lane::Lane;
use actors::replica::Identity;
use actors::replica::message::{LedgerMessage, Message};
use actors::signing::sign;
use domain::authority::NodeKind;
use domain::fact::{
    AdminAdmitted, BootCertificate, Cause, CodeIssued, Fact, MessageAcknowledged,
    NodeCountersigned, NodePaired, NodeRevoked, Part, Place, RowErased, SessionClosed,
    SessionExtended, SessionOpened, SettingsChanged, Withdrawn, boot_bytes, root_of,
};
use domain::id::{
    CodeKey, EntryId, EpochId, KioskId, NodeId, RequestId, RowId, SessionId, Signature,
};
use domain::settings::{IsolationPolicy, Settings};
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::agenda::Due;
use super::founding::STAFF;
use super::upsets::Active;
use super::world::World;
use crate::event::{Event, HostId};
use crate::fault::{Fault, Malice};

/// Frames that a thief remembers.
const MOST_REMEMBERED: usize = 128;
/// A thief does something so often, in milliseconds.
const BETWEEN_MS: std::ops::Range<u64> = 1_500..8_000;

/// What a thief has.
#[derive(Default)]
pub(super) struct Thief {
    /// The log that he writes under the stolen key.
    log: Option<Author>,
    heard: VecDeque<(Lane, Vec<u8>)>,
}

impl Thief {
    /// A frame passes: it may be of use.
    pub(super) fn remember(&mut self, lane: Lane, frame: &[u8]) {
        if self.heard.len() >= MOST_REMEMBERED {
            self.heard.pop_front();
        }
        self.heard.push_back((lane, frame.to_vec()));
    }
}

impl World {
    /// A thief does something, until his fault is over.
    pub(super) fn attack(&mut self, host: HostId, number: u32) {
        let fault = self.upsets.active.get(&number).map(|active: &Active| active.fault.clone());
        let Some(Fault::Hostile { with, .. }) = fault else {
            return;
        };
        let wait = self.rng.random_range(BETWEEN_MS);
        self.later(wait, Due::Attack { host, number });
        self.thieves.entry(host).or_default();
        if self.stage.running(host).is_none() {
            return;
        }
        match with {
            Malice::Forge => match self.rng.random_range(0..6) {
                0 => self.misread(host),
                1 => self.impersonate(host),
                _ => self.forge(host),
            },
            Malice::Replay => self.replay(host),
            Malice::Equivocate => match self.rng.random_range(0..4) {
                0 => self.follow_nothing(host),
                _ => self.equivocate(host),
            },
            Malice::Flood => self.flood(host),
            Malice::Defy => self.defy(host),
            Malice::Poison => self.poison(host),
            Malice::Lie => self.lie(host),
        }
    }

    /// Sends to every peer.
    fn shout(&mut self, host: HostId, message: &Message) {
        let peers: Vec<HostId> = self
            .stage
            .running(host)
            .map(|p| p.peers.values().copied().collect())
            .unwrap_or_default();
        for peer in peers {
            self.say_to(host, peer, message);
        }
    }

    fn say_to(&mut self, host: HostId, peer: HostId, message: &Message) {
        let lane = lane_of(message);
        if let Ok(frame) = message.encode()
            && frame.len() <= lane.max_frame()
        {
            self.send_frame(host, peer, lane, frame);
        }
    }

    /// Writes facts into the thief's log, which begins with a boot certificate of the stolen key.
    fn write_as_thief(&mut self, host: HostId, facts: &[Fact]) -> Vec<Entry> {
        let seed: [u8; 32] = self.rng.random();
        let hint_ms = self.time.wall_ms();
        let Some(me) = self.stage.running(host).map(|process| process.replica.me().clone()) else {
            return Vec::new();
        };
        let log = &mut self.thieves.entry(host).or_default().log;
        let mut entries = Vec::new();
        let author = log.get_or_insert_with(|| Author::new(seed));
        let boot = (author.height() == 0).then(|| boot_certificate(&me, author.epoch()));
        for fact in boot.iter().chain(facts) {
            let entry = fact.encode().ok().and_then(|body| author.entry(body, hint_ms));
            if let Some(entry) = entry {
                author.advance(&entry);
                entries.push(entry);
            }
        }
        entries
    }

    fn tell_entries(&mut self, host: HostId, entries: &[Entry]) {
        let entries = entries.iter().map(Entry::to_bytes).collect();
        let message = LedgerMessage::Entries { more: false, answer: false, entries };
        self.shout(host, &Message::Ledger(message));
    }

    /// Facts beyond the role of whoever's key it is.
    fn forge(&mut self, host: HostId) {
        let fact = self.draw_forgery(host);
        let entries = self.write_as_thief(host, &[fact]);
        let broke: Vec<EntryId> =
            entries.iter().map(|entry| entry.id).filter(|id| id.seq > 0).collect();
        self.tell(Event::Attacked { host, entries: broke });
        self.tell_entries(host, &entries);
    }

    fn draw_forgery(&mut self, host: HostId) -> Fact {
        let (session, other) = (self.some_session(host), self.some_kiosk(host));
        let (row, request) = (RowId(self.rng.random()), RequestId(self.rng.random()));
        let node = NodeId(self.rng.random());
        let nonsense = Signature([7; 64]);
        let own = self.stage.host(host).map(|home| home.identity.clone());
        if own.as_ref().is_some_and(|own| own.kind == NodeKind::Admin) {
            // An admin node may do much; admitting admin nodes is the site key's alone.
            return Fact::AdminAdmitted(AdminAdmitted { node, signature: nonsense });
        }
        let kiosk = own.and_then(|own| own.kiosk).unwrap_or(other);
        let now_ms = self.time.wall_ms();
        let part = Part { intent: request, index: 0, count: 1, root: [0; 32] };
        match self.rng.random_range(0..12) {
            0 => Fact::SessionExtended(SessionExtended {
                session,
                seconds: 3_600,
                request,
                by: STAFF,
            }),
            1 => Fact::CodeIssued(CodeIssued {
                session: SessionId(self.rng.random()),
                key: CodeKey(self.rng.random()),
                derivation: 1,
                seconds: 3_600,
                from_ms: now_ms,
                until_ms: now_ms + 3_600_000,
                place: Place::Anywhere,
                label: None,
                request,
                by: STAFF,
            }),
            2 => Fact::NodePaired(NodePaired { node, kiosk: other, by: STAFF }),
            3 => Fact::RowErased(RowErased { row, by: STAFF }),
            4 => Fact::Withdrawn(Withdrawn { session, by: STAFF }),
            5 => {
                let isolation = IsolationPolicy::AcceptKnown;
                let settings =
                    Settings { isolation, allowance_s: 12 * 3_600, ..Settings::default() };
                Fact::SettingsChanged(SettingsChanged { settings, replaces: Vec::new(), by: STAFF })
            }
            6 => {
                let root = root_of(&Vec::<domain::fact::Cut>::new()).unwrap_or_default();
                let part = Part { root, ..part };
                let node = self.some_node(host).unwrap_or(node);
                Fact::NodeRevoked(NodeRevoked { node, part, cut: Vec::new(), by: STAFF })
            }
            7 => {
                let (session, kiosk, replaces) =
                    self.runs_elsewhere(host).unwrap_or((session, other, Vec::new()));
                Fact::SessionClosed(SessionClosed { session, kiosk, cause: Cause::Staff, replaces })
            }
            8 => {
                let node = self.own_node(host).unwrap_or(node);
                Fact::SessionOpened(SessionOpened {
                    session,
                    kiosk,
                    node,
                    opening: 1,
                    replaces: Vec::new(),
                    proof: nonsense,
                })
            }
            9 => {
                let token = self.founding.token();
                Fact::NodeCountersigned(NodeCountersigned { node, token, kiosk: other })
            }
            10 => match (self.overheard_opening(host), self.own_node(host)) {
                // The proof is right, and of another kiosk.
                (Some(heard), Some(node)) => Fact::SessionOpened(SessionOpened {
                    kiosk,
                    node,
                    replaces: Vec::new(),
                    ..heard
                }),
                _ => Fact::AdminAdmitted(AdminAdmitted { node, signature: nonsense }),
            },
            _ => Fact::AdminAdmitted(AdminAdmitted { node, signature: nonsense }),
        }
    }

    fn some_session(&mut self, host: HostId) -> SessionId {
        let sessions: Vec<SessionId> = self
            .stage
            .running(host)
            .map(|process| process.replica.site().sessions().map(|(id, _)| *id).collect())
            .unwrap_or_default();
        sessions.choose(&mut self.rng).copied().unwrap_or_else(|| SessionId(self.rng.random()))
    }

    /// Another host's kiosk.
    fn some_kiosk(&mut self, host: HostId) -> KioskId {
        let kiosks: Vec<HostId> =
            self.scenario.site.kiosk_hosts().filter(|other| *other != host).collect();
        super::founding::kiosk_of(kiosks.choose(&mut self.rng).copied().unwrap_or(host))
    }

    fn some_node(&mut self, host: HostId) -> Option<NodeId> {
        let peers: Vec<NodeId> = self.stage.running(host)?.peers.keys().copied().collect();
        peers.choose(&mut self.rng).copied()
    }

    fn own_node(&mut self, host: HostId) -> Option<NodeId> {
        Some(self.stage.running(host)?.replica.me().node())
    }

    /// Writes on after its revocation, within its role.
    fn defy(&mut self, host: HostId) {
        let kiosk = self.stage.host(host).and_then(|home| home.identity.kiosk);
        let fact = match kiosk {
            Some(kiosk) => {
                let message = RowId(self.rng.random());
                Fact::MessageAcknowledged(MessageAcknowledged { message, kiosk })
            }
            None => Fact::SessionExtended(SessionExtended {
                session: self.some_session(host),
                seconds: 600,
                request: RequestId(self.rng.random()),
                by: STAFF,
            }),
        };
        let entries = self.write_as_thief(host, &[fact]);
        self.tell(Event::Attacked { host, entries: Vec::new() });
        self.tell_entries(host, &entries);
    }
}

/// The certificate with which a log begins: of the stolen key, so that it is believed.
fn boot_certificate(me: &Identity, epoch: EpochId) -> Fact {
    let (node, amnesic, machine) = (me.node(), me.amnesic, me.machine);
    let bytes = boot_bytes(&me.site, &node, &epoch, amnesic, &machine, None);
    let (knew_ms, signature) = (None, sign(&me.node_key, &bytes));
    Fact::BootCertificate(BootCertificate { node, epoch, amnesic, machine, knew_ms, signature })
}
