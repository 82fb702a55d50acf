//! The page on the kiosk's screen, served on loopback to the browser in front of
//! the patron.
//!
//! The page shows what it is told over a WebSocket and counts down by itself in
//! between; three small requests say what the patron did. Another page in the same
//! browser must not be able to do either, so the host, the origin and the content
//! type of every request are checked, and nothing is served under another name.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::id::RowId;
use domain::refusal::Refusal;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;
use warp::http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN};
use warp::http::{Method, StatusCode};
use warp::reply::Response as Reply;
use warp::{Buf, Filter, Rejection, Stream};

use crate::http;

mod live;
pub(crate) mod view;

#[cfg(test)]
mod tests;

use view::ScreenView;

/// Largest body of a request, in bytes.
const BODY_MAX: usize = 4096;

/// Time for a body to come in.
const SLOWEST_BODY: Duration = Duration::from_secs(5);

/// Time for an act: a code's key takes some 50 ms, a write on a slow disk more.
const LONGEST_ACT: Duration = Duration::from_secs(10);

/// Connections at once.
const CONNECTIONS: usize = 32;

/// Pages that may follow the screen at once; there is one screen.
const FOLLOWERS: usize = 8;

const SECURITY: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// The page's files: path, type, bytes.
const FILES: [(&str, &str, &[u8]); 3] = [
    ("/", "text/html; charset=utf-8", include_bytes!("../page/index.html")),
    ("/kiosk.css", "text/css; charset=utf-8", include_bytes!("../page/kiosk.css")),
    ("/kiosk.js", "text/javascript; charset=utf-8", include_bytes!("../page/kiosk.js")),
];

/// What the patron did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Typed a code, as typed.
    Open(String),
    /// Leaves.
    Finish,
    /// Read a message.
    Acknowledge(RowId),
}

/// Why it did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotDone {
    /// The rules said no.
    Refused(Refusal),
    /// Something broke.
    Broken,
}

/// An act with the place where its outcome goes.
pub(crate) type Asked = (Act, oneshot::Sender<Result<(), NotDone>>);

/// What the page is served from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// What the screen shows; replaced at every change.
    pub(crate) screens: watch::Receiver<Arc<ScreenView>>,
    /// Where acts go.
    pub(crate) acts: mpsc::Sender<Asked>,
}

/// A page's server, for one listening address.
struct Server {
    source: Source,
    hosts: BTreeSet<String>,
    followers: Arc<Semaphore>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenBody {
    code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcknowledgeBody {
    message: RowId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmptyBody {}

/// A refusal as the page reads it.
#[derive(Serialize)]
struct Turned<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kiosk: Option<&'a str>,
}

/// Serves the page on `listener` until dropped.
///
/// # Errors
/// A listener that does not know its address.
pub(crate) async fn serve(listener: TcpListener, source: Source) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    http::serve(listener, routes(address, source).boxed(), CONNECTIONS).await;
    Ok(())
}

/// Everything that the page is made of, and nothing else.
fn routes(
    address: SocketAddr,
    source: Source,
) -> impl Filter<Extract = (Reply,), Error = Infallible> + Clone {
    let server = Arc::new(Server {
        source,
        hosts: hosts(address),
        followers: Arc::new(Semaphore::new(FOLLOWERS)),
    });
    let follow_server = Arc::clone(&server);
    let follow = warp::path!("live")
        .and(warp::get())
        .and(warp::header::headers_cloned())
        .and(warp::ws())
        .map(move |headers: HeaderMap, upgrade: warp::ws::Ws| {
            follow_server.follow(&headers, upgrade)
        });
    let rest = warp::method()
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method: Method, path: warp::path::FullPath, headers: HeaderMap, body| {
            let server = Arc::clone(&server);
            async move { server.answer(&method, path.as_str(), &headers, body).await }
        });
    follow
        .or(rest)
        .unify()
        .recover(|_: Rejection| async {
            Ok::<_, Infallible>(turned(StatusCode::BAD_REQUEST, "malformed"))
        })
        .unify()
        .map(dressed)
}

impl Server {
    /// Whether the request was meant for this page: a name that somebody pointed
    /// at 127.0.0.1 is not one of ours.
    fn is_ours(&self, headers: &HeaderMap) -> bool {
        headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .is_some_and(|host| self.hosts.contains(host))
    }

    /// Whether the request was made by this page.
    fn is_from_page(&self, headers: &HeaderMap) -> bool {
        headers
            .get(ORIGIN)
            .and_then(|origin| origin.to_str().ok())
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(|host| self.hosts.contains(host))
    }

    fn follow(&self, headers: &HeaderMap, upgrade: warp::ws::Ws) -> Reply {
        if !self.is_ours(headers) || !self.is_from_page(headers) {
            return turned(StatusCode::FORBIDDEN, "origin");
        }
        let Ok(place) = Arc::clone(&self.followers).try_acquire_owned() else {
            return turned(StatusCode::SERVICE_UNAVAILABLE, "busy");
        };
        let screens = self.source.screens.clone();
        warp::Reply::into_response(upgrade.max_message_size(1024).max_frame_size(1024).on_upgrade(
            move |socket| async move {
                live::follow(socket, screens).await;
                drop(place);
            },
        ))
    }

