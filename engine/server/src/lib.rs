//! The inside of the binary `stopbath`: command line, HTTP API and executors.
//!
//! Only `app` puts the pieces together; `runner` is the way of one job, `executor` the wall around it.

mod app;
mod breakers;
mod budget;
mod ceilings;
mod cli;
mod clock;
mod components;
mod executor;
mod filename;
mod http;
mod jobs;
mod library;
mod original;
mod outcome;
mod regular;
mod runner;
mod secret;
mod silence;
mod telemetry;
mod trial;

use std::process::ExitCode;

/// The whole program.
pub fn main() -> ExitCode {
    // One TLS implementation for everything; a second call would only say that it is there.
    rustls::crypto::ring::default_provider().install_default().ok();
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("{}: {error:#}", cli::style::error("error"));
            ExitCode::FAILURE
        }
    }
}

/// Doors for the fuzzer; nothing else uses them.
#[doc(hidden)]
pub mod fuzzing {
    /// What a hostile executor may send the server.
    pub fn response(bytes: &[u8]) {
        drop(crate::executor::protocol::receive_response(bytes));
    }
}
