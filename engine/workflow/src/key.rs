//! What the result of a step or a rendition depends on, as one hash. Equal key, equal bytes.
//!
//! A key is SHA-256 over the step's *seed* (built-in and its version, or plugin digest, with canonical
//! params) and the keys of its inputs; that of `decode` adds how the original was read. Limits, breakers and names are not part of it: they do not change
//! pixels. A step that was skipped or replaced has the key of what took its place, so that a degraded
//! rendition is never found under the key of a good one.

mod canonical;
mod failure;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use canonical::canonical_json;
pub use failure::{failure_keys, plan_failure_key};

use crate::{
    op::Op,
    plan::{Action, Fallback, Input, OnFailure, Plan, PlannedPlugin, PlannedStep},
    rendition::Encode,
};

/// Version of the built-in decoders, operations and encoders. Raised with each change that alters bytes, so
/// that no result of the old code is reused.
pub const IMAGING_VERSION: u32 = 1;

/// What became of a step in one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    #[default]
    AsPlanned,
    /// It failed, and `on_failure: skip` let its input through.
    Skipped,
    /// It failed, and its fallback took its place.
    FellBack,
}

/// How a `decode` read the original. It follows from the original's header and from *all* that reads the step's
/// result, so another revision may read the same original in another way, and then its pixels differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The denominator at which a JPEG was read; 1 for everything else.
    pub scale: u8,
    pub layout: Layout,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            scale: 1,
            layout: Layout::Rgb,
        }
    }
}

/// What the pixels of a decoded picture look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The planes of a JPEG as they are stored: every reader works on them.
    Planes,
    /// Channels side by side, gray included.
    Rgb,
}

impl Layout {
    fn name(self) -> &'static str {
        match self {
            Self::Planes => "planes",
            Self::Rgb => "rgb",
        }
    }
}

/// The key of each step of the plan, in the plan's order.
///
/// `original` is the BLAKE3 digest of the original in hex. `reading` is asked for each `decode`, `outcome` for each
/// step, both by its index.
pub fn step_keys(
    plan: &Plan,
    original: &str,
    reading: &dyn Fn(usize) -> Reading,
    outcome: &dyn Fn(usize) -> Outcome,
) -> Vec<String> {
    let mut keys: Vec<String> = Vec::with_capacity(plan.steps.len());
    for (i, step) in plan.steps.iter().enumerate() {
        keys.push(key_of(step, original, &keys, reading(i), outcome(i)));
    }
    keys
}

/// The key of one step. `keys` are those of the plan's steps, of which only what the step needs is looked at;
/// `reading` means something to `decode` alone.
pub fn key_of(
    step: &PlannedStep,
    original: &str,
    keys: &[String],
    reading: Reading,
    outcome: Outcome,
) -> String {
    let input = match step.input {
        Input::Original => original,
        Input::Step(from) => &keys[from],
    };
    match (outcome, &step.on_failure) {
        (Outcome::Skipped, _) => input.to_owned(),
        (Outcome::FellBack, OnFailure::Fallback(Fallback::Step(other))) => keys[*other].clone(),
        (Outcome::FellBack, OnFailure::Fallback(Fallback::Plugin { key_seed, .. })) => {
            step_key(key_seed, &[input])
        }
        _ if matches!(step.action, Action::Builtin(Op::Decode(_))) => {
            let scale = format!("scale:{}", reading.scale);
            let layout = format!("layout:{}", reading.layout.name());
            step_key(&step.key_seed, &[input, &scale, &layout])
        }
        _ => step_key(&step.key_seed, &[input]),
    }
}

/// The key of the plan's rendition number `rendition`, given the keys of the plan's steps.
pub fn rendition_key(step_keys: &[String], plan: &Plan, rendition: usize) -> String {
    let rendition = &plan.renditions[rendition];
    hash("rendition", &[&rendition.key_seed, &step_keys[rendition.from]])
}

/// The key of a step from its seed and the keys of its inputs, in order.
pub fn step_key(seed: &str, inputs: &[&str]) -> String {
    let mut parts = vec![seed];
    parts.extend_from_slice(inputs);
    hash("step", &parts)
}

/// The part of a built-in's key that does not depend on its input.
pub fn builtin_seed(op: &Op) -> String {
    hash(
        "builtin",
        &[&IMAGING_VERSION.to_string(), &canonical_json(&to_value(op))],
    )
}

/// The part of a plugin step's key that does not depend on its input.
pub fn plugin_seed(plugin: &PlannedPlugin) -> String {
    hash("plugin", &[&plugin.digest, &canonical_json(&plugin.params)])
}

/// The part of a rendition's key that does not depend on its step. None: bytes as they are.
pub fn rendition_seed(encode: Option<&Encode>) -> String {
    match encode {
        Some(encode) => hash(
            "encode",
            &[&IMAGING_VERSION.to_string(), &canonical_json(&to_value(encode))],
        ),
        None => hash("as-is", &[]),
    }
}

/// SHA-256, in hex, of a value's canonical JSON.
pub fn digest_of<T: Serialize>(value: &T) -> String {
    hash("content", &[&canonical_json(&to_value(value))])
}

/// The types hashed here have text keys and no failing serializers, so this cannot lose anything.
fn to_value<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("plain data with text keys becomes JSON")
}

/// SHA-256 over a purpose and parts, each with its length before it, so that no two lists of parts hash alike.
pub(crate) fn hash(purpose: &str, parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in std::iter::once(&purpose).chain(parts) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests;
