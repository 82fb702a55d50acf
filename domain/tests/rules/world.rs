//! A made-up site: real keys, two admin nodes, kiosks, and a ledger that grows by whole steps.

use domain::authority::NodeKind;
use domain::command::{Asked, Command, Terms};
use domain::decide::Author;
use domain::fact::{
    AdminAdmitted, AdminRevoked, BootCertificate, Cut, Derivation, Fact, NodeAdmitted, Part, Place,
    Scope, SessionOpened, SiteFounded, admin_admission_bytes, admin_revocation_bytes, boot_bytes,
    founding_bytes, node_admission_bytes, opening_bytes, root_of,
};
use domain::id::{
    CodeKey, EntryId, EpochId, KioskId, NodeId, OperatorId, RequestId, RoomId, RowId, SessionId,
    Signature, SiteId, TokenId,
};
use domain::moment::Moment;
use domain::operator::{By, OperatorRole};
use domain::refusal::Refusal;
use domain::session::{READING_MS, Reading, Session, State};
use domain::site::Site;
use ed25519_dalek::{Signer, SigningKey};

use crate::chance::bytes_of;
use crate::mirror::{Arrival, Mirror};

pub(crate) const NOW_MS: i64 = 1_800_000_000_000;
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// The moment `boot_ms` after everything began, on a trusted clock.
pub(crate) fn at(boot_ms: u64) -> Moment {
    Moment { boot_ms, wall_ms: NOW_MS + i64::try_from(boot_ms).unwrap(), trusted: true }
}

pub(crate) fn by(role: OperatorRole) -> By {
    By { operator: OperatorId(bytes_of("operator", 1)[..16].try_into().unwrap()), role }
}

pub(crate) const HOST: OperatorRole = OperatorRole::Host;
pub(crate) const ADMIN: OperatorRole = OperatorRole::Admin;

pub(crate) fn sign(key: &SigningKey, bytes: &[u8]) -> Signature {
    Signature(key.sign(bytes).to_bytes())
}

/// A running node: its key and its present epoch.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) key: SigningKey,
    pub(crate) node: NodeId,
    pub(crate) epoch: EpochId,
    pub(crate) kind: NodeKind,
    pub(crate) kiosk: KioskId,
}

impl Machine {
    pub(crate) fn author(&self) -> Author {
        Author::Kiosk { kiosk: self.kiosk, node: self.node }
    }
}

/// A code that was issued, with the secret that a patron types.
#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) session: SessionId,
    pub(crate) key: SigningKey,
}

impl Code {
    pub(crate) fn public(&self) -> CodeKey {
        CodeKey(self.key.verifying_key().to_bytes())
    }
}

/// A join token with its secret.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) key: SigningKey,
    pub(crate) id: TokenId,
}

pub(crate) struct World {
    pub(crate) site_key: SigningKey,
    pub(crate) id: SiteId,
    pub(crate) room: RoomId,
    /// Every arrival, in the order in which it was made.
    pub(crate) arrivals: Vec<Arrival>,
    /// A node that sees everything at once.
    pub(crate) view: Mirror,
    drawn: u64,
}

impl World {
    /// A site key and nothing else.
    pub(crate) fn unfounded() -> Self {
        let site_key = SigningKey::from_bytes(&bytes_of("site", 0));
        let id = SiteId(site_key.verifying_key().to_bytes());
        World {
            site_key,
            id,
            room: RoomId([7; 16]),
            arrivals: Vec::new(),
            view: Mirror::new(id),
            drawn: 0,
        }
    }

    /// A founded site with two admin nodes, one room and `count` kiosks, paired and named.
    pub(crate) fn with_kiosks(count: usize) -> (Self, [Machine; 2], Vec<Machine>) {
        let mut world = World::unfounded();
        let first = world.admin_machine();
        world.found(&first);
        world.admit_admin(&first, first.node);
        let second = world.admin_machine();
        world.admit_admin(&first, second.node);
        let room =
            Command::NameRoom { room: world.room, name: "Salle multimédia".into(), order: 1 };
        world.command(&first, ADMIN, room).unwrap();
        let kiosks = (0..count).map(|_| world.paired_kiosk(&first)).collect();
        (world, [first, second], kiosks)
    }

