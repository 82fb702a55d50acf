//! `poste fault`: exercises that the site's own staff hold.

use domain::id::NodeId;

use crate::cli::fault::{FaultVerb, LimitArgs};
use crate::config::Config;
use crate::control::view::FaultView;
use crate::control::{Answer, Request};
use crate::site_fault::order::{What, Word};
use crate::site_fault::referee::Limits;
use crate::texts::{Lang, Say};

use super::{ask_admin, listed};

/// Cuts, restarts, ends, lists.
pub(crate) fn fault(config: &Config, verb: FaultVerb) -> anyhow::Result<String> {
    match verb {
        FaultVerb::Cut { nodes, from, limits } => {
            let from = if from.is_empty() { others(config, &nodes)? } else { from };
            begin(config, nodes, What::Cut { from }, limits)
        }
        FaultVerb::Restart { nodes, limits } => begin(config, nodes, What::Restart, limits),
        FaultVerb::End { json } => told(config, &Request::FaultEnd {}, json),
        FaultVerb::List { json } => told(config, &Request::FaultList {}, json),
    }
}

fn begin(
    config: &Config,
    nodes: Vec<NodeId>,
    what: What,
    args: LimitArgs,
) -> anyhow::Result<String> {
    let limits = Limits {
        hours: args.hours,
        share: args.share,
        keep_durable: args.keep_durable,
        deadline_s: args.deadline_s,
    };
    let request = Request::FaultBegin { nodes, what, for_s: args.for_s, limits };
    told(config, &request, args.json)
}

/// Every node that stands, but for these.
fn others(config: &Config, nodes: &[NodeId]) -> anyhow::Result<Vec<NodeId>> {
    let Answer::Nodes(all) = ask_admin(config, &Request::NodeList {})? else {
        return Err(Say::AnswerOdd.into());
    };
    let others = all.into_iter().filter(|node| !node.revoked && !nodes.contains(&node.node));
    Ok(others.map(|node| node.node).collect())
}

fn told(config: &Config, request: &Request, json: bool) -> anyhow::Result<String> {
    let answer = ask_admin(config, request)?;
    let lang = Lang::here();
    if let Answer::Foul(foul) = answer {
        return Err(Say::FaultNotOrdered { why: foul.words.pick(lang).to_owned() }.into());
    }
    let Answer::Faults(faults) = answer else {
        return Err(Say::AnswerOdd.into());
    };
    if json {
        return Ok(serde_json::to_string_pretty(&faults)?);
    }
    Ok(listed(&faults.iter().map(|fault| line(fault, lang)).collect::<Vec<_>>()))
}

fn line(fault: &FaultView, lang: Lang) -> String {
    let said = match (&fault.said, &fault.words) {
        (Word::Obeyed, _) => lang.pick("obéit", "obeys").to_owned(),
        (Word::Refused(_), Some(why)) => {
            format!("{}{}", lang.pick("refuse : ", "refuses: "), why.pick(lang))
        }
        (Word::Epoch(_) | Word::Refused(_), _) => {
            lang.pick("réponse incompréhensible", "makes no sense").to_owned()
        }
    };
    format!("{}  {:>5} s  {said}", fault.node, fault.left_s)
}
