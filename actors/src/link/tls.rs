//! TLS 1.3 with node keys: RFC 7250 raw ed25519 public keys at both ends, no certificates.
//!
//! Any sound ed25519 key passes: TLS proves here that the peer **holds** its key, and nothing
//! more. Whether that key belongs to the site is judged by the greeting (see
//! [`super::handshake`]). Sessions are never resumed, so the proof is made anew at each link.

use std::sync::Arc;

use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::LinkError;

/// The application protocol of links, as TLS names it. Grows only when the [`super::hello`]
/// itself changes; everything after it is negotiated there.
pub const ALPN: &[u8] = b"poste/1";

/// The application protocol of [`crate::pairing`]. Only admin nodes answer it.
pub const PAIRING_ALPN: &[u8] = b"poste-pair/1";

/// The name that a dialler asks for. Raw keys carry no names, so it is fixed and says nothing.
pub(crate) const SERVER_NAME: &str = "poste.node";

/// RFC 8410: what comes before the 32 bytes of an ed25519 key in its SubjectPublicKeyInfo.
const ED25519_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The provider, always passed explicitly: another crate of the process compiles in a second one,
/// and then rustls panics rather than choose.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Server and client settings of one node, both proving `key`.
pub fn configs(
    key: &SigningKey,
) -> Result<(rustls::ServerConfig, rustls::ClientConfig), LinkError> {
    let failed = |what: &dyn std::fmt::Display| LinkError::Tls(what.to_string());
    let private = key.to_pkcs8_der().map_err(|error| failed(&error))?;
    let private = PrivatePkcs8KeyDer::from(private.as_bytes().to_vec());
    let signer =
        rustls::crypto::ring::sign::any_eddsa_type(&private).map_err(|error| failed(&error))?;
    let public = key.verifying_key().to_public_key_der().map_err(|error| failed(&error))?;
    let public = CertificateDer::from(public.as_bytes().to_vec());
    let certified = Arc::new(rustls::sign::CertifiedKey::new(vec![public], signer));

    let proof = Arc::new(ProofOfPossession::new());
    let mut server = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| failed(&error))?
        .with_client_cert_verifier(Arc::clone(&proof) as Arc<dyn ClientCertVerifier>)
        .with_cert_resolver(Arc::new(rustls::server::AlwaysResolvesServerRawPublicKeys::new(
            Arc::clone(&certified),
        )));
    server.alpn_protocols = vec![ALPN.to_vec()];
    server.send_tls13_tickets = 0;
    server.session_storage = Arc::new(NoServerSessionStorage {});

    let mut client = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(proof)
        .with_client_cert_resolver(Arc::new(
            rustls::client::AlwaysResolvesClientRawPublicKeys::new(certified),
        ));
    client.alpn_protocols = vec![ALPN.to_vec()];
    client.resumption = Resumption::disabled();
    Ok((server, client))
}

/// The node key that the other end of `connection` has proven, or `None` if it proved none
/// (which the settings above do not let happen).
pub fn peer_node(connection: &quinn::Connection) -> Option<[u8; 32]> {
    let keys = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    key_of(keys.first()?)
}

/// Whether both ends of `connection` agreed on [`PAIRING_ALPN`].
pub(crate) fn is_pairing(connection: &quinn::Connection) -> bool {
    let data = connection
        .handshake_data()
        .and_then(|data| data.downcast::<quinn::crypto::rustls::HandshakeData>().ok());
    data.is_some_and(|data| data.protocol.as_deref() == Some(PAIRING_ALPN))
}

/// The ed25519 key inside a SubjectPublicKeyInfo. Keys of small order are nobody's: anyone can
/// sign for them.
fn key_of(spki: &[u8]) -> Option<[u8; 32]> {
    let key: [u8; 32] = spki.strip_prefix(&ED25519_PREFIX)?.try_into().ok()?;
    let sound = VerifyingKey::from_bytes(&key).is_ok_and(|key| !key.is_weak());
    sound.then_some(key)
}

/// Lets through whoever holds the private part of the ed25519 key that it shows.
#[derive(Debug)]
struct ProofOfPossession {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ProofOfPossession {
    fn new() -> Self {
        Self { algorithms: provider().signature_verification_algorithms }
    }

    fn check(&self, key: &CertificateDer<'_>) -> Result<(), Error> {
        match key_of(key) {
            Some(_) => Ok(()),
            None => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
        }
    }

    fn verify(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let spki = SubjectPublicKeyInfoDer::from(key.as_ref());
        rustls::crypto::verify_tls13_signature_with_raw_key(
            message,
            &spki,
            signed,
            &self.algorithms,
        )
    }
}

fn no_tls12() -> Error {
    Error::General("links speak TLS 1.3 only".to_owned())
}

impl ServerCertVerifier for ProofOfPossession {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(key).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _key: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for ProofOfPossession {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(key).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _key: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_small_order_is_nobody() {
        let mut spki = ED25519_PREFIX.to_vec();
        let mut identity = [0u8; 32];
        identity[0] = 1;
        spki.extend_from_slice(&identity);
        assert_eq!(key_of(&spki), None);
    }

    #[test]
    fn a_node_key_reads_back_from_its_public_key_info() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let spki = key.verifying_key().to_public_key_der().unwrap();
        assert_eq!(key_of(spki.as_bytes()), Some(key.verifying_key().to_bytes()));
        assert_eq!(key_of(&spki.as_bytes()[..43]), None);
    }
}
