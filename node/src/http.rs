//! Plain HTTP on loopback, with the bounds that warp leaves to others: a patron
//! who opens a thousand connections to the kiosk's own page must not take the
//! node's last file descriptor.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::texts::Say;

/// Time for the head of a request; also how long a connection may stay idle.
const HEAD: Duration = Duration::from_secs(15);

/// Largest head of a request, in bytes.
const HEAD_MAX: usize = 16 * 1024;

/// Pause after the system could not accept (no file descriptors left).
const BREATH: Duration = Duration::from_millis(100);

/// Listens on `address` for `what`, a field of the configuration.
///
/// # Errors
/// [`Say::PortTaken`], which names both.
pub(crate) async fn listen(what: &str, address: SocketAddr) -> Result<TcpListener, Say> {
    TcpListener::bind(address).await.map_err(|error| Say::PortTaken {
        what: what.to_owned(),
        address: address.to_string(),
        reason: error.to_string(),
    })
}

/// Serves `filter` until dropped, to at most `connections` at once; one more is
/// closed at once.
pub(crate) async fn serve(
    listener: TcpListener,
    filter: BoxedFilter<(Response,)>,
    connections: usize,
) {
    let places = Arc::new(Semaphore::new(connections));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(BREATH).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::debug!(connections, "one connection too many was closed");
            continue;
        };
        let filter = filter.clone();
        tokio::spawn(async move {
            connection(stream, filter).await;
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, filter: BoxedFilter<(Response,)>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection went away");
    }
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(warp::service(filter)))
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use warp::{Filter, Reply};

    use super::{listen, serve};
    use crate::texts::Say;

    #[tokio::test]
    async fn port_in_use_is_named() {
        let taken = listen("ops.listen", "127.0.0.1:0".parse().unwrap()).await;
        let address = taken.as_ref().unwrap().local_addr().unwrap();
        let Err(Say::PortTaken { what, address: named, .. }) = listen("kiosk.page", address).await
        else {
            panic!("bound twice");
        };
        assert_eq!((what.as_str(), named), ("kiosk.page", address.to_string()));
    }

    #[tokio::test]
    async fn one_connection_too_many_is_closed_and_the_others_are_served() {
        let listener = listen("x", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let filter = warp::any().map(|| "hello".into_response()).boxed();
        let server = tokio::spawn(serve(listener, filter, 2));
        let mut first = TcpStream::connect(address).await.unwrap();
        let _second = TcpStream::connect(address).await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        let mut nothing = Vec::new();
        // Closed or reset: either way it ends without a byte.
        third.read_to_end(&mut nothing).await.ok();
        assert!(nothing.is_empty());
        first.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        first.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("hello"), "{answer}");
        server.abort();
    }
}
