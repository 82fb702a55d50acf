//! The axis of time: from milliseconds to places on the picture, with ticks that people read.

/// Steps between ticks, in milliseconds.
const STEPS: [u64; 14] = [
    1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000,
    7_200_000, 21_600_000, 86_400_000,
];
/// Ticks that fit.
const MOST_TICKS: u64 = 12;

/// From time to place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) from_x: f64,
    pub(super) width: f64,
    pub(super) lasted_ms: u64,
}

impl Scale {
    pub(super) fn x(&self, at_ms: u64) -> f64 {
        let share = at_ms.min(self.lasted_ms) as f64 / self.lasted_ms.max(1) as f64;
        self.from_x + share * self.width
    }

    /// The ticks, with what stands beside them.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let fits = |step: &&u64| self.lasted_ms / **step <= MOST_TICKS;
        let step = STEPS.iter().find(fits).copied().unwrap_or(self.lasted_ms.max(1));
        let ticks = (0..=self.lasted_ms / step).map(|number| number * step);
        ticks.map(|at_ms| (self.x(at_ms), clock(at_ms))).collect()
    }
}

/// A time since the beginning, short.
pub(super) fn clock(at_ms: u64) -> String {
    let seconds = at_ms / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) => String::from("0"),
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, 0, 0) => format!("{hours} h"),
        (hours, minutes, 0) => format!("{hours} h {minutes:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}
