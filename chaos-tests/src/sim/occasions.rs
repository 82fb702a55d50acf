//! What the scenario has people do: each of its loads, from its beginning on.

use actors::replica::Input;
use domain::command::Command;
use domain::fact::Cut;
use domain::id::{CodeKey, NodeId, RequestId};
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::agenda::Due;
use super::people::{Code, Errand};
use super::world::World;
use crate::event::{HostId, Stop};
use crate::scenario::{Load, MOST_USED};

/// Minutes on a code that nothing is said about.
const USUAL_MINUTES: u16 = 60;
/// A patron who abuses the power button presses it just before the next reading.
const JUST_BEFORE_READING_MS: u64 = 4_900;
/// A machine that is switched off and on at once is up again after this long.
const QUICK_BOOT_MS: u64 = 8_000;
/// Nobody comes with a printed code sooner than this.
const FETCHED_MS: u64 = 10_000;

impl World {
    /// Notes the beginning of every load.
    pub(super) fn plan_loads(&mut self) {
        for (load, kind) in self.scenario.load.iter().enumerate() {
            let begins_ms = match kind {
                Load::Patrons { from_s, .. } | Load::Operators { from_s, .. } => from_s * 1_000,
                // What was issued or switched off before is part of the occasion.
                Load::SameCode { .. } | Load::OpeningRush { .. } | Load::RebootAbuse { .. } => 0,
                Load::ClosingTime { at_s }
                | Load::ExtendAgainstClose { at_s, .. }
                | Load::Batch { at_s, .. }
                | Load::WrongCodes { at_s, .. } => at_s * 1_000,
            };
            self.agenda.note(self.begins_at + begins_ms, Due::Load { load, turn: 0 });
        }
    }

    /// A load begins, or goes on.
    pub(super) fn load(&mut self, load: usize, turn: u32) {
        if self.people.gone_home {
            return;
        }
        let Some(kind) = self.scenario.load.get(load).cloned() else {
            return;
        };
        let hosts = self.cast.loads.get(load).cloned().unwrap_or_default();
        match kind {
            Load::Patrons { per_hour, minutes, .. } => {
                if turn > 0 {
                    self.patron_comes(minutes);
                }
                self.again_within_the_hour(load, turn, per_hour);
            }
            Load::Operators { per_hour, .. } => {
                if turn > 0 {
                    self.operate();
                }
                self.again_within_the_hour(load, turn, per_hour);
            }
            Load::SameCode { at_s, minutes, .. } => {
                if turn == 0 {
                    self.issue_for(load, minutes);
                    self.next_at(load, 1, at_s * 1_000);
                } else {
                    for (host, code) in hosts.into_iter().zip(std::iter::repeat(self.code_of(load)))
                    {
                        self.type_if(host, code);
                    }
                }
            }
            Load::OpeningRush { at_s, within_s } => self.rush(load, turn, at_s, within_s),
            Load::ClosingTime { .. } => {
                if let Some(desk) = self.any_desk() {
                    for session in self.open_at(desk) {
                        let command = Command::Close { session, keep_rest: false, note: None };
                        self.order(desk, command, Errand::Plain);
                    }
                }
            }
            Load::ExtendAgainstClose { times, .. } => {
                self.extend_against_close();
                if turn + 1 < u32::from(times) {
                    self.next_in(load, turn + 1, 10_000);
                }
            }
            Load::RebootAbuse { at_s, times, .. } => self.abuse(load, turn, at_s, times, &hosts),
            Load::Batch { codes, minutes, within_s, .. } => self.batch(codes, minutes, within_s),
            Load::WrongCodes { times, .. } => {
                hosts.into_iter().for_each(|host| self.type_wrong_code(host));
                if turn + 1 < u32::from(times) {
                    let wait = self.rng.random_range(500..3_000);
                    self.next_in(load, turn + 1, wait);
                }
            }
        }
    }

    fn next_in(&mut self, load: usize, turn: u32, ms: u64) {
        self.later(ms, Due::Load { load, turn });
    }

    fn next_at(&mut self, load: usize, turn: u32, ms: u64) {
        let at = (self.begins_at + ms).max(self.now());
        self.agenda.note(at, Due::Load { load, turn });
    }

