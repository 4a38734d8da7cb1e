//! The timeline under `list`: a row for each key, and time from left to right with now in one column.
//!
//! A key is active for months and takes over in minutes. To show both, the distance from now is drawn on a logarithmic
//! scale, to the left for the past and to the right for the future. The timeline is plain ASCII, because people read it
//! in terminals, logs and tickets.

use sealstamp::{KeyState, KeyStatus, UnixMillis};

const LEGEND: [&str; 5] = [". opens", "# mints and opens", "- opens what it minted", "x revoked", "| now"];
/// Room for a kid and two spaces.
const GUTTER: usize = 10;
/// Times nearer than this are drawn next to now.
const FINEST_MS: u64 = 30_000;
const TICKS: [(u64, &str); 8] = [
    (60_000, "1m"),
    (600_000, "10m"),
    (3_600_000, "1h"),
    (6 * 3_600_000, "6h"),
    (86_400_000, "1d"),
    (7 * 86_400_000, "7d"),
    (30 * 86_400_000, "30d"),
    (365 * 86_400_000, "1y"),
];

/// What is drawn of a key.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    name: String,
    opens_from: UnixMillis,
    mints_from: Option<UnixMillis>,
    mints_until: Option<UnixMillis>,
    ends: Option<UnixMillis>,
    revoked: bool,
}

impl Row {
    pub(crate) fn of(status: &KeyStatus<'_>, mints_until: Option<UnixMillis>, opens_until: Option<UnixMillis>) -> Self {
        let key = status.key;
        let revoked = status.state == KeyState::Revoked;
        Self {
            name: key.kid().to_string(),
            opens_from: key.activates_at().map_or(key.created_at(), |at| at.min(key.created_at())),
            mints_from: key.activates_at(),
            mints_until,
            ends: if revoked { key.revoked_at() } else { opens_until },
            revoked,
        }
    }

    fn times(&self) -> impl Iterator<Item = UnixMillis> {
        [Some(self.opens_from), self.mints_from, self.mints_until, self.ends].into_iter().flatten()
    }
}

/// How many columns there are: the environment's COLUMNS, else the terminal's, else 80.
pub(crate) fn width() -> usize {
    let asked = std::env::var("COLUMNS").ok().and_then(|text| text.parse::<usize>().ok()).filter(|w| *w > 0);
    let terminal = || terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    asked.or_else(terminal).unwrap_or(80)
}

pub(crate) fn draw(rows: &[Row], now: UnixMillis, width: usize) -> String {
    let scale = Scale::fit(rows, now, width.clamp(40, 200).saturating_sub(GUTTER));
    let mut out = String::new();
    for line in scale.axis() {
        push_line(&mut out, "", &line);
    }
    for row in rows {
        push_line(&mut out, &row.name, &scale.row(row));
    }
    push_legend(&mut out, width);
    out
}

fn push_legend(out: &mut String, width: usize) {
    let mut column = 0_usize;
    for entry in LEGEND {
        let end = column.saturating_add(3).saturating_add(entry.len());
        if column == 0 {
            column = entry.len();
        } else if end > width {
            out.push('\n');
            column = entry.len();
        } else {
            out.push_str("   ");
            column = end;
        }
        out.push_str(entry);
    }
    out.push('\n');
}

fn push_line(out: &mut String, name: &str, line: &str) {
    let line = format!("{name:<GUTTER$}{line}");
    out.push_str(line.trim_end());
    out.push('\n');
}

/// From times to columns.
struct Scale {
    now: UnixMillis,
    width: usize,
    now_column: usize,
    past_ms: u64,
    future_ms: u64,
}

impl Scale {
    /// Wide enough for every time of the rows, and for at least an hour: otherwise minutes would fill the timeline of a
    /// new ring.
    fn fit(rows: &[Row], now: UnixMillis, width: usize) -> Self {
        let farthest = |of: &dyn Fn(UnixMillis) -> u64| rows.iter().flat_map(Row::times).map(of).max().unwrap_or(0);
        let past_ms = farthest(&|time| now.since(time)).max(3_600_000);
        let future_ms = farthest(&|time| time.since(now)).max(3_600_000);
        Self { now, width, now_column: width.saturating_mul(3) / 5, past_ms, future_ms }
    }

    /// The column of a time. Now has a column of its own, and every other time is to the left or right of it.
    fn column(&self, time: UnixMillis) -> usize {
        let (ahead, ago) = (time.since(self.now), self.now.since(time));
        if ahead > 0 {
            let room = self.width.saturating_sub(self.now_column).saturating_sub(1);
            self.now_column.saturating_add(part(ahead, self.future_ms, room)).min(self.width.saturating_sub(1))
        } else if ago > 0 {
            self.now_column.saturating_sub(part(ago, self.past_ms, self.now_column))
        } else {
            self.now_column
        }
    }

    /// Two lines: the labels, which say how far from now, and the marks, which show where exactly.
    fn axis(&self) -> [String; 2] {
        let mut labels = vec![' '; self.width];
        let mut marks = vec![' '; self.width];
        self.put(&mut labels, self.now_column, "now");
        set(&mut marks, self.now_column, '|');
        for (ms, text) in TICKS {
            let past = (ms <= self.past_ms).then(|| (self.now.saturating_sub(ms), format!("-{text}")));
            let future = (ms <= self.future_ms).then(|| (self.now.saturating_add(ms), format!("+{text}")));
            for (time, text) in past.into_iter().chain(future) {
                let column = self.column(time);
                if self.put(&mut labels, column, &text) {
                    set(&mut marks, column, '\'');
                }
            }
        }
        [labels.into_iter().collect(), marks.into_iter().collect()]
    }

