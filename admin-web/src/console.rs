//! The console's server: bound first, then run.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::accept::{self, Limits};
use crate::certificate::{Certificate, CertificateError};
use crate::desk::ConsoleDesk;
use crate::login::Logins;
use crate::login::password::Checks;
use crate::login::proof::UsedTickets;
use crate::login::throttle::Throttle;
use crate::origin::Origin;
use crate::web::{Shared, Web};

/// How the console is served.
#[derive(Clone, Debug)]
pub struct ConsoleConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whether it speaks plain HTTP: on loopback only.
    pub plain: bool,
    /// Addresses under which browsers find it, best first: `https://host:port`. Empty: the address
    /// where it listens.
    pub pages: Vec<String>,
    /// Where its certificate is kept.
    pub data_dir: PathBuf,
    /// Bounds.
    pub limits: Limits,
}

/// Why the console cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// Plain HTTP would leave this machine.
    #[error("the console speaks plain HTTP on loopback only, and {0} is not a loopback address")]
    PlainBeyondLoopback(SocketAddr),
    /// The address is taken, or is not this machine's.
    #[error("the console cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// A page's address is none.
    #[error("not an address of a console page: {0:?} (expected {1}://host:port)")]
    Page(String, &'static str),
    /// No certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The certificate cannot be used.
    #[error("the console's certificate cannot be used: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// A console that listens already and answers once it runs.
pub struct Console<D> {
    web: Web<D>,
    listener: TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    fingerprint: Option<[u8; 32]>,
    pages: Vec<String>,
    address: SocketAddr,
    limits: Limits,
}

impl<D: ConsoleDesk> Console<D> {
    /// Checks the configuration, makes or loads the certificate and takes the address. `stop` turns
    /// true to end the console.
    ///
    /// # Errors
    /// When the address is taken, the certificate is unusable, or plain HTTP is asked for beyond
    /// loopback.
    pub async fn bind(
        config: ConsoleConfig,
        desk: D,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, ConsoleError> {
        if config.plain && !config.listen.ip().is_loopback() {
            return Err(ConsoleError::PlainBeyondLoopback(config.listen));
        }
        let secure = !config.plain;
        let mut origins = Vec::new();
        for page in &config.pages {
            let origin = Origin::parse(page).filter(|origin| origin.secure() == secure);
            let scheme = if secure { "https" } else { "http" };
            origins.push(origin.ok_or_else(|| ConsoleError::Page(page.clone(), scheme))?);
        }
        let taken = |error| ConsoleError::Listen { address: config.listen, error };
        let listener = TcpListener::bind(config.listen).await.map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let names: BTreeSet<String> = origins.iter().map(|o| o.host().to_owned()).collect();
        let (tls, fingerprint) = if secure {
            let names = certificate_names(&names, address.ip());
            let certificate = Certificate::load_or_make(&config.data_dir, &names)?;
            let fingerprint = certificate.certificate_fingerprint();
            (Some(accept::tls(certificate)?), Some(fingerprint))
        } else {
            (None, None)
        };
        let pages = if origins.is_empty() {
            let origin = Origin::of(secure, &address.to_string());
            origin.map(|origin| vec![origin.to_string()]).unwrap_or_default()
        } else {
            origins.iter().map(ToString::to_string).collect()
        };
        let shared = Shared {
            secure,
            names,
            logins: Mutex::new(Logins::default()),
            throttle: Mutex::new(Throttle::default()),
            used_tickets: Mutex::new(UsedTickets::default()),
            checks: Checks::default(),
            sockets: Arc::new(Semaphore::new(config.limits.sockets)),
            stop,
        };
        let web = Web { desk, shared: Arc::new(shared) };
        Ok(Console { web, listener, tls, fingerprint, pages, address, limits: config.limits })
    }

    /// SHA-256 of the certificate, for the site to sign; none when it speaks plain HTTP.
    #[must_use]
    pub fn certificate_fingerprint(&self) -> Option<[u8; 32]> {
        self.fingerprint
    }

    /// Addresses of the page, for people and for the other admin nodes.
    #[must_use]
    pub fn pages(&self) -> &[String] {
        &self.pages
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until told to stop.
    pub async fn run(self) {
        accept::run(self.listener, self.tls, self.limits, self.web).await;
    }
}

fn certificate_names(names: &BTreeSet<String>, listen: IpAddr) -> Vec<String> {
    let mut all = names.clone();
    if listen.is_loopback() {
        all.insert("localhost".to_owned());
    }
    if !listen.is_unspecified() {
        all.insert(listen.to_string());
    }
    all.into_iter().collect()
}
