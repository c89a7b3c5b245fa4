//! Figures with their spread, and the table that shows them beside their targets.

use std::fmt::Write as _;

use super::alike::Likeness;

/// Smallest, middle and largest of several measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) min: f64,
    pub(super) median: f64,
    pub(super) max: f64,
}

impl Spread {
    /// Of no measurement there is no spread.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[half - 1], sorted[half])
        } else {
            sorted[half]
        };
        Some(Self { min, median, max })
    }

    /// Ratios of pairs measured in the same round.
    pub(super) fn of_ratios(over: &[f64], under: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> = over.iter().zip(under).map(|(a, b)| a / b).collect();
        Self::of(&ratios)
    }
}

/// What the median has to reach.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
    /// Shown, but nothing was promised.
    None,
}

impl Target {
    fn verdict(self, median: f64) -> (String, &'static str) {
        let (words, reached) = match self {
            Self::AtLeast(limit) => (format!("≥ {limit}"), median >= limit),
            Self::AtMost(limit) => (format!("≤ {limit}"), median <= limit),
            Self::Below(limit) => (format!("< {limit:.2}"), median < limit),
            Self::None => return (String::new(), ""),
        };
        (words, if reached { "reached" } else { "MISSED" })
    }
}

/// One line of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) what: String,
    /// Our own measurement and the peer's, in words with a unit.
    pub(super) ours: String,
    pub(super) theirs: String,
    /// The figure that the target speaks of; mostly a ratio.
    pub(super) figure: Spread,
    pub(super) target: Target,
    /// Whether both sides made the same; times of unlike outputs prove nothing.
    pub(super) outputs: Option<Likeness>,
}

#[derive(Debug, Default)]
pub(super) struct Report {
    text: String,
}

const HEAD: [&str; 8] = [
    "case",
    "Stopbath",
    "peer",
    "min",
    "median",
    "max",
    "target",
    "outputs, ours : theirs",
];

impl Report {
    /// Adds a line of prose and shows it at once.
    pub(super) fn say(&mut self, line: &str) {
        println!("{line}");
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Adds a section and shows it at once.
    pub(super) fn section(&mut self, title: &str, rows: &[Row]) {
        let mut cells: Vec<Vec<String>> = vec![HEAD.map(str::to_owned).to_vec()];
        cells.extend(rows.iter().map(row_cells));
        self.say(&format!("\n## {title}\n\n{}", table(&cells)));
    }

    /// The same for figures that have no peer; the first row is the head.
    pub(super) fn plain(&mut self, title: &str, rows: &[Vec<String>]) {
        self.say(&format!("\n## {title}\n\n{}", table(rows)));
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

fn row_cells(row: &Row) -> Vec<String> {
    let (target, verdict) = row.target.verdict(row.figure.median);
    let verdict = match &row.outputs {
        Some(outputs) if !outputs.alike => "OUTPUTS NOT ALIKE",
        _ => verdict,
    };
    let number = |value: f64| format!("{value:.2}");
    vec![
        row.what.clone(),
        row.ours.clone(),
        row.theirs.clone(),
        number(row.figure.min),
        format!("**{}**", number(row.figure.median)),
        number(row.figure.max),
        format!("{target} {verdict}").trim().to_owned(),
        row.outputs
            .as_ref()
            .map_or_else(String::new, |outputs| outputs.words.clone()),
    ]
}

/// A Markdown table whose columns are padded for the terminal too.
fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if index == 0 {
            for width in &widths {
                let _ = write!(text, "|{:-<1$}", "", width + 2);
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(
            Spread::of(&[4.0, 1.0, 3.0, 2.0]),
            Some(Spread {
                min: 1.0,
                median: 2.5,
                max: 4.0
            })
        );
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]).map(|s| s.median), Some(2.0));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        assert_eq!(
            Spread::of_ratios(&[2.0, 9.0], &[1.0, 3.0]),
            Some(Spread {
                min: 2.0,
                median: 2.5,
                max: 3.0
            })
        );
    }

    #[test]
    fn targets_are_judged_by_the_median() {
        assert_eq!(Target::AtLeast(1.4).verdict(1.4).1, "reached");
        assert_eq!(Target::AtLeast(1.4).verdict(1.39).1, "MISSED");
        assert_eq!(Target::AtMost(0.3).verdict(0.31).1, "MISSED");
        assert_eq!(Target::Below(10.0).verdict(10.0).1, "MISSED");
    }

    #[test]
    fn tables_are_markdown() {
        let cell = |text: &str| vec![text.to_owned(); HEAD.len()];
        let lines: Vec<String> = table(&[cell("a"), cell("bcd")])
            .lines()
            .map(str::to_owned)
            .collect();
        assert!(lines[0].starts_with("| a   | a   |"));
        assert!(lines[1].starts_with("|-----|-----|"));
        assert!(lines[2].ends_with("| bcd |"));
    }
}
