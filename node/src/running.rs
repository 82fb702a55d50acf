//! A running node: its parts put together, and taken apart again.

use std::fs::File;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actors::desk::Desk;
use actors::gateway::LiveCalls;
use actors::keeper::KeeperSettings;
use actors::kiosk::Seat;
use actors::link::LinkError;
use actors::link::endpoint::Endpoint;
use actors::link::handshake::PeerKind;
use actors::link::hello::VERSIONS;
use actors::peers::Hint as Door;
use actors::peers::found::follow;
use actors::replica::Identity;
use actors::tree::{Node, NodeSettings};
use actors::vault::key::VaultKey;
use admin_web::accept::Limits;
use admin_web::console::{Console, ConsoleConfig, ConsoleError};
use discovery::hint::{Announcement, Interfaces, Kind as SeenKind};
use discovery::node_discovery::Discovery;
use domain::authority::NodeKind;
use storage::sled_store::Settings as StoreSettings;
use storage::{LedgerStore, SledStore, StoreError, try_disk};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::answers::Answers;
use crate::backup;
use crate::config::{Config, Kind};
use crate::console_side::ConsoleSide;
use crate::control::server::Control;
use crate::http::listen;
use crate::key_file;
use crate::kiosk_side;
use crate::live_calls::Answering;
use crate::machine;
use crate::membership::{Membership, node_seed};
use crate::moments;
use crate::ops;
use crate::page;
use crate::report;
use crate::texts::Say;

/// A node with everything that it serves.
pub(crate) struct Running {
    node: Node,
    /// What other nodes may ask of it directly.
    calls: Arc<dyn LiveCalls>,
    discovery: Option<Discovery>,
    /// Turns true for the console to end.
    stop: watch::Sender<bool>,
    console: Option<tokio::task::JoinHandle<()>>,
    /// Everything that simply ends with the node.
    tasks: JoinSet<()>,
    data_dir: PathBuf,
    _lock: File,
}

/// A disk that has failed is tried again so often.
const DISK_TRIAL: Duration = Duration::from_secs(10);

impl Running {
    /// Starts the node that `config` describes. Whatever is wrong (a port that is
    /// taken, a key that others can read) is found before anything is served.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) async fn start(config: Arc<Config>) -> anyhow::Result<Self> {
        let data_dir = &config.data_dir;
        key_file::private_folder(data_dir)?;
        let lock = lock(data_dir)?;
        let membership = Membership::read(data_dir)?
            .filter(|membership| membership.kind == config.kind)
            .ok_or_else(|| Say::NoSite { folder: data_dir.display().to_string() })?;
        let identity = identity(&config, &membership)?;
        let kiosk = identity.kiosk;
        let vault_key = match config.kind {
            Kind::Admin => Some(vault_key(data_dir)?),
            Kind::Kiosk => None,
        };
        // Ports first: they are what is most often wrong.
        let ops_listener = match config.ops.enabled {
            true => Some(listen("ops.listen", config.ops.listen).await?),
            false => None,
        };
        let page_listener = match config.kind {
            Kind::Kiosk => Some(listen("kiosk.page", config.kiosk.page).await?),
            Kind::Admin => None,
        };
        let endpoint = Endpoint::bind(&identity.node_key, config.listen).map_err(no_links)?;
        let control = Control::bind(data_dir)?;
        let store = open_store(&config)?;

        let pages = match config.kind {
            Kind::Admin => config.console.advertised(),
            Kind::Kiosk => Vec::new(),
        };
        let announcement = announcement(&identity, &endpoint)?;
        let answering = Arc::new(Answering::new(pages.clone(), config.faults.obey));
        let calls: Arc<dyn LiveCalls> = Arc::clone(&answering) as Arc<dyn LiveCalls>;
        let node = Node::start(NodeSettings {
            store: Arc::clone(&store),
            identity,
            vault_key,
            endpoint,
            hints: doors(&config, &membership),
            pages,
            calls: Arc::clone(&calls),
            keeper: keeper(&config, store),
        })
        .await?;
        answering.see(&node.shared);
        tracing::info!(
            node = %node.shared.identity.node(),
            site = %membership.site,
            listen = %config.listen,
            "node runs"
        );

