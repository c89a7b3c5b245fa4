//! Where frames live: in the host when the plugin runs as a component, in memory when it runs natively.
//!
//! Both offer the same few functions with the same checks; nothing above this module knows which one it has.

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
pub(crate) use component::{Builder, Frame, emit, log};

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(not(target_family = "wasm"))]
mod native_ops;
#[cfg(not(target_family = "wasm"))]
pub use native::Collected;
#[cfg(not(target_family = "wasm"))]
pub(crate) use native::{Builder, Frame, collected, emit, log};
