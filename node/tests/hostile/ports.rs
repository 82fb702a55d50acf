//! A port in use.

use std::net::{TcpListener, UdpSocket};

use crate::member::Member;
use crate::site::Site;

#[test]
fn a_port_in_use_is_named_with_its_field_and_its_address() {
    let mut site = Site::prepare(1, 1);
    site.admins[0].stop();
    let (admin, kiosk) = (&mut site.admins[0], &mut site.kiosks[0]);

    for member in [&mut *admin, &mut *kiosk] {
        let _held = UdpSocket::bind(member.links).unwrap();
        refuses(member, "listen", &member.links.to_string());
    }
    let _held = TcpListener::bind(admin.page).unwrap();
    refuses(admin, "console.listen", &admin.page.to_string());
    let _held = TcpListener::bind(kiosk.page).unwrap();
    refuses(kiosk, "kiosk.page", &kiosk.page.to_string());
    for member in [admin, kiosk] {
        let _held = TcpListener::bind(member.ops).unwrap();
        refuses(member, "ops.listen", &member.ops.to_string());
    }
}

/// Starts the node, which must end with one line for people that names both.
#[track_caller]
fn refuses(member: &Member, field: &str, address: &str) {
    let output = member.cli(["run"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("poste: ")).collect();
    let [line] = lines.as_slice() else {
        panic!("{field}: {said}");
    };
    let names = line.split(|c: char| !(c.is_alphanumeric() || c == '.' || c == '_'));
    assert!(!output.status.success(), "{field}: {said}");
    assert!(names.into_iter().any(|word| word == field), "{field}: {line}");
    assert!(line.contains(address), "{field}: {line}");
    assert!(!said.contains("panicked"), "{said}");
}
