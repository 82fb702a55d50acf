//! Issuing codes: draw, derive, write, show once.
//!
//! A code exists as text in this process's memory only, for as long as a repeated request might ask
//! for it again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use domain::code::{AccessCode, LONG, SHORT};
use domain::command::{Command, MOST_CODES, Terms};
use domain::fact::{Derivation, Place};
use domain::id::{CodeKey, EntryId, OperatorId, RequestId, RowId, SessionId};
use domain::operator::By;
use domain::refusal::Refusal;

use super::{Desk, NotDone};
use crate::code_key;
use crate::vault::write::RowKind;

/// Requests whose codes are remembered for a repetition.
const MOST_REMEMBERED: usize = 64;
/// Validity of a code for which none was asked: until it is a day old.
const USUAL_VALIDITY_MS: i64 = 24 * 3_600_000;

/// Codes to issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// How many.
    pub count: u16,
    /// Seconds granted by each.
    pub seconds: u32,
    /// How long they open, in milliseconds from now; a day when absent.
    pub valid_ms: Option<i64>,
    /// Where.
    pub place: Place,
    /// For whom, for the vault; of a single code only.
    pub label: Option<String>,
}

/// Codes issued, with their text.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The entries.
    pub entries: Vec<EntryId>,
    /// Sessions and the codes that open them, as shown.
    pub codes: Vec<(SessionId, String)>,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("count", &self.codes.len()).finish_non_exhaustive()
    }
}

/// What was issued lately, by request.
#[derive(Default)]
pub(super) struct Issues {
    lately: Mutex<VecDeque<(RequestId, OperatorId, Batch, Issued)>>,
    /// One batch at a time: drawing is dear, and a request that comes twice must find the first.
    turn: tokio::sync::Mutex<()>,
}

impl Desk {
    /// Draws codes and issues them. The same request again gives the same codes, for a while.
    ///
    /// # Errors
    /// See [`NotDone`]; [`Refusal::RequestReused`] for the same request with another content.
    pub async fn issue(&self, by: By, request: RequestId, batch: Batch) -> Result<Issued, NotDone> {
        let _turn = self.issues.turn.lock().await;
        if let Some(again) = self.issued_before(by, request, &batch)? {
            return Ok(again);
        }
        let count = usize::from(batch.count);
        if count == 0 || count > MOST_CODES {
            return Err(Refusal::OutOfBounds.into());
        }
        let (derivation, now) = self
            .look(|replica, now| {
                (replica.site().chain().founded().map(|(_, derivation)| *derivation), now)
            })
            .await?;
        let derivation = derivation.ok_or(Refusal::NotJoined)?;
        let validity_ms = batch.valid_ms.unwrap_or(USUAL_VALIDITY_MS);
        let drawn = draw(derivation, count, AccessCode::length_for(validity_ms)).await?;
        let terms = Terms {
            derivation: derivation.version,
            seconds: batch.seconds,
            // A kiosk's site time may be a little behind this node's.
            from_ms: now.wall_ms - 60_000,
            until_ms: now.wall_ms.saturating_add(validity_ms),
            place: batch.place,
        };
        let label = match batch.label.clone().filter(|_| count == 1) {
            Some(text) => Some(self.label(by.operator, text, terms.until_ms).await?),
            None => None,
        };
        let command = match drawn.as_slice() {
            [(session, key, _)] => {
                Command::IssueCode { session: *session, key: *key, terms, label }
            }
            many => {
                let codes = many.iter().map(|(session, key, _)| (*session, *key)).collect();
                Command::IssueCodes { codes, terms }
            }
        };
        let done = self.submit(by, request, command).await?;
        let codes = drawn.into_iter().map(|(session, _, code)| (session, code.to_string()));
        let issued = Issued { entries: done.entries, codes: codes.collect() };
        let mut lately = self.issues.lately.lock().unwrap_or_else(PoisonError::into_inner);
        if lately.len() >= MOST_REMEMBERED {
            lately.pop_front();
        }
        lately.push_back((request, by.operator, batch, issued.clone()));
        Ok(issued)
    }

    fn issued_before(
        &self,
        by: By,
        request: RequestId,
        batch: &Batch,
    ) -> Result<Option<Issued>, Refusal> {
        let lately = self.issues.lately.lock().unwrap_or_else(PoisonError::into_inner);
        match lately.iter().find(|(known, ..)| *known == request) {
            Some((_, operator, same, issued)) if same == batch && *operator == by.operator => {
                Ok(Some(issued.clone()))
            }
            Some(_) => Err(Refusal::RequestReused),
            None => Ok(None),
        }
    }

    async fn label(&self, by: OperatorId, text: String, until_ms: i64) -> Result<RowId, NotDone> {
        let row = RowId(rand::random());
        self.write_rows(by, move |vault, author, rng| {
            let end = Some(until_ms);
            Ok((row, vec![vault.put_note(row, RowKind::LABEL, &text, end, author, rng)?]))
        })
        .await
    }
}

async fn draw(
    derivation: Derivation,
    count: usize,
    length: usize,
) -> Result<Vec<(SessionId, CodeKey, AccessCode)>, NotDone> {
    let drawn = tokio::task::spawn_blocking(move || {
        (0..count)
            .map(|_| {
                let code = if length == SHORT {
                    AccessCode::from_random::<SHORT>(rand::random())
                } else {
                    AccessCode::from_random::<LONG>(rand::random())
                };
                let pair = code_key::key_pair(&derivation, &code)?;
                Ok((SessionId(rand::random()), code_key::public(&pair), code))
            })
            .collect::<Result<Vec<_>, code_key::CostOutOfBounds>>()
    });
    match drawn.await {
        Ok(Ok(drawn)) => Ok(drawn),
        Ok(Err(error)) => Err(NotDone::Broken(error.to_string())),
        Err(error) => Err(NotDone::Broken(error.to_string())),
    }
}