    pub(crate) fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        bytes_of("drawn", self.drawn)
    }

    pub(crate) fn draw16(&mut self) -> [u8; 16] {
        self.draw()[..16].try_into().unwrap()
    }

    pub(crate) fn draw_key(&mut self) -> SigningKey {
        SigningKey::from_bytes(&self.draw())
    }

    pub(crate) fn site(&self) -> &Site {
        &self.view.site
    }

    pub(crate) fn session(&self, id: SessionId) -> &Session {
        self.site().session(&id).unwrap()
    }

    pub(crate) fn state(&self, id: SessionId) -> State {
        self.session(id).state().unwrap()
    }

    pub(crate) fn left_ms(&self, id: SessionId) -> u64 {
        self.site().remaining_ms(self.session(id), at(0)).0
    }

    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        self.site().fingerprint().unwrap()
    }

    /// The number that the epoch's next entry bears.
    pub(crate) fn height(&self, epoch: EpochId) -> u64 {
        let own = |id: &EntryId| id.epoch == epoch;
        let known = self.view.known.keys().filter(|id| own(id));
        known.map(|id| id.seq + 1).max().unwrap_or(0)
    }

    pub(crate) fn write(&mut self, epoch: EpochId, fact: impl Into<Fact>) -> EntryId {
        let seq = self.height(epoch);
        self.write_at(EntryId { epoch, seq }, fact)
    }

    /// Writes under a name of one's choice: a gap, or a fork.
    pub(crate) fn write_at(&mut self, id: EntryId, fact: impl Into<Fact>) -> EntryId {
        self.arrive(Arrival::Entry(id, fact.into()));
        id
    }

    fn arrive(&mut self, arrival: Arrival) {
        self.view.take(&arrival);
        self.arrivals.push(arrival);
    }

    // ── Machines ────────────────────────────────────────────────────────────

    fn machine(&mut self, kind: NodeKind, kiosk: KioskId) -> Machine {
        let key = self.draw_key();
        let mut machine = Machine {
            node: NodeId(key.verifying_key().to_bytes()),
            key,
            epoch: EpochId([0; 32]),
            kind,
            kiosk,
        };
        self.boot(&mut machine);
        machine
    }

    pub(crate) fn admin_machine(&mut self) -> Machine {
        self.machine(NodeKind::Admin, KioskId([0; 16]))
    }

    pub(crate) fn kiosk_machine(&mut self, kiosk: KioskId) -> Machine {
        self.machine(NodeKind::Kiosk, kiosk)
    }

    /// Starts a new epoch.
    pub(crate) fn boot(&mut self, machine: &mut Machine) {
        machine.epoch = EpochId(self.draw());
        let certificate = self.certificate(machine);
        self.write(machine.epoch, certificate);
    }

    pub(crate) fn certificate(&self, machine: &Machine) -> BootCertificate {
        self.certificate_of_one_that_knew(machine, None)
    }

    pub(crate) fn certificate_of_one_that_knew(
        &self,
        machine: &Machine,
        knew_ms: Option<i64>,
    ) -> BootCertificate {
        let bytes = boot_bytes(&self.id, &machine.node, &machine.epoch, false, &[0; 32], knew_ms);
        BootCertificate {
            node: machine.node,
            epoch: machine.epoch,
            amnesic: false,
            machine: [0; 32],
            knew_ms,
            signature: sign(&machine.key, &bytes),
        }
    }

    pub(crate) fn found(&mut self, by: &Machine) {
        let name = String::from("Médiathèque des Avirons");
        let derivation = Derivation { version: 1, salt: [3; 16], memory_kib: 19_456, passes: 2 };
        let signature = sign(&self.site_key, &founding_bytes(&self.id, &name, &derivation));
        let site = self.id;
        self.write(by.epoch, SiteFounded { site, name, derivation, signature });
    }

    pub(crate) fn admission_of_admin(&self, node: NodeId) -> AdminAdmitted {
        let signature = sign(&self.site_key, &admin_admission_bytes(&self.id, &node));
        AdminAdmitted { node, signature }
    }

    pub(crate) fn admit_admin(&mut self, by: &Machine, node: NodeId) -> EntryId {
        self.write(by.epoch, self.admission_of_admin(node))
    }

    pub(crate) fn paired_kiosk(&mut self, by: &Machine) -> Machine {
        let kiosk = KioskId(self.draw16());
        let machine = self.kiosk_machine(kiosk);
        let node = machine.node;
        self.command(by, ADMIN, Command::PairNode { node, kiosk }).unwrap();
        self.name_kiosk(by, kiosk, self.room);
        machine
    }

    pub(crate) fn name_kiosk(&mut self, by: &Machine, kiosk: KioskId, room: RoomId) {
        let name = format!("Poste {}", kiosk.0[0]);
        self.command(by, ADMIN, Command::NameKiosk { kiosk, name, room }).unwrap();
    }

    pub(crate) fn token(&mut self, by: &Machine, scope: Scope) -> Token {
        let key = self.draw_key();
        let id = TokenId(key.verifying_key().to_bytes());
        let expires_ms = NOW_MS + HOUR_MS;
        self.command(by, ADMIN, Command::IssueToken { token: id, scope, expires_ms }).unwrap();
        Token { key, id }
    }

    /// What a node writes to admit itself.
    pub(crate) fn admission(&self, node: NodeId, kiosk: KioskId, token: &Token) -> NodeAdmitted {
        let machine = [9; 32];
        let bytes = node_admission_bytes(&self.id, &node, &kiosk, &machine);
        NodeAdmitted { node, token: token.id, kiosk, machine, signature: sign(&token.key, &bytes) }
    }

    // ── Commands ────────────────────────────────────────────────────────────

    /// Decides on the node that sees everything, and writes what came of it in `by`'s log.
    pub(crate) fn command(
        &mut self,
        by: &Machine,
        role: OperatorRole,
        command: Command,
    ) -> Result<Vec<EntryId>, Refusal> {
        let request = RequestId(self.draw16());
        self.request(by, role, request, command)
    }

    pub(crate) fn request(
        &mut self,
        machine: &Machine,
        role: OperatorRole,
        request: RequestId,
        command: Command,
    ) -> Result<Vec<EntryId>, Refusal> {
        let asked = Asked { request, command };
        let facts = self.site().decide(&asked, Author::Operator(by(role)), at(0))?;
        Ok(facts.into_iter().map(|fact| self.write(machine.epoch, fact)).collect())
    }

    pub(crate) fn terms(seconds: u32) -> Terms {
        Terms {
            derivation: 1,
            seconds,
            from_ms: NOW_MS - HOUR_MS,
            until_ms: NOW_MS + HOUR_MS,
            place: Place::Anywhere,
        }
    }

    pub(crate) fn issue(&mut self, by: &Machine, seconds: u32) -> Code {
        self.issue_on(by, World::terms(seconds)).unwrap()
    }

    pub(crate) fn issue_on(&mut self, by: &Machine, terms: Terms) -> Result<Code, Refusal> {
        let code = Code { session: SessionId(self.draw16()), key: self.draw_key() };
        let command =
            Command::IssueCode { session: code.session, key: code.public(), terms, label: None };
        self.command(by, HOST, command).map(|_| code)
    }

    pub(crate) fn extend(&mut self, by: &Machine, session: SessionId, seconds: i32) -> EntryId {
        self.command(by, HOST, Command::Extend { session, seconds }).unwrap()[0]
    }

    pub(crate) fn close(&mut self, by: &Machine, session: SessionId, keep_rest: bool) {
        let note = None;
        self.command(by, HOST, Command::Close { session, keep_rest, note }).unwrap();
    }

    pub(crate) fn withdraw(&mut self, by: &Machine, session: SessionId) {
        self.command(by, HOST, Command::Withdraw { session }).unwrap();
    }

    pub(crate) fn message(&mut self, by: &Machine, kiosk: KioskId) -> RowId {
        let message = RowId(self.draw16());
        self.command(by, HOST, Command::SendMessage { message, kiosk }).unwrap();
        message
    }

    // ── A kiosk's side ──────────────────────────────────────────────────────

    /// The opening that somebody who knows `code` can make on `at_kiosk`, unseen by any rule.
    pub(crate) fn opening(
        &self,
        at_kiosk: &Machine,
        code: &Code,
        opening: u32,
        replaces: Vec<EntryId>,
    ) -> SessionOpened {
        let (session, kiosk, node) = (code.session, at_kiosk.kiosk, at_kiosk.node);
        let bytes = opening_bytes(&self.id, &session, &kiosk, &node, opening);
        let proof = sign(&code.key, &bytes);
        SessionOpened { session, kiosk, node, opening, replaces, proof }
    }

    pub(crate) fn open(&mut self, on: &Machine, code: &Code) -> Result<EntryId, Refusal> {
        let seen = self.site().clone();
        self.open_seeing(&seen, on, code)
    }

    /// Types the code on a kiosk that has `seen` so much.
    pub(crate) fn open_seeing(
        &mut self,
        seen: &Site,
        on: &Machine,
        code: &Code,
    ) -> Result<EntryId, Refusal> {
        let opening = seen.session(&code.session).map_or(1, Session::next_opening);
        let proof = self.opening(on, code, opening, Vec::new()).proof;
        let command = Command::Open { session: code.session, opening, proof, alone: false };
        let request = RequestId([0; 16]);
        let facts = seen.decide(&Asked { request, command }, on.author(), at(0))?;
        Ok(self.write(on.epoch, facts.into_iter().next().unwrap()))
    }

    pub(crate) fn end(
        &mut self,
        on: &Machine,
        session: SessionId,
        cause: domain::fact::Cause,
    ) -> EntryId {
        let fact = self.site().closed(on.kiosk, session, cause);
        self.write(on.epoch, fact)
    }

    pub(crate) fn read(&mut self, reading: Reading) {
        self.arrive(Arrival::Reading(reading));
    }

    // ── Revocations ─────────────────────────────────────────────────────────

    /// The cut that leaves all in effect that is known of `node`.
    pub(crate) fn cut_here(&self, node: NodeId) -> Vec<Cut> {
        let epochs = self.site().chain().epochs_of(node);
        epochs
            .map(|epoch| Cut { epoch: *epoch, height: self.height(*epoch), head: [0; 32] })
            .collect()
    }

    pub(crate) fn admin_revocation(&mut self, node: NodeId, cut: &[Cut]) -> Vec<AdminRevoked> {
        let intent = RequestId(self.draw16());
        let pieces = in_parts(intent, cut, 1);
        let signed = pieces.into_iter().map(|(part, cut)| {
            let bytes = admin_revocation_bytes(&self.id, &node, &part, &cut).unwrap();
            let signature = sign(&self.site_key, &bytes);
            AdminRevoked { node, part, cut, signature }
        });
        signed.collect()
    }
}

/// Pieces of a cut of at most `size` epochs each.
pub(crate) fn in_parts<T: Clone + serde::Serialize>(
    intent: RequestId,
    whole: &[T],
    size: usize,
) -> Vec<(Part, Vec<T>)> {
    let root = root_of(&whole).unwrap();
    let count = u16::try_from(whole.len().div_ceil(size).max(1)).unwrap();
    let piece = |index: u16| {
        let from = usize::from(index) * size;
        let to = whole.len().min(from + size);
        (Part { intent, index, count, root }, whole[from..to].to_vec())
    };
    (0..count).map(piece).collect()
}

/// A reading of `used_ms` that runs on.
pub(crate) fn running(session: SessionId, epoch: EpochId, n: u32, used_ms: u64) -> Reading {
    Reading {
        session,
        epoch,
        n,
        opening: 1,
        used_ms,
        ahead_ms: u32::try_from(READING_MS).unwrap(),
        continues: None,
    }
}

/// A reading that records an end.
pub(crate) fn ended(session: SessionId, epoch: EpochId, n: u32, used_ms: u64) -> Reading {
    Reading { ahead_ms: 0, ..running(session, epoch, n, used_ms) }
}
