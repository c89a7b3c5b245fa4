//! WASI that grants nothing: no files, no network, no environment; time is the guest's own and chance is seeded.
//!
//! The interfaces are linked one by one, so that a new one in the library is not granted unseen. Files and
//! sockets are among them only because language runtimes import them; every door in them is shut.

use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{self, sync};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::random::{Deterministic, WasiRandom, WasiRandomView};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

use super::Sandbox;
use super::clock::{Clock, Still};

/// Handles that a language's runtime takes for itself: standard streams and the like.
pub(super) const HANDLES: usize = 64;
/// More than this on standard error ends the call.
pub(super) const STDERR_BYTES: usize = 64 << 10;

pub(super) fn context(seed: u64, stderr: MemoryOutputPipe) -> WasiCtx {
    WasiCtxBuilder::new()
        .stderr(stderr)
        .wall_clock(Still)
        .secure_random(Deterministic::new(numbers(seed)))
        .insecure_random(Deterministic::new(numbers(!seed)))
        .insecure_random_seed(u128::from(seed))
        .max_random_size(1 << 20)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

type L<'a> = &'a mut Linker<Sandbox>;

pub(crate) fn add_to_linker(l: L<'_>) -> wasmtime::Result<()> {
    add_io(l)?;
    add_cli(l)?;
    bindings::clocks::monotonic_clock::add_to_linker::<_, Clock>(l, Sandbox::clock)?;
    bindings::clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, Sandbox::clocks)?;
    bindings::random::random::add_to_linker::<_, WasiRandom>(l, Sandbox::random)?;
    bindings::random::insecure::add_to_linker::<_, WasiRandom>(l, Sandbox::random)?;
    bindings::random::insecure_seed::add_to_linker::<_, WasiRandom>(l, Sandbox::random)?;
    bindings::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, Sandbox::filesystem)?;
    sync::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, Sandbox::filesystem)?;
    add_sockets(l)
}

fn add_io(l: L<'_>) -> wasmtime::Result<()> {
    sync::io::error::add_to_linker::<_, Io>(l, |sandbox| &mut sandbox.table)?;
    sync::io::poll::add_to_linker::<_, Io>(l, |sandbox| &mut sandbox.table)?;
    sync::io::streams::add_to_linker::<_, Io>(l, |sandbox| &mut sandbox.table)
}

fn add_cli(l: L<'_>) -> wasmtime::Result<()> {
    bindings::cli::environment::add_to_linker::<_, WasiCli>(l, Sandbox::cli)?;
    bindings::cli::exit::add_to_linker::<_, WasiCli>(l, Sandbox::cli)?;
    bindings::cli::stdin::add_to_linker::<_, WasiCli>(l, Sandbox::cli)?;
    bindings::cli::stdout::add_to_linker::<_, WasiCli>(l, Sandbox::cli)?;
    bindings::cli::stderr::add_to_linker::<_, WasiCli>(l, Sandbox::cli)?;
    bindings::cli::terminal_input::add_to_linker::<_, WasiCli>(l, Sandbox::cli)?;
    bindings::cli::terminal_output::add_to_linker::<_, WasiCli>(l, Sandbox::cli)?;
    bindings::cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, Sandbox::cli)?;
    bindings::cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, Sandbox::cli)?;
    bindings::cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, Sandbox::cli)
}

/// Each way to make a socket or to look up a name answers that it is not allowed, before anything is opened.
fn add_sockets(l: L<'_>) -> wasmtime::Result<()> {
    let options = bindings::sockets::network::LinkOptions::default();
    bindings::sockets::network::add_to_linker::<_, WasiSockets>(l, &options, Sandbox::sockets)?;
    bindings::sockets::instance_network::add_to_linker::<_, WasiSockets>(l, Sandbox::sockets)?;
    bindings::sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, Sandbox::sockets)?;
    bindings::sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(l, Sandbox::sockets)?;
    sync::sockets::tcp::add_to_linker::<_, WasiSockets>(l, Sandbox::sockets)?;
    sync::sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(l, Sandbox::sockets)?;
    sync::sockets::udp::add_to_linker::<_, WasiSockets>(l, Sandbox::sockets)
}

struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
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
