//! One thing that is wrong with a pipeline file: where, what stands there, what was expected.
//!
//! Plain text without colours; the command line adds them. Problems are found in `check`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Shown as `product-photos.yaml:14:11: error: unknown key `witdh`; did you mean `width`?`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub file: String,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    /// The offending text, as far as it stands on that line; may be empty where something is missing.
    pub text: String,
    /// What was expected and how to mend it.
    pub message: String,
    pub severity: Severity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
            severity,
            ..
        } = self;
        write!(f, "{file}:{line}:{column}: {severity}: {message}")
    }
}

/// Source lines longer than this are cut around the caret.
const WIDTH: usize = 160;

impl Problem {
    /// The problem with its source line and carets below the offending text, over several lines.
    pub fn render(&self, source: &str) -> String {
        let line = source
            .lines()
            .nth((self.line as usize).saturating_sub(1))
            .unwrap_or_default();
        let column = (self.column as usize).saturating_sub(1).min(line.chars().count());
        let start = if column > WIDTH / 2 && line.chars().count() > WIDTH {
            column - WIDTH / 2
        } else {
            0
        };
        // Control characters could move the cursor of a terminal, and a tab would shift the caret.
        let shown: String = line
            .chars()
            .skip(start)
            .take(WIDTH)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let left = column - start;
        let room = shown.chars().count().saturating_sub(left);
        let carets = "^".repeat(self.text.chars().count().clamp(1, room.max(1)));
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        format!(
            "{self}\n{gutter} |\n{number} | {shown}\n{gutter} | {}{carets}\n",
            " ".repeat(left)
        )
    }
}

/// Every problem with its source line, and a last line that counts them.
pub fn render_all(problems: &[Problem], source: &str) -> String {
    let mut out = String::new();
    for problem in problems {
        out.push_str(&problem.render(source));
        out.push('\n');
    }
    let count = |severity| problems.iter().filter(|p| p.severity == severity).count();
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let counts = [(Severity::Error, "error"), (Severity::Warning, "warning")];
    let counts: Vec<String> = counts
        .into_iter()
        .map(|(severity, word)| (count(severity), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| plural(n, word))
        .collect();
    if !counts.is_empty() {
        out.push_str(&counts.join(", "));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(column: u32, text: &str) -> Problem {
        Problem {
            file: "a.yaml".into(),
            line: 2,
            column,
            text: text.into(),
            message: "no".into(),
            severity: Severity::Error,
        }
    }

    #[test]
    fn points_at_the_text() {
        let rendered = problem(4, "wide").render("x\n\té wide: 1\n");
        assert_eq!(
            rendered,
            "a.yaml:2:4: error: no\n  |\n2 |  é wide: 1\n  |    ^^^^\n"
        );
    }

    #[test]
    fn survives_places_that_are_not_there() {
        assert!(problem(99, "text").render("").ends_with("2 | \n  | ^\n"));
        let long = format!("\n{}", "x".repeat(5000));
        assert!(problem(4000, "x").render(&long).lines().all(|l| l.len() < 200));
    }
}
