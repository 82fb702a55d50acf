//! Who is who in the demonstration: names, folders, addresses.

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use crate::config::{
    Config, ConsoleConfig, DiscoveryConfig, FaultsConfig, Kind, KioskConfig, LogConfig, OpsConfig,
};
use crate::key_file;
use crate::texts::Say;

/// Name of the site.
pub(super) const SITE: &str = "Médiathèque des Filaos";

/// Its rooms, in order.
pub(super) const ROOMS: [&str; 2] = ["Salle multimédia", "Espace jeunesse"];

/// Login of its operator.
pub(super) const LOGIN: &str = "lea";

/// Name of its operator.
pub(super) const OPERATOR: &str = "Léa Hoarau";

/// The operator's password: printed at each start, good for nothing else.
pub(super) const PASSWORD: &str = "Vacoa-et-Filao-974";

/// What seals the demonstration's site key.
pub(super) const PASSPHRASE: &str = "une démonstration n'a pas de secret";

/// What a member of the demonstration does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// An admin node.
    Admin,
    /// A kiosk.
    Kiosk,
}

/// One process of the demonstration.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Its name on the command line and of its folder.
    pub(super) name: &'static str,
    /// The kiosk's name in the console; the admin node's in the notice.
    pub(super) title: &'static str,
    /// What it does.
    pub(super) role: Role,
    /// Index of its room, for a kiosk.
    pub(super) room: usize,
    /// Its configuration.
    pub(super) config: Config,
}

impl Member {
    /// The address of its page.
    pub(super) fn page(&self) -> String {
        match self.role {
            Role::Admin => format!("http://{}/", self.config.console.listen),
            Role::Kiosk => format!("http://{}/", self.config.kiosk.page),
        }
    }
}

/// The whole demonstration.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Its folder.
    pub(super) folder: PathBuf,
    /// Its processes, the first admin node first.
    pub(super) members: Vec<Member>,
}

impl Plan {
    /// The demonstration in `folder`, on ports from `base` on.
    pub(super) fn new(folder: &Path, base: u16) -> Self {
        let cast: [(&str, &str, Role, usize); 5] = [
            ("admin-1", "Accueil", Role::Admin, 0),
            ("admin-2", "Bureau", Role::Admin, 0),
            ("poste-1", "Baobab", Role::Kiosk, 0),
            ("poste-2", "Flamboyant", Role::Kiosk, 0),
            ("poste-3", "Letchi", Role::Kiosk, 1),
        ];
        let links: Vec<SocketAddr> =
            (0..5).map(|index| SocketAddr::from(([127, 0, 0, 1], base + 30 + index))).collect();
        let members = (0..5)
            .zip(cast)
            .map(|(index, (name, title, role, room))| Member {
                name,
                title,
                role,
                room,
                config: config(folder, base, index, name, role, &links),
            })
            .collect();
        Self { folder: folder.to_owned(), members }
    }

    /// The admin node that the site is founded on.
    pub(super) fn first_admin(&self) -> &Member {
        &self.members[0]
    }

    /// Whether an earlier start got as far as a whole site.
    pub(super) fn is_ready(&self) -> bool {
        self.folder.join("ready").exists()
    }

    /// Remembers that the site is whole.
    pub(super) fn set_ready(&self) -> Result<(), Say> {
        key_file::write_private(&self.folder.join("ready"), b"")
    }

    /// Finds out which port is taken before five processes do.
    pub(super) fn check_ports(&self) -> Result<(), Say> {
        for member in &self.members {
            let config = &member.config;
            let page = match member.role {
                Role::Admin => ("console.listen", config.console.listen),
                Role::Kiosk => ("kiosk.page", config.kiosk.page),
            };
            let taken = |what: &str, address: SocketAddr, error: std::io::Error| Say::PortTaken {
                what: format!("{} ({what})", member.name),
                address: address.to_string(),
                reason: error.to_string(),
            };
            for (what, address) in [page, ("ops.listen", config.ops.listen)] {
                // A listener that ended a moment ago leaves connections behind;
                // the standard library's listener takes the port all the same.
                TcpListener::bind(address).map_err(|error| taken(what, address, error))?;
            }
            UdpSocket::bind(config.listen)
                .map_err(|error| taken("listen", config.listen, error))?;
        }
        Ok(())
    }