    async fn answer<B: Buf>(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Reply {
        if !self.is_ours(headers) {
            return turned(StatusCode::FORBIDDEN, "host");
        }
        if method == Method::GET {
            return match FILES.iter().find(|(name, _, _)| *name == path) {
                Some((_, kind, bytes)) => file(kind, bytes),
                None => turned(StatusCode::NOT_FOUND, "not_found"),
            };
        }
        if method != Method::POST {
            return turned(StatusCode::METHOD_NOT_ALLOWED, "method");
        }
        if !self.is_from_page(headers) {
            return turned(StatusCode::FORBIDDEN, "origin");
        }
        if headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) != Some(b"application/json") {
            return turned(StatusCode::UNSUPPORTED_MEDIA_TYPE, "type");
        }
        let body = match whole(body).await {
            Ok(body) => body,
            Err(reply) => return *reply,
        };
        match act(path, &body) {
            Ok(act) => self.carry_out(act).await,
            Err(reply) => *reply,
        }
    }

    async fn carry_out(&self, act: Act) -> Reply {
        let (done, outcome) = oneshot::channel();
        if self.source.acts.try_send((act, done)).is_err() {
            return turned(StatusCode::SERVICE_UNAVAILABLE, "busy");
        }
        match timeout(LONGEST_ACT, outcome).await {
            Ok(Ok(Ok(()))) => {
                let mut reply = Reply::default();
                *reply.status_mut() = StatusCode::NO_CONTENT;
                reply
            }
            Ok(Ok(Err(NotDone::Refused(refusal)))) => refused(&refusal),
            Err(_) => turned(StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Ok(Ok(Err(NotDone::Broken)) | Err(_)) => {
                turned(StatusCode::INTERNAL_SERVER_ERROR, "broken")
            }
        }
    }
}

/// What a request to `path` wants.
fn act(path: &str, body: &[u8]) -> Result<Act, Box<Reply>> {
    fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Box<Reply>> {
        serde_json::from_slice(body)
            .map_err(|_| Box::new(turned(StatusCode::BAD_REQUEST, "malformed")))
    }
    match path {
        "/open" => read::<OpenBody>(body).map(|body| Act::Open(body.code)),
        "/acknowledge" => read::<AcknowledgeBody>(body).map(|body| Act::Acknowledge(body.message)),
        "/finish" => read::<EmptyBody>(body).map(|EmptyBody {}| Act::Finish),
        _ => Err(Box::new(turned(StatusCode::NOT_FOUND, "not_found"))),
    }
}

/// The whole body, if it is small enough.
async fn whole<B: Buf>(
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<Vec<u8>, Box<Reply>> {
    let mut bytes = Vec::new();
    let mut body = std::pin::pin!(body);
    let read = async {
        while let Some(chunk) = body.next().await {
            let Ok(mut chunk) = chunk else {
                return Err(turned(StatusCode::BAD_REQUEST, "malformed"));
            };
            if bytes.len() + chunk.remaining() > BODY_MAX {
                return Err(turned(StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
            }
            while chunk.has_remaining() {
                let part = chunk.chunk();
                bytes.extend_from_slice(part);
                let length = part.len();
                chunk.advance(length);
            }
        }
        Ok(())
    };
    match timeout(SLOWEST_BODY, read).await {
        Ok(Ok(())) => Ok(bytes),
        Ok(Err(reply)) => Err(Box::new(reply)),
        Err(_) => Err(Box::new(turned(StatusCode::REQUEST_TIMEOUT, "too_slow"))),
    }
}

/// The names under which a page on `address` is asked for.
fn hosts(address: SocketAddr) -> BTreeSet<String> {
    let port = address.port();
    let mut hosts = BTreeSet::from([address.to_string(), format!("localhost:{port}")]);
    if port == 80 {
        hosts.insert(address.ip().to_string());
        hosts.insert("localhost".to_owned());
    }
    hosts
}

fn file(kind: &'static str, bytes: &'static [u8]) -> Reply {
    let mut reply = Reply::new(bytes.into());
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

fn refused(refusal: &Refusal) -> Reply {
    let mut said = Turned { error: refusal.code(), seconds: None, kiosk: None };
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    if let Refusal::Throttled { seconds } = refusal {
        said.seconds = Some(*seconds);
        status = StatusCode::TOO_MANY_REQUESTS;
    }
    if let Refusal::OpenElsewhere { kiosk } = refusal {
        said.kiosk = Some(kiosk);
    }
    json(status, &said)
}

fn turned(status: StatusCode, error: &str) -> Reply {
    json(status, &Turned { error, seconds: None, kiosk: None })
}

fn json(status: StatusCode, said: &Turned<'_>) -> Reply {
    let mut reply = Reply::new(serde_json::to_vec(said).unwrap_or_default().into());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

fn dressed(mut reply: Reply) -> Reply {
    for (name, value) in SECURITY {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}
