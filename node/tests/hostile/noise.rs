//! Bytes that mean nothing, on every port that is not for people.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::faces::{counts_down, open_for_sure};
use crate::member::Member;
use crate::site::{Site, free_addresses};
use crate::waiting::until_true;

/// Datagrams sent to each node.
const DATAGRAMS: usize = 100_000;

/// By how much a node may grow under them, in KiB.
const GROWTH_KIB: u64 = 24 * 1024;

/// Largest datagram that QUIC sends on loopback.
const LARGEST: usize = 1_500;

#[test]
fn a_hundred_thousand_datagrams_of_noise_disturb_no_link_and_cost_no_memory() {
    let mut site = Site::prepare(1, 1);
    // An address in the kiosk's list where nobody is: what it sends there is real QUIC.
    let decoy = free_addresses(1)[0];
    let ear = UdpSocket::bind(decoy).unwrap();
    ear.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let admin = site.admins[0].links;
    site.kiosks[0].configure(&[admin, decoy]);
    site.kiosks[0].start();
    site.settle();
    let mut real = Vec::new();
    for _ in 0..4 {
        let mut bytes = [0; LARGEST];
        let length = ear.recv(&mut bytes).unwrap();
        real.push(bytes[..length].to_vec());
    }
    let code = site.admins[0].issue(60);
    site.agree();
    open_for_sure(&site.kiosks[0], &code);

    for member in site.members() {
        // Two that dial each other at first keep one link of two: that is over now.
        member.forget_what_was_said();
    }
    for member in site.members() {
        let before = member.resident_kib();
        shout_at(member.links, &real);
        let after = member.resident_kib();
        assert!(after < before + GROWTH_KIB, "{}: {before} KiB, then {after}", member.name);
    }
    counts_down(&site.kiosks[0], 1_000);
    assert_eq!(site.admins[0].link_count(), 1);
    for member in site.members() {
        assert_eq!(member.said_of("link down"), [""; 0], "{}", member.name);
        assert_eq!(member.said_of("link up"), [""; 0], "{}", member.name);
        member.never_panicked();
    }
    site.admins[0].issue(60);
    site.agree();
}

/// Noise of every kind: random bytes, real packets cut short, real packets with a byte changed.
fn shout_at(address: SocketAddr, real: &[Vec<u8>]) {
    let mouths: Vec<UdpSocket> = (0..4).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let mut random = vec![0; LARGEST];
    for count in 0..DATAGRAMS {
        let mut packet = real[count % real.len()].clone();
        let bytes = match count % 3 {
            0 => {
                let length = rand::random_range(0..LARGEST);
                rand::fill(&mut random[..length]);
                &random[..length]
            }
            1 => {
                let length = rand::random_range(0..packet.len());
                &packet[..length]
            }
            _ => {
                let at = rand::random_range(0..packet.len());
                packet[at] ^= rand::random_range(1..=u8::MAX);
                &packet[..]
            }
        };
        // The system may drop what comes too fast: that is noise as well.
        drop(mouths[count % mouths.len()].send_to(bytes, address));
    }
}

#[test]
fn an_intruder_on_a_listener_that_is_not_for_people_gets_nothing() {
    let mut site = Site::found(2, 1);
    for member in site.members() {
        let inner: Vec<SocketAddr> = listeners(member.pid())
            .into_iter()
            .filter(|address| *address != member.page && *address != member.ops)
            .collect();
        assert!(!inner.is_empty(), "{} has no inner listener", member.name);
        for address in inner {
            assert!(address.ip().is_loopback(), "{}: {address}", member.name);
            for sent in intrusions() {
                gets_nothing(address, &sent);
            }
            hold_it_up(member, address);
            gets_nothing(address, b"GET / HTTP/1.1\r\n\r\n");
        }
        member.never_panicked();
    }
    let first = &mut site.admins[0];
    assert!(first.is_running());
    site.admins[0].issue(60);
    site.agree();
    until_true("the links to stand", || site.admins[0].link_count() == 2);
}

/// Many who say nothing cost the node no descriptors to speak of: they wait in the system's queue.
#[track_caller]
fn hold_it_up(member: &Member, address: SocketAddr) {
    let open = || {
        let entries = fs::read_dir(format!("/proc/{}/fd", member.pid())).unwrap();
        entries.count()
    };
    let before = open();
    let soon = Duration::from_millis(50);
    let silent: Vec<TcpStream> =
        (0..160).filter_map(|_| TcpStream::connect_timeout(&address, soon).ok()).collect();
    assert!(silent.len() > 32);
    assert!(open() < before + 16, "{} descriptors, then {}", before, open());
}

/// What somebody says who knows ractor_cluster, TLS, HTTP, or nothing.
fn intrusions() -> Vec<Vec<u8>> {
    let mut hello = vec![22, 3, 1, 0, 4, 1, 0, 0, 0];
    let mut frame = 64_u64.to_be_bytes().to_vec();
    frame.extend([8; 64]);
    let mut huge = u64::MAX.to_be_bytes().to_vec();
    huge.extend([0; 1024]);
    hello.extend([0; 32]);
    vec![
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        hello,
        frame,
        huge,
        (0..=u8::MAX).cycle().take(100_000).collect(),
    ]
}

/// Not a byte comes back, a TLS alert aside, and the connection ends.
#[track_caller]
fn gets_nothing(address: SocketAddr, sent: &[u8]) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    // It may have hung up already.
    drop(stream.write_all(sent));
    let mut got = Vec::new();
    if let Err(error) = stream.read_to_end(&mut got) {
        let ended = error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(ended, "{address} stays open: {error}");
    }
    let is_alert = got.len() == 7 && got.starts_with(&[21, 3, 3, 0, 2]);
    assert!(got.is_empty() || is_alert, "{address}: {got:?}");
}

/// The addresses on which a process listens with TCP.
fn listeners(pid: u32) -> Vec<SocketAddr> {
    let mut sockets = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        if let Ok(target) = fs::read_link(entry.unwrap().path())
            && let Some(inode) = target.to_string_lossy().strip_prefix("socket:[")
        {
            sockets.insert(inode.trim_end_matches(']').to_owned());
        }
    }
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            // State 0A listens; the tenth word is the socket's inode.
            if words[3] == "0A" && sockets.contains(words[9]) {
                found.push(address(words[1]));
            }
        }
    }
    found
}

/// Reads `0100007F:1F90`; what is not IPv4 is given as an address off loopback.
fn address(text: &str) -> SocketAddr {
    let (ip, port) = text.split_once(':').unwrap();
    let port = u16::from_str_radix(port, 16).unwrap();
    match u32::from_str_radix(ip, 16) {
        Ok(ip) if text.len() == 13 => SocketAddr::from((ip.to_le_bytes(), port)),
        _ => SocketAddr::from(([0, 0, 0, 0], port)),
    }
}

#[test]
fn the_listeners_of_a_process_are_found() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert!(listeners(std::process::id()).contains(&address));
}