    /// Writes every member's configuration.
    pub(super) fn write_configs(&self) -> Result<(), Say> {
        for member in &self.members {
            let folder = super::folder_of(&self.folder, member.name);
            key_file::private_folder(&folder)?;
            let path = folder.join("poste.toml");
            let text = toml::to_string(&member.config).map_err(|error| Say::FileTrouble {
                file: path.display().to_string(),
                reason: error.to_string(),
            })?;
            fs::write(&path, text).map_err(|error| Say::FileTrouble {
                file: path.display().to_string(),
                reason: error.to_string(),
            })?;
        }
        Ok(())
    }
}

fn config(
    folder: &Path,
    base: u16,
    index: u16,
    name: &str,
    role: Role,
    links: &[SocketAddr],
) -> Config {
    // The second console has a loopback address of its own: browsers keep cookies
    // by host, not by port.
    let host = if index == 1 { 2 } else { 1 };
    let listen = links
        .get(usize::from(index))
        .copied()
        .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let others = links.iter().copied().filter(|link| *link != listen);
    Config {
        data_dir: super::folder_of(folder, name).join("data"),
        kind: match role {
            Role::Admin => Kind::Admin,
            Role::Kiosk => Kind::Kiosk,
        },
        listen,
        discovery: DiscoveryConfig {
            static_peers: others.take(2).collect(),
            ..DiscoveryConfig::default()
        },
        console: ConsoleConfig {
            listen: SocketAddr::from(([127, 0, 0, host], base)),
            plain: true,
            urls: Vec::new(),
        },
        kiosk: KioskConfig {
            machine: name.to_owned(),
            page: SocketAddr::from(([127, 0, 0, 1], base + 10 + index)),
            ..KioskConfig::default()
        },
        ops: OpsConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], base + 20 + index)),
            ..OpsConfig::default()
        },
        log: LogConfig { keep: 3, ..LogConfig::default() },
        // Nothing of it leaves this machine: exercises are tried here first.
        faults: FaultsConfig { obey: true },
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{SocketAddr, UdpSocket};
    use std::path::Path;

    use super::{Plan, Role};
    use crate::config::Config;
    use crate::texts::Say;

    #[test]
    fn everything_stays_on_loopback_and_nothing_is_shared() {
        let plan = Plan::new(Path::new("/x/demo"), 8700);
        let mut addresses = BTreeSet::<(bool, SocketAddr)>::new();
        let mut folders = BTreeSet::new();
        for member in &plan.members {
            let config = &member.config;
            let page = match member.role {
                Role::Admin => config.console.listen,
                Role::Kiosk => config.kiosk.page,
            };
            for (udp, address) in [(true, config.listen), (false, page), (false, config.ops.listen)]
            {
                assert!(address.ip().is_loopback());
                assert!(addresses.insert((udp, address)), "{address}");
            }
            assert!(folders.insert(config.data_dir.clone()));
            assert_eq!(config.discovery.interfaces, ["lo"]);
            let text = toml::to_string(config).unwrap();
            assert_eq!(&Config::parse(&text, member.name).unwrap(), config);
        }
        let admins: Vec<_> = plan.members.iter().map(super::Member::page).collect();
        assert_eq!(admins[0], "http://127.0.0.1:8700/");
        assert_eq!(admins[1], "http://127.0.0.2:8700/");
    }

    #[test]
    fn port_in_use_is_named_before_anything_starts() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let Some(base) = port.checked_sub(30).filter(|base| *base >= 1024) else {
            return;
        };
        let plan = Plan::new(Path::new("/x/demo"), base);
        // Another of the ports may be taken too; either way one is named.
        assert!(matches!(
            plan.check_ports(),
            Err(Say::PortTaken { what, .. }) if what.contains("admin-1") || what.contains("poste")
        ));
    }
}
