//! Which kind of failure a call ended in, from what wasmtime says and what the sandbox saw.

use wasmtime::Trap;
use workflow::failure::{Failure, FailureKind};

use crate::sandbox::Sandbox;

/// How a call can go wrong on the way.
#[derive(Debug)]
pub(crate) enum Called {
    /// The plugin, or the host on its behalf, says so.
    Said(Failure),
    /// The plugin does not have the shape of the contract.
    Shape(String),
    /// The engine stopped it.
    Engine(wasmtime::Error),
}

impl Called {
    pub(crate) fn missing(function: &str) -> Self {
        Self::Shape(format!("it does not export the function `{function}`"))
    }

    pub(crate) fn shape(function: &str, error: &wasmtime::Error) -> Self {
        Self::Shape(format!(
            "its function `{function}` does not have the types of stopbath:plugin@0.1: {error:#}"
        ))
    }

    pub(crate) fn into_failure(self, sandbox: &Sandbox) -> Failure {
        match self {
            Self::Said(failure) => match &sandbox.refused {
                Some(why) if failure.kind == FailureKind::Internal => {
                    Failure::new(FailureKind::BadOutput, why.clone())
                }
                _ => failure,
            },
            Self::Shape(text) => Failure::new(FailureKind::BadOutput, text),
            Self::Engine(error) => classify(&error, sandbox),
        }
    }
}

pub(crate) fn classify(error: &wasmtime::Error, sandbox: &Sandbox) -> Failure {
    if let Some(verdict) = &sandbox.verdict {
        return verdict.clone();
    }
    let limits = &sandbox.limits;
    if let Some(Trap::OutOfFuel) = error.downcast_ref::<Trap>() {
        let text = format!(
            "the plugin used up its fuel ({} and {} a pixel); raise `limits.fuel_per_pixel` if it needs more",
            limits.fuel_base, limits.fuel_per_pixel
        );
        return Failure::new(FailureKind::OutOfFuel, text);
    }
    let text = format!("{error:#}");
    if sandbox.limiter.memory_refused || text.contains("memory minimum size") {
        let text = format!(
            "the plugin wanted more than {} MiB of memory; raise `limits.memory` if it needs more",
            limits.memory >> 20
        );
        return Failure::new(FailureKind::MemoryLimit, text);
    }
    if sandbox.limiter.table_refused || text.contains("table minimum size") {
        let text = format!(
            "the plugin wanted tables of more than {} elements",
            limits.table_elements
        );
        return Failure::new(FailureKind::HostLimit, text);
    }
    if HOST_LIMITS.iter().any(|sign| text.contains(sign)) {
        let text = format!(
            "the plugin asked the host for more than it grants: {}",
            error.root_cause()
        );
        return Failure::new(FailureKind::HostLimit, text);
    }
    Failure::new(FailureKind::Trap, trap_text(error, sandbox))
}

/// How wasmtime words the limits that it keeps itself.
const HOST_LIMITS: [&str; 4] = [
    "write beyond capacity",
    "fuel allocated for hostcalls",
    "resource table has no free keys",
    "handles",
];

fn trap_text(error: &wasmtime::Error, sandbox: &Sandbox) -> String {
    let what = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => "the plugin's stack overflowed: it recurses too deeply".to_owned(),
        Some(trap) => format!("the plugin stopped: {trap}"),
        None => format!("the plugin stopped: {}", error.root_cause()),
    };
    match sandbox.last_words() {
        Some(words) => format!("{what}; its last words: {words}"),
        None => what,
    }
}
