//! Who belongs to the site, and which entries have effect.
//!
//! The chain runs site → admin node → token → node → epoch. [`Chain`] keeps every fact about it,
//! whoever wrote it; [`Chain::standing`] works out from that set alone who stands. A late fact can
//! therefore give authority or take it away, and the answer is the same in any order.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::checkpoint::{Ground, Voice};
use crate::fact::{AdminAdmitted, Cut, Derivation, Fact, MOST_PARTS, Part, Scope, root_of};
use crate::id::{EntryId, EpochId, KioskId, NodeId, Signature, SiteId, TokenId};
use crate::operator::OperatorRole;
use crate::planted::{self, Bug};

/// The name under which a certificate is judged that is in no log yet: a greeting brought it, and the
/// link has proven whose it is. No epoch has this key.
pub const UNWRITTEN: EntryId = EntryId { epoch: EpochId([0; 32]), seq: u64::MAX };

const FIRST: EntryId = EntryId { epoch: EpochId([0; 32]), seq: 0 };
const LAST: EntryId = EntryId { epoch: EpochId([255; 32]), seq: u64::MAX };

/// What a node is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// Runs the console and holds the vault.
    Admin,
    /// Serves a kiosk.
    Kiosk,
}

/// A node that was admitted, now or once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its kind.
    pub kind: NodeKind,
    /// The kiosk that it serves.
    pub kiosk: Option<KioskId>,
    /// Whether its membership was revoked: links to it are cut at once.
    pub revoked: bool,
    /// Whether a revocation is complete, so that its entries are cut too.
    pub cut: bool,
}

/// An epoch of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Epoch {
    /// The node that it is an epoch of.
    pub node: NodeId,
    /// The node's kind.
    pub kind: NodeKind,
    /// The kiosk that the node serves.
    pub kiosk: Option<KioskId>,
    /// Entries with a lower number than this have effect.
    pub below: u64,
}

/// Who stands, worked out from a [`Chain`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Nodes admitted, revoked ones included.
    pub members: BTreeMap<NodeId, Member>,
    /// Epochs of members.
    pub epochs: BTreeMap<EpochId, Epoch>,
}

impl Standing {
    /// The author of an entry, if the entry has effect.
    pub fn author(&self, id: &EntryId) -> Option<&Epoch> {
        self.epochs.get(&id.epoch).filter(|epoch| id.seq < epoch.below)
    }

    /// Whether `node` belongs to the site now.
    pub fn is_member(&self, node: &NodeId) -> bool {
        self.members.get(node).is_some_and(|member| !member.revoked)
    }

    /// The nodes of one kind that belong now.
    pub fn nodes(&self, kind: NodeKind) -> impl Iterator<Item = &NodeId> {
        self.members
            .iter()
            .filter(move |(_, member)| member.kind == kind && !member.revoked)
            .map(|(node, _)| node)
    }

    /// The nodes that serve `kiosk` and belong now.
    pub fn nodes_of(&self, kiosk: KioskId) -> impl Iterator<Item = &NodeId> {
        self.members
            .iter()
            .filter(move |(_, member)| member.kiosk == Some(kiosk) && !member.revoked)
            .map(|(node, _)| node)
    }
}

/// The pieces of one node's revocations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Revocation {
    pieces: BTreeMap<(Part, EntryId), Vec<Cut>>,
}

impl Revocation {
    /// The cut of all complete intents whose pieces `counts` accepts: heights merge by minimum, and
    /// an epoch missing from any intent is cut at nothing. `None` when no intent is complete. Pieces
    /// make up one intent if `author` says the same of them.
    fn cut(
        &self,
        counts: impl Fn(&EntryId) -> bool,
        author: impl Fn(&EntryId) -> Option<EpochId>,
    ) -> Option<BTreeMap<EpochId, u64>> {
        let mut intents: BTreeMap<_, BTreeMap<u16, &Vec<Cut>>> = BTreeMap::new();
        for ((part, id), cut) in &self.pieces {
            if counts(id) {
                let intent = (author(id), part.intent, part.count, part.root);
                intents.entry(intent).or_default().entry(part.index).or_insert(cut);
            }
        }
        let mut merged: Option<BTreeMap<EpochId, u64>> = None;
        for ((_, _, count, root), pieces) in intents {
            let whole: Vec<Cut> = pieces.values().flat_map(|cut| cut.iter().copied()).collect();
            if pieces.len() != usize::from(count) || root_of(&whole).ok() != Some(root) {
                continue;
            }
            let heights: BTreeMap<_, _> = whole.iter().map(|cut| (cut.epoch, cut.height)).collect();
            merged = Some(match merged {
                None => heights,
                Some(before) => before
                    .into_iter()
                    .filter_map(|(epoch, height)| {
                        let other = *heights.get(&epoch)?;
                        let wider = height != other && planted::is(Bug::CutByMaximum);
                        Some((epoch, if wider { height.max(other) } else { height.min(other) }))
                    })
                    .collect(),
            });
        }
        merged
    }

