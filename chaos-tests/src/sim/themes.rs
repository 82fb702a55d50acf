//! Short worlds that are each about one thing: few computers, one kind of trouble, and plenty of it.
//!
//! A [drawn](super::drawn) world has a bit of everything, so that what takes two rare things at one
//! time seldom happens there. Here neighbouring seeds have different themes, and each has its turn.

mod trouble;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::drawn::Draw;
use crate::event::HostId;
use crate::fault::{Fault, Hosts, Malice};
use crate::scenario::{Load, Policy, Scenario, Shape, Step, Words};

/// Length of such a world before it is healed, in seconds. Admin nodes are asked for a checkpoint each
/// seven minutes, and whoever adopts one folds everything again: the third would come while nodes heal,
/// and what they had wrong before would never be seen.
const LASTS_S: u32 = 1_110;

/// What a world is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Theme {
    /// Busy desks, and nothing that goes wrong.
    Desks,
    /// Disks that are slow, full or broken, and processes that end meanwhile.
    Disks,
    /// Processes and machines that end again and again.
    Restarts,
    /// Kiosks that are alone for long.
    Alone,
    /// Halves of a site that do not see each other, and the same done in both.
    Halves,
    /// Kiosks that forget everything, and are alone.
    Amnesic,
    /// Wrong clocks.
    Clocks,
    /// Messages that are lost, late, doubled and out of turn.
    Wires,
    /// A key in the wrong hands that grants itself what it likes.
    Forgers,
    /// One that tells two histories, and sends what nobody can read.
    Liars,
    /// Thieves who are revoked, at one desk or at two.
    Revoked,
    /// Two releases.
    Releases,
    /// Machines that come back after the others have agreed on a checkpoint.
    Late,
    /// Rows that are erased while an admin node is away.
    Erased,
    /// Many kiosks, all switched on at once.
    Crowd,
    /// Disks of kiosks that start a second machine.
    Copies,
}

const THEMES: [Theme; 16] = [
    Theme::Desks,
    Theme::Disks,
    Theme::Restarts,
    Theme::Alone,
    Theme::Halves,
    Theme::Amnesic,
    Theme::Clocks,
    Theme::Wires,
    Theme::Forgers,
    Theme::Liars,
    Theme::Revoked,
    Theme::Releases,
    Theme::Late,
    Theme::Erased,
    Theme::Crowd,
    Theme::Copies,
];

impl Scenario {
    /// A short world that is about one thing; equal for equal seeds.
    pub fn on_a_theme(seed: u64) -> Self {
        let place = usize::try_from(seed % THEMES.len() as u64).unwrap_or(0);
        let theme = THEMES.get(place).copied().unwrap_or(Theme::Desks);
        let mut rng = StdRng::seed_from_u64(seed);
        let site = theme.site(&mut rng);
        let mut draw = Draw { rng, site, lasts_s: LASTS_S };
        let mut load = theme.people(&mut draw);
        let mut fault = Vec::new();
        theme.trouble(&mut draw, &mut load, &mut fault);
        let (fr, en) = theme.about();
        draw.scenario(seed, Words { fr: fr.to_owned(), en: en.to_owned() }, load, fault)
    }
}

