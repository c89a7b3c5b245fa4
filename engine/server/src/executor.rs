//! Executors: child processes that alone touch untrusted bytes, one job at a time.
//!
//! `child` is what runs in the process, `protocol` the messages between it and the server, `confine` the
//! walls around it, `memory` how originals get there, `pool` the server's side: a queue, one thread an executor, hard kill and replacement.

pub(crate) mod child;
mod confine;
mod memory;
pub(crate) mod pool;
pub(crate) mod protocol;
mod queue;
