//! Wall clocks that are wrong by half a century, by libfaketime.

use std::path::Path;
use std::time::Instant;

use crate::faces::{open_for_sure, remaining_ms};
use crate::site::Site;
use crate::waiting::{until, until_true};

/// Where Debian puts the library.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// Tolerance of a countdown measured from outside, in milliseconds.
const SLACK: u64 = 1_500;

const WRONG: [(&str, &str); 2] =
    [("@1970-01-02 00:00:00", "1970"), ("@2099-06-01 00:00:00", "2099")];

/// What makes a process believe in another date; its boot clock stays as it is. `None` where the
/// library is not there.
pub(crate) fn believing(date: &str) -> Option<[(&str, &str); 4]> {
    let Some(library) = LIBRARIES.into_iter().find(|path| Path::new(path).exists()) else {
        eprintln!("skipped: wrong clocks need the Debian package faketime");
        return None;
    };
    Some([
        ("LD_PRELOAD", library),
        ("FAKETIME", date),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("TZ", "UTC"),
    ])
}

#[test]
fn a_kiosk_with_a_wrong_clock_counts_right_and_says_so_once() {
    for (date, _) in WRONG {
        let Some(environment) = believing(date) else {
            return;
        };
        let mut site = Site::prepare(1, 1);
        site.kiosks[0].start_with(&environment);
        counts_right(&mut site, |site| &site.kiosks[0]);
    }
}

#[test]
fn an_admin_node_with_a_wrong_clock_counts_right_and_says_so_once() {
    for (date, _) in WRONG {
        let Some(environment) = believing(date) else {
            return;
        };
        let mut site = Site::prepare(1, 1);
        site.admins[0].stop();
        site.admins[0].start_with(&environment);
        site.kiosks[0].start();
        counts_right(&mut site, |site| &site.admins[0]);
    }
}

fn counts_right(site: &mut Site, wrong: impl Fn(&Site) -> &crate::member::Member) {
    site.settle();
    let year = wrong(site).status()["clocks"]["wall_ms"].as_i64().unwrap();
    let possible = 1_735_689_600_000..3_944_678_400_000;
    assert!(!possible.contains(&year), "the clock is right: {year}");

    let code = site.admins[0].issue(30);
    site.agree();
    open_for_sure(&site.kiosks[0], &code);
    let (before, start) = (remaining_ms(&site.kiosks[0]), Instant::now());
    assert!(before <= 1_800_000);
    let (after, passed) = until("three seconds to pass", || {
        let left = remaining_ms(&site.kiosks[0]);
        (left + 3_000 <= before).then(|| (left, start.elapsed()))
    });
    let passed = u64::try_from(passed.as_millis()).unwrap();
    assert!((before - after).abs_diff(passed) < SLACK, "{} ms counted in {passed}", before - after);
    // It goes on over a crash of whoever is wrong about the date.
    let left = remaining_ms(&site.kiosks[0]);
    site.kiosks[0].kill();
    site.kiosks[0].start();
    until_true("the session to go on", || {
        let now = remaining_ms(&site.kiosks[0]);
        now < left && now + 30_000 > left
    });
    site.settle();
    let lines = wrong(site).said_of("clock says");
    assert_eq!(lines.len(), 1, "{lines:?}");
    for member in site.members() {
        member.never_panicked();
    }
}
