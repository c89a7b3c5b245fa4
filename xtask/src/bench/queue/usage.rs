//! What a process and its descendants have used so far, as `/proc` says.

use std::fs;

use crate::bench::memory::children;

/// The kernel counts processor time in hundredths of a second, whatever its own clock is.
const TICK_MS: f64 = 10.0;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) cpu_ms: f64,
    /// Calls that read or write.
    pub(super) calls: f64,
}

impl Usage {
    /// Descendants that have ended count, if their parents waited for them.
    pub(super) fn of(root: u32) -> Self {
        let own = Self {
            cpu_ms: read(root, "stat").and_then(|stat| ticks(&stat)).unwrap_or(0.0) * TICK_MS,
            calls: read(root, "io").map_or(0.0, |io| calls(&io) as f64),
        };
        children(root)
            .into_iter()
            .map(Self::of)
            .fold(own, |sum, child| Self {
                cpu_ms: sum.cpu_ms + child.cpu_ms,
                calls: sum.calls + child.calls,
            })
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self {
            cpu_ms: self.cpu_ms - before.cpu_ms,
            calls: self.calls - before.calls,
        }
    }
}

fn read(process: u32, file: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{process}/{file}")).ok()
}

/// User and system time, its own and that of children it waited for. The name before may contain anything.
fn ticks(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let times = fields.split_whitespace().skip(11).take(4);
    let times: Vec<f64> = times.filter_map(|time| time.parse().ok()).collect();
    (times.len() == 4).then(|| times.iter().sum())
}

fn calls(io: &str) -> u64 {
    let wanted = |line: &&str| line.starts_with("syscr:") || line.starts_with("syscw:");
    let numbers = io
        .lines()
        .filter(wanted)
        .filter_map(|line| line.split(' ').nth(1));
    numbers.filter_map(|number| number.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_says() {
        let stat = "77 (a) b) S 1 77 77 0 -1 4194560 90 0 0 0 12 3 40 5 20 0 1 0 999 1 1";
        assert_eq!(ticks(stat), Some(60.0));
        assert_eq!(ticks("77 (a) S 1"), None);
        assert_eq!(
            calls("rchar: 900\nwchar: 4\nsyscr: 11\nsyscw: 2\nread_bytes: 0\n"),
            13
        );
    }
}
