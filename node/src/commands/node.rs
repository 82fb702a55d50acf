//! `poste node`: nodes of the site.

use domain::authority::NodeKind;

use crate::cli::NodeVerb;
use crate::config::Config;
use crate::control::view::NodeView;
use crate::control::{Answer, Request};
use crate::texts::{Lang, Say};

use super::{ask, ask_admin, listed};

/// Lists, revokes.
pub(crate) fn node(config: &Config, verb: NodeVerb) -> anyhow::Result<String> {
    match verb {
        NodeVerb::List => {
            let Answer::Nodes(nodes) = ask(config, &Request::NodeList {})? else {
                return Err(Say::AnswerOdd.into());
            };
            let lines: Vec<String> = nodes.iter().map(|node| line(node, Lang::here())).collect();
            Ok(listed(&lines))
        }
        NodeVerb::Revoke { node } => {
            let Answer::Done = ask_admin(config, &Request::NodeRevoke { node })? else {
                return Err(Say::AnswerOdd.into());
            };
            Ok(Say::NodeRevoked.to_string())
        }
    }
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
    format!(
        "{}  {kind:<14}  {name:<20}  {}",
        node.node,
        marks.join(", ")
    )
}
