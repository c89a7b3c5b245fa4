//! Collects problems, and puts near misses into words.

use super::super::{
    node::{Node, Span},
    problem::{Problem, Severity},
};
pub(super) use crate::words::{clip, one_of};

pub(super) struct Report {
    file: String,
    problems: Vec<Problem>,
}

impl Report {
    pub(super) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            problems: Vec::new(),
        }
    }

    pub(super) fn error(&mut self, at: Span, text: &str, message: impl Into<String>) {
        self.push(at, text, message.into(), Severity::Error);
    }

    pub(super) fn warn(&mut self, at: Span, text: &str, message: impl Into<String>) {
        self.push(at, text, message.into(), Severity::Warning);
    }

    /// An error about a whole value.
    pub(super) fn wrong(&mut self, node: &Node, message: impl Into<String>) {
        let text = if node.entries().is_some() {
            String::new()
        } else {
            node.text()
        };
        self.error(node.at, &text, message);
    }

    fn push(&mut self, at: Span, text: &str, message: String, severity: Severity) {
        let text = clip(text.lines().next().unwrap_or_default()).into_owned();
        let (line, column) = (at.line.max(1), at.column.max(1));
        self.problems.push(Problem {
            file: self.file.clone(),
            line,
            column,
            text,
            message,
            severity,
        });
    }

    /// In the order of the file; nothing twice, as an alias may show one mistake in several places.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|p| (p.line, p.column, p.severity));
        self.problems.dedup();
        self.problems
    }
}

/// The candidate that was most likely meant, if one is close.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Long words come from hostile files only; the distance costs their product.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "; did you mean `width`?", or the choices where nothing is close.
pub(super) fn hint(word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None if candidates.is_empty() => String::new(),
        None => format!("; expected {}", one_of(candidates)),
    }
}
