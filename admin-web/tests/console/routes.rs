//! The document and the server are of one mind.

use serde_json::Value;

use crate::browser::plain;

#[tokio::test]
async fn every_documented_route_is_there_and_closed_to_strangers() {
    let console = plain().await;
    let document: Value = serde_json::from_str(&admin_web::openapi::text().unwrap()).unwrap();
    let origin = console.origin();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let open = operation["security"] == serde_json::json!([{}]);
            let (id, key) = ("05".repeat(16), "05".repeat(32));
            let path = path.split('/').map(|part| match part {
                "{node}" => &key,
                _ if part.starts_with('{') => &id,
                _ => part,
            });
            let path = path.collect::<Vec<_>>().join("/");
            let headers = [
                ("Origin", origin.as_str()),
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ];
            let headers = if path.ends_with("/live") { &headers[..] } else { &headers[..1] };
            let reply = console.ask(&method.to_uppercase(), &path, headers, b"").await;
            match path.as_str() {
                // Leaving needs no login: there may be none any more.
                "/api/v1/logout" => assert_eq!(reply.status, 200),
                _ if open => assert!(matches!(reply.status, 200 | 400), "{path}: {reply:?}"),
                _ => assert_eq!(reply.status, 401, "{method} {path}: {reply:?}"),
            }
            assert!(reply.json()["as_of_ms"].is_i64(), "{path} does not say how old it is");
        }
    }
}