    /// Whether anything was said that `counts`, complete or not: links are cut at once.
    fn begun(&self, counts: impl Fn(&EntryId) -> bool) -> bool {
        self.pieces.keys().any(|(_, id)| counts(id))
    }
}

/// A token with the entries that say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// What it admits.
    pub scope: Scope,
    /// Last moment at which a member may countersign with it.
    pub expires_ms: i64,
}

/// What an epoch's boot certificate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Boot {
    node: NodeId,
    amnesic: bool,
    machine: [u8; 32],
    knew_ms: Option<i64>,
}

/// Every fact about membership.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Chain {
    founded: BTreeMap<EntryId, (String, Derivation)>,
    admins: BTreeMap<NodeId, BTreeMap<EntryId, Signature>>,
    admin_revocations: BTreeMap<NodeId, Revocation>,
    boots: BTreeMap<EpochId, Boot>,
    /// [`Chain::boots`] by node.
    #[serde(skip)]
    epochs: BTreeMap<NodeId, BTreeSet<EpochId>>,
    tokens: BTreeMap<TokenId, BTreeMap<EntryId, Token>>,
    token_revocations: BTreeSet<(TokenId, EntryId)>,
    admissions: BTreeSet<(NodeId, TokenId, KioskId, EntryId)>,
    countersigned: BTreeSet<(NodeId, TokenId, KioskId, EntryId)>,
    paired: BTreeMap<NodeId, BTreeMap<EntryId, KioskId>>,
    revocations: BTreeMap<NodeId, Revocation>,
    forks: BTreeMap<EpochId, u64>,
    /// Not part of the site's state: two nodes of which one has a base and the other all entries are
    /// of one mind.
    #[serde(skip)]
    ground: Ground,
}

impl Chain {
    /// Takes a fact, if it is about membership; says whether the chain changed. Certificates are
    /// checked here, because their authors may be nobody yet.
    pub fn take(&mut self, site: &SiteId, id: &EntryId, fact: &Fact) -> bool {
        let forked = self.forks.get(&id.epoch).is_some_and(|low| id.seq >= *low);
        let spoken_for = forked || self.ground.covers(id);
        if spoken_for || !Self::concerns(fact) || !fact.certificate_holds(site) {
            return false;
        }
        self.settle(id, fact)
    }

    /// Takes a fact whose certificate was checked: by whoever agreed to the base that says it.
    #[allow(clippy::wildcard_enum_match_arm, reason = "`concerns` lists what is taken")]
    pub(crate) fn settle(&mut self, id: &EntryId, fact: &Fact) -> bool {
        match fact {
            Fact::SiteFounded(f) => {
                let founding = (f.name.clone(), f.derivation);
                self.founded.insert(*id, founding).is_none()
            }
            Fact::AdminAdmitted(f) => {
                self.admins.entry(f.node).or_default().insert(*id, f.signature).is_none()
            }
            Fact::AdminRevoked(f) => {
                take_piece(&mut self.admin_revocations, f.node, id, &f.part, &f.cut)
            }
            Fact::BootCertificate(f) if id.seq == 0 && id.epoch == f.epoch => {
                let (node, amnesic, machine) = (f.node, f.amnesic, f.machine);
                let boot = Boot { node, amnesic, machine, knew_ms: f.knew_ms };
                if self.boots.get(&f.epoch).is_some_and(|known| *known <= boot) {
                    return false;
                }
                self.forget_boot(&f.epoch);
                self.boots.insert(f.epoch, boot);
                self.epochs.entry(f.node).or_default().insert(f.epoch)
            }
            Fact::TokenIssued(f) => {
                let token = Token { scope: f.scope, expires_ms: f.expires_ms };
                f.by.role == OperatorRole::Admin
                    && self.tokens.entry(f.token).or_default().insert(*id, token).is_none()
            }
            Fact::TokenRevoked(f) => {
                f.by.role == OperatorRole::Admin && self.token_revocations.insert((f.token, *id))
            }
            Fact::NodeAdmitted(f) => self.admissions.insert((f.node, f.token, f.kiosk, *id)),
            Fact::NodeCountersigned(f) => {
                self.countersigned.insert((f.node, f.token, f.kiosk, *id))
            }
            Fact::NodePaired(f) => {
                f.by.role == OperatorRole::Admin
                    && self.paired.entry(f.node).or_default().insert(*id, f.kiosk).is_none()
            }
            Fact::NodeRevoked(f) => {
                f.by.role == OperatorRole::Admin
                    && take_piece(&mut self.revocations, f.node, id, &f.part, &f.cut)
            }
            _ => false,
        }
    }

