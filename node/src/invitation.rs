//! The line that a new machine joins a site with.
//!
//! It names the site and where to knock. A kiosk's line also carries the secret
//! key of a join token, which is what lets it in: whoever holds the line may join
//! as what the token allows, until it expires or is revoked. An admin node's line
//! carries no secret but the site key's signature over its node key, which is of
//! no use to another node.

use std::net::{IpAddr, SocketAddr};

use domain::id::{KioskId, Signature, SiteId};

use crate::printable::{self, Misread};
use crate::seed::Seed;
use crate::texts::Say;

const PREFIX: &str = "poste-join1";

/// Addresses that a line can carry.
pub(crate) const ADDRESSES_MAX: usize = 4;

/// By what right the holder of a line joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Right {
    /// The site key has admitted the node as an admin node, and signed so.
    Admitted(Signature),
    /// A join token for machines of one room, by its secret.
    RoomToken(Seed),
    /// A join token for the machine of one kiosk, by its secret.
    KioskToken(Seed, KioskId),
}

/// What a join line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// The site to join.
    pub(crate) site: SiteId,
    /// By what right.
    pub(crate) right: Right,
    /// Link addresses of members, at most [`ADDRESSES_MAX`]; may be empty where
    /// mDNS finds them.
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Invitation {
    /// The line. Addresses beyond the bound are left out.
    pub(crate) fn write(&self) -> String {
        let mut bytes = Vec::with_capacity(160);
        match &self.right {
            Right::Admitted(signature) => {
                bytes.push(0);
                bytes.extend_from_slice(&signature.0);
            }
            Right::RoomToken(token) => {
                bytes.push(1);
                bytes.extend_from_slice(token.bytes());
            }
            Right::KioskToken(token, kiosk) => {
                bytes.push(2);
                bytes.extend_from_slice(token.bytes());
                bytes.extend_from_slice(&kiosk.0);
            }
        }
        bytes.extend_from_slice(&self.site.0);
        for address in self.addresses.iter().take(ADDRESSES_MAX) {
            match address.ip() {
                IpAddr::V4(ip) => {
                    bytes.push(4);
                    bytes.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    bytes.push(6);
                    bytes.extend_from_slice(&ip.octets());
                }
            }
            bytes.extend_from_slice(&address.port().to_le_bytes());
        }
        printable::write(PREFIX, &bytes)
    }

    /// Reads a line that was pasted or typed.
    ///
    /// # Errors
    /// Whether it is another thing altogether, or this thing with a typo.
    pub(crate) fn read(text: &str) -> Result<Self, Say> {
        let bytes = printable::read(PREFIX, text).map_err(|misread| match misread {
            Misread::OtherPrefix => Say::InvitationOther,
            Misread::Typo => Say::InvitationTypo,
        })?;
        Self::parts(&bytes).ok_or(Say::InvitationOther)
    }

    fn parts(bytes: &[u8]) -> Option<Self> {
        let (&form, rest) = bytes.split_first()?;
        let (right, rest) = match form {
            0 => {
                let (signature, rest) = rest.split_first_chunk::<64>()?;
                (Right::Admitted(Signature(*signature)), rest)
            }
            1 => {
                let (token, rest) = rest.split_first_chunk::<32>()?;
                (Right::RoomToken(Seed::from_bytes(*token)), rest)
            }
            2 => {
                let (token, rest) = rest.split_first_chunk::<32>()?;
                let (kiosk, rest) = rest.split_first_chunk::<16>()?;
                let token = Seed::from_bytes(*token);
                (Right::KioskToken(token, KioskId(*kiosk)), rest)
            }
            _ => return None,
        };
        let (site, mut rest) = rest.split_first_chunk::<32>()?;
        let mut addresses = Vec::new();
        while let Some((&family, after)) = rest.split_first() {
            let (ip, after) = match family {
                4 => {
                    let (ip, after) = after.split_first_chunk::<4>()?;
                    (IpAddr::from(*ip), after)
                }
                6 => {
                    let (ip, after) = after.split_first_chunk::<16>()?;
                    (IpAddr::from(*ip), after)
                }
                _ => return None,
            };
            let (port, after) = after.split_first_chunk::<2>()?;
            addresses.push(SocketAddr::new(ip, u16::from_le_bytes(*port)));
            rest = after;
            if addresses.len() > ADDRESSES_MAX {
                return None;
            }
        }
        Some(Self { site: SiteId(*site), right, addresses })
    }
}

#[cfg(test)]
mod tests {
    use domain::id::{KioskId, Signature, SiteId};

    use super::{Invitation, PREFIX, Right};
    use crate::printable;
    use crate::seed::Seed;
    use crate::texts::Say;

    fn invitation() -> Invitation {
        Invitation {
            site: SiteId([8; 32]),
            right: Right::RoomToken(Seed::from_bytes([3; 32])),
            addresses: vec![
                "192.168.10.5:7443".parse().unwrap(),
                "[fe80::1]:7443".parse().unwrap(),
            ],
        }
    }

    #[test]
    fn line_reads_back() {
        let line = invitation().write();
        assert!(!line.contains(char::is_whitespace));
        assert_eq!(Invitation::read(&line).unwrap(), invitation());
        let kiosk = KioskId([6; 16]);
        for right in [
            Right::Admitted(Signature([9; 64])),
            Right::KioskToken(Seed::from_bytes([4; 32]), kiosk),
        ] {
            let other = Invitation { right, addresses: Vec::new(), ..invitation() };
            assert_eq!(Invitation::read(&other.write()).unwrap(), other);
        }
    }

    #[test]
    fn addresses_beyond_the_bound_are_left_out() {
        let many =
            Invitation { addresses: vec!["192.168.10.5:7443".parse().unwrap(); 9], ..invitation() };
        let read = Invitation::read(&many.write()).unwrap();
        assert_eq!(read.addresses.len(), 4);
    }

    #[test]
    fn typo_is_told_apart_from_another_line() {
        let line = invitation().write();
        let mut typo = line.clone();
        typo.replace_range(20..21, if &line[20..21] == "Z" { "Y" } else { "Z" });
        assert!(matches!(Invitation::read(&typo), Err(Say::InvitationTypo)));
        assert!(matches!(Invitation::read("K7QM-2XPD"), Err(Say::InvitationOther)));
    }

    #[test]
    fn well_formed_nonsense_is_refused() {
        let right = printable::read(PREFIX, &invitation().write()).unwrap();
        for length in 0..right.len() {
            let cut = printable::write(PREFIX, &right[..length]);
            // Cut between two addresses it is a shorter line, and a right one.
            let whole_still = length == 65 || length == 72;
            assert_eq!(Invitation::read(&cut).is_ok(), whole_still, "at {length}");
        }
        let mut many = right[..65].to_vec();
        many.extend([4, 127, 0, 0, 1, 1, 1].repeat(5));
        for odd in [&many[..], &[2; 80], &[2; 33], &[9; 400]] {
            let line = printable::write(PREFIX, odd);
            assert!(matches!(Invitation::read(&line), Err(Say::InvitationOther)));
        }
    }
}
