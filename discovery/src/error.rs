//! What can keep discovery from starting.

use thiserror::Error;

/// Why discovery did not start. Once it runs it mends itself and fails no more.
#[derive(Debug, Error)]
pub enum DiscoveryError {
    /// The list of interfaces is empty or holds a name that no interface can have.
    #[error("discovery: {0:?} is no list of network interfaces")]
    Interfaces(Vec<String>),
    /// Started outside of a tokio runtime.
    #[error("discovery must be started inside a tokio runtime")]
    NoRuntime,
    /// The mDNS daemon refused.
    #[error("discovery over mDNS: {0}")]
    Mdns(String),
}

impl From<mdns_sd::Error> for DiscoveryError {
    fn from(error: mdns_sd::Error) -> Self {
        Self::Mdns(error.to_string())
    }
}
