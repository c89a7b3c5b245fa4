//! What one client may take of the server, and the pace that it must keep.

use std::time::Duration;

/// Options of `serve`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Limits {
    /// How many connections may be open at once; further ones wait until one of them closes.
    #[arg(long, env = "STOPBATH_CONNECTIONS", value_name = "N", default_value_t = 1024)]
    pub(crate) connections: usize,
    /// Memory for originals and answers on their way, in MiB; beyond it callers are told to come back later.
    #[arg(long, env = "STOPBATH_BUFFERS", value_name = "MIB", default_value_t = 512)]
    pub(crate) buffers: u64,
    /// How long a client may pause while it sends or reads, or keep an idle connection, in seconds.
    #[arg(long, env = "STOPBATH_PATIENCE", value_name = "SECONDS", default_value_t = 30)]
    pub(crate) patience: u64,
    /// How fast a client must send and read, in KiB a second; time that it was slower counts as a pause.
    #[arg(long, env = "STOPBATH_MIN_RATE", value_name = "KIB", default_value_t = 8)]
    pub(crate) min_rate: u64,
}

impl Limits {
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience.max(1))
    }

    pub(crate) fn pace(&self) -> Pace {
        Pace {
            left: self.patience(),
            most: self.patience(),
            rate: self.min_rate << 10,
        }
    }
}

/// Patience with one client: waiting uses it up, bytes restore it. So one that falls silent is given up on
/// after a while, and so is one that sends a byte now and then.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    left: Duration,
    most: Duration,
    /// Bytes that restore a second; with zero each byte restores all.
    rate: u64,
}

impl Pace {
    /// How long the next wait may be.
    pub(crate) fn left(&self) -> Duration {
        self.left
    }

    pub(crate) fn waited(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }

    pub(crate) fn moved(&mut self, bytes: usize) {
        let restored = match self.rate {
            0 => self.most,
            rate => Duration::from_secs_f64(bytes as f64 / rate as f64),
        };
        self.left = self.left.saturating_add(restored).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(min_rate: u64) -> Pace {
        let limits = Limits {
            connections: 1,
            buffers: 1,
            patience: 30,
            min_rate,
        };
        limits.pace()
    }

    #[test]
    fn a_byte_now_and_then_does_not_buy_time_for_ever() {
        let mut pace = pace(8);
        pace.waited(Duration::from_secs(29));
        pace.moved(1);
        assert!(pace.left() < Duration::from_millis(1002), "{:?}", pace.left());
    }

    #[test]
    fn who_keeps_the_rate_is_never_given_up_on() {
        let mut pace = pace(8);
        for _ in 0..1000 {
            pace.waited(Duration::from_secs(10));
            pace.moved(80 << 10);
        }
        assert_eq!(pace.left(), Duration::from_secs(30));
    }

    #[test]
    fn without_a_rate_only_silence_counts() {
        let mut pace = pace(0);
        pace.waited(Duration::from_secs(29));
        pace.moved(1);
        assert_eq!(pace.left(), Duration::from_secs(30));
    }
}
