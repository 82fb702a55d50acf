//! The registers of use: signed, kept by the greatest, told on.
//!
//! A kiosk's fresh reading goes at once to the admin nodes and a few neighbours; others get changes
//! with the next round. A digest by buckets, exchanged when a link begins, finds what was missed; now
//! and then one hash over it goes out, and the digest where that differs.

use std::collections::{BTreeMap, VecDeque};

use domain::authority::NodeKind;
use domain::codec;
use domain::fact::Fact;
use domain::id::{EpochId, NodeId, SessionId, verifies};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use domain::session::Reading;
use sha2::{Digest, Sha256};
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::operation::{Op, Table, Ticket};

use super::message::{BUCKETS, MOST_READINGS, Message, SignedReading, UseMessage, reading_bytes};
use super::{Output, Replica};

const PAGE: usize = 512;
/// Neighbours that a kiosk's reading goes to at once, beside the admin nodes.
const NEIGHBOURS: usize = 3;
/// Own readings, and confirmations, that may wait for the disk.
const MOST_UNTOLD: usize = 1_000;
/// Readings in answer to one digest; the next digest brings more.
const MOST_ANSWER: usize = 2_000;
/// Registers that are written at a time.
pub(super) const REGISTERS_AT_ONCE: usize = 2_000;
/// Changes remembered for the rounds; who is further behind gets a digest.
const MOST_CHANGES: usize = 20_000;

/// The name of a register.
pub(super) type Register = (SessionId, EpochId);

/// The registers as they travel.
#[derive(Debug, Default)]
pub(super) struct Readings {
    signed: BTreeMap<Register, SignedReading>,
    /// Changes by count, the latest of each register only.
    changes: BTreeMap<u64, Register>,
    count_of: BTreeMap<Register, u64>,
    next: u64,
    buckets: Vec<Option<[u8; 8]>>,
    /// Own readings that wait for the disk before they are told.
    pub(super) untold: VecDeque<(Ticket, SignedReading)>,
    /// Readings of amnesic kiosks to say "held" for, once durable.
    to_confirm: VecDeque<(Ticket, NodeId, Register, u32)>,
}

impl Readings {
    pub(super) fn count(&self) -> u64 {
        self.next
    }

    /// Keeps a reading that peers have from where this node has it.
    fn settle(&mut self, signed: SignedReading) {
        let register = (signed.reading.session, signed.reading.epoch);
        self.signed.insert(register, signed);
        self.touch(&register);
    }

    fn touch(&mut self, register: &Register) {
        self.buckets.resize(BUCKETS, None);
        if let Some(bucket) = self.buckets.get_mut(usize::from(register.0.0[0])) {
            *bucket = None;
        }
    }

    /// Every register that is kept.
    pub(super) fn registers(&self) -> impl Iterator<Item = &Register> {
        self.signed.keys()
    }

    /// One register's reading.
    pub(super) fn get(&self, register: &Register) -> Option<&SignedReading> {
        self.signed.get(register)
    }

    /// The readings of a session.
    pub(super) fn of(&self, session: &SessionId) -> impl Iterator<Item = &SignedReading> {
        let range = (*session, EpochId([0; 32]))..=(*session, EpochId([u8::MAX; 32]));
        self.signed.range(range).map(|(_, signed)| signed)
    }

    /// Forgets registers; what that asks of the store.
    pub(super) fn forget(&mut self, registers: &[Register]) -> Vec<Op> {
        for register in registers {
            self.signed.remove(register);
            if let Some(change) = self.count_of.remove(register) {
                self.changes.remove(&change);
            }
            self.touch(register);
        }
        let table = Table::Registers;
        registers.iter().map(|register| Op::Remove { table, key: key_of(register) }).collect()
    }

    fn put(&mut self, signed: SignedReading) {
        let register = (signed.reading.session, signed.reading.epoch);
        self.settle(signed);
        if let Some(before) = self.count_of.insert(register, self.next) {
            self.changes.remove(&before);
        }
        self.changes.insert(self.next, register);
        self.next += 1;
        if self.changes.len() > MOST_CHANGES {
            self.changes.pop_first();
        }
    }

