//! Codes that patrons type on this kiosk.

use domain::command::{Asked, Command};
use domain::decide::Author as OnBehalf;
use domain::fact::opening_bytes;
use domain::id::{CodeKey, RequestId};
use domain::moment::Moment;
use domain::refusal::Refusal;
use ed25519_dalek::SigningKey;
use storage::ledger_store::LedgerStore;

use crate::replica::{AskId, Done, Failure, Output, Replica};
use crate::signing;

impl<S: LedgerStore + Clone> Replica<S> {
    /// A patron typed a code. The answer does not wait for the disk: unlocking is no
    /// acknowledgement.
    pub(in crate::replica) fn typed(&mut self, ask: AskId, key: Option<&SigningKey>, now: Moment) {
        let outcome = self.open_typed(key, now);
        if let Some(duty) = &mut self.duty {
            match &outcome {
                Ok(_) => duty.wrong = 0,
                Err(Failure::Refused(Refusal::UnknownCode)) => duty.wrong_code(now),
                Err(_) => {}
            }
        }
        self.reply(ask, outcome);
        self.out.push(Output::Changed { by_fact: true });
    }

    pub(in crate::replica) fn open_typed(
        &mut self,
        key: Option<&SigningKey>,
        now: Moment,
    ) -> Result<Done, Failure> {
        let Some(duty) = &self.duty else {
            return Err(Refusal::Authority.into());
        };
        let kiosk = duty.kiosk;
        // It has not taken in what was written since: a good code would be an unknown one, and a wrong try.
        if self.disk_failed {
            return Err(Failure::Disk);
        }
        if duty.blocked_until > now.boot_ms {
            let seconds = (duty.blocked_until - now.boot_ms).div_ceil(1000);
            let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
            return Err(Refusal::Throttled { seconds }.into());
        }
        let key = key.ok_or(Refusal::UnknownCode)?;
        let public = CodeKey(key.verifying_key().to_bytes());
        let session = self.site.session_by_code(&public).ok_or(Refusal::UnknownCode)?;
        let alone = self.is_alone(now);
        let allowance = u64::from(self.site.settings().allowance_s) * 1000;
        let used_alone = duty.alone_used.get(&session).copied().unwrap_or(0);
        if alone && used_alone >= allowance {
            return Err(Refusal::Isolated.into());
        }
        let found = self.site.session(&session).ok_or(Refusal::UnknownCode)?;
        let opening = found.next_opening();
        let node = self.me.node();
        let bytes = opening_bytes(&self.me.site, &session, &kiosk, &node, opening);
        let proof = signing::sign(key, &bytes);
        let command = Command::Open { session, opening, proof, alone };
        let asked = Asked { request: RequestId([0; 16]), command };
        let done = self.carry_out(OnBehalf::Kiosk { kiosk, node }, &asked, now)?;
        self.begin_run(session, opening, alone, now);
        Ok(done)
    }
}
