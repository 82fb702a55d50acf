//! `poste join`: a machine takes up an invitation.

use std::fs;
use std::io::{BufRead, Write};

use domain::id::NodeId;

use super::pairing::pair;
use crate::cli::JoinArgs;
use crate::config::{Config, Kind};
use crate::invitation::Invitation;
use crate::key_file;
use crate::machine;
use crate::membership::{Membership, node_seed};
use crate::seed::Seed;
use crate::texts::Say;

/// Longest line that is read, in bytes.
const LINE_MAX: u64 = 4096;

/// Makes the node's key if there is none and keeps its place in the site. It meets
/// the others when it runs.
pub(crate) fn join(config: &Config, args: &JoinArgs) -> anyhow::Result<String> {
    key_file::private_folder(&config.data_dir)?;
    let before = Membership::read(&config.data_dir)?;
    let has_site = || Say::HasSite { folder: config.data_dir.display().to_string() };
    if before.is_some() && args.line.is_none() && args.line_file.is_none() {
        return Err(has_site().into());
    }
    if let Some(address) = args.pair {
        return pair(config, address);
    }
    let line = match (&args.line, &args.line_file) {
        (Some(line), _) => line.clone(),
        (None, Some(file)) => fs::read_to_string(file).map_err(|error| Say::FileTrouble {
            file: file.display().to_string(),
            reason: error.to_string(),
        })?,
        (None, None) if config.kind == Kind::Admin => {
            let node = NodeId(node_seed(&config.data_dir)?.public());
            return Ok(Say::AwaitsAdmission { node: node.to_string() }.to_string());
        }
        (None, None) => ask_line()?,
    };
    let invitation = Invitation::read(&line)?;
    if let Some(before) = before {
        if before.site != invitation.site || before.kind != Kind::Kiosk {
            return Err(has_site().into());
        }
        return join_again(config, &invitation);
    }
    let node = NodeId(node_seed(&config.data_dir)?.public());
    let membership = accept(config, &invitation, node)?;
    membership.create(&config.data_dir)?;
    Ok(Say::Joined { site: membership.site.to_string() }.to_string())
}

/// A kiosk that was turned away, or revoked, is let in again: by a key that nobody has revoked. What
/// its store holds of the site stays.
fn join_again(config: &Config, invitation: &Invitation) -> anyhow::Result<String> {
    let _lock = crate::running::lock(&config.data_dir)?;
    let seed = Seed::fresh()?;
    let membership = accept(config, invitation, NodeId(seed.public()))?;
    // A power cut between the two leaves a key that nobody knows: this command mends it.
    key_file::write_private(&config.data_dir.join("node.key"), seed.bytes())?;
    membership.replace(&config.data_dir)?;
    Ok(Say::JoinedAgain { site: membership.site.to_string() }.to_string())
}

/// The membership that `invitation` gives the node that `config` describes.
pub(crate) fn accept(
    config: &Config,
    invitation: &Invitation,
    node: NodeId,
) -> Result<Membership, Say> {
    let membership = Membership::accept(invitation, node, machine::beneath(config)?)?;
    if membership.kind != config.kind {
        let kind = match membership.kind {
            Kind::Admin => "admin",
            Kind::Kiosk => "kiosk",
        };
        return Err(Say::InvitationKind { kind: kind.to_owned() });
    }
    Ok(membership)
}

fn ask_line() -> Result<String, Say> {
    let trouble = |error: std::io::Error| Say::FileTrouble {
        file: "stdin".to_owned(),
        reason: error.to_string(),
    };
    let mut terminal = std::io::stderr();
    write!(terminal, "{}", Say::AskLine).and_then(|()| terminal.flush()).map_err(trouble)?;
    let mut line = String::new();
    let mut stdin = std::io::Read::take(std::io::stdin().lock(), LINE_MAX);
    stdin.read_line(&mut line).map_err(trouble)?;
    if line.trim().is_empty() {
        return Err(Say::NothingTyped);
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use domain::id::{NodeId, SiteId};

    use super::join;
    use crate::cli::JoinArgs;
    use crate::config::{Config, Kind, KioskConfig};
    use crate::invitation::{Invitation, Right};
    use crate::membership::{Membership, admission, node_seed};
    use crate::seal::SiteKey;
    use crate::seed::Seed;
    use crate::texts::Say;

    fn config(folder: &Path, kind: Kind) -> Config {
        Config {
            data_dir: folder.join("data"),
            kind,
            kiosk: KioskConfig { machine: "test".into(), ..KioskConfig::default() },
            ..Config::default()
        }
    }

    fn by(line: Option<String>) -> JoinArgs {
        JoinArgs { line, line_file: None, pair: None }
    }

    #[test]
    fn kiosk_joins_once_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), Kind::Kiosk);
        let invitation = Invitation {
            site: SiteId([8; 32]),
            right: Right::RoomToken(Seed::from_bytes([3; 32])),
            addresses: vec!["127.0.0.1:7443".parse().unwrap()],
        };
        let mut typo = invitation.write();
        typo.pop();
        let error = join(&config, &by(Some(typo))).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Say::InvitationTypo)));
        join(&config, &by(Some(invitation.write()))).unwrap();
        let membership = Membership::read(&config.data_dir).unwrap();
        // The site of this invitation is nobody's key; its certificate still holds,
        // being the token's.
        assert_eq!(membership.unwrap().members, invitation.addresses);
        let again = join(&config, &by(None)).unwrap_err();
        assert!(matches!(again.downcast_ref(), Some(Say::HasSite { .. })));
    }

    #[test]
    fn kiosk_that_was_turned_away_is_let_in_again_by_its_own_site_only() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), Kind::Kiosk);
        let line = |site: u8, token: u8| {
            let right = Right::RoomToken(Seed::from_bytes([token; 32]));
            Invitation { site: SiteId([site; 32]), right, addresses: Vec::new() }.write()
        };
        join(&config, &by(Some(line(8, 3)))).unwrap();
        let first = Membership::read(&config.data_dir).unwrap().unwrap();
        let node = node_seed(&config.data_dir).unwrap().public();
        let other = join(&config, &by(Some(line(9, 4)))).unwrap_err();
        assert!(matches!(other.downcast_ref(), Some(Say::HasSite { .. })));
        assert_eq!(Membership::read(&config.data_dir).unwrap().unwrap(), first);
        join(&config, &by(Some(line(8, 4)))).unwrap();
        let second = Membership::read(&config.data_dir).unwrap().unwrap();
        assert_eq!(second.kiosk, first.kiosk, "the machine is the same kiosk");
        assert_ne!(second.certificates, first.certificates);
        assert_ne!(node_seed(&config.data_dir).unwrap().public(), node);
    }

    #[test]
    fn admin_node_says_its_id_until_it_is_admitted() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), Kind::Admin);
        let said = join(&config, &by(None)).unwrap();
        let node = NodeId(node_seed(&config.data_dir).unwrap().public());
        assert!(said.contains(&node.to_string()), "{said}");
        let key = SiteKey::of(Seed::from_bytes([5; 32]));
        let line = |right| Invitation { site: key.site(), right, addresses: Vec::new() }.write();
        let token = line(Right::RoomToken(Seed::from_bytes([3; 32])));
        let error = join(&config, &by(Some(token))).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Say::InvitationKind { .. })));
        let other = line(Right::Admitted(admission(&key, NodeId([1; 32])).signature));
        let error = join(&config, &by(Some(other))).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Say::InvitationForAnother)));
        let right = line(Right::Admitted(admission(&key, node).signature));
        join(&config, &by(Some(right))).unwrap();
    }
}
