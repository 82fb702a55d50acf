//! `poste node`: nodes of the site, and machines that want to be.

use domain::authority::NodeKind;

use crate::cli::NodeVerb;
use crate::config::{Config, Kind};
use crate::control::view::{NodeView, PairingView};
use crate::control::{Answer, Request};
use crate::texts::{Lang, Say};

use super::{ask, ask_admin, listed};

/// Lists, pairs, refuses, revokes.
pub(crate) fn node(config: &Config, verb: NodeVerb) -> anyhow::Result<String> {
    match verb {
        NodeVerb::List => {
            let Answer::Nodes(nodes) = ask(config, &Request::NodeList {})? else {
                return Err(Say::AnswerOdd.into());
            };
            let lang = Lang::here();
            let mut lines: Vec<String> = nodes.iter().map(|node| line(node, lang)).collect();
            lines.extend(waiting(config)?.iter().map(|one| waiting_line(one, lang)));
            Ok(listed(&lines))
        }
        NodeVerb::Pair { which, kiosk, room } => {
            let request = Request::Pair { which, kiosk, room };
            let Answer::Done = ask_admin(config, &request)? else {
                return Err(Say::AnswerOdd.into());
            };
            Ok(Say::NodePaired.to_string())
        }
        NodeVerb::Refuse { which } => {
            let Answer::Done = ask_admin(config, &Request::PairRefuse { which })? else {
                return Err(Say::AnswerOdd.into());
            };
            Ok(Say::PairingTurnedAway.to_string())
        }
        NodeVerb::Revoke { node } => {
            let Answer::Done = ask_admin(config, &Request::NodeRevoke { node })? else {
                return Err(Say::AnswerOdd.into());
            };
            Ok(Say::NodeRevoked.to_string())
        }
    }
}

fn waiting(config: &Config) -> anyhow::Result<Vec<PairingView>> {
    if config.kind != Kind::Admin {
        return Ok(Vec::new());
    }
    let Answer::Pairings(waiting) = ask(config, &Request::PairingList {})? else {
        return Err(Say::AnswerOdd.into());
    };
    Ok(waiting)
}

fn waiting_line(one: &PairingView, lang: Lang) -> String {
    let waits = lang.pick("attend, chiffres", "waits, digits");
    format!("{}  {waits} {}", one.node, one.digits)
}

fn line(node: &NodeView, lang: Lang) -> String {
    let kind = match node.kind {
        NodeKind::Admin => lang.pick("administration", "admin"),
        NodeKind::Kiosk => lang.pick("poste", "kiosk"),
    };
    let name = node.kiosk_name.as_deref().unwrap_or("");
    let mut marks = Vec::new();
    if node.revoked {
        marks.push(lang.pick("révoqué", "revoked"));
    } else if node.linked {
        marks.push(lang.pick("joint", "linked"));
    } else {
        marks.push(lang.pick("injoignable", "unreachable"));
    }
    if node.forked {
        marks.push(lang.pick("DOUBLE JOURNAL", "FORKED"));
    }
    format!("{}  {kind:<14}  {name:<20}  {}", node.node, marks.join(", "))
}
