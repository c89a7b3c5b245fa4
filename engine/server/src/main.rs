//! The binary `stopbath`: command line, HTTP API and executors.
//!
//! Only `app` puts the pieces together; `runner` is the way of one job, `executor` the wall around it.

mod app;
mod cli;
mod executor;
mod http;
mod library;
mod original;
mod outcome;
mod runner;
mod secret;
mod telemetry;
mod trial;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("{}: {error:#}", cli::style::error("error"));
            ExitCode::FAILURE
        }
    }
}
