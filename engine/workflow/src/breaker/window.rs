//! The originals that were seen last, each with what came of it last.
//!
//! A poison original that is sent a hundred times is one entry. Entries are short hashes, because a window is written
//! with every outcome.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::key;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Window(VecDeque<(String, bool)>);

impl Window {
    pub(super) fn note(&mut self, original: &str, ok: bool, most: usize) {
        let mut name = key::hash("original", &[original]);
        name.truncate(16);
        self.0.retain(|(other, _)| *other != name);
        self.0.push_back((name, ok));
        self.keep(most);
    }

    /// Forgets all but the last `most`.
    pub(super) fn keep(&mut self, most: usize) {
        self.0.drain(..self.0.len().saturating_sub(most));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn failures(&self) -> usize {
        self.0.iter().filter(|(_, ok)| !ok).count()
    }
}

/// 0 of nothing.
pub(super) fn share(part: usize, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}
