//! A site in memory: nodes, links, clocks and disks, all under the test's hand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use domain::authority::NodeKind;
use domain::command::{Asked, Command, Terms};
use domain::decide::Author as OnBehalf;
use domain::fact::{
    AdminAdmitted, AdminRevoked, Cut, Derivation, Fact, NodeAdmitted, Part, Place, Scope,
    SiteFounded, admin_admission_bytes, admin_revocation_bytes, founding_bytes,
    node_admission_bytes, root_of,
};
use domain::id::{
    CodeKey, KioskId, NodeId, OperatorId, RequestId, RoomId, SessionId, Signature, SiteId, TokenId,
};
use domain::moment::Moment;
use domain::operator::{By, OperatorRole};
use ed25519_dalek::{Signer, SigningKey};
use storage::memory::MemoryStore;

use super::super::greeting::Unwelcome;
use super::super::message::{Message, UseMessage};
use super::super::{AskId, Done, Failure, Identity, Input, Notice, Output, Replica};
use crate::vault::Vault;
use crate::vault::key::VaultKey;

pub(crate) const START_MS: i64 = 1_795_000_000_000;
/// The token admits kiosks for so long.
pub(crate) const TOKEN_MS: i64 = 400 * 24 * 3_600_000;
pub(crate) const ROOM: RoomId = RoomId([1; 16]);
pub(crate) const HOST: By = By { operator: OperatorId([9; 16]), role: OperatorRole::Admin };

pub(crate) type Store = Arc<MemoryStore>;

pub(crate) struct Machine {
    pub(crate) identity: Identity,
    pub(crate) disk: Store,
    pub(crate) replica: Option<Replica<Store>>,
    pub(crate) boot_at_ms: u64,
    pub(crate) wall_shift_ms: i64,
    wake_at: u64,
    /// The disk takes this long to say that a barrier returned; `None`: it never does.
    pub(crate) disk_answers: bool,
}

pub(crate) struct World {
    pub(crate) now_ms: u64,
    pub(crate) site_key: SigningKey,
    pub(crate) token_key: SigningKey,
    pub(crate) machines: BTreeMap<NodeId, Machine>,
    pub(crate) cut: BTreeSet<(NodeId, NodeId)>,
    links: BTreeSet<(NodeId, NodeId)>,
    queue: VecDeque<(NodeId, NodeId, Message)>,
    pub(crate) replies: BTreeMap<u64, Result<Done, Failure>>,
    pub(crate) notices: Vec<(NodeId, Notice)>,
    /// Readings that were sent, by anybody to anybody.
    pub(crate) readings_sent: usize,
    /// Digests of registers, likewise.
    pub(crate) digests_sent: usize,
    next: u64,
    to_start_again: Vec<NodeId>,
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn kiosk_id(number: u8) -> KioskId {
    KioskId([number; 16])
}

pub(crate) fn code(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[200 ^ number; 32])
}

pub(crate) fn session_id(number: u8) -> SessionId {
    SessionId([number; 16])
}

impl World {
    /// A site with this many admin nodes and kiosks, linked, joined, named and at rest.
    pub(crate) fn new(admins: u8, kiosks: u8) -> (Self, Vec<NodeId>, Vec<NodeId>) {
        let mut world = World::bare();
        let admins: Vec<NodeId> = (1..=admins).map(|number| world.add_admin(number)).collect();
        world.run_for(1_000);
        let name = String::from("Salle multimédia");
        world.must(admins[0], Command::NameRoom { room: ROOM, name, order: 1 });
        let token = TokenId(world.token_key.verifying_key().to_bytes());
        let expires_ms = START_MS + TOKEN_MS;
        let scope = Scope::Room(ROOM);
        world.must(admins[0], Command::IssueToken { token, scope, expires_ms });
        let kiosks: Vec<NodeId> = (1..=kiosks).map(|number| world.add_kiosk(number)).collect();
        world.run_for(12_000);
        for number in 1..=kiosks.len() as u8 {
            let (kiosk, name) = (kiosk_id(number), format!("Poste {number}"));
            world.must(admins[0], Command::NameKiosk { kiosk, name, room: ROOM });
        }
        world.run_for(6_000);
        (world, admins, kiosks)
    }

    fn bare() -> Self {
        World {
            now_ms: 1_000_000,
            site_key: key(250),
            token_key: key(251),
            machines: BTreeMap::new(),
            cut: BTreeSet::new(),
            links: BTreeSet::new(),
            queue: VecDeque::new(),
            replies: BTreeMap::new(),
            notices: Vec::new(),
            readings_sent: 0,
            digests_sent: 0,
            next: 1,
            to_start_again: Vec::new(),
        }
    }

