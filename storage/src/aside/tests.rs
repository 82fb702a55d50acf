use std::time::Duration;

use super::*;

#[test]
fn moments_are_written_as_in_the_calendar() {
    // The right-hand side is `date -u -d @… +%Y%m%dT%H%M%SZ`.
    for (seconds, text) in [
        (0, "19700101T000000Z"),
        (86_399, "19700101T235959Z"),
        (951_782_400, "20000229T000000Z"),
        (951_868_800, "20000301T000000Z"),
        (1_709_164_800, "20240229T000000Z"),
        (1_735_689_599, "20241231T235959Z"),
        (1_795_337_999, "20261122T085959Z"),
        (4_107_542_400, "21000301T000000Z"),
    ] {
        assert_eq!(stamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
    }
    assert_eq!(stamp(UNIX_EPOCH - Duration::from_secs(1)), "19700101T000000Z");
}

#[test]
fn a_second_damage_in_the_same_second_gets_a_name_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut names = Vec::new();
    for round in 0..3_u8 {
        fs::create_dir(&path).unwrap();
        fs::write(path.join("db"), [round]).unwrap();
        names.push(move_aside(&path, UNIX_EPOCH).unwrap());
    }
    for (round, (name, suffix)) in names.iter().zip(["", "-2", "-3"]).enumerate() {
        let wanted = folder.path().join(format!("ledger.damaged-19700101T000000Z{suffix}"));
        assert_eq!(name, &wanted);
        assert_eq!(fs::read(name.join("db")).unwrap(), [round as u8]);
    }
    assert!(!path.exists());
}
