//! Times libjpeg-turbo and the fast path of reduced scales on the same files, in turns.
//!
//! `cargo run --release -p imaging --example jpeg_reduced -- RUNS FILE...`

use std::time::{Duration, Instant};

use imaging::compare::{Want, library, ours};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let runs = arguments.next().and_then(|runs| runs.parse().ok());
    let runs: usize = runs.expect("jpeg_reduced RUNS FILE...");
    for file in arguments {
        let bytes = std::fs::read(&file).expect("the file can be read");
        for denominator in [8, 4, 2] {
            for want in [Want::Planes, Want::Pixels] {
                compare(&file, &bytes, denominator, want, runs);
            }
        }
    }
}

fn compare(file: &str, bytes: &[u8], denominator: u8, want: Want, runs: usize) {
    let theirs = || library(bytes, denominator, want).expect("the file decodes");
    let Some(result) = ours(bytes, denominator, want) else {
        println!("{file} 1/{denominator} {want:?}: left to the library");
        return;
    };
    assert_eq!(result, theirs(), "{file}");
    let mut times: Vec<_> = (0..runs)
        .map(|_| (time(theirs), time(|| ours(bytes, denominator, want))))
        .collect();
    let mut ratios: Vec<_> = times
        .iter()
        .map(|(theirs, ours)| theirs.as_secs_f64() / ours.as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    let middle = runs / 2;
    times.sort_by_key(|(theirs, _)| *theirs);
    let (theirs, best_theirs) = (times[middle].0, times[0].0);
    times.sort_by_key(|(_, ours)| *ours);
    let (ours, best_ours) = (times[middle].1, times[0].1);
    println!(
        "{file} 1/{denominator} {want:?}: {theirs:.2?} -> {ours:.2?} (best {best_theirs:.2?} -> {best_ours:.2?}), ratio {:.2} ({:.2} to {:.2})",
        ratios[middle],
        ratios[0],
        ratios[runs - 1]
    );
}

fn time<T>(work: impl Fn() -> T) -> Duration {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed()
}
