//! Who is there: the site's nodes, as hosts of a scenario.

use domain::authority::NodeKind;
use domain::id::{KioskId, NodeId};
use serde::Deserialize;
use serde_json::json;

use crate::event::HostId;
use crate::lab::control::Control;
use crate::scenario::{Limits, Scenario, Shape, Words};
use crate::target::NotRun;

use super::answer::Answer;
use super::cannot;
use super::order::Order;

/// A node as the admin node lists it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Listed {
    node: NodeId,
    kind: NodeKind,
    kiosk: Option<KioskId>,
    kiosk_name: Option<String>,
    linked: bool,
    revoked: bool,
}

/// The nodes that take part: those that the admin node is linked to, and itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Roll {
    /// By host: admin nodes first, the one that is asked before all; then kiosks by name, as people count.
    nodes: Vec<Listed>,
    admins: u16,
}

impl Roll {
    /// Calls the roll.
    pub(super) fn call(control: &Control, scenario: &Scenario) -> Result<Self, NotRun> {
        let nobody = || {
            let folder = control.folder().display();
            cannot(Words::new(
                format!(
                    "aucun accueil ne répond dans {folder} : lancez ceci sur sa machine, sous son compte, \
                     avec --data-dir"
                ),
                format!(
                    "no admin node answers in {folder}: run this on its machine, as its account, with \
                     --data-dir"
                ),
            ))
        };
        let status = control.status().ok_or_else(nobody)?;
        let mut answer = control.ask(&json!({"do": "node_list"})).ok_or_else(nobody)?;
        let listed = answer.get_mut("nodes").ok_or_else(nobody)?.take();
        let listed: Vec<Listed> = serde_json::from_value(listed)
            .map_err(|error| cannot(Words::same(error.to_string())))?;
        let roll = Self::of(listed, status.node);
        let (site, wanted) = (roll.shape(&scenario.site), &scenario.site);
        if site.admins < wanted.admins || site.kiosks < wanted.kiosks {
            return Err(cannot(Words::new(
                format!(
                    "le scénario veut {} accueils et {} postes, {} et {} sont reliés",
                    wanted.admins, wanted.kiosks, site.admins, site.kiosks
                ),
                format!(
                    "the scenario wants {} admin nodes and {} kiosks, {} and {} are linked",
                    wanted.admins, wanted.kiosks, site.admins, site.kiosks
                ),
            )));
        }
        Ok(roll)
    }

    fn of(listed: Vec<Listed>, asked: NodeId) -> Self {
        let mut nodes: Vec<Listed> =
            listed.into_iter().filter(|node| node.linked && !node.revoked).collect();
        nodes.sort_by_key(|node| {
            let name = node.kiosk_name.as_deref().map(counted);
            (node.kind, node.node != asked, name, node.node)
        });
        let admins = nodes.iter().filter(|node| node.kind == NodeKind::Admin).count();
        Self { nodes, admins: u16::try_from(admins).unwrap_or(u16::MAX) }
    }

    /// The scenario on this site: as many hosts as are there, and nobody who is sent to use them.
    pub(super) fn fit(&self, scenario: &Scenario) -> Scenario {
        let site = self.shape(&scenario.site);
        Scenario { site, load: Vec::new(), ..scenario.clone() }
    }

    /// Whether the admin node would give an order at this moment, and somebody would obey it.
    pub(super) fn check(
        &self,
        control: &Control,
        order: &Order,
        limits: &Limits,
    ) -> Result<(), NotRun> {
        match Answer::read(control.ask(&order.request("fault_check", self, limits))) {
            Answer::Foul(why) => Err(cannot(why)),
            Answer::Nodes(told) if told.iter().any(|(_, against)| against.is_none()) => Ok(()),
            Answer::Nodes(told) => {
                let why = told.into_iter().find_map(|(_, against)| against);
                let why = why.unwrap_or_else(|| Words::new("personne", "nobody"));
                Err(cannot(Words::new(
                    format!("aucune machine désignée n'obéirait : {}", why.fr),
                    format!("no machine that is meant would obey: {}", why.en),
                )))
            }
        }
    }

    fn shape(&self, wanted: &Shape) -> Shape {
        let all = u16::try_from(self.nodes.len()).unwrap_or(u16::MAX);
        Shape { admins: self.admins, kiosks: all - self.admins, amnesic: 0, ..wanted.clone() }
    }

    /// The node of a host.
    pub(super) fn node(&self, host: HostId) -> Option<NodeId> {
        self.nodes.get(usize::from(host.0)).map(|node| node.node)
    }

    /// The host of a node.
    pub(super) fn host(&self, node: &NodeId) -> Option<HostId> {
        let at = self.nodes.iter().position(|listed| listed.node == *node)?;
        u16::try_from(at).ok().map(HostId)
    }

    /// The kiosk that a host's node serves.
    pub(super) fn kiosk(&self, host: HostId) -> Option<KioskId> {
        self.nodes.get(usize::from(host.0)).and_then(|node| node.kiosk)
    }

    /// What reports call each host: a kiosk by the name that staff gave it.
    pub(super) fn names(&self, site: &Shape) -> Vec<String> {
        let named = site.hosts().zip(&self.nodes);
        let names = named.map(|(host, node)| match &node.kiosk_name {
            Some(name) => format!("{} ({name})", site.name(host)),
            None => site.name(host),
        });
        names.collect()
    }
}

/// A name in pieces, so that « Poste 2 » comes before « Poste 10 »: runs of digits count as numbers.
fn counted(name: &str) -> Vec<(u64, String)> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let words = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        let (text, from) = rest.split_at(words);
        let digits = from.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(from.len());
        let (number, after) = from.split_at(digits);
        pieces.push((0, text.to_lowercase()));
        pieces.push((number.parse().unwrap_or(u64::MAX), number.to_owned()));
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(number: u8, kind: NodeKind, name: Option<&str>) -> Listed {
        Listed {
            node: NodeId([number; 32]),
            kind,
            kiosk: None,
            kiosk_name: name.map(str::to_owned),
            linked: true,
            revoked: false,
        }
    }

    #[test]
    fn hosts_are_the_asked_node_then_admins_then_kiosks_by_name() {
        let mut gone = listed(9, NodeKind::Kiosk, Some("Poste 0"));
        gone.linked = false;
        let mut out = listed(8, NodeKind::Kiosk, Some("Poste 00"));
        out.revoked = true;
        let all = vec![
            listed(1, NodeKind::Kiosk, Some("Poste 2")),
            listed(5, NodeKind::Kiosk, Some("Poste 10")),
            listed(6, NodeKind::Kiosk, Some("Accueil")),
            listed(2, NodeKind::Admin, None),
            listed(3, NodeKind::Admin, None),
            listed(4, NodeKind::Kiosk, Some("Poste 1")),
            gone,
            out,
        ];
        let roll = Roll::of(all, NodeId([3; 32]));
        let order: Vec<u8> = roll.nodes.iter().map(|node| node.node.0[0]).collect();
        assert_eq!(order, [3, 2, 6, 4, 1, 5]);
        assert_eq!(roll.host(&NodeId([4; 32])), Some(HostId(3)));
        assert_eq!(roll.node(HostId(9)), None);
    }
}
