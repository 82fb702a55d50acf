//! Thieves: what a member's stolen key can say, beside what its honest node says.
//!
//! The honest program goes on running on the machine. The thief writes logs of his own under the
//! node's key, and sends what he likes over the machine's links.

mod hearsay;

use std::collections::VecDeque;

use actors::entry::{Author, Entry};
use actors::link::lane::Lane;
use actors::replica::Identity;
use actors::replica::message::{LedgerMessage, MOST_REACHES, Message, Reach, UseMessage};
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
use super::world::{World, lane_of};
use crate::event::{Event, HostId};
use crate::fault::{Fault, Malice};

/// Frames that a thief remembers.
const MOST_REMEMBERED: usize = 128;
/// A thief does something so often, in milliseconds.
const BETWEEN_MS: std::ops::Range<u64> = 1_500..8_000;
/// Messages in one burst of a flood.
const BURST: usize = 24;

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
            Malice::Equivocate => self.equivocate(host),
            Malice::Flood => self.flood(host),
            Malice::Defy => self.defy(host),
            Malice::Poison => self.poison(host),
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

    /// Old frames, again and again, to anybody.
    fn replay(&mut self, host: HostId) {
        self.tell(Event::Attacked { host, entries: Vec::new() });
        let heard = self.thieves.get(&host).map(|thief| thief.heard.clone()).unwrap_or_default();
        let heard: Vec<_> = heard.into_iter().collect();
        let peers: Vec<HostId> = self
            .stage
            .running(host)
            .map(|p| p.peers.values().copied().collect())
            .unwrap_or_default();
        for _ in 0..BURST {
            let (Some((lane, frame)), Some(peer)) =
                (heard.choose(&mut self.rng).cloned(), peers.choose(&mut self.rng).copied())
            else {
                return;
            };
            self.send_frame(host, peer, lane, frame);
        }
    }

    /// Two histories: one half hears this, the other that.
    fn equivocate(&mut self, host: HostId) {
        let kiosk = self.stage.host(host).and_then(|home| home.identity.kiosk);
        let beginning = self.write_as_thief(host, &[]);
        self.tell_entries(host, &beginning);
        let Some(author) = self.thieves.get(&host).and_then(|thief| thief.log.clone()) else {
            return;
        };
        let hint_ms = self.time.wall_ms();
        let mut histories = Vec::new();
        for _ in 0..2 {
            // Each would have effect, if the other were not there.
            let row = RowId(self.rng.random());
            let fact = match kiosk {
                Some(kiosk) => {
                    Fact::MessageAcknowledged(MessageAcknowledged { message: row, kiosk })
                }
                None => Fact::RowErased(RowErased { row, by: STAFF }),
            };
            let entry = fact.encode().ok().and_then(|body| author.entry(body, hint_ms));
            histories.extend(entry);
        }
        let [one, other] = histories.as_slice() else {
            return;
        };
        let (epoch, seq) = (one.id.epoch, one.id.seq);
        self.tell(Event::Equivocated { host, epoch, seq });
        // Each alone is within the role: where only one ever arrives, it counts.
        self.tell(Event::Attacked { host, entries: Vec::new() });
        let peers: Vec<HostId> = self
            .stage
            .running(host)
            .map(|p| p.peers.values().copied().collect())
            .unwrap_or_default();
        for (place, peer) in peers.into_iter().enumerate() {
            let told = if place % 2 == 0 { one } else { other };
            let entries = vec![told.to_bytes()];
            let message = LedgerMessage::Entries { more: false, answer: false, entries };
            self.say_to(host, peer, &Message::Ledger(message));
        }
        // The next lie is in a log of its own.
        self.thieves.entry(host).or_default().log = None;
    }

    /// As many bytes as pass.
    fn flood(&mut self, host: HostId) {
        self.tell(Event::Attacked { host, entries: Vec::new() });
        let epochs: Vec<EpochId> = self
            .stage
            .running(host)
            .map(|process| process.replica.frontier().map(|reach| reach.epoch).collect())
            .unwrap_or_default();
        for _ in 0..BURST {
            let message = match self.rng.random_range(0..3) {
                0 => {
                    let wants = epochs.iter().take(200).map(|epoch| (*epoch, 0)).collect();
                    Message::Ledger(LedgerMessage::Want(wants))
                }
                1 => {
                    let reaches = (0..MOST_REACHES / 10).map(|_| Reach {
                        epoch: EpochId(self.rng.random()),
                        pruned_below: 0,
                        height: self.rng.random_range(1..1_000_000),
                        head: self.rng.random(),
                    });
                    let reaches = reaches.collect();
                    Message::Ledger(LedgerMessage::Frontier { more: false, reaches })
                }
                _ => {
                    let buckets =
                        (0..actors::replica::message::BUCKETS).map(|_| self.rng.random()).collect();
                    Message::Use(UseMessage::Digest { buckets, reply: true })
                }
            };
            self.shout(host, &message);
        }
    }

    /// Writes on after its revocation, within its role.
    fn defy(&mut self, host: HostId) {
        let session = self.some_session(host);
        let kiosk = self.stage.host(host).and_then(|home| home.identity.kiosk);
        let fact = match kiosk {
            Some(kiosk) => Fact::SessionClosed(SessionClosed {
                session,
                kiosk,
                cause: Cause::Left,
                replaces: Vec::new(),
            }),
            None => Fact::SessionExtended(SessionExtended {
                session,
                seconds: 600,
                request: RequestId(self.rng.random()),
                by: STAFF,
            }),
        };
        let entries = self.write_as_thief(host, &[fact]);
        self.tell(Event::Attacked { host, entries: Vec::new() });
        self.tell_entries(host, &entries);
    }

    /// What no honest program sends.
    fn poison(&mut self, host: HostId) {
        self.tell(Event::Attacked { host, entries: Vec::new() });
        let Some(peer) = self.some_node(host) else {
            return;
        };
        let Some(peer) = self.stage.running(host).and_then(|p| p.peers.get(&peer).copied()) else {
            return;
        };
        let fact = self.draw_forgery(host);
        let mut entries: Vec<Vec<u8>> =
            self.write_as_thief(host, &[fact]).iter().map(Entry::to_bytes).collect();
        match self.rng.random_range(0..4) {
            0 => {
                let length = self.rng.random_range(1..600);
                let frame: Vec<u8> = (0..length).map(|_| self.rng.random()).collect();
                self.send_frame(host, peer, Lane::Ledger, frame);
                return;
            }
            // A gap: the first is missing, so nothing follows anything.
            1 => entries.truncate(1),
            // Of a layout that does not exist yet.
            2 => entries.iter_mut().for_each(|bytes| bytes[0] = 9),
            // Signed by nobody.
            _ => {
                for bytes in &mut entries {
                    let place = self.rng.random_range(1..bytes.len());
                    bytes[place] ^= 1;
                }
            }
        }
        let message = LedgerMessage::Entries { more: false, answer: false, entries };
        self.say_to(host, peer, &Message::Ledger(message));
    }
}

/// The certificate with which a log begins: of the stolen key, so that it is believed.
fn boot_certificate(me: &Identity, epoch: EpochId) -> Fact {
    let (node, amnesic) = (me.node(), me.amnesic);
    let signature = sign(&me.node_key, &boot_bytes(&me.site, &node, &epoch, amnesic, None));
    Fact::BootCertificate(BootCertificate { node, epoch, amnesic, knew_ms: None, signature })
}
