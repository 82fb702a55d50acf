//! A stage for the invariants' own tests: four hosts with real keys and real entries, on which a test
//! plays out by hand what an honest system does, and what one with a mistake would.

mod nodes;
mod sessions;

use std::collections::BTreeMap;

use actors::entry::{Author, Entry};
use domain::command::Command;
use domain::fact::{
    AdminAdmitted, BootCertificate, Derivation, Fact, NodePaired, Part, SiteFounded,
    admin_admission_bytes, boot_bytes, founding_bytes, root_of,
};
use domain::id::{
    EntryId, EpochId, KioskId, NodeId, OperatorId, RequestId, SessionId, Signature, SiteId,
};
use domain::operator::{By, OperatorRole};
use ed25519_dalek::{Signer, SigningKey};

use crate::book::Book;
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId, Stop};
use crate::fault::Fault;
use nodes::{Node, Nodes};

pub(super) const ADMIN: HostId = HostId(0);
pub(super) const OTHER_ADMIN: HostId = HostId(1);
pub(super) const KIOSK: HostId = HostId(2);
pub(super) const OTHER_KIOSK: HostId = HostId(3);
const ALL: [HostId; 4] = [ADMIN, OTHER_ADMIN, KIOSK, OTHER_KIOSK];

pub(super) const BY: By = By { operator: OperatorId([1; 16]), role: OperatorRole::Admin };

/// An issued code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Issued {
    pub(super) session: SessionId,
    pub(super) entry: EntryId,
}

/// See the module.
pub(super) struct Stage<I> {
    pub(super) nodes: Nodes,
    pub(super) at_ms: u64,
    book: Book,
    invariant: I,
    broken: Option<Broken>,
    drawn: u8,
    codes: BTreeMap<SessionId, SigningKey>,
    faults: u32,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn signed(key: &SigningKey, bytes: &[u8]) -> Signature {
    Signature(key.sign(bytes).to_bytes())
}

fn node_of(key: &SigningKey) -> NodeId {
    NodeId(key.verifying_key().to_bytes())
}

pub(super) fn kiosk_of(host: HostId) -> Option<KioskId> {
    let number = u8::try_from(host.0).unwrap();
    (host.0 >= KIOSK.0).then_some(KioskId([number; 16]))
}

impl<I: Invariant> Stage<I> {
    /// A founded site: two admin hosts, two kiosks, each of which holds what all have written.
    pub(super) fn with(invariant: I) -> Self {
        let site_key = key(99);
        let site = SiteId(site_key.verifying_key().to_bytes());
        let nodes = ALL.map(|host| Node::new(host, key(10 + u8::try_from(host.0).unwrap()), site));
        let mut stage = Stage {
            nodes: Nodes::new(nodes.to_vec()),
            at_ms: 1_000,
            book: Book::default(),
            invariant,
            broken: None,
            drawn: 0,
            codes: BTreeMap::new(),
            faults: 0,
        };
        ALL.into_iter().for_each(|host| stage.start(host, true));
        let derivation = Derivation { version: 1, salt: [3; 16], memory_kib: 1024, passes: 1 };
        let name = String::from("Médiathèque");
        let signature = signed(&site_key, &founding_bytes(&site, &name, &derivation));
        stage.write(ADMIN, SiteFounded { site, name, derivation, signature });
        for host in [ADMIN, OTHER_ADMIN] {
            let node = stage.nodes.at(host).node;
            let signature = signed(&site_key, &admin_admission_bytes(&site, &node));
            stage.write(ADMIN, AdminAdmitted { node, signature });
        }
        for host in [KIOSK, OTHER_KIOSK] {
            let (node, kiosk) = (stage.nodes.at(host).node, kiosk_of(host).unwrap());
            stage.write(ADMIN, NodePaired { node, kiosk, by: BY });
        }
        stage.spread();
        stage
    }

