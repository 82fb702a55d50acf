use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{FORGET, FREE_FOR_ADDRESS, FREE_FOR_LOGIN, LONGEST, MOST, Throttle};

fn address(n: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, n])
}

#[test]
fn delays_grow_for_a_login_up_to_a_bound_and_are_forgotten() {
    let (mut throttle, mut now) = (Throttle::default(), Instant::now());
    for _ in 0..FREE_FOR_LOGIN {
        assert_eq!(throttle.begin("admin", address(1), now), Ok(()));
    }
    let mut last = Duration::ZERO;
    for n in 0..12_u8 {
        // Each from another address: the login alone is slowed.
        let wait = throttle.begin("admin", address(n), now).unwrap_err();
        assert!(wait >= last && wait <= LONGEST, "{wait:?} after {last:?}");
        last = wait;
        now += wait;
        assert_eq!(throttle.begin("ADMIN ", address(n), now), Ok(()), "case and spaces");
    }
    assert_eq!(last, LONGEST);
    assert_eq!(throttle.begin("autre", address(200), now), Ok(()));
    assert_eq!(throttle.begin("admin", address(200), now + FORGET), Ok(()));
    assert_eq!(throttle.begin("admin", address(200), now + FORGET), Ok(()));
}

#[test]
fn an_address_that_tries_many_logins_is_slowed_and_its_neighbour_is_not() {
    let (mut throttle, now) = (Throttle::default(), Instant::now());
    for n in 0..FREE_FOR_ADDRESS {
        assert_eq!(throttle.begin(&format!("login{n}"), address(1), now), Ok(()));
    }
    assert!(throttle.begin("another", address(1), now).is_err());
    assert_eq!(throttle.begin("another", address(2), now), Ok(()));
}

#[test]
fn a_network_counts_as_one_address() {
    let (mut throttle, now) = (Throttle::default(), Instant::now());
    for n in 0..FREE_FOR_ADDRESS {
        let host: IpAddr = format!("2001:db8:0:1::{n:x}").parse().unwrap();
        assert_eq!(throttle.begin(&format!("login{n}"), host, now), Ok(()));
    }
    assert!(throttle.begin("another", "2001:db8:0:1:ffff::".parse().unwrap(), now).is_err());
    assert!(throttle.begin("another", "2001:db8:0:2::".parse().unwrap(), now).is_ok());
}

#[test]
fn a_right_password_costs_nothing_afterwards() {
    let (mut throttle, now) = (Throttle::default(), Instant::now());
    for _ in 0..100 {
        assert_eq!(throttle.begin("admin", address(1), now), Ok(()));
        throttle.succeeded("admin", address(1));
    }
}

#[test]
fn the_tables_are_bounded() {
    let (mut throttle, now) = (Throttle::default(), Instant::now());
    for n in 0..(MOST + 100) {
        let tail = u32::try_from(n).unwrap().to_be_bytes();
        let address = IpAddr::from([10, tail[1], tail[2], tail[3]]);
        assert_eq!(throttle.begin(&format!("login{n}"), address, now), Ok(()));
    }
    assert_eq!(throttle.logins.tries.len(), MOST);
    assert_eq!(throttle.addresses.tries.len(), MOST);
}
