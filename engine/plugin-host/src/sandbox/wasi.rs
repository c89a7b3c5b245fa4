//! WASI that grants nothing: no files, no network, no environment; time stands still and chance is seeded.

use std::time::Duration;

use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

/// Handles that a language's runtime takes for itself: standard streams and the like.
pub(super) const HANDLES: usize = 64;
/// More than this on standard error ends the call.
pub(super) const STDERR_BYTES: usize = 64 << 10;

pub(super) fn context(seed: u64, stderr: MemoryOutputPipe) -> WasiCtx {
    WasiCtxBuilder::new()
        .stderr(stderr)
        .wall_clock(Still)
        .monotonic_clock(Still)
        .secure_random(Deterministic::new(numbers(seed)))
        .insecure_random(Deterministic::new(numbers(!seed)))
        .insecure_random_seed(u128::from(seed))
        .max_random_size(1 << 20)
        .allow_tcp(false)
        .allow_udp(false)
        .build()
}

/// 2026-01-01, for ever.
struct Still;

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::from_hours(490_896)
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1_000_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}

/// `SplitMix64` (Steele, Lea and Flood 2014), 256 bytes of it.
fn numbers(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (0..32).flat_map(|_| next().to_le_bytes()).collect()
}
