//! Resize and convert for tests, in plain arithmetic. The host's own are faster and may differ by a step or two
//! in the last bit; a plugin's golden images should not depend on that.

use crate::{ImageInfo, PixelFormat, Resample};

/// Every format is read as 16-bit RGBA and written back.
pub(super) fn convert(pixels: &[u8], from: PixelFormat, to: PixelFormat) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() / from.bytes_per_pixel() * to.bytes_per_pixel());
    for pixel in pixels.chunks_exact(from.bytes_per_pixel()) {
        put(&mut out, to, get(pixel, from));
    }
    out
}

fn get(pixel: &[u8], format: PixelFormat) -> [u16; 4] {
    let wide = |byte: u8| u16::from(byte) * 257;
    match format {
        PixelFormat::Gray8 => [wide(pixel[0]), wide(pixel[0]), wide(pixel[0]), u16::MAX],
        PixelFormat::Rgba8 => [0, 1, 2, 3].map(|channel| wide(pixel[channel])),
        PixelFormat::Rgba16 => [0, 2, 4, 6].map(|at| u16::from_le_bytes([pixel[at], pixel[at + 1]])),
    }
}

fn put(out: &mut Vec<u8>, format: PixelFormat, pixel: [u16; 4]) {
    let narrow = |value: u16| ((u32::from(value) + 128) / 257) as u8;
    match format {
        PixelFormat::Gray8 => out.push(narrow(luma(pixel))),
        PixelFormat::Rgba8 => out.extend(pixel.map(narrow)),
        PixelFormat::Rgba16 => out.extend(pixel.iter().flat_map(|value| value.to_le_bytes())),
    }
}

/// Brightness by the weights of ITU-R BT.601, as JPEG has it.
fn luma([r, g, b, _]: [u16; 4]) -> u16 {
    let sum = 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b);
    ((sum + 500) / 1000) as u16
}

/// Two passes, columns then rows, over premultiplied colour so that clear pixels do not bleed.
pub(super) fn resize(from: ImageInfo, pixels: &[u8], to: ImageInfo, filter: Resample) -> Vec<u8> {
    let read = |pixel: &[u8]| {
        let [r, g, b, a] = get(pixel, from.format).map(f32::from);
        let alpha = a / 65535.0;
        [r * alpha, g * alpha, b * alpha, a]
    };
    let source: Vec<[f32; 4]> = pixels
        .chunks_exact(from.format.bytes_per_pixel())
        .map(read)
        .collect();
    let (width, height) = (from.width as usize, from.height as usize);
    let narrow = transposed(&source, width, height, to.width as usize, filter);
    let small = transposed(&narrow, height, to.width as usize, to.height as usize, filter);

    let mut out = Vec::with_capacity(small.len() * to.format.bytes_per_pixel());
    for [r, g, b, a] in small {
        let alpha = (a / 65535.0).max(f32::MIN_POSITIVE);
        let round = |value: f32| (value + 0.5) as u16;
        put(
            &mut out,
            to.format,
            [round(r / alpha), round(g / alpha), round(b / alpha), round(a)],
        );
    }
    out
}

/// Resamples each row to `length` pixels and turns rows into columns.
fn transposed(
    source: &[[f32; 4]],
    width: usize,
    height: usize,
    length: usize,
    filter: Resample,
) -> Vec<[f32; 4]> {
    let mut out = vec![[0.0; 4]; length * height];
    for at in 0..length {
        let taps = taps(width, length, at, filter);
        for (y, row) in source.chunks_exact(width).enumerate() {
            let sum = &mut out[at * height + y];
            for &(x, weight) in &taps {
                for channel in 0..4 {
                    sum[channel] += row[x][channel] * weight;
                }
            }
        }
    }
    out
}

/// Which source pixels make one target pixel, and their weights, which sum to one.
fn taps(from: usize, to: usize, at: usize, filter: Resample) -> Vec<(usize, f32)> {
    let scale = from as f32 / to as f32;
    let centre = (at as f32 + 0.5) * scale;
    if filter == Resample::Nearest {
        return vec![((centre as usize).min(from - 1), 1.0)];
    }
    let radius = match filter {
        Resample::Nearest | Resample::Bilinear => 1.0,
        Resample::CatmullRom => 2.0,
        Resample::Lanczos3 => 3.0,
    };
    let stretch = scale.max(1.0);
    let first = (centre - radius * stretch).floor().max(0.0) as usize;
    let last = ((centre + radius * stretch).ceil() as usize).min(from);
    let mut taps: Vec<_> = (first..last)
        .map(|x| (x, weight(filter, (x as f32 + 0.5 - centre) / stretch)))
        .collect();
    let sum: f32 = taps.iter().map(|tap| tap.1).sum();
    for tap in &mut taps {
        tap.1 /= sum;
    }
    taps
}

fn weight(filter: Resample, x: f32) -> f32 {
    let x = x.abs();
    match filter {
        Resample::Nearest | Resample::Bilinear => (1.0 - x).max(0.0),
        Resample::CatmullRom if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        Resample::CatmullRom if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        Resample::Lanczos3 if x < f32::EPSILON => 1.0,
        Resample::Lanczos3 if x < 3.0 => sinc(x) * sinc(x / 3.0),
        Resample::CatmullRom | Resample::Lanczos3 => 0.0,
    }
}

fn sinc(x: f32) -> f32 {
    let angle = x * std::f32::consts::PI;
    angle.sin() / angle
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILTERS: [Resample; 4] = [
        Resample::Nearest,
        Resample::Bilinear,
        Resample::CatmullRom,
        Resample::Lanczos3,
    ];

    #[test]
    fn formats_convert_there_and_back() {
        let rgba = [255, 0, 0, 255, 10, 20, 30, 128];
        let wide = convert(&rgba, PixelFormat::Rgba8, PixelFormat::Rgba16);
        assert_eq!(convert(&wide, PixelFormat::Rgba16, PixelFormat::Rgba8), rgba);
        assert_eq!(convert(&rgba, PixelFormat::Rgba8, PixelFormat::Gray8), [76, 18]);
        assert_eq!(
            convert(&[7], PixelFormat::Gray8, PixelFormat::Rgba8),
            [7, 7, 7, 255]
        );
    }

    #[test]
    fn a_flat_colour_stays_itself_in_any_size() {
        let from = ImageInfo::new(5, 4, PixelFormat::Rgba8);
        for filter in FILTERS {
            for (width, height) in [(2, 3), (9, 8), (1, 1)] {
                let to = ImageInfo {
                    width,
                    height,
                    ..from
                };
                let out = resize(from, &[200, 100, 0, 128].repeat(20), to, filter);
                assert_eq!(
                    out,
                    [200, 100, 0, 128].repeat((width * height) as usize),
                    "{filter:?}"
                );
            }
        }
    }

    #[test]
    fn halving_takes_the_mean_and_clear_pixels_do_not_bleed() {
        let (from, to) = (
            ImageInfo::new(2, 1, PixelFormat::Rgba8),
            ImageInfo::new(1, 1, PixelFormat::Rgba8),
        );
        let out = resize(from, &[255, 0, 0, 255, 0, 255, 0, 0], to, Resample::Bilinear);
        assert_eq!(out, [255, 0, 0, 128]);
    }
}