    /// Writes a label around its column, if it fits there with a space on each side.
    fn put(&self, line: &mut [char], column: usize, text: &str) -> bool {
        let start = column.saturating_sub(text.len() / 2).min(self.width.saturating_sub(text.len()));
        let end = start.saturating_add(text.len());
        let around = start.saturating_sub(1)..end.saturating_add(1).min(self.width);
        let free = line.get(around).is_some_and(|cells| cells.iter().all(|c| *c == ' '));
        if let Some(cells) = line.get_mut(start..end).filter(|_| free) {
            for (cell, c) in cells.iter_mut().zip(text.chars()) {
                *cell = c;
            }
        }
        free
    }

    fn row(&self, row: &Row) -> String {
        let opens = self.column(row.opens_from);
        let mints = row.mints_from.map(|at| self.column(at));
        let retires = row.mints_until.map(|at| self.column(at));
        let ends = row.ends.map(|at| self.column(at));
        let cell = |column: usize| {
            if row.revoked && ends == Some(column) {
                'x'
            } else if mints == Some(column) {
                '#'
            } else if column < opens || ends.is_some_and(|end| column >= end) {
                ' '
            } else if mints.is_none_or(|from| column < from) {
                '.'
            } else if retires.is_none_or(|until| column < until) {
                '#'
            } else {
                '-'
            }
        };
        let mut line: Vec<char> = (0..self.width).map(cell).collect();
        set(&mut line, self.now_column, '|');
        if ends.is_none() {
            set(&mut line, self.width.saturating_sub(1), '>');
        }
        line.into_iter().collect()
    }
}

fn set(line: &mut [char], column: usize, c: char) {
    if let Some(cell) = line.get_mut(column) {
        *cell = c;
    }
}

/// `room * ln(1 + ms) / ln(1 + span)`, at least 1, with times in units of the finest one.
fn part(ms: u64, span: u64, room: usize) -> usize {
    let log = |ms: u64| (ms as f64 / FINEST_MS as f64).ln_1p();
    let share = (log(ms) / log(span)).clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a number of columns")]
    let columns = (share * room as f64).round() as usize;
    columns.max(1)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test stops by panicking")]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_795_377_600_000);
    const MIN: u64 = 60_000;

    fn row(opens: u64, mints: Option<u64>, until: Option<i64>, ends: Option<i64>, revoked: bool) -> Row {
        let at = |min: i64| match u64::try_from(min) {
            Ok(ahead) => NOW.saturating_add(ahead * MIN),
            Err(_) => NOW.saturating_sub(min.unsigned_abs() * MIN),
        };
        Row {
            name: "00000001".into(),
            opens_from: NOW.saturating_sub(opens * MIN),
            mints_from: mints.map(|ago| NOW.saturating_sub(ago * MIN)),
            mints_until: until.map(at),
            ends: ends.map(at),
            revoked,
        }
    }

    fn drawn(row: Row, width: usize) -> String {
        let picture = draw(&[row], NOW, width);
        picture.lines().nth(2).unwrap().to_owned()
    }

    #[test]
    fn each_state_has_its_marks() {
        for (row, line) in [
            // Long active, no successor dated: mints to the edge.
            (row(600, Some(500), None, None, false), "00000001  .#############################|##################>"),
            // Staged without a date: opens to the edge.
            (row(600, None, None, None, false), "00000001  ..............................|..................>"),
            // Active, successor dated: mints, opens, ends.
            (
                row(600, Some(500), Some(10), Some(60), false),
                "00000001  .#############################|###########-------",
            ),
            // Retired, and of no more use.
            (row(600, Some(500), Some(-60), Some(-10), false), "00000001  .#########-------             |"),
            // Revoked.
            (row(600, Some(500), Some(-60), Some(-60), true), "00000001  .#########x                   |"),
        ] {
            assert_eq!(drawn(row, 60), line);
        }
    }

    #[test]
    fn nothing_is_wider_than_asked() {
        for width in [40, 41, 57, 80, 133, 200] {
            for days in [0, 1, 30, 3_000] {
                let picture = draw(&[row(days * 1_440, Some(days * 1_440), Some(9), Some(12), false)], NOW, width);
                for line in picture.lines() {
                    assert!(line.len() <= width, "{width}: {line}");
                }
            }
        }
        assert!(draw(&[row(1, None, None, None, false)], NOW, 1).lines().next().unwrap().len() <= 40);
    }

    #[test]
    fn columns_keep_the_order_of_time() {
        let scale = Scale::fit(&[row(100_000, None, None, Some(5_000), false)], NOW, 70);
        let mut last = 0;
        for min in (-100_000_i64..=5_000).step_by(7) {
            let at = UnixMillis::new(NOW.get().checked_add_signed(min * 60_000).unwrap());
            let column = scale.column(at);
            assert!(column >= last && column < 70, "{min}");
            assert_eq!(column.cmp(&scale.now_column), min.cmp(&0), "{min}");
            last = column;
        }
    }

    #[test]
    fn a_span_of_time_is_never_too_short_to_see() {
        let line = drawn(row(600, Some(500), Some(-500), Some(-499), false), 60);
        assert!(line.contains('#'), "{line}");
    }
}
