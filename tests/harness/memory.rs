//! Memory of a process and all its descendants, from `/proc`.
//!
//! Counted is the proportional set size: a page that several processes share counts once.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// An amount of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory {
    pub kib: u64,
}

impl Memory {
    /// What a process and its descendants use now. Zero where the kernel does not say.
    pub fn of_tree(pid: u32) -> Self {
        Self {
            kib: tree(pid).into_iter().filter_map(proportional_set).sum(),
        }
    }

    pub fn mib(self) -> u64 {
        self.kib >> 10
    }
}

/// Looks again and again until it is asked for the highest value.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Memory>,
}

impl Watch {
    pub fn start(pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut peak = Memory { kib: 0 };
            while !stopped.load(Ordering::Relaxed) {
                peak = peak.max(Memory::of_tree(pid));
                std::thread::sleep(Duration::from_millis(25));
            }
            peak
        });
        Self { stop, thread }
    }

    pub fn peak(self) -> Memory {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the watch does not panic")
    }
}

/// The direct children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let is_child = |&(child, parent): &(u32, u32)| (parent == pid).then_some(child);
    processes().iter().filter_map(is_child).collect()
}

fn tree(root: u32) -> Vec<u32> {
    let mut by_parent: HashMap<u32, Vec<u32>> = HashMap::new();
    for (pid, parent) in processes() {
        by_parent.entry(parent).or_default().push(pid);
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(by_parent.remove(pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// Every process with its parent.
fn processes() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, parent(pid)?))).collect()
}

/// The fourth field; the second is a name in parentheses that may hold anything.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn proportional_set(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_children_and_their_memory() {
        let mut child = std::process::Command::new("sleep").arg("20").spawn().unwrap();
        let own = std::process::id();
        assert!(children(own).contains(&child.id()));
        assert!(Memory::of_tree(own) > Memory { kib: 500 });
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!children(own).contains(&child.id()));
    }
}