    /// Comes again after a while: so often in an hour on average.
    fn again_within_the_hour(&mut self, load: usize, turn: u32, per_hour: u32) {
        if per_hour == 0 {
            return;
        }
        let chance: f64 = self.rng.random_range(0.000_1..1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hours")]
        let wait = (-chance.ln() * 3_600_000.0 / f64::from(per_hour)) as u64;
        self.next_in(load, turn.saturating_add(1), wait.max(1));
    }

    fn issue_for(&mut self, load: usize, minutes: u16) {
        let code = self.draw_code();
        if let Some(desk) = self.any_desk() {
            let command = self.issue(&code, minutes);
            self.order(desk, command, Errand::Plain);
        }
        self.people.codes.push((load, code));
    }

    fn code_of(&self, load: usize) -> Option<Code> {
        self.people.codes.iter().find(|(of, _)| *of == load).map(|(_, code)| code.clone())
    }

    fn type_if(&mut self, host: HostId, code: Option<Code>) {
        if let Some(code) = code {
            self.type_code(host, &code, None);
        }
    }

    /// All kiosks are off until it begins; then each is switched on, and somebody sits down.
    fn rush(&mut self, load: usize, turn: u32, at_s: u64, within_s: u64) {
        let kiosks: Vec<HostId> = self.scenario.site.kiosk_hosts().collect();
        if turn == 0 {
            kiosks.into_iter().for_each(|kiosk| self.stop(kiosk, Stop::Rebooted));
            self.next_at(load, 1, at_s * 1_000);
            return;
        }
        let codes: Vec<Code> = kiosks.iter().map(|_| self.draw_code()).collect();
        self.issue_batch(&codes, USUAL_MINUTES);
        for (kiosk, code) in kiosks.into_iter().zip(codes) {
            let wait = self.rng.random_range(0..=within_s * 1_000);
            self.start_in(kiosk, wait);
            self.patron_with(code, wait + 5_000);
        }
    }

    fn issue_batch(&mut self, codes: &[Code], minutes: u16) {
        let of = |code: &Code| (code.session, CodeKey(code.key.verifying_key().to_bytes()));
        let terms = self.terms(minutes);
        let command = Command::IssueCodes { codes: codes.iter().map(of).collect(), terms };
        if let Some(desk) = self.any_desk() {
            self.order(desk, command, Errand::Plain);
        }
    }

    fn batch(&mut self, count: u16, minutes: u16, within_s: u64) {
        let codes: Vec<Code> = (0..count).map(|_| self.draw_code()).collect();
        self.issue_batch(&codes, minutes);
        for code in codes.into_iter().take(MOST_USED.into()) {
            let wait = self.rng.random_range(FETCHED_MS..(within_s * 1_000).max(FETCHED_MS + 1));
            self.patron_with(code, wait);
        }
    }

    /// Two operators, one session, at the same time.
    fn extend_against_close(&mut self) {
        let Some(desk) = self.any_desk() else {
            return;
        };
        let sessions = self.open_at(desk);
        let Some(session) = sessions.choose(&mut self.rng).copied() else {
            return;
        };
        let others: Vec<HostId> =
            self.admin_hosts().into_iter().filter(|other| *other != desk).collect();
        let other = others.choose(&mut self.rng).copied().unwrap_or(desk);
        self.order(desk, Command::Extend { session, seconds: 900 }, Errand::Plain);
        let command = Command::Close { session, keep_rest: false, note: None };
        self.order(other, command, Errand::Plain);
    }

    /// Types, waits until just before the next reading, switches off and on: again and again.
    fn abuse(&mut self, load: usize, turn: u32, at_s: u64, times: u16, hosts: &[HostId]) {
        let code = match turn {
            0 => {
                for _ in hosts {
                    self.issue_for(load, USUAL_MINUTES);
                }
                return self.next_at(load, 1, at_s * 1_000);
            }
            _ => self.people.codes.iter().filter(|(of, _)| *of == load),
        };
        let codes: Vec<Code> = code.map(|(_, code)| code.clone()).collect();
        let is_off = turn.is_multiple_of(2);
        for (host, code) in hosts.iter().zip(codes) {
            if is_off {
                self.stop(*host, Stop::PowerLost);
                self.start_in(*host, QUICK_BOOT_MS / 2);
            } else {
                self.type_code(*host, &code, None);
            }
        }
        if turn < 2 * u32::from(times) {
            let wait = if is_off { QUICK_BOOT_MS } else { JUST_BEFORE_READING_MS };
            self.next_in(load, turn + 1, wait);
        }
    }

    /// An operator revokes a node: a kiosk's by a command, an admin's with the site key.
    pub(super) fn revoke_node(
        &mut self,
        desk: HostId,
        host: HostId,
        node: NodeId,
        cut: Vec<Cut>,
        intent: RequestId,
    ) {
        if self.scenario.site.is_kiosk(host) {
            self.order(desk, Command::RevokeNode { node, cut }, Errand::Plain);
            return;
        }
        for certificate in self.founding.revocation(node, &cut, intent) {
            let ask = self.next_ask();
            self.input(desk, Input::Certify { ask, certificate: Box::new(certificate) });
        }
    }
}
