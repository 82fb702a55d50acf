//! What the admin node says to a fault that it is asked for, in words for people.

use domain::id::NodeId;
use serde::Deserialize;
use serde_json::Value;

use crate::scenario::Words;

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// What each node said: nothing against it, or why it bears nothing.
    Nodes(Vec<(NodeId, Option<Words>)>),
    /// Nothing is ordered: why.
    Foul(Words),
}

/// A node's word, as the control socket has it.
#[derive(Debug, Deserialize)]
struct Told {
    node: NodeId,
    said: Said,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Epoch(serde::de::IgnoredAny),
    Obeyed,
    Refused(String),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Foul {
    OutOfHours,
    InUse,
    BeyondShare { kiosks: u64, of: u64, share: u64 },
    LastDurable { left: u64, keep: u64 },
    TooLong { most_s: u64 },
    UnknownNode,
}

impl Answer {
    /// Reads an answer. What is none, or of a release that says more, is shown as it came.
    pub(super) fn read(answer: Option<Value>) -> Self {
        let Some(answer) = answer else {
            return Self::Foul(Words::new(
                "l'accueil ne répond pas",
                "the admin node does not answer",
            ));
        };
        if let Some(foul) = answer.get("foul") {
            let known = Foul::deserialize(foul).map(|foul| foul.words());
            return Self::Foul(known.unwrap_or_else(|_| Words::same(foul.to_string())));
        }
        match answer.get("faults").map(Vec::<Told>::deserialize) {
            Some(Ok(told)) => Self::Nodes(told.into_iter().map(Told::judged).collect()),
            Some(Err(_)) | None => Self::Foul(Words::same(answer.to_string())),
        }
    }
}

impl Told {
    fn judged(self) -> (NodeId, Option<Words>) {
        let against = match self.said {
            Said::Epoch(_) | Said::Obeyed => None,
            Said::Refused(why) => Some(match why.as_str() {
                "not_allowed" => Words::new(
                    "sa configuration ne dit pas faults.obey = true",
                    "its configuration does not say faults.obey = true",
                ),
                "no_answer" => Words::new("pas de réponse", "no answer came"),
                _ => Words::same(why),
            }),
        };
        (self.node, against)
    }
}

impl Foul {
    fn words(&self) -> Words {
        match self {
            Self::OutOfHours => Words::new(
                "ce n'est pas l'heure que disent les limites du scénario",
                "it is not the hour that the scenario's limits say",
            ),
            Self::InUse => Words::new(
                "un poste concerné est occupé, et les limites ne disent aucune heure",
                "a kiosk concerned is in use, and the limits state no hours",
            ),
            Self::BeyondShare { kiosks, of, share } => Words::new(
                format!(
                    "postes en panne à la fois : {kiosks} sur {of}, les limites disent {share} %"
                ),
                format!(
                    "kiosks under a fault at one time: {kiosks} of {of}, the limits say {share} %"
                ),
            ),
            Self::LastDurable { left, keep } => Words::new(
                format!(
                    "nœuds durables intacts : il en resterait {left}, les limites en veulent {keep}"
                ),
                format!("durable nodes untouched: {left} would be left, the limits want {keep}"),
            ),
            Self::TooLong { most_s } => Words::new(
                format!("une panne dure {most_s} s au plus"),
                format!("a fault lasts {most_s} s at most"),
            ),
            Self::UnknownNode => Words::new(
                "une machine nommée n'est pas du site",
                "a machine that was named is not of this site",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn foul(foul: &Value) -> Words {
        match Answer::read(Some(json!({ "foul": foul }))) {
            Answer::Foul(words) => words,
            other @ Answer::Nodes(_) => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_limit_is_told_in_words() {
        for known in [
            json!("out_of_hours"),
            json!("in_use"),
            json!({"beyond_share": {"kiosks": 2, "of": 3, "share": 10}}),
            json!({"last_durable": {"left": 0, "keep": 1}}),
            json!({"too_long": {"most_s": 60}}),
            json!("unknown_node"),
        ] {
            let words = foul(&known);
            assert!(!words.en.contains('_') && words.fr != words.en, "{known}: {words:?}");
        }
        assert_eq!(foul(&json!("of a later release")).en, "\"of a later release\"");
    }

    #[test]
    fn a_node_that_refuses_is_told_from_one_that_obeys() {
        let node = |number: u8| NodeId([number; 32]);
        let answer = json!({"faults": [
            {"node": node(1), "left_s": 5, "said": "obeyed"},
            {"node": node(2), "left_s": 5, "said": {"refused": "not_allowed"}},
            {"node": node(3), "left_s": 0, "said": {"epoch": node(9)}},
        ]});
        let Answer::Nodes(told) = Answer::read(Some(answer)) else { panic!("nodes answered") };
        let against: Vec<bool> = told.iter().map(|(_, against)| against.is_some()).collect();
        assert_eq!(against, [false, true, false]);
    }

    #[test]
    fn what_is_no_answer_orders_nothing() {
        for answer in [None, Some(json!(7)), Some(json!({"refused": "authority"}))] {
            assert!(matches!(Answer::read(answer), Answer::Foul(_)));
        }
    }
}
