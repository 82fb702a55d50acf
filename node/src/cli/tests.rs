use clap::{CommandFactory, Parser};

use super::{Cli, TokenVerb, Verb};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_of_the_manual_parses() {
    let node = "ab".repeat(32);
    for line in [
        "poste init --name Médiathèque",
        "poste init --name M --login lea --site-key k --passphrase-file p --password-file q",
        &format!("poste admit-admin {node} --site-key site-key.txt"),
        &format!("poste admit-admin {node} --words"),
        "poste token issue --room Jeunesse",
        "poste token issue --kiosk P1 --hours 2",
        "poste token list",
        &format!("poste token revoke {node}"),
        "poste join",
        "poste join poste-join1-ABC",
        "poste join --line-file f",
        "poste status --json",
        "poste code issue",
        "poste code issue --minutes 30 --count 5 --hours 48 --room Jeunesse",
        "poste node list",
        &format!("poste node revoke {node}"),
        "poste operator add lea --role viewer",
        "poste operator reset lea",
        "poste ledger export f",
        "poste backup",
        "poste backup --to d",
        "poste run",
        "poste run --with-parent --config x.toml",
        "poste ledger verify",
        "poste ledger verify f",
        "poste ledger import f",
        "poste restore f",
        "poste restore f --alone",
        "poste vault open",
        "poste demo",
        "poste demo --fresh --dir d --ports 9000",
        "poste example",
        "poste completions bash",
    ] {
        if let Err(error) = parse(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn figures_out_of_bounds_and_odd_mixtures_are_refused() {
    let node = "ab".repeat(32);
    for line in [
        "poste",
        "poste init",
        "poste frobnicate",
        "poste admit-admin abcd --words",
        &format!("poste admit-admin {node}"),
        &format!("poste admit-admin {node} --words --site-key f"),
        "poste token issue",
        "poste token issue --room a --kiosk b",
        "poste token issue --room a --hours 0",
        "poste token issue --room a --hours 99999999999",
        "poste code issue --minutes 0",
        "poste code issue --minutes 721",
        "poste code issue --minutes -5",
        "poste code issue --count 501",
        "poste code issue --room a --kiosk b",
        "poste join a --line-file b",
        "poste operator add lea --role owner",
        "poste demo --ports 80",
        "poste completions cobol",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn configuration_is_named_before_or_after_the_command() {
    for line in [
        "poste --config a.toml token list",
        "poste token --config a.toml list",
        "poste token list --config a.toml",
    ] {
        let cli = parse(line).unwrap();
        assert_eq!(cli.config, std::path::Path::new("a.toml"));
        assert!(matches!(cli.command, Verb::Token(TokenVerb::List)));
    }
}