impl Theme {
    fn about(self) -> (&'static str, &'static str) {
        match self {
            Theme::Desks => ("Un accueil très occupé.", "Busy desks."),
            Theme::Disks => ("Des disques lents, pleins, en panne.", "Disks slow, full, broken."),
            Theme::Restarts => ("Des redémarrages sans fin.", "Restarts without end."),
            Theme::Alone => ("Des postes longtemps isolés.", "Kiosks alone for long."),
            Theme::Halves => ("Un site coupé en deux.", "A site in two halves."),
            Theme::Amnesic => ("Des postes sans mémoire.", "Kiosks that forget."),
            Theme::Clocks => ("Des horloges fausses.", "Wrong clocks."),
            Theme::Wires => ("Un mauvais réseau.", "A bad network."),
            Theme::Forgers => ("Une clé volée.", "A stolen key."),
            Theme::Liars => ("Une clé volée qui ment.", "A stolen key that lies."),
            Theme::Revoked => ("Des clés révoquées.", "Revoked keys."),
            Theme::Releases => ("Deux versions.", "Two releases."),
            Theme::Late => ("Des retours tardifs.", "Late returns."),
            Theme::Erased => ("Des effacements.", "Erasures."),
            Theme::Crowd => ("Une grande salle.", "A large room."),
            Theme::Copies => ("Des disques copiés.", "Copied disks."),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others take place in a small room")]
    fn site(self, rng: &mut StdRng) -> Shape {
        let (admins, kiosks) = match self {
            Theme::Crowd => (2..=3, 11..=14),
            // With few others there is no way round a message that is lost.
            Theme::Wires => (1..=2, 2..=3),
            Theme::Alone | Theme::Amnesic => (2..=2, 2..=4),
            _ => (2..=3, 3..=6),
        };
        let kiosks = rng.random_range(kiosks);
        let is_alone = matches!(self, Theme::Alone | Theme::Amnesic);
        let policy = match rng.random_range(0..if is_alone { 6 } else { 3 }) {
            0 => Policy::Lock,
            1 => Policy::Finish,
            _ => Policy::Codes,
        };
        Shape {
            admins: rng.random_range(admins),
            kiosks,
            amnesic: if self == Theme::Amnesic { kiosks } else { 0 },
            policy,
            allowance_min: is_alone.then(|| rng.random_range(1..=2)),
            history_days: 0,
            checkpoint_after: rng.random_bool(0.5).then(|| rng.random_range(40..250)),
            checkpoint_every_min: None,
        }
    }

    /// Whoever comes, and whoever sits at the desks.
    #[expect(clippy::wildcard_enum_match_arm, reason = "to the others it does not matter")]
    fn people(self, draw: &mut Draw) -> Vec<Load> {
        let operators = match self {
            // Operators end and pause what should go on for long here.
            Theme::Alone | Theme::Amnesic | Theme::Restarts => 20,
            Theme::Disks => 1_500,
            // Often enough nobody ends what two kiosks have opened before they meet.
            Theme::Halves if draw.chance(50) => 40,
            Theme::Desks | Theme::Halves | Theme::Clocks | Theme::Erased | Theme::Late => 600,
            _ => 200,
        };
        let minutes = match self {
            Theme::Desks => draw.rng.random_range(1..=6),
            // Somebody leaves before the kiosk is alone, and somebody comes after.
            Theme::Alone | Theme::Amnesic | Theme::Halves => draw.rng.random_range(3..=8),
            Theme::Restarts => draw.rng.random_range(15..=40),
            _ => draw.rng.random_range(4..=40),
        };
        let per_hour = match self {
            // A code that is typed in both halves finds free kiosks.
            Theme::Halves => 20,
            _ => draw.rng.random_range(60..=180),
        };
        vec![
            Load::Patrons { from_s: 0, per_hour, minutes },
            Load::Operators { from_s: 0, per_hour: operators },
        ]
    }

    fn trouble(self, draw: &mut Draw, load: &mut Vec<Load>, steps: &mut Vec<Step>) {
        match self {
            Theme::Desks => {
                load.push(Load::ExtendAgainstClose { at_s: draw.at_s(), times: 4 });
                load.push(Load::batch(draw.at_s(), 10));
                load.push(Load::ClosingTime { at_s: draw.at_s() });
            }
            Theme::Disks => draw.disks(steps),
            Theme::Restarts => {
                draw.crashes(steps);
                draw.restarts(steps);
                load.push(Load::RebootAbuse { at_s: draw.at_s(), hosts: draw.kiosks(1), times: 6 });
            }
            Theme::Alone | Theme::Amnesic => {
                for _ in 0..5 {
                    draw.lonely(steps);
                }
            }
            Theme::Halves => draw.halves(load, steps),
            Theme::Clocks => {
                for _ in 0..draw.rng.random_range(4..=10) {
                    let fault = draw.clock();
                    draw.add(steps, 20..400, fault);
                }
                let (hosts, by_s) =
                    (Hosts(String::from("kiosks")), draw.among(&[-7_200, 7_200], 0));
                draw.add(steps, 200..600, Fault::ClockJump { hosts, by_s });
            }
            Theme::Wires => draw.wires(steps),
            Theme::Forgers => {
                let thief = draw.kiosk();
                draw.hostile(steps, thief, Malice::Forge);
                if draw.chance(50) {
                    draw.hostile(steps, HostId(1), Malice::Forge);
                }
            }
            Theme::Liars => {
                let thief = if draw.chance(70) { draw.kiosk() } else { HostId(1) };
                draw.hostile(steps, thief, Malice::Equivocate);
                draw.hostile(steps, thief, Malice::Poison);
                if draw.chance(50) {
                    draw.hostile(steps, HostId(1), Malice::Lie);
                }
                draw.cuts(steps);
            }
            Theme::Revoked => {
                draw.revoked_twice(steps);
                draw.revoked_unheard(steps);
            }
            Theme::Releases => draw.releases(steps),
            Theme::Late => {
                draw.cuts(steps);
                draw.restarts(steps);
            }
            Theme::Erased => draw.admins_away(steps),
            Theme::Crowd => load.push(Load::OpeningRush { at_s: 30, within_s: 60 }),
            Theme::Copies => draw.copies(steps),
        }
    }
}
