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

impl Hours {
    /// Whether a time of day is within.
    pub(crate) fn hold(self, time: TimeOfDay) -> bool {
        if self.from < self.until {
            self.from <= time && time < self.until
        } else {
            self.from <= time || time < self.until
        }
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
        hours.parse::<Hours>().unwrap().hold(time.parse().unwrap())
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
