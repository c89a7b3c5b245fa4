//! The wasmtime engine, narrowed to what pixels need, and the clock that ends calls which take too long.

use std::path::PathBuf;
use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::abi::v1;
use crate::cache::Cache;
use crate::load::LoadError;
use crate::permits::Permits;
use crate::sandbox::{self, Sandbox};

/// How often a running call looks at its deadline.
const TICK: Duration = Duration::from_millis(5);

#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Where compiled code is kept; nowhere if `None`.
    pub cache_dir: Option<PathBuf>,
    /// Whether what was compiled is kept there; else it is only read.
    pub cache_writes: bool,
    /// Authenticates what is in the cache.
    pub cache_key: [u8; 32],
    /// Calls that may run at once.
    pub concurrency: u32,
    /// No limit on a plugin's memory may be higher, in bytes.
    pub max_memory: u64,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            cache_dir: None,
            cache_writes: true,
            cache_key: [0; 32],
            concurrency: 4,
            max_memory: workflow::limits::MAX_PLUGIN_MEMORY,
        }
    }
}

/// Loads plugins and calls them. One a process is enough.
pub struct Host {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Sandbox>,
    pub(crate) cache: Option<Cache>,
    pub(crate) permits: Permits,
    pub(crate) max_memory: u64,
}

impl Host {
    /// An error means that this machine cannot run WebAssembly at all.
    pub fn new(config: HostConfig) -> Result<Self, LoadError> {
        Self::try_new(config)
            .map_err(|error| LoadError(format!("this machine cannot run plugins: {error:#}")))
    }

    fn try_new(config: HostConfig) -> wasmtime::Result<Self> {
        // Without the address space for a pool (under a strict limit) instances are made one by one.
        let engine = Engine::new(&settings(Some(&config))).or_else(|_| Engine::new(&settings(None)))?;
        start_clock(&engine);
        // WASI's runtime starts here, before an executor walls itself in.
        wasmtime_wasi::runtime::with_ambient_tokio_runtime(|| ());
        let mut linker = Linker::new(&engine);
        sandbox::add_to_linker(&mut linker)?;
        v1::add_to_linker(&mut linker)?;
        Ok(Self {
            engine,
            linker,
            cache: config
                .cache_dir
                .map(|dir| Cache::new(dir, config.cache_key, config.cache_writes)),
            permits: Permits::new(config.concurrency.max(1)),
            max_memory: config.max_memory,
        })
    }
}

/// Everything that could change compiled code or results is set here and nowhere else.
fn settings(pool: Option<&HostConfig>) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .consume_fuel(true)
        .epoch_interruption(true)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .relaxed_simd_deterministic(true)
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_init_cow(true)
        .max_wasm_stack(512 << 10);
    match pool {
        Some(host) => config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(host))),
        // There is no pool because address space is short, so a memory must not reserve the usual 4 GiB either;
        // bounds are then checked by instructions instead of page faults.
        None => config
            .memory_reservation(64 << 20)
            .memory_reservation_for_growth(16 << 20)
            .memory_guard_size(64 << 10),
    };
    config
}

/// A component may hold several core modules, each with its memory and tables.
fn pooling(host: &HostConfig) -> PoolingAllocationConfig {
    let calls = host.concurrency.max(1) + 1;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(calls)
        .total_core_instances(calls * 32)
        // Calls are synchronous; the stacks of asynchronous ones would count as writable memory.
        .total_stacks(1)
        .total_memories(calls * 4)
        .total_tables(calls * 16)
        .max_memories_per_component(4)
        .max_tables_per_component(16)
        .max_core_instances_per_component(32)
        .table_elements(100_000)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .max_memory_size(host.max_memory as usize)
        .linear_memory_keep_resident(4 << 20)
        .table_keep_resident(64 << 10)
        // Only pages that a call has written are cleared after it, where the kernel can tell (Linux 6.7).
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(calls);
    pool
}

/// One thread an engine; it ends with the engine.
fn start_clock(engine: &Engine) {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    if let Err(error) = std::thread::Builder::new()
        .name("plugin-clock".to_owned())
        .spawn(tick)
    {
        tracing::error!("no thread for the plugins' clock, their time limits do not hold: {error}");
    }
}