        let mut running = Self {
            node,
            calls,
            discovery: None,
            stop: watch::Sender::new(false),
            console: None,
            tasks: JoinSet::new(),
            data_dir: data_dir.clone(),
            _lock: lock,
        };
        let served =
            running.serve(&config, kiosk, announcement, control, page_listener, ops_listener).await;
        match served {
            Ok(()) => Ok(running),
            Err(error) => {
                running.stop().await;
                Err(error)
            }
        }
    }

    async fn serve(
        &mut self,
        config: &Arc<Config>,
        kiosk: Option<domain::id::KioskId>,
        announcement: Announcement,
        control: Control,
        page_listener: Option<tokio::net::TcpListener>,
        ops_listener: Option<tokio::net::TcpListener>,
    ) -> anyhow::Result<()> {
        let shared = Arc::clone(&self.node.shared);
        let desk = Desk::new(Arc::clone(&shared));
        let mut certificate = None;
        if config.kind == Kind::Admin {
            let console = self.bind_console(config, desk.clone()).await?;
            certificate = console.certificate_fingerprint();
            self.console = Some(tokio::spawn(console.run()));
        }
        if let Some(listener) = page_listener {
            let own = kiosk_side::own_name(&config.kiosk.name, kiosk);
            let seat = Seat::new(Arc::clone(&shared));
            let source = kiosk_side::source(shared.view.subscribe(), seat, &own);
            self.tasks.spawn(async move {
                if let Err(error) = page::serve(listener, source).await {
                    tracing::error!(%error, "the kiosk's page ended");
                }
            });
        }
        if let Some(listener) = ops_listener {
            let desk = desk.clone();
            let figures = move || {
                let desk = desk.clone();
                async move { report::figures(&desk).await }
            };
            self.tasks.spawn(async move {
                if let Err(error) = ops::serve(listener, figures).await {
                    tracing::error!(%error, "health and metrics ended");
                }
            });
        }
        self.discovery = self.start_discovery(config, announcement)?;
        // Last: whoever gets an answer here finds everything else in its place.
        let answers = Answers::new(desk, Arc::clone(config), certificate, Arc::clone(&self.calls));
        self.tasks.spawn(control.serve(move |request| {
            let answers = answers.clone();
            async move { answers.answer(request).await }
        }));
        Ok(())
    }

    async fn bind_console(
        &self,
        config: &Config,
        desk: Desk,
    ) -> anyhow::Result<Console<ConsoleSide>> {
        let side = ConsoleSide::start(desk).await?;
        let settings = ConsoleConfig {
            listen: config.console.listen,
            plain: config.console.plain,
            pages: config.console.advertised(),
            data_dir: config.data_dir.clone(),
            limits: Limits::default(),
        };
        let bound = Console::bind(settings, side, self.stop.subscribe()).await;
        let console = bound.map_err(no_console)?;
        tracing::info!(pages = ?console.pages(), "console is served");
        Ok(console)
    }

    fn start_discovery(
        &mut self,
        config: &Config,
        announcement: Announcement,
    ) -> anyhow::Result<Option<Discovery>> {
        let interfaces = match config.discovery.interfaces.as_slice() {
            [] => return Ok(None),
            [lo] if lo == "lo" => Interfaces::Loopback,
            named => Interfaces::Named(named.to_vec()),
        };
        // Static peers are told to the dial book directly: see `doors`.
        let (discovery, hints) = Discovery::start(announcement, interfaces, Vec::new())?;
        self.tasks.spawn(follow(hints, Arc::clone(&self.node.shared)));
        Ok(Some(discovery))
    }

    /// Waits until the node has ended by itself.
    pub(crate) async fn gave_up(&mut self) {
        self.node.gave_up().await;
    }

    /// Waits until the disk, having failed, takes writes again.
    pub(crate) fn disk_is_back(&self) -> impl Future<Output = ()> + use<> {
        let desk = Desk::new(Arc::clone(&self.node.shared));
        let data_dir = self.data_dir.clone();
        async move {
            loop {
                tokio::time::sleep(DISK_TRIAL).await;
                // Where nobody answers, the clerk is being started again; it will say.
                if !desk.look(|replica, _| replica.is_disk_failed()).await.unwrap_or(false) {
                    continue;
                }
                let folder = data_dir.clone();
                let trial = move || try_disk(&folder, &StoreSettings::default());
                match tokio::task::spawn_blocking(trial).await {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => tracing::debug!(%error, "the disk still takes nothing"),
                    Err(error) => tracing::error!(%error, "the disk could not be tried"),
                }
            }
        }
    }

    /// Ends everything: goodbye to the neighbours, faces closed, the last write on
    /// the disk.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        self.tasks.shutdown().await;
        if let Some(discovery) = self.discovery {
            discovery.stop().await;
        }
        if let Some(console) = self.console {
            // The console lets requests end for a while; the node does not wait
            // for a browser that has stopped reading.
            let patience = std::time::Duration::from_secs(2);
            if tokio::time::timeout(patience, console).await.is_err() {
                tracing::debug!("the console was cut off");
            }
        }
        self.node.stop().await;
    }
}

/// Why the links have no port, with the field that names it.
fn no_links(error: LinkError) -> anyhow::Error {
    let (address, reason) = match error {
        LinkError::PortInUse(address) => (address, ErrorKind::AddrInUse.to_string()),
        LinkError::Listen { address, cause } => (address, cause.to_string()),
        other @ LinkError::Tls(_) => return other.into(),
    };
    port_taken("listen", address, reason).into()
}

