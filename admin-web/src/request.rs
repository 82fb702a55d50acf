//! What a request says, before anybody believes it: where it comes from, its headers, its body.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use warp::http::{HeaderMap, Method, header};
use warp::{Buf, Filter};

use crate::denied::Denied;
use crate::login::Secret;
use crate::origin::Origin;

/// Largest body.
pub const LARGEST_BODY: usize = 64 * 1024;
/// How much of a body that is too large is still read, so that the sender gets the reply instead
/// of a broken connection.
const DRAINED: usize = 16 * 1024 * 1024;
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The other end of the connection, put beside the request by the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct Remote(pub SocketAddr);

/// A request without its body.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) remote: IpAddr,
}

/// Extracts [`Asked`] from any request.
pub(crate) fn asked() -> impl Filter<Extract = (Asked,), Error = std::convert::Infallible> + Clone {
    warp::method().and(warp::header::headers_cloned()).and(warp::ext::optional::<Remote>()).map(
        |method, headers, remote: Option<Remote>| Asked {
            method,
            headers,
            remote: remote.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Remote(remote)| remote.ip()),
        },
    )
}

impl Asked {
    /// The value of a header that is there exactly once, as text.
    fn only(&self, name: header::HeaderName) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// Whose console the request is for.
    pub(crate) fn host(&self, secure: bool) -> Option<Origin> {
        Origin::of(secure, self.only(header::HOST)?)
    }

    /// Whose page sent it: absent when no page did, `Err` when it is not an origin.
    pub(crate) fn origin(&self) -> Result<Option<Origin>, Denied> {
        if !self.headers.contains_key(header::ORIGIN) {
            return Ok(None);
        }
        self.only(header::ORIGIN).and_then(Origin::parse).map(Some).ok_or(Denied::ForeignOrigin)
    }

    /// The bearer token, if there is an `Authorization` header; `Err` when it is anything else.
    pub(crate) fn bearer(&self) -> Result<Option<&str>, Denied> {
        if !self.headers.contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        self.only(header::AUTHORIZATION)
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(Some)
            .ok_or(Denied::NotSignedIn)
    }

    /// The secret of the login cookie of this name.
    pub(crate) fn cookie(&self, name: &str) -> Option<Secret> {
        self.headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .find_map(|(_, value)| {
                data_encoding::BASE64URL_NOPAD.decode(value.as_bytes()).ok()?.try_into().ok()
            })
    }
}

/// Extracts the body, bounded in size and time.
pub(crate) fn body()
-> impl Filter<Extract = (Result<Vec<u8>, Denied>,), Error = warp::Rejection> + Clone {
    warp::header::headers_cloned().and(warp::body::stream()).then(
        |headers: HeaderMap, stream| async move {
            match tokio::time::timeout(BODY_TIME, read(&headers, stream)).await {
                Ok(body) => body,
                Err(_late) => Err(Denied::Slow),
            }
        },
    )
}

async fn read<S, B>(headers: &HeaderMap, stream: S) -> Result<Vec<u8>, Denied>
where
    S: Stream<Item = Result<B, warp::Error>> + Send,
    B: Buf,
{
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > DRAINED) {
        return Err(Denied::TooLarge);
    }
    let mut stream = std::pin::pin!(stream);
    let (mut body, mut seen) = (Vec::new(), 0_usize);
    while let Some(part) = stream.next().await {
        let mut part = part.map_err(|error| Denied::Malformed(error.to_string()))?;
        seen = seen.saturating_add(part.remaining());
        if seen > DRAINED {
            break;
        }
        while seen <= LARGEST_BODY && part.has_remaining() {
            let piece = part.chunk();
            let length = piece.len();
            body.extend_from_slice(piece);
            part.advance(length);
        }
    }
    if seen > LARGEST_BODY {
        return Err(Denied::TooLarge);
    }
    let json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim())
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    if !json && !body.is_empty() {
        return Err(Denied::NotJson);
    }
    Ok(body)
}

/// The body as the shape that the route takes.
pub(crate) fn parse<T: DeserializeOwned>(body: Result<Vec<u8>, Denied>) -> Result<T, Denied> {
    serde_json::from_slice(&body?).map_err(|error| Denied::Malformed(error.to_string()))
}

/// That a route that takes no body got none (or an empty object).
pub(crate) fn no_body(body: Result<Vec<u8>, Denied>) -> Result<(), Denied> {
    match body?.as_slice() {
        b"" | b"{}" => Ok(()),
        _ => Err(Denied::Malformed("this route takes no body".to_owned())),
    }
}
