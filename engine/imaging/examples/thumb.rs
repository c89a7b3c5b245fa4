//! Times decode, resize, encode and verification of one file.
//!
//! `cargo run --release -p imaging --example thumb -- FILE WIDTH [RUNS] [FORMAT]`

use std::time::{Duration, Instant};

use imaging::{
    Consumer, DecodeRequest, accepts_planes, apply, decode, encode, encode_accepts_planes, verify,
};
use workflow::op::{Decode, Op, Resize};
use workflow::rendition::{Encode, Format};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, width, rest @ ..] = &arguments[..] else {
        eprintln!("thumb FILE WIDTH [RUNS] [FORMAT]");
        std::process::exit(2);
    };
    let bytes = std::fs::read(file).expect("the file can be read");
    let resize = Resize {
        width: Some(width.parse().expect("a width")),
        ..Resize::default()
    };
    let runs = rest
        .first()
        .map_or(25, |runs| runs.parse().expect("a number of runs"));
    let named = |name: &String| Format::ALL.into_iter().find(|format| format.name() == name);
    let options = Encode::new(rest.get(1).and_then(named).unwrap_or(Format::Jpeg));
    let mut times = [const { Vec::new() }; 5];
    for _ in 0..runs {
        for (all, one) in times.iter_mut().zip(run(&bytes, &resize, &options)) {
            all.push(one);
        }
    }
    for (name, times) in ["decode", "resize", "encode", "verify", "all"]
        .into_iter()
        .zip(&mut times)
    {
        times.sort();
        let [low, middle, high] =
            [0, times.len() / 2, times.len() - 1].map(|at| times[at].as_secs_f64() * 1000.0);
        println!("{name:7} {middle:8.2} ms   ({low:.2} to {high:.2})");
    }
}

fn run(bytes: &[u8], resize: &Resize, options: &Encode) -> [Duration; 5] {
    let op = Op::Resize(resize.clone());
    let request = DecodeRequest {
        params: &Decode::default(),
        limits: &workflow::limits::InputLimits::default(),
        consumers: &[Consumer::Resize(resize)],
        planes: accepts_planes(&op) && encode_accepts_planes(options),
    };
    let mut last = Instant::now();
    let mut lap = || {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut last, now))
    };
    let decoded = decode(bytes, &request).expect("the file decodes");
    let decode = lap();
    let picture = apply(&op, &decoded.picture).expect("the picture resizes");
    let resize = lap();
    let out = encode(&picture, options).expect("the picture encodes");
    let encode = lap();
    verify(&out, &picture, options).expect("the result is right");
    let verify = lap();
    [decode, resize, encode, verify, decode + resize + encode + verify]
}
