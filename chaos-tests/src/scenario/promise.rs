//! What a scenario promises besides the invariants: that people are served, and how soon.
//!
//! The invariants say what may never happen. A house that takes nobody breaks none of them.

use serde::{Deserialize, Serialize};

use crate::fault::Hosts;
use crate::scenario::Words;

/// One promise. Times are seconds after the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what", deny_unknown_fields)]
pub enum Promise {
    /// Codes open: who types one within this time gets in, there and then or after typing it again.
    CodesOpen {
        /// From then.
        from_s: u64,
        /// For so long.
        for_s: u64,
        /// Of those who typed one, so many in a hundred get in. Whose code staff had withdrawn or closed
        /// does not count, nor a try at a kiosk that is out of order. Rounded in favour of the site.
        #[serde(default = "everybody")]
        share: u8,
        /// So many get in at least.
        least: u32,
        /// On each of these kiosks by itself. Not said: on whichever kiosk.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hosts: Option<Hosts>,
    },
    /// Whatever ran at that time is over a while later.
    Over {
        /// At that time.
        at_s: u64,
        /// So much later.
        within_s: u64,
    },
    /// Whoever starts within this time soon holds all that others held then.
    Ready {
        /// From then.
        from_s: u64,
        /// For so long.
        for_s: u64,
        /// So soon.
        within_s: u64,
        /// So many start at least.
        least: u32,
    },
    /// In the end every node shows at least so many sessions of this kind.
    Listed {
        /// Of which kind.
        sessions: Listing,
        /// So many.
        least: u32,
    },
}

/// What a session is listed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listing {
    /// More was used than was granted.
    Overdrawn,
    /// An operator ended it, and it stays so.
    ClosedByStaff,
}

fn everybody() -> u8 {
    100
}

impl Promise {
    /// What is promised, in both languages.
    pub fn words(&self) -> Words {
        let (fr, en) = match self {
            Promise::CodesOpen { from_s, for_s, share, least, hosts } => {
                let until_s = from_s.saturating_add(*for_s);
                let where_fr = hosts.as_ref().map(|hosts| format!(" sur {}", hosts.0));
                let where_en = hosts.as_ref().map(|hosts| format!(" on {}", hosts.0));
                (
                    format!(
                        "Les codes ouvrent{} : de {from_s} à {until_s} s, au moins {share} % de ceux qui en tapent \
                         un entrent, et au moins {least}.",
                        where_fr.unwrap_or_default()
                    ),
                    format!(
                        "Codes open{}: from {from_s} to {until_s} s, at least {share} % of those who type one get \
                         in, and at least {least}.",
                        where_en.unwrap_or_default()
                    ),
                )
            }
            Promise::Over { at_s, within_s } => (
                format!("Tout ce qui tournait à {at_s} s est fini {within_s} s plus tard."),
                format!("Whatever ran at {at_s} s is over {within_s} s later."),
            ),
            Promise::Ready { from_s, for_s, within_s, least } => {
                let until_s = from_s.saturating_add(*for_s);
                (
                    format!(
                        "Qui démarre de {from_s} à {until_s} s ({least} au moins) sait en {within_s} s tout ce que \
                         les autres savaient."
                    ),
                    format!(
                        "Whoever starts from {from_s} to {until_s} s ({least} at least) knows within {within_s} s \
                         all that the others knew."
                    ),
                )
            }
            Promise::Listed { sessions, least } => match sessions {
                Listing::Overdrawn => (
                    format!("Chaque machine signale le dépassement d'au moins {least} session(s)."),
                    format!("Every node lists the overdraft of at least {least} session(s)."),
                ),
                Listing::ClosedByStaff => (
                    format!("Au moins {least} sessions sont fermées par un animateur, partout."),
                    format!("At least {least} sessions are closed by an operator, everywhere."),
                ),
            },
        };
        Words { fr, en }
    }

    /// The kiosks that it names.
    pub fn hosts(&self) -> Option<&Hosts> {
        match self {
            Promise::CodesOpen { hosts, .. } => hosts.as_ref(),
            Promise::Over { .. } | Promise::Ready { .. } | Promise::Listed { .. } => None,
        }
    }
}
