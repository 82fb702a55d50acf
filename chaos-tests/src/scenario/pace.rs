//! A scenario made to fit a shorter time, for targets that live in real time.

use crate::fault::Fault;
use crate::scenario::{Load, Promise, Scenario};

/// A kiosk that was frozen or cut off needs seconds to learn what happened, however short the run.
const NOTICED_S: u64 = 15;
/// In a shorter run there is no time to walk from one kiosk to the next: as much smaller a share of
/// those who come gets in.
const UNHURRIED_S: u64 = 180;
/// Most people or commands in an hour that a shortened scenario brings: one each second. Real codes
/// cost argon2, and the laboratory has one machine for all its kiosks.
const QUICKEST: u32 = 3_600;

impl Scenario {
    /// The same scenario within `lasts_s` seconds: what happens keeps its order and its share of
    /// the time, and as many people come as before. What a wall clock or a disk does keeps its size.
    /// One that is shorter already stays as it is.
    pub fn within(&self, lasts_s: u64) -> Self {
        if lasts_s == 0 || lasts_s >= self.lasts_s {
            return self.clone();
        }
        let pace = Pace { new_s: lasts_s, old_s: self.lasts_s };
        #[expect(clippy::cast_precision_loss, reason = "a week of seconds is exact in an f64")]
        let whole_s = self.lasts_s as f64;
        let mut quick = self.clone();
        quick.lasts_s = lasts_s;
        for load in &mut quick.load {
            pace.load(load);
        }
        for promise in &mut quick.promise {
            pace.promise(promise);
        }
        for step in &mut quick.fault {
            step.at_s = pace.fraction(step.at_s);
            // Two roundings may add up to more than the run.
            let left_s = pace.fraction(whole_s) - step.at_s;
            step.for_s = step.for_s.map(|for_s| pace.fraction(for_s).min(left_s).max(0.1));
            match &mut step.fault {
                Fault::Flap { period_ms, .. } | Fault::ClockStrobe { period_ms, .. } => {
                    // Links need seconds to notice a cut: shorter turns would be another fault.
                    *period_ms = pace.whole(*period_ms).max(1_000).min(*period_ms);
                }
                Fault::Restore { age_ms, .. } => *age_ms = pace.whole(*age_ms).max(1),
                Fault::Cut { .. }
                | Fault::Degrade { .. }
                | Fault::NewAddress { .. }
                | Fault::Kill { .. }
                | Fault::Pause { .. }
                | Fault::Suspend { .. }
                | Fault::PowerCut { .. }
                | Fault::Reboot { .. }
                | Fault::Amnesia { .. }
                | Fault::Replace { .. }
                | Fault::Clone { .. }
                | Fault::OtherRelease { .. }
                | Fault::DiskFull { .. }
                | Fault::DiskSlow { .. }
                | Fault::DiskFails { .. }
                | Fault::TornTail { .. }
                | Fault::BitFlip { .. }
                | Fault::ClockJump { .. }
                | Fault::ClockLost { .. }
                | Fault::ClockDrift { .. }
                | Fault::Hostile { .. }
                | Fault::Revoke { .. } => {}
            }
        }
        quick
    }
}

/// A new length over an old one.
#[derive(Clone, Copy)]
struct Pace {
    new_s: u64,
    old_s: u64,
}

impl Pace {
    fn whole(self, value: u64) -> u64 {
        value.saturating_mul(self.new_s) / self.old_s
    }

    #[expect(clippy::cast_precision_loss, reason = "a week of seconds is exact in an f64")]
    fn fraction(self, seconds: f64) -> f64 {
        seconds * self.new_s as f64 / self.old_s as f64
    }

    fn load(self, load: &mut Load) {
        match load {
            Load::Patrons { from_s, per_hour, minutes } => {
                *from_s = self.whole(*from_s);
                *per_hour = self.rate(*per_hour);
                *minutes = self.minutes(*minutes);
            }
            Load::Operators { from_s, per_hour } => {
                *from_s = self.whole(*from_s);
                *per_hour = self.rate(*per_hour);
            }
            Load::SameCode { at_s, minutes, .. } => {
                *at_s = self.whole(*at_s);
                *minutes = self.minutes(*minutes);
            }
            Load::OpeningRush { at_s, within_s } => {
                *at_s = self.whole(*at_s);
                *within_s = self.whole(*within_s).max(1);
            }
            Load::Batch { at_s, minutes, within_s, .. } => {
                *at_s = self.whole(*at_s);
                *minutes = self.minutes(*minutes);
                *within_s = self.whole(*within_s).max(1);
            }
            Load::ClosingTime { at_s }
            | Load::ExtendAgainstClose { at_s, .. }
            | Load::RebootAbuse { at_s, .. }
            | Load::WrongCodes { at_s, .. } => *at_s = self.whole(*at_s),
        }
    }

    /// Its times move with the rest; how soon something is to come does not.
    fn promise(self, promise: &mut Promise) {
        match promise {
            Promise::CodesOpen { from_s, for_s, share, least, hosts } => {
                (*from_s, *for_s) = (self.whole(*from_s), self.whole(*for_s).max(1));
                // Sessions last a minute at least: fewer people find a kiosk free.
                if hosts.is_none() {
                    let fewer = self.whole(u64::from(*least));
                    *least = u32::try_from(fewer).unwrap_or(*least);
                    let hurried = u64::from(*share) * self.new_s.min(UNHURRIED_S) / UNHURRIED_S;
                    *share = u8::try_from(hurried).unwrap_or(*share).max(1);
                }
            }
            Promise::Ready { from_s, for_s, .. } => {
                (*from_s, *for_s) = (self.whole(*from_s), self.whole(*for_s).max(1));
            }
            Promise::Over { at_s, within_s } => {
                *at_s = self.whole(*at_s);
                // What is waited for are faults, and they are shorter, too.
                let left_s = self.new_s.saturating_sub(*at_s).max(1);
                *within_s = self.whole(*within_s).max(NOTICED_S).min(left_s);
            }
            Promise::Listed { .. } => {}
        }
    }

    fn minutes(self, minutes: u16) -> u16 {
        u16::try_from(self.whole(u64::from(minutes))).unwrap_or(minutes).max(1)
    }

    /// As many people in a shorter time, up to what a desk can see.
    fn rate(self, per_hour: u32) -> u32 {
        let quicker = u64::from(per_hour).saturating_mul(self.old_s) / self.new_s;
        u32::try_from(quicker).unwrap_or(u32::MAX).min(QUICKEST).max(per_hour)
    }
}