    /// Whether a fact belongs to the chain.
    pub fn concerns(fact: &Fact) -> bool {
        matches!(
            fact,
            Fact::SiteFounded(_)
                | Fact::AdminAdmitted(_)
                | Fact::AdminRevoked(_)
                | Fact::BootCertificate(_)
                | Fact::TokenIssued(_)
                | Fact::TokenRevoked(_)
                | Fact::NodeAdmitted(_)
                | Fact::NodeCountersigned(_)
                | Fact::NodePaired(_)
                | Fact::NodeRevoked(_)
        )
    }

    /// Takes the proof that `epoch` wrote two different entries with number `seq`. Nobody can say
    /// which of two histories counts, nor do all nodes hold the same one: from there on the epoch said
    /// nothing, not even what others signed and it only carried.
    pub fn take_fork(&mut self, epoch: EpochId, seq: u64) -> bool {
        if self.forks.get(&epoch).is_some_and(|lowest| *lowest <= seq) {
            return false;
        }
        let seq = seq + u64::from(planted::is(Bug::ForkFromNext));
        self.forks.insert(epoch, seq);
        // Below a floor the base's history stands.
        let low = seq.max(self.ground.height(&epoch));
        let holds = |id: &EntryId| id.epoch != epoch || id.seq < low;
        if low == 0 {
            self.forget_boot(&epoch);
        }
        self.founded.retain(|id, _| holds(id));
        keep(&mut self.admins, holds);
        keep(&mut self.tokens, holds);
        keep(&mut self.paired, holds);
        self.token_revocations.retain(|(_, id)| holds(id));
        self.admissions.retain(|(_, _, _, id)| holds(id));
        self.countersigned.retain(|(_, _, _, id)| holds(id));
        for revocations in [&mut self.admin_revocations, &mut self.revocations] {
            revocations.retain(|_, revocation| {
                revocation.pieces.retain(|(_, id), _| holds(id));
                !revocation.pieces.is_empty()
            });
        }
        true
    }

    fn forget_boot(&mut self, epoch: &EpochId) {
        if let Some(boot) = self.boots.remove(epoch)
            && let Some(epochs) = self.epochs.get_mut(&boot.node)
        {
            epochs.remove(epoch);
        }
    }

    /// Epochs proven to have written two histories, and where they part.
    pub fn forks(&self) -> &BTreeMap<EpochId, u64> {
        &self.forks
    }

    /// The site's name and how its codes become keys.
    pub fn founded(&self) -> Option<&(String, Derivation)> {
        self.founded.values().min()
    }

    /// The node behind an epoch, member or not, and whether it forgets.
    pub fn node_of(&self, epoch: &EpochId) -> Option<(NodeId, bool)> {
        self.boots.get(epoch).map(|boot| (boot.node, boot.amnesic))
    }

    /// The fingerprint of the machine that an epoch ran on, by its node's word.
    pub fn machine_of(&self, epoch: &EpochId) -> Option<[u8; 32]> {
        self.boots.get(epoch).map(|boot| boot.machine)
    }

    /// The time of the last checkpoint that an epoch's node knew when the epoch began.
    pub fn knew_ms(&self, epoch: &EpochId) -> Option<i64> {
        self.boots.get(epoch).and_then(|boot| boot.knew_ms)
    }

    /// A chain of which nothing is known but forks, on a base.
    pub(crate) fn on(&self, ground: Ground) -> Self {
        Chain { forks: self.forks.clone(), ground, ..Chain::default() }
    }

