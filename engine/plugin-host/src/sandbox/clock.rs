//! Time as a guest sees it: it stands still, and a guest that waits moves it on at once.
//!
//! A sleep costs no real time: the host must not be held up where neither fuel nor the deadline can end the
//! call, and what a step makes must not depend on when it ran. The host's own time is not to be had.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::HostWallClock;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::{self, Instant};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

/// Nanoseconds that the guest has waited so far.
#[derive(Clone, Default)]
pub(super) struct Waited(Arc<AtomicU64>);

/// The monotonic clock of one call.
pub(super) struct Clock;

pub(super) struct View<'a> {
    pub(super) waited: &'a Waited,
    pub(super) table: &'a mut ResourceTable,
}

impl HasData for Clock {
    type Data<'a> = View<'a>;
}

impl monotonic_clock::Host for View<'_> {
    fn now(&mut self) -> wasmtime::Result<Instant> {
        Ok(self.waited.now())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, when: Instant) -> wasmtime::Result<Resource<DynPollable>> {
        let alarm = self.table.push(Alarm {
            when,
            waited: self.waited.clone(),
        })?;
        subscribe(self.table, alarm)
    }

    fn subscribe_duration(&mut self, length: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_instant(self.waited.now().saturating_add(length))
    }
}

impl Waited {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A time that has come as soon as it is waited for.
struct Alarm {
    when: u64,
    waited: Waited,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Alarm {
    async fn ready(&mut self) {
        self.waited.0.fetch_max(self.when, Ordering::Relaxed);
    }
}

/// The time of day: 2026-01-01, for ever.
pub(super) struct Still;

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::from_hours(490_896)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use monotonic_clock::Host as _;
    use wasmtime_wasi::p2::bindings::sync::io::poll::{Host as _, HostPollable as _};

    const YEAR: u64 = 365 * 86_400 * 1_000_000_000;

    #[test]
    fn a_wait_is_over_at_once_and_moves_only_this_clock() {
        let (waited, mut table) = (Waited::default(), ResourceTable::new());
        let clock = |table: &mut ResourceTable, length| {
            let mut view = View {
                waited: &waited,
                table,
            };
            let alarm = view.subscribe_duration(length).unwrap();
            (alarm, monotonic_clock::Host::now(&mut view).unwrap())
        };
        let (year, before) = clock(&mut table, YEAR);
        assert_eq!(before, 0, "it is the wait that moves the clock");
        table.block(year).unwrap();
        let (never, after) = clock(&mut table, u64::MAX);
        assert_eq!(after, YEAR);
        assert_eq!(table.poll(vec![never]).unwrap(), [0]);
        assert_eq!(waited.now(), u64::MAX);
    }
}
