//! Proofs that one admin node signs and every other one takes: bearer tokens for scripts, and
//! hand-over tickets for the page.
//!
//! Both are `poste1.<payload>.<signature>` (base64url without padding). The payload is JSON; the
//! signature is ed25519 by the node's key over a domain string and the payload. The two kinds have
//! domain strings of their own, so neither passes for the other. A proof says who and for how long;
//! what the operator may do is asked of the vault each time.

use std::collections::HashMap;

use data_encoding::BASE64URL_NOPAD;
use domain::id::{NodeId, OperatorId, Signature, verifies};
use domain::operator::OperatorRole;
use serde::{Deserialize, Serialize};

use crate::desk::{Account, ConsoleDesk};
use crate::shapes::hex::HexId;

/// Longest text of a proof.
pub(crate) const LONGEST_TEXT: usize = 1024;
/// Longest validity of a bearer token, in seconds.
pub(crate) const LONGEST_BEARER_S: u32 = 366 * 24 * 3600;
/// Validity of a ticket, in milliseconds. Long enough for somebody who looks away while a node
/// dies, shorter than the idle time of the login that it stands for.
pub(crate) const TICKET_MS: i64 = 10 * 60 * 1000;
/// What two admin nodes' clocks may differ by, in milliseconds.
const SKEW_MS: i64 = 2 * 60 * 1000;
/// Most tickets that are remembered as used.
const MOST_USED: usize = 4_096;
const PREFIX: &str = "poste1";

/// What a proof is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A script's token.
    Bearer,
    /// The page's hand-over.
    Ticket,
}

impl Kind {
    fn domain_string(self) -> &'static [u8] {
        match self {
            Kind::Bearer => b"poste/console-bearer/1\0",
            Kind::Ticket => b"poste/console-ticket/1\0",
        }
    }

    fn longest_ms(self) -> i64 {
        match self {
            Kind::Bearer => i64::from(LONGEST_BEARER_S) * 1000,
            Kind::Ticket => TICKET_MS,
        }
    }
}

/// What a proof says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    /// Random id, so that a ticket is used once.
    pub(crate) id: HexId,
    /// The node that signs.
    pub(crate) node: NodeId,
    /// Whose.
    pub(crate) operator: OperatorId,
    /// What it may do at most.
    pub(crate) role: OperatorRole,
    /// When it was made (ms since 1970).
    pub(crate) from_ms: i64,
    /// When it ends (ms since 1970).
    pub(crate) until_ms: i64,
    /// When the login that it stands for ends (ms since 1970); its own end for a bearer token.
    pub(crate) login_until_ms: i64,
}

impl Claims {
    /// Writes and signs the proof.
    pub(crate) fn sign<D: ConsoleDesk>(&self, kind: Kind, desk: &D) -> Option<String> {
        let payload = serde_json::to_vec(self).ok()?;
        let signature = desk.sign(&[kind.domain_string(), &payload].concat());
        Some(format!(
            "{PREFIX}.{}.{}",
            BASE64URL_NOPAD.encode(&payload),
            BASE64URL_NOPAD.encode(&signature)
        ))
    }

    /// Reads a proof: whole, signed by an admitted admin node, within its time.
    pub(crate) fn read<D: ConsoleDesk>(text: &str, kind: Kind, desk: &D) -> Option<Claims> {
        if text.len() > LONGEST_TEXT {
            return None;
        }
        let (payload, signature) = text.strip_prefix(PREFIX)?.strip_prefix('.')?.split_once('.')?;
        let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        let signature = Signature(signature.try_into().ok()?);
        let claims: Claims = serde_json::from_slice(&payload).ok()?;
        // The node is looked up before its signature is believed, and nothing is read from the
        // claims but the key until then.
        let admitted = desk.admin_nodes().contains(&claims.node);
        if !admitted || !verifies(&claims.node.0, &[kind.domain_string(), &payload], &signature) {
            return None;
        }
        let now = desk.now_ms();
        let lasts = claims.until_ms.checked_sub(claims.from_ms)?;
        let timely = (1..=kind.longest_ms()).contains(&lasts)
            && claims.until_ms > now
            && claims.from_ms <= now.saturating_add(SKEW_MS);
        timely.then_some(claims)
    }

    /// The account with what this proof lets it do, if the vault still knows it and its password
    /// was not changed since.
    pub(crate) fn account(&self, account: Option<Account>) -> Option<Account> {
        let account = account.filter(|account| account.operator == self.operator)?;
        let fresh = self.from_ms >= account.password_changed_ms;
        fresh.then(|| Account { role: account.role.min(self.role), ..account })
    }
}

/// Tickets that were used here and are not over yet.
#[derive(Default)]
pub(crate) struct UsedTickets {
    until_ms: HashMap<HexId, i64>,
}

impl UsedTickets {
    /// Marks a ticket as used. False when it was used before, or when no more can be remembered.
    pub(crate) fn spend(&mut self, claims: &Claims, now_ms: i64) -> bool {
        if self.until_ms.len() >= MOST_USED {
            self.until_ms.retain(|_, until| *until > now_ms);
        }
        self.until_ms.len() < MOST_USED
            && self.until_ms.insert(claims.id, claims.until_ms).is_none()
    }
}
