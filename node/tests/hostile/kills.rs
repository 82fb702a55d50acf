//! `kill -9` at any moment.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::faces::Console;
use crate::site::Site;
use crate::waiting::until_true;

/// Kills of the kiosk; each admin node has three quarters of them.
const KILLS: usize = 28;

#[test]
fn what_was_acknowledged_outlives_any_number_of_kills() {
    let mut site = Site::found(2, 1);
    let consoles: Vec<Console> = site.admins.iter().map(Console::sign_in).collect();
    let consoles = Mutex::new(consoles);
    let acknowledged = Mutex::new(Vec::<String>::new());
    let issued = AtomicUsize::new(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Two patrons' desks that never stop asking.
        for desk in 0..2 {
            let (consoles, acknowledged, issued, done) = (&consoles, &acknowledged, &issued, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let (address, cookie) = {
                        let consoles = consoles.lock().unwrap();
                        (consoles[desk].address, consoles[desk].cookie.clone())
                    };
                    let reply = Console { address, cookie }.issue();
                    if let Ok(reply) = reply
                        && reply.status == 200
                    {
                        let session = reply.json()["issued"]["session"].clone();
                        let session = session.as_str().unwrap().to_owned();
                        acknowledged.lock().unwrap().push(session);
                        issued.fetch_add(1, Ordering::Relaxed);
                    } else {
                        std::thread::sleep(std::time::Duration::from_millis(5));
                    }
                }
            });
        }
        for kill in 0..KILLS {
            // At a moment of its own each time: after so many codes more.
            let wanted = issued.load(Ordering::Relaxed) + rand::random_range(1..12);
            until_true("more codes", || issued.load(Ordering::Relaxed) >= wanted);
            // One admin node, the other, or all at once: then nobody is left to learn from.
            let killed: &[usize] = match kill % 4 {
                0 => &[0],
                1 => &[1],
                _ => &[0, 1],
            };
            site.kiosks[0].kill();
            for number in killed {
                site.admins[*number].kill();
            }
            site.kiosks[0].start();
            for number in killed {
                site.admins[*number].start();
                let console = Console::sign_in(&site.admins[*number]);
                consoles.lock().unwrap()[*number] = console;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    site.settle();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= 2 * KILLS, "{}", acknowledged.len());
    for console in consoles.into_inner().unwrap() {
        for session in &acknowledged {
            // The console answers from its last picture, which may be older than the ledger.
            let what = format!("{session} at {}", console.address);
            until_true(&what, || console.knows(session));
        }
    }
    // The kiosk has no list of codes to show; it has the same fingerprint.
    site.agree();
    for member in site.members() {
        member.never_panicked();
    }
}
