//! The console of an admin host, as an operator uses it: `/api/v1`, signed in, with request ids.

use std::str::FromStr;
use std::sync::Mutex;

use domain::id::{EntryId, KioskId, RequestId, SessionId};
use serde_json::{Value, json};

use crate::event::Denied;

use super::door::{Door, Reply};

/// Login of the laboratory's operator.
pub(super) const LOGIN: &str = "lea";
/// Password of the laboratory's operator.
pub(super) const PASSWORD: &str = "Vacoa-et-Filao-974";

/// What an accepted request became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) entries: Vec<EntryId>,
    /// Sessions issued, with their codes.
    pub(super) codes: Vec<(SessionId, String)>,
}

/// The console of one admin host.
#[derive(Debug)]
pub(super) struct Console {
    door: Door,
    cookie: Mutex<Option<String>>,
}

impl Console {
    pub(super) fn new(door: Door) -> Self {
        Self { door, cookie: Mutex::new(None) }
    }

    fn cookie(&self) -> Option<String> {
        let mut cookie = self.cookie.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if cookie.is_none() {
            let body = json!({"login": LOGIN, "password": PASSWORD});
            *cookie = self.door.post("/api/v1/login", None, &body).and_then(|reply| reply.cookie);
        }
        cookie.clone()
    }

    fn forget_cookie(&self) {
        *self.cookie.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    fn ask(&self, path: &str, body: &Value) -> Result<Reply, Denied> {
        // A login that the process forgot with its end is made again once.
        for _ in 0..2 {
            let cookie = self.cookie().ok_or(Denied::NoAnswer)?;
            let path = format!("/api/v1/{path}");
            let reply = self.door.post(&path, Some(&cookie), body).ok_or(Denied::NoAnswer)?;
            if reply.status != 401 {
                return Ok(reply);
            }
            self.forget_cookie();
        }
        Err(Denied::NoAnswer)
    }

    fn carry_out(&self, path: &str, body: &Value) -> Result<Done, Denied> {
        let reply = self.ask(path, body)?;
        match reply.denied() {
            Some(why) => Err(why),
            None => Ok(done(&reply.body)),
        }
    }

    /// Issues a code.
    pub(super) fn issue(&self, request: RequestId, seconds: u32) -> Result<Done, Denied> {
        self.carry_out("codes", &json!({"request": request, "seconds": seconds}))
    }

    /// Issues codes by the batch.
    pub(super) fn batch(&self, request: RequestId, count: u16, s: u32) -> Result<Done, Denied> {
        let body = json!({"request": request, "count": count, "seconds": s});
        self.carry_out("codes/batch", &body)
    }

    /// Withdraws a code.
    pub(super) fn withdraw(&self, request: RequestId, of: SessionId) -> Result<Done, Denied> {
        self.carry_out(&format!("codes/{of}/withdraw"), &json!({"request": request}))
    }

    /// Adds time to a session.
    pub(super) fn extend(
        &self,
        request: RequestId,
        session: SessionId,
        seconds: i32,
    ) -> Result<Done, Denied> {
        let body = json!({"request": request, "seconds": seconds});
        self.carry_out(&format!("sessions/{session}/extend"), &body)
    }

    /// Pauses a session, or has it go on.
    pub(super) fn pause(
        &self,
        request: RequestId,
        session: SessionId,
        pause: bool,
    ) -> Result<Done, Denied> {
        let verb = if pause { "pause" } else { "resume" };
        self.carry_out(&format!("sessions/{session}/{verb}"), &json!({"request": request}))
    }

    /// Closes a session.
    pub(super) fn close(
        &self,
        request: RequestId,
        session: SessionId,
        keep_rest: bool,
    ) -> Result<Done, Denied> {
        let body = json!({"request": request, "keep_rest": keep_rest});
        self.carry_out(&format!("sessions/{session}/close"), &body)
    }

    /// Sends a message to a kiosk.
    pub(super) fn message(&self, request: RequestId, kiosk: KioskId) -> Result<Done, Denied> {
        let body = json!({"request": request, "text": "Fermeture dans dix minutes."});
        self.carry_out(&format!("kiosks/{kiosk}/message"), &body)
    }
}

/// What a reply says of what was written and issued.
fn done(body: &Value) -> Done {
    let entries = body["deliveries"].as_array().into_iter().flatten();
    let entries = entries.filter_map(|delivery| entry_id(delivery["entry"].as_str()?));
    let issued = match &body["issued"] {
        Value::Array(several) => several.as_slice(),
        one @ Value::Object(_) => std::slice::from_ref(one),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => &[],
    };
    let codes = issued.iter().filter_map(|issued| {
        let session = SessionId::from_str(issued["session"].as_str()?).ok()?;
        Some((session, issued["code"].as_str()?.to_owned()))
    });
    Done { entries: entries.collect(), codes: codes.collect() }
}

/// `<epoch hex>:<seq>`.
fn entry_id(text: &str) -> Option<EntryId> {
    let (epoch, seq) = text.split_once(':')?;
    Some(EntryId { epoch: epoch.parse().ok()?, seq: seq.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_code_and_a_batch_are_read_alike() {
        let session = "0b".repeat(16);
        let issued = json!({"session": session, "code": "K7QM-2XPD"});
        let entry = format!("{}:3", "0a".repeat(32));
        let deliveries = json!([{"entry": entry}]);
        let one = done(&json!({"issued": issued, "deliveries": deliveries}));
        let batch = done(&json!({"issued": [issued], "deliveries": deliveries}));
        assert_eq!(one, batch);
        assert_eq!(one.codes.len(), 1);
        assert_eq!(one.entries[0].to_string(), entry);
    }
}
