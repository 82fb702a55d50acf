//! The sheet that all reports are printed on.

use super::escape::escape;
use super::words::Both;

/// How a report ends: what it found, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Everything held.
    Good,
    /// Something is broken.
    Bad,
}

/// The head of a page: its title, what it came to, and a line below it.
pub(super) struct Head<'a> {
    pub(super) title: (&'a str, &'a str),
    pub(super) found: Found,
    pub(super) verdict: (&'a str, &'a str),
    pub(super) below: String,
}

/// A whole page.
pub(super) fn page(head: &Head<'_>, body: &str) -> String {
    let (class, mark) = match head.found {
        Found::Good => ("good", r#"<path d="M4 12.5 9.5 18 20 6.5"/>"#),
        Found::Bad => ("bad", r#"<path d="M12 4v10M12 18.5v.5"/>"#),
    };
    format!(
        r#"<!doctype html>
<html lang="fr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<p class="brand">poste <span>banc d’épreuve <span lang="en">· proving ground</span></span></p>
<h1>{title}</h1>
<p class="en" lang="en">{title_en}</p>
<div class="verdict {class}">
<svg viewBox="0 0 24 24" width="34" height="34" aria-hidden="true">{mark}</svg>
<p><strong>{verdict}</strong><span class="en below" lang="en">{verdict_en}</span></p>
</div>
{below}
</header>
<main>
{body}
</main>
</body>
</html>
"#,
        title = escape(head.title.0),
        title_en = escape(head.title.1),
        verdict = escape(head.verdict.0),
        verdict_en = escape(head.verdict.1),
        below = head.below,
    )
}

/// A row of large figures: name, value.
pub(super) fn cards(cards: &[(String, String)]) -> String {
    let card =
        |(name, value): &(String, String)| format!(r#"<div><dt>{name}</dt><dd>{value}</dd></div>"#);
    let cards: String = cards.iter().map(card).collect();
    format!(r#"<dl class="cards">{cards}</dl>"#)
}

/// A part of the page under a heading.
pub(super) fn section(heading: Both, body: &str) -> String {
    format!("<section><h2>{}</h2>\n{body}\n</section>\n", heading.beside())
}

/// The console's colours, on paper. No font is fetched; A4 has 186 mm between these margins.
const STYLE: &str = "
:root { --ink: #17282b; --soft: #38494c; --muted: #55676a; --line: #dedacd; --ground: #f3f1ea;
  --lagoon: #0b6e72; --wash: #e0f0ef; --good: #1d6a3f; --good-wash: #e4f3e9; --bad: #b3261e;
  --bad-wash: #fdecea; --idle: #585b52;
  --figures: ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', monospace; }
@page { size: A4; margin: 13mm 12mm 14mm; }
* { box-sizing: border-box; }
html { background: var(--ground); color: var(--ink); -webkit-print-color-adjust: exact;
  print-color-adjust: exact;
  font: 10pt/1.42 system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif; }
body { max-width: 210mm; margin: 8mm auto; padding: 14mm 12mm; background: #fff;
  box-shadow: 0 10px 34px rgb(23 40 43 / 14%); }
h1 { margin: 1.5mm 0 0; font-size: 21pt; line-height: 1.12; letter-spacing: -0.01em; }
h3 { margin: 5mm 0 1mm; font-size: 10.5pt; break-after: avoid; }
h2 { margin: 7mm 0 2mm; font-size: 12pt; break-after: avoid; }
p { margin: 0 0 1mm; }
.brand { margin: 0; padding-top: 2.5mm; border-top: 1.2mm solid var(--lagoon); color: var(--lagoon);
  font-size: 10pt; font-weight: 700; }
.brand span { color: var(--muted); font-weight: 400; }
.en { color: var(--muted); font-size: 0.86em; font-style: italic; font-weight: 400; }
.below { display: block; }
.verdict { display: flex; gap: 4mm; align-items: center; margin: 5mm 0 4mm; padding: 3.5mm 5mm;
  border: 1px solid; border-left-width: 2mm; border-radius: 2mm; }
.verdict p { margin: 0; font-size: 12.5pt; line-height: 1.25; }
.verdict .en { font-size: 9.5pt; }
.verdict svg { flex: none; fill: none; stroke: currentColor; stroke-width: 2.6;
  stroke-linecap: round; stroke-linejoin: round; }
.good { border-color: var(--good); background: var(--good-wash); color: var(--good); }
.bad { border-color: var(--bad); background: var(--bad-wash); color: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(32mm, 1fr)); gap: 2.5mm;
  margin: 0; }
.cards div { display: flex; flex-direction: column; padding: 2.5mm 3mm; border: 1px solid var(--line); border-radius: 2mm;
  break-inside: avoid; }
.cards dt { color: var(--soft); font-size: 8.4pt; line-height: 1.25; }
.cards dd { margin: auto 0 0; padding-top: 1mm; font-size: 12pt; line-height: 1.15; font-weight: 650; font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: collapse; font-size: 9pt; }
th, td { padding: 1.5mm 2mm 1.6mm 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
th { color: var(--muted); font-size: 8.2pt; font-weight: 600; border-bottom-color: #8d8a7b; }
td:last-child, th:last-child { padding-right: 0; }
tr { break-inside: avoid; }
.n { width: 8mm; color: var(--muted); }
.n, .figure { font-variant-numeric: tabular-nums; }
.figure { text-align: right; white-space: nowrap; }
.word { white-space: nowrap; font-weight: 650; }
.word svg { width: 3.4mm; height: 3.4mm; margin-right: 1mm; vertical-align: -0.5mm; fill: none;
  stroke: currentColor; stroke-width: 3; stroke-linecap: round; stroke-linejoin: round; }
.held { color: var(--good); }
.broken { color: var(--bad); }
.unseen { color: var(--idle); font-weight: 400; }
.breaches { margin: 1.2mm 0 0; padding: 1.4mm 2.4mm 1.4mm 6.4mm; background: var(--bad-wash);
  border-radius: 1mm; color: #7c1a15; font-family: var(--figures); font-size: 7.6pt;
  overflow-wrap: anywhere; }
.two { columns: 2; column-gap: 7mm; }
.two table { break-inside: auto; }
.notices { margin: 0; padding: 0; list-style: none; font-size: 8.4pt; columns: 1; }
.notices li { display: flex; gap: 3mm; padding: 0.5mm 0; break-inside: avoid;
  overflow-wrap: anywhere; }
.notices time { flex: none; width: 19mm; color: var(--muted); font-variant-numeric: tabular-nums;
  text-align: right; }
code, pre { font-family: var(--figures); font-size: 8.6pt; }
pre { margin: 1mm 0; padding: 2.5mm 3mm; border-radius: 1.5mm; background: #f9f8f3;
  white-space: pre-wrap; overflow-wrap: anywhere; break-inside: avoid; }
.timeline { display: block; width: 100%; height: auto; font-family: inherit; }
.legend { display: flex; flex-wrap: wrap; gap: 1mm 5mm; margin: 2mm 0 0; padding: 0; list-style: none;
  font-size: 8.4pt; }
.legend svg { width: 7mm; height: 3.2mm; margin-right: 1.4mm; vertical-align: -0.4mm; }
@media print { html { background: #fff; } body { max-width: none; margin: 0; padding: 0;
  box-shadow: none; } }
";
