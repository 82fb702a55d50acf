//! The registers of use in one file, for those who fold a ledger themselves: what a ledger file leaves
//! out, each reading with its epoch's signature.
//!
//! ```text
//! "poste-readings\n"  version (1 byte)  site key (32 bytes)
//! length (2 bytes, little-endian, not 0)  signed reading   … for each register, in order
//! 0 (2 bytes)
//! ```

use std::io::{self, Read, Write};

use domain::codec;
use domain::id::{SiteId, verifies};
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::operation::Table;

use crate::replica::message::{SignedReading, reading_bytes};

const MAGIC: &[u8] = b"poste-readings\n";
const VERSION: u8 = 1;
const PAGE: usize = 512;

/// Why a file was not written, or is not believed.
#[derive(Debug, thiserror::Error)]
pub enum ReadingsFileError {
    /// Reading or writing failed, or the file ends early.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not such a file, or one of a later version or another site.
    #[error("not a file of version {VERSION} of this site's registers of use")]
    NotReadings,
    /// A reading is not what its epoch signed.
    #[error("reading {number} of the file is not signed by its epoch")]
    Reading {
        /// Its place in the file, from 0.
        number: u64,
    },
}

/// Writes every register of `store`; returns how many.
///
/// # Errors
/// Reading the store or writing the file failed.
pub fn export<S: LedgerStore>(
    store: &S,
    site: SiteId,
    mut out: impl Write,
) -> Result<u64, ReadingsFileError> {
    out.write_all(MAGIC)?;
    out.write_all(&[VERSION])?;
    out.write_all(&site.0)?;
    let (mut after, mut count) = (None::<Vec<u8>>, 0);
    loop {
        let page = store.scan(Table::Registers, after.as_deref(), PAGE)?;
        let Some((last, _)) = page.last() else {
            break;
        };
        after = Some(last.clone());
        for (_, signed) in page {
            let length = u16::try_from(signed.len()).map_err(|_| ReadingsFileError::NotReadings)?;
            out.write_all(&length.to_le_bytes())?;
            out.write_all(&signed)?;
            count += 1;
        }
    }
    out.write_all(&0u16.to_le_bytes())?;
    out.flush()?;
    Ok(count)
}

/// The readings of a file, each verified.
///
/// # Errors
/// The first thing that is wrong.
pub fn read(mut file: impl Read, site: SiteId) -> Result<Vec<SignedReading>, ReadingsFileError> {
    let mut head = [0; MAGIC.len() + 1 + 32];
    file.read_exact(&mut head)?;
    if head != *[MAGIC, &[VERSION], &site.0].concat() {
        return Err(ReadingsFileError::NotReadings);
    }
    let mut readings = Vec::new();
    for number in 0.. {
        let mut length = [0; 2];
        file.read_exact(&mut length)?;
        let length = usize::from(u16::from_le_bytes(length));
        if length == 0 {
            break;
        }
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        let signed = codec::decode::<SignedReading>(&bytes).ok().filter(is_signed);
        readings.push(signed.ok_or(ReadingsFileError::Reading { number })?);
    }
    Ok(readings)
}

fn is_signed(signed: &SignedReading) -> bool {
    reading_bytes(&signed.reading)
        .is_ok_and(|bytes| verifies(&signed.reading.epoch.0, &[&bytes], &signed.signature))
}

#[cfg(test)]
mod tests {
    use domain::id::{EpochId, SessionId, Signature};
    use domain::session::Reading;
    use ed25519_dalek::{Signer, SigningKey};
    use storage::memory::MemoryStore;
    use storage::operation::Op;

    use super::*;

    const SITE: SiteId = SiteId([4; 32]);

    fn signed(number: u8) -> SignedReading {
        let key = SigningKey::from_bytes(&[number; 32]);
        let reading = Reading {
            session: SessionId([number; 16]),
            epoch: EpochId(key.verifying_key().to_bytes()),
            n: 3,
            opening: 1,
            used_ms: 15_000,
            ahead_ms: 5_000,
            continues: None,
        };
        let signature = key.sign(&reading_bytes(&reading).unwrap());
        SignedReading { reading, signature: Signature(signature.to_bytes()) }
    }

    fn file(readings: &[SignedReading]) -> Vec<u8> {
        let store = MemoryStore::default();
        for (number, signed) in (0u8..).zip(readings) {
            let value = codec::encode(signed).unwrap();
            let put = Op::Put { table: Table::Registers, key: vec![number], value };
            store.stage(vec![put]).unwrap();
        }
        let mut bytes = Vec::new();
        let count = export(&store, SITE, &mut bytes).unwrap();
        assert_eq!(count, readings.len() as u64);
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let readings = [signed(1), signed(2)];
        assert_eq!(read(file(&readings).as_slice(), SITE).unwrap(), readings);
        assert_eq!(read(file(&[]).as_slice(), SITE).unwrap(), []);
    }

    #[test]
    fn a_reading_that_was_changed_is_refused() {
        let mut forged = signed(2);
        forged.reading.used_ms -= 1;
        let refused = read(file(&[signed(1), forged]).as_slice(), SITE);
        assert!(matches!(refused, Err(ReadingsFileError::Reading { number: 1 })), "{refused:?}");
    }

    #[test]
    fn a_file_cut_short_or_of_another_site_is_refused() {
        let whole = file(&[signed(1)]);
        for length in 0..whole.len() {
            assert!(read(&whole[..length], SITE).is_err(), "{length}");
        }
        let other = read(whole.as_slice(), SiteId([5; 32]));
        assert!(matches!(other, Err(ReadingsFileError::NotReadings)), "{other:?}");
    }
}