    fn in_bucket(&self, bucket: u8) -> impl Iterator<Item = &SignedReading> {
        let (mut low, mut high) = ([0; 16], [u8::MAX; 16]);
        (low[0], high[0]) = (bucket, bucket);
        let range = (SessionId(low), EpochId([0; 32]))..=(SessionId(high), EpochId([u8::MAX; 32]));
        self.signed.range(range).map(|(_, signed)| signed)
    }

    fn root(&mut self) -> [u8; 32] {
        Sha256::new_with_prefix(b"poste-uses-root-1")
            .chain_update(self.digest().concat())
            .finalize()
            .into()
    }

    fn digest(&mut self) -> Vec<[u8; 8]> {
        self.buckets.resize(BUCKETS, None);
        (0..=u8::MAX)
            .map(|bucket| {
                if let Some(Some(known)) = self.buckets.get(usize::from(bucket)) {
                    return *known;
                }
                let mut hash = Sha256::new_with_prefix(b"poste-uses-1");
                let mut any = false;
                for signed in self.in_bucket(bucket) {
                    any = true;
                    if let Ok(bytes) = reading_bytes(&signed.reading) {
                        hash.update(bytes);
                    }
                }
                let mut short = [0; 8];
                if any {
                    short.copy_from_slice(&hash.finalize()[..8]);
                }
                if let Some(place) = self.buckets.get_mut(usize::from(bucket)) {
                    *place = Some(short);
                }
                short
            })
            .collect()
    }
}

fn key_of(register: &Register) -> Vec<u8> {
    [register.0.0.as_slice(), &register.1.0].concat()
}

