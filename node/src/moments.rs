//! Moments as people read them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::config::TimeOfDay;

/// `2026-11-22 13:51:07 UTC` for milliseconds since 1970; figures where there is no
/// such date.
pub(crate) fn utc(ms: i64) -> String {
    formatted(ms, "%Y-%m-%d %H:%M:%S UTC")
}

/// `20261122T135107Z` for milliseconds since 1970: sorts by age in file names.
pub(crate) fn compact(ms: i64) -> String {
    formatted(ms, "%Y%m%dT%H%M%SZ")
}

fn formatted(ms: i64, format: &str) -> String {
    Timestamp::from_millisecond(ms)
        .map_or_else(|_| format!("{ms} ms"), |moment| moment.strftime(format).to_string())
}

/// How far this machine's local time is ahead of UTC at `ms`, in seconds.
pub(crate) fn local_offset_s(ms: i64) -> i64 {
    Timestamp::from_millisecond(ms).map_or(0, |moment| {
        let here = Zoned::new(moment, TimeZone::system());
        i64::from(here.offset().seconds())
    })
}

/// Time of day at `ms`, so many seconds ahead of UTC.
pub(crate) fn time_of_day(ms: i64, offset_s: i64) -> TimeOfDay {
    let minute = ms.div_euclid(1_000).saturating_add(offset_s).div_euclid(60).rem_euclid(24 * 60);
    let part = |value: i64| u8::try_from(value).unwrap_or(0);
    TimeOfDay { hour: part(minute / 60), minute: part(minute % 60) }
}

#[cfg(test)]
mod tests {
    use super::{compact, time_of_day, utc};

    #[test]
    fn time_of_day_is_local() {
        let at = |ms, offset_s| time_of_day(ms, offset_s).to_string();
        assert_eq!(at(0, 0), "00:00");
        assert_eq!(at(-1, 0), "23:59");
        assert_eq!(at(0, 4 * 3_600), "04:00");
        assert_eq!(at(0, -3_600), "23:00");
        assert_eq!(at(i64::MAX, 3_600).len(), 5);
    }

    #[test]
    fn moments_read_as_the_calendar_has_them() {
        for (ms, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (4_102_444_799_999, "2099-12-31 23:59:59 UTC"),
            (i64::MAX, "9223372036854775807 ms"),
        ] {
            assert_eq!(utc(ms), text);
        }
        assert_eq!(compact(0), "19700101T000000Z");
    }
}
