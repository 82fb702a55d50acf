//! One host's row on the picture: how many links it held, its session, and what was wrong with it.

use super::escape::escape;
use super::scale::Scale;
use super::words::{KINDS, Kind};
use crate::target::{Outcome, Stretch};

/// With up to so many hosts each row has room for letters.
const ROOMY: usize = 24;
/// Narrower bars carry no letter.
const LETTER: f64 = 9.0;
/// Nothing is drawn narrower: a moment too is seen.
const LEAST: f64 = 1.6;
/// Letters of a host's name that have room.
const LONGEST_NAME: usize = 38;

/// A name as far as there is room for it.
fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

/// The rows, one below the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    count: usize,
    row: f64,
}

impl Rows {
    pub(super) fn of(hosts: &[String]) -> Self {
        let row = match hosts.len() {
            0..=ROOMY => 27.0,
            25..=60 => 13.0,
            _ => 6.0,
        };
        Rows { count: hosts.len(), row }
    }

    pub(super) fn height(&self) -> f64 {
        self.count as f64 * self.row
    }

    fn top(&self, place: usize) -> f64 {
        place as f64 * self.row
    }

    pub(super) fn middle(&self, place: usize) -> f64 {
        self.top(place) + self.row / 2.0
    }

    fn is_roomy(&self) -> bool {
        self.count <= ROOMY
    }

    /// The ground of a row, and the host's name.
    pub(super) fn track(&self, place: usize, host: &str, scale: &Scale) -> String {
        let (top, row) = (self.top(place), self.row);
        let size = (row * 0.62).clamp(5.0, 11.5);
        let baseline = self.middle(place) + size * 0.36;
        let ground = format!(
            r##"<path d="M{:.1} {:.1}H{:.1}" stroke="#e4e1d6" stroke-width="0.8"/>"##,
            scale.from_x,
            top + row - 0.5,
            scale.from_x + scale.width,
        );
        let name = format!(
            r##"<text x="{:.1}" y="{baseline:.1}" font-size="{size:.1}" fill="#17282b" text-anchor="end">{}</text>"##,
            scale.from_x - 8.0,
            escape(&shortened(host)),
        );
        ground + &name
    }

    /// The number of links over time, as a hill along the foot of the row: as tall as the host's most.
    pub(super) fn links(
        &self,
        place: usize,
        host: &str,
        outcome: &Outcome,
        scale: &Scale,
    ) -> String {
        let mut steps: Vec<(u64, i32)> = Vec::new();
        for (one, other, from_ms, until_ms) in &outcome.links {
            if one == host || other == host {
                steps.extend([(*from_ms, 1), (*until_ms, -1)]);
            }
        }
        steps.sort_unstable();
        let mut held = 0;
        let heights = steps.iter().map(|(_, change)| {
            held += change;
            held
        });
        let most = f64::from(heights.max().unwrap_or(1).max(1));
        let foot = self.top(place) + self.row - 1.0;
        let tall = (self.row - 2.0) * 0.9;
        let (mut links, mut path) = (0, format!("M{:.1} {foot:.1}", scale.from_x));
        for (at_ms, change) in steps {
            links += change;
            let y = foot - f64::from(links) / most * tall;
            path.push_str(&format!("H{:.1}V{y:.1}", scale.x(at_ms)));
        }
        path.push_str(&format!("H{:.1}V{foot:.1}Z", scale.from_x + scale.width));
        format!(r##"<path d="{path}" fill="#0b6e72" fill-opacity="0.14"/>"##)
    }

    /// A stretch: sessions in the middle of the row, being alone below, what goes wrong above.
    pub(super) fn bar(&self, stretch: &Stretch, scale: &Scale, place: Option<usize>) -> String {
        let kind = KINDS.iter().find(|kind| kind.name == stretch.kind);
        let (Some(kind), Some(place)) = (kind, place) else {
            return String::new();
        };
        let (top, row) = (self.top(place), self.row);
        let (y, height) = match kind.name {
            "session" => (top + row * 0.47, row * 0.26),
            "alone" => (top + row * 0.78, row * 0.12),
            _ => (top + row * 0.07, row * 0.36),
        };
        let x = scale.x(stretch.from_ms);
        let width = (scale.x(stretch.until_ms) - x).max(LEAST);
        let label = match stretch.label.as_str() {
            "" => String::new(),
            label => format!(" · {label}"),
        };
        let title = format!(
            "{} · {}{label} · {} → {}",
            stretch.host,
            kind.words.0,
            super::scale::clock(stretch.from_ms),
            super::scale::clock(stretch.until_ms),
        );
        let bar = format!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="1.4" fill="url(#p-{})" stroke="{}" stroke-width="0.7"><title>{}</title></rect>"#,
            kind.name,
            kind.ink,
            escape(&title),
        );
        bar + &self.letter(kind, x, width, y + height / 2.0)
    }

    fn letter(&self, kind: &Kind, x: f64, width: f64, middle: f64) -> String {
        let wanted = self.is_roomy() && width >= LETTER && !matches!(kind.mark, "" | "I");
        if !wanted {
            return String::new();
        }
        format!(
            concat!(
                r##"<text x="{x:.1}" y="{y:.1}" font-size="8" font-weight="700" fill="{ink}" "##,
                r##"stroke="#fff" stroke-width="2.4" paint-order="stroke" "##,
                r#"text-anchor="middle">{mark}</text>"#
            ),
            x = x + (width / 2.0).min(12.0),
            y = middle + 2.9,
            ink = kind.ink,
            mark = kind.mark,
        )
    }
}
