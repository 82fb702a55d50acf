//! What all requests share, and who is let in.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use domain::operator::{By, OperatorRole};
use tokio::sync::{Semaphore, watch};
use warp::http::{Method, StatusCode};
use warp::reply::Response;

use crate::denied::{Denied, Failure};
use crate::desk::{Account, ConsoleDesk};
use crate::login::proof::{Claims, Kind, UsedTickets};
use crate::login::throttle::Throttle;
use crate::login::{Logins, Secret, password};
use crate::origin::Origin;
use crate::reply;
use crate::request::Asked;
use crate::shapes::login::{OperatorView, Role};
use crate::shapes::stamp::Stamp;

/// State of the console, shared by all requests.
pub(crate) struct Shared {
    /// Whether it is served over TLS.
    pub(crate) secure: bool,
    /// Host names under which it is known, beside addresses and `localhost`.
    pub(crate) names: BTreeSet<String>,
    pub(crate) logins: Mutex<Logins>,
    pub(crate) throttle: Mutex<Throttle>,
    pub(crate) used_tickets: Mutex<UsedTickets>,
    pub(crate) checks: password::Checks,
    /// Places for live streams.
    pub(crate) sockets: Arc<Semaphore>,
    /// Turns true when the console stops.
    pub(crate) stop: watch::Receiver<bool>,
}

/// The console's state with the desk behind it.
pub(crate) struct Web<D> {
    pub(crate) desk: D,
    pub(crate) shared: Arc<Shared>,
}

impl<D: Clone> Clone for Web<D> {
    fn clone(&self) -> Self {
        Web { desk: self.desk.clone(), shared: Arc::clone(&self.shared) }
    }
}

/// A lock that a panic elsewhere does not close: what it guards is whole after each statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the console stops (or whoever could say so is gone).
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// How a caller proved who it is.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// The page's cookie.
    Cookie {
        /// Its secret.
        secret: Secret,
        /// When the login ends at the latest.
        ends: Instant,
    },
    /// A bearer token.
    Bearer(Claims),
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) account: Account,
    pub(crate) proof: Proof,
}

impl Caller {
    /// As the ledger names it.
    pub(crate) fn by(&self) -> By {
        By { operator: self.account.operator, role: self.account.role }
    }

    /// As the page shows it.
    pub(crate) fn view(&self) -> OperatorView {
        operator_view(&self.account)
    }

    /// The cookie's secret and end; refused to bearer tokens, which must not beget logins or
    /// further tokens.
    pub(crate) fn cookie(&self) -> Result<(&Secret, Instant), Denied> {
        match &self.proof {
            Proof::Cookie { secret, ends } => Ok((secret, *ends)),
            Proof::Bearer(_) => Err(Denied::NotAllowed),
        }
    }
}

/// An account as the page shows it.
pub(crate) fn operator_view(account: &Account) -> OperatorView {
    OperatorView {
        id: crate::shapes::hex::HexId(account.operator.0),
        name: account.name.clone(),
        role: match account.role {
            OperatorRole::Viewer => Role::Viewer,
            OperatorRole::Host => Role::Host,
            OperatorRole::Admin => Role::Admin,
        },
    }
}

impl<D: ConsoleDesk> Web<D> {
    /// Who answers, now.
    pub(crate) fn stamp(&self) -> Stamp {
        self.desk.view().borrow().stamp_now()
    }

    /// The reply to a request that was handled.
    pub(crate) fn answer<T: serde::Serialize>(&self, result: Result<T, Failure>) -> Response {
        match result {
            Ok(value) => reply::json(StatusCode::OK, &value),
            Err(failure) => failure.reply(self.stamp()),
        }
    }

    /// Name of the login cookie. `__Host-` makes browsers hold it to this host and to TLS.
    pub(crate) fn cookie_name(&self) -> &'static str {
        if self.shared.secure { "__Host-poste-login" } else { "poste-login" }
    }

    /// That the request is for this console by one of its names: against a foreign name that was
    /// made to point here. An address cannot be rebound.
    pub(crate) fn for_us(&self, asked: &Asked) -> Result<Origin, Denied> {
        let host = asked.host(self.shared.secure).ok_or(Denied::ForeignHost)?;
        let known = host.address().is_some()
            || host.host() == "localhost"
            || self.shared.names.contains(host.host());
        if known { Ok(host) } else { Err(Denied::ForeignHost) }
    }

    /// That the request was sent by this console's own page. Without an `Origin` only what carries
    /// no cookie passes.
    pub(crate) fn require_own_page(&self, asked: &Asked) -> Result<(), Denied> {
        let host = self.for_us(asked)?;
        match asked.origin()? {
            Some(origin) if origin == host => Ok(()),
            Some(_) | None => Err(Denied::ForeignOrigin),
        }
    }

    /// Who calls, with this role at least. `active` counts as the operator's activity.
    pub(crate) async fn caller(
        &self,
        asked: &Asked,
        least: OperatorRole,
        active: bool,
    ) -> Result<Caller, Denied> {
        let host = self.for_us(asked)?;
        let origin = asked.origin()?;
        if origin.as_ref().is_some_and(|origin| *origin != host) {
            return Err(Denied::ForeignOrigin);
        }
        let caller = if let Some(text) = asked.bearer()? {
            self.bearer(text).await?
        } else {
            let reads = asked.method == Method::GET
                && !asked.headers.contains_key(warp::http::header::UPGRADE);
            let secret = asked.cookie(self.cookie_name()).ok_or(Denied::NotSignedIn)?;
            if !reads && origin.is_none() {
                return Err(Denied::ForeignOrigin);
            }
            self.cookie(secret, active).await?
        };
        if caller.account.role < least {
            return Err(Denied::NotAllowed);
        }
        Ok(caller)
    }

    async fn bearer(&self, text: &str) -> Result<Caller, Denied> {
        let claims = Claims::read(text, Kind::Bearer, &self.desk).ok_or(Denied::NotSignedIn)?;
        let account = self.desk.account(claims.operator).await?;
        let account = claims.account(account).ok_or(Denied::NotSignedIn)?;
        Ok(Caller { account, proof: Proof::Bearer(claims) })
    }

    async fn cookie(&self, secret: Secret, active: bool) -> Result<Caller, Denied> {
        let now = Instant::now();
        let find = |active| lock(&self.shared.logins).find(&secret, active, now);
        let mut login = find(active).ok_or(Denied::NotSignedIn)?;
        if login.stale(now) {
            let account = self.desk.account(login.operator()).await?;
            if !lock(&self.shared.logins).renew(&secret, account, now) {
                return Err(Denied::NotSignedIn);
            }
            login = find(false).ok_or(Denied::NotSignedIn)?;
        }
        let proof = Proof::Cookie { secret, ends: login.ends };
        Ok(Caller { account: login.account, proof })
    }

    /// Whether a caller that was let in before may stay: for a live stream.
    pub(crate) async fn again(&self, caller: &Caller, active: bool) -> Result<Caller, Denied> {
        match &caller.proof {
            Proof::Cookie { secret, .. } => self.cookie(*secret, active).await,
            Proof::Bearer(claims) => {
                if claims.until_ms <= self.desk.now_ms()
                    || !self.desk.admin_nodes().contains(&claims.node)
                {
                    return Err(Denied::NotSignedIn);
                }
                let account = self.desk.account(claims.operator).await?;
                let account = claims.account(account).ok_or(Denied::NotSignedIn)?;
                Ok(Caller { account, proof: caller.proof.clone() })
            }
        }
    }
}
