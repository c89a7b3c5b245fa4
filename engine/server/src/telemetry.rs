//! Logs: pretty on a terminal, JSON elsewhere or where asked; `STOPBATH_LOG` filters as `RUST_LOG` does.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    Pretty,
    Json,
}

pub(crate) fn start(format: LogFormat, default: &str) {
    let filter = EnvFilter::try_from_env("STOPBATH_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let terminal = std::io::stderr().is_terminal();
    let json = format == LogFormat::Json || (format == LogFormat::Auto && !terminal);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal);
    // A second start, as in tests, leaves the first in place.
    drop(if json {
        builder.json().try_init()
    } else {
        builder.compact().try_init()
    });
}
