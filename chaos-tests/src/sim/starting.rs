//! Processes start and end, and machines boot.

use std::collections::BTreeMap;
use std::rc::Rc;

use actors::replica::Replica;
use actors::vault::Vault;
use actors::vault::key::VaultKey;
use domain::authority::NodeKind;
use domain::fact::MOST_BODY;
use domain::refusal::Refusal;
use rand::RngExt;

use super::agenda::Due;
use super::dialling::Dials;
use super::machine::{Asking, Process};
use super::world::{RESTART_MS, World};
use crate::event::{Denied, Event, HostId, Stop};

/// What an admin node's vault is sealed with.
const VAULT_KEY: [u8; 32] = [5; 32];
/// A kind of fact that this release does not know.
const UNKNOWN_KIND: u16 = 60_000;
/// A process that cannot start on a full disk is tried again so often.
const RETRY_MS: u64 = 5_000;
/// The other release writes one so often.
const UNKNOWN_EVERY_MS: u64 = 20_000;

impl World {
    /// Starts the process of a host that is switched on, unless a fault keeps it down.
    pub(super) fn start(&mut self, host: HostId) {
        let seed: [u8; 32] = self.rng.random();
        let boot_id: [u8; 16] = self.rng.random();
        let is_full = self.is_disk_full(host);
        let Some(home) = self.stage.host_mut(host) else {
            return;
        };
        if home.process.is_some() || home.held_down > 0 {
            return;
        }
        let new_boot = std::mem::take(&mut home.boots);
        if new_boot {
            home.clock.boot();
            home.identity.boot_id = boot_id;
            if home.identity.amnesic {
                home.disk = home.disk.emptied();
                home.identity = self.founding.kiosk(host, true, &mut self.rng);
            }
        }
        let moved_aside = std::mem::take(&mut home.damaged);
        if moved_aside {
            home.disk = home.disk.emptied();
        }
        // Also one that came from elsewhere, or from another time.
        home.disk.set_full(is_full);
        let restored = std::mem::take(&mut home.restored);
        let vault = match home.identity.kind {
            NodeKind::Kiosk => Ok(None),
            NodeKind::Admin => {
                let key = VaultKey::from_bytes(VAULT_KEY);
                Vault::open(home.disk.clone(), key, &mut self.rng).and_then(|mut vault| {
                    if restored {
                        vault.shut()?;
                    }
                    Ok(Some(vault))
                })
            }
        };
        let now = home.clock.moment();
        let started = vault.map_err(|error| error.to_string()).and_then(|vault| {
            Replica::start(home.disk.clone(), home.identity.clone(), vault, seed, now)
                .map_err(|error| error.to_string())
        });
        let (replica, outputs) = match started {
            Ok(started) => started,
            Err(_) if is_full => {
                // It says so and ends; whoever keeps processes running tries again.
                if let Some(home) = self.stage.host_mut(host) {
                    home.boots |= new_boot;
                    home.damaged |= moved_aside;
                    home.restored |= restored;
                }
                self.judge.sometimes("no start on a full disk");
                return self.start_in(host, RETRY_MS);
            }
            Err(words) => return self.tell(Event::Fell { host, words }),
        };
        self.processes += 1;
        let number = self.processes;
        let (node, epoch) = (replica.me().node(), replica.epoch());
        let (kiosk, amnesic) = (home.identity.kiosk, home.identity.amnesic);
        home.process = Some(Process {
            number,
            replica,
            epoch,
            clock: Rc::clone(&home.clock),
            disk: home.disk.clone(),
            wake_at: u64::MAX,
            armed: None,
            next_second: 0,
            barrier_running: false,
            barrier_wanted: false,
            shown: None,
            told: None,
            looks_untold: 0,
            last_session: None,
            dials: Dials::default(),
            peers: BTreeMap::new(),
            asking: BTreeMap::new(),
        });
        let later_release = home.later_release;
        if moved_aside {
            self.tell(Event::Rebuilt { host });
        }
        self.tell(Event::Started { host, node, kiosk, epoch, new_boot, amnesic });
        self.open_port(host);
        self.carry_out(host, outputs);
        self.hear_of_others(host);
        if kiosk.is_some() {
            self.later(0, Due::Second { host, process: number });
        } else {
            self.later(60_000, Due::Keep { host, process: number });
        }
        if later_release {
            self.later(UNKNOWN_EVERY_MS / 4, Due::WriteUnknown { host, process: number });
        }
    }

