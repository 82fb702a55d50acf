//! The vault within the Replica: erasures that the ledger orders, and texts on their way to kiosks.

use domain::authority::NodeKind;
use domain::command::{Asked, Command};
use domain::decide::Author as OnBehalf;
use domain::fact::Fact;
use domain::id::{EpochId, KioskId, NodeId, RowId, Signature};
use domain::moment::Moment;
use domain::operator::By;
use domain::planted::{self, Bug};
use storage::ledger_store::LedgerStore;

use super::message::Message;
use super::{AskId, Failure, Notice, Output, Replica};
use crate::vault::exchange::RowMessage;
use crate::vault::write::RowKind;
use crate::vault::{Author, Vault, VaultError, Written};

/// How long a message to a kiosk may wait to be read.
const MESSAGE_STAYS_MS: i64 = 4 * 3_600_000;

impl<S: LedgerStore + Clone> Replica<S> {
    /// Lends the vault for a change: `with` gets it, an author for this operator, and randomness.
    /// What it wrote is told to the other admin nodes; it is durable once [`Output::Persist`] is
    /// done. `None` on a kiosk.
    pub fn write_rows<T>(
        &mut self,
        by: domain::id::OperatorId,
        raw: Moment,
        with: impl FnOnce(
            &mut Vault<S>,
            &Author<'_>,
            &mut rand::rngs::StdRng,
        ) -> Result<(T, Vec<Written>), VaultError>,
    ) -> Option<(Result<T, VaultError>, Vec<Output>)> {
        let now = self.time.moment(raw);
        let vault = self.vault.as_mut()?;
        let signer = &self.author;
        let sign = |bytes: &[u8]| -> Signature { signer.sign(bytes) };
        let author = Author { by, epoch: signer.epoch(), at_ms: now.wall_ms, sign: &sign };
        let outcome = with(vault, &author, &mut self.rng).map(|(value, written)| {
            for written in written {
                self.staged = self.staged.max(written.ticket);
                let admins: Vec<NodeId> = self
                    .peers
                    .iter()
                    .filter(|(_, peer)| {
                        peer.kind == NodeKind::Admin || planted::is(Bug::RowsToKiosks)
                    })
                    .map(|(peer, _)| *peer)
                    .collect();
                for peer in admins {
                    for message in &written.messages {
                        let message = Message::Row(message.clone());
                        self.out.push(Output::Send { peer, message });
                    }
                }
            }
            self.out.push(Output::Changed { by_fact: true });
            value
        });
        Some((outcome, self.finish(now)))
    }

    /// Sends a message to a kiosk: its text into the vault, the fact into the ledger, and the text
    /// to the kiosk if it is linked here.
    pub fn say(
        &mut self,
        ask: AskId,
        by: By,
        asked: Asked,
        text: &str,
        raw: Moment,
    ) -> Vec<Output> {
        let Command::SendMessage { message, .. } = asked.command else {
            return Vec::new();
        };
        let expires_ms = self.time.moment(raw).wall_ms.saturating_add(MESSAGE_STAYS_MS);
        let wrote = self.write_rows(by.operator, raw, |vault, author, rng| {
            let end = Some(expires_ms);
            let written = vault.put_note(message, RowKind::MESSAGE, text, end, author, rng)?;
            Ok(((), vec![written]))
        });
        let now = self.time.moment(raw);
        let mut outputs = match wrote {
            Some((Ok(()), outputs)) => outputs,
            Some((Err(VaultError::Refused(_)), mut outputs)) => {
                let refusal = domain::refusal::Refusal::OutOfBounds;
                self.reply(ask, Err(Failure::Refused(refusal)));
                outputs.extend(self.finish(now));
                return outputs;
            }
            Some((Err(error), mut outputs)) => {
                self.notice(Notice::Disk(error.to_string()));
                self.reply(ask, Err(Failure::Disk));
                outputs.extend(self.finish(now));
                return outputs;
            }
            None => {
                self.reply(ask, Err(Failure::Refused(domain::refusal::Refusal::Authority)));
                return self.finish(now);
            }
        };
        self.ask(ask, OnBehalf::Operator(by), &asked, now);
        outputs.extend(self.finish(now));
        outputs
    }

    /// Erases again what the ledger says is erased: a process may have died between the two.
    pub(super) fn erase_again(&mut self) {
        let Some(vault) = &mut self.vault else { return };
        for row in self.site.erased() {
            match vault.erase(*row) {
                Ok(ticket) => self.staged = self.staged.max(ticket),
                Err(error) => {
                    self.out.push(Output::Notice(Notice::Disk(error.to_string())));
                    return;
                }
            }
        }
    }

