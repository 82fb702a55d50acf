//! Real links under simulated time: the nodes' own peers actors and QUIC endpoints, on simulated
//! paths.
//!
//! All of them run in one thread, on a clock that skips to what is due next. Datagrams are lost,
//! doubled, held back and changed as the world's faults want it ([`air`]); what TLS draws is drawn
//! anew in each run, so that a seed gives the same faults at the same times and not the same packets.

mod air;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use actors::clerk::peer_kind;
use actors::link::close::CloseReason;
use actors::link::endpoint::Endpoint;
use actors::link::handshake::Introduction;
use actors::link::intake::{Intake, LinkEvent};
use actors::link::lane::Lane;
use actors::link::outbound::{Outbound, Unsent};
use actors::peers::{FanOut, Hint, Meeting, Peers, PeersSettings, Told};
use actors::replica::Identity;
use domain::authority::NodeKind;
use domain::id::NodeId;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use self::air::{Air, Socket};
use super::network::Paths;
use crate::event::HostId;

/// The port of every node.
const PORT: u16 = 7_700;
/// News that wait for the world; links wait while there is no room.
const NEWS: usize = 256;
/// Strangers of one process that wait to be judged.
const MEETINGS: usize = 64;
/// How long a process that ends in good order has for its goodbyes.
const GOODBYE: Duration = Duration::from_millis(500);

/// What the links of a process tell it.
pub(super) struct News {
    pub(super) host: HostId,
    pub(super) process: u64,
    pub(super) what: What,
}

/// See [`News`].
pub(super) enum What {
    /// A stranger waits to be judged.
    Meeting(Meeting),
    /// A link came, went, or brought something.
    Link(LinkEvent),
}

/// The port of one process, and everything behind it.
struct Port {
    socket: Arc<Socket>,
    endpoint: Endpoint,
    peers: Peers,
    greeting: watch::Sender<Vec<u8>>,
    outbounds: BTreeMap<NodeId, Outbound>,
    pumps: [AbortHandle; 2],
}

/// See the module.
pub(super) struct Quic {
    runtime: Runtime,
    air: Arc<Air>,
    ports: BTreeMap<HostId, Port>,
    /// How often each host has got another address.
    moves: BTreeMap<HostId, u8>,
    still: BTreeSet<HostId>,
    tell: mpsc::Sender<News>,
    told: mpsc::Receiver<News>,
    /// News for processes that stand still: as many as their links have places for.
    waiting: VecDeque<News>,
}

