//! What a site costs against the number of its nodes.

use std::path::Path;

use crate::scenario::{Hold, Limits, Load, Policy, Scenario, Shape, Words};
use crate::target::{NotRun, Outcome, Progress, Target};

use super::Lab;

/// Length of a run at each size, in seconds.
const LASTS_S: u64 = 60;

/// Runs sites of so many nodes, one after another, with a patron on every second kiosk in an hour's
/// rhythm and nothing going wrong; what came of each.
///
/// # Errors
/// The first that could not be run.
pub fn growth(
    sizes: &[u16],
    binary: &Path,
    folder: &Path,
    watch: &mut dyn FnMut(&Progress),
) -> Result<Vec<Outcome>, NotRun> {
    let mut outcomes = Vec::new();
    for size in sizes {
        let mut lab = Lab::new(binary.to_owned(), folder.join(size.to_string()));
        outcomes.push(lab.run(&room_of(*size), u64::from(*size), watch)?);
    }
    Ok(outcomes)
}

fn room_of(nodes: u16) -> Scenario {
    let words = |fr: String, en: String| Words { fr, en };
    Scenario {
        title: words(format!("Une salle de {nodes} nœuds"), format!("A room of {nodes} nodes")),
        about: words(
            "Ce que coûte un site, sans panne.".to_owned(),
            "What a site costs when nothing goes wrong.".to_owned(),
        ),
        site: Shape {
            admins: 2,
            kiosks: nodes.saturating_sub(2),
            amnesic: 0,
            policy: Policy::Codes,
            allowance_min: None,
            history_days: 0,
            checkpoint_after: None,
            checkpoint_every_min: None,
        },
        lasts_s: LASTS_S,
        seed: None,
        hold: Hold::default(),
        promise: Vec::new(),
        load: vec![Load::Patrons {
            from_s: 0,
            // Half of the kiosks are taken by the middle of the run.
            per_hour: u32::from(nodes) * 60,
            minutes: 30,
        }],
        fault: Vec::new(),
        limits: Limits::default(),
    }
}
