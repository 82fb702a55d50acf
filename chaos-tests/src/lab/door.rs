//! HTTP to one host's own pages, from within its network, as a browser there speaks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::refusal::Refusal;
use serde_json::Value;

use crate::event::Denied;

use super::ground::Network;

/// Longest wait for a reply: a node answers an act within ten seconds, or says that it is busy.
const PATIENCE: Duration = Duration::from_secs(12);

/// What came back.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
    /// `name=value` of a cookie that was set.
    pub(super) cookie: Option<String>,
}

impl Reply {
    /// Why it was not done; `None` where it was.
    pub(super) fn denied(&self) -> Option<Denied> {
        if (200..300).contains(&self.status) {
            return None;
        }
        let code = self.body["error"].as_str().unwrap_or_default();
        Some(match refusal(code, &self.body) {
            Some(refusal) => Denied::Refused(refusal),
            None if code == "broken" => Denied::Disk,
            None => Denied::NoAnswer,
        })
    }
}

/// The refusal that a code names; what it carries is where the reply says it.
fn refusal(code: &str, body: &Value) -> Option<Refusal> {
    match code {
        "throttled" => {
            let seconds = body["seconds"].as_u64().unwrap_or_default();
            Some(Refusal::Throttled { seconds: u32::try_from(seconds).unwrap_or(u32::MAX) })
        }
        "open_elsewhere" => {
            let kiosk = body["kiosk"].as_str().unwrap_or_default().to_owned();
            Some(Refusal::OpenElsewhere { kiosk })
        }
        _ => serde_json::from_value(Value::from(code)).ok(),
    }
}

/// One page's address in one host's network.
#[derive(Debug, Clone)]
pub(super) struct Door {
    network: Arc<Network>,
    agent: ureq::Agent,
    origin: String,
}

impl Door {
    /// The page at an address of the host's own.
    pub(super) fn new(network: Arc<Network>, address: SocketAddr) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            // A process that was killed keeps no connection.
            .max_idle_connections(0)
            .build();
        Self { network, agent: agent.into(), origin: format!("http://{address}") }
    }

    /// The network that it is in.
    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    /// Asks for something to be done; `None` where no answer came.
    pub(super) fn post(&self, path: &str, cookie: Option<&str>, body: &Value) -> Option<Reply> {
        let visit = self.network.within(|| {
            let mut request =
                self.agent.post(format!("{}{path}", self.origin)).header("Origin", &self.origin);
            if let Some(cookie) = cookie {
                request = request.header("Cookie", cookie);
            }
            // As the pages' own script says it: with a charset it is refused.
            let request = request.content_type("application/json");
            let mut response = request.send(body.to_string()).ok()?;
            let set = response.headers().get("set-cookie");
            let cookie = set.and_then(|set| set.to_str().ok()?.split(';').next());
            let cookie = cookie.map(str::to_owned);
            let status = response.status().as_u16();
            let body = response.body_mut().read_json().unwrap_or(Value::Null);
            Some(Reply { status, body, cookie })
        });
        visit.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn denied(status: u16, body: Value) -> Option<Denied> {
        Reply { status, body, cookie: None }.denied()
    }

    #[test]
    fn refusals_are_told_from_failures() {
        assert_eq!(denied(204, Value::Null), None);
        let used_up = denied(422, json!({"error": "used_up"}));
        assert_eq!(used_up, Some(Denied::Refused(Refusal::UsedUp)));
        let throttled = denied(429, json!({"error": "throttled", "seconds": 7}));
        assert_eq!(throttled, Some(Denied::Refused(Refusal::Throttled { seconds: 7 })));
        assert_eq!(denied(500, json!({"error": "broken"})), Some(Denied::Disk));
        assert_eq!(denied(503, json!({"error": "busy"})), Some(Denied::NoAnswer));
    }
}
