//! Local hours within which an exercise may be held.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::config::TimeOfDay;

/// From one time of day to another: over midnight where the end is not after the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hours {
    from: TimeOfDay,
    until: TimeOfDay,
}

/// Minutes of a day.
const DAY_MIN: u32 = 24 * 60;

impl Hours {
    /// Whether all of so many seconds from a time of day on are within. The minute that runs counts whole.
    pub(crate) fn hold(self, time: TimeOfDay, for_s: u32) -> bool {
        let since = |earlier: TimeOfDay, later: TimeOfDay| {
            (u32::from(later.minutes()) + DAY_MIN - u32::from(earlier.minutes())) % DAY_MIN
        };
        // From a time to itself is the whole day.
        let whole = match since(self.from, self.until) {
            0 => return true,
            minutes => minutes,
        };
        let begun = since(self.from, time);
        begun < whole && begun + for_s.div_ceil(60) <= whole
    }
}

impl FromStr for Hours {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (from, until) = text.split_once('-').ok_or("hours are written 20:00-07:00")?;
        Ok(Self { from: from.parse()?, until: until.parse()? })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.until)
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Hours;

    fn within(hours: &str, time: &str) -> bool {
        all_within(hours, time, 1)
    }

    fn all_within(hours: &str, time: &str, for_s: u32) -> bool {
        hours.parse::<Hours>().unwrap().hold(time.parse().unwrap(), for_s)
    }

    #[test]
    fn what_begins_within_has_to_end_within() {
        assert!(all_within("20:00-07:00", "06:00", 3_600));
        assert!(!all_within("20:00-07:00", "06:00", 3_601));
        assert!(!all_within("20:00-07:00", "06:59", 61));
        assert!(all_within("20:00-07:00", "23:30", 3_600));
        // Past the end, and into the next day's hours again.
        assert!(!all_within("12:00-11:00", "10:30", 2 * 3_600));
        assert!(all_within("00:00-00:00", "23:59", 3_600));
    }

    #[test]
    fn hours_may_pass_midnight() {
        for time in ["20:00", "23:59", "00:00", "06:59"] {
            assert!(within("20:00-07:00", time), "{time}");
        }
        for time in ["07:00", "12:00", "19:59"] {
            assert!(!within("20:00-07:00", time), "{time}");
        }
        assert!(within("12:00-14:00", "12:00") && !within("12:00-14:00", "14:00"));
    }

    #[test]
    fn hours_are_read_strictly() {
        for bad in ["", "20:00", "20:00-7:00", "24:00-07:00", "20:60-07:00", "20:00-07:00-"] {
            assert!(bad.parse::<Hours>().is_err(), "{bad:?}");
        }
        assert_eq!("20:00-07:00".parse::<Hours>().unwrap().to_string(), "20:00-07:00");
    }
}
