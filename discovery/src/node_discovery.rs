//! Announcing this node and listening for the others.

use std::net::SocketAddr;
use std::time::Duration;

use mdns_sd::{DaemonEvent, RecvError, ServiceEvent};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::announcement;
use crate::daemon::Daemon;
use crate::error::DiscoveryError;
use crate::hint::{Announcement, Hint, Interfaces};
use crate::neighbours::Neighbours;

/// Hints that wait for their reader; when so many do, listening waits too.
const HINTS: usize = 256;
/// The most addresses in the static list.
const STATIC_MAX: usize = 1_024;
/// How often to ask anew who is there.
const ROUND: Duration = Duration::from_secs(60);
/// The shortest pause before a lost daemon or a lost stream of answers is begun anew.
const MENDING: Duration = Duration::from_millis(200);
/// How long [`Discovery::stop`] waits in all.
const STOPPING: Duration = Duration::from_secs(5);

/// A node's running discovery. Dropping it takes leave in the background;
/// [`stop`](Self::stop) waits for that.
#[derive(Debug)]
pub struct Discovery {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Discovery {
    /// Announces this node on the given interfaces and listens there for others of its site; the
    /// static peers come out first. Runs until it is stopped or dropped, or the receiver is.
    ///
    /// # Errors
    /// When called outside of a tokio runtime, for a list of interfaces that cannot be, and when
    /// the mDNS daemon cannot start. An interface that is absent is no error: it is waited for.
    pub fn start(
        announcement: Announcement,
        interfaces: Interfaces,
        static_peers: Vec<SocketAddr>,
    ) -> Result<(Self, mpsc::Receiver<Hint>), DiscoveryError> {
        let runtime =
            tokio::runtime::Handle::try_current().map_err(|_| DiscoveryError::NoRuntime)?;
        let daemon = Daemon::begin(&announcement, &interfaces)?;
        let (hints, receiver) = mpsc::channel(HINTS);
        let (stop, stopped) = oneshot::channel();
        let neighbours = Neighbours::new(announcement.site, announcement.node);
        let listening = Listening { announcement, interfaces, neighbours, hints };
        let task = runtime.spawn(async move {
            let mut daemon = Some(daemon);
            tokio::select! {
                () = listening.run(&mut daemon, static_peers) => {}
                _ = stopped => {}
            }
            if let Some(daemon) = daemon {
                daemon.leave().await;
            }
        });
        Ok((Self { stop, task }, receiver))
    }

    /// Says goodbye, so that others forget this node at once, and waits for the end, for at most
    /// some seconds.
    pub async fn stop(self) {
        // An error means that the task has ended by itself.
        self.stop.send(()).ok();
        if tokio::time::timeout(STOPPING, self.task).await.is_err() {
            tracing::warn!("discovery did not stop in time");
        }
    }
}

struct Listening {
    announcement: Announcement,
    interfaces: Interfaces,
    neighbours: Neighbours,
    hints: mpsc::Sender<Hint>,
}

/// What one turn of listening brought.
enum Turn {
    Answer(Result<ServiceEvent, RecvError>),
    Daemon(Result<DaemonEvent, RecvError>),
    Round,
    NobodyListens,
}

impl Listening {
    /// Runs until nobody takes hints any more. The daemon stays the caller's, to take leave.
    async fn run(mut self, daemon: &mut Option<Daemon>, static_peers: Vec<SocketAddr>) {
        if static_peers.len() > STATIC_MAX {
            tracing::warn!("only the first {STATIC_MAX} static peers are used");
        }
        let peers = static_peers.into_iter().take(STATIC_MAX);
        if !self.pass_on(peers.map(|address| Hint::Static { address })).await {
            return;
        }
        let mut rounds = tokio::time::interval_at(Instant::now() + ROUND, ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.listen(daemon, &mut rounds).await.is_none() {
                return;
            }
            tokio::time::sleep(MENDING).await;
            tracing::debug!("mDNS fell silent and is begun anew");
        }
    }

    /// Listens for as long as answers come; `None` when nobody takes hints any more.
    async fn listen(
        &mut self,
        daemon: &mut Option<Daemon>,
        rounds: &mut tokio::time::Interval,
    ) -> Option<()> {
        let running = match daemon {
            Some(running) => running,
            None => match Daemon::begin(&self.announcement, &self.interfaces) {
                Ok(new) => daemon.insert(new),
                Err(error) => {
                    tracing::warn!("{error}");
                    return Some(());
                }
            },
        };
        let mut answers = match running.browse() {
            Ok(answers) => answers,
            Err(error) => {
                tracing::warn!("{error}");
                *daemon = None;
                return Some(());
            }
        };
        loop {
            let turn = tokio::select! {
                answer = answers.recv_async() => Turn::Answer(answer),
                event = running.events.recv_async() => Turn::Daemon(event),
                _ = rounds.tick() => Turn::Round,
                () = self.hints.closed() => Turn::NobodyListens,
            };
            let hints = match turn {
                Turn::Answer(Ok(event)) => self.take(event),
                // Closed in silence, because we lagged or because the daemon is gone.
                Turn::Answer(Err(RecvError::Disconnected)) => return Some(()),
                Turn::Daemon(Ok(event)) => {
                    tell(&event);
                    Vec::new()
                }
                Turn::Daemon(Err(RecvError::Disconnected)) => {
                    *daemon = None;
                    return Some(());
                }
                Turn::Round => {
                    match running.browse() {
                        Ok(anew) => answers = anew,
                        Err(error) => tracing::warn!("{error}"),
                    }
                    self.neighbours.next_round()
                }
                Turn::NobodyListens => return None,
            };
            if !self.pass_on(hints).await {
                return None;
            }
        }
    }

    fn take(&mut self, event: ServiceEvent) -> Vec<Hint> {
        match event {
            ServiceEvent::ServiceResolved(service) => {
                self.neighbours.answered(announcement::read(&service))
            }
            ServiceEvent::ServiceRemoved(_, name) => self.neighbours.left(&name),
            ServiceEvent::SearchStarted(_)
            | ServiceEvent::ServiceFound(..)
            | ServiceEvent::SearchStopped(_)
            | _ => Vec::new(),
        }
    }

    async fn pass_on(&self, hints: impl IntoIterator<Item = Hint>) -> bool {
        for hint in hints {
            if self.hints.send(hint).await.is_err() {
                return false;
            }
        }
        true
    }
}

fn tell(event: &DaemonEvent) {
    match event {
        DaemonEvent::NameChange(change) => {
            tracing::warn!(
                from = change.original,
                to = change.new_name,
                "another node is announced under our name; ours was changed"
            );
        }
        DaemonEvent::Error(error) => tracing::warn!("mDNS: {error}"),
        DaemonEvent::IpAdd(_)
        | DaemonEvent::IpDel(_)
        | DaemonEvent::Announce(..)
        | DaemonEvent::Respond(_)
        | _ => tracing::trace!("mDNS: {event:?}"),
    }
}
