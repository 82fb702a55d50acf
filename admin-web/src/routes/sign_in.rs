//! Signing in and out, going on at another admin node, and tokens for scripts.

use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use domain::operator::OperatorRole;
use warp::http::HeaderValue;

use super::{Body, VIEWER};
use crate::denied::{Denied, Failure};
use crate::desk::{Account, ConsoleDesk};
use crate::login::proof::{Claims, Kind, LONGEST_BEARER_S, TICKET_MS};
use crate::login::{IDLE, LONGEST, Secret, password};
use crate::request::{Asked, no_body, parse};
use crate::shapes::hex::HexId;
use crate::shapes::login::{DoneReply, LoginInput, LoginReply, ResumeInput, Role, TicketReply};
use crate::shapes::token::{TokenInput, TokenReply};
use crate::web::{Web, lock, operator_view};

/// Longest login name, in bytes.
const LONGEST_LOGIN: usize = 64;
/// Shortest validity of a bearer token, in seconds.
const SHORTEST_BEARER_S: u32 = 60;

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl<D: ConsoleDesk> Web<D> {
    fn cookie_text(&self, value: &str, more: &str) -> Result<HeaderValue, Denied> {
        let secure = if self.shared.secure { "; Secure" } else { "" };
        HeaderValue::try_from(format!(
            "{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}",
            self.cookie_name()
        ))
        .map_err(|_| Denied::Broken)
    }

    /// Enters a login and makes its cookie.
    fn enter(
        &self,
        account: Account,
        lasts: Duration,
    ) -> Result<(LoginReply, HeaderValue), Denied> {
        let secret: Secret = rand::random();
        let operator = operator_view(&account);
        let lasts = lasts.min(LONGEST);
        lock(&self.shared.logins).enter(&secret, account, lasts, Instant::now());
        let cookie = self.cookie_text(&BASE64URL_NOPAD.encode(&secret), "")?;
        let reply = LoginReply {
            stamp: self.stamp(),
            operator,
            idle_s: seconds(IDLE),
            ends_in_s: seconds(lasts),
        };
        Ok((reply, cookie))
    }

    /// Ends the login that the browser came with, so that none is left behind under a new one.
    fn leave_old(&self, asked: &Asked) {
        if let Some(old) = asked.cookie(self.cookie_name()) {
            lock(&self.shared.logins).leave(&old);
        }
    }
}

pub(super) async fn login<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    body: Body,
) -> Result<(LoginReply, HeaderValue), Failure> {
    web.require_own_page(asked)?;
    let LoginInput { login, password } = parse(body)?;
    if login.len() > LONGEST_LOGIN || password.len() > password::LONGEST_PASSWORD {
        return Err(Denied::WrongLogin.into());
    }
    lock(&web.shared.throttle)
        .begin(&login, asked.remote, Instant::now())
        .map_err(Denied::TooManyTries)?;
    let check = web.desk.password_check(&login).await.map_err(Denied::from)?;
    let right = web
        .shared
        .checks
        .check(password, check.phc)
        .await
        .map_err(|password::Busy| Denied::Busy)?;
    let Some(account) = check.account.filter(|_| right) else {
        tracing::info!("a sign-in was refused");
        return Err(Denied::WrongLogin.into());
    };
    lock(&web.shared.throttle).succeeded(&login, asked.remote);
    web.leave_old(asked);
    Ok(web.enter(account, LONGEST)?)
}

