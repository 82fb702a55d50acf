//! How the running node is, for its command line and for monitoring.

use std::collections::BTreeMap;
use std::time::Duration;

use actors::desk::{Desk, NotDone};
use domain::authority::NodeKind;
use domain::floor::StateWord;
use domain::id::NodeId;
use tokio::time::timeout;

use crate::control::view::{
    CheckpointView, ClocksView, DoorView, EpochView, LinkView, NodeView, ReplicationView,
    StatusView,
};
use crate::ops::Figures;

/// Longest wait for the node's own answer about itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// The whole of it.
///
/// # Errors
/// The node is being started again.
pub(crate) async fn status(
    desk: &Desk,
    console_certificate: Option<[u8; 32]>,
) -> Result<StatusView, NotDone> {
    let addresses = addresses(desk).await;
    let closed_doors = closed_doors(desk).await;
    desk.look(move |replica, now| {
        let site = replica.site();
        let me = replica.me();
        let standing = site.standing();
        let links = replica.links().map(|(node, kind, _)| LinkView {
            node: *node,
            kind: Some(kind),
            address: addresses.get(node).cloned(),
        });
        let links = links.collect();
        let mut frontier: Vec<EpochView> = replica
            .frontier()
            .map(|reach| EpochView {
                epoch: reach.epoch,
                node: site.node_of(&reach.epoch),
                pruned_below: reach.pruned_below,
                height: reach.height,
            })
            .collect();
        frontier.sort_by_key(|reach| (reach.node, reach.epoch));
        let commands = replica.deliveries(now);
        let elsewhere = commands.iter().filter(|p| p.held_by > 1).count();
        let entries = frontier.iter().map(|e| e.height - e.pruned_below).sum();
        let own = frontier.iter().find(|e| e.epoch == replica.epoch());
        let replication = ReplicationView {
            entries,
            written: own.map_or(0, |own| own.height),
            commands: u64::try_from(commands.len()).unwrap_or(u64::MAX),
            elsewhere: u64::try_from(elsewhere).unwrap_or(u64::MAX),
        };
        StatusView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            node: me.node(),
            epoch: Some(replica.epoch()),
            site: Some(me.site),
            site_name: site.name().to_owned(),
            kind: match me.kind {
                NodeKind::Admin => "admin".to_owned(),
                NodeKind::Kiosk => "kiosk".to_owned(),
            },
            joined: standing.is_member(&me.node()),
            writable: !replica.is_disk_failed(),
            fingerprint: site
                .fingerprint()
                .map_or_else(|_| String::new(), |hash| data_encoding::HEXLOWER.encode(&hash)),
            links,
            closed_doors,
            frontier,
            checkpoint: replica.base().map(|(as_of_ms, name)| CheckpointView {
                checkpoint: data_encoding::HEXLOWER.encode(&name),
                as_of_ms,
            }),
            refused_epochs: replica.refused_epochs(),
            replication,
            clocks: ClocksView {
                boot_ms: now.boot_ms,
                wall_ms: actors::clock::BootClock.wall_ms(),
                site_ms: now.wall_ms,
                trusted: now.trusted,
            },
            rows: replica.vault().map(|vault| u64::try_from(vault.len()).unwrap_or(u64::MAX)),
            console_certificate: console_certificate
                .map(|hash| data_encoding::HEXLOWER.encode(&hash)),
        }
    })
    .await
}

/// The nodes of the site.
///
/// # Errors
/// As [`status`].
pub(crate) async fn nodes(desk: &Desk) -> Result<Vec<NodeView>, NotDone> {
    desk.look(|replica, now| {
        let site = replica.site();
        let me = replica.me().node();
        let linked: Vec<NodeId> = replica.links().map(|(node, _, _)| *node).collect();
        let nodes = site.floor(now).nodes.into_iter();
        nodes
            .map(|node| NodeView {
                node: node.node,
                kind: node.kind,
                kiosk: node.kiosk,
                kiosk_name: node.kiosk.map(|kiosk| site.kiosk_name(&kiosk)),
                linked: node.node == me || linked.contains(&node.node),
                revoked: node.revoked,
                forked: node.forked,
            })
            .collect()
    })
    .await
}

/// The figures; a node that does not answer is one that cannot write.
pub(crate) async fn figures(desk: &Desk) -> Figures {
    let look = desk.look(|replica, now| {
        let site = replica.site();
        let floor = site.floor(now);
        let links = |kind| count(replica.links().filter(|(_, k, _)| *k == kind).count());
        let running = |tile: &&domain::floor::Tile| {
            let session = tile.session.as_ref();
            session.is_some_and(|session| session.state == StateWord::Open)
        };
        let height = |own: bool| -> u64 {
            let epoch = replica.epoch();
            let frontier = replica.frontier();
            let chosen = frontier.filter(|reach| !own || reach.epoch == epoch);
            chosen.map(|reach| reach.height - reach.pruned_below).sum()
        };
        Figures {
            writable: !replica.is_disk_failed(),
            joined: site.standing().is_member(&replica.me().node()),
            links_admin: links(NodeKind::Admin),
            links_kiosk: links(NodeKind::Kiosk),
            entries: height(false),
            written: height(true),
            sessions_running: count(floor.tiles.iter().filter(running).count()),
            kiosks: count(floor.tiles.len()),
            forks: count(site.chain().forks().len()),
            time_trusted: now.trusted,
        }
    });
    match timeout(PATIENCE, look).await {
        Ok(Ok(figures)) => figures,
        Ok(Err(_)) | Err(_) => Figures::default(),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Where this node knocks in vain.
async fn closed_doors(desk: &Desk) -> Vec<DoorView> {
    let Some(peers) = desk.shared().peers() else {
        return Vec::new();
    };
    let doors = peers.closed_doors().await.into_iter();
    doors
        .map(|(address, end)| DoorView { address: address.to_string(), why: end.to_string() })
        .collect()
}

/// Where the linked nodes are.
async fn addresses(desk: &Desk) -> BTreeMap<NodeId, String> {
    let Some(peers) = desk.shared().peers() else {
        return BTreeMap::new();
    };
    let links = peers.links().await.into_iter();
    links.map(|link| (NodeId(link.peer), link.address.to_string())).collect()
}
