use super::{Config, EXAMPLE, Kind};
use crate::texts::Say;

fn refusal(text: &str) -> (usize, String, String) {
    match Config::parse(text, "poste.toml") {
        Err(Say::ConfigWrong { file, line, text, reason }) => {
            assert_eq!(file, "poste.toml");
            (line, text, reason)
        }
        other => panic!("expected a refusal with a line, got {other:?}"),
    }
}

#[test]
fn shipped_example_is_the_default() {
    let example = Config::parse(EXAMPLE, "poste.example.toml").unwrap();
    assert_eq!(example, Config::default());
}

#[test]
fn shipped_example_names_every_field() {
    let config = Config {
        log: super::LogConfig { dir: Some("x".into()), ..Default::default() },
        backup: super::BackupConfig { dir: Some("x".into()), ..Default::default() },
        ..Config::default()
    };
    let written = toml::to_string(&config).unwrap();
    for line in written.lines().filter(|line| line.contains('=')) {
        let field = line.split('=').next().unwrap().trim();
        let explained = EXAMPLE
            .lines()
            .any(|example| example.trim_start_matches("# ").starts_with(&format!("{field} =")));
        assert!(explained, "{field} is not in poste.example.toml");
    }
}

#[test]
fn empty_file_listens_on_loopback_only() {
    let config = Config::parse("", "poste.toml").unwrap();
    assert!(config.listen.ip().is_loopback());
    assert!(config.console.listen.ip().is_loopback());
    assert!(config.kiosk.page.ip().is_loopback());
    assert!(config.ops.listen.ip().is_loopback());
    assert_eq!(config.discovery.interfaces, ["lo"]);
    assert_eq!(config.kind, Kind::Kiosk);
}

#[test]
fn unknown_field_is_refused_with_its_line() {
    let (line, text, reason) = refusal("kind = \"admin\"\n\n[console]\nlisen = \"127.0.0.1:1\"\n");
    assert_eq!(line, 4);
    assert!(text.contains("lisen"), "{text}");
    assert!(reason.contains("lisen"), "{reason}");
}

#[test]
fn unknown_section_is_refused_with_its_line() {
    let (line, _, reason) = refusal("kind = \"admin\"\n[consol]\nplain = true\n");
    assert_eq!(line, 2);
    assert!(reason.contains("consol"), "{reason}");
}

#[test]
fn each_bad_value_is_refused_on_its_own_line() {
    let bad = [
        "kind = \"server\"",
        "listen = \"localhost\"",
        "listen = 7443",
        "amnesic = \"yes\"",
        "data_dir = \"\"",
        "discovery.interfaces = [\"lo\", \"eth0\"]",
        "discovery.interfaces = [\"\"]",
        "discovery.interfaces = [\"a name too long for Linux\"]",
        "discovery.static_peers = [\"0.0.0.0:7443\"]",
        "discovery.static_peers = [\"192.168.1.5:0\"]",
        "console.urls = [\"javascript:alert(1)\"]",
        "console.urls = [\"https://a; script-src *\"]",
        "console.urls = [\"https://a/b\"]",
        "kiosk.page = \"192.168.1.5:80\"",
        "kiosk.name = \"\\u0007\"",
        "kiosk.name = \"12345678901234567890123456789012345678901\"",
        "log.keep = 0",
        "log.keep = 367",
        "log.keep = -1",
        "log.filter = \"info,actors=loud\"",
        "backup.at = \"24:00\"",
        "backup.at = \"2:30\"",
        "backup.at = \"02:60\"",
        "backup.at = \"+2:30\"",
        "backup.keep = 99999999999999999999",
        "ops.listen = \"127.0.0.1:99999\"",
        "not toml at all",
    ];
    for value in bad {
        let (line, text, reason) = refusal(&format!("# first line\n{value}\n"));
        // A rule over two fields may find its line only when the field opens it.
        assert!(line == 2 || !text.is_empty(), "{value}: line {line}");
        if !value.starts_with("data_dir") {
            assert_eq!(line, 2, "{value}: {reason}");
        }
        assert!(!reason.is_empty());
    }
}

#[test]
fn plain_console_is_refused_off_loopback() {
    let (line, text, reason) =
        refusal("kind = \"admin\"\n[console]\nlisten = \"0.0.0.0:8443\"\nplain = true\n");
    assert_eq!((line, text.as_str()), (4, "plain = true"));
    assert!(reason.contains("loopback"), "{reason}");
}

#[test]
fn one_address_for_two_listeners_is_refused() {
    let (line, _, reason) = refusal("[ops]\nlisten = \"127.0.0.1:8480\"\n");
    assert_eq!(line, 2);
    assert!(reason.contains("127.0.0.1:8480"), "{reason}");
}

#[test]
fn file_that_is_missing_or_huge_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("poste.toml");
    assert!(matches!(
        Config::read(&missing),
        Err(Say::ConfigUnreadable { file, .. }) if file.ends_with("poste.toml")
    ));
    std::fs::write(&missing, "#".repeat(70_000)).unwrap();
    assert!(matches!(
        Config::read(&missing),
        Err(Say::ConfigUnreadable { reason, .. }) if reason.contains("70000")
    ));
}

#[test]
fn written_configuration_reads_back_the_same() {
    let config = Config { kind: Kind::Admin, ..Config::default() };
    let text = toml::to_string(&config).unwrap();
    assert_eq!(Config::parse(&text, "x").unwrap(), config);
}
