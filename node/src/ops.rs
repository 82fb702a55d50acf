//! Health probe and metrics, for those who run the site.
//!
//! `/healthz` answers 200 while the node can write and 503 when it cannot;
//! `/metrics` is Prometheus' text. Both are counts of this node's own: no name, no
//! id, nothing of a patron. Figures are gathered when somebody asks, so an idle
//! node does nothing for them.

use std::convert::Infallible;
use std::sync::Arc;

use prometheus::{Encoder, IntGauge, Registry, TextEncoder};
use tokio::net::TcpListener;
use warp::http::{Response, StatusCode};
use warp::{Filter, Reply};

use crate::http;
use crate::texts::Say;

/// Connections at once.
const CONNECTIONS: usize = 16;

/// How the node is, in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Whether the node can write: its disk takes what it acknowledges.
    pub(crate) writable: bool,
    /// Whether it has joined its site.
    pub(crate) joined: bool,
    /// Links to admin nodes.
    pub(crate) links_admin: u32,
    /// Links to kiosks.
    pub(crate) links_kiosk: u32,
    /// Entries held.
    pub(crate) entries: u64,
    /// Entries written by this process.
    pub(crate) written: u64,
    /// Sessions that run down, as this node sees them.
    pub(crate) sessions_running: u32,
    /// Kiosks of the site.
    pub(crate) kiosks: u32,
    /// Epochs proven to have written two histories.
    pub(crate) forks: u32,
    /// Whether site time is an admin node's word.
    pub(crate) time_trusted: bool,
}

/// One figure out of all of them.
type Figure = fn(&Figures) -> i64;

/// The metrics, registered once and set at each reading.
struct Metrics {
    registry: Registry,
    gauges: Vec<(IntGauge, Figure)>,
}

impl Metrics {
    fn new() -> Result<Self, prometheus::Error> {
        fn whole(figure: u64) -> i64 {
            i64::try_from(figure).unwrap_or(i64::MAX)
        }
        let told: [(&str, &str, Figure); 10] = [
            ("poste_writable", "1 while the node can write to its disk", |f| i64::from(f.writable)),
            ("poste_joined", "1 once the node has joined its site", |f| i64::from(f.joined)),
            ("poste_links_admin", "Links to admin nodes", |f| i64::from(f.links_admin)),
            ("poste_links_kiosk", "Links to kiosks", |f| i64::from(f.links_kiosk)),
            ("poste_ledger_entries", "Entries of the ledger held here", |f| whole(f.entries)),
            ("poste_entries_written", "Entries written by this process", |f| whole(f.written)),
            ("poste_sessions_running", "Sessions that run down", |f| i64::from(f.sessions_running)),
            ("poste_kiosks", "Kiosks of the site", |f| i64::from(f.kiosks)),
            ("poste_forks", "Epochs proven to have two histories", |f| i64::from(f.forks)),
            ("poste_time_trusted", "1 while site time is an admin node's", |f| {
                i64::from(f.time_trusted)
            }),
        ];
        let registry = Registry::new();
        let mut gauges = Vec::with_capacity(told.len());
        for (name, help, figure) in told {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            gauges.push((gauge, figure));
        }
        Ok(Self { registry, gauges })
    }

    fn text(&self, figures: &Figures) -> Result<Vec<u8>, prometheus::Error> {
        for (gauge, figure) in &self.gauges {
            gauge.set(figure(figures));
        }
        let mut bytes = Vec::with_capacity(2048);
        TextEncoder::new().encode(&self.registry.gather(), &mut bytes)?;
        Ok(bytes)
    }
}

/// The two routes, each asking `figures` anew.
fn routes<F, A>(
    figures: F,
    metrics: Arc<Metrics>,
) -> impl Filter<Extract = (Response<Vec<u8>>,), Error = warp::Rejection> + Clone
where
    F: Fn() -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Figures> + Send,
{
    let gather = warp::any().then(figures);
    let health = warp::path!("healthz").and(gather.clone()).map(|figures: Figures| {
        let status =
            if figures.writable { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let text = format!("{{\"writable\":{},\"joined\":{}}}\n", figures.writable, figures.joined);
        reply(status, "application/json", text.into_bytes())
    });
    let metrics = warp::path!("metrics").and(gather).map(move |figures: Figures| {
        match metrics.text(&figures) {
            Ok(text) => reply(StatusCode::OK, "text/plain; version=0.0.4", text),
            Err(error) => reply(
                StatusCode::INTERNAL_SERVER_ERROR,
                "text/plain",
                format!("{error}\n").into_bytes(),
            ),
        }
    });
    warp::get().and(health.or(metrics).unify())
}

fn reply(status: StatusCode, kind: &str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Ok(kind) = kind.parse() {
        response.headers_mut().insert("content-type", kind);
    }
    response
}

/// Serves both until dropped.
///
/// # Errors
/// Metrics that cannot be registered: a programming error, found by the tests.
pub(crate) async fn serve<F, A>(listener: TcpListener, figures: F) -> Result<(), Say>
where
    F: Fn() -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Figures> + Send + 'static,
{
    let metrics = Metrics::new().map_err(|error| Say::Broken { reason: error.to_string() })?;
    let routes = routes(figures, Arc::new(metrics))
        .recover(|_| async {
            Ok::<_, Infallible>(reply(StatusCode::NOT_FOUND, "text/plain", Vec::new()))
        })
        .unify()
        .map(Reply::into_response);
    http::serve(listener, routes.boxed(), CONNECTIONS).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::watch;

    use super::{Figures, serve};
    use crate::http::listen;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn health_follows_the_disk_and_metrics_the_figures() {
        let listener = listen("ops.listen", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (told, figures) =
            watch::channel(Figures { writable: true, entries: 42, ..Figures::default() });
        tokio::spawn(serve(listener, move || {
            let figures = figures.borrow().clone();
            async move { figures }
        }));

        let health = get(address, "/healthz").await;
        assert!(health.starts_with("HTTP/1.1 200"), "{health}");
        let metrics = get(address, "/metrics").await;
        assert!(metrics.contains("\nposte_ledger_entries 42\n"), "{metrics}");

        told.send_modify(|figures| figures.writable = false);
        let health = get(address, "/healthz").await;
        assert!(health.starts_with("HTTP/1.1 503"), "{health}");
        let other = get(address, "/").await;
        assert!(other.starts_with("HTTP/1.1 404"), "{other}");
    }
}
