//! Replies and the headers that every one of them carries.

use std::collections::BTreeSet;

use serde::Serialize;
use warp::Reply;
use warp::http::{HeaderName, HeaderValue, StatusCode, header};
use warp::reply::Response;

use crate::origin::Origin;
use crate::shapes::login::AdminView;

/// Most other admin nodes that the page may talk to.
const MOST_OTHERS: usize = 32;

/// A JSON reply.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let mut response = match serde_json::to_vec(value) {
        Ok(bytes) => Response::new(bytes.into()),
        Err(error) => {
            tracing::error!("a reply could not be written: {error}");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Origins of the pages of other admin nodes, as far as they are sound: the addresses come from
/// other nodes.
pub(crate) fn others(admins: &[AdminView]) -> BTreeSet<Origin> {
    let pages = admins.iter().filter(|admin| !admin.here).flat_map(|admin| &admin.pages);
    pages.filter_map(|page| Origin::parse(page)).take(MOST_OTHERS).collect()
}

fn policy(others: &BTreeSet<Origin>) -> String {
    let mut policy = String::from(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         font-src 'self'; manifest-src 'self'; connect-src 'self'",
    );
    for other in others {
        policy.push_str(&format!(" {other} {}", other.websocket()));
    }
    policy.push_str(
        "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types vue",
    );
    policy
}

/// Adds the headers that every reply carries. No Strict-Transport-Security: with a self-made
/// certificate it would take from people the means to go on.
pub(crate) fn dress(mut response: Response, admins: &[AdminView]) -> Response {
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy(&others(admins))) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
