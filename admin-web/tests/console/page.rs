//! The page and the headers of every reply.

use crate::browser::plain;

#[tokio::test]
async fn every_path_without_a_file_name_is_the_application() {
    let console = plain().await;
    for path in ["/", "/codes", "/postes/07", "/index.html", "/?x=1"] {
        let reply = console.ask("GET", path, &[], b"").await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(reply.header("cache-control"), Some("no-cache"));
    }
    let head = console.ask("HEAD", "/", &[], b"").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test]
async fn a_known_page_is_not_sent_twice_and_hashed_files_are_kept() {
    let console = plain().await;
    let page = console.ask("GET", "/", &[], b"").await;
    let tag = page.header("etag").unwrap().to_owned();
    let known = console.ask("GET", "/", &[("If-None-Match", &tag)], b"").await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    let text = String::from_utf8(page.body).unwrap();
    let asset = text.split('"').find(|part| part.starts_with("/assets/")).expect("an asset");
    let asset = console.ask("GET", asset, &[("Range", "bytes=0-3")], b"").await;
    assert_eq!(asset.status, 200, "ranges are not known here");
    assert_eq!(asset.header("cache-control"), Some("public, max-age=31536000, immutable"));
}

#[tokio::test]
async fn odd_paths_never_leave_the_page() {
    let console = plain().await;
    for path in [
        "/../Cargo.toml",
        "/assets/../../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/..%2fCargo.toml",
        "//etc/passwd.txt",
        "/assets/..\\..\\Cargo.toml",
        "/.env",
        "/package.json",
        "/src/main.ts",
    ] {
        let reply = console.ask("GET", path, &[], b"").await;
        assert!(reply.status == 404 || reply.status == 400, "{path}: {}", reply.status);
        assert!(!String::from_utf8_lossy(&reply.body).contains("[package]"));
    }
}

#[tokio::test]
async fn the_api_never_answers_with_the_page() {
    let console = plain().await;
    for path in ["/api", "/api/", "/api/v1/nothing", "/api/v2/floor", "/api/v1/sessions/xyz"] {
        let reply = console.ask("GET", path, &[], b"").await;
        assert_eq!((reply.status, reply.error().as_str()), (404, "not_found"), "{path}");
    }
    let origin = console.origin();
    let headers = [("Origin", origin.as_str())];
    let reply = console.ask("DELETE", "/api/v1/floor", &headers, b"").await;
    assert_eq!((reply.status, reply.error().as_str()), (405, "method_not_allowed"));
}

#[tokio::test]
async fn every_reply_carries_the_headers() {
    let console = plain().await;
    for path in ["/", "/nothing.js", "/api/v1/here", "/api/v1/floor", "/api/v1/openapi.json"] {
        let reply = console.ask("GET", path, &[], b"").await;
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"));
        assert!(policy.contains("require-trusted-types-for 'script'"));
        assert!(
            policy.contains("connect-src 'self' https://127.0.0.2:8443 wss://127.0.0.2:8443;"),
            "the sister node's page, and not what is no address: {policy}"
        );
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("strict-transport-security"), None);
        if path.starts_with("/api") {
            assert_eq!(reply.header("cache-control"), Some("no-store"));
        }
    }
}
