//! TLS, with the console's own certificate.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use admin_web::certificate::{Certificate, CertificateError, FILE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::browser::{DEADLINE, Running, config, run};
use crate::desk::{MemoryDesk, PASSWORD};

async fn secure(folder: &std::path::Path) -> Running {
    let mut secure = config(false);
    secure.data_dir = folder.to_owned();
    secure.limits.handshake = Duration::from_millis(300);
    run(secure, MemoryDesk::new(1)).await
}

fn connector(folder: &std::path::Path, protocols: &[&[u8]]) -> TlsConnector {
    let pem = std::fs::read(folder.join(FILE)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let mut client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    TlsConnector::from(Arc::new(client))
}

#[tokio::test]
async fn over_tls_the_cookie_is_held_to_this_host() {
    let folder = tempfile::tempdir().unwrap();
    let console = secure(folder.path()).await;
    let stream = TcpStream::connect(console.address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connector = connector(folder.path(), &[b"h2", b"http/1.1"]);
    let mut stream = connector.connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let body = format!("{{\"login\":\"admin\",\"password\":\"{PASSWORD}\"}}");
    let request = format!(
        "POST /api/v1/login HTTP/1.1\r\nHost: {0}\r\nOrigin: https://{0}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {1}\r\n\r\n{body}",
        console.address,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut reply)).await.unwrap().unwrap();
    let reply = String::from_utf8(reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let cookie = reply.lines().find(|line| line.starts_with("set-cookie")).unwrap();
    assert!(cookie.contains("__Host-poste-login=") && cookie.contains("; Secure"), "{cookie}");
    assert!(cookie.contains("Path=/;") && !cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn garbage_silence_and_plain_http_get_no_handshake_and_hold_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let console = secure(folder.path()).await;
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 2000], &[0x16, 3, 1, 0xff, 0xff], b""] {
        let mut stream = TcpStream::connect(console.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut rest = Vec::new();
        let end = timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("closed in time");
        assert!(end.is_err() || !rest.starts_with(b"HTTP"), "{bytes:?}");
    }
    let stream = TcpStream::connect(console.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    connector(folder.path(), &[]).connect(name, stream).await.unwrap();
}

#[test]
fn the_certificate_stays_the_same_until_its_names_change() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = Certificate::load_or_make(folder.path(), &names).unwrap();
    let path = folder.path().join(FILE);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let read = Certificate::load_or_make(folder.path(), &names).unwrap();
    assert_eq!(made.certificate_fingerprint(), read.certificate_fingerprint());
    let other = Certificate::load_or_make(folder.path(), &names[..1]).unwrap();
    assert_ne!(made.certificate_fingerprint(), other.certificate_fingerprint());
}

#[test]
fn a_key_that_others_may_read_and_a_damaged_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["localhost".to_owned()];
    Certificate::load_or_make(folder.path(), &names).unwrap();
    let path = folder.path().join(FILE);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Certificate::load_or_make(folder.path(), &names).err();
    assert!(matches!(refused, Some(CertificateError::Readable { mode: 0o644, .. })));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, "names: localhost\nnothing").unwrap();
    let refused = Certificate::load_or_make(folder.path(), &names).err();
    assert!(matches!(refused, Some(CertificateError::Damaged { .. })));
}
