//! Codes open: whoever types one gets in, unless staff would not have it.

use std::collections::BTreeMap;

use domain::id::SessionId;
use domain::refusal::Refusal;

use super::{Told, Window};
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Denied, Event, HostId};
use crate::scenario::Words;

/// How many are to get in, and where.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) share: u8,
    pub(super) least: u32,
    /// On each of these by itself; `None`: anywhere.
    pub(super) hosts: Option<Vec<HostId>>,
}

/// A code that was typed: on one kiosk, where kiosks are named.
type Try = (SessionId, Option<HostId>);

/// What came of it.
#[derive(Debug, Clone, Copy)]
struct Came {
    /// Whether its first try lies within the window.
    counts: bool,
    opened: bool,
    /// Staff had taken the code or its time back.
    turned_away: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct CodesOpen {
    told: Told,
    window: Window,
    wanted: Wanted,
    came: BTreeMap<Try, Came>,
}

impl CodesOpen {
    pub(super) fn new(told: Told, window: Window, wanted: Wanted) -> Self {
        CodesOpen { told, window, wanted, came: BTreeMap::new() }
    }

    /// Of those that count: how many typed, how many got in.
    fn counted(&self) -> (u64, u64) {
        let counted =
            self.came.values().filter(|came| came.counts && (came.opened || !came.turned_away));
        counted.fold((0, 0), |(all, opened), came| (all + 1, opened + u64::from(came.opened)))
    }
}

impl Invariant for CodesOpen {
    fn number(&self) -> u8 {
        self.told.number
    }

    fn name(&self) -> &'static str {
        "codes_open"
    }

    fn protects(&self) -> Words {
        self.told.words.clone()
    }

    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        let Event::Typed { host, session, why_not } = event else {
            return Ok(());
        };
        // Such a kiosk says so: nobody sits down there.
        if matches!(why_not, Some(Denied::Refused(Refusal::OutOfService) | Denied::Disk)) {
            return Ok(());
        }
        let place = match &self.wanted.hosts {
            Some(hosts) if !hosts.contains(host) => return Ok(()),
            Some(_) => Some(*host),
            None => None,
        };
        let counts = self.window.has(scene.told_ms());
        let first = Came { counts, opened: false, turned_away: false };
        let came = self.came.entry((*session, place)).or_insert(first);
        came.opened |= why_not.is_none();
        came.turned_away |= matches!(
            why_not,
            Some(Denied::Refused(
                Refusal::CodeWithdrawn | Refusal::SessionClosed | Refusal::UsedUp
            ))
        );
        Ok(())
    }

    fn healed(&mut self, _scene: Scene<'_>) -> Held {
        let (all, opened) = self.counted();
        let Wanted { share, least, .. } = &self.wanted;
        let few = opened < u64::from(*least);
        // Of few people, one is a large share.
        let borne = (all * u64::from(100_u8.saturating_sub(*share))).div_ceil(100);
        // Where nobody ever types, nobody can be seen typing.
        if !self.came.is_empty() && (few || all - opened > borne) {
            let what = format!("of {all} whose code was typed, {opened} got in");
            return Err(Broken::anywhere(what));
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.counted().0
    }

    fn worst(&self) -> Option<(f64, &'static str)> {
        let (all, opened) = self.counted();
        (all > 0).then(|| (opened as f64 * 100.0 / all as f64, "%"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_KIOSK, Stage};

    /// From the first second on for ten: the stage begins at one.
    fn stage(share: u8, least: u32, hosts: Option<Vec<HostId>>) -> Stage<CodesOpen> {
        let told = Told { number: 1, words: Words::same("") };
        let wanted = Wanted { share, least, hosts };
        Stage::with(CodesOpen::new(told, Window::new(1, 10), wanted))
    }

    fn types(stage: &mut Stage<CodesOpen>, host: HostId, session: SessionId, opens: bool) {
        let why_not = (!opens).then_some(Denied::Refused(Refusal::NotNow));
        stage.see(Event::Typed { host, session, why_not });
    }

    #[test]
    fn whoever_gets_in_at_the_second_try_got_in() {
        let mut stage = stage(100, 1, None);
        let (_, issued) = stage.issue(ADMIN, 600);
        types(&mut stage, KIOSK, issued.session, false);
        stage.pass(60_000);
        types(&mut stage, OTHER_KIOSK, issued.session, true);
        stage.heal();
        assert_eq!((stage.broken(), stage.judged(), stage.worst()), (None, 1, Some(100.0)));
    }

    #[test]
    fn whoever_never_gets_in_breaks_the_promise() {
        for (share, holds) in [(100, false), (67, false), (66, true)] {
            let mut stage = stage(share, 1, None);
            for opens in [true, false, false] {
                let (_, issued) = stage.issue(ADMIN, 600);
                types(&mut stage, KIOSK, issued.session, opens);
            }
            stage.heal();
            assert_eq!(stage.broken().is_none(), holds, "{share}");
        }
    }

    #[test]
    fn whom_staff_or_a_kiosk_out_of_order_turned_away_does_not_count() {
        let refused = [Refusal::OutOfService, Refusal::CodeWithdrawn, Refusal::SessionClosed];
        let refused = refused.map(Denied::Refused).into_iter();
        for denied in refused.chain([Denied::Disk]) {
            let mut stage = stage(100, 1, None);
            let (_, first) = stage.issue(ADMIN, 600);
            types(&mut stage, KIOSK, first.session, true);
            let (_, other) = stage.issue(ADMIN, 600);
            let why_not = Some(denied);
            stage.see(Event::Typed { host: KIOSK, session: other.session, why_not });
            stage.heal();
            assert_eq!((stage.broken(), stage.judged()), (None, 1));
        }
    }

    #[test]
    fn too_few_break_it_though_each_got_in() {
        let mut stage = stage(100, 2, None);
        let (_, issued) = stage.issue(ADMIN, 600);
        types(&mut stage, KIOSK, issued.session, true);
        stage.heal();
        assert_eq!(stage.broken(), Some(None));
    }

    #[test]
    fn nobody_at_that_time_breaks_it_and_nobody_ever_does_not() {
        let mut early = stage(100, 1, None);
        early.heal();
        assert_eq!((early.broken(), early.judged()), (None, 0));
        let mut late = stage(100, 1, None);
        let (_, issued) = late.issue(ADMIN, 600);
        late.pass(60_000);
        types(&mut late, KIOSK, issued.session, true);
        late.heal();
        assert_eq!((late.broken(), late.judged()), (Some(None), 0));
    }

    #[test]
    fn named_kiosks_are_counted_each_by_itself() {
        let hosts = || Some(vec![KIOSK, OTHER_KIOSK]);
        for both in [true, false] {
            let mut stage = stage(100, 2, hosts());
            let (_, issued) = stage.issue(ADMIN, 600);
            types(&mut stage, KIOSK, issued.session, true);
            types(&mut stage, OTHER_KIOSK, issued.session, both);
            stage.heal();
            assert_eq!((stage.broken().is_none(), stage.judged()), (both, 2));
        }
    }
}
