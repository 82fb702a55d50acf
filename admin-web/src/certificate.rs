//! The console's own certificate: ECDSA P-256, self-made, kept in the data folder.
//!
//! Browsers take no ed25519 certificate, so the node's key cannot serve them; the site signs this
//! one's fingerprint instead. It is made anew, with a new key, when the names that it must hold
//! change.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Name of the file in the data folder: a line with the names, the key and the certificate in PEM.
pub const FILE: &str = "console-certificate.pem";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Others than the owner may read the key.
    #[error(
        "{path}: others than its owner may read it (mode {mode:o}); make it 0600, or remove it and a new one is made"
    )]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is not what this program writes.
    #[error("{path}: damaged; remove it and a new one is made")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A name cannot stand in a certificate.
    #[error("a name cannot stand in a certificate: {0}")]
    Names(#[from] rcgen::Error),
}

/// A certificate with its key.
pub struct Certificate {
    pub(crate) chain: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Certificate {
    /// The certificate of the data folder for these names; made and kept there if there is none
    /// yet, or if it is for other names.
    ///
    /// # Errors
    /// When the file cannot be read or written, is damaged, or may be read by others.
    pub fn load_or_make(folder: &Path, names: &[String]) -> Result<Self, CertificateError> {
        let path = folder.join(FILE);
        let in_file = |error| CertificateError::File { path: path.clone(), error };
        let head = format!("names: {}", names.join(" "));
        match fs::metadata(&path) {
            Ok(meta) => {
                let mode = meta.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    return Err(CertificateError::Readable { path, mode });
                }
                let text = fs::read_to_string(&path).map_err(in_file)?;
                if text.lines().next() == Some(head.as_str()) {
                    return read(&text).ok_or(CertificateError::Damaged { path });
                }
                tracing::info!("the console's names changed: a new certificate is made");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(in_file(error)),
        }
        let text = format!("{head}\n{}", make(names)?);
        write_atomically(folder, &path, text.as_bytes()).map_err(in_file)?;
        read(&text).ok_or(CertificateError::Damaged { path })
    }

    /// SHA-256 of the certificate, as browsers show it: for the site to sign and for people to
    /// compare.
    #[must_use]
    pub fn certificate_fingerprint(&self) -> [u8; 32] {
        Sha256::digest(self.chain.as_ref()).into()
    }
}

fn make(names: &[String]) -> Result<String, rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "poste");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // A machine whose clock is wrong must still be able to serve and to be reached.
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2099, 12, 31);
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
}

fn read(text: &str) -> Option<Certificate> {
    Some(Certificate {
        chain: CertificateDer::from_pem_slice(text.as_bytes()).ok()?,
        key: PrivateKeyDer::from_pem_slice(text.as_bytes()).ok()?,
    })
}

fn write_atomically(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("pem.new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}
