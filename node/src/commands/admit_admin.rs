//! `poste admit-admin`: the site key lets another admin node in.

use std::fs;

use crate::cli::AdminArgs;
use crate::config::Config;
use crate::invitation::{Invitation, Right};
use crate::membership::{Membership, admission};
use crate::prompt;
use crate::seal::{self, SiteKey};
use crate::texts::Say;
use crate::words;

/// Signs the admission and puts it into a join line. Nobody need be online: the
/// new node brings the certificate along.
pub(crate) fn admit_admin(config: &Config, args: &AdminArgs) -> anyhow::Result<String> {
    let key = site_key(args)?;
    // Where the command is given on a node of the site, the line says where it is.
    let addresses = match Membership::read(&config.data_dir)? {
        Some(here) if here.site == key.site() => reachable(config),
        Some(_) => return Err(Say::OtherSite.into()),
        None => Vec::new(),
    };
    let invitation = Invitation {
        site: key.site(),
        right: Right::Admitted(admission(&key, args.node).signature),
        addresses,
    };
    Ok(Say::AdminAdmitted { node: args.node.to_string(), line: invitation.write() }.to_string())
}

/// The link address of this node as others can dial it.
pub(crate) fn reachable(config: &Config) -> Vec<std::net::SocketAddr> {
    let dialable = config.listen.port() != 0 && !config.listen.ip().is_unspecified();
    dialable.then_some(config.listen).into_iter().collect()
}

/// The site key, from its sealed file or its recovery words.
///
/// # Errors
/// A file that cannot be read; a wrong passphrase; words that do not fit together.
pub(crate) fn site_key(args: &AdminArgs) -> Result<SiteKey, Say> {
    let file = args.passphrase_file.as_deref();
    let Some(path) = &args.site_key else {
        let typed = prompt::secret(file, &Say::AskWords)?;
        return Ok(SiteKey::of(words::read(&typed)?));
    };
    let sealed = fs::read_to_string(path).map_err(|error| Say::FileTrouble {
        file: path.display().to_string(),
        reason: error.to_string(),
    })?;
    seal::open(&sealed, &prompt::secret(file, &Say::AskPassphrase)?)
}

#[cfg(test)]
mod tests {
    use domain::id::NodeId;

    use super::admit_admin;
    use crate::cli::AdminArgs;
    use crate::config::{Config, Kind};
    use crate::invitation::Invitation;
    use crate::membership::Membership;
    use crate::seal::{self, SiteKey};
    use crate::seed::Seed;
    use crate::texts::Say;
    use crate::words;

    #[test]
    fn sealed_file_and_words_admit_alike() {
        let folder = tempfile::tempdir().unwrap();
        let key = SiteKey::of(Seed::from_bytes([5; 32]));
        let passphrase = "sept mots que personne ne devine";
        let file = folder.path().join("key");
        std::fs::write(&file, seal::seal(&key, passphrase).unwrap()).unwrap();
        let config =
            Config { data_dir: folder.path().join("data"), kind: Kind::Admin, ..Config::default() };
        std::fs::create_dir(&config.data_dir).unwrap();
        Membership::found(&key, "Site", NodeId([1; 32])).unwrap().create(&config.data_dir).unwrap();
        let secret = folder.path().join("secret");
        let node = NodeId([9; 32]);
        let words = words::write(key.seed()).unwrap().join(" ");
        for (site_key, typed) in [(Some(file), passphrase), (None, words.as_str())] {
            std::fs::write(&secret, typed).unwrap();
            let args = AdminArgs {
                node,
                words: site_key.is_none(),
                site_key,
                passphrase_file: Some(secret.clone()),
            };
            let said = admit_admin(&config, &args).unwrap();
            let line = said.split_whitespace().last().unwrap();
            let invitation = Invitation::read(line).unwrap();
            assert_eq!(invitation.addresses, [config.listen]);
            let joined = Membership::accept(&invitation, node, [0; 32]).unwrap();
            assert!(joined.certificates[0].certificate_holds(&key.site()));
        }
    }

    #[test]
    fn key_of_another_site_admits_nobody_here() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let here = SiteKey::of(Seed::from_bytes([5; 32]));
        Membership::found(&here, "Site", NodeId([1; 32])).unwrap().create(folder.path()).unwrap();
        let other = Seed::from_bytes([6; 32]);
        let secret = folder.path().join("words");
        std::fs::write(&secret, words::write(&other).unwrap().join(" ")).unwrap();
        let args = AdminArgs {
            node: NodeId([9; 32]),
            site_key: None,
            words: true,
            passphrase_file: Some(secret),
        };
        let error = admit_admin(&config, &args).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Say::OtherSite)));
    }
}
