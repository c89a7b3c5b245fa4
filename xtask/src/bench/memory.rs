//! Peak memory of a process and all its descendants, in PSS: pages shared by several count once.
//!
//! Sampled every 50 ms from `/proc`; reading costs time, so timed rounds run without a watch.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const PERIOD: Duration = Duration::from_millis(50);

/// Watches until it is asked for the peak.
pub(super) struct Watch {
    done: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Watch {
    pub(super) fn start(root: u32) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            let mut peak = 0;
            while !flag.load(Ordering::Relaxed) {
                peak = peak.max(tree_kilobytes(root));
                std::thread::sleep(PERIOD);
            }
            peak
        });
        Self { done, thread }
    }

    /// Megabytes (10^6 bytes); zero when nothing could be read.
    pub(super) fn peak(self) -> f64 {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default() as f64 * 1024.0 / 1e6
    }
}

fn tree_kilobytes(root: u32) -> u64 {
    let children: u64 = children(root).into_iter().map(tree_kilobytes).sum();
    children + own_kilobytes(root)
}

fn own_kilobytes(process: u32) -> u64 {
    fs::read_to_string(format!("/proc/{process}/smaps_rollup"))
        .ok()
        .and_then(|text| pss(&text))
        .unwrap_or_default()
}

fn pss(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().split(' ').next()?.parse().ok()
}

/// Children are listed by the thread that made them.
pub(super) fn children(process: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        return Vec::new();
    };
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split(' ')
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_proportional_size() {
        assert_eq!(
            pss("55-77 ---p 0 00:00 0 [rollup]\nRss:  900 kB\nPss:      321 kB\nPss_Anon: 5 kB\n"),
            Some(321)
        );
        assert_eq!(pss("Rss: 900 kB\n"), None);
    }

    #[test]
    fn sees_a_child() {
        let mut child = std::process::Command::new("sleep").arg("5").spawn().unwrap();
        let own = std::process::id();
        assert!(children(own).contains(&child.id()));
        assert!(tree_kilobytes(own) > own_kilobytes(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
