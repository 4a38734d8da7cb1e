//! The picture of one rotation, drawn from what `sealstamp list --json` says while the old key is retiring.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer};

/// The members of `sealstamp-list/1` that the picture needs.
#[derive(Debug, Deserialize)]
pub struct List {
    lifetime_s: u32,
    max_skew_s: u32,
    propagation_s: u32,
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
struct Key {
    kid: String,
    state: String,
    #[serde(deserialize_with = "time")]
    created_at: Option<SystemTime>,
    #[serde(deserialize_with = "time")]
    activates_at: Option<SystemTime>,
    #[serde(deserialize_with = "time")]
    retires_at: Option<SystemTime>,
    #[serde(deserialize_with = "time")]
    prunable_at: Option<SystemTime>,
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SystemTime>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| humantime::parse_rfc3339(&text).map_err(serde::de::Error::custom)).transpose()
}

const LEFT: f64 = 110.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 72.0;
const ROW: f64 = 44.0;
const BAR: f64 = 22.0;
const AROUND: Duration = Duration::from_secs(300);

/// Minted with, opened with, neither: what a bar's piece means.
const STAGED: &str = "#bcd3ee";
const ACTIVE: &str = "#2563a8";
const RETIRING: &str = "#e9c46a";

/// The picture as SVG, or none if no key of the list is retiring with a successor in its place.
#[must_use]
pub fn draw(list: &List) -> Option<String> {
    let old = list.keys.iter().find(|key| key.state == "retiring")?;
    let (takes_over, prune) = (old.retires_at?, old.prunable_at?);
    // The rotation that dated the successor has also made the last key of the list.
    let rotate = list.keys.last()?.created_at?;
    let scale = Scale { from: rotate.checked_sub(AROUND)?, to: prune.checked_add(AROUND)? };
    let bottom = ROW.mul_add(f64::from(u32::try_from(list.keys.len()).ok()?), TOP);

    let mut svg = String::new();
    let grace = list.lifetime_s.checked_add(list.max_skew_s.checked_mul(2)?)?;
    background(&mut svg, bottom);
    span(&mut svg, &scale, rotate, takes_over, bottom, &format!("propagation: {}", length(list.propagation_s)));
    span(&mut svg, &scale, takes_over, prune, bottom, &length(grace));
    for (nth, key) in (0_u32..).zip(&list.keys) {
        row(&mut svg, &scale, key, ROW.mul_add(f64::from(nth), TOP));
    }
    let y = bottom + 30.0;
    text(&mut svg, scale.x(prune) + 6.0, y, "start", "lifetime + 2 max skew");
    mark(&mut svg, &scale, rotate, bottom, "middle", "sealstamp rotate");
    mark(&mut svg, &scale, takes_over, bottom, "end", "takes over");
    mark(&mut svg, &scale, prune, bottom, "start", "sealstamp prune");
    legend(&mut svg, bottom + 58.0);
    svg.push_str("</svg>\n");
    Some(svg)
}

struct Scale {
    from: SystemTime,
    to: SystemTime,
}

impl Scale {
    /// Where a time is, at the nearer edge if it is outside of the picture.
    fn x(&self, time: SystemTime) -> f64 {
        let since = |later: SystemTime| later.duration_since(self.from).unwrap_or_default().as_secs_f64();
        let x = (RIGHT - LEFT).mul_add(since(time) / since(self.to), LEFT);
        x.min(RIGHT).round()
    }
}

fn background(svg: &mut String, bottom: f64) {
    let height = bottom + 84.0;
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 {height}\" width=\"760\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\" role=\"img\">\n\
         <title>One rotation: what each key does, and when</title>\n\
         <rect width=\"760\" height=\"{height}\" fill=\"#fff\"/>"
    );
}

/// A key: staged until it has a date that has come, active until its successor's, retiring until it may be pruned.
fn row(svg: &mut String, scale: &Scale, key: &Key, y: f64) {
    text(svg, 16.0, y + 16.0, "start", &key.kid);
    let start = key.created_at.unwrap_or(scale.from);
    let end = key.prunable_at.unwrap_or(scale.to);
    let active = key.activates_at.unwrap_or(end);
    let retires = key.retires_at.unwrap_or(end);
    for (from, to, colour) in [(start, active, STAGED), (active, retires, ACTIVE), (retires, end, RETIRING)] {
        let (x, width) = (scale.x(from), scale.x(to) - scale.x(from));
        if width > 0.0 {
            let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BAR}\" fill=\"{colour}\"/>");
        }
    }
}

/// A moment, with its name and the time of day over it.
fn mark(svg: &mut String, scale: &Scale, time: SystemTime, bottom: f64, anchor: &str, name: &str) {
    let x = scale.x(time);
    let (top, end) = (TOP - 14.0, bottom + 8.0);
    let _ = writeln!(
        svg,
        "<line x1=\"{x}\" x2=\"{x}\" y1=\"{top}\" y2=\"{end}\" stroke=\"#222\" stroke-dasharray=\"4 3\"/>"
    );
    let beside = match anchor {
        "end" => x - 4.0,
        "start" => x + 4.0,
        _ => x,
    };
    let clock = humantime::format_rfc3339_seconds(time).to_string();
    text(svg, beside, top - 24.0, anchor, name);
    text(svg, beside, top - 7.0, anchor, clock.get(11..19).unwrap_or_default());
}

/// A stretch of time under the rows, with its length.
fn span(svg: &mut String, scale: &Scale, from: SystemTime, to: SystemTime, bottom: f64, name: &str) {
    let (x1, x2, y) = (scale.x(from) + 2.0, scale.x(to) - 2.0, bottom + 12.0);
    let _ = writeln!(svg, "<line x1=\"{x1}\" x2=\"{x2}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#222\" stroke-width=\"3\"/>");
    text(svg, (x1 + x2) / 2.0, y + 18.0, "middle", name);
}

fn legend(svg: &mut String, y: f64) {
    let entries = [(STAGED, "staged: opens"), (ACTIVE, "active: mints and opens"), (RETIRING, "retiring: opens")];
    for ((colour, name), x) in entries.into_iter().zip([LEFT, 270.0, 490.0]) {
        let top = y - 12.0;
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{top}\" width=\"14\" height=\"14\" fill=\"{colour}\"/>");
        text(svg, x + 20.0, y, "start", name);
    }
}

/// What is written here is words, digits and kids: nothing that XML would have escaped.
fn text(svg: &mut String, x: f64, y: f64, anchor: &str, what: &str) {
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{what}</text>");
}

fn length(seconds: u32) -> String {
    humantime::format_duration(Duration::from_secs(seconds.into())).to_string()
}
