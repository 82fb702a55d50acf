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

/// Local hours, from one minute of the day to another: over midnight where the end is not after
/// the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: u16,
    until: u16,
}

impl Hours {
    /// Reads `20:00-07:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        Some(Self { from: minute(from)?, until: minute(until)? })
    }

    /// Whether a minute of the day is within.
    pub fn hold(self, minute: u16) -> bool {
        if self.from < self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        }
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour < 24).then_some(hour * 60 + minute)
}

impl Limits {
    pub(super) fn check(&self) -> Checked {
        if let Some(text) = &self.hours
            && Hours::parse(text).is_none()
        {
            return no("hours", format!("{text:?} are no hours: write them as 20:00-07:00"));
        }
        within("share", self.share(), 1, 100)?;
        within("keep_durable", self.keep_durable(), 1, u16::MAX)?;
        within("deadline_s", self.deadline_s(), 1, DEADLINE_MAX_S)
    }

    /// The hours, if the file says some.
    pub fn hours(&self) -> Option<Hours> {
        self.hours.as_deref().and_then(Hours::parse)
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
