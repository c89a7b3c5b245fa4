//! How much processor time a child has used, by what the kernel says of it.

use std::time::Duration;

/// How often a running job is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// What one job may use of the processor, all threads together.
#[derive(Debug)]
pub(super) struct CpuLimit {
    process: u32,
    before: Duration,
    pub(super) allowed: Duration,
}

impl CpuLimit {
    /// From now on. None where the kernel does not say; the wall clock still holds then.
    pub(super) fn start(process: u32, allowed: Duration) -> Option<Self> {
        let before = used(process)?;
        Some(Self {
            process,
            before,
            allowed,
        })
    }

    pub(super) fn is_spent(&self) -> bool {
        used(self.process).is_some_and(|used| used.saturating_sub(self.before) > self.allowed)
    }
}

/// User and system time of a process; proc(5), fields 14 and 15 of `stat`.
fn used(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program may hold spaces and brackets.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    let ticks = rustix::param::clock_ticks_per_second();
    Some(Duration::from_secs_f64((user + system) as f64 / ticks as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_spent_by_working() {
        let me = std::process::id();
        let limit = CpuLimit::start(me, Duration::from_millis(20)).unwrap();
        assert!(!CpuLimit::start(me, Duration::from_hours(1)).unwrap().is_spent());
        let mut work = 0_u64;
        while !limit.is_spent() {
            work = std::hint::black_box(work + 1);
        }
        assert!(work > 0);
    }
}
