//! What a server lets no pipeline exceed, whatever its file says.
//!
//! A file that asks for more is refused (`check`); defaults and plugins' hints are lowered to the ceiling
//! without a word, as nobody asked for them.

use super::{Bytes, Duration, Pixels};
use crate::plan::{Action, Fallback, OnFailure, Plan, PlannedPlugin};

/// `None` leaves a limit to the pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ceilings {
    pub max_bytes: Option<Bytes>,
    pub max_pixels: Option<Pixels>,
    /// In pixels.
    pub max_side: Option<u32>,
    pub max_frames: Option<u32>,
    pub max_total_pixels: Option<Pixels>,
    pub max_cpu: Option<Duration>,
    /// Of a whole job.
    pub timeout: Option<Duration>,
    /// Of one call of a plugin.
    pub plugin_memory: Option<Bytes>,
    pub plugin_timeout: Option<Duration>,
}

impl Ceilings {
    pub(crate) fn lower(&self, plan: &mut Plan) {
        let limits = &mut plan.limits;
        lower(&mut limits.max_bytes, self.max_bytes.map(|b| b.0));
        lower(&mut limits.max_pixels, self.max_pixels.map(|p| p.0));
        lower(&mut limits.max_side, self.max_side);
        lower(&mut limits.max_frames, self.max_frames);
        lower(&mut limits.max_total_pixels, self.max_total_pixels.map(|p| p.0));
        lower(&mut plan.max_cpu_ms, self.max_cpu.map(|d| d.0));
        lower(&mut plan.timeout_ms, self.timeout.map(|d| d.0));
        for step in &mut plan.steps {
            if let Action::Plugin(plugin) = &mut step.action {
                self.lower_call(plugin);
            }
            if let OnFailure::Fallback(Fallback::Plugin { plugin, .. }) = &mut step.on_failure {
                self.lower_call(plugin);
            }
        }
    }

    fn lower_call(&self, plugin: &mut PlannedPlugin) {
        lower(&mut plugin.limits.memory, self.plugin_memory.map(|b| b.0));
        lower(&mut plugin.limits.timeout_ms, self.plugin_timeout.map(|d| d.0));
    }
}

fn lower<T: Ord + Copy>(limit: &mut T, ceiling: Option<T>) {
    if let Some(ceiling) = ceiling {
        *limit = ceiling.min(*limit);
    }
}