    /// After a restore the vault stays shut until this node holds what another admin node holds:
    /// every erasure since the backup is then applied.
    pub(super) fn caught_up(&mut self) {
        let Some(vault) = self.vault.as_mut().filter(|vault| vault.is_shut()) else {
            return;
        };
        match vault.open_after_catch_up() {
            Ok(ticket) => {
                self.staged = self.staged.max(ticket);
                self.notice(Notice::VaultOpened);
            }
            Err(error) => self.notice(Notice::Disk(error.to_string())),
        }
    }

    /// What a fact means for rows: an erasure here and now, a text for a linked kiosk.
    #[allow(clippy::wildcard_enum_match_arm, reason = "no other fact is about rows")]
    pub(super) fn carry_to_vault(&mut self, fact: &Fact, now: Moment) {
        match fact {
            Fact::RowErased(erased) if self.site.erased().contains(&erased.row) => {
                let Some(vault) = &mut self.vault else { return };
                match vault.erase(erased.row) {
                    Ok(ticket) => self.staged = self.staged.max(ticket),
                    Err(error) => self.notice(Notice::Disk(error.to_string())),
                }
            }
            Fact::MessageSent(sent) => self.send_text(sent.kiosk, sent.message, now),
            _ => {}
        }
    }

    pub(super) fn send_texts_to(&mut self, peer: NodeId, now: Moment) {
        let member = self.site.standing().members.get(&peer);
        let Some(kiosk) = member.and_then(|member| member.kiosk) else {
            return;
        };
        let unread: Vec<RowId> = match self.site.kiosks().get(&kiosk) {
            Some(known) => known.unread().copied().collect(),
            None => return,
        };
        for message in unread {
            self.send_text(kiosk, message, now);
        }
    }

    /// Rows that came from another admin node may be texts that a kiosk waits for.
    pub(super) fn send_learned_texts(&mut self, rows: &[RowId], now: Moment) {
        let waiting: Vec<(KioskId, RowId)> = self
            .site
            .kiosks()
            .iter()
            .flat_map(|(kiosk, known)| known.unread().map(|row| (*kiosk, *row)))
            .filter(|(_, row)| rows.contains(row))
            .collect();
        for (kiosk, row) in waiting {
            self.send_text(kiosk, row, now);
        }
    }

    fn send_text(&mut self, kiosk: KioskId, row: RowId, now: Moment) {
        let Some(vault) = &self.vault else { return };
        let Ok(Some(text)) = vault.text_for_kiosk(row, now, MESSAGE_STAYS_MS) else {
            return;
        };
        let nodes: Vec<NodeId> = self.site.standing().nodes_of(kiosk).copied().collect();
        for peer in nodes.into_iter().filter(|node| self.peers.contains_key(node)) {
            let message = Message::Row(RowMessage::Text(text.clone()));
            self.out.push(Output::Send { peer, message });
        }
    }

    pub(super) fn hear_row(
        &mut self,
        from: NodeId,
        kind: NodeKind,
        message: RowMessage,
        now: Moment,
    ) {
        if let RowMessage::Text(text) = message {
            if let Some(duty) = &mut self.duty
                && duty.take_text(kind, text, now)
            {
                self.out.push(Output::Changed { by_fact: true });
            }
            return;
        }
        let standing = self.site.standing();
        let authorised = |epoch: &EpochId, bytes: &[u8], signature: &Signature| {
            let admin = standing.epochs.get(epoch).is_some_and(|e| e.kind == NodeKind::Admin);
            admin && domain::id::verifies(&epoch.0, &[bytes], signature)
        };
        let Some(vault) = &mut self.vault else { return };
        match vault.handle(kind, message, &authorised, &mut self.rng) {
            Ok(handled) => {
                if let Some(peer) = self.peers.get_mut(&from) {
                    peer.rows_behind |= handled.skipped.unauthorised > 0;
                }
                if let Some(ticket) = handled.ticket {
                    self.staged = self.staged.max(ticket);
                }
                for reply in handled.replies {
                    self.send(from, Message::Row(reply));
                }
                if !handled.learned.is_empty() {
                    self.send_learned_texts(&handled.learned, now);
                    self.out.push(Output::Changed { by_fact: true });
                }
            }
            Err(error) => self.notice(Notice::Disk(error.to_string())),
        }
    }
}
