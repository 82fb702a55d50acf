//! Dropping the entries that the base speaks for, a few with each round.

use domain::authority::NodeKind;
use domain::id::{EpochId, NodeId};
use domain::moment::Moment;
use domain::planted::{self, Bug};
use storage::ledger_store::LedgerStore;
use storage::operation::Op;

use super::{Notice, Replica};

/// Entries dropped in one round.
const MOST_DROPPED: u64 = 4_096;
/// How long entries are kept for an admin node that has not signed what replaces them, in
/// milliseconds of site time: a day. Until then it can still find out by itself that the checkpoint is
/// right. Neither a restart nor the next checkpoint begins it anew.
const KEPT_FOR_ADMINS_MS: i64 = 24 * 3_600_000;

impl<S: LedgerStore + Clone> Replica<S> {
    /// Does what checkpoints ask for from time to time.
    pub(super) fn tend_checkpoints(&mut self, now: Moment) {
        self.tend_fetch(now);
        self.follow_the_agreed(now);
        if self.me.kind == NodeKind::Admin {
            self.judge_proposals(now);
            self.propose_if_due(now);
        }
        self.prune_some(now);
        self.tell_of_refused();
    }

    /// As soon as something has come that may make a checkpoint agreed.
    pub(super) fn tend_stirred(&mut self, now: Moment) {
        if std::mem::take(&mut self.base.stirred) {
            self.follow_the_agreed(now);
            self.judge_proposals(now);
        }
    }

    fn prune_some(&mut self, now: Moment) {
        if self.base.to_prune.is_empty() || self.disk_failed || !self.may_prune(now) {
            return;
        }
        let mut left = MOST_DROPPED;
        while let Some((epoch, from)) = self.base.to_prune.first_key_value() {
            let (epoch, from) = (*epoch, *from);
            let floor = self.site.ground().height(&epoch);
            let floor = floor + u64::from(planted::is(Bug::PrunedTooFar));
            let until = floor.min(from.saturating_add(left));
            let op = Op::DropEntriesBelow { epoch: epoch.0, seq: until };
            if self.stage(vec![op], now).is_err() {
                return;
            }
            left = left.saturating_sub(until.saturating_sub(from));
            if let Some(reach) = self.frontier.get_mut(&epoch) {
                reach.pruned_below = reach.pruned_below.max(until);
            }
            if until < floor {
                self.base.to_prune.insert(epoch, until);
                return;
            }
            self.base.to_prune.remove(&epoch);
            if left == 0 {
                return;
            }
        }
    }

    /// Once the base is on the disk, and no admin node needs the entries to sign it.
    fn may_prune(&self, now: Moment) -> bool {
        let admins: Vec<NodeId> = self.site.standing().nodes(NodeKind::Admin).copied().collect();
        let signed = self.base.heads.keys().all(|hash| {
            let signers = self.base.ballots.signers(hash);
            admins.iter().all(|admin| signers.contains(admin))
        });
        let durable = self.base.ticket <= self.durable;
        let site_now = self.time.moment(now);
        let kept_ms = site_now.wall_ms.saturating_sub(self.base.to_prune_since_ms);
        durable && (signed || site_now.trusted && kept_ms >= KEPT_FOR_ADMINS_MS)
    }

    /// Epochs that came too late are spoken of once.
    fn tell_of_refused(&mut self) {
        if self.site.ground().as_of_ms.is_none() {
            return;
        }
        let fresh: Vec<EpochId> = self.refused_epochs();
        for epoch in fresh {
            if self.base.refused_told.insert(epoch) {
                let node = self.site.node_of(&epoch);
                self.notice(Notice::TooLate { node, epoch });
            }
        }
    }
}
