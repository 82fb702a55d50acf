//! Starting on what the store holds, and folding again when authority changed.

use domain::authority::Chain;
use domain::fact::{BootCertificate, Fact, boot_bytes};
use domain::id::EpochId;
use domain::moment::Moment;
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::operation::Table;

use super::Replica;
use super::message::Reach;
use crate::entry::Entry;
use crate::signing;

const PAGE: usize = 512;
/// Folds in a row: every fact about membership is known after the first.
const MOST_FOLDS: usize = 4;
/// Where the two entries that prove a fork are kept: `fork` and the epoch.
const FORK_KEY: &[u8] = b"fork";

impl<S: LedgerStore + Clone> Replica<S> {
    /// Builds the state from the store. Membership first, so that one pass over the rest suffices.
    pub(super) fn load(&mut self, now: Moment) -> Result<(), StoreError> {
        self.load_forks(now)?;
        let mut frontier = std::mem::take(&mut self.frontier);
        self.each_entry(|replica, entry| {
            let reach = Reach {
                epoch: entry.id.epoch,
                pruned_below: 0,
                height: entry.id.seq + 1,
                head: entry.hash(),
            };
            frontier.insert(entry.id.epoch, reach);
            if let Ok(Some(fact)) = Fact::decode(&entry.body)
                && Chain::concerns(&fact)
            {
                replica.site.apply(entry.id, &fact);
            }
        })?;
        self.frontier = frontier;
        self.fold_again()?;
        self.load_readings(now)
    }

    /// Applies every entry again under the authority that stands now. An entry may itself give or
    /// take authority that was not known yet: then once more, until nothing does.
    pub(super) fn fold_again(&mut self) -> Result<(), StoreError> {
        for _ in 0..MOST_FOLDS {
            self.site.unfold();
            let mut settled = true;
            self.each_entry(|replica, entry| {
                replica.hear_hint(&entry);
                if let Ok(Some(fact)) = Fact::decode(&entry.body) {
                    let effect = replica.site.apply(entry.id, &fact);
                    settled &= !effect.refold && effect.reread.is_empty();
                }
            })?;
            if settled {
                break;
            }
        }
        self.erase_again();
        Ok(())
    }

    /// Applies one log again.
    pub(super) fn apply_log_again(
        &mut self,
        epoch: EpochId,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut from = 0;
        loop {
            let page = self.store.entries(&epoch.0, from, PAGE, usize::MAX)?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            from = last + 1;
            for (_, bytes) in page {
                if let Ok(entry) = Entry::parse(&bytes)
                    && let Ok(Some(fact)) = Fact::decode(&entry.body)
                {
                    self.hear_hint(&entry);
                    self.apply_fact(entry.id, &fact, now);
                }
            }
        }
    }

    fn each_entry(&mut self, mut with: impl FnMut(&mut Self, Entry)) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.store.scan_entries(after, PAGE)?;
            let Some((epoch, seq, _)) = page.last() else {
                return Ok(());
            };
            after = Some((*epoch, *seq));
            for (_, _, bytes) in page {
                if let Ok(entry) = Entry::parse(&bytes) {
                    with(self, entry);
                }
            }
        }
    }

    fn load_forks(&mut self, now: Moment) -> Result<(), StoreError> {
        let mut after = FORK_KEY.to_vec();
        loop {
            let page = self.store.scan(Table::Local, Some(&after), PAGE)?;
            let proofs: Vec<_> =
                page.into_iter().take_while(|(key, _)| key.starts_with(FORK_KEY)).collect();
            let Some((last, _)) = proofs.last() else {
                return Ok(());
            };
            after.clone_from(last);
            for (_, value) in proofs {
                if let Ok((one, other)) = domain::codec::decode::<(Vec<u8>, Vec<u8>)>(&value) {
                    self.take_fork(&one, &other, now);
                }
            }
        }
    }

    /// The key of a fork's proof in the store.
    pub(super) fn fork_key(epoch: &EpochId) -> Vec<u8> {
        [FORK_KEY, &epoch.0].concat()
    }

    /// Opens this process's log: boot certificate first, then the certificates that the ledger does
    /// not have yet.
    pub(super) fn begin_epoch(&mut self, now: Moment) -> Result<(), StoreError> {
        let (site, node, epoch) = (self.me.site, self.me.node(), self.author.epoch());
        let bytes = boot_bytes(&site, &node, &epoch, self.me.amnesic);
        let signature = signing::sign(&self.me.node_key, &bytes);
        let amnesic = self.me.amnesic;
        let mut facts =
            vec![Fact::BootCertificate(BootCertificate { node, epoch, amnesic, signature })];
        let missing = self.me.certificates.iter().filter(|fact| !self.is_known(fact));
        facts.extend(missing.cloned());
        self.append(facts, now).map(|_| ())
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "no other fact is a node's own certificate")]
    fn is_known(&self, certificate: &Fact) -> bool {
        match certificate {
            Fact::SiteFounded(_) => self.site.chain().founded().is_some(),
            Fact::AdminAdmitted(f) => self.site.standing().members.contains_key(&f.node),
            Fact::NodeAdmitted(f) => {
                self.site.chain().admissions(&f.node).any(|(token, _)| *token == f.token)
            }
            _ => true,
        }
    }
}
