//! The accept loop: TLS, bounds and deadlines that warp leaves to others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, ServerConfig};
use warp::Filter;
use warp::hyper::Request;
use warp::reply::Response;

use crate::certificate::Certificate;
use crate::desk::ConsoleDesk;
use crate::request::Remote;
use crate::routes::routes;
use crate::web::{Web, stopped};

/// Bounds of the console's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at once, live streams aside; one more is closed at once.
    pub connections: usize,
    /// Most live streams at once.
    pub sockets: usize,
    /// Time for a TLS handshake.
    pub handshake: Duration,
    /// Time for the head of a request; also how long a connection may stay idle.
    pub head: Duration,
    /// Age at which a connection is asked to end; live streams do not age.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 256,
            sockets: 64,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(15),
            age: Duration::from_secs(120),
        }
    }
}

/// How long a connection that was asked to end may still take, for one that does not read.
const ENDING: Duration = Duration::from_secs(15);
/// Pause after the system could not accept (no file descriptors left).
const BREATH: Duration = Duration::from_millis(100);
/// Largest head of a request.
const LARGEST_HEAD: usize = 32 * 1024;

/// The TLS side of the server: TLS 1.3 with ring, HTTP/1.1 only (over HTTP/2 an early 413 reaches
/// clients as a broken stream).
pub(crate) fn tls(certificate: Certificate) -> Result<TlsAcceptor, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.chain], certificate.key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Accepts until told to stop, then lets the open connections end.
pub(crate) async fn run<D: ConsoleDesk>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    web: Web<D>,
) {
    let stop = web.shared.stop.clone();
    let places = Arc::new(Semaphore::new(limits.connections));
    let filter = routes(web).boxed();
    let mut stopping = stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stopping) => break,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("the console could not accept a connection: {error}");
                sleep(BREATH).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(
                "the console has {} connections: one more was closed",
                limits.connections
            );
            continue;
        };
        let connection =
            connection(stream, remote, tls.clone(), limits, filter.clone(), stop.clone());
        tokio::spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    if timeout(ENDING, places.acquire_many(all)).await.is_err() {
        tracing::warn!("some of the console's connections did not end in time");
    }
}

async fn connection(
    stream: TcpStream,
    remote: SocketAddr,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    filter: warp::filters::BoxedFilter<(Response,)>,
    stop: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("{remote}: {error}");
    }
    match tls {
        None => serve(stream, remote, limits, filter, stop).await,
        Some(tls) => match timeout(limits.handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => serve(stream, remote, limits, filter, stop).await,
            Ok(Err(error)) => tracing::debug!("{remote}: no TLS handshake: {error}"),
            Err(_late) => tracing::debug!("{remote}: the TLS handshake took too long"),
        },
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    remote: SocketAddr,
    limits: Limits,
    filter: warp::filters::BoxedFilter<(Response,)>,
    mut stop: watch::Receiver<bool>,
) {
    let warp_service = warp::service(filter);
    let service = hyper::service::service_fn(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Remote(remote));
        hyper::service::Service::call(&TowerToHyperService::new(warp_service.clone()), request)
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = sleep(limits.age) => end(connection).await,
        () = stopped(&mut stop) => end(connection).await,
    };
    if let Err(error) = ended {
        tracing::debug!("{remote}: {error}");
    }
}

/// Lets the request under way be answered, if the other end reads it.
async fn end<I, S>(
    mut connection: std::pin::Pin<&mut http1::UpgradeableConnection<I, S>>,
) -> hyper::Result<()>
where
    http1::UpgradeableConnection<I, S>: Future<Output = hyper::Result<()>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: hyper::service::HttpService<hyper::body::Incoming>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::ResBody: hyper::body::Body + 'static,
    <S::ResBody as hyper::body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    connection.as_mut().graceful_shutdown();
    timeout(ENDING, connection).await.unwrap_or(Ok(()))
}
