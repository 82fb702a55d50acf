use super::Origin;

#[test]
fn an_origin_reads_back_in_one_form() {
    for (text, form) in [
        ("https://127.0.0.1:8443", "https://127.0.0.1:8443"),
        ("https://Poste.Example:443/", "https://poste.example"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ] {
        assert_eq!(Origin::parse(text).unwrap().to_string(), form);
    }
}

#[test]
fn what_could_break_a_header_is_no_origin() {
    let long = format!("https://{}", "a".repeat(300));
    for text in [
        "null",
        "",
        "https://",
        "https://a b",
        "https://a;script-src *",
        "https://a'",
        "https://a\r\nx: y",
        "https://user@host",
        "https://host/path",
        "https://host:99999",
        "https://host:0",
        "https://host:-1",
        "https://[::zz]",
        "ftp://host",
        "https://*",
        &long,
    ] {
        assert_eq!(Origin::parse(text), None, "{text} was taken");
    }
}

#[test]
fn the_websocket_of_an_origin_keeps_host_and_port() {
    assert_eq!(Origin::parse("https://a:1").unwrap().websocket(), "wss://a:1");
    assert_eq!(Origin::parse("http://http.a").unwrap().websocket(), "ws://http.a");
}
