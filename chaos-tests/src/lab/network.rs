//! The room's network: a bridge with a port for each host, real multicast and all.
//!
//! Cuts are made by nftables at the ear of the host that is not to hear, and by taking the carrier
//! away where a host is alone. A bad network is a path through the harness ([`super::relay`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::Value;

use crate::cut::Silence;
use crate::event::HostId;
use crate::target::NotRun;

use super::ground::{Ground, Network, broken};
use super::relay::{Manners, Relay};

/// Where the links' port is on every host.
pub(super) const LINKS: u16 = 7443;

/// What is heard is dropped by whose address it comes from, before anything else sees it.
const EARS: &str = "table ip chaos {
  set deaf { type ipv4_addr; }
  chain ear { type filter hook prerouting priority -300; ip saddr @deaf drop; }
}
";

/// Bytes that went through a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// Sent by the host.
    pub(super) sent: u64,
    /// Received by it.
    pub(super) received: u64,
}

struct Port {
    network: Arc<Network>,
    /// Every address that it has had; the last one holds.
    addresses: Vec<Ipv4Addr>,
    deaf_to: BTreeSet<HostId>,
    down: bool,
    relay: Option<Relay>,
}

/// The network, with the cuts that are in force.
pub(super) struct Room {
    ports: BTreeMap<HostId, Port>,
    silences: BTreeMap<u32, BTreeSet<Silence>>,
    dark: BTreeMap<u32, BTreeSet<HostId>>,
    /// Addresses given out so far beyond the first one of each host.
    moves: u16,
}

/// The name of a host's network.
pub(super) fn namespace(host: HostId) -> String {
    format!("h{}", host.0)
}

fn port_name(host: HostId) -> String {
    format!("p{}", host.0)
}

fn first_address(host: HostId) -> Ipv4Addr {
    let [high, low] = (host.0 + 1).to_be_bytes();
    Ipv4Addr::new(10, 77, high, low)
}

