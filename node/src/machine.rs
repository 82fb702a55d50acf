//! The fingerprint of the machine beneath: what makes an amnesic computer the
//! same kiosk tomorrow.
//!
//! It is a hash, so that serial numbers and addresses do not leave the machine.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::config::{Config, Kind};
use crate::texts::Say;

/// Values that makers leave in place of a serial number.
const PLACEHOLDERS: [&str; 8] = [
    "",
    "none",
    "0",
    "default string",
    "not specified",
    "system serial number",
    "to be filled by o.e.m.",
    "00000000-0000-0000-0000-000000000000",
];

/// What a node says of the machine that it runs on: only a kiosk is known by its machine.
///
/// # Errors
/// As [`fingerprint`].
pub(crate) fn beneath(config: &Config) -> Result<[u8; 32], Say> {
    match config.kind {
        Kind::Kiosk => fingerprint(&config.kiosk.machine),
        Kind::Admin => Ok([0; 32]),
    }
}

/// The fingerprint of this machine, or of what `stand_in` names in its place.
///
/// Taken from the firmware's serial number, else from its UUID, else from the
/// lowest hardware address of a network card.
///
/// # Errors
/// A machine that has none of the three needs a stand-in.
pub(crate) fn fingerprint(stand_in: &str) -> Result<[u8; 32], Say> {
    fingerprint_in(Path::new("/sys/class"), stand_in)
}

fn fingerprint_in(class: &Path, stand_in: &str) -> Result<[u8; 32], Say> {
    let dmi = |field: &str| {
        let text = fs::read_to_string(class.join("dmi/id").join(field)).ok()?;
        let text = text.trim().to_lowercase();
        (!PLACEHOLDERS.contains(&text.as_str())).then(|| format!("{field}:{text}"))
    };
    let identity = if stand_in.is_empty() {
        dmi("product_serial")
            .or_else(|| dmi("product_uuid"))
            .or_else(|| hardware_address(class))
            .ok_or(Say::NoMachine)?
    } else {
        format!("stand-in:{stand_in}")
    };
    let digest =
        Sha256::new_with_prefix(b"poste-machine-1").chain_update(identity.as_bytes()).finalize();
    Ok(digest.into())
}

/// The lowest hardware address among real network cards.
fn hardware_address(class: &Path) -> Option<String> {
    fs::read_dir(class.join("net"))
        .ok()?
        .filter_map(Result::ok)
        // Bridges, tunnels and loopback have no device beneath.
        .filter(|card| card.path().join("device").exists())
        .filter_map(|card| fs::read_to_string(card.path().join("address")).ok())
        .map(|address| address.trim().to_lowercase())
        .filter(|address| address.len() == 17 && address != "00:00:00:00:00:00")
        .min()
        .map(|address| format!("mac:{address}"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::fingerprint_in;
    use crate::texts::Say;

    fn put(class: &Path, file: &str, text: &str) {
        let path = class.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn serial_number_comes_before_the_uuid_and_the_network_card() {
        let class = tempfile::tempdir().unwrap();
        let class = class.path();
        assert!(matches!(fingerprint_in(class, ""), Err(Say::NoMachine)));
        let stand_in = fingerprint_in(class, "poste-1").unwrap();

        put(class, "net/lo/address", "00:00:00:00:00:00\n");
        put(class, "net/br0/address", "02:00:00:00:00:01\n");
        assert!(matches!(fingerprint_in(class, ""), Err(Say::NoMachine)));

        put(class, "net/eth1/address", "AA:00:00:00:00:02\n");
        put(class, "net/eth1/device/x", "");
        let by_card = fingerprint_in(class, "").unwrap();
        put(class, "net/eth0/address", "bb:00:00:00:00:01\n");
        put(class, "net/eth0/device/x", "");
        assert_eq!(fingerprint_in(class, "").unwrap(), by_card);

        put(class, "dmi/id/product_serial", "To be filled by O.E.M.\n");
        put(class, "dmi/id/product_uuid", "ABCD\n");
        let by_uuid = fingerprint_in(class, "").unwrap();
        put(class, "dmi/id/product_serial", "S123\n");
        let by_serial = fingerprint_in(class, "").unwrap();

        let all = [stand_in, by_card, by_uuid, by_serial];
        for (i, one) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|other| other != one));
        }
        assert_eq!(fingerprint_in(class, "poste-1").unwrap(), stand_in);
    }
}
