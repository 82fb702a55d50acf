//! `poste init`: founds a site.

use std::path::PathBuf;

use domain::id::NodeId;

use crate::cli::InitArgs;
use crate::config::{Config, Kind};
use crate::founding::{self, first_account};
use crate::key_file;
use crate::membership::{Membership, node_seed};
use crate::prompt;
use crate::seal::{self, SiteKey};
use crate::seed::Seed;
use crate::texts::Say;
use crate::words;

/// Makes the site key, this node and the first operator, and tells what to keep
/// safe. The membership is written last: whatever fails before leaves no site, and
/// the command can be given again.
pub(crate) fn init(config: &Config, args: &InitArgs) -> anyhow::Result<String> {
    if config.kind != Kind::Admin {
        return Err(Say::NotAnAdmin.into());
    }
    key_file::private_folder(&config.data_dir)?;
    if Membership::read(&config.data_dir)?.is_some() {
        return Err(Say::HasSite { folder: config.data_dir.display().to_string() }.into());
    }
    if args.site_key.exists() {
        return Err(Say::AlreadyThere { file: args.site_key.display().to_string() }.into());
    }
    let key = SiteKey::of(Seed::fresh()?);
    let node = NodeId(node_seed(&config.data_dir)?.public());
    let membership = Membership::found(&key, &args.name, node)?;

    let ask_password = Say::AskPassword { login: args.login.clone() };
    let password = prompt::new_secret(args.password_file.as_deref(), &ask_password)?;
    let name = args.operator_name.as_deref().unwrap_or(&args.login);
    let account = first_account(&args.login, name, &password)?;
    let passphrase = prompt::new_secret(args.passphrase_file.as_deref(), &Say::AskNewPassphrase)?;
    let sealed = seal::seal(&key, &passphrase)?;
    let words = words::write(key.seed())?;

    key_file::write_private(&args.site_key, sealed.as_bytes())?;
    founding::begin(config, &membership, account)?;
    Ok(Say::SiteFounded {
        name: args.name.trim().to_owned(),
        site: key.site().to_string(),
        key_file: shown(&args.site_key),
        words: in_columns(&words),
        login: args.login.clone(),
    }
    .to_string())
}

fn shown(path: &PathBuf) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
}

/// The words with their numbers, four to a line.
fn in_columns(words: &[&str]) -> String {
    let mut lines = Vec::new();
    for (row, four) in words.chunks(4).enumerate() {
        let mut line = String::from("    ");
        for (column, word) in four.iter().enumerate() {
            let number = row * 4 + column + 1;
            // Accents are combining characters here: pad by what is seen.
            let seen = word.chars().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).count();
            let padding = " ".repeat(14_usize.saturating_sub(seen));
            line.push_str(&format!("{number:2}. {word}{padding}"));
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::init;
    use crate::cli::InitArgs;
    use crate::config::{Config, Kind};
    use crate::membership::Membership;
    use crate::seal;
    use crate::texts::Say;
    use crate::words;

    const PASSPHRASE: &str = "le margouillat dort sous la varangue";

    fn args(folder: &Path) -> InitArgs {
        std::fs::write(folder.join("passphrase"), PASSPHRASE).unwrap();
        std::fs::write(folder.join("password"), "Margouillat-974!").unwrap();
        InitArgs {
            name: "Médiathèque".into(),
            login: "lea".into(),
            operator_name: None,
            site_key: folder.join("site-key.txt"),
            passphrase_file: Some(folder.join("passphrase")),
            password_file: Some(folder.join("password")),
        }
    }

    fn config(folder: &Path) -> Config {
        Config { data_dir: folder.join("data"), kind: Kind::Admin, ..Config::default() }
    }

    #[test]
    fn site_is_founded_once_and_its_key_comes_back_both_ways() {
        let folder = tempfile::tempdir().unwrap();
        let (config, args) = (config(folder.path()), args(folder.path()));
        let said = init(&config, &args).unwrap();
        let membership = Membership::read(&config.data_dir).unwrap().unwrap();
        assert!(said.contains(&membership.site.to_string()), "{said}");

        let sealed = std::fs::read_to_string(&args.site_key).unwrap();
        let key = seal::open(&sealed, PASSPHRASE).unwrap();
        assert_eq!(key.site(), membership.site);
        let shown = said.lines().filter(|line| {
            let line = line.trim_start();
            line.starts_with(|c: char| c.is_ascii_digit()) && line.matches(". ").count() == 4
        });
        let typed = shown.collect::<Vec<_>>().join("\n");
        assert_eq!(words::read(&typed).unwrap(), *key.seed());
        assert!(!said.contains("Margouillat-974!"));

        let again = init(&config, &args).unwrap_err();
        assert!(matches!(again.downcast_ref(), Some(Say::HasSite { .. })));
    }

    #[test]
    fn what_fails_leaves_no_site_behind() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let good = args(folder.path());
        std::fs::write(folder.path().join("password"), "motdepasse").unwrap();
        let error = init(&config, &good).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Say::PasswordWeak { .. })));
        args(folder.path());
        std::fs::write(folder.path().join("passphrase"), "court").unwrap();
        assert!(init(&config, &good).is_err());
        assert_eq!(Membership::read(&config.data_dir).unwrap(), None);
        assert!(!good.site_key.exists());
        args(folder.path());
        init(&config, &good).unwrap();
    }

    #[test]
    fn kiosk_founds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { kind: Kind::Kiosk, ..config(folder.path()) };
        let error = init(&config, &args(folder.path())).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Say::NotAnAdmin)));
    }
}