impl Room {
    /// The bridge and a port for each of these hosts.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn wire(ground: &Ground, hosts: &[HostId]) -> Result<Self, NotRun> {
        ground.script("ip link add br0 type bridge mcast_snooping 0\nip link set br0 up\n")?;
        let mut room = Self {
            ports: BTreeMap::new(),
            silences: BTreeMap::new(),
            dark: BTreeMap::new(),
            moves: 0,
        };
        for host in hosts {
            room.plug_in(ground, *host)?;
        }
        Ok(room)
    }

    /// One more host on the bridge.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn plug_in(&mut self, ground: &Ground, host: HostId) -> Result<(), NotRun> {
        let (inside, port, address) = (namespace(host), port_name(host), first_address(host));
        ground.script(&format!(
            "ip netns add {inside}
            ip netns exec {inside} sh -c 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6'
            ip link add {port} type veth peer name eth0 netns {inside}
            ip link set {port} master br0 up
            ip -n {inside} link set lo up
            ip -n {inside} addr add {address}/16 brd + dev eth0
            ip -n {inside} link set eth0 up
            ip -n {inside} route add 224.0.0.0/4 dev eth0
            ip netns exec {inside} nft -f - <<'END'\n{EARS}END\n"
        ))?;
        let port = Port {
            network: Arc::new(ground.network_of(&inside)?),
            addresses: vec![address],
            deaf_to: BTreeSet::new(),
            down: false,
            relay: None,
        };
        self.ports.insert(host, port);
        Ok(())
    }

    /// A host's network.
    pub(super) fn network(&self, host: HostId) -> Option<Arc<Network>> {
        self.ports.get(&host).map(|port| Arc::clone(&port.network))
    }

    /// Makes a cut, under a number of its own.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn cut(
        &mut self,
        ground: &Ground,
        number: u32,
        silences: BTreeSet<Silence>,
    ) -> Result<(), NotRun> {
        self.silences.insert(number, silences);
        self.enforce(ground)
    }

    /// Takes the carrier from hosts, under a number of its own.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn unplug(
        &mut self,
        ground: &Ground,
        number: u32,
        hosts: &[HostId],
    ) -> Result<(), NotRun> {
        self.dark.insert(number, hosts.iter().copied().collect());
        self.enforce(ground)
    }

    /// Ends the cut of this number.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn mend(&mut self, ground: &Ground, number: u32) -> Result<(), NotRun> {
        self.silences.remove(&number);
        self.dark.remove(&number);
        self.enforce(ground)
    }

    /// Brings the kernel to what is in force: only what changed is told.
    fn enforce(&mut self, ground: &Ground) -> Result<(), NotRun> {
        let mut script = String::new();
        let of_all: BTreeMap<HostId, Vec<Ipv4Addr>> =
            self.ports.iter().map(|(host, port)| (*host, port.addresses.clone())).collect();
        for (host, port) in &mut self.ports {
            let down = self.dark.values().any(|hosts| hosts.contains(host));
            if down != port.down {
                port.down = down;
                let state = if down { "down" } else { "up" };
                // Writing into a string cannot fail.
                writeln!(script, "ip link set {} {state}", port_name(*host)).ok();
            }
            let silences = self.silences.values().flatten();
            let deaf_to: BTreeSet<HostId> =
                silences.filter(|(_, to)| to == host).map(|(from, _)| *from).collect();
            if deaf_to != port.deaf_to {
                let heard = deaf_to.iter().filter_map(|from| of_all.get(from)).flatten();
                let heard: Vec<String> = heard.map(Ipv4Addr::to_string).collect();
                script.push_str(&deafen(*host, &heard));
                port.deaf_to = deaf_to;
            }
        }
        if script.is_empty() {
            return Ok(());
        }
        ground.script(&script).map(drop)
    }

    /// Gives a host another address in place of the one that it has.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn move_house(&mut self, ground: &Ground, host: HostId) -> Result<(), NotRun> {
        self.moves += 1;
        let [high, low] = self.moves.to_be_bytes();
        let fresh = Ipv4Addr::new(10, 77, 128 + high, low);
        let Some(port) = self.ports.get_mut(&host) else {
            return Ok(());
        };
        let inside = namespace(host);
        let mut script = format!("ip -n {inside} addr add {fresh}/16 brd + dev eth0\n");
        if let Some(old) = port.addresses.last() {
            writeln!(script, "ip -n {inside} addr del {old}/16 dev eth0").ok();
            // Taking the first address of a subnet away takes the others along.
            writeln!(script, "ip -n {inside} addr replace {fresh}/16 brd + dev eth0").ok();
            writeln!(script, "ip -n {inside} route replace 224.0.0.0/4 dev eth0").ok();
        }
        port.addresses.push(fresh);
        // Those who are deaf to it are deaf to its new address too.
        for port in self.ports.values_mut() {
            if port.deaf_to.contains(&host) {
                port.deaf_to.clear();
            }
        }
        ground.script(&script)?;
        self.enforce(ground)
    }

    /// Sends everything between a host and the bridge through the harness, with bad manners.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn degrade(
        &mut self,
        ground: &Ground,
        host: HostId,
        manners: Manners,
        seed: u64,
    ) -> Result<(), NotRun> {
        let relay = Relay::between(ground, host, &port_name(host), manners, seed)?;
        if let Some(port) = self.ports.get_mut(&host) {
            port.relay = Some(relay);
        }
        Ok(())
    }

    /// Puts a host back on the bridge.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn restore(&mut self, ground: &Ground, host: HostId) -> Result<(), NotRun> {
        let relay = self.ports.get_mut(&host).and_then(|port| port.relay.take());
        if relay.is_some() {
            ground.script(&format!("ip link set {} master br0\n", port_name(host)))?;
        }
        Ok(())
    }

    /// What each host has sent and received so far.
    ///
    /// # Errors
    /// The switch does not answer.
    pub(super) fn traffic(&self, ground: &Ground) -> Result<BTreeMap<HostId, Traffic>, NotRun> {
        let said = ground.script("ip -stats -json link show type veth\n")?;
        let ports: Value =
            serde_json::from_str(&said).map_err(|error| broken("ip -json", error))?;
        let of = |host: &HostId| {
            let name = port_name(*host);
            let port = ports.as_array()?.iter().find(|port| port["ifname"] == name.as_str())?;
            let bytes = |way: &str| port["stats64"][way]["bytes"].as_u64();
            // What comes in at the switch was sent by the host.
            Some((*host, Traffic { sent: bytes("rx")?, received: bytes("tx")? }))
        };
        Ok(self.ports.keys().filter_map(of).collect())
    }
}

fn deafen(host: HostId, to: &[String]) -> String {
    let inside = namespace(host);
    let mut rules = String::from("flush set ip chaos deaf\n");
    if !to.is_empty() {
        writeln!(rules, "add element ip chaos deaf {{ {} }}", to.join(", ")).ok();
    }
    format!("ip netns exec {inside} nft -f - <<'END'\n{rules}END\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_has_an_address_of_its_own() {
        assert_eq!(first_address(HostId(0)), Ipv4Addr::new(10, 77, 0, 1));
        assert_eq!(first_address(HostId(299)), Ipv4Addr::new(10, 77, 1, 44));
    }

    #[test]
    fn a_host_that_hears_all_again_has_an_empty_list() {
        assert!(!deafen(HostId(1), &[]).contains("add element"));
        assert!(deafen(HostId(1), &["10.77.0.1".into()]).contains("deaf { 10.77.0.1 }"));
    }
}
