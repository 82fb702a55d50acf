//! True time, and what machines take for it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use domain::moment::Moment;

/// The wall time at which every run begins, in ms since 1970.
pub(super) const BEGIN_WALL_MS: i64 = 1_795_000_000_000;

/// True time since the run began, in milliseconds; the same for everybody who holds it.
#[derive(Debug, Clone, Default)]
pub(super) struct TrueTime(Rc<Cell<u64>>);

impl TrueTime {
    pub(super) fn now(&self) -> u64 {
        self.0.get()
    }

    pub(super) fn set(&self, now: u64) {
        debug_assert!(now >= self.now(), "time goes on");
        self.0.set(now);
    }

    /// What a right wall clock says.
    pub(super) fn wall_ms(&self) -> i64 {
        BEGIN_WALL_MS.saturating_add(signed(self.now()))
    }
}

/// What is wrong with a wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is ahead by so much, or behind.
    Ahead { by_ms: i64 },
    /// It began at 1970 at that true time.
    Lost { since: u64 },
    /// It is ahead every other turn.
    Strobe { by_ms: i64, period_ms: u64, since: u64 },
    /// It runs fast since, or slow.
    Drift { millionths: i32, since: u64 },
}

/// The two clocks of a machine. The one that counts from boot never lies.
#[derive(Debug)]
pub(super) struct MachineClock {
    time: TrueTime,
    booted_at: Cell<u64>,
    wrong: RefCell<BTreeMap<u32, Wrong>>,
}

impl MachineClock {
    pub(super) fn new(time: TrueTime) -> Self {
        let booted_at = Cell::new(time.now());
        MachineClock { time, booted_at, wrong: RefCell::default() }
    }

    /// The machine boots now.
    pub(super) fn boot(&self) {
        self.booted_at.set(self.time.now());
    }

    /// Both clocks.
    pub(super) fn moment(&self) -> Moment {
        let boot_ms = self.time.now() - self.booted_at.get();
        Moment { boot_ms, wall_ms: self.wall_ms(), trusted: false }
    }

    /// The true time at which the boot clock says this.
    pub(super) fn true_time_of(&self, boot_ms: u64) -> u64 {
        self.booted_at.get().saturating_add(boot_ms)
    }

    fn wall_ms(&self) -> i64 {
        let now = self.time.now();
        let mut wall = self.time.wall_ms();
        for wrong in self.wrong.borrow().values() {
            match *wrong {
                Wrong::Ahead { by_ms } => wall = wall.saturating_add(by_ms),
                Wrong::Lost { since } => wall = signed(now.saturating_sub(since)),
                Wrong::Strobe { by_ms, period_ms, since } => {
                    if (now.saturating_sub(since) / period_ms.max(1)).is_multiple_of(2) {
                        wall = wall.saturating_add(by_ms);
                    }
                }
                Wrong::Drift { millionths, since } => {
                    let gone = signed(now.saturating_sub(since));
                    wall = wall.saturating_add(gone.saturating_mul(millionths.into()) / 1_000_000);
                }
            }
        }
        wall
    }

    /// A fault of this number begins.
    pub(super) fn upset(&self, number: u32, wrong: Wrong) {
        self.wrong.borrow_mut().insert(number, wrong);
    }

    /// It ends: somebody set the clock.
    pub(super) fn mend(&self, number: u32) {
        self.wrong.borrow_mut().remove(&number);
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_time_never_lies_whatever_the_wall_clock_says() {
        let time = TrueTime::default();
        time.set(1_000);
        let clock = MachineClock::new(time.clone());
        clock.upset(1, Wrong::Ahead { by_ms: -3_600_000 });
        clock.upset(2, Wrong::Lost { since: 1_000 });
        time.set(6_000);
        assert_eq!(clock.moment().boot_ms, 5_000);
        assert_eq!(clock.moment().wall_ms, 5_000);
        clock.mend(2);
        assert_eq!(clock.moment().wall_ms, BEGIN_WALL_MS + 6_000 - 3_600_000);
        clock.mend(1);
        clock.upset(3, Wrong::Drift { millionths: 200_000, since: 1_000 });
        assert_eq!(clock.moment().wall_ms, BEGIN_WALL_MS + 7_000);
    }
}
