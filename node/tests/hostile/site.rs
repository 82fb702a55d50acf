//! A small site, founded and joined by the commands that people give.

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::full_disk::SmallDisk;
use crate::member::Member;
use crate::waiting::{until, until_true};

/// Login of the site's operator.
pub(crate) const LOGIN: &str = "lea";

/// Password of the site's operator.
pub(crate) const PASSWORD: &str = "Vacoa-et-Filao-974";

const PASSPHRASE: &str = "le margouillat dort sous la varangue";
const ROOM: &str = "Salle";

/// Nodes of one site; their folder goes when it is dropped, after their processes.
pub(crate) struct Site {
    pub(crate) admins: Vec<Member>,
    pub(crate) kiosks: Vec<Member>,
    /// Data folders that are file systems of their own, unmounted before the folder goes.
    pub(crate) disks: Vec<SmallDisk>,
    pub(crate) folder: TempDir,
}

impl Site {
    /// A site whose nodes all run, are joined and say the same.
    #[track_caller]
    pub(crate) fn found(admins: usize, kiosks: usize) -> Self {
        let mut site = Self::prepare(admins, kiosks);
        for member in site.admins.iter_mut().skip(1).chain(&mut site.kiosks) {
            member.start();
        }
        site.settle();
        site
    }

    /// A site of which only the first admin node runs; the others have joined on paper.
    #[track_caller]
    pub(crate) fn prepare(admins: usize, kiosks: usize) -> Self {
        let mut site = Self::plan(admins, kiosks);
        site.begin();
        let line = |site: &Self, kiosk: &str| site.join_line(kiosk);
        for number in 0..site.kiosks.len() {
            let line = line(&site, &kiosk_name(number));
            site.kiosks[number].says(["join", &line]);
        }
        site
    }

    /// Folders and configurations of a site that is not founded yet.
    pub(crate) fn plan(admins: usize, kiosks: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = |what: &str, number| format!("{what}-{}", number + 1);
        let names = (0..admins).map(|number| name("admin", number));
        let names = names.chain((0..kiosks).map(|number| name("kiosk", number)));
        let mut ports = free_addresses(3 * (admins + kiosks)).into_iter();
        let mut member = |name: String| {
            let ports = std::array::from_fn(|_| ports.next().unwrap());
            Member::new(folder.path(), &name, ports)
        };
        let mut members: Vec<Member> = names.map(&mut member).collect();
        let links: Vec<SocketAddr> = members.iter().map(|member| member.links).collect();
        for member in &members {
            let peers = links.iter().filter(|link| **link != member.links);
            member.configure(&peers.copied().collect::<Vec<_>>());
        }
        let kiosks = members.split_off(admins);
        Self { admins: members, kiosks, disks: Vec::new(), folder }
    }

    /// Founds the planned site, starts its first admin node and admits the others.
    #[track_caller]
    pub(crate) fn begin(&mut self) {
        let [key, passphrase, password] = ["site-key.txt", "passphrase", "password"]
            .map(|name| self.folder.path().join(name).display().to_string());
        fs::write(&passphrase, PASSPHRASE).unwrap();
        fs::write(&password, PASSWORD).unwrap();
        let words = ["init", "--name", "Médiathèque", "--login", LOGIN];
        let files = ["--site-key", &key, "--passphrase-file", &passphrase];
        let rest = ["--password-file", &password];
        let first = &mut self.admins[0];
        first.says(words.into_iter().chain(files).chain(rest));
        first.start();
        let first = &self.admins[0];
        for other in &self.admins[1..] {
            let said = other.says(["join"]);
            let node = said.split_whitespace().find(|word| word.len() == 64);
            let said = first.says(["admit-admin", node.unwrap()].into_iter().chain(files));
            let line = said.split_whitespace().last().unwrap();
            other.says(["join", line]);
        }
        let named = first.ask(&json!({"do": "room_name", "name": ROOM, "order": 0}));
        assert_eq!(named, Some(json!("done")));
        for number in 0..self.kiosks.len() {
            let name = kiosk_name(number);
            let named = first.ask(&json!({"do": "kiosk_name", "name": name, "room": ROOM}));
            assert_eq!(named, Some(json!("done")));
        }
    }

    /// A fresh join line for a kiosk of this name.
    #[track_caller]
    pub(crate) fn join_line(&self, kiosk: &str) -> String {
        let said = self.admins[0].says(["token", "issue", "--kiosk", kiosk]);
        let line = said.split_whitespace().find(|word| word.starts_with("poste-join1"));
        line.unwrap().to_owned()
    }

    /// Waits until all nodes are joined, linked as they should be, and say the same.
    #[track_caller]
    pub(crate) fn settle(&self) {
        let count = self.admins.len() + self.kiosks.len();
        for member in self.members() {
            until_true(&format!("{} to join", member.name), || member.status()["joined"] == true);
        }
        for admin in &self.admins {
            until_true(&format!("{}'s links", admin.name), || admin.link_count() == count - 1);
        }
        self.agree();
    }

    /// Waits until all nodes have the same fingerprint; gives it.
    #[track_caller]
    pub(crate) fn agree(&self) -> String {
        until("one fingerprint", || {
            let mut prints: Vec<String> = self.members().map(Member::fingerprint).collect();
            prints.dedup();
            match prints.as_slice() {
                [one] => Some(one.clone()),
                _ => None,
            }
        })
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.admins.iter().chain(&self.kiosks)
    }
}

/// The name that staff gave a kiosk.
pub(crate) fn kiosk_name(number: usize) -> String {
    format!("Baobab {}", number + 1)
}

/// Addresses on loopback of which neither the TCP nor the UDP port is taken, below the range from
/// which the system itself takes ports. Tests that run beside each other choose from ranges of their
/// own, so that none takes a port whose node is just being started again.
pub(crate) fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let slot = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").ok();
    let range = match slot.and_then(|slot| slot.parse::<u16>().ok()).filter(|slot| *slot < 10) {
        Some(slot) => 12_000 + slot * 2_000..14_000 + slot * 2_000,
        None => 11_000..32_000,
    };
    let mut held = Vec::new();
    while held.len() < count {
        let port: u16 = rand::random_range(range.clone());
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if let (Ok(tcp), Ok(udp)) = (TcpListener::bind(address), UdpSocket::bind(address)) {
            held.push((address, tcp, udp));
        }
    }
    held.into_iter().map(|(address, _, _)| address).collect()
}

/// Every regular file below `folder`.
pub(crate) fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
