//! What two nodes say while they pair: fixed bytes, a tag first, each word of one length.

use domain::id::{KioskId, Signature, SiteId};
use sha2::{Digest, Sha256};

use crate::link::close::{CloseReason, LinkEnd};

const COMMIT_DOMAIN: &[u8] = b"poste-pair-commit-1";

/// Longest word with its tag, in bytes.
pub(super) const LONGEST: usize = 1 + 32 + 32 + 64;

/// A number drawn at random by one side.
pub(super) type Nonce = [u8; 32];

/// What a machine says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The kiosk that it takes itself for, if nobody gives it another place.
    pub kiosk: KioskId,
    /// The machine's fingerprint (hashed).
    pub machine: [u8; 32],
    /// Release of its program: major, minor, patch.
    pub release: [u16; 3],
}

impl Request {
    const LENGTH: usize = 16 + 32 + 6;

    pub(super) fn bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let (kiosk, rest) = bytes.split_at_mut(16);
        let (machine, release) = rest.split_at_mut(32);
        kiosk.copy_from_slice(&self.kiosk.0);
        machine.copy_from_slice(&self.machine);
        for (into, part) in release.chunks_exact_mut(2).zip(self.release) {
            into.copy_from_slice(&part.to_le_bytes());
        }
        bytes
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(Self {
            kiosk: KioskId(take(from)?),
            machine: take(from)?,
            release: [number(from)?, number(from)?, number(from)?],
        })
    }
}

/// Why an admin node ends a pairing. Its number is what the other end reads: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Too many machines wait, or have asked lately.
    Busy,
    /// An operator refused.
    Refused,
    /// No operator came in time.
    Expired,
    /// This node's key is known to the site already.
    Known,
    /// The same node asked again.
    AskedAgain,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Busy, Self::Refused, Self::Expired, Self::Known, Self::AskedAgain];

    fn number(self) -> u8 {
        match self {
            Self::Busy => 1,
            Self::Refused => 2,
            Self::Expired => 3,
            Self::Known => 4,
            Self::AskedAgain => 5,
        }
    }
}

/// One word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// From the machine: what it will reveal, hashed.
    Commit([u8; 32]),
    /// From the admin node: its number, its site, and the site key's word that it is an admin node.
    Offer { nonce: Nonce, site: SiteId, admission: Signature },
    /// From the machine: what it committed to.
    Reveal { nonce: Nonce, request: Request },
    /// From the admin node: an operator confirmed, and this is the kiosk.
    Paired(KioskId),
    /// From the admin node: it came to nothing.
    Ended(Reason),
}

impl Word {
    pub(super) fn write(&self) -> Vec<u8> {
        match self {
            Self::Commit(hash) => [&b"C"[..], hash].concat(),
            Self::Offer { nonce, site, admission } => {
                [&b"O"[..], nonce, &site.0, &admission.0].concat()
            }
            Self::Reveal { nonce, request } => [&b"R"[..], nonce, &request.bytes()].concat(),
            Self::Paired(kiosk) => [&b"P"[..], &kiosk.0].concat(),
            Self::Ended(reason) => vec![b'E', reason.number()],
        }
    }

    /// Reads a word and nothing behind it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, LinkEnd> {
        Self::parse(bytes).ok_or(LinkEnd::Ours(CloseReason::Malformed))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (tag, mut rest) = bytes.split_first()?;
        let from = &mut rest;
        let word = match tag {
            b'C' => Self::Commit(take(from)?),
            b'O' => Self::Offer {
                nonce: take(from)?,
                site: SiteId(take(from)?),
                admission: Signature(take(from)?),
            },
            b'R' => Self::Reveal { nonce: take(from)?, request: Request::read(from)? },
            b'P' => Self::Paired(KioskId(take(from)?)),
            b'E' => {
                let [number] = take(from)?;
                let reason = Reason::ALL.into_iter().find(|r| r.number() == number)?;
                Self::Ended(reason)
            }
            _ => return None,
        };
        from.is_empty().then_some(word)
    }
}

/// What binds a machine to the number and the request that it reveals later.
pub(super) fn commitment(nonce: &Nonce, request: &Request) -> [u8; 32] {
    Sha256::new_with_prefix(COMMIT_DOMAIN)
        .chain_update(nonce)
        .chain_update(request.bytes())
        .finalize()
        .into()
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk::<N>()?;
    *from = rest;
    Some(*taken)
}

fn number(from: &mut &[u8]) -> Option<u16> {
    take(from).map(u16::from_le_bytes)
}
