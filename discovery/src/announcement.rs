//! An announcement's form in mDNS, there and back.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use mdns_sd::{ResolvedService, ScopedIp, ServiceInfo, TxtProperties};

use crate::error::DiscoveryError;
use crate::hint::{Announcement, Kind};

/// The service's type.
pub(crate) const SERVICE: &str = "_poste._udp.local.";
/// The most addresses kept of one announcement.
pub(crate) const ADDRESSES_MAX: usize = 16;

const SITE: &str = "s";
const NODE: &str = "n";
const KIND: &str = "k";
const VERSION: &str = "v";
/// Bytes of the node's id in its instance name: 32 hex digits, where a label takes 63.
const NAME_BYTES: usize = 16;

/// What a TXT record says of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) site: [u8; 32],
    pub(crate) node: [u8; 32],
    pub(crate) kind: Kind,
    pub(crate) version: u16,
}

/// An answer as it came, each part possibly missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The instance's full name, in lower case.
    pub(crate) name: String,
    /// What it says, if that could be read.
    pub(crate) described: Option<Described>,
    /// Where it says that it is.
    pub(crate) addresses: BTreeSet<SocketAddr>,
}

/// The record to register for an announcement; its addresses are filled in by the daemon.
pub(crate) fn record(announcement: &Announcement) -> Result<ServiceInfo, DiscoveryError> {
    let name = hex(announcement.node.get(..NAME_BYTES).unwrap_or_default());
    let host = format!("{name}.local.");
    let kind = match announcement.kind {
        Kind::Admin => "admin",
        Kind::Kiosk => "kiosk",
    };
    let properties = [
        (SITE, hex(&announcement.site)),
        (NODE, hex(&announcement.node)),
        (KIND, kind.to_owned()),
        (VERSION, announcement.version.to_string()),
    ];
    let info = ServiceInfo::new(SERVICE, &name, &host, "", announcement.port, &properties[..])?;
    Ok(info.enable_addr_auto())
}

/// Reads what the daemon resolved. Everything in it is somebody else's word.
pub(crate) fn read(service: &ResolvedService) -> Answer {
    let addresses = service.addresses.iter().filter_map(|ip| dialable(ip, service.port));
    Answer {
        name: service.fullname.to_lowercase(),
        described: describe(&service.txt_properties),
        addresses: addresses.collect::<BTreeSet<_>>().into_iter().take(ADDRESSES_MAX).collect(),
    }
}

fn describe(txt: &TxtProperties) -> Option<Described> {
    let text = |key| std::str::from_utf8(txt.get(key)?.val()?).ok();
    parse(text(SITE)?, text(NODE)?, text(KIND)?, text(VERSION)?)
}

fn parse(site: &str, node: &str, kind: &str, version: &str) -> Option<Described> {
    let kind = match kind {
        "admin" => Kind::Admin,
        "kiosk" => Kind::Kiosk,
        _ => return None,
    };
    let digits_only = version.bytes().all(|byte| byte.is_ascii_digit());
    let version = version.parse().ok().filter(|_| digits_only)?;
    Some(Described { site: unhex(site)?, node: unhex(node)?, kind, version })
}

/// An address that a link can be dialled at.
fn dialable(ip: &ScopedIp, port: u16) -> Option<SocketAddr> {
    let address = match ip {
        ScopedIp::V6(v6) => {
            let scope = v6.scope_id().index;
            SocketAddr::V6(SocketAddrV6::new(*v6.addr(), port, 0, scope))
        }
        ScopedIp::V4(_) | _ => SocketAddr::new(ip.to_ip_addr(), port),
    };
    let broadcast = matches!(address.ip(), IpAddr::V4(v4) if v4.is_broadcast());
    let nowhere = address.ip().is_unspecified() || address.ip().is_multicast() || broadcast;
    (port != 0 && !nowhere).then_some(address)
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