    pub(crate) fn site(&self) -> SiteId {
        SiteId(self.site_key.verifying_key().to_bytes())
    }

    fn signed(key: &SigningKey, bytes: &[u8]) -> Signature {
        Signature(key.sign(bytes).to_bytes())
    }

    pub(crate) fn add_admin(&mut self, number: u8) -> NodeId {
        let (site, node_key) = (self.site(), key(number));
        let node = NodeId(node_key.verifying_key().to_bytes());
        let derivation = Derivation { version: 1, salt: [3; 16], memory_kib: 1024, passes: 1 };
        let name = String::from("Médiathèque");
        let signature = Self::signed(&self.site_key, &founding_bytes(&site, &name, &derivation));
        let founded = Fact::SiteFounded(SiteFounded { site, name, derivation, signature });
        let signature = Self::signed(&self.site_key, &admin_admission_bytes(&site, &node));
        let admitted = Fact::AdminAdmitted(AdminAdmitted { node, signature });
        let identity = Identity {
            site,
            node_key,
            kind: NodeKind::Admin,
            kiosk: None,
            certificates: vec![founded, admitted],
            amnesic: false,
            machine: [200 + number; 32],
            boot_id: [number; 16],
        };
        self.add(identity)
    }

    /// The site key's word that `node` is an admin node no more, and nothing of it after `cut`.
    pub(crate) fn revoke_admin(&mut self, by: NodeId, node: NodeId, cut: Vec<Cut>) {
        let intent = self.request();
        let part = Part { intent, index: 0, count: 1, root: root_of(&cut).unwrap() };
        let bytes = admin_revocation_bytes(&self.site(), &node, &part, &cut).unwrap();
        let signature = Self::signed(&self.site_key, &bytes);
        let certificate = Box::new(AdminRevoked { node, part, cut, signature }.into());
        self.next += 1;
        self.input(by, Input::Certify { ask: AskId(self.next), certificate });
        self.run_for(6_000);
    }

    pub(crate) fn add_kiosk(&mut self, number: u8) -> NodeId {
        self.add_kiosk_as(100 + number, number, false)
    }

    pub(crate) fn add_kiosk_as(&mut self, key_seed: u8, number: u8, amnesic: bool) -> NodeId {
        let (site, node_key, kiosk) = (self.site(), key(key_seed), kiosk_id(number));
        let node = NodeId(node_key.verifying_key().to_bytes());
        let machine = [number; 32];
        let bytes = node_admission_bytes(&site, &node, &kiosk, &machine);
        let admission = NodeAdmitted {
            node,
            token: TokenId(self.token_key.verifying_key().to_bytes()),
            kiosk,
            machine,
            signature: Self::signed(&self.token_key, &bytes),
        };
        let identity = Identity {
            site,
            node_key,
            kind: NodeKind::Kiosk,
            kiosk: Some(kiosk),
            certificates: vec![Fact::NodeAdmitted(admission)],
            amnesic,
            machine,
            boot_id: [key_seed; 16],
        };
        self.add(identity)
    }

    pub(crate) fn add(&mut self, identity: Identity) -> NodeId {
        let node = identity.node();
        let machine = Machine {
            identity,
            disk: Arc::new(MemoryStore::default()),
            replica: None,
            boot_at_ms: 0,
            wall_shift_ms: 0,
            wake_at: 0,
            disk_answers: true,
        };
        self.machines.insert(node, machine);
        self.start(node);
        node
    }

    pub(crate) fn moment(&self, node: NodeId) -> Moment {
        let machine = &self.machines[&node];
        Moment {
            boot_ms: self.now_ms - machine.boot_at_ms,
            wall_ms: START_MS + self.now_ms as i64 + machine.wall_shift_ms,
            trusted: false,
        }
    }

