//! The limits of a run on a real site.

use super::{Checked, no, within};
use crate::scenario::Limits;

/// Longest that one fault may last on a real site, in seconds: an hour without a controller is what
/// a house can bear.
const DEADLINE_MAX_S: u64 = 3_600;
/// Deadline of a fault for which the file says none, in seconds.
const DEADLINE_S: u64 = 60;
/// Kiosks under a fault at one time, in hundredths, where the file says nothing: a tenth.
const SHARE: u8 = 10;

impl Limits {
    pub(super) fn check(&self) -> Checked {
        if let Some(text) = &self.hours
            && !are_hours(text)
        {
            return no(
                "hours",
                format!("{text:?} ne sont pas des heures : écrivez par exemple 20:00-07:00"),
                format!("{text:?} are no hours: write them as 20:00-07:00"),
            );
        }
        within("share", self.share(), 1, 100)?;
        within("keep_durable", self.keep_durable(), 1, u16::MAX)?;
        within("deadline_s", self.deadline_s(), 1, DEADLINE_MAX_S)
    }

    /// Most kiosks under a fault at one time, in hundredths.
    pub fn share(&self) -> u8 {
        self.share.unwrap_or(SHARE)
    }

    /// Durable nodes that are never touched at one time.
    pub fn keep_durable(&self) -> u16 {
        self.keep_durable.unwrap_or(1)
    }

    /// Longest that one fault lasts, in seconds.
    pub fn deadline_s(&self) -> u64 {
        self.deadline_s.unwrap_or(DEADLINE_S)
    }
}

/// Whether a node reads these as hours. It alone judges by them: it has the clock.
fn are_hours(text: &str) -> bool {
    text.split_once('-').is_some_and(|(from, until)| is_time(from) && is_time(until))
}

fn is_time(text: &str) -> bool {
    let below = |part: &str, bound: u8| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits && part.parse::<u8>().is_ok_and(|number| number < bound)
    };
    text.split_once(':').is_some_and(|(hour, minute)| below(hour, 24) && below(minute, 60))
}