    /// Ends the process of a host. What its disk keeps depends on how.
    pub(super) fn stop(&mut self, host: HostId, how: Stop) {
        if how == Stop::Rebooted {
            self.say_goodbye(host);
        }
        let late = self.rng.random::<u32>();
        let Some(home) = self.stage.host_mut(host) else {
            return;
        };
        home.frozen = 0;
        home.boots |= !matches!(how, Stop::Killed | Stop::AskedFor);
        let pending = home.disk.pending();
        let some = late as usize % (pending + 1);
        let failed = home.process.as_ref().is_some_and(|process| process.replica.is_disk_failed());
        home.disk = match how {
            // After a failed write the kernel may have dropped any of the pages.
            Stop::Killed | Stop::AskedFor | Stop::Rebooted if failed => {
                home.disk.after_power_cut(some)
            }
            Stop::Killed | Stop::AskedFor | Stop::Rebooted => home.disk.after_kill(),
            Stop::PowerLost => home.disk.after_power_cut(0),
            Stop::DiskLost => home.disk.emptied(),
            Stop::Restored => home.disk.clone(),
        };
        let Some(process) = home.process.take() else {
            // Its disk is changed while it is off.
            if matches!(how, Stop::DiskLost | Stop::Restored) {
                self.tell(Event::Stopped { host, how });
            }
            return;
        };
        for asking in process.asking.into_values() {
            self.never_answered(host, asking);
        }
        self.vanish(host);
        self.tell(Event::Stopped { host, how });
    }

    fn never_answered(&mut self, host: HostId, asking: Asking) {
        let request = asking.request;
        if let Some(request) = request {
            self.tell(Event::Denied { host, request, why: Denied::NoAnswer });
        }
        self.errand_failed(host, asking.errand, &Refusal::NotNow);
    }

    /// The power comes back, or whoever keeps processes running starts it again.
    pub(super) fn start_in(&mut self, host: HostId, ms: u64) {
        self.later(ms, Due::Start { host });
    }

    /// A process asked to be started again: its log has two histories.
    pub(super) fn start_again(&mut self, host: HostId, number: u64) {
        let still = self.stage.host(host).and_then(|home| home.process_number());
        if still == Some(number) {
            self.judge.sometimes("process began a new log");
            self.stop(host, Stop::AskedFor);
            self.start_in(host, RESTART_MS);
        }
    }

    /// A process panicked, or broke a promise to its shell.
    pub(super) fn fell(&mut self, host: HostId, words: &str) {
        self.tell(Event::Fell { host, words: words.to_owned() });
        self.stop(host, Stop::Killed);
        self.start_in(host, RESTART_MS);
    }

    /// A later release writes what this one does not know.
    pub(super) fn write_unknown(&mut self, host: HostId, number: u64) {
        let alive = self
            .stage
            .host(host)
            .is_some_and(|home| home.later_release && home.process_number() == Some(number));
        if !alive {
            return;
        }
        self.later(UNKNOWN_EVERY_MS, Due::WriteUnknown { host, process: number });
        let mut body = Vec::from(UNKNOWN_KIND.to_le_bytes());
        let length = self.rng.random_range(1..MOST_BODY - body.len());
        body.resize(length + body.len(), 0xa7);
        self.judge.sometimes("fact of a later release written");
        self.turn(host, |replica, now| match replica.write_body(body, now) {
            Ok(Some((_, outputs))) => outputs,
            Ok(None) | Err(_) => Vec::new(),
        });
    }
}