    pub(crate) fn start(&mut self, node: NodeId) {
        let now = self.moment(node);
        self.next += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.next.to_le_bytes());
        let machine = self.machines.get_mut(&node).unwrap();
        let disk = machine.disk.clone();
        let vault = (machine.identity.kind == NodeKind::Admin).then(|| {
            let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::from_seed(seed);
            Vault::open(disk.clone(), VaultKey::from_bytes([5; 32]), &mut rng).unwrap()
        });
        let (replica, outputs) =
            Replica::start(disk, machine.identity.clone(), vault, seed, now).unwrap();
        machine.replica = Some(replica);
        self.carry_out(node, outputs);
    }

    /// The process dies; the page cache lives.
    pub(crate) fn kill(&mut self, node: NodeId) {
        self.machines.get_mut(&node).unwrap().replica = None;
        self.links.retain(|(a, b)| *a != node && *b != node);
        self.queue.retain(|(from, to, _)| *from != node && *to != node);
        let others: Vec<NodeId> = self.machines.keys().copied().collect();
        for other in others {
            self.input(other, Input::LinkDown { peer: node });
        }
    }

    /// The power goes: only what a barrier covered is left.
    pub(crate) fn cut_power(&mut self, node: NodeId) {
        self.kill(node);
        let now_ms = self.now_ms;
        let machine = self.machines.get_mut(&node).unwrap();
        machine.disk = Arc::new(machine.disk.crash());
        machine.boot_at_ms = now_ms;
        machine.identity.boot_id[15] = machine.identity.boot_id[15].wrapping_add(1);
    }

    /// The disk of a dead machine starts another one.
    pub(crate) fn move_disk(&mut self, node: NodeId) {
        self.cut_power(node);
        self.machines.get_mut(&node).unwrap().identity.machine = [0x99; 32];
        self.start(node);
    }

    /// A node's process ends, and the next one finds this disk.
    pub(crate) fn restart_on(&mut self, node: NodeId, disk: Store) {
        self.kill(node);
        self.machines.get_mut(&node).unwrap().disk = disk;
        self.start(node);
    }

    /// A copy of a running node's disk, as it is now, with what the node is.
    pub(crate) fn copy_disk(&self, node: NodeId) -> (Store, Identity) {
        let machine = &self.machines[&node];
        (Arc::new(machine.disk.crash()), machine.identity.clone())
    }

    pub(crate) fn replica(&self, node: NodeId) -> &Replica<Store> {
        self.machines[&node].replica.as_ref().unwrap()
    }

    pub(crate) fn replica_mut(&mut self, node: NodeId) -> &mut Replica<Store> {
        self.machines.get_mut(&node).unwrap().replica.as_mut().unwrap()
    }

    pub(crate) fn input(&mut self, node: NodeId, input: Input) {
        let now = self.moment(node);
        let Some(replica) = self.machines.get_mut(&node).and_then(|m| m.replica.as_mut()) else {
            return;
        };
        let outputs = replica.handle(input, now);
        self.carry_out(node, outputs);
    }

    pub(crate) fn carry_out(&mut self, node: NodeId, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send { peer, message } => {
                    if let Message::Use(UseMessage::Readings(readings)) = &message {
                        self.readings_sent += readings.len();
                    }
                    if let Message::Use(UseMessage::Digest { .. }) = &message {
                        self.digests_sent += 1;
                    }
                    self.queue.push_back((node, peer, message));
                }
                Output::Persist(_) => {
                    let machine = &self.machines[&node];
                    if machine.disk_answers {
                        use storage::ledger_store::LedgerStore;
                        let ticket = machine.disk.barrier().unwrap();
                        self.input(node, Input::Durable(ticket));
                    }
                }
                Output::Reply { ask, outcome } => {
                    self.replies.insert(ask.0, outcome);
                }
                Output::WakeAt(at) => self.machines.get_mut(&node).unwrap().wake_at = at,
                Output::Drop { peer } => {
                    self.links.remove(&(node, peer));
                    self.links.remove(&(peer, node));
                    self.input(peer, Input::LinkDown { peer: node });
                }
                Output::StartAgain => self.to_start_again.push(node),
                Output::Notice(notice) => self.notices.push((node, notice)),
                Output::Changed { .. } => {}
            }
        }
    }

    pub(crate) fn meet(&mut self, one: NodeId, other: NodeId) -> Result<NodeKind, Unwelcome> {
        let greeting = self.replica(other).greeting().unwrap();
        let now = self.moment(one);
        let (kind, outputs) = self.replica_mut(one).meet(other, &greeting, now)?;
        self.carry_out(one, outputs);
        Ok(kind)
    }

    fn link_all(&mut self) {
        let nodes: Vec<NodeId> = self.machines.keys().copied().collect();
        for (place, one) in nodes.iter().enumerate() {
            for other in &nodes[place + 1..] {
                let (one, other) = (*one, *other);
                let alive = [one, other].iter().all(|node| self.machines[node].replica.is_some());
                let linked = self.links.contains(&(one, other));
                let cut = self.cut.contains(&(one, other)) || self.cut.contains(&(other, one));
                if linked && cut {
                    self.links.remove(&(one, other));
                    self.input(one, Input::LinkDown { peer: other });
                    self.input(other, Input::LinkDown { peer: one });
                }
                if linked || cut || !alive {
                    continue;
                }
                let (Ok(theirs), Ok(ours)) = (self.meet(one, other), self.meet(other, one)) else {
                    continue;
                };
                self.links.insert((one, other));
                self.input(one, Input::LinkUp { peer: other, kind: theirs });
                self.input(other, Input::LinkUp { peer: one, kind: ours });
            }
        }
    }

    pub(crate) fn cut_off(&mut self, node: NodeId, from: &[NodeId]) {
        self.cut.extend(from.iter().filter(|other| **other != node).map(|other| (node, *other)));
        self.link_all();
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }

    fn deliver(&mut self) {
        for _ in 0..200_000 {
            let Some((from, to, message)) = self.queue.pop_front() else {
                return;
            };
            let (low, high) = (from.min(to), from.max(to));
            if self.links.contains(&(low, high)) {
                // Through bytes, as on a wire.
                let frame = message.encode().unwrap();
                let message = match message {
                    Message::Ledger(_) => Message::Ledger(
                        super::super::message::LedgerMessage::decode(&frame).unwrap(),
                    ),
                    Message::Use(_) => {
                        Message::Use(super::super::message::UseMessage::decode(&frame).unwrap())
                    }
                    Message::Row(_) => {
                        Message::Row(crate::vault::exchange::RowMessage::decode(&frame).unwrap())
                    }
                };
                self.input(to, Input::Heard { peer: from, message });
            }
        }
        panic!("the nodes never stop talking");
    }

    /// Lets time pass in steps of 100 ms.
    pub(crate) fn run_for(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        loop {
            for node in std::mem::take(&mut self.to_start_again) {
                self.kill(node);
                self.start(node);
            }
            self.link_all();
            self.deliver();
            if self.now_ms >= until {
                return;
            }
            self.now_ms += 100;
            let nodes: Vec<NodeId> = self.machines.keys().copied().collect();
            for node in nodes {
                if self.machines[&node].wake_at <= self.moment(node).boot_ms {
                    self.input(node, Input::Wake);
                }
            }
        }
    }

    pub(crate) fn ask(&mut self, node: NodeId, by: OnBehalf, asked: Asked) -> u64 {
        self.next += 1;
        let ask = AskId(self.next);
        self.input(node, Input::Ask { ask, by, asked });
        ask.0
    }

    pub(crate) fn request(&mut self) -> RequestId {
        self.next += 1;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next.to_le_bytes());
        RequestId(bytes)
    }

    pub(crate) fn command(&mut self, node: NodeId, command: Command) -> Result<Done, Failure> {
        let request = self.request();
        let ask = self.ask(node, OnBehalf::Operator(HOST), Asked { request, command });
        self.deliver();
        self.replies.remove(&ask).expect("answered")
    }

    pub(crate) fn must(&mut self, node: NodeId, command: Command) -> Done {
        self.command(node, command).expect("accepted")
    }

    pub(crate) fn issue(&mut self, node: NodeId, number: u8, seconds: u32) -> SessionId {
        let session = session_id(number);
        let now_ms = self.moment(node).wall_ms;
        let terms = Terms {
            derivation: 1,
            seconds,
            from_ms: now_ms - 1_000,
            until_ms: now_ms + 8 * 3_600_000,
            place: Place::Anywhere,
        };
        let key = CodeKey(code(number).verifying_key().to_bytes());
        self.must(node, Command::IssueCode { session, key, terms, label: None });
        session
    }

    pub(crate) fn type_code(&mut self, kiosk: NodeId, number: u8) -> Result<Done, Failure> {
        self.next += 1;
        let ask = AskId(self.next);
        self.input(kiosk, Input::Typed { ask, key: Some(Box::new(code(number))) });
        self.deliver();
        self.replies.remove(&ask.0).expect("answered at once")
    }

    pub(crate) fn remaining_s(&self, node: NodeId, session: SessionId) -> u64 {
        let replica = self.replica(node);
        let now = replica.moment(self.moment(node));
        let session = replica.site().session(&session).expect("known");
        replica.site().remaining_ms(session, now).0 / 1000
    }

    pub(crate) fn fingerprints(&self) -> BTreeSet<[u8; 32]> {
        let live = self.machines.values().filter_map(|machine| machine.replica.as_ref());
        live.map(|replica| replica.site().fingerprint().unwrap()).collect()
    }
}