    /// What the base stands on.
    pub(crate) fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Epochs that came too late, beyond the horizon.
    pub(crate) fn refused(&self) -> impl Iterator<Item = &EpochId> {
        let late = self.boots.iter().filter(|(epoch, boot)| self.is_refused(epoch, boot));
        late.map(|(epoch, _)| epoch)
    }

    fn is_refused(&self, epoch: &EpochId, boot: &Boot) -> bool {
        self.ground.refuses(epoch, boot.knew_ms)
    }

    /// Entries of an epoch have effect below this number, whatever a revocation's cut says less of
    /// it: nothing takes back what a base has settled.
    fn below(&self, epoch: &EpochId, cut: u64) -> u64 {
        let forked = self.forks.get(epoch).copied().unwrap_or(u64::MAX);
        forked.min(cut).max(self.ground.height(epoch))
    }

    /// A fresh epoch of a member that was not revoked, in effect but for its forks.
    pub(crate) fn epoch_of_member(&self, epoch: &EpochId, standing: &Standing) -> Option<Epoch> {
        let boot = self.boots.get(epoch).filter(|boot| !self.is_refused(epoch, boot))?;
        let member = standing.members.get(&boot.node).filter(|m| !m.revoked)?;
        Some(Epoch {
            node: boot.node,
            kind: member.kind,
            kiosk: member.kiosk,
            below: self.below(epoch, u64::MAX),
        })
    }

    /// The epochs of a node.
    pub fn epochs_of(&self, node: NodeId) -> impl Iterator<Item = &EpochId> {
        self.epochs.get(&node).into_iter().flatten()
    }

    /// A token in effect under `standing`, revoked ones excluded.
    pub fn token(&self, token: &TokenId, standing: &Standing) -> Option<&Token> {
        let revoked = self
            .token_revocations
            .range((*token, FIRST)..=(*token, LAST))
            .any(|(_, id)| is_admin(standing, id));
        if revoked { None } else { self.token_ever(token, standing) }
    }

