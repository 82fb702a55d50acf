//! The mDNS daemon's beginning and end.

use std::time::Duration;

use mdns_sd::{DaemonEvent, IfKind, Receiver, ServiceDaemon, ServiceEvent};

use crate::announcement::{SERVICE, record};
use crate::error::DiscoveryError;
use crate::hint::{Announcement, Interfaces};

/// How long a leave-taking may take.
const LEAVING: Duration = Duration::from_secs(2);
/// The longest name of a network interface on Linux.
const INTERFACE_NAME_MAX: usize = 15;

/// A running daemon that announces this node.
pub(crate) struct Daemon {
    handle: ServiceDaemon,
    /// What it tells about itself.
    pub(crate) events: Receiver<DaemonEvent>,
}

impl Daemon {
    /// Starts a daemon on these interfaces only and announces.
    pub(crate) fn begin(
        announcement: &Announcement,
        interfaces: &Interfaces,
    ) -> Result<Self, DiscoveryError> {
        let wanted = wanted(interfaces)?;
        let record = record(announcement)?;
        let handle = ServiceDaemon::new()?;
        // It comes up on all interfaces: before anything is said, all are shut and ours opened.
        let events = handle.disable_interface(IfKind::All).and_then(|()| {
            handle.enable_interface(wanted)?;
            let events = handle.monitor()?;
            handle.register(record)?;
            Ok(events)
        });
        match events {
            Ok(events) => Ok(Self { handle, events }),
            Err(error) => {
                // Without this its thread would go on for ever.
                handle.shutdown().ok();
                Err(error.into())
            }
        }
    }

    /// Asks who is there. Names that are known already answer at once, and asking again begins the
    /// questions anew, whose pauses would otherwise grow to an hour.
    pub(crate) fn browse(&self) -> Result<Receiver<ServiceEvent>, DiscoveryError> {
        Ok(self.handle.browse(SERVICE)?)
    }

    /// Ends the daemon, which says goodbye for all that it announced, and waits for that a little.
    pub(crate) async fn leave(self) {
        let ended = match self.handle.shutdown() {
            Ok(ended) => tokio::time::timeout(LEAVING, ended.recv_async()).await.is_ok(),
            Err(_) => false,
        };
        if !ended {
            tracing::warn!("the mDNS daemon did not end in time");
        }
    }
}

fn wanted(interfaces: &Interfaces) -> Result<Vec<IfKind>, DiscoveryError> {
    match interfaces {
        Interfaces::Loopback => Ok(vec![IfKind::LoopbackV4]),
        Interfaces::Named(names) => {
            let fits = |name: &String| (1..=INTERFACE_NAME_MAX).contains(&name.len());
            if names.is_empty() || !names.iter().all(fits) {
                return Err(DiscoveryError::Interfaces(names.clone()));
            }
            Ok(names.iter().cloned().map(IfKind::Name).collect())
        }
    }
}
