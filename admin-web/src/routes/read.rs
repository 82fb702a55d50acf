//! What is only looked at.

use std::sync::Arc;

use warp::Reply as _;
use warp::http::{HeaderName, HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::VIEWER;
use crate::denied::{Denied, Failure};
use crate::desk::ConsoleDesk;
use crate::live::socket;
use crate::reply;
use crate::request::Asked;
use crate::shapes::delivery::DeliveriesReply;
use crate::shapes::hex::HexId;
use crate::shapes::live::LiveSnapshot;
use crate::shapes::login::HereReply;
use crate::shapes::node::NodesReply;
use crate::shapes::session::{SessionFilter, SessionReply, SessionView, SessionsReply};
use crate::web::Web;

/// Sessions in one page when the caller does not say.
const PAGE: u16 = 100;
/// Most sessions in one page.
const LARGEST_PAGE: u16 = 500;

/// Answers anyone, and lets the pages of the site's other admin nodes read the answer.
pub(crate) async fn here<D: ConsoleDesk>(web: &Web<D>, asked: &Asked) -> Response {
    let origin = match (web.for_us(asked), asked.origin()) {
        (Ok(_), Ok(origin)) => origin,
        (Err(denied), _) | (_, Err(denied)) => return Failure::from(denied).reply(web.stamp()),
    };
    let view = web.desk.view();
    let (site_name, others) = {
        let view = view.borrow();
        (view.site_name.clone(), reply::others(&view.admins))
    };
    let own = web.for_us(asked).ok();
    let foreign = origin.filter(|origin| Some(origin) != own.as_ref());
    let signed_in = foreign.is_none() && web.caller(asked, VIEWER, false).await.is_ok();
    let here = HereReply {
        stamp: web.stamp(),
        site_name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        signed_in,
    };
    let mut response = reply::json(StatusCode::OK, &here);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = foreign.filter(|origin| others.contains(origin))
        && let Ok(origin) = HeaderValue::try_from(origin.to_string())
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        );
    }
    response
}

pub(crate) async fn floor<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
) -> Result<LiveSnapshot, Failure> {
    let caller = web.caller(asked, VIEWER, true).await?;
    let view = web.desk.view().borrow().clone();
    Ok(LiveSnapshot { stamp: web.stamp(), ..view.snapshot(caller.view()) })
}

pub(crate) async fn nodes<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
) -> Result<NodesReply, Failure> {
    web.caller(asked, VIEWER, true).await?;
    let view = web.desk.view().borrow().clone();
    Ok(NodesReply { stamp: web.stamp(), fingerprint: view.fingerprint, nodes: view.nodes.clone() })
}

pub(crate) async fn sessions<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    query: &str,
) -> Result<SessionsReply, Failure> {
    web.caller(asked, VIEWER, true).await?;
    let filter = filter(query)?;
    let limit = filter.limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Denied::Malformed("limit is 1 to 500".to_owned()).into());
    }
    let view = web.desk.view().borrow().clone();
    let mut sessions: Vec<&SessionView> = view
        .sessions()
        .filter(|session| filter.state.is_none_or(|state| session.state == state))
        .filter(|session| filter.kiosk.is_none_or(|kiosk| session.kiosk == Some(kiosk)))
        .filter(|session| filter.after.is_none_or(|after| session.id > after))
        .collect();
    sessions.sort_unstable_by_key(|session| session.id);
    let more = sessions.len() > usize::from(limit);
    sessions.truncate(usize::from(limit));
    let sessions: Vec<SessionView> = sessions.into_iter().cloned().collect();
    let next = if more { sessions.last().map(|session| session.id) } else { None };
    Ok(SessionsReply { stamp: web.stamp(), sessions, next })
}

/// Reads the query strictly: an unknown or repeated field is refused.
fn filter(query: &str) -> Result<SessionFilter, Denied> {
    let mut filter = SessionFilter::default();
    let mut seen = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()).take(8) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let wrong = || Denied::Malformed(format!("query: {name}"));
        if seen.contains(&name) {
            return Err(wrong());
        }
        seen.push(name);
        match name {
            "state" => {
                let state = serde_json::from_value(serde_json::Value::from(value));
                filter.state = Some(state.map_err(|_| wrong())?);
            }
            "kiosk" => filter.kiosk = Some(value.parse().map_err(|_| wrong())?),
            "after" => filter.after = Some(value.parse().map_err(|_| wrong())?),
            "limit" => filter.limit = Some(value.parse().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        }
    }
    Ok(filter)
}

pub(crate) async fn session<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    id: HexId,
) -> Result<SessionReply, Failure> {
    web.caller(asked, VIEWER, true).await?;
    let view = web.desk.view().borrow().clone();
    let session = view.sessions().find(|session| session.id == id);
    let session = session.cloned().ok_or(Denied::NotFound)?;
    Ok(SessionReply { stamp: web.stamp(), session })
}

pub(crate) async fn deliveries<D: ConsoleDesk>(
    web: &Web<D>,
    asked: &Asked,
    request: HexId,
) -> Result<DeliveriesReply, Failure> {
    web.caller(asked, VIEWER, true).await?;
    let view = web.desk.view().borrow().clone();
    let deliveries: Vec<_> =
        view.deliveries.iter().filter(|delivery| delivery.request == request).cloned().collect();
    if deliveries.is_empty() {
        return Err(Denied::NotFound.of(request));
    }
    Ok(DeliveriesReply { stamp: web.stamp(), deliveries })
}

/// Opens the live stream, if there is a place for one more.
pub(crate) async fn live<D: ConsoleDesk>(
    web: Web<D>,
    asked: &Asked,
    upgrade: warp::ws::Ws,
) -> Response {
    let caller = match web.caller(asked, VIEWER, true).await {
        Ok(caller) => caller,
        Err(denied) => return Failure::from(denied).reply(web.stamp()),
    };
    let Ok(place) = Arc::clone(&web.shared.sockets).try_acquire_owned() else {
        return Failure::from(Denied::Busy).reply(web.stamp());
    };
    upgrade
        .max_message_size(socket::LARGEST_INPUT)
        .max_frame_size(socket::LARGEST_INPUT)
        .on_upgrade(move |socket| async move {
            socket::serve(&web, caller, socket).await;
            drop(place);
        })
        .into_response()
}
