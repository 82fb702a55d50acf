use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;

use super::*;

fn failed() -> StoreError {
    StoreError::io("fsync", std::io::Error::other("the disk is gone"))
}

#[test]
fn sixteen_waiters_at_once_share_a_sync() {
    let commit = GroupCommit::new(0);
    let syncs = AtomicU64::new(0);
    let ready = Barrier::new(17);
    let (entered, in_first) = mpsc::sync_channel::<()>(1);
    let (release, released) = mpsc::sync_channel::<()>(1);
    let (entered, released) = (Mutex::new(entered), Mutex::new(released));
    let slow_first = |_| {
        if syncs.fetch_add(1, Ordering::SeqCst) == 0 {
            entered.lock().unwrap().send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
        }
        Ok(())
    };
    thread::scope(|scope| {
        commit.note_staged(1);
        scope.spawn(|| commit.wait(slow_first).unwrap());
        in_first.recv().unwrap();
        for ticket in 2..18 {
            let (commit, ready, slow_first) = (&commit, &ready, &slow_first);
            scope.spawn(move || {
                commit.note_staged(ticket);
                ready.wait();
                assert_eq!(commit.wait(slow_first).unwrap(), 17);
            });
        }
        ready.wait();
        release.send(()).unwrap();
    });
    // One for the first, one for the sixteen that came while it ran.
    assert_eq!(syncs.load(Ordering::SeqCst), 2);
}

#[test]
fn a_sync_covers_only_what_was_staged_before_it_began() {
    let commit = GroupCommit::new(0);
    commit.note_staged(1);
    let first = commit.wait(|covered| {
        assert_eq!(covered, 1);
        commit.note_staged(2);
        Ok(())
    });
    assert_eq!(first.unwrap(), 1);
    assert_eq!(commit.wait(|_| Ok(())).unwrap(), 2);
}

#[test]
fn nothing_new_means_no_sync() {
    let commit = GroupCommit::new(7);
    let durable = commit.wait(|_| panic!("nothing is to be synced"));
    assert_eq!(durable.unwrap(), 7);
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    let commit = GroupCommit::new(0);
    commit.note_staged(1);
    let tried = AtomicBool::new(false);
    for _ in 0..3 {
        let result = commit.wait(|_| {
            assert!(!tried.swap(true, Ordering::SeqCst), "the sync was run again");
            Err(failed())
        });
        assert!(matches!(result, Err(StoreError::Broken { .. })), "{result:?}");
    }
    assert!(matches!(commit.staged(), Err(StoreError::Broken { .. })));
}

#[test]
fn all_who_wait_hear_of_the_failure() {
    let commit = GroupCommit::new(0);
    commit.note_staged(1);
    thread::scope(|scope| {
        let waiters: Vec<_> =
            (0..8).map(|_| scope.spawn(|| commit.wait(|_| Err(failed())))).collect();
        for waiter in waiters {
            assert!(matches!(waiter.join().unwrap(), Err(StoreError::Broken { .. })));
        }
    });
}
