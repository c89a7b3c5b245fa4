//! Golden images: what a plugin made, beside what it made when someone last looked.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use super::pixels;
use crate::{Frame, ImageInfo, PixelFormat};

/// How far a frame may be from its golden image, in steps of 0..=255.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Mean absolute difference over all channels.
    pub mean: f64,
    /// Largest difference of one channel.
    pub max: u8,
}

impl Tolerance {
    /// Equal to the last bit.
    pub const EXACT: Self = Self { mean: 0.0, max: 0 };
    /// Rounding may differ.
    pub const ROUNDING: Self = Self { mean: 0.25, max: 2 };
}

/// Compares with `tests/golden/NAME.png` of the plugin under test. A missing image is a failure;
/// `UPDATE_GOLDEN=1` writes it anew.
pub fn assert_golden(name: &str, frame: &Frame, tolerance: Tolerance) {
    let path = golden_path(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        write_png(&path, frame);
    } else {
        compare(name, &path, frame, tolerance);
    }
}

fn compare(name: &str, path: &Path, frame: &Frame, tolerance: Tolerance) {
    assert!(
        path.exists(),
        "{} is missing; look at the picture after UPDATE_GOLDEN=1",
        path.display()
    );
    let golden = read_png(path);
    assert_eq!(golden.info(), frame.info(), "{name}: the shape has changed");
    let (mean, max) = difference(&golden, frame);
    if mean <= tolerance.mean && max <= tolerance.max {
        return;
    }
    let made = std::env::temp_dir().join(format!("{name}-made.png"));
    write_png(&made, frame);
    panic!(
        "{name}: mean difference {mean:.3} (allowed {}), largest {max} (allowed {}); look at {}, and if it is right, keep it with UPDATE_GOLDEN=1",
        tolerance.mean,
        tolerance.max,
        made.display()
    );
}

fn golden_path(name: &str) -> PathBuf {
    let plugin = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR for tests");
    Path::new(&plugin)
        .join("tests/golden")
        .join(name)
        .with_extension("png")
}

/// Mean and largest absolute difference, both in steps of 0..=255.
fn difference(a: &Frame, b: &Frame) -> (f64, u8) {
    let wide = |frame: &Frame| pixels(&frame.convert(PixelFormat::Rgba16).expect("every format converts"));
    let (a, b) = (wide(a), wide(b));
    let value = |bytes: &[u8]| f64::from(u16::from_le_bytes([bytes[0], bytes[1]])) / 257.0;
    let steps = || {
        a.chunks_exact(2)
            .zip(b.chunks_exact(2))
            .map(|(a, b)| (value(a) - value(b)).abs())
    };
    let mean = steps().sum::<f64>() / (a.len() / 2).max(1) as f64;
    (mean, steps().fold(0.0, f64::max).ceil() as u8)
}

/// Reads a PNG of 8-bit grey, 8-bit RGB(A) or 16-bit RGBA.
pub fn read_png(path: &Path) -> Frame {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = png::Decoder::new(BufReader::new(file))
        .read_info()
        .expect("a PNG");
    let mut bytes = vec![0; reader.output_buffer_size().expect("a PNG that fits the memory")];
    let found = reader.next_frame(&mut bytes).expect("a whole PNG");
    bytes.truncate(found.buffer_size());
    let format = match (found.color_type, found.bit_depth) {
        (png::ColorType::Grayscale, png::BitDepth::Eight) => PixelFormat::Gray8,
        (png::ColorType::Rgba, png::BitDepth::Eight) => PixelFormat::Rgba8,
        (png::ColorType::Rgba, png::BitDepth::Sixteen) => {
            bytes
                .as_chunks_mut::<2>()
                .0
                .iter_mut()
                .for_each(|value| value.swap(0, 1));
            PixelFormat::Rgba16
        }
        (png::ColorType::Rgb, png::BitDepth::Eight) => {
            bytes = bytes
                .as_chunks::<3>()
                .0
                .iter()
                .flat_map(|&[r, g, b]| [r, g, b, 255])
                .collect();
            PixelFormat::Rgba8
        }
        other => panic!("{}: {other:?} is no format of frames", path.display()),
    };
    Frame::from_pixels(ImageInfo::new(found.width, found.height, format), &bytes).expect("whole rows")
}

/// Writes a frame as PNG, with the folders above it.
pub fn write_png(path: &Path, frame: &Frame) {
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("the folder can be made");
    let file = File::create(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut encoder = png::Encoder::new(BufWriter::new(file), frame.width(), frame.height());
    let mut bytes = pixels(frame);
    let (color, depth) = match frame.format() {
        PixelFormat::Gray8 => (png::ColorType::Grayscale, png::BitDepth::Eight),
        PixelFormat::Rgba8 => (png::ColorType::Rgba, png::BitDepth::Eight),
        PixelFormat::Rgba16 => (png::ColorType::Rgba, png::BitDepth::Sixteen),
    };
    if depth == png::BitDepth::Sixteen {
        bytes
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .for_each(|value| value.swap(0, 1));
    }
    encoder.set_color(color);
    encoder.set_depth(depth);
    let mut writer = encoder.write_header().expect("a PNG header");
    writer.write_image_data(&bytes).expect("the image data");
    writer.finish().expect("the end of the PNG");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::frame;

    #[test]
    fn differences_are_in_steps_of_eight_bits() {
        let flat = |value: u8| frame(2, 2, PixelFormat::Gray8, |_, _| [value, value, value, 255]);
        assert_eq!(difference(&flat(10), &flat(10)), (0.0, 0));
        assert_eq!(difference(&flat(10), &flat(14)), (3.0, 4), "alpha is equal");
    }

    #[test]
    fn every_format_survives_a_png() {
        let path = std::env::temp_dir().join(format!("stopbath-golden-{}/a.png", std::process::id()));
        for format in [PixelFormat::Gray8, PixelFormat::Rgba8, PixelFormat::Rgba16] {
            let before = frame(3, 2, format, |x, y| [x as u8 * 80, y as u8 * 90, 7, 200]);
            write_png(&path, &before);
            let after = read_png(&path);
            assert_eq!((after.info(), pixels(&after)), (before.info(), pixels(&before)));
        }
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    #[should_panic(expected = "is missing; look at the picture after UPDATE_GOLDEN=1")]
    fn a_missing_image_is_a_failure() {
        let frame = frame(1, 1, PixelFormat::Gray8, |_, _| [0; 4]);
        compare(
            "never-made",
            Path::new("never-made.png"),
            &frame,
            Tolerance::EXACT,
        );
    }
}
