//! The time, as the store sees it: read once at the start, and counted from there.
//!
//! So somebody who sets the machine's clock, or a leap of an hour, ends no lease and delays no retry.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use workflow::ports::Millis;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    began_at: Millis,
    began: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            began_at: since.as_millis() as Millis,
            began: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.began_at + self.began.elapsed().as_millis() as Millis
    }
}

/// As people and programs read it: RFC 3339, UTC.
pub(crate) fn text(at: Millis) -> String {
    let time = chrono::DateTime::from_timestamp_millis(at).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
