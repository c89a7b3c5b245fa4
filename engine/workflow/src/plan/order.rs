//! Questions about a plan's graph that whoever runs it asks: who needs what, and what may run at once.

use std::collections::BTreeMap;

use super::{Action, Fallback, Input, OnFailure, Plan, PlannedPlugin, PlannedStep};

impl Plan {
    /// Steps that take the result of `step`, also as a fallback; ascending. Renditions are not steps.
    pub fn consumers(&self, step: usize) -> Vec<usize> {
        (0..self.steps.len())
            .filter(|&i| self.steps[i].needs().contains(&step))
            .collect()
    }

    /// Indices of renditions made from `step`.
    pub fn renditions_of(&self, step: usize) -> Vec<usize> {
        (0..self.renditions.len())
            .filter(|&i| self.renditions[i].from == step)
            .collect()
    }

    /// Steps in waves: those of one wave do not depend on each other and may run at once.
    pub fn levels(&self) -> Vec<Vec<usize>> {
        let mut level_of = vec![0; self.steps.len()];
        let mut levels: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (i, step) in self.steps.iter().enumerate() {
            level_of[i] = step.needs().iter().map(|&n| level_of[n] + 1).max().unwrap_or(0);
            levels.entry(level_of[i]).or_default().push(i);
        }
        levels.into_values().collect()
    }

    /// Index of the step with this id.
    pub fn step(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|s| s.id == id)
    }

    /// Every plugin version that a job may need, fallbacks included; each digest once.
    pub fn plugins(&self) -> Vec<&PlannedPlugin> {
        let mut by_digest = BTreeMap::new();
        for step in &self.steps {
            if let Action::Plugin(plugin) = &step.action {
                by_digest.entry(&plugin.digest).or_insert(plugin);
            }
            if let OnFailure::Fallback(Fallback::Plugin { plugin, .. }) = &step.on_failure {
                by_digest.entry(&plugin.digest).or_insert(plugin);
            }
        }
        by_digest.into_values().collect()
    }
}

impl PlannedStep {
    /// Steps that must be done before this one: its input and the step it falls back to.
    pub fn needs(&self) -> Vec<usize> {
        let mut needs = Vec::new();
        if let Input::Step(i) = self.input {
            needs.push(i);
        }
        if let OnFailure::Fallback(Fallback::Step(i)) = self.on_failure {
            needs.push(i);
        }
        needs
    }
}
