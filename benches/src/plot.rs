//! Bars as SVG, in the colours that a reader's page has, light or dark.

use std::fmt::Write as _;

use crate::report::duration;

/// One bar.
pub struct Bar<'b> {
    /// What it stands for.
    pub name: &'b str,
    /// Nanoseconds.
    pub ns: f64,
    /// Whether it is ours, or the floor, or a peer's.
    pub kind: Kind,
}

/// Whose bar it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The floor.
    Floor,
    /// Ours.
    Ours,
    /// A peer's.
    Peer,
}

const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 90.0;
const ROW: f64 = 24.0;

/// Groups of bars on one scale of time that starts at zero.
#[must_use]
pub fn bars(title: &str, groups: &[(&str, Vec<Bar<'_>>)]) -> String {
    let most = groups.iter().flat_map(|(_, bars)| bars).map(|bar| bar.ns).fold(1.0, f64::max);
    let x = |ns: f64| LEFT + ns / most * (WIDTH - LEFT - RIGHT);
    let rows: usize = groups.iter().map(|(_, bars)| bars.len() + 2).sum();
    let height = 40.0 + rows as f64 * ROW;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" font-family="system-ui, sans-serif" font-size="13">
<title>{title}</title>
<style>
text {{ fill: #24292f }} .head {{ font-weight: 600 }} .value, .axis {{ fill: #57606a }} .axis {{ font-size: 11px }}
line {{ stroke: #d0d7de }} .floor {{ fill: #8c959f }} .ours {{ fill: #1a7f37 }} .peer {{ fill: #a5b4c4 }} .page {{ fill: #fff }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e6edf3 }} .value, .axis {{ fill: #9198a1 }} line {{ stroke: #3d444d }}
.floor {{ fill: #656c76 }} .ours {{ fill: #3fb950 }} .peer {{ fill: #4a5a6c }} .page {{ fill: #0d1117 }}
}}
</style>
<rect class="page" width="{WIDTH}" height="{height}"/>
"##
    );
    let bottom = height - 28.0;
    let power = 10_f64.powf(most.log10().floor());
    let step = if most / power < 4.0 { power / 2.0 } else { power };
    for tick in 0..=(most / step) as u32 {
        let ns = f64::from(tick) * step;
        let at = x(ns);
        let _ = writeln!(svg, r#"<line x1="{at:.1}" y1="12" x2="{at:.1}" y2="{bottom}"/>"#);
        let label = if tick == 0 { "0".to_owned() } else { duration(ns).replace(".00", "") };
        let _ = writeln!(
            svg,
            r#"<text class="axis" x="{at:.1}" y="{}" text-anchor="middle">{label}</text>"#,
            bottom + 16.0
        );
    }
    let mut y = 10.0;
    for (name, bars) in groups {
        let _ = writeln!(svg, r#"<text class="head" x="10" y="{:.1}">{name}</text>"#, y + 17.0);
        y += ROW;
        for Bar { name, ns, kind } in bars {
            let class = match kind {
                Kind::Floor => "floor",
                Kind::Ours => "ours",
                Kind::Peer => "peer",
            };
            let (width, middle) = (x(*ns) - LEFT, y + 16.0);
            let _ = writeln!(svg, r#"<text x="{}" y="{middle:.1}" text-anchor="end">{name}</text>"#, LEFT - 8.0);
            let _ = writeln!(
                svg,
                r#"<rect class="{class}" x="{LEFT}" y="{:.1}" width="{width:.1}" height="17"/>"#,
                y + 3.0
            );
            let _ = writeln!(
                svg,
                r#"<text class="value" x="{:.1}" y="{middle:.1}">{}</text>"#,
                x(*ns) + 6.0,
                duration(*ns)
            );
            y += ROW;
        }
        y += ROW;
    }
    svg.push_str("</svg>\n");
    svg
}
