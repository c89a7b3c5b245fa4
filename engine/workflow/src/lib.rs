//! The rules of Stopbath, pure: no I/O, no runtime, no pixels.
//!
//! What a pipeline is and may say (`pipeline`, `op`, `rendition`, `schema`), what a revision does (`plan`),
//! what its results depend on (`key`), and what can go wrong with a job (`failure`). Every other crate of the
//! engine may name this one; it names none of them.

pub mod breaker;
pub mod failure;
pub mod job;
pub mod key;
pub mod limits;
pub mod op;
pub mod pipeline;
pub mod plan;
pub mod ports;
pub mod redrive;
pub mod rendition;
pub mod retry;
pub mod schema;
pub mod webhook;
pub mod words;