    /// The tokens in effect under `standing`.
    pub fn tokens<'a>(
        &'a self,
        standing: &'a Standing,
    ) -> impl Iterator<Item = (&'a TokenId, &'a Token)> {
        self.tokens.keys().filter_map(|id| self.token(id, standing).map(|token| (id, token)))
    }

    fn token_ever(&self, token: &TokenId, standing: &Standing) -> Option<&Token> {
        let said = self.tokens.get(token)?;
        said.iter().find(|(id, _)| is_admin(standing, id)).map(|(_, token)| token)
    }

    /// The tokens by which `node` asked to be admitted, with the kiosk that it wants to serve. Only
    /// the node itself can ask: who holds a token cannot move another's node to a kiosk of his choice.
    /// An epoch that is refused asks for nothing either: no base would have what it said.
    pub fn admissions(&self, node: &NodeId) -> impl Iterator<Item = (&TokenId, &KioskId)> {
        let first = (*node, TokenId([0; 32]), KioskId([0; 16]), FIRST);
        let last = (*node, TokenId([255; 32]), KioskId([255; 16]), LAST);
        let said = self.admissions.range(first..=last);
        said.filter(|(node, _, _, id)| {
            let own = |boot: &Boot| boot.node == *node && !self.is_refused(&id.epoch, boot);
            *id == UNWRITTEN || self.boots.get(&id.epoch).is_some_and(own)
        })
        .map(|(_, token, kiosk, _)| (token, kiosk))
    }

    /// Countersignatures of `node` by `token`, each with the kiosk that it was given for.
    fn countersignatures(
        &self,
        node: NodeId,
        token: TokenId,
    ) -> impl Iterator<Item = (&KioskId, &EntryId)> {
        let first = (node, token, KioskId([0; 16]), FIRST);
        let last = (node, token, KioskId([255; 16]), LAST);
        let signed = self.countersigned.range(first..=last);
        signed.map(|(_, _, kiosk, id)| (kiosk, id))
    }

    /// Whether anything was said that admits `node`, in effect or not: its log is worth having.
    pub fn names(&self, node: NodeId) -> bool {
        let first = (node, TokenId([0; 32]), KioskId([0; 16]), FIRST);
        let last = (node, TokenId([255; 32]), KioskId([255; 16]), LAST);
        self.admins.contains_key(&node)
            || self.paired.contains_key(&node)
            || self.countersigned.range(first..=last).next().is_some()
    }

    /// The chain as all nodes that hold the same effective entries have it: without what authors
    /// without authority said, of which each node may hold another part.
    pub fn within(&self, standing: &Standing) -> Self {
        let mut chain = self.clone();
        let counts = |id: &EntryId| standing.author(id).is_some();
        // Words of the site key hold whoever carries them, so that some carry what others carry, too.
        let carried = chain.founded.keys().any(counts);
        chain.founded.retain(|id, _| counts(id) || !carried);
        for said in chain.admins.values_mut() {
            let carried = said.keys().any(counts);
            said.retain(|id, _| counts(id) || !carried);
        }
        for revocation in chain.admin_revocations.values_mut() {
            let pieces = revocation.pieces.keys();
            let carried: BTreeSet<Part> =
                pieces.filter(|(_, id)| counts(id)).map(|(part, _)| *part).collect();
            revocation.pieces.retain(|(part, id), _| counts(id) || !carried.contains(part));
        }
        keep(&mut chain.tokens, counts);
        keep(&mut chain.paired, counts);
        chain.token_revocations.retain(|(_, id)| counts(id));
        chain.countersigned.retain(|(_, _, _, id)| counts(id));
        chain.revocations.retain(|_, revocation| {
            revocation.pieces.retain(|(_, id), _| counts(id));
            !revocation.pieces.is_empty()
        });
        chain
    }

    /// The site key's word that `node` is an admin node.
    pub fn admin_certificate(&self, node: &NodeId) -> Option<AdminAdmitted> {
        let (_, signature) = self.admins.get(node)?.first_key_value()?;
        let (node, signature) = (*node, *signature);
        Some(AdminAdmitted { node, signature })
    }

    /// What each admin node's opinion of checkpoints is worth to who stands on this base.
    ///
    /// A revoked node's signature counts until the base says that it was revoked: nodes that had not
    /// heard of it have followed such a signature, and cannot go back; what is agreed later takes no
    /// key of the past. A node's silence counts once the base says that it was admitted: what was
    /// agreed by nodes that had not heard of it stays agreed.
    pub fn voices(&self, standing: &Standing) -> BTreeMap<NodeId, Voice> {
        let admins = standing.members.iter().filter(|(_, m)| m.kind == NodeKind::Admin);
        let voices = admins.map(|(node, member)| {
            let stands = !member.revoked;
            let admitted = self.admins.get(node).into_iter().flat_map(|said| said.keys());
            let revoked = self.admin_revocations.get(node);
            let revoked = revoked.into_iter().flat_map(|revocation| revocation.pieces.keys());
            let is_old_news = self.ground.as_of_ms.is_none()
                || admitted.into_iter().any(|id| self.ground.covers(id));
            let counts = stands || !revoked.into_iter().any(|(_, id)| self.ground.covers(id));
            (*node, Voice { stands, counts, awaited: stands && is_old_news })
        });
        voices.collect()
    }

    /// The entries that carry the site key's words about admin nodes: one for each admission, every
    /// piece of a revocation.
    pub fn words_about_admins(&self) -> Vec<EntryId> {
        let admitted = self.admins.values().filter_map(|said| said.keys().next());
        let revocations = self.admin_revocations.values();
        let revoked = revocations.flat_map(|revocation| revocation.pieces.keys());
        admitted.chain(revoked.map(|(_, id)| id)).copied().collect()
    }

    /// The entries that stand behind a node's admission by `token`: the token's, and one
    /// countersignature.
    pub fn entries_behind(
        &self,
        node: &NodeId,
        token: &TokenId,
        standing: &Standing,
    ) -> Vec<EntryId> {
        let issued = self.tokens.get(token).into_iter().flat_map(|said| said.keys());
        let issued = issued.filter(|id| is_admin(standing, id)).take(1);
        let signed = self.countersignatures(*node, *token).map(|(_, id)| id);
        let signed = signed.filter(|id| standing.author(id).is_some()).take(1);
        issued.chain(signed).copied().collect()
    }

    /// The entries by which operators admitted `node`.
    pub fn pairing_entries(&self, node: &NodeId, standing: &Standing) -> Vec<EntryId> {
        let paired = self.paired.get(node).into_iter().flatten();
        let paired = paired.map(|(id, _)| *id);
        paired.filter(|id| is_admin(standing, id)).collect()
    }

    /// Who stands, from nothing but this set.
    ///
    /// Admin nodes first, since only the site key makes and unmakes them; then kiosks' nodes, whose
    /// tokens, countersignatures and revocations have effect only within what is already standing.
    pub fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        for node in self.admins.keys() {
            let revocation = self.admin_revocations.get(node);
            self.admit(&mut standing, *node, NodeKind::Admin, None, revocation, |_| true);
        }
        let admins = standing.clone();
        // A kiosk may be countersigned by a kiosk that itself waits for its countersignature: go on
        // until nobody is added. Members only ever join in this loop, so it ends.
        loop {
            let mut joined = Vec::new();
            let asked = self.admissions.iter().map(|(node, _, _, _)| node);
            let candidates: BTreeSet<_> = asked.chain(self.paired.keys()).copied().collect();
            for node in candidates {
                if !standing.members.contains_key(&node)
                    && let Some(kiosk) = self.kiosk_served(&node, &standing)
                {
                    joined.push((node, kiosk));
                }
            }
            if joined.is_empty() {
                return standing;
            }
            for (node, kiosk) in joined {
                let revocation = self.revocations.get(&node);
                self.admit(&mut standing, node, NodeKind::Kiosk, Some(kiosk), revocation, |id| {
                    is_admin(&admins, id) || planted::is(Bug::RevokedByKiosk)
                });
            }
        }
    }

    fn kiosk_served(&self, node: &NodeId, standing: &Standing) -> Option<KioskId> {
        let paired = self.paired.get(node).into_iter().flatten();
        let by_pairing = paired
            .filter(|(id, _)| is_admin(standing, id) || planted::is(Bug::PairedByKiosk))
            .map(|(_, kiosk)| *kiosk);
        let by_token = self.admissions(node).filter_map(|(token, kiosk)| {
            let scope = self.token_ever(token, standing)?.scope;
            let fits = match scope {
                Scope::Kiosk(only) => only == *kiosk,
                Scope::Room(_) => true,
            };
            let countersigned = self
                .countersignatures(*node, *token)
                .any(|(signed_for, id)| signed_for == kiosk && standing.author(id).is_some());
            (fits && countersigned).then_some(*kiosk)
        });
        by_pairing.chain(by_token).min()
    }

    fn admit(
        &self,
        standing: &mut Standing,
        node: NodeId,
        kind: NodeKind,
        kiosk: Option<KioskId>,
        revocation: Option<&Revocation>,
        counts: impl Fn(&EntryId) -> bool,
    ) {
        let revoked = revocation.is_some_and(|r| r.begun(&counts));
        // The site key signs each piece, whoever carries it; an admin's pieces are those of one log, so
        // that no other author can spoil them.
        let author = |id: &EntryId| (kind == NodeKind::Kiosk).then_some(id.epoch);
        let cut = revocation.and_then(|r| r.cut(&counts, author));
        let cut = cut.filter(|_| !planted::is(Bug::CutIgnored));
        standing.members.insert(node, Member { kind, kiosk, revoked, cut: cut.is_some() });
        let beyond = u64::from(cut.is_some() && planted::is(Bug::CutOffByOne));
        for epoch in self.epochs_of(node) {
            if self.boots.get(epoch).is_some_and(|boot| self.is_refused(epoch, boot)) {
                continue;
            }
            let within = match &cut {
                None => u64::MAX,
                Some(heights) => heights.get(epoch).copied().unwrap_or(0) + beyond,
            };
            let below = self.below(epoch, within);
            standing.epochs.insert(*epoch, Epoch { node, kind, kiosk, below });
        }
    }
}

fn is_admin(standing: &Standing, id: &EntryId) -> bool {
    standing.author(id).is_some_and(|author| author.kind == NodeKind::Admin)
}

fn take_piece(
    revocations: &mut BTreeMap<NodeId, Revocation>,
    node: NodeId,
    id: &EntryId,
    part: &Part,
    cut: &[Cut],
) -> bool {
    if part.index >= part.count || part.count > MOST_PARTS {
        return false;
    }
    let pieces = &mut revocations.entry(node).or_default().pieces;
    pieces.insert((*part, *id), cut.to_vec()).is_none()
}

/// Keeps what was said in entries that `holds`, and of whom something is still said.
fn keep<K: Ord, V>(said: &mut BTreeMap<K, BTreeMap<EntryId, V>>, holds: impl Fn(&EntryId) -> bool) {
    said.retain(|_, by_id| {
        by_id.retain(|id, _| holds(id));
        !by_id.is_empty()
    });
}
