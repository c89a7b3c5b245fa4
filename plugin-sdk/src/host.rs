//! What else the host offers: log lines and metadata.

use serde::Serialize;

pub use crate::bindings::imports::stopbath::plugin::host::Level;
use crate::{Error, backend};

/// Writes a line to the job's log. Past the host's limit of lines or bytes the call ends.
pub fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<_> = fields
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    backend::log(level, message, &fields);
}

/// Adds a value to the job's metadata, under the step's name and `key`.
pub fn emit(key: &str, value: &impl Serialize) -> Result<(), Error> {
    let json = serde_json::to_string(value).map_err(|error| {
        Error::Internal(format!("the value of `{key}` cannot be written as JSON: {error}"))
    })?;
    backend::emit(key, &json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::collected;

    #[test]
    fn lines_and_metadata_reach_the_host_once() {
        log(Level::Warn, "odd", &[("rows", "3"), ("why", "short")]);
        emit("faces", &[1, 2]).unwrap();
        let told = collected();
        assert_eq!(told.lines, [(Level::Warn, "odd rows=3 why=short".to_owned())]);
        assert_eq!(told.emitted, [("faces".to_owned(), serde_json::json!([1, 2]))]);
        assert!(collected().lines.is_empty());
    }
}
