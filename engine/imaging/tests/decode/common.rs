//! What the decode tests share: fixtures, requests and measures of difference.

use imaging::colour::to_rgba8;
use imaging::{Consumer, DecodeRequest, Decoded, Frame, Pixels, decode};
use workflow::failure::Failure;
use workflow::limits::InputLimits;
use workflow::op::Decode;

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

pub(crate) fn decode_with(
    bytes: &[u8],
    params: &Decode,
    consumers: &[Consumer<'_>],
) -> Result<Decoded, Failure> {
    decode(
        bytes,
        &DecodeRequest {
            params,
            limits: &InputLimits::default(),
            consumers,
            planes: false,
        },
    )
}

/// Everything at its default, every pixel wanted.
pub(crate) fn full(bytes: &[u8]) -> Result<Decoded, Failure> {
    decode_with(bytes, &Decode::default(), &[Consumer::Full])
}

/// The first frame of a fixture that must decode.
pub(crate) fn picture(name: &str) -> Frame {
    full(&fixture(name))
        .unwrap_or_else(|e| panic!("{name}: {e}"))
        .picture
        .first()
        .clone()
}

/// Mean absolute difference over all channels, alpha included; infinite if the sizes differ.
pub(crate) fn mean_difference(a: &Frame, b: &Frame) -> f64 {
    differences(a, b, |d| d)
}

pub(crate) fn psnr(a: &Frame, b: &Frame) -> f64 {
    10.0 * (255.0 * 255.0 / differences(a, b, |d| d * d)).log10()
}

fn differences(a: &Frame, b: &Frame, weigh: impl Fn(f64) -> f64) -> f64 {
    if (a.width, a.height) != (b.width, b.height) {
        return f64::INFINITY;
    }
    let (a, b) = (rgba(a), rgba(b));
    let sum: f64 = a
        .iter()
        .zip(&b)
        .map(|(a, b)| weigh(f64::from(a.abs_diff(*b))))
        .sum();
    sum / a.len() as f64
}

pub(crate) fn rgba(frame: &Frame) -> Vec<u8> {
    let Pixels::Rgba8(pixels) = to_rgba8(frame).pixels else {
        panic!("to_rgba8 gives RGBA")
    };
    pixels.to_vec()
}

/// Plain averages of `n` x `n` pixels; what does not fill a square is left out.
pub(crate) fn box_shrink(frame: &Frame, n: u32) -> Frame {
    let (width, height) = (frame.width / n, frame.height / n);
    let pixels = rgba(frame);
    let mean = |x: u32, y: u32, channel: usize| {
        let at = |i: u32| (((y * n + i / n) * frame.width + x * n + i % n) * 4) as usize + channel;
        ((0..n * n).map(|i| u32::from(pixels[at(i)])).sum::<u32>() / (n * n)) as u8
    };
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let out: Vec<u8> = places
        .flat_map(|(x, y)| [0, 1, 2, 3].map(|channel| mean(x, y, channel)))
        .collect();
    Frame::new(width, height, Pixels::Rgba8(out.into()))
}

/// The upper left part.
pub(crate) fn crop(frame: &Frame, width: u32, height: u32) -> Frame {
    let pixels = rgba(frame);
    let rows = pixels
        .chunks_exact(frame.width as usize * 4)
        .take(height as usize);
    let out: Vec<u8> = rows.flat_map(|row| row[..width as usize * 4].to_vec()).collect();
    Frame::new(width, height, Pixels::Rgba8(out.into()))
}

/// A chunk of a PNG, with its checksum.
pub(crate) fn chunk(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in name.iter().chain(data) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    [
        &(data.len() as u32).to_be_bytes()[..],
        &name,
        data,
        &(!crc).to_be_bytes(),
    ]
    .concat()
}