impl Quic {
    /// Links for a world in which nobody is yet.
    pub(super) fn new(seed: u64) -> std::io::Result<Self> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build()?;
        let (tell, told) = mpsc::channel(NEWS);
        Ok(Quic {
            runtime,
            air: Air::new(seed),
            ports: BTreeMap::new(),
            moves: BTreeMap::new(),
            still: BTreeSet::new(),
            tell,
            told,
            waiting: VecDeque::new(),
        })
    }

    fn address(&self, host: HostId) -> SocketAddr {
        let [high, low] = host.0.to_be_bytes();
        let moves = self.moves.get(&host).copied().unwrap_or_default();
        SocketAddr::from((Ipv4Addr::new(10, moves, high, low), PORT))
    }

    /// Opens the port of a process that starts.
    pub(super) fn open(
        &mut self,
        host: HostId,
        process: u64,
        identity: &Identity,
        greeting: Vec<u8>,
    ) -> Result<(), String> {
        let socket = self.air.open(host, self.address(host));
        let (tell, about) = (self.tell.clone(), (host, process));
        let opened = self.runtime.block_on(open(socket, tell, about, identity, greeting));
        self.ports.insert(host, opened?);
        Ok(())
    }

    /// Ends the port of a process: without a word, or with a goodbye to every peer.
    pub(super) fn close(&mut self, host: HostId, in_good_order: bool) {
        let Some(port) = self.ports.remove(&host) else {
            return;
        };
        port.pumps.iter().for_each(AbortHandle::abort);
        if !in_good_order {
            self.air.close(port.socket.number);
        }
        let air = Arc::clone(&self.air);
        let _entered = self.runtime.enter();
        tokio::spawn(async move {
            port.peers.cell().stop(None);
            tokio::time::sleep(GOODBYE).await;
            port.endpoint.close();
            air.close(port.socket.number);
        });
    }

    /// Lets time pass until something is told, but no longer than this. How many milliseconds
    /// passed, and what was told.
    pub(super) fn pass(&mut self, ms: u64) -> (u64, Option<News>) {
        let awake = self.waiting.iter().position(|news| !self.still.contains(&news.host));
        if let Some(news) = awake.and_then(|place| self.waiting.remove(place)) {
            return (0, Some(news));
        }
        let (told, still, waiting) = (&mut self.told, &self.still, &mut self.waiting);
        self.runtime.block_on(async {
            let began = Instant::now();
            let until = began + Duration::from_millis(ms);
            let news = loop {
                let news = tokio::select! {
                    biased;
                    news = told.recv() => news,
                    () = tokio::time::sleep_until(until) => None,
                };
                match news {
                    Some(news) if still.contains(&news.host) => waiting.push_back(news),
                    news => break news,
                }
            };
            let passed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            (passed, news)
        })
    }

    /// From now on paths are like this, and the processes of these hosts stand still.
    pub(super) fn set(&mut self, paths: &Paths, still: BTreeSet<HostId>) {
        self.air.set(paths, &still);
        self.still = still;
    }

    /// A host has got another address.
    pub(super) fn moved(&mut self, host: HostId) {
        let moves = self.moves.entry(host).or_default();
        *moves = moves.wrapping_add(1);
        let address = self.address(host);
        if let Some(port) = self.ports.get(&host) {
            self.air.moved(port.socket.number, address);
        }
    }

    /// The host at an address.
    pub(super) fn host_at(&self, address: SocketAddr) -> Option<HostId> {
        self.air.host_at(address)
    }

    /// A host hears that a node is at another one, as by mDNS.
    pub(super) fn hint(&self, host: HostId, node: NodeId, kind: NodeKind, at: HostId) {
        if let Some(port) = self.ports.get(&host) {
            let (node, address) = (Some(node.0), self.address(at));
            port.peers.hint(Hint { node, address, kind: peer_kind(kind) });
        }
    }

    /// What a process says of itself to those that it meets.
    pub(super) fn greet(&self, host: HostId, greeting: Vec<u8>) {
        if let Some(port) = self.ports.get(&host) {
            port.greeting.send_if_modified(|now| {
                let differs = *now != greeting;
                *now = greeting;
                differs
            });
        }
    }

    /// A process has a link, and this is the way to send over it.
    pub(super) fn up(&mut self, host: HostId, node: NodeId, outbound: Outbound) {
        if let Some(port) = self.ports.get_mut(&host) {
            port.outbounds.insert(node, outbound);
        }
    }

    /// A process has a link no more.
    pub(super) fn down(&mut self, host: HostId, node: NodeId) {
        if let Some(port) = self.ports.get_mut(&host) {
            port.outbounds.remove(&node);
        }
    }

    /// Sends a frame to a peer; without a link it goes nowhere.
    pub(super) fn send(
        &self,
        host: HostId,
        node: NodeId,
        lane: Lane,
        frame: Vec<u8>,
    ) -> Result<(), Unsent> {
        match self.ports.get(&host).and_then(|port| port.outbounds.get(&node)) {
            Some(outbound) => outbound.send(lane, frame),
            None => Err(Unsent::Gone),
        }
    }

    /// A process closes its link to a node.
    pub(super) fn refuse(&self, host: HostId, node: NodeId, reason: CloseReason) {
        if let Some(port) = self.ports.get(&host) {
            port.peers.close(node.0, reason);
        }
    }
}

/// Starts what a node has for its links, but for ractor_cluster, of which a process has one.
async fn open(
    socket: Arc<Socket>,
    tell: mpsc::Sender<News>,
    about: (HostId, u64),
    identity: &Identity,
    greeting: Vec<u8>,
) -> Result<Port, String> {
    let endpoint = Endpoint::on(&identity.node_key, Arc::<Socket>::clone(&socket))
        .map_err(|e| e.to_string())?;
    let (intake, events) = Intake::new();
    let (meetings, strangers) = mpsc::channel(MEETINGS);
    let (greeting, greetings) = watch::channel(greeting);
    let (cluster, _) = mpsc::channel(1);
    let settings = PeersSettings {
        endpoint: endpoint.clone(),
        introduction: Introduction::new(identity.site.0, greetings),
        fan_out: FanOut::of(peer_kind(identity.kind)),
        hints: Vec::new(),
        intake,
        meetings,
        cluster,
        pairings: None,
        told: Told::default(),
    };
    let (peers, _) = Peers::start(settings, None).await.map_err(|error| error.to_string())?;
    let pumps = [
        tokio::spawn(pump(events, tell.clone(), about, What::Link)).abort_handle(),
        tokio::spawn(pump(strangers, tell, about, What::Meeting)).abort_handle(),
    ];
    Ok(Port { socket, endpoint, peers, greeting, outbounds: BTreeMap::new(), pumps })
}

/// Passes on what a process is told.
async fn pump<T>(
    mut from: mpsc::Receiver<T>,
    to: mpsc::Sender<News>,
    (host, process): (HostId, u64),
    what: fn(T) -> What,
) {
    while let Some(told) = from.recv().await {
        if to.send(News { host, process, what: what(told) }).await.is_err() {
            return;
        }
    }
}
