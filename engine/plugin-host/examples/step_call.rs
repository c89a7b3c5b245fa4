//! What the sandbox costs: a step call on a tiny frame, and `adjust` at 12 megapixels beside its own kernel
//! run natively. Prints the median, the smallest and the largest of each.
//!
//! Needs the built plugins: `cargo xtask plugins`, then
//! `STOPBATH_PLUGINS_DIR=target/plugins cargo run --release -p plugin-host --example step_call`.

use std::time::Instant;

use bytes::Bytes;
use imaging::{Frame, Pixels};
use plugin_host::{Call, Host, HostConfig, Limits, Plugin};

const SEPIA: &str = r#"{"sepia": 1.0}"#;
const WIDTH: u32 = 4000;
const HEIGHT: u32 = 3000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if cfg!(debug_assertions) {
        eprintln!("this is not a release build: the native figures mean nothing");
    }
    let folder = std::env::var("STOPBATH_PLUGINS_DIR")?;
    let host = Host::new(HostConfig::default())?;
    let plugin = host.load(&std::fs::read(format!("{folder}/adjust.wasm"))?)?;
    println!("{:<34} {:>9} {:>9} {:>9}  ms", "", "median", "min", "max");
    let fixed = times(500, || {
        std::hint::black_box(call(&host, &plugin, &frame(16, 16), "{}"));
    });
    row("step call, 16x16, nothing to do", &fixed);
    let large = frame(WIDTH, HEIGHT);
    let mut fuel = Vec::new();
    let sandboxed = times(21, || fuel.push(call(&host, &plugin, &large, SEPIA)));
    row("sepia in the sandbox, 4000x3000", &sandboxed);
    let kernel = adjust::Kernel::new(&serde_json::from_str(SEPIA)?);
    let Pixels::Rgba8(pixels) = &large.pixels else {
        return Ok(());
    };
    let native = times(21, || {
        let mut made = pixels.to_vec();
        for line in made.chunks_exact_mut(WIDTH as usize * 4) {
            kernel.rgba8(line);
        }
        std::hint::black_box(made);
    });
    row("the same kernel natively, new frame", &native);
    let mut own = pixels.to_vec();
    let in_place = times(21, || {
        for line in own.chunks_exact_mut(WIDTH as usize * 4) {
            kernel.rgba8(line);
        }
    });
    row("the same kernel natively, in place", &in_place);
    println!(
        "sandbox / native into a new frame: {:.2}",
        median(&sandboxed) / median(&native)
    );
    println!(
        "sandbox / native in place: {:.2}",
        median(&sandboxed) / median(&in_place)
    );
    let alike = fuel.iter().all(|f| *f == fuel[0]);
    println!(
        "fuel a pixel: {:.2}, the same each run: {alike}",
        fuel[0] as f64 / f64::from(WIDTH * HEIGHT)
    );
    Ok(())
}

/// One unbanded call; the fuel it took.
fn call(host: &Host, plugin: &Plugin, source: &Frame, params_json: &str) -> u64 {
    let limits = Limits::default();
    let call = Call {
        params_json,
        limits: &limits,
        seed: 1,
        deadline: None,
        bands: 1,
    };
    let (report, made) = host.filter(plugin, source.clone(), &call);
    made.expect("adjust works on any frame");
    report.fuel
}

fn frame(width: u32, height: u32) -> Frame {
    let bytes: Vec<u8> = (0..width * height * 4)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    Frame::new(width, height, Pixels::Rgba8(Bytes::from(bytes)))
}

fn times(runs: usize, mut work: impl FnMut()) -> Vec<f64> {
    work();
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn median(times: &[f64]) -> f64 {
    times[times.len() / 2]
}

fn row(what: &str, times: &[f64]) {
    println!(
        "{what:<34} {:>9.3} {:>9.3} {:>9.3}",
        median(times),
        times[0],
        times[times.len() - 1]
    );
}
