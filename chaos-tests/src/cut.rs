//! Along which lines a network falls apart: who no longer hears whom.

use std::collections::BTreeSet;

use crate::event::HostId;
use crate::fault::Shape;

/// What one host sends does not reach another: from, to.
pub type Silence = (HostId, HostId);

impl Shape {
    /// The silences of a cut of this shape through `all`, whose named hosts are `named`, in the order
    /// in which the scenario names them.
    pub fn silences(self, named: &[HostId], all: &[HostId]) -> BTreeSet<Silence> {
        let mut silences = BTreeSet::new();
        let is_named = |host: &HostId| named.contains(host);
        for (one, from) in all.iter().enumerate() {
            for (other, to) in all.iter().enumerate() {
                let cut = match self {
                    Shape::Apart => is_named(from) != is_named(to),
                    Shape::Alone => is_named(from) || is_named(to),
                    Shape::Bridge => {
                        let bridge = named.first();
                        let free = bridge == Some(from) || bridge == Some(to);
                        !free && half(from, named, all) != half(to, named, all)
                    }
                    Shape::Ring => {
                        let apart = one.abs_diff(other);
                        apart != 1 && apart != all.len().saturating_sub(1)
                    }
                    Shape::Mute => is_named(from),
                    Shape::Deaf => is_named(to),
                };
                if from != to && cut {
                    silences.insert((*from, *to));
                }
            }
        }
        silences
    }
}

/// On which side of a bridge a host stands: the hosts named after the bridge on one, all others on
/// the other; where the bridge alone is named, every second host.
fn half(host: &HostId, named: &[HostId], all: &[HostId]) -> bool {
    match named {
        [] | [_] => {
            let place = all.iter().position(|other| other == host);
            place.is_some_and(|place| place % 2 == 0)
        }
        [_, side @ ..] => side.contains(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(numbers: &[u16]) -> Vec<HostId> {
        numbers.iter().copied().map(HostId).collect()
    }

    fn hears(shape: Shape, named: &[u16], to: u16) -> Vec<u16> {
        let all = hosts(&[0, 1, 2, 3, 4]);
        let silences = shape.silences(&hosts(named), &all);
        let heard = all
            .iter()
            .filter(|from| **from != HostId(to) && !silences.contains(&(**from, HostId(to))));
        heard.map(|host| host.0).collect()
    }

    #[test]
    fn sides_that_are_apart_hear_only_themselves() {
        assert_eq!(hears(Shape::Apart, &[0, 3], 3), [0]);
        assert_eq!(hears(Shape::Apart, &[0, 3], 4), [1, 2]);
    }

    #[test]
    fn hosts_that_are_alone_hear_nobody_and_others_hear_each_other() {
        assert_eq!(hears(Shape::Alone, &[1, 2], 1), [0; 0]);
        assert_eq!(hears(Shape::Alone, &[1, 2], 0), [3, 4]);
    }

    #[test]
    fn only_the_bridge_hears_both_halves() {
        assert_eq!(hears(Shape::Bridge, &[2], 2), [0, 1, 3, 4]);
        assert_eq!(hears(Shape::Bridge, &[2], 0), [2, 4]);
        assert_eq!(hears(Shape::Bridge, &[2], 1), [2, 3]);
        assert_eq!(hears(Shape::Bridge, &[2, 0], 0), [2]);
        assert_eq!(hears(Shape::Bridge, &[2, 0], 1), [2, 3, 4]);
    }

    #[test]
    fn a_ring_has_two_neighbours_each() {
        assert_eq!(hears(Shape::Ring, &[0], 0), [1, 4]);
        assert_eq!(hears(Shape::Ring, &[0], 2), [1, 3]);
    }

    #[test]
    fn mute_and_deaf_are_one_way() {
        assert_eq!(hears(Shape::Mute, &[1], 0), [2, 3, 4]);
        assert_eq!(hears(Shape::Mute, &[1], 1), [0, 2, 3, 4]);
        assert_eq!(hears(Shape::Deaf, &[1], 0), [1, 2, 3, 4]);
        assert_eq!(hears(Shape::Deaf, &[1], 1), [0; 0]);
    }
}
