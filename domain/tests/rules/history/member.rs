//! Who comes and goes, and who lies.

use super::*;

impl Course {
    pub(super) fn admit(&mut self, what: What, admin: usize, kiosk: usize, c: u8, d: u8) {
        let by = by(ADMIN);
        match what {
            What::Token => {
                let key = self.world.draw_key();
                let token = Token { id: domain::id::TokenId(key.verifying_key().to_bytes()), key };
                let scope = match d % 2 {
                    0 => Scope::Kiosk(*pick(&self.kiosks, c)),
                    _ => Scope::Room(self.world.room),
                };
                self.say(admin, TokenIssued { token: token.id, scope, expires_ms: NOW_MS, by });
                self.tokens.push(token);
            }
            What::DropToken => {
                let Some(token) = self.tokens.get(usize::from(c) % 8).map(|t| t.id) else {
                    return;
                };
                self.say(admin, TokenRevoked { token, by });
                self.count("token revoked");
            }
            What::AdmitAdmin => {
                let machine = self.world.admin_machine();
                let node = machine.node;
                let admission = self.world.admission_of_admin(node);
                self.join(machine);
                // Not always known to those who will hear of its work.
                if !d.is_multiple_of(4) {
                    self.say(admin, admission);
                    self.count("admin admitted");
                }
            }
            What::Pair | What::Join => {
                let serves = match c % 3 {
                    0 => *pick(&self.kiosks, d),
                    _ => KioskId(self.world.draw16()),
                };
                let machine = self.world.kiosk_machine(serves);
                let node = machine.node;
                self.kiosks.push(serves);
                self.kiosks.dedup();
                let who = self.join(machine);
                if what == What::Pair {
                    self.say(admin, NodePaired { node, kiosk: serves, by });
                    self.count("node paired");
                } else if let Some(token) = self.tokens.get(usize::from(c) % 8).cloned() {
                    let admission = self.world.admission(node, serves, &token);
                    self.say(who, admission);
                    let signer = if d.is_multiple_of(3) { admin } else { kiosk };
                    self.say(signer, NodeCountersigned { node, token: token.id, kiosk: serves });
                    self.count("node countersigned");
                }
            }
            _ => {}
        }
    }

    pub(super) fn join(&mut self, machine: Machine) -> usize {
        let mirror = self.parties[0].mirror.clone();
        self.parties.push(Party { machine, mirror, measured: BTreeMap::new() });
        let who = self.parties.len() - 1;
        let certificate = self.world.certificate(&self.parties[who].machine);
        let id = EntryId { epoch: certificate.epoch, seq: 0 };
        self.parties[who].mirror.take(&Arrival::Entry(id, certificate.into()));
        who
    }

    /// A cut at what `who` holds of `node`, lower by chance, with an epoch left out by chance.
    pub(super) fn cut_seen_by(&self, who: usize, node: domain::id::NodeId, c: u8) -> Vec<Cut> {
        let mirror = &self.parties[who].mirror;
        let epochs: Vec<_> = mirror.site.chain().epochs_of(node).copied().collect();
        let cut = epochs.into_iter().skip(usize::from(c % 8 == 7)).map(|epoch| {
            let own = mirror.known.keys().filter(|id| id.epoch == epoch);
            let height = own.map(|id| id.seq + 1).max().unwrap_or(0);
            let height = height.saturating_sub(u64::from(c % 4));
            Cut { epoch, height, head: [0; 32] }
        });
        cut.collect()
    }

    pub(super) fn revoke(&mut self, admin: usize, kiosk: usize, c: u8, d: u8) {
        let node = self.parties[kiosk].machine.node;
        let cut = self.cut_seen_by(admin, node, c);
        let mut pieces = in_parts(RequestId(self.world.draw16()), &cut, 1);
        self.count(if pieces.len() > 1 { "revoked in parts" } else { "revoked in one" });
        if d.is_multiple_of(8) && pieces.len() > 1 {
            pieces.pop();
            self.count("revocation left incomplete");
        }
        for (part, cut) in pieces {
            self.say(admin, NodeRevoked { node, part, cut, by: by(ADMIN) });
        }
    }

    /// What a kiosk's node may write though it must not count.
    pub(super) fn forge(&mut self, kiosk: usize, code: &Code, a: u8, d: u8) {
        let machine = self.parties[kiosk].machine.clone();
        let (session, own) = (code.session, machine.kiosk);
        let seq = self.world.height(machine.epoch);
        let next = |more: u64| EntryId { epoch: machine.epoch, seq: seq + more };
        let victim = self.parties[usize::from(a) % self.parties.len()].machine.clone();
        self.count("lie");
        match d % 10 {
            0 => {
                let request = RequestId([d; 16]);
                self.say(kiosk, SessionExtended { session, seconds: 3600, request, by: by(ADMIN) });
            }
            1 => {
                let mut opened = self.world.opening(&machine, code, 1, Vec::new());
                opened.proof = Signature([d; 64]);
                self.say(kiosk, opened);
            }
            2 => {
                let cause = Cause::Staff;
                self.say(
                    kiosk,
                    SessionClosed { session, kiosk: victim.kiosk, cause, replaces: Vec::new() },
                );
            }
            3 => {
                let cause = Cause::Staff;
                self.say(kiosk, SessionClosed { session, kiosk: own, cause, replaces: Vec::new() });
            }
            4 => {
                self.say(kiosk, SessionPaused { session, kiosk: own, replaces: vec![next(1)] });
                self.say(kiosk, SessionResumed { session, kiosk: own, replaces: vec![next(0)] });
            }
            5 => {
                let first = self.world.opening(&machine, code, 1, vec![next(1)]);
                let second = self.world.opening(&machine, code, 2, vec![next(0)]);
                self.say(kiosk, first);
                self.say(kiosk, second);
                self.count("ring of openings");
            }
            6 => {
                if let Some(token) = self.tokens.last().cloned() {
                    let admission = self.world.admission(victim.node, KioskId([0; 16]), &token);
                    self.say(kiosk, admission);
                    self.say(
                        kiosk,
                        NodeCountersigned {
                            node: victim.node,
                            token: token.id,
                            kiosk: KioskId([0; 16]),
                        },
                    );
                }
            }
            7 => {
                let cut = self.cut_seen_by(kiosk, victim.node, 3);
                for (part, cut) in in_parts(RequestId([d; 16]), &cut, 1) {
                    self.say(kiosk, NodeRevoked { node: victim.node, part, cut, by: by(ADMIN) });
                }
            }
            8 => {
                // A reading of what it never opened, and one that would excuse another's charge.
                let mut reading = ended(session, machine.epoch, 1_000 + u32::from(a), u64::MAX);
                reading.continues = Some((victim.epoch, 1));
                self.hear(kiosk, reading);
            }
            _ => {
                let kiosk_id = victim.kiosk;
                self.say(kiosk, NodePaired { node: machine.node, kiosk: kiosk_id, by: by(ADMIN) });
            }
        }
    }
}
