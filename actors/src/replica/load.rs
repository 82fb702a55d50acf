//! Starting on what the store holds, and folding again when authority or the base changed.

use std::collections::BTreeMap;

use domain::authority::Chain;
use domain::checkpoint::Ground;
use domain::fact::{BootCertificate, Fact, boot_bytes};
use domain::id::{EntryId, EpochId};
use domain::moment::Moment;
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::operation::Table;

use super::Replica;
use super::message::Reach;
use crate::entry::{Entry, NO_ENTRY};
use crate::signing;
use crate::snapshot::Snapshot;

const PAGE: usize = 512;
/// Folds in a row: every fact about membership is known after the first.
const MOST_FOLDS: usize = 4;
/// Where the two entries that prove a fork are kept: `fork` and the epoch.
const FORK_KEY: &[u8] = b"fork";

/// What is held of each log, as it turns up in the store.
struct Held<'a> {
    ground: &'a Ground,
    frontier: BTreeMap<EpochId, Reach>,
    /// The first entry held below each floor.
    to_prune: BTreeMap<EpochId, u64>,
    /// The unbroken run of entries below a floor that is being read: its first, and the next.
    run: Option<(EntryId, u64)>,
}

impl<'a> Held<'a> {
    fn on(ground: &'a Ground) -> Self {
        let floors = ground.floors.iter().map(|(epoch, floor)| {
            let (height, head) = (floor.height, floor.head);
            (*epoch, Reach { epoch: *epoch, pruned_below: height, height, head })
        });
        Held { ground, frontier: floors.collect(), to_prune: BTreeMap::new(), run: None }
    }

    /// Notes an entry; says whether it lies above its floor and joins what is held.
    fn take(&mut self, entry: &Entry) -> bool {
        let id = entry.id;
        let reach = self.frontier.entry(id.epoch).or_insert(Reach {
            epoch: id.epoch,
            pruned_below: 0,
            height: 0,
            head: NO_ENTRY,
        });
        if let Some(floor) = self.ground.floors.get(&id.epoch).filter(|f| id.seq < f.height) {
            self.to_prune.entry(id.epoch).or_insert(id.seq);
            let goes_on =
                |(first, next): &(EntryId, u64)| first.epoch == id.epoch && *next == id.seq;
            let first = self.run.filter(goes_on).map_or(id, |(first, _)| first);
            self.run = Some((first, id.seq + 1));
            if id.seq + 1 == floor.height && entry.hash() == floor.head {
                reach.pruned_below = first.seq; // as good as whole: peers can have these
            }
            return false;
        }
        let joins = id.seq == reach.height && entry.prev == reach.head;
        if joins {
            reach.height = id.seq + 1;
            reach.head = entry.hash();
        }
        joins
    }
}

impl<S: LedgerStore + Clone> Replica<S> {
    /// Builds the state from the store. Membership first, so that one pass over the rest suffices.
    pub(super) fn load(&mut self, now: Moment) -> Result<(), StoreError> {
        self.load_forks(now)?;
        let base = self.load_base(now)?;
        self.load_ledger(&base)?;
        self.load_readings(now)
    }

    /// Builds the state from what the base says and the entries above it.
    pub(super) fn load_ledger(&mut self, base: &Snapshot) -> Result<(), StoreError> {
        self.site.rebase(base.ground.clone(), base.members());
        self.base.entries.clone_from(&base.entries);
        let mut held = Held::on(&base.ground);
        let mut members = Vec::new();
        self.each_entry(|_, entry| {
            if held.take(&entry)
                && let Ok(Some(fact)) = Fact::decode(&entry.body)
                && Chain::concerns(&fact)
            {
                members.push((entry.id, fact));
            }
        })?;
        self.site.learn(members);
        held.frontier.retain(|_, reach| reach.height > 0);
        (self.frontier, self.base.to_prune) = (held.frontier, held.to_prune);
        self.root = None;
        self.fold_on(base)
    }

    /// Applies everything again under the authority that stands now.
    pub(super) fn fold_again(&mut self) -> Result<(), StoreError> {
        let base = self.read_base()?;
        self.fold_on(&base)
    }

    /// Applies every entry above the base. An entry may itself give or take authority that was not
    /// known yet: then once more, until nothing does.
    fn fold_on(&mut self, base: &Snapshot) -> Result<(), StoreError> {
        for _ in 0..MOST_FOLDS {
            self.site.unfold();
            base.settle_into(&mut self.site);
            let mut settled = true;
            self.each_entry(|replica, entry| {
                let reach = replica.frontier.get(&entry.id.epoch);
                if reach.is_none_or(|reach| entry.id.seq >= reach.height) {
                    return; // of another history than the base's
                }
                replica.hear_hint(&entry);
                match Fact::decode(&entry.body) {
                    Ok(Some(Fact::CheckpointSigned(signed))) => replica.hear_signature(&signed),
                    Ok(Some(fact)) => {
                        let effect = replica.site.apply(entry.id, &fact);
                        settled &= !effect.refold && effect.reread.is_empty();
                    }
                    Ok(None) | Err(_) => {}
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
        let missing = self.me.certificates.iter().filter(|fact| !self.is_known(fact));
        self.begin_epoch_with(missing.cloned().collect(), now)
    }

    /// As [`Self::begin_epoch`], with these certificates.
    pub(super) fn begin_epoch_with(
        &mut self,
        certificates: Vec<Fact>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let (site, node, epoch) = (self.me.site, self.me.node(), self.author.epoch());
        let (amnesic, machine) = (self.me.amnesic, self.me.machine);
        let knew_ms = self.site.ground().as_of_ms;
        let bytes = boot_bytes(&site, &node, &epoch, amnesic, &machine, knew_ms);
        let signature = signing::sign(&self.me.node_key, &bytes);
        let boot = BootCertificate { node, epoch, amnesic, machine, knew_ms, signature };
        let mut facts = vec![Fact::BootCertificate(boot)];
        facts.extend(certificates);
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
