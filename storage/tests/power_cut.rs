//! The power is cut under a writing store ten times; all that was acknowledged is there each time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The writer, which cargo builds beside this test.
fn writer() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    profile.join("examples/writer")
}

#[test]
fn what_was_acknowledged_outlives_a_power_cut() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power_cut.py");
    let writer = writer();
    assert!(writer.exists(), "cargo builds the examples before the tests");
    let run = Command::new("python3").arg(script).arg(writer).args(["10", "1"]).output();
    let Ok(run) = run else {
        println!("skipped: no python3 to drive the power cuts");
        return;
    };
    let said = String::from_utf8_lossy(&run.stdout);
    println!("{said}{}", String::from_utf8_lossy(&run.stderr));
    match run.status.code() {
        Some(0) => assert!(said.contains("10 cuts, nothing lost")),
        // The script has said why it cannot run here.
        Some(77) => {}
        other => panic!("ended with {other:?}"),
    }
}
