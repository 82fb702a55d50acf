//! A full disk, played by a small tmpfs.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::faces::{Console, counts_down, open_for_sure, remaining_ms, request};
use crate::site::Site;
use crate::waiting::{until, until_true};

/// A file system of a few megabytes; gone when dropped.
pub(crate) struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// `None` where this account may not mount.
    fn on(path: &Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=40m,mode=700", "tmpfs"])
            .arg(path)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { path: path.to_owned() });
        }
        eprintln!("skipped: a full disk is a small tmpfs, and mounting one needs root");
        None
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = File::create(self.path.join("filler")).unwrap();
        let mut block = vec![0xa5; 64 * 1024];
        while !block.is_empty() {
            while file.write_all(&block).is_ok() {}
            block.truncate(block.len() / 2);
        }
    }

    /// Leaves less than a store reserves, and more than nothing.
    fn crowd(&self) {
        let mut file = File::create(self.path.join("filler")).unwrap();
        let block = vec![0xa5; 64 * 1024];
        while free(&self.path) > 8 << 20 {
            file.write_all(&block).unwrap();
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.path.join("filler")).unwrap();
    }
}

fn free(path: &Path) -> u64 {
    let disk = rustix::fs::statvfs(path).unwrap();
    disk.f_bavail * disk.f_frsize
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.path).status().unwrap();
    }
}

/// A running site of one admin node and one kiosk, each on a small disk of its own.
fn on_small_disks() -> Option<Site> {
    let mut site = Site::plan(1, 1);
    for member in site.admins.iter().chain(&site.kiosks) {
        site.disks.push(SmallDisk::on(&member.data_dir())?);
    }
    site.begin();
    let line = site.join_line(&crate::site::kiosk_name(0));
    site.kiosks[0].says(["join", &line]);
    site.kiosks[0].start();
    site.settle();
    Some(site)
}

#[test]
fn a_full_disk_refuses_clearly_and_loses_nothing_that_was_acknowledged() {
    let Some(mut site) = on_small_disks() else {
        return;
    };
    let code = site.admins[0].issue(60);
    site.agree();
    open_for_sure(&site.kiosks[0], &code);
    let mut sessions = Vec::new();
    for fill in [SmallDisk::crowd, SmallDisk::fill] {
        let admin = &mut site.admins[0];
        let console = Console::sign_in(admin);
        let issue = || console.issue().unwrap();
        for _ in 0..10 {
            let reply = issue();
            assert_eq!(reply.status, 200, "{reply:?}");
            sessions.push(session(&reply));
        }
        fill(&site.disks[0]);
        // Each is either on the disk or refused; soon all are.
        let refused = until("a refusal", || {
            let reply = issue();
            if reply.status == 200 {
                sessions.push(session(&reply));
                return None;
            }
            Some(reply)
        });
        assert_eq!(refused.status, 500, "{refused:?}");
        assert!(refused.json()["message_fr"].is_string(), "{refused:?}");
        let said = admin.cli(["code", "issue"]);
        assert!(!said.status.success());
        let said = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("disk"), "{said}");
        let health = request(admin.ops, "GET", "/healthz", &[], b"").unwrap();
        assert_eq!(health.status, 503);
        assert!(admin.says(["status"]).contains("make room"));
        assert_eq!(admin.said_of("the disk failed").len(), 1, "{}", admin.said());
        counts_down(&site.kiosks[0], 1_000);

        site.disks[0].make_room();
        let admin = &mut site.admins[0];
        admin.never_panicked();
        admin.kill();
        admin.forget_what_was_said();
        admin.start();
        assert_eq!(admin.said_of("DAMAGED"), [""; 0]);
        let console = Console::sign_in(&site.admins[0]);
        for session in &sessions {
            until_true(session, || console.knows(session));
        }
        site.settle();
    }
    site.admins[0].issue(60);
    site.agree();
    remaining_ms(&site.kiosks[0]);
}

#[test]
fn a_kiosk_whose_disk_is_full_goes_on_with_its_session() {
    let Some(site) = on_small_disks() else {
        return;
    };
    let code = site.admins[0].issue(60);
    site.agree();
    open_for_sure(&site.kiosks[0], &code);
    site.disks[1].fill();
    // It notices at its next reading.
    until_true("the kiosk to notice", || site.kiosks[0].status()["writable"] == false);
    counts_down(&site.kiosks[0], 6_000);
    assert_eq!(site.kiosks[0].said_of("the disk failed").len(), 1);
    let left = remaining_ms(&site.kiosks[0]);
    let console = Console::sign_in(&site.admins[0]);
    let alarms = || console.alarms().contains(&String::from("disk_failed"));
    until_true("the desk to hear of it", alarms);

    // It tries the disk by itself, and begins anew once there is room.
    site.disks[1].make_room();
    until_true("the kiosk to write again", || {
        site.kiosks[0].try_status().is_some_and(|status| status["writable"] == true)
    });
    site.kiosks[0].never_panicked();
    site.settle();
    until_true("the desk to hear that it is well", || !alarms());
    assert!(remaining_ms(&site.kiosks[0]) <= left, "time came back");
    let session = until("the session on the floor", || console.running());
    let body = json!({"request": crate::faces::request_id(), "seconds": 1800}).to_string();
    let path = format!("/api/v1/sessions/{session}/extend");
    let reply = console.post(&path, body.as_bytes()).unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    until_true("the extension", || remaining_ms(&site.kiosks[0]) > left);
}

fn session(reply: &crate::faces::Reply) -> String {
    let id = reply.json()["issued"]["session"].as_str().map(str::to_owned);
    id.unwrap()
}