impl<S: LedgerStore + Clone> Replica<S> {
    pub(super) fn load_readings(&mut self, now: Moment) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.store.scan(Table::Registers, after.as_deref(), PAGE)?;
            let found = page.last().filter(|_| !planted::is(Bug::RegistersForgotten));
            let Some((last, _)) = found else {
                return Ok(());
            };
            after = Some(last.clone());
            for (_, value) in page {
                if let Ok(signed) = codec::decode::<SignedReading>(&value) {
                    self.site.read(signed.reading, now);
                    self.readings.put(signed);
                }
            }
        }
    }

    /// Takes the readings in that the base brings: whoever signed it found them good.
    pub(super) fn settle_readings(
        &mut self,
        readings: impl Iterator<Item = SignedReading>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut ops = Vec::new();
        for signed in readings {
            let register = (signed.reading.session, signed.reading.epoch);
            if signed.reading.epoch == self.author.epoch() || !self.site.read(signed.reading, now) {
                continue;
            }
            if let Ok(value) = codec::encode(&signed) {
                ops.push(Op::Put { table: Table::Registers, key: key_of(&register), value });
            }
            self.readings.settle(signed);
        }
        for page in ops.chunks(REGISTERS_AT_ONCE) {
            self.stage(page.to_vec(), now)?;
        }
        Ok(())
    }

    /// Writes this kiosk's own reading. It is told to others once it is on the disk, so that they
    /// rarely know of one that the kiosk itself has forgotten. One that ends a run is told at once, as
    /// the entry that ends it is: a disk that fails with both would have the next process count on.
    pub(super) fn measure(
        &mut self,
        reading: Reading,
        note: Option<Op>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let (signed, op) = self.take_own(reading, now);
        let staged = self.stage([op].into_iter().chain(note).collect(), now);
        match staged {
            Ok(ticket) if reading.ahead_ms > 0 => {
                self.readings.untold.push_back((ticket, signed));
                if self.readings.untold.len() > MOST_UNTOLD {
                    self.readings.untold.pop_front();
                }
            }
            // Where the disk takes nothing, others have to know.
            Ok(_) | Err(_) => self.tell_reading(&signed),
        }
        staged.map(|_| ())
    }

    /// Writes this kiosk's own reading that ends a run, in one batch with the fact that ends it.
    pub(super) fn measure_end(
        &mut self,
        reading: Reading,
        note: Op,
        fact: Fact,
        now: Moment,
    ) -> Result<(), StoreError> {
        let (signed, op) = self.take_own(reading, now);
        let appended = self.append_with(vec![op, note], vec![fact], now);
        self.tell_reading(&signed);
        appended.map(|_| ())
    }

    /// Signs this kiosk's own reading and counts it in memory: a full disk must not stop the countdown.
    /// What the disk has to take.
    fn take_own(&mut self, reading: Reading, now: Moment) -> (SignedReading, Op) {
        let bytes = reading_bytes(&reading).unwrap_or_default();
        let signed = SignedReading { reading, signature: self.author.sign(&bytes) };
        let register = (reading.session, reading.epoch);
        let value = codec::encode(&signed).unwrap_or_default();
        self.site.read(reading, now);
        self.readings.put(signed);
        self.out.push(Output::Changed { by_fact: false });
        (signed, Op::Put { table: Table::Registers, key: key_of(&register), value })
    }

    pub(super) fn send_durable_readings(&mut self, _now: Moment) {
        let durable = self.durable;
        while let Some((ticket, signed)) = self.readings.untold.front().copied() {
            if ticket > durable {
                break;
            }
            self.readings.untold.pop_front();
            self.tell_reading(&signed);
        }
        while let Some((ticket, peer, (session, epoch), n)) =
            self.readings.to_confirm.front().copied()
        {
            if ticket > durable {
                break;
            }
            self.readings.to_confirm.pop_front();
            if !self.me.amnesic && self.peers.contains_key(&peer) {
                self.send(peer, Message::Use(UseMessage::Held(session, epoch, n)));
            }
        }
    }

    /// Tells a reading of this kiosk's to the admin nodes and its nearest neighbours.
    fn tell_reading(&mut self, signed: &SignedReading) {
        let mut neighbours = 0;
        let to: Vec<NodeId> = self
            .peers
            .iter()
            .filter(|(_, peer)| {
                neighbours += usize::from(peer.kind == NodeKind::Kiosk);
                peer.kind == NodeKind::Admin || neighbours <= NEIGHBOURS
            })
            .map(|(peer, _)| *peer)
            .collect();
        for peer in to {
            self.send_readings(peer, std::slice::from_ref(signed));
        }
    }

    /// Sends what changed since the last round, but for what the peer measured itself, said or was
    /// sent: a reading crosses each link about once.
    pub(super) fn send_changed_readings(&mut self, to: NodeId) {
        let Some(peer) = self.peers.get_mut(&to) else {
            return;
        };
        let since = peer.uses_sent;
        peer.uses_sent = self.readings.next;
        let behind = self.readings.changes.first_key_value().is_some_and(|(c, _)| *c > since);
        if behind && since > 0 {
            self.send_use_digest(to, true);
            return;
        }
        let changed: Vec<SignedReading> = self
            .readings
            .changes
            .range(since..)
            .filter_map(|(_, register)| self.readings.signed.get(register))
            .filter(|signed| self.site.node_of(&signed.reading.epoch) != Some(to))
            .filter(|signed| !self.peers.get(&to).is_some_and(|p| p.is_held(&signed.reading)))
            .copied()
            .collect();
        self.send_readings(to, &changed);
    }

    fn send_readings(&mut self, to: NodeId, readings: &[SignedReading]) {
        if let Some(peer) = self.peers.get_mut(&to) {
            readings.iter().for_each(|signed| peer.note_held(&signed.reading));
        }
        for part in readings.chunks(MOST_READINGS) {
            self.send(to, Message::Use(UseMessage::Readings(part.to_vec())));
        }
    }

    /// Says in one hash which registers are held here.
    pub(super) fn send_use_root(&mut self, to: NodeId) {
        if planted::is(Bug::DigestNever) {
            return;
        }
        let root = self.readings.root();
        self.send(to, Message::Use(UseMessage::Root(root)));
    }

    pub(super) fn send_use_digest(&mut self, to: NodeId, reply: bool) {
        if planted::is(Bug::DigestNever) {
            return;
        }
        let buckets = self.readings.digest();
        if let Some(peer) = self.peers.get_mut(&to) {
            peer.uses_news = false;
        }
        self.send(to, Message::Use(UseMessage::Digest { buckets, reply }));
    }

    pub(super) fn hear_use(&mut self, from: NodeId, message: UseMessage, now: Moment) {
        match message {
            UseMessage::Readings(readings) => self.take_readings(from, &readings, now),
            UseMessage::Digest { buckets, reply } => {
                let mine = self.readings.digest();
                if mine == buckets {
                    return;
                }
                let differing: Vec<SignedReading> = (0..=u8::MAX)
                    .zip(mine.iter().zip(&buckets))
                    .filter(|(_, (mine, theirs))| mine != theirs)
                    .flat_map(|(bucket, _)| self.readings.in_bucket(bucket).copied())
                    .take(MOST_ANSWER)
                    .collect();
                // A digest that asks for none back follows an answer that could not hold all. As long
                // as such answers bring anything, the next is asked for.
                let news = self.peers.get(&from).is_some_and(|peer| peer.uses_news);
                if reply || news {
                    self.send_use_digest(from, !reply);
                }
                self.send_readings(from, &differing);
                if differing.len() == MOST_ANSWER {
                    self.send_use_digest(from, false);
                }
            }
            UseMessage::Root(root) => {
                if root != self.readings.root() {
                    self.send_use_digest(from, true);
                }
            }
            UseMessage::Held(session, epoch, n) => {
                let trusted = self.site.standing().is_member(&from);
                if let Some(duty) = &mut self.duty
                    && trusted
                    && epoch == self.author.epoch()
                {
                    duty.held_elsewhere(session, n);
                }
            }
        }
    }

    fn take_readings(&mut self, from: NodeId, readings: &[SignedReading], now: Moment) {
        let (mut ops, mut confirmed) = (Vec::new(), Vec::new());
        for signed in readings {
            let reading = signed.reading;
            let register = (reading.session, reading.epoch);
            if reading.epoch == self.author.epoch() {
                continue; // nobody tells this node what it measured
            }
            // Only of sessions and epochs that the ledger knows: others come again, and nobody can
            // fill this node with what nobody asked for.
            let told_of = self.site.session(&reading.session).is_some()
                && self.site.chain().node_of(&reading.epoch).is_some();
            if !told_of {
                continue;
            }
            if let Some(peer) = self.peers.get_mut(&from) {
                peer.note_held(&reading);
            }
            let known = self
                .readings
                .signed
                .get(&register)
                .is_some_and(|known| (known.reading.n, known.reading) >= (reading.n, reading));
            if known && !planted::is(Bug::LastReadingHolds) {
                continue;
            }
            let proven = reading_bytes(&reading)
                .is_ok_and(|bytes| verifies(&reading.epoch.0, &[&bytes], &signed.signature));
            if !proven || !self.site.read(reading, now) {
                continue;
            }
            if let Ok(value) = codec::encode(signed) {
                ops.push(Op::Put { table: Table::Registers, key: key_of(&register), value });
            }
            self.readings.put(*signed);
            self.hear_of_process_before(&reading, now);
            if self.site.chain().node_of(&reading.epoch) == Some((from, true)) {
                confirmed.push((register, reading.n));
            }
        }
        if ops.is_empty() {
            return;
        }
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.uses_news = true;
        }
        let Ok(ticket) = self.stage(ops, now) else {
            return;
        };
        for (register, n) in confirmed {
            self.readings.to_confirm.push_back((ticket, from, register, n));
            if self.readings.to_confirm.len() > MOST_UNTOLD {
                self.readings.to_confirm.pop_front();
            }
        }
        self.out.push(Output::Changed { by_fact: false });
    }
}
