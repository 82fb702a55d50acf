//! From what discovery found to whom the peers actor may dial.

use std::sync::Arc;

use discovery::hint::{Hint as Found, Kind};
use tokio::sync::mpsc;

use super::Hint;
use crate::link::handshake::PeerKind;
use crate::tree::Shared;

/// Passes on what discovery finds, until it ends. What comes while the peers actor is being started
/// again is lost: discovery says everything again each minute.
pub async fn follow(mut found: mpsc::Receiver<Found>, shared: Arc<Shared>) {
    while let Some(found) = found.recv().await {
        let Some(peers) = shared.peers() else {
            continue;
        };
        match found {
            Found::Seen { node, kind, addresses, .. } => {
                let kind = match kind {
                    Kind::Admin => PeerKind::Admin,
                    Kind::Kiosk => PeerKind::Kiosk,
                };
                for address in addresses {
                    peers.hint(Hint { node: Some(node), address, kind });
                }
            }
            Found::Static { address } => {
                peers.hint(Hint { node: None, address, kind: PeerKind::Unknown });
            }
            // Whoever took leave may come back where it was: links say who lives.
            Found::Gone { .. } => {}
        }
    }
}
