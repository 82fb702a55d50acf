//! What a night must have seen: every kind of fault, and branches that are rarely taken. One that
//! never was is a blind spot, however green the night.

use super::NightReport;

/// Worlds from which on a night is long enough to expect all of it.
pub const FULL_NIGHT: u64 = 1_000;

/// Kinds of fault, as [`crate::record::Record`] counts them.
const FAULTS: &[&str] = &[
    "cut",
    "flap",
    "degrade",
    "new-address",
    "kill",
    "pause",
    "suspend",
    "power-cut",
    "reboot",
    "amnesia",
    "replace",
    "restore",
    "clone",
    "other-release",
    "disk-full",
    "disk-slow",
    "disk-fails",
    "torn-tail",
    "bit-flip",
    "clock-jump",
    "clock-lost",
    "clock-strobe",
    "clock-drift",
    "hostile",
    "revoke",
    "cut: apart",
    "cut: alone",
    "cut: bridge",
    "cut: ring",
    "cut: mute",
    "cut: deaf",
    "degrade: loss",
    "degrade: duplicate",
    "degrade: reorder",
    "degrade: corrupt",
    "degrade: delay",
    "degrade: rate",
    "hostile: forge",
    "hostile: replay",
    "hostile: equivocate",
    "hostile: flood",
    "hostile: defy",
    "hostile: poison",
];

/// Branches of nodes and of people, as worlds count them.
const BRANCHES: &[&str] = &[
    "checkpoint adopted",
    "clock not believed",
    "code open on two kiosks resolved",
    "disk failed",
    "entries refused",
    "equivocation proven",
    "fact of a later release written",
    "fourth charge not forgiven",
    "frame lost",
    "link refused",
    "message read",
    "patron left a session running and sat down elsewhere",
    "patron pressed the power button",
    "request repeated",
    "revoked peer dropped",
    "session ended by isolation or conflict",
    "third charge forgiven",
    "use beyond what was granted listed",
];

impl NightReport {
    /// What should have happened in so many worlds, and never did.
    pub fn never(&self) -> Vec<&'static str> {
        let expected = FAULTS.iter().chain(BRANCHES).copied();
        expected.filter(|name| !self.sometimes.contains_key(*name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_branch_that_is_expected_can_be_counted() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sim");
        let sources: String = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        for branch in BRANCHES {
            assert!(sources.contains(&format!("\"{branch}\"")), "{branch} is counted nowhere");
        }
    }

    #[test]
    fn what_never_happened_is_named() {
        let mut report = NightReport::default();
        for name in FAULTS.iter().chain(BRANCHES).filter(|name| **name != "bit-flip") {
            report.sometimes.insert((*name).to_owned(), 1);
        }
        assert_eq!(report.never(), ["bit-flip"]);
    }
}
