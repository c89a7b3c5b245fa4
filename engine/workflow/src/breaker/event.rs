//! What a breaker hears, and what it then wants to be done with jobs.

use super::Settings;

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An attempt used the plugin, and it did what it should or did not.
    Outcome {
        /// Digest of the original.
        original: String,
        ok: bool,
        /// Of the step that used the plugin.
        settings: Settings,
        /// The job ran because a breaker let it through.
        pass: bool,
    },
    /// A person opens it for a normal cooldown.
    Trip,
    /// A person closes it and forgets what was seen.
    Clear,
    /// A person opens it until `Clear`, without probes.
    Isolate,
    /// The component is nowhere to be found; `what` names it for people.
    Missing { what: String },
    /// It is there again.
    Found,
    /// Time has passed.
    Tick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// All queued and retry-waiting jobs that need the plugin are parked, and lose their passes.
    Park,
    /// So many parked jobs, oldest first, are queued with a pass.
    Release(u32),
    /// All parked jobs are queued, without passes.
    ReleaseAll,
}
