use super::*;
use crate::event::Stop;
use crate::fault::{Fault, Hosts};
use crate::invariants::stage::{ADMIN, KIOSK, OTHER_KIOSK, Stage};

/// One code, opened on two kiosks that have not heard of each other.
fn twice() -> (Stage<DoubleOpening>, SessionId) {
    let mut stage = Stage::with(DoubleOpening::default());
    let session = stage.opened(ADMIN, KIOSK, 600);
    let issue = stage.issued(session);
    stage.tell(OTHER_KIOSK, issue);
    stage.open(OTHER_KIOSK, session);
    (stage, session)
}

/// Both go on for so many seconds.
fn both_run(stage: &mut Stage<DoubleOpening>, session: SessionId, seconds: u64) {
    for _ in 0..seconds {
        stage.pass(1_000);
        stage.runs(KIOSK, session, 0);
        stage.runs(OTHER_KIOSK, session, 0);
    }
}

#[test]
fn two_that_cannot_see_each_other_both_run() {
    let (mut stage, session) = twice();
    both_run(&mut stage, session, 120);
    assert_eq!(stage.broken(), None);
}

#[test]
fn two_that_meet_end_it_between_them() {
    let (mut stage, session) = twice();
    stage.pass(20_000);
    stage.link(KIOSK, OTHER_KIOSK);
    both_run(&mut stage, session, 40);
    assert_eq!(stage.broken(), None);
    both_run(&mut stage, session, 5);
    assert_eq!(stage.broken(), Some(None));
}

#[test]
fn two_that_meet_over_an_admin_host_do_so_too() {
    let (mut stage, session) = twice();
    stage.pass(20_000);
    stage.link(ADMIN, KIOSK);
    stage.link(ADMIN, OTHER_KIOSK);
    both_run(&mut stage, session, 45);
    assert_eq!(stage.broken(), Some(None));
}

#[test]
fn the_one_that_the_rules_do_not_choose_gives_up() {
    let (mut stage, session) = twice();
    stage.spread();
    let loser = match stage.kiosk_of_winner(session) == crate::invariants::stage::kiosk_of(KIOSK) {
        true => OTHER_KIOSK,
        false => KIOSK,
    };
    stage.closed(loser, session, Cause::Displaced);
    stage.spread();
    stage.heal();
    assert_eq!((stage.broken(), stage.words()), (None, ""));
}

#[test]
fn the_one_that_the_rules_choose_does_not() {
    let (mut stage, session) = twice();
    stage.spread();
    let winner = match stage.kiosk_of_winner(session) == crate::invariants::stage::kiosk_of(KIOSK) {
        true => KIOSK,
        false => OTHER_KIOSK,
    };
    stage.closed(winner, session, Cause::Displaced);
    assert_eq!(stage.broken(), Some(Some(winner)));
}

#[test]
fn nobody_gives_up_a_session_that_was_closed_elsewhere_before() {
    let mut stage = Stage::with(DoubleOpening::default());
    let session = stage.opened(ADMIN, KIOSK, 600);
    stage.closed(KIOSK, session, Cause::Left);
    stage.spread();
    stage.open(OTHER_KIOSK, session);
    assert_eq!(stage.broken(), None);
    stage.closed(OTHER_KIOSK, session, Cause::Displaced);
    assert_eq!(stage.broken(), Some(Some(OTHER_KIOSK)));
}

/// While its log comes back from others, it may take what it had known to be closed for what contends.
#[test]
fn one_whose_disk_was_put_back_may_give_up_a_session_to_nobody() {
    let mut stage = Stage::with(DoubleOpening::default());
    let session = stage.opened(ADMIN, KIOSK, 600);
    stage.closed(KIOSK, session, Cause::Left);
    stage.spread();
    stage.open(OTHER_KIOSK, session);
    let hosts = Hosts(String::from("poste-2"));
    stage.begin(Fault::Restore { hosts, age_ms: 60_000 }, &[OTHER_KIOSK]);
    stage.stop(OTHER_KIOSK, Stop::Restored);
    stage.start(OTHER_KIOSK, true);
    stage.closed(OTHER_KIOSK, session, Cause::Displaced);
    assert_eq!((stage.broken(), stage.words()), (None, ""));
}

#[test]
fn an_overdraft_is_what_both_sides_saw_as_left() {
    let (mut stage, session) = twice();
    both_run(&mut stage, session, 2);
    stage.reads(KIOSK, session, 600_000, 0);
    stage.reads(OTHER_KIOSK, session, 600_000, 0);
    stage.spread();
    stage.heal();
    assert_eq!((stage.broken(), stage.words()), (None, ""));
}

#[test]
fn an_overdraft_beyond_that_is_seen() {
    let (mut stage, session) = twice();
    both_run(&mut stage, session, 2);
    stage.reads(KIOSK, session, 600_000, 0);
    stage.reads(OTHER_KIOSK, session, 660_000, 0);
    stage.spread();
    stage.heal();
    assert!(stage.broken().is_some());
}

#[test]
fn a_session_that_a_checkpoint_has_folded_away_stands_nowhere() {
    let folded = |prunes: bool| {
        let (mut stage, _) = twice();
        let empty = domain::site::Site::new(stage.nodes.at(ADMIN).site.id());
        stage.spread();
        stage.prune(ADMIN, ADMIN);
        let site = &mut stage.nodes.at_mut(ADMIN).site;
        *site = match prunes {
            true => {
                let ground = site.ground().clone();
                let mut folded = empty;
                folded.rebase(ground, std::iter::empty());
                folded
            }
            false => empty,
        };
        stage.heal();
        stage.broken()
    };
    assert_eq!(folded(true), None);
    assert_eq!(folded(false), Some(Some(ADMIN)));
}
