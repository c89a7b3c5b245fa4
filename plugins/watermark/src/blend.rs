//! One line of the mark over one row of the image, in any pixel format; alpha is not premultiplied.

use stopbath_plugin::prelude::*;

/// Lays `line` over `row` from pixel `x` on, which may lie left of the image; what sticks out is left away.
pub(crate) fn over(format: PixelFormat, row: &mut [u8], x: i64, line: &[[u8; 4]]) {
    let size = format.bytes_per_pixel();
    let skip = (-x).max(0) as usize;
    let start = x.max(0) as usize * size;
    let Some(row) = row.get_mut(start..) else { return };
    for (pixel, mark) in row.chunks_exact_mut(size).zip(line.iter().skip(skip)) {
        if mark[3] > 0 {
            blend(format, pixel, mark.map(|value| f32::from(value) / 255.0));
        }
    }
}

fn blend(format: PixelFormat, pixel: &mut [u8], [r, g, b, alpha]: [f32; 4]) {
    match format {
        PixelFormat::Gray8 => {
            let light = 0.299 * r + 0.587 * g + 0.114 * b;
            pixel[0] = narrow(light * alpha + f32::from(pixel[0]) / 255.0 * (1.0 - alpha));
        }
        PixelFormat::Rgba8 => {
            let below = [0, 1, 2, 3].map(|channel| f32::from(pixel[channel]) / 255.0);
            pixel.copy_from_slice(&mix([r, g, b, alpha], below).map(narrow));
        }
        PixelFormat::Rgba16 => {
            let wide = |channel: usize| u16::from_le_bytes([pixel[2 * channel], pixel[2 * channel + 1]]);
            let below = [0, 1, 2, 3].map(|channel| f32::from(wide(channel)) / 65535.0);
            let mixed = mix([r, g, b, alpha], below).map(|value| (value * 65535.0 + 0.5) as u16);
            pixel
                .as_chunks_mut::<2>()
                .0
                .iter_mut()
                .zip(mixed)
                .for_each(|(to, value)| *to = value.to_le_bytes());
        }
    }
}

fn mix(mark: [f32; 4], below: [f32; 4]) -> [f32; 4] {
    let rest = below[3] * (1.0 - mark[3]);
    let alpha = mark[3] + rest;
    let channel = |at: usize| (mark[at] * mark[3] + below[at] * rest) / alpha;
    [channel(0), channel(1), channel(2), alpha]
}

fn narrow(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_WHITE: [u8; 4] = [255, 255, 255, 128];

    #[test]
    fn half_white_over_each_format() {
        let mut gray = [0, 100];
        over(PixelFormat::Gray8, &mut gray, 1, &[HALF_WHITE]);
        assert_eq!(gray, [0, 178]);
        let mut rgba = [100, 0, 255, 255];
        over(PixelFormat::Rgba8, &mut rgba, 0, &[HALF_WHITE]);
        assert_eq!(rgba, [178, 128, 255, 255]);
        let mut wide = [0, 0, 0, 0, 0, 0, 255, 255];
        over(PixelFormat::Rgba16, &mut wide, 0, &[HALF_WHITE]);
        assert_eq!(wide, [128, 128, 128, 128, 128, 128, 255, 255]);
    }

    #[test]
    fn on_clear_ground_the_mark_keeps_its_colour() {
        let mut rgba = [9, 9, 9, 0];
        over(PixelFormat::Rgba8, &mut rgba, 0, &[[200, 100, 50, 128]]);
        assert_eq!(rgba, [200, 100, 50, 128]);
    }

    #[test]
    fn what_sticks_out_is_left_away() {
        let line = [[10, 10, 10, 255], [20, 20, 20, 255], [30, 30, 30, 255]];
        let row = |x| {
            let mut row = [0; 2];
            over(PixelFormat::Gray8, &mut row, x, &line);
            row
        };
        assert_eq!(
            [row(-2), row(-1), row(1), row(5)],
            [[30, 0], [20, 30], [0, 10], [0, 0]]
        );
    }
}
