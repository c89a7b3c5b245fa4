//! Questions about a plan that whoever runs it asks: what a step waits for, and which plugins there are.

use std::collections::BTreeMap;

use super::{Action, Fallback, Input, OnFailure, Plan, PlannedPlugin, PlannedStep};

impl Plan {
    /// Index of the step with this id.
    pub fn step(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|s| s.id == id)
    }

    /// Every plugin version that a job may need, fallbacks included; each digest once.
    pub fn plugins(&self) -> Vec<&PlannedPlugin> {
        let mut by_digest = BTreeMap::new();
        for step in &self.steps {
            if let Some(plugin) = step.plugin() {
                by_digest.entry(&plugin.digest).or_insert(plugin);
            }
            if let OnFailure::Fallback(Fallback::Plugin { plugin, .. }) = &step.on_failure {
                by_digest.entry(&plugin.digest).or_insert(plugin);
            }
        }
        by_digest.into_values().collect()
    }
}

impl PlannedPlugin {
    /// `name@version`.
    pub fn title(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

impl PlannedStep {
    /// What it uses, unless that is built in.
    pub fn plugin(&self) -> Option<&PlannedPlugin> {
        match &self.action {
            Action::Plugin(plugin) => Some(plugin),
            Action::Builtin(_) => None,
        }
    }

    /// Steps that must be done before this one: its input first, then the step it falls back to.
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
