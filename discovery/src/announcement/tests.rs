use std::net::Ipv4Addr;

use super::*;

fn announcement() -> Announcement {
    Announcement { site: [0xA5; 32], node: [0x0F; 32], kind: Kind::Kiosk, version: 7, port: 4_433 }
}

#[test]
fn what_is_announced_is_read_back() {
    let record = record(&announcement()).unwrap();
    let name = "0f".repeat(16);
    assert_eq!(record.get_fullname(), format!("{name}._poste._udp.local."));
    assert_eq!(record.get_hostname(), format!("{name}.local."));
    assert_eq!(record.get_port(), 4_433);
    let described = describe(record.get_properties()).unwrap();
    let wanted = Described { site: [0xA5; 32], node: [0x0F; 32], kind: Kind::Kiosk, version: 7 };
    assert_eq!(described, wanted);
    let admin = Announcement { kind: Kind::Admin, version: u16::MAX, ..announcement() };
    let described = describe(super::record(&admin).unwrap().get_properties()).unwrap();
    assert_eq!((described.kind, described.version), (Kind::Admin, u16::MAX));
}

#[test]
fn garbage_in_the_txt_record_describes_nobody() {
    let id = "0f".repeat(32);
    assert!(parse(&id, &id, "admin", "1").is_some());
    let not_ids = [
        "",
        "0",
        "0f",
        &id[1..],
        &id[2..],
        &format!("{id}0"),
        &format!("{id}0f"),
        &"0g".repeat(32),
        &"+f".repeat(32),
        &" f".repeat(32),
        &"é".repeat(32),
        &"\0".repeat(64),
        &"0".repeat(10_000),
    ];
    for not_id in not_ids {
        assert_eq!(parse(not_id, &id, "admin", "1"), None, "{not_id:?}");
        assert_eq!(parse(&id, not_id, "admin", "1"), None, "{not_id:?}");
    }
    for kind in ["", "Admin", "admin ", "administrator", "kiosk\0"] {
        assert_eq!(parse(&id, &id, kind, "1"), None, "{kind:?}");
    }
    for version in ["", "-1", "+1", "65536", "1.0", " 1", "0x1", "99999999999999999999999"] {
        assert_eq!(parse(&id, &id, "admin", version), None, "{version:?}");
    }
}

#[test]
fn a_missing_or_unreadable_key_describes_nobody() {
    let id = "0f".repeat(32);
    let all: [(&str, &str); 4] = [("s", &id), ("n", &id), ("k", "kiosk"), ("v", "1")];
    let txt = |pairs: &[(&str, &str)]| {
        let info = ServiceInfo::new(SERVICE, "x", "x.local.", "", 1, pairs).unwrap();
        describe(info.get_properties())
    };
    assert!(txt(&all).is_some());
    let unknown_too: Vec<_> = all.into_iter().chain([("later", "thing")]).collect();
    assert!(txt(&unknown_too).is_some());
    for missing in 0..all.len() {
        let mut some = all.to_vec();
        some.remove(missing);
        assert_eq!(txt(&some), None);
    }
    assert_eq!(txt(&[]), None);
}

#[test]
fn addresses_that_nobody_can_dial_are_left_out() {
    let at = |ip: &str, port| dialable(&ScopedIp::from(ip.parse::<IpAddr>().unwrap()), port);
    assert_eq!(at("127.0.0.1", 5), Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 5))));
    assert!(at("192.168.1.9", 5).is_some());
    assert!(at("2001:db8::1", 5).is_some());
    assert!(at("fe80::1", 5).is_some());
    for nowhere in ["0.0.0.0", "255.255.255.255", "224.0.0.251", "::", "ff02::fb"] {
        assert_eq!(at(nowhere, 5), None, "{nowhere}");
    }
    assert_eq!(at("127.0.0.1", 0), None);
}
