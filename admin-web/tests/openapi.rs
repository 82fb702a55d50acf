//! The checked-in document is the generated one.

#[test]
fn the_checked_in_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let generated = admin_web::openapi::text().unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == generated,
        "admin-web/openapi.json is not what the code generates: run `UPDATE=1 cargo test -p admin-web --test openapi`"
    );
}
