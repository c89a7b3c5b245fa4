//! Lists for people and for scripts: on a terminal columns as wide as what stands in them, elsewhere tabs and no header.
//!
//! Where a terminal is too narrow, the widest columns are cut, but never the first: it is what other commands take.
//! Libraries for tables wrap what is too wide and draw the same everywhere; neither suits here.

use console::{Term, measure_text_width, truncate_str};

use super::style;

const GAP: usize = 2;
/// No column is cut below this.
const LEAST: usize = 6;

pub(super) struct Table<const N: usize> {
    header: [String; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(header: [&str; N]) -> Self {
        Self {
            header: header.map(style::dim),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| one_line(&cell)));
    }

    /// A list of nothing says so, where no script reads it.
    pub(super) fn print(&self) {
        if self.rows.is_empty() {
            anstream::eprintln!("none");
            return;
        }
        let terminal = Term::stdout();
        if !terminal.is_term() {
            for row in &self.rows {
                anstream::println!("{}", row.join("\t"));
            }
            return;
        }
        let width = terminal
            .size_checked()
            .map_or(80, |(_, columns)| usize::from(columns));
        for line in self.lines(width) {
            anstream::println!("{line}");
        }
    }

    fn lines(&self, width: usize) -> Vec<String> {
        let all = || std::iter::once(&self.header).chain(&self.rows);
        let wide = |column: usize| {
            let cells = all().map(|row| measure_text_width(&row[column]));
            cells.max().unwrap_or_default()
        };
        let widths = fitting((0..N).map(wide).collect(), width);
        all().map(|row| line(row, &widths)).collect()
    }
}

/// Cut where needed, padded, and nothing behind the last word.
fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    let mut blanks = 0;
    for (cell, width) in row.iter().zip(widths) {
        let cell = truncate_str(cell, *width, "…");
        let used = measure_text_width(&cell);
        if used > 0 {
            line.push_str(&" ".repeat(blanks));
            line.push_str(&cell);
            blanks = 0;
        }
        blanks += width.saturating_sub(used) + GAP;
    }
    line
}

/// The widths with the widest lowered until all fit, if they can.
fn fitting(mut widths: Vec<usize>, width: usize) -> Vec<usize> {
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let behind = widths.iter_mut().skip(1).filter(|wide| **wide > LEAST).max();
        let Some(widest) = behind else { break };
        *widest -= 1;
    }
    widths
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '\t'], " ")
}

/// One thing that is known of something, below others; nothing where there is nothing to say.
pub(super) fn field(name: &str, value: &str) {
    if !value.is_empty() {
        anstream::println!("{name:>12}  {value}");
    }
}

/// `2026-01-31T12:00:00Z`: a time of an answer without its milliseconds.
pub(super) fn moment(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.to_owned(),
    }
}

/// `1 job`, `2 jobs`.
pub(super) fn count(number: u64, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: usize) -> Vec<String> {
        let mut table = Table::new(["job", "state", "failure"]);
        table.row([
            "0123456789".into(),
            style::error("dead"),
            "it was\ntoo large".into(),
        ]);
        table.row(["1".into(), "queued".into(), String::new()]);
        let lines = table.lines(width);
        lines
            .iter()
            .map(|line| console::strip_ansi_codes(line).into_owned())
            .collect()
    }

    #[test]
    fn columns_stand_below_each_other_whatever_their_colours() {
        assert_eq!(
            shown(80),
            [
                "job         state   failure",
                "0123456789  dead    it was too large",
                "1           queued"
            ]
        );
    }

    #[test]
    fn what_is_too_wide_is_cut_behind_the_first_column() {
        assert_eq!(shown(30)[1], "0123456789  dead    it was to…");
        assert_eq!(shown(5)[1], "0123456789  dead    it wa…");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!([count(1, "step"), count(2, "job")], ["1 step", "2 jobs"]);
        assert_eq!(moment("2026-01-31T12:00:00.123Z"), "2026-01-31T12:00:00Z");
    }
}
