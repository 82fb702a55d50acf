//! A stage for the invariants' own tests: four hosts with real keys and real entries, on which a test
//! plays out by hand what an honest system does, and what one with a mistake would.

mod nodes;

use std::collections::BTreeMap;

use actors::entry::{Author, Entry};
use domain::command::Command;
use domain::fact::{
    AdminAdmitted, BootCertificate, Cause, CloseAsked, CodeIssued, Derivation, Fact, NodePaired,
    Part, Place, SessionClosed, SessionExtended, SessionOpened, SiteFounded, Withdrawn,
    admin_admission_bytes, boot_bytes, founding_bytes, opening_bytes, root_of,
};
use domain::id::{
    CodeKey, EntryId, EpochId, KioskId, NodeId, OperatorId, RequestId, SessionId, Signature, SiteId,
};
use domain::operator::{By, OperatorRole};
use domain::session::Reading;
use domain::settings::ALONE_AFTER_MS;
use ed25519_dalek::{Signer, SigningKey};

use crate::book::Book;
use crate::book::knowledge::Knowledge;
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId, Shown, Stop};
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
        let signature = signed(&node.key, &boot_bytes(&site, &name, &epoch, amnesic, None));
        self.see(Event::Started {
            host,
            node: name,
            kiosk: kiosk_of(host),
            epoch,
            new_boot,
            amnesic,
        });
        let boot = self
            .write(host, BootCertificate { node: name, epoch, amnesic, knew_ms: None, signature });
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

    /// An admin host issues a code.
    pub(super) fn issue(&mut self, host: HostId, seconds: u32) -> (RequestId, Issued) {
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
    pub(super) fn issued(&self, session: SessionId) -> EntryId {
        let found = self.book.ledger.sessions.get(&session).unwrap();
        found.grants.iter().find(|grant| grant.request.is_none()).unwrap().entry
    }

    /// The kiosk whose step stands, as an admin host sees it.
    pub(super) fn kiosk_of_winner(&self, session: SessionId) -> Option<KioskId> {
        let found = self.nodes.at(ADMIN).site.session(&session)?;
        found.winner().map(|(_, step)| step.kiosk)
    }

    pub(super) fn extend(&mut self, host: HostId, session: SessionId, seconds: i32) -> EntryId {
        let request = self.request();
        self.write(host, SessionExtended { session, seconds, request, by: BY })
    }

    pub(super) fn withdraw(&mut self, host: HostId, session: SessionId) -> EntryId {
        self.write(host, Withdrawn { session, by: BY })
    }

    pub(super) fn close(&mut self, host: HostId, session: SessionId, keep_rest: bool) -> EntryId {
        let sees = self.nodes.at(host).heads(session);
        self.write(host, CloseAsked { session, keep_rest, sees, note: None, by: BY })
    }

    /// The code is typed on a kiosk, which opens the session as it sees it.
    pub(super) fn open(&mut self, host: HostId, session: SessionId) -> EntryId {
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
    pub(super) fn opened(&mut self, admin: HostId, kiosk: HostId, seconds: u32) -> SessionId {
        let (_, issued) = self.issue(admin, seconds);
        self.tell(kiosk, issued.entry);
        self.open(kiosk, issued.session);
        issued.session
    }

    /// The session ends on a kiosk: closed in the ledger, gone from the page.
    pub(super) fn closed(&mut self, host: HostId, session: SessionId, cause: Cause) -> EntryId {
        let replaces = self.nodes.at(host).own_heads(session);
        let kiosk = kiosk_of(host).unwrap();
        let entry = self.write(host, SessionClosed { session, kiosk, cause, replaces });
        self.shows(host, Shown::Ended { session, cause });
        entry
    }

    /// The page as an honest kiosk shows it, which knows whether it is alone.
    pub(super) fn shows(&mut self, host: HostId, shown: Shown) {
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
    pub(super) fn runs(&mut self, host: HostId, session: SessionId, ms: u64) {
        self.page(host, session);
        let until = self.at_ms + ms;
        while self.at_ms + 1_000 <= until {
            self.pass(1_000);
            self.page(host, session);
        }
        self.at_ms = until;
    }

    /// A kiosk's process writes a reading, which it alone holds.
    pub(super) fn reads(&mut self, host: HostId, session: SessionId, used_ms: u64, ahead_ms: u32) {
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
