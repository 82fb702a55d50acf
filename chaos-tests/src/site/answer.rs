//! What the admin node says to a fault that it is asked for, in words for people.

use domain::id::NodeId;
use serde::Deserialize;
use serde::de::IgnoredAny;
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

/// A node's word, as the control socket has it, and the same for people where it bears nothing.
#[derive(Debug, Deserialize)]
struct Told {
    node: NodeId,
    said: Said,
    words: Option<Words>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Epoch(IgnoredAny),
    Obeyed,
    Refused(Value),
}

/// Why nothing is ordered.
#[derive(Debug, Deserialize)]
struct Foul {
    words: Words,
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
            let known = Foul::deserialize(foul).map(|foul| foul.words);
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
            Said::Refused(why) => Some(self.words.unwrap_or_else(|| Words::same(why.to_string()))),
        };
        (self.node, against)
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
    fn a_limit_is_told_in_the_nodes_own_words() {
        let words = json!({"fr": "un poste est occupé", "en": "a kiosk is in use"});
        let told = foul(&json!({"why": "in_use", "words": words}));
        assert_eq!(told, Words::new("un poste est occupé", "a kiosk is in use"));
        assert_eq!(foul(&json!("of another release")).en, "\"of another release\"");
    }

    #[test]
    fn a_node_that_refuses_is_told_from_one_that_obeys() {
        let node = |number: u8| NodeId([number; 32]);
        let answer = json!({"faults": [
            {"node": node(1), "left_s": 5, "said": "obeyed"},
            {"node": node(2), "left_s": 5, "said": {"refused": "not_allowed"},
             "words": {"fr": "non", "en": "no"}},
            {"node": node(3), "left_s": 0, "said": {"epoch": node(9)}},
        ]});
        let Answer::Nodes(told) = Answer::read(Some(answer)) else { panic!("nodes answered") };
        let against: Vec<Option<Words>> = told.into_iter().map(|(_, against)| against).collect();
        assert_eq!(against, [None, Some(Words::new("non", "no")), None]);
    }

    #[test]
    fn what_is_no_answer_orders_nothing() {
        for answer in [None, Some(json!(7)), Some(json!({"refused": "authority"}))] {
            assert!(matches!(Answer::read(answer), Answer::Foul(_)));
        }
    }
}
