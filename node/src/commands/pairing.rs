//! `poste join --pair`: a machine without a join line asks at an admin node.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use actors::pairing::ask::{Unpaired, ask};
use actors::pairing::words::{Reason, Request};
use domain::id::KioskId;

use crate::cli::say_now;
use crate::config::{Config, Kind};
use crate::machine;
use crate::membership::{Membership, node_seed};
use crate::texts::Say;

/// Asks at `address`, shows the digits and waits for what an operator decides. Only then
/// is a place in the site kept.
pub(super) fn pair(config: &Config, address: SocketAddr) -> anyhow::Result<String> {
    if config.kind != Kind::Kiosk {
        return Err(Say::OnlyKiosksPair.into());
    }
    let request = request(machine::fingerprint(&config.kiosk.machine)?);
    let key = node_seed(&config.data_dir)?.signing_key();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let paired =
        runtime.block_on(ask(&key, local_address(config, address), address, request, |offered| {
            say_now(
                &Say::CompareDigits {
                    digits: offered.digits.spaced(),
                    plain: offered.digits.to_string(),
                }
                .to_string(),
            );
        }));
    let paired = paired.map_err(|why| in_words(why, address))?;
    let membership = Membership::paired(&paired, address);
    membership.create(&config.data_dir)?;
    Ok(Say::Joined { site: membership.site.to_string() }.to_string())
}

/// The place follows the machine, unless the operator gives it another.
fn request(machine: [u8; 32]) -> Request {
    let mut kiosk = KioskId([0; 16]);
    kiosk.0.copy_from_slice(&machine[..16]);
    let part = |text: &str| text.parse().unwrap_or_default();
    Request {
        kiosk,
        machine,
        release: [
            part(env!("CARGO_PKG_VERSION_MAJOR")),
            part(env!("CARGO_PKG_VERSION_MINOR")),
            part(env!("CARGO_PKG_VERSION_PATCH")),
        ],
    }
}

/// From where links of this node would come, on any port.
fn local_address(config: &Config, address: SocketAddr) -> SocketAddr {
    let configured = config.listen.ip();
    let ip = match address {
        _ if configured.is_ipv4() == address.is_ipv4() => configured,
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(ip, 0)
}

fn in_words(why: Unpaired, address: SocketAddr) -> Say {
    let address = address.to_string();
    match why {
        Unpaired::Here(error) => Say::Broken { reason: error.to_string() },
        Unpaired::Unreachable => Say::PairingUnreachable { address },
        Unpaired::NotThere => Say::PairingNotThere { address },
        Unpaired::Odd => Say::PairingOdd { address },
        Unpaired::Lost => Say::PairingLost { address },
        Unpaired::Ended(Reason::Busy) => Say::PairingBusy,
        Unpaired::Ended(Reason::Refused) => Say::PairingRefused,
        Unpaired::Ended(Reason::Expired) => Say::PairingExpired,
        Unpaired::Ended(Reason::Known) => Say::PairingKnown,
        Unpaired::Ended(Reason::AskedAgain) => Say::PairingAskedAgain,
    }
}
