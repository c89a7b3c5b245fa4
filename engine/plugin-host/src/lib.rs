//! Runs plugins: the only crate that names wasmtime.
//!
//! A component is validated, compiled and cached (`load`), then each call gets an instance of its own with
//! every limit set at once (`call`, `sandbox`). Pixels stay here; `abi` is what guests see of them.
//! Which plugin a step uses, and what follows from a failure, is not decided here.

mod abi;
mod cache;
mod call;
mod engine;
mod limits;
mod load;
mod manifest;
mod permits;
mod sandbox;

pub use call::{Call, CallReport};
pub use engine::{Host, HostConfig};
pub use limits::Limits;
pub use load::{LoadError, MAX_COMPONENT, Plugin};
pub use manifest::{Kind, LimitsHint, Manifest};
pub use sandbox::LogLine;
