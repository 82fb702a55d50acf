//! How far each operator's command has come: accepted, replicated, confirmed by its kiosk.

use std::collections::{BTreeSet, VecDeque};

use domain::authority::Standing;
use domain::command::{Asked, Command};
use domain::id::{EntryId, KioskId, NodeId, RequestId, SessionId};
use domain::moment::Moment;
use storage::ledger_store::LedgerStore;

use super::Replica;

/// Commands whose way is remembered: the latest.
pub const MOST_DELIVERIES: usize = 200;
/// A durable node not seen for this long does not count among those that should hold an entry.
const SEEN_WITHIN_MS: u64 = 24 * 3_600_000;

/// A command's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The intent.
    pub request: RequestId,
    /// Its last entry.
    pub entry: EntryId,
    /// The command's verb.
    pub verb: &'static str,
    /// The session that it is about.
    pub session: Option<SessionId>,
    /// The kiosk that must carry it out.
    pub kiosk: Option<KioskId>,
    /// When it was accepted (ms since 1970).
    pub at_ms: i64,
    /// When the kiosk's receipt came (ms since 1970).
    pub confirmed_ms: Option<i64>,
    /// Seconds that an extension added, for undoing it.
    pub seconds: Option<i32>,
}

/// A delivery with the counts of this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The delivery.
    pub delivery: Delivery,
    /// Durable nodes that hold it, this one included.
    pub held_by: u32,
    /// Durable nodes that should.
    pub of: u32,
    /// Whether a node of its kiosk is linked here.
    pub kiosk_linked: bool,
}

#[derive(Debug, Default)]
pub(super) struct Deliveries {
    latest: VecDeque<Delivery>,
}

impl Deliveries {
    pub(super) fn begin(
        &mut self,
        asked: &Asked,
        entry: EntryId,
        session: Option<SessionId>,
        kiosk: Option<KioskId>,
        now: Moment,
    ) {
        if self.latest.len() >= MOST_DELIVERIES {
            self.latest.pop_front();
        }
        let seconds =
            if let Command::Extend { seconds, .. } = asked.command { Some(seconds) } else { None };
        self.latest.push_back(Delivery {
            request: asked.request,
            entry,
            verb: verb(&asked.command),
            session,
            kiosk,
            at_ms: now.wall_ms,
            confirmed_ms: None,
            seconds,
        });
    }

    /// A node holds everything below `height` of this epoch's log.
    pub(super) fn confirm(&mut self, node: &NodeId, height: u64, now: Moment, standing: &Standing) {
        let kiosk = standing.members.get(node).and_then(|member| member.kiosk);
        for delivery in &mut self.latest {
            let reached = delivery.entry.seq < height && delivery.kiosk.is_some();
            if reached && delivery.kiosk == kiosk && delivery.confirmed_ms.is_none() {
                delivery.confirmed_ms = Some(now.wall_ms);
            }
        }
    }
}

/// The word for a command in the API and the page's texts.
pub fn verb(command: &Command) -> &'static str {
    match command {
        Command::IssueCode { .. } => "issue",
        Command::IssueCodes { .. } => "issue_batch",
        Command::Withdraw { .. } => "withdraw",
        Command::Open { .. } => "open",
        Command::Extend { .. } => "extend",
        Command::Pause { .. } => "pause",
        Command::Resume { .. } => "resume",
        Command::Close { .. } => "close",
        Command::Leave { .. } => "leave",
        Command::SendMessage { .. } => "message",
        Command::AcknowledgeMessage { .. } => "acknowledge",
        Command::NameKiosk { .. } => "name_kiosk",
        Command::DescribeKiosk { .. } => "describe_kiosk",
        Command::NameRoom { .. } => "name_room",
        Command::ChangeSettings { .. } => "change_settings",
        Command::IssueToken { .. } => "issue_token",
        Command::RevokeToken { .. } => "revoke_token",
        Command::PairNode { .. } => "pair_node",
        Command::RevokeNode { .. } => "revoke_node",
        Command::EraseRow { .. } => "erase_row",
    }
}

impl<S: LedgerStore + Clone> Replica<S> {
    /// The latest commands given on this node, oldest first, and how far each has come.
    pub fn deliveries(&self, now: Moment) -> Vec<Progress> {
        let durable = self.durable_nodes(now);
        let latest = self.deliveries.latest.iter();
        latest.map(|delivery| self.progress(delivery, &durable)).collect()
    }

    /// How far the command has come whose last entry this is, if it is one of the latest.
    pub fn delivery(&self, entry: &EntryId, now: Moment) -> Option<Progress> {
        let delivery = self.deliveries.latest.iter().rev().find(|known| known.entry == *entry)?;
        Some(self.progress(delivery, &self.durable_nodes(now)))
    }

    fn progress(&self, delivery: &Delivery, durable: &BTreeSet<NodeId>) -> Progress {
        let of = u32::try_from(durable.len()).unwrap_or(u32::MAX).saturating_add(1);
        let holders = self.receipts.holders(delivery.entry.seq);
        let held = holders.filter(|node| durable.contains(node)).count();
        let kiosk_linked = delivery.kiosk.is_some_and(|kiosk| {
            self.site.standing().nodes_of(kiosk).any(|node| self.peers.contains_key(node))
        });
        Progress {
            delivery: delivery.clone(),
            held_by: u32::try_from(held).unwrap_or(u32::MAX).saturating_add(1),
            of,
            kiosk_linked,
        }
    }

    /// Durable nodes other than this one, not revoked and seen within a day.
    fn durable_nodes(&self, now: Moment) -> BTreeSet<NodeId> {
        let me = self.me.node();
        let standing = self.site.standing();
        self.seen
            .iter()
            .filter(|(node, at)| **node != me && now.since(**at) < SEEN_WITHIN_MS)
            .map(|(node, _)| *node)
            .filter(|node| standing.is_member(node) && !self.forgets(node))
            .collect()
    }

    pub(super) fn forgets(&self, node: &NodeId) -> bool {
        let chain = self.site.chain();
        chain.epochs_of(*node).any(|epoch| chain.node_of(epoch).is_some_and(|(_, amnesic)| amnesic))
    }
}
