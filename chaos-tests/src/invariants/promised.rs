//! The promises of one scenario, watched as invariants are. One kind to a file.
//!
//! Where a target cannot see what a promise speaks of, nothing is judged: nobody types a code on a real
//! site for the harness.

mod codes_open;
mod listed;
mod over;
mod ready;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::checker::Invariant;
use crate::event::HostId;
use crate::scenario::{Promise, Scenario, Words};

/// Every promise of the scenario, numbered from 1 in its order.
pub fn promised(scenario: &Scenario) -> Vec<Box<dyn Invariant>> {
    let numbered = (1..=u8::MAX).zip(&scenario.promise);
    let watched = numbered.map(|(number, promise)| -> Box<dyn Invariant> {
        let told = Told { number, words: promise.words() };
        match promise {
            Promise::CodesOpen { from_s, for_s, share, least, .. } => {
                let hosts = hosts(promise, scenario);
                let wanted = codes_open::Wanted { share: *share, least: *least, hosts };
                Box::new(codes_open::CodesOpen::new(told, Window::new(*from_s, *for_s), wanted))
            }
            Promise::Over { at_s, within_s } => Box::new(over::Over::new(told, *at_s, *within_s)),
            Promise::Ready { from_s, for_s, within_s, least } => {
                let window = Window::new(*from_s, *for_s);
                Box::new(ready::Ready::new(told, window, *within_s, *least))
            }
            Promise::Listed { sessions, least } => {
                Box::new(listed::Listed::new(told, *sessions, *least))
            }
        }
    });
    watched.collect()
}

/// The kiosks that a promise names: none is drawn, since [checked](Scenario::check) promises name each.
fn hosts(promise: &Promise, scenario: &Scenario) -> Option<Vec<HostId>> {
    let hosts = promise.hosts()?;
    let mut draw = StdRng::seed_from_u64(0);
    hosts.mean(&scenario.site, &mut draw).ok()
}

/// What a watcher says of itself.
#[derive(Debug)]
struct Told {
    number: u8,
    words: Words,
}

/// A stretch of the scenario.
#[derive(Debug, Clone, Copy)]
struct Window {
    from_ms: u64,
    until_ms: u64,
}

impl Window {
    fn new(from_s: u64, for_s: u64) -> Self {
        let (from_ms, for_ms) = (from_s.saturating_mul(1_000), for_s.saturating_mul(1_000));
        Window { from_ms, until_ms: from_ms.saturating_add(for_ms) }
    }

    fn has(self, at_ms: u64) -> bool {
        (self.from_ms..=self.until_ms).contains(&at_ms)
    }
}
