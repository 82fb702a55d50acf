//! `poste revoke-admin`: the site key puts an admin node out.

use domain::decide::cut_parts;
use domain::fact::{AdminRevoked, Cut, admin_revocation_bytes};
use domain::id::{NodeId, RequestId};

use crate::cli::AdminArgs;
use crate::config::Config;
use crate::control::{Answer, Request};
use crate::membership::Membership;
use crate::seal::SiteKey;
use crate::seed::random_bytes;
use crate::texts::Say;

use super::admit_admin::site_key;
use super::ask_admin;

/// Signs where the running node says that the other one's entries end, and has it
/// written into the ledger.
pub(crate) fn revoke_admin(config: &Config, args: &AdminArgs) -> anyhow::Result<String> {
    let key = site_key(args)?;
    match Membership::read(&config.data_dir)? {
        Some(here) if here.site == key.site() => {}
        Some(_) => return Err(Say::OtherSite.into()),
        None => {
            let folder = config.data_dir.display().to_string();
            return Err(Say::NoSite { folder }.into());
        }
    }
    let node = args.node;
    // Asked for after the passphrase was typed: nobody's work meanwhile is cut off.
    let answer = ask_admin(config, &Request::AdminCut { node })?;
    if answer == Answer::Done {
        return Ok(Say::AdminRevokedAlready.to_string());
    }
    let Answer::Cut(cut) = answer else {
        return Err(Say::AnswerOdd.into());
    };
    let parts = revocation(&key, node, &cut)?;
    let Answer::Done = ask_admin(config, &Request::AdminRevoke { parts })? else {
        return Err(Say::AnswerOdd.into());
    };
    Ok(Say::AdminRevoked.to_string())
}

/// The site key's word that `node` is none of the site's admin nodes beyond `cut`.
fn revocation(key: &SiteKey, node: NodeId, cut: &[Cut]) -> Result<Vec<AdminRevoked>, Say> {
    let broken = |error: &dyn std::fmt::Display| Say::Broken { reason: error.to_string() };
    let intent = RequestId(random_bytes()?);
    let mut parts = Vec::new();
    for (part, cut) in cut_parts(intent, cut)? {
        let bytes = admin_revocation_bytes(&key.site(), &node, &part, &cut);
        let signature = key.sign(&bytes.map_err(|error| broken(&error))?);
        parts.push(AdminRevoked { node, part, cut, signature });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use domain::fact::{Cut, Fact};
    use domain::id::{EpochId, NodeId};

    use super::revocation;
    use crate::seal::SiteKey;
    use crate::seed::Seed;

    #[test]
    fn every_part_of_a_revocation_holds_by_itself() {
        let key = SiteKey::of(Seed::from_bytes([5; 32]));
        let cut: Vec<Cut> = (0..25)
            .map(|n| Cut { epoch: EpochId([n; 32]), height: u64::from(n), head: [n; 32] })
            .collect();
        for cut in [&cut[..], &[]] {
            let parts = revocation(&key, NodeId([9; 32]), cut).unwrap();
            let together: Vec<Cut> = parts.iter().flat_map(|part| part.cut.clone()).collect();
            assert_eq!(together, cut);
            for part in parts {
                let fact = Fact::from(part);
                assert!(fact.speaks_for_itself());
                assert!(fact.certificate_holds(&key.site()));
                assert!(!fact.certificate_holds(&SiteKey::of(Seed::from_bytes([6; 32])).site()));
            }
        }
    }
}