    fn scene(&self) -> Scene<'_> {
        Scene { at_ms: self.at_ms, book: &self.book, cluster: &self.nodes }
    }

    fn note(&mut self, held: Held) {
        if let Err(broken) = held {
            self.broken.get_or_insert(broken);
        }
    }

    pub(super) fn see(&mut self, event: Event) {
        self.book.see(self.at_ms, &event, &self.nodes);
        let scene = Scene { at_ms: self.at_ms, book: &self.book, cluster: &self.nodes };
        let held = self.invariant.see(&event, scene);
        self.note(held);
    }

    /// Healing ends, a little time passes, and the invariant looks at everything.
    pub(super) fn heal(&mut self) {
        self.see(Event::Healed);
        for _ in 0..3 {
            self.pass(1_000);
            self.see(Event::Sometimes("a second passed"));
        }
        self.look();
    }

    /// The invariant looks at everything.
    pub(super) fn look(&mut self) {
        let scene = Scene { at_ms: self.at_ms, book: &self.book, cluster: &self.nodes };
        let held = self.invariant.healed(scene);
        self.note(held);
    }

    /// The host that the first breach is about; the outer `None` if there was none.
    pub(super) fn broken(&self) -> Option<Option<HostId>> {
        self.broken.as_ref().map(|broken| broken.host)
    }

    /// What the first breach says.
    pub(super) fn words(&self) -> &str {
        self.broken.as_ref().map_or("", |broken| broken.what.as_str())
    }

    pub(super) fn judged(&self) -> u64 {
        self.invariant.judged()
    }

    pub(super) fn worst(&self) -> Option<f64> {
        self.invariant.worst().map(|(figure, _)| figure)
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.at_ms += ms;
    }

    fn draw(&mut self) -> u8 {
        self.drawn += 1;
        self.drawn
    }

    pub(super) fn request(&mut self) -> RequestId {
        RequestId([self.draw(); 16])
    }

    /// A host writes a fact: it alone holds it.
    pub(super) fn write(&mut self, host: HostId, fact: impl Into<Fact>) -> EntryId {
        let body = fact.into().encode().unwrap();
        self.write_body(host, body)
    }

    /// As [`Stage::write`], for bytes that are no fact of this release.
    pub(super) fn write_body(&mut self, host: HostId, body: Vec<u8>) -> EntryId {
        let node = self.nodes.at_mut(host);
        let entry = node.author.entry(body, 0).unwrap();
        node.author.advance(&entry);
        self.place(host, &entry);
        self.see(Event::Wrote { host, entries: vec![entry.id] });
        entry.id
    }

    /// Puts an entry's bytes on a host, whoever wrote it.
    pub(super) fn place(&mut self, host: HostId, entry: &Entry) {
        let node = self.nodes.at_mut(host);
        node.entries.insert(entry.id, entry.to_bytes());
        node.refold();
    }

    pub(super) fn tell(&mut self, host: HostId, entry: EntryId) {
        let holder = ALL.into_iter().find_map(|host| self.nodes.at(host).entries.get(&entry));
        let bytes = holder.unwrap().clone();
        let node = self.nodes.at_mut(host);
        node.entries.insert(entry, bytes);
        node.refold();
    }

    pub(super) fn forget(&mut self, host: HostId, entry: EntryId) {
        let node = self.nodes.at_mut(host);
        node.entries.remove(&entry);
        node.refold();
    }

    /// Everybody comes to hold everything.
    pub(super) fn spread(&mut self) {
        self.nodes.spread();
    }

    /// A host comes to hold everything, and takes nothing of it in.
    pub(super) fn hold_all(&mut self, host: HostId) {
        let all = ALL.map(|other| self.nodes.at(other).entries.clone());
        self.nodes.at_mut(host).entries.extend(all.into_iter().flatten());
    }

    /// A host stands on a checkpoint that covers what it holds of another's log, and prunes that.
    pub(super) fn prune(&mut self, host: HostId, log: HostId) {
        let epoch = self.epoch(log);
        self.nodes.at_mut(host).prune(epoch);
    }

