//! The picture of a run: hosts down the side, time along the bottom, sessions, faults and links.

use std::collections::BTreeMap;

use super::escape::escape;
use super::host_rows::Rows;
use super::scale::Scale;
use super::words::KINDS;
use crate::target::Outcome;

/// Width of the picture, in its own units.
const WIDTH: f64 = 1_000.0;
/// What the hosts' names take of it at least.
const NAMES: f64 = 92.0;
/// Most that it may take: staff give kiosks names of any length.
const NAMES_MOST: f64 = 260.0;
/// Width of a letter of a name, at its largest.
const LETTER: f64 = 6.2;
/// Height of the axis.
const AXIS: f64 = 24.0;
/// Links are drawn as lines between hosts up to so many; with more only their number is.
const MOST_LINES: usize = 160;

/// The picture with its legend.
pub(super) fn picture(outcome: &Outcome) -> String {
    let rows = Rows::of(&outcome.hosts);
    let lasted_ms = outcome.lasted_ms.max(1);
    let letters = outcome.hosts.iter().map(|host| host.chars().count()).max().unwrap_or_default();
    let from_x = (letters as f64 * LETTER + 14.0).clamp(NAMES, NAMES_MOST);
    let scale = Scale { from_x, width: WIDTH - from_x - 4.0, lasted_ms };
    let height = rows.height() + AXIS;
    let mut parts = vec![patterns(), axis(&scale, rows.height())];
    parts.push(healing(outcome, &scale, rows.height()));
    for (place, host) in outcome.hosts.iter().enumerate() {
        parts.push(rows.track(place, host, &scale));
        parts.push(rows.links(place, host, outcome, &scale));
    }
    let places: BTreeMap<&str, usize> =
        outcome.hosts.iter().enumerate().map(|(place, host)| (host.as_str(), place)).collect();
    parts.push(lines(outcome, &places, &rows, &scale));
    for stretch in &outcome.stretches {
        parts.push(rows.bar(stretch, &scale, places.get(stretch.host.as_str()).copied()));
    }
    let words =
        format!("{} postes et hôtes, {}", outcome.hosts.len(), super::scale::clock(lasted_ms));
    format!(
        r#"<svg class="timeline" viewBox="0 0 {WIDTH} {height:.1}" role="img" aria-label="{}">{}</svg>{}"#,
        escape(&words),
        parts.concat(),
        legend(),
    )
}

fn patterns() -> String {
    let pattern = |kind: &super::words::Kind| {
        format!(
            concat!(
                r#"<pattern id="p-{name}" width="6" height="6" patternUnits="userSpaceOnUse">"#,
                r#"<rect width="6" height="6" fill="{ink}" fill-opacity="{wash}"/>"#,
                r#"<g stroke="{ink}">{strokes}</g></pattern>"#
            ),
            name = kind.name,
            ink = kind.ink,
            wash = if kind.strokes.is_empty() { 1.0 } else { 0.28 },
            strokes = kind.strokes,
        )
    };
    let patterns: String = KINDS.iter().map(pattern).collect();
    format!("<defs>{patterns}</defs>")
}

fn axis(scale: &Scale, bottom: f64) -> String {
    let tick = |(x, label): (f64, String)| {
        format!(
            concat!(
                r##"<path d="M{x:.1} 0V{bottom:.1}" stroke="#dedacd" stroke-width="1"/>"##,
                r##"<text x="{x:.1}" y="{text:.1}" font-size="10" fill="#55676a" "##,
                r#"text-anchor="middle">{label}</text>"#
            ),
            x = x,
            bottom = bottom + 3.0,
            text = bottom + 16.0,
            label = escape(&label),
        )
    };
    scale.ticks().into_iter().map(tick).collect()
}

/// Healing and what it took, from when all faults were over to when all agreed.
fn healing(outcome: &Outcome, scale: &Scale, bottom: f64) -> String {
    let Some(healed_ms) = outcome.healed_ms else {
        return String::new();
    };
    let from = scale.x(healed_ms);
    let agreed = outcome.converged_ms.map(|took| scale.x(healed_ms.saturating_add(took)));
    let until = agreed.unwrap_or(from).max(from + 1.5);
    format!(
        concat!(
            r##"<rect x="{from:.1}" y="0" width="{width:.1}" height="{bottom:.1}" "##,
            r##"fill="#2e8b57" fill-opacity="0.22"/>"##,
            r##"<path d="M{from:.1} 0V{bottom:.1}" stroke="#1d6a3f" stroke-width="1.4" "##,
            r#"stroke-dasharray="4 2"/>"#
        ),
        from = from,
        width = until - from,
        bottom = bottom,
    )
}

/// A line between two hosts when a link begins, and a broken one when it ends.
fn lines(outcome: &Outcome, places: &BTreeMap<&str, usize>, rows: &Rows, scale: &Scale) -> String {
    if outcome.links.len() > MOST_LINES {
        return String::new();
    }
    let line = |(one, other, from_ms, until_ms): &(String, String, u64, u64)| {
        let (one, other) = (*places.get(one.as_str())?, *places.get(other.as_str())?);
        let (top, bottom) = (rows.middle(one.min(other)), rows.middle(one.max(other)));
        let draw = |at_ms: u64, ink: &str, dashes: &str| {
            let x = scale.x(at_ms);
            format!(
                r#"<path d="M{x:.1} {top:.1}V{bottom:.1}" stroke="{ink}" stroke-width="0.8" stroke-opacity="0.55"{dashes}/>"#
            )
        };
        let begins = draw(*from_ms, "#0b6e72", "");
        let ends = (*until_ms < outcome.lasted_ms)
            .then(|| draw(*until_ms, "#d28a00", r#" stroke-dasharray="2 2""#));
        Some(begins + &ends.unwrap_or_default())
    };
    outcome.links.iter().filter_map(line).collect()
}

fn legend() -> String {
    let item = |kind: &super::words::Kind| {
        let mark = match kind.mark {
            "" => String::new(),
            mark => format!("<b>{mark}</b> "),
        };
        format!(
            r#"<li><svg viewBox="0 0 26 12" aria-hidden="true"><rect width="26" height="12" rx="2" fill="url(#p-{})" stroke="{}"/></svg>{mark}{}</li>"#,
            kind.name,
            kind.ink,
            kind.words.beside(),
        )
    };
    let links = concat!(
        r##"<li><svg viewBox="0 0 26 12" aria-hidden="true"><path d="M0 12V6H9V3H18V9H26V12Z" "##,
        r##"fill="#0b6e72" fill-opacity="0.25"/></svg>"##,
        r#"liaisons tenues <span class="en" lang="en">links held</span></li>"#,
        r##"<li><svg viewBox="0 0 26 12" aria-hidden="true"><path d="M7 0V12" stroke="#0b6e72"/>"##,
        r##"<path d="M19 0V12" stroke="#d28a00" stroke-dasharray="2 2"/></svg>"##,
        r#"liaison nouée, rompue <span class="en" lang="en">made, lost</span></li>"#,
        r##"<li><svg viewBox="0 0 26 12" aria-hidden="true"><rect width="26" height="12" "##,
        r##"fill="#2e8b57" fill-opacity="0.22"/><path d="M1 0V12" stroke="#1d6a3f" "##,
        r#"stroke-dasharray="4 2"/></svg>"#,
        r#"pannes levées, puis accord <span class="en" lang="en">healed, then agreed</span></li>"#,
    );
    let items: String = KINDS.iter().map(item).collect();
    format!(r#"<ul class="legend">{items}{links}</ul>"#)
}
