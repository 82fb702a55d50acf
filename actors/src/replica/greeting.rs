//! How two nodes that meet prove to each other that they belong to one site.
//!
//! A greeting carries certificates that speak for themselves and entries that link them to the site
//! key, so that even a node that knows nothing but the site can judge. What this node knows already,
//! revocations above all, always weighs more than what a greeting says.

use domain::authority::{Chain, NodeKind, UNWRITTEN};
use domain::codec::{self, CodecError};
use domain::fact::Fact;
use domain::id::{EntryId, EpochId, NodeId};
use domain::moment::Moment;
use domain::refusal::Refusal;
use serde::{Deserialize, Serialize};
use storage::ledger_store::LedgerStore;

use super::{Output, Replica};
use crate::entry::Entry;

/// Largest greeting, in bytes.
pub const MOST_GREETING: usize = 16 * 1024;
const MOST_PROOFS: usize = 16;

/// What a node says of itself when a link begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Greeting {
    kind: NodeKind,
    /// The machine that it runs on.
    machine: [u8; 32],
    /// Bodies of facts whose certificate speaks for itself.
    certificates: Vec<Vec<u8>>,
    /// Entries.
    entries: Vec<Vec<u8>>,
}

/// Why a link is not wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwelcome {
    /// Not a greeting.
    #[error("malformed greeting")]
    Malformed,
    /// The node is not a member of this site, and brought nothing that makes it one.
    #[error("not a member of this site")]
    NotMember,
    /// Its token admits nobody.
    #[error("join token refused: {0}")]
    Token(Refusal),
    /// The node was revoked.
    #[error("revoked")]
    Revoked,
}

impl<S: LedgerStore + Clone> Replica<S> {
    /// What this node says of itself.
    pub fn greeting(&self) -> Result<Vec<u8>, CodecError> {
        let me = self.me.node();
        let mut certificates = Vec::new();
        for fact in &self.me.certificates {
            certificates.push(fact.encode()?);
        }
        let chain = self.site.chain();
        let mut names = Vec::new();
        for (token, _) in chain.admissions(&me) {
            names.extend(chain.entries_behind(&me, token, self.site.standing()));
        }
        names.extend(chain.pairing_entries(&me, self.site.standing()));
        let mut logs: Vec<EpochId> = names.iter().map(|id: &EntryId| id.epoch).collect();
        logs.sort();
        logs.dedup();
        let mut entries = Vec::new();
        for epoch in &logs {
            names.push(EntryId { epoch: *epoch, seq: 0 });
            // The admission of the epoch's node, where it is an admin's, is the site key's own word.
            if let Some(certificate) =
                self.site.node_of(epoch).and_then(|node| chain.admin_certificate(&node))
            {
                certificates.push(Fact::AdminAdmitted(certificate).encode()?);
            }
        }
        names.sort();
        names.dedup();
        for id in names.into_iter().take(MOST_PROOFS) {
            entries.extend(self.entry_bytes(&id));
        }
        certificates.sort();
        certificates.dedup();
        certificates.truncate(MOST_PROOFS);
        let (kind, machine) = (self.me.kind, self.me.machine);
        codec::encode(&Greeting { kind, machine, certificates, entries })
    }

    /// Judges who `peer` is, proven by the link to hold that node's key. A joining node whose token
    /// is good is countersigned here. Returns its kind, and what must be done besides.
    pub fn meet(
        &mut self,
        peer: NodeId,
        greeting: &[u8],
        raw: Moment,
    ) -> Result<(NodeKind, Vec<Output>), Unwelcome> {
        let now = self.time.moment(raw);
        if greeting.len() > MOST_GREETING {
            return Err(Unwelcome::Malformed);
        }
        let greeting: Greeting = codec::decode(greeting).map_err(|_| Unwelcome::Malformed)?;
        if greeting.certificates.len() > MOST_PROOFS || greeting.entries.len() > MOST_PROOFS {
            return Err(Unwelcome::Malformed);
        }
        if let Some(member) = self.site.standing().members.get(&peer) {
            if member.revoked {
                return Err(Unwelcome::Revoked);
            }
            self.machines.meet(peer, greeting.machine, now);
            return Ok((member.kind, self.finish(now)));
        }
        let mut chain = self.site.chain().clone();
        let asks = self.take_proofs(&mut chain, &greeting);
        let standing = chain.standing();
        match standing.members.get(&peer) {
            Some(member) if member.revoked => Err(Unwelcome::Revoked),
            Some(member) => {
                let kind = member.kind;
                self.write_down(peer, asks, now);
                Ok((kind, self.finish(now)))
            }
            None if self.site.standing().is_member(&self.me.node()) => {
                self.admit(peer, &asks, now)?;
                Ok((NodeKind::Kiosk, self.finish(now)))
            }
            None => Err(Unwelcome::NotMember),
        }
    }

    fn take_proofs(&self, chain: &mut Chain, greeting: &Greeting) -> Vec<Fact> {
        let site = self.me.site;
        let mut asks = Vec::new();
        for body in &greeting.certificates {
            if let Ok(Some(fact)) = Fact::decode(body)
                && fact.speaks_for_itself()
            {
                chain.take(&site, &UNWRITTEN, &fact);
                asks.push(fact);
            }
        }
        for bytes in &greeting.entries {
            if let Ok(entry) = Entry::parse(bytes)
                && entry.verify().is_ok()
                && let Ok(Some(fact)) = Fact::decode(&entry.body)
            {
                chain.take(&site, &entry.id, &fact);
            }
        }
        asks
    }

    /// An admin node that came with the site key's word is made known to all: others take logs
    /// only of nodes that somebody named.
    fn write_down(&mut self, peer: NodeId, asks: Vec<Fact>, now: Moment) {
        let joined = self.site.standing().is_member(&self.me.node());
        let word = asks
            .into_iter()
            .find(|fact| matches!(fact, Fact::AdminAdmitted(admitted) if admitted.node == peer));
        if let Some(word) = word.filter(|_| joined)
            && let Err(error) = self.append(vec![word], now)
        {
            tracing::warn!(%error, %peer, "an admission was not written down");
        }
    }

    fn admit(&mut self, peer: NodeId, asks: &[Fact], now: Moment) -> Result<(), Unwelcome> {
        let mut refusal = Unwelcome::NotMember;
        for fact in asks {
            let Fact::NodeAdmitted(ask) = fact else {
                continue;
            };
            if ask.node != peer || !fact.certificate_holds(&self.me.site) {
                continue;
            }
            match self.site.countersign(&peer, &ask.token, &ask.kiosk, now) {
                Ok(signed) => {
                    return match self.append(vec![signed], now) {
                        Ok(_) => Ok(()),
                        Err(_) => Err(Unwelcome::NotMember),
                    };
                }
                Err(why) => refusal = Unwelcome::Token(why),
            }
        }
        Err(refusal)
    }
}
