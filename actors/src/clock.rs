//! The machine's two clocks, read in one place.
//!
//! [`BootClock`] counts from boot, suspend included, and never jumps: durations are measured on it.
//! The wall clock is only ever a hint, and any answer is lived with: 1969 and 2106 are just numbers.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::moment::Moment;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Where Linux tells one boot from another.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The clocks of this machine. Holds nothing; there is one of it because time is an argument
/// everywhere below the actors, and something has to fetch it.
#[derive(Debug, Clone, Copy, Default)]
pub struct BootClock;

impl BootClock {
    /// Milliseconds since boot on `CLOCK_BOOTTIME`.
    pub fn boot_ms(self) -> u64 {
        u64::try_from(whole_ms(clock_gettime(ClockId::Boottime))).unwrap_or(0)
    }

    /// Milliseconds since 1970-01-01 UTC; negative before. Saturates instead of failing.
    pub fn wall_ms(self) -> i64 {
        since_epoch(SystemTime::now())
    }

    /// Both clocks at once. `trusted` is the caller's word: no clock here knows the site's time.
    pub fn now(self, trusted: bool) -> Moment {
        Moment { boot_ms: self.boot_ms(), wall_ms: self.wall_ms(), trusted }
    }
}

/// The identity of the running boot: it changes at each reboot and at no other time, so a process
/// that restarts knows whether readings of the boot clock that it left behind still mean something.
pub fn boot_id() -> io::Result<[u8; 16]> {
    boot_id_in(Path::new(BOOT_ID))
}

fn boot_id_in(path: &Path) -> io::Result<[u8; 16]> {
    let text = fs::read_to_string(path)?;
    parse_boot_id(text.strip_suffix('\n').unwrap_or(&text)).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: not a boot id", path.display()))
    })
}

/// `8-4-4-4-12` lower-case hexadecimal digits, nothing else.
fn parse_boot_id(text: &str) -> Option<[u8; 16]> {
    let groups: Vec<&str> = text.split('-').collect();
    if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
        return None;
    }
    let digits = groups.concat();
    if !digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

fn whole_ms(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
}

fn since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn boot_time_never_goes_back() {
        let earlier = BootClock.boot_ms();
        assert!(BootClock.boot_ms() >= earlier);
    }

    #[test]
    fn a_boot_keeps_its_identity() {
        assert_eq!(boot_id().unwrap(), boot_id().unwrap());
        assert_ne!(boot_id().unwrap(), [0; 16]);
    }

    #[test]
    fn a_boot_id_is_read_strictly() {
        let good = "0f6cba8e-1d1b-4f0a-9c52-0123456789ab";
        assert_eq!(parse_boot_id(good).unwrap()[..4], [0x0f, 0x6c, 0xba, 0x8e]);
        for bad in [
            "",
            "0f6cba8e1d1b4f0a9c520123456789ab",
            "0f6cba8e-1d1b-4f0a-9c52-0123456789a",
            "0f6cba8e-1d1b-4f0a-9c52-0123456789ag",
            "0F6CBA8E-1d1b-4f0a-9c52-0123456789ab",
            "+f6cba8e-1d1b-4f0a-9c52-0123456789ab",
            " 0f6cba8-1d1b-4f0a-9c52-0123456789ab",
            "0f6cba8e-1d1b-4f0a-9c52-0123456789ab\n",
        ] {
            assert_eq!(parse_boot_id(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_missing_or_foreign_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boot_id");
        assert_eq!(boot_id_in(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&path, "rubbish").unwrap();
        assert!(boot_id_in(&path).unwrap_err().to_string().contains("boot_id"));
    }

    #[test]
    fn any_wall_clock_is_survived() {
        assert_eq!(since_epoch(UNIX_EPOCH), 0);
        assert_eq!(since_epoch(UNIX_EPOCH - Duration::from_millis(1500)), -1500);
        let in_2106 = UNIX_EPOCH + Duration::from_secs(4_294_967_296);
        assert_eq!(since_epoch(in_2106), 4_294_967_296_000);
        let far = UNIX_EPOCH + Duration::from_secs(i64::MAX as u64);
        assert_eq!(since_epoch(far), i64::MAX);
    }
}