/// Why the console is not served, with the field that names its port.
fn no_console(error: ConsoleError) -> anyhow::Error {
    match error {
        ConsoleError::Listen { address, error } => {
            port_taken("console.listen", address, error.to_string()).into()
        }
        other @ (ConsoleError::PlainBeyondLoopback(_)
        | ConsoleError::Page(..)
        | ConsoleError::Certificate(_)
        | ConsoleError::Tls(_)) => other.into(),
    }
}

fn port_taken(what: &str, address: SocketAddr, reason: String) -> Say {
    Say::PortTaken { what: what.to_owned(), address: address.to_string(), reason }
}

/// One process for a data folder; the lock goes with the process, however it ends.
pub(crate) fn lock(data_dir: &Path) -> Result<File, Say> {
    let path = data_dir.join("node.lock");
    let file = File::create(&path).map_err(|error| Say::FileTrouble {
        file: path.display().to_string(),
        reason: error.to_string(),
    })?;
    file.try_lock().map_err(|_| Say::AlreadyRunning { folder: data_dir.display().to_string() })?;
    Ok(file)
}

fn identity(config: &Config, membership: &Membership) -> anyhow::Result<Identity> {
    Ok(Identity {
        site: membership.site,
        node_key: node_seed(&config.data_dir)?.signing_key(),
        kind: match config.kind {
            Kind::Admin => NodeKind::Admin,
            Kind::Kiosk => NodeKind::Kiosk,
        },
        kiosk: membership.kiosk,
        certificates: membership.certificates.clone(),
        amnesic: config.amnesic,
        machine: machine::beneath(config)?,
        boot_id: actors::clock::boot_id()?,
    })
}

/// The vault's key, made at the first start.
pub(crate) fn vault_key(data_dir: &Path) -> Result<VaultKey, Say> {
    let path = data_dir.join("vault.key");
    let key = if path.exists() {
        VaultKey::load(&path)
    } else {
        VaultKey::create(&path, &mut rand::rng())
    };
    key.map_err(|error| Say::Broken { reason: error.to_string() })
}

fn open_store(config: &Config) -> Result<Arc<dyn LedgerStore>, Say> {
    let path = config.data_dir.join("store");
    let opened = SledStore::open(&path).map_err(|error| store_trouble(error, config))?;
    if let Some(aside) = opened.moved_aside {
        let store = path.display().to_string();
        let aside = aside.display().to_string();
        tracing::error!("{}", Say::StoreMovedAside { store, aside });
    }
    Ok(Arc::new(opened.store))
}

/// What the store's refusal to open says to a person.
pub(crate) fn store_trouble(error: StoreError, config: &Config) -> Say {
    if matches!(error, StoreError::InUse { .. }) {
        return Say::AlreadyRunning { folder: config.data_dir.display().to_string() };
    }
    Say::Broken { reason: error.to_string() }
}

fn announcement(identity: &Identity, endpoint: &Endpoint) -> anyhow::Result<Announcement> {
    Ok(Announcement {
        site: identity.site.0,
        node: identity.node().0,
        kind: match identity.kind {
            NodeKind::Admin => SeenKind::Admin,
            NodeKind::Kiosk => SeenKind::Kiosk,
        },
        version: VERSIONS.1,
        port: endpoint.address()?.port(),
    })
}

/// Where peers may be before anybody announced anything: the configured list and
/// the join line's addresses.
fn doors(config: &Config, membership: &Membership) -> Vec<Door> {
    let mut addresses: Vec<SocketAddr> = config.discovery.static_peers.clone();
    for address in &membership.members {
        if !addresses.contains(address) {
            addresses.push(*address);
        }
    }
    addresses.retain(|address| *address != config.listen);
    let doors =
        addresses.into_iter().map(|address| Door { node: None, address, kind: PeerKind::Unknown });
    doors.collect()
}

/// The daily copy, where one is configured.
fn keeper(config: &Arc<Config>, store: Arc<dyn LedgerStore>) -> KeeperSettings {
    let (timing, making) = (Arc::clone(config), Arc::clone(config));
    KeeperSettings {
        next_backup_ms: Arc::new(move || {
            timing.backup.dir.as_ref()?;
            let now = actors::clock::BootClock.wall_ms();
            let offset = moments::local_offset_s(now);
            Some(backup::until_next(timing.backup.at, now, offset))
        }),
        make_backup: Arc::new(move || {
            let folder = making.backup.dir.as_deref().ok_or("no folder")?;
            backup::make(&store, &making, folder).map_err(|error| error.to_string())
        }),
    }
}
