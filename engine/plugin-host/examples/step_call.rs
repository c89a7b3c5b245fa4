//! What the sandbox costs: a step call on a tiny frame, and `adjust` at 12 megapixels beside its own kernel
//! run natively, in turn, round after round. Prints the median, the smallest and the largest of each.
//!
//! Needs the built plugins: `cargo xtask plugins`, then
//! `STOPBATH_PLUGINS_DIR=target/plugins cargo run --release -p plugin-host --example step_call`.
//! With `--json` it prints all times in milliseconds instead; `STEP_CALL_ROUNDS` sets how many (21).

use std::hint::black_box;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use imaging::{Frame, Pixels};
use plugin_host::{Call, Host, HostConfig, Limits, Plugin};

const SEPIA: &str = r#"{"sepia": 1.0}"#;
const WIDTH: u32 = 4000;
const HEIGHT: u32 = 3000;
const ROW: usize = WIDTH as usize * 4;
/// As many bytes as the SDK's `map_rows` takes at once.
const STRIP: usize = (256 << 10) / ROW * ROW;

type Fault = Box<dyn std::error::Error>;

#[derive(Default, serde::Serialize)]
struct Times {
    step_call: Vec<f64>,
    sandbox: Vec<f64>,
    native_new_frame: Vec<f64>,
    native_in_place: Vec<f64>,
    fuel: Vec<u64>,
    outputs_alike: bool,
}

fn main() -> Result<(), Fault> {
    if cfg!(debug_assertions) {
        eprintln!("this is not a release build: the native figures mean nothing");
    }
    let folder = std::env::var("STOPBATH_PLUGINS_DIR")?;
    let rounds = std::env::var("STEP_CALL_ROUNDS").map_or(Ok(21), |text| text.parse())?;
    let host = Host::new(HostConfig::default())?;
    let plugin = host.load(&std::fs::read(format!("{folder}/adjust.wasm"))?)?;
    let times = measure(&host, &plugin, rounds)?;
    if std::env::args().any(|word| word == "--json") {
        println!("{}", serde_json::to_string(&times)?);
    } else {
        times.print();
    }
    Ok(())
}

fn measure(host: &Host, plugin: &Plugin, rounds: usize) -> Result<Times, Fault> {
    let (tiny, large) = (frame(16, 16), frame(WIDTH, HEIGHT));
    let kernel = adjust::Kernel::new(&serde_json::from_str(SEPIA)?);
    let mut own = BytesMut::from(bytes(&large));
    let mut times = Times {
        outputs_alike: bytes(&call(host, plugin, &large, SEPIA).1) == natively(&kernel, bytes(&large)),
        ..Times::default()
    };
    for _ in 0..rounds {
        for _ in 0..25 {
            times.step_call.push(time(|| call(host, plugin, &tiny, "{}")));
        }
        let mut fuel = 0;
        times.sandbox.push(time(|| {
            let (used, made) = call(host, plugin, &large, SEPIA);
            fuel = used;
            made
        }));
        times.fuel.push(fuel);
        times
            .native_new_frame
            .push(time(|| natively(&kernel, bytes(&large))));
        times.native_in_place.push(time(|| in_place(&kernel, &mut own)));
    }
    Ok(times)
}

/// One unbanded call; the fuel it took, and what it made.
fn call(host: &Host, plugin: &Plugin, source: &Frame, params_json: &str) -> (u64, Frame) {
    let limits = Limits::default();
    let call = Call {
        params_json,
        limits: &limits,
        seed: 1,
        deadline: None,
        bands: 1,
    };
    let (report, made) = host.filter(plugin, source.clone(), &call);
    (report.fuel, made.expect("adjust works on any frame"))
}

/// What the sandbox does, without it: a new frame, in strips that stay in the cache.
fn natively(kernel: &adjust::Kernel, source: &[u8]) -> Vec<u8> {
    let mut made = Vec::with_capacity(source.len());
    for strip in source.chunks(STRIP) {
        let start = made.len();
        made.extend_from_slice(strip);
        in_place(kernel, &mut made[start..]);
    }
    made
}

fn in_place(kernel: &adjust::Kernel, pixels: &mut [u8]) {
    pixels.chunks_exact_mut(ROW).for_each(|row| kernel.rgba8(row));
}

fn frame(width: u32, height: u32) -> Frame {
    let bytes: Vec<u8> = (0..width * height * 4)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    Frame::new(width, height, Pixels::Rgba8(Bytes::from(bytes)))
}

fn bytes(frame: &Frame) -> &[u8] {
    match &frame.pixels {
        Pixels::Rgba8(bytes) => bytes,
        _ => &[],
    }
}

/// Milliseconds, letting go of what was made included.
fn time<T>(work: impl FnOnce() -> T) -> f64 {
    let begun = Instant::now();
    drop(black_box(work()));
    begun.elapsed().as_secs_f64() * 1e3
}

impl Times {
    fn print(&self) {
        println!("{:<36} {:>9} {:>9} {:>9}", "", "median", "min", "max");
        row("step call, 16x16, nothing to do, ms", &self.step_call);
        row("sepia in the sandbox, 4000x3000, ms", &self.sandbox);
        row("natively into a new frame, ms", &self.native_new_frame);
        row("natively in place, ms", &self.native_in_place);
        let over = |peer: &[f64]| -> Vec<f64> { self.sandbox.iter().zip(peer).map(|(a, b)| a / b).collect() };
        row("sandbox / native, new frame", &over(&self.native_new_frame));
        row("sandbox / native, in place", &over(&self.native_in_place));
        let first = self.fuel.first().copied().unwrap_or_default();
        println!(
            "fuel a pixel: {:.2}, the same each run: {}; same pixels as natively: {}",
            first as f64 / f64::from(WIDTH * HEIGHT),
            self.fuel.iter().all(|fuel| *fuel == first),
            self.outputs_alike
        );
    }
}

fn row(what: &str, times: &[f64]) {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    println!(
        "{what:<36} {:>9.3} {:>9.3} {:>9.3}",
        times[times.len() / 2],
        times[0],
        times[times.len() - 1]
    );
}