pub(super) async fn resume<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    body: Body,
) -> Result<(LoginReply, HeaderValue), Failure> {
    web.require_own_page(asked)?;
    let ResumeInput { ticket } = parse(body)?;
    let claims = Claims::read(&ticket, Kind::Ticket, &web.desk).ok_or(Denied::WrongTicket)?;
    // A ticket is for the other admin nodes: here the login itself stands, or has ended.
    if claims.node == web.desk.node() {
        return Err(Denied::WrongTicket.into());
    }
    let account = web.desk.account(claims.operator).await.map_err(Denied::from)?;
    let account = claims.account(account).ok_or(Denied::WrongTicket)?;
    let now_ms = web.desk.now_ms();
    let left = claims.login_until_ms.saturating_sub(now_ms);
    let left = u64::try_from(left).ok().filter(|left| *left > 0).ok_or(Denied::WrongTicket)?;
    if !lock(&web.shared.used_tickets).spend(&claims, now_ms) {
        return Err(Denied::WrongTicket.into());
    }
    web.leave_old(asked);
    Ok(web.enter(account, Duration::from_millis(left))?)
}

pub(super) async fn who_am_i<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
) -> Result<LoginReply, Failure> {
    let caller = web.caller(asked, VIEWER, true).await?;
    let left = match &caller.proof {
        crate::web::Proof::Cookie { ends, .. } => ends.saturating_duration_since(Instant::now()),
        crate::web::Proof::Bearer(claims) => {
            let left = claims.until_ms.saturating_sub(web.desk.now_ms());
            Duration::from_millis(u64::try_from(left).unwrap_or(0))
        }
    };
    Ok(LoginReply {
        stamp: web.stamp(),
        operator: caller.view(),
        idle_s: seconds(IDLE),
        ends_in_s: seconds(left),
    })
}

pub(super) async fn logout<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    body: Body,
) -> Result<(DoneReply, HeaderValue), Failure> {
    web.require_own_page(asked)?;
    no_body(body)?;
    web.leave_old(asked);
    Ok((DoneReply { stamp: web.stamp() }, web.cookie_text("", "; Max-Age=0")?))
}

pub(super) async fn ticket<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    body: Body,
) -> Result<TicketReply, Failure> {
    // The page asks each minute by itself: that is no activity.
    let caller = web.caller(asked, VIEWER, false).await?;
    let (_, ends) = caller.cookie()?;
    no_body(body)?;
    let now_ms = web.desk.now_ms();
    let left_ms = millis(ends.saturating_duration_since(Instant::now()));
    let lasts_ms = left_ms.min(TICKET_MS);
    let claims = Claims {
        id: HexId(rand::random()),
        node: web.desk.node(),
        operator: caller.account.operator,
        role: caller.account.role,
        from_ms: now_ms,
        until_ms: now_ms.saturating_add(lasts_ms),
        login_until_ms: now_ms.saturating_add(left_ms),
    };
    let ticket = claims.sign(Kind::Ticket, &web.desk).ok_or(Denied::Broken)?;
    let valid_s = u32::try_from(lasts_ms / 1000).unwrap_or(0);
    Ok(TicketReply { stamp: web.stamp(), ticket, valid_s })
}

pub(super) async fn token<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    body: Body,
) -> Result<TokenReply, Failure> {
    let caller = web.caller(asked, VIEWER, true).await?;
    caller.cookie()?;
    let TokenInput { role, valid_s } = parse(body)?;
    let wanted = match role {
        Role::Viewer => OperatorRole::Viewer,
        Role::Host => OperatorRole::Host,
        Role::Admin => OperatorRole::Admin,
    };
    if wanted > caller.account.role {
        return Err(Denied::NotAllowed.into());
    }
    if !(SHORTEST_BEARER_S..=LONGEST_BEARER_S).contains(&valid_s) {
        return Err(Denied::Malformed("valid_s is out of bounds".to_owned()).into());
    }
    let now_ms = web.desk.now_ms();
    let expires_ms = now_ms.saturating_add(i64::from(valid_s) * 1000);
    let claims = Claims {
        id: HexId(rand::random()),
        node: web.desk.node(),
        operator: caller.account.operator,
        role: wanted,
        from_ms: now_ms,
        until_ms: expires_ms,
        login_until_ms: expires_ms,
    };
    let token = claims.sign(Kind::Bearer, &web.desk).ok_or(Denied::Broken)?;
    Ok(TokenReply { stamp: web.stamp(), token, role, expires_ms })
}
