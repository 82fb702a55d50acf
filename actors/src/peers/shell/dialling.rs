//! Dialling what the book says, when it says so.

use std::time::Duration;

use ractor::ActorRef;
use tokio::time::Instant;

use super::{PeersMessage, State};
use crate::link::handshake::{Link, PeerKind};
use crate::peers::book::Whom;

/// Dials that may be under way at once.
const MAX_DIALS: usize = 16;

impl State {
    /// Starts the dials whose time has come and sets the alarm for the next.
    pub(super) fn dial_due(&mut self, myself: &ActorRef<PeersMessage>) {
        let kiosk_links = self.kiosk_links();
        let now = Instant::now();
        let (links, claims, fan_out) = (&self.links, &self.claims, self.settings.fan_out);
        let avoided = &self.avoided;
        let wanted = |whom: Whom, kind: PeerKind| match whom {
            Whom::Node(node) => {
                !links.contains_key(&node)
                    && !claims.contains_key(&node)
                    && !avoided.holds(&node, now)
                    && fan_out.dials(kind, kiosk_links)
            }
            Whom::Address(address) => {
                links.values().all(|slot| slot.claim.connection.remote_address() != address)
            }
        };
        let room = MAX_DIALS.saturating_sub(self.dials);
        let dials = self.book.take_due(now, room, wanted);
        let next = self.book.next_due(wanted).into_iter().chain(avoided.next_end(now)).min();
        self.dials += dials.len();
        for dial in dials {
            let (endpoint, introduction) =
                (self.settings.endpoint.clone(), self.settings.introduction.clone());
            let doorkeeper = self.doorkeeper(myself);
            tokio::spawn(async move {
                let established = match endpoint.dial(dial.address, dial.sought()).await {
                    Ok(proven) => Link::establish(proven, &introduction, &doorkeeper).await,
                    Err(end) => Err(end),
                };
                let report = match established {
                    Ok(link) => PeersMessage::Established(Box::new(link), Some(dial)),
                    Err(end) => PeersMessage::Failed(dial, end),
                };
                if doorkeeper.peers.cast(report).is_err() {
                    tracing::debug!("a dial outlived the peers actor");
                }
            });
        }
        if let Some(alarm) = self.alarm.take() {
            alarm.abort();
        }
        if let Some(next) = next {
            // Never at once: with all dials under way, something due would wake it in a circle.
            let wait = next.saturating_duration_since(now).max(Duration::from_millis(50));
            let myself = myself.clone();
            self.alarm = Some(tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                if myself.cast(PeersMessage::Due).is_err() {
                    tracing::debug!("the peers actor stopped before its alarm");
                }
            }));
        }
    }
}