    pub(super) fn start(&mut self, host: HostId, new_boot: bool) {
        let seed = 100 + self.draw();
        let site = self.nodes.at(host).site.id();
        let amnesic = self.nodes.at(host).amnesic;
        let node = self.nodes.at_mut(host);
        node.author = Author::new([seed; 32]);
        node.running = true;
        let (name, epoch) = (node.node, node.author.epoch());
        let machine = [u8::try_from(host.0).unwrap(); 32];
        let signature =
            signed(&node.key, &boot_bytes(&site, &name, &epoch, amnesic, &machine, None));
        self.see(Event::Started {
            host,
            node: name,
            kiosk: kiosk_of(host),
            epoch,
            new_boot,
            amnesic,
        });
        let (node, knew_ms) = (name, None);
        let boot = BootCertificate { node, epoch, amnesic, machine, knew_ms, signature };
        let boot = self.write(host, boot);
        ALL.into_iter().for_each(|other| self.tell(other, boot));
    }

    pub(super) fn stop(&mut self, host: HostId, how: Stop) {
        self.nodes.at_mut(host).running = false;
        self.see(Event::Stopped { host, how });
    }

    pub(super) fn durable(&mut self, host: HostId) {
        self.see(Event::Durable { host, staged_ms: self.at_ms });
    }

    /// A kiosk's process starts on a host that is not on the stage.
    pub(super) fn pretend_kiosk(&mut self, host: HostId) {
        let number = u8::try_from(host.0).unwrap();
        let (node, epoch) = (NodeId([number; 32]), EpochId([number; 32]));
        let kiosk = Some(KioskId([number; 16]));
        self.see(Event::Started { host, node, kiosk, epoch, new_boot: true, amnesic: false });
    }

    pub(super) fn link(&mut self, one: HostId, other: HostId) {
        self.see(Event::Linked { one, other });
    }

    pub(super) fn unlink(&mut self, one: HostId, other: HostId) {
        self.see(Event::Unlinked { one, other });
    }

    pub(super) fn begin(&mut self, fault: Fault, hosts: &[HostId]) {
        self.faults += 1;
        self.see(Event::FaultBegan { number: self.faults, fault, hosts: hosts.to_vec() });
    }

    pub(super) fn ask(&mut self, host: HostId, command: Command, role: OperatorRole) -> RequestId {
        let request = self.request();
        self.see(Event::Asked { host, request, command, role: Some(role) });
        request
    }

    pub(super) fn accept(&mut self, host: HostId, request: RequestId, entries: &[EntryId]) {
        let entries = entries.to_vec();
        self.see(Event::Accepted { host, request, entries, session: None });
    }

    pub(super) fn say_replicated(&mut self, host: HostId, entry: EntryId, told: (u32, u32)) {
        self.nodes.at_mut(host).replicated.insert(entry, told);
    }

    /// The entry that a host wrote last.
    pub(super) fn last_of(&self, host: HostId) -> EntryId {
        let author = &self.nodes.at(host).author;
        EntryId { epoch: author.epoch(), seq: author.height() - 1 }
    }

    /// A host's running epoch.
    pub(super) fn epoch(&self, host: HostId) -> EpochId {
        self.nodes.at(host).author.epoch()
    }

    /// The one piece of an intent that fits an entry.
    pub(super) fn part<T: serde::Serialize>(&mut self, whole: &T) -> Part {
        let root = root_of(whole).unwrap();
        Part { intent: self.request(), index: 0, count: 1, root }
    }

    /// What a host's node is.
    pub(super) fn node(&self, host: HostId) -> NodeId {
        self.nodes.at(host).node
    }
}

impl Node {
    /// A host's node under its key, before its first start.
    fn new(host: HostId, key: SigningKey, site: SiteId) -> Self {
        Node::of(host, node_of(&key), key, site)
    }
}
