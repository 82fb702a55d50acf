use std::time::{Duration, Instant};

use domain::id::OperatorId;
use domain::operator::OperatorRole;

use super::{IDLE, LONGEST, Logins, MOST, RECHECK, Secret};
use crate::desk::Account;

fn account() -> Account {
    Account {
        operator: OperatorId([1; 16]),
        name: "Anaïs".to_owned(),
        role: OperatorRole::Admin,
        password_changed_ms: 7,
    }
}

fn secret(n: u32) -> Secret {
    let mut secret = [0; 32];
    secret[..4].copy_from_slice(&n.to_le_bytes());
    secret
}

#[test]
fn a_login_ends_when_idle_and_activity_alone_keeps_it() {
    let (mut logins, start) = (Logins::default(), Instant::now());
    logins.enter(&secret(1), account(), LONGEST, start);
    let half = start + IDLE / 2;
    assert!(logins.find(&secret(1), true, half).is_some());
    // Looking without activity does not keep it.
    assert!(logins.find(&secret(1), false, start + IDLE).is_some());
    assert!(logins.find(&secret(1), false, half + IDLE).is_none());
    assert!(logins.find(&secret(1), true, start).is_none(), "it is gone for good");
}

#[test]
fn a_login_ends_after_its_longest_time_however_active() {
    let (mut logins, start) = (Logins::default(), Instant::now());
    logins.enter(&secret(1), account(), LONGEST * 2, start);
    let mut now = start;
    while now + IDLE / 2 < start + LONGEST {
        now += IDLE / 2;
        assert!(logins.find(&secret(1), true, now).is_some());
    }
    assert!(logins.find(&secret(1), true, start + LONGEST).is_none());
}

#[test]
fn the_table_is_bounded_and_the_idlest_makes_room() {
    let (mut logins, start) = (Logins::default(), Instant::now());
    for n in 0..u32::try_from(MOST).unwrap() {
        logins.enter(&secret(n), account(), LONGEST, start + Duration::from_millis(u64::from(n)));
    }
    let later = start + Duration::from_secs(60);
    assert!(logins.find(&secret(0), true, later).is_some());
    logins.enter(&secret(u32::MAX), account(), LONGEST, later);
    assert_eq!(logins.by_hash.len(), MOST);
    assert!(logins.find(&secret(0), true, later).is_some());
    assert!(logins.find(&secret(1), true, later).is_none(), "the idlest was kept");
    assert!(logins.find(&secret(u32::MAX), true, later).is_some());
}

#[test]
fn a_changed_password_or_a_lost_account_ends_the_login_and_a_role_comes_through() {
    let (mut logins, start) = (Logins::default(), Instant::now());
    let login = logins.enter(&secret(1), account(), LONGEST, start);
    assert!(!login.stale(start) && login.stale(start + RECHECK));
    let lowered = Account { role: OperatorRole::Viewer, ..account() };
    assert!(logins.renew(&secret(1), Some(lowered), start + RECHECK));
    let login = logins.find(&secret(1), false, start + RECHECK).unwrap();
    assert_eq!(login.account.role, OperatorRole::Viewer);
    assert!(!login.stale(start + RECHECK));

    let changed = Account { password_changed_ms: 8, ..account() };
    assert!(!logins.renew(&secret(1), Some(changed), start + RECHECK));
    assert!(logins.find(&secret(1), false, start + RECHECK).is_none());
    logins.enter(&secret(2), account(), LONGEST, start);
    assert!(!logins.renew(&secret(2), None, start));
    assert!(logins.find(&secret(2), false, start).is_none());
}
