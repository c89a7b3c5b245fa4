//! `ThumbHash` as described at <https://evanw.github.io/thumbhash/>: brightness, yellow-blue, red-green and alpha
//! as cosine waves, the longer side with more of them, four bits each.

use std::f64::consts::PI;

/// One channel as waves: the mean, the largest other one, and the others scaled to 0..=1.
struct Waves {
    mean: f64,
    scale: f64,
    rest: Vec<f64>,
}

/// The hash of RGBA pixels, not premultiplied. Neither side is above 100.
pub(crate) fn thumbhash(width: usize, height: usize, rgba: &[u8]) -> Vec<u8> {
    let pixels: Vec<[f64; 4]> = rgba
        .as_chunks::<4>()
        .0
        .iter()
        .map(|pixel| pixel.map(|value| f64::from(value) / 255.0))
        .collect();
    let clear = rgba.as_chunks::<4>().0.iter().any(|pixel| pixel[3] < 255);
    let channels = channels(&pixels);

    let longer = width.max(height) as f64;
    let limit = if clear { 5.0 } else { 7.0 };
    let count = |side: usize| ((limit * side as f64 / longer).round() as usize).max(1);
    let (lx, ly) = (count(width), count(height));

    let waves = |channel: usize, nx, ny| waves(&channels[channel], width, nx, ny);
    let l = waves(0, lx.max(3), ly.max(3));
    let p = waves(1, 3, 3);
    let q = waves(2, 3, 3);
    let landscape = width > height;

    let head = bits(l.mean, 63.0)
        | (bits(0.5 + 0.5 * p.mean, 63.0) << 6)
        | (bits(0.5 + 0.5 * q.mean, 63.0) << 12)
        | (bits(l.scale, 31.0) << 18)
        | (u32::from(clear) << 23);
    let shape = (if landscape { ly } else { lx }) as u32
        | (bits(p.scale, 63.0) << 3)
        | (bits(q.scale, 63.0) << 9)
        | (u32::from(landscape) << 15);
    let mut hash = vec![
        head as u8,
        (head >> 8) as u8,
        (head >> 16) as u8,
        shape as u8,
        (shape >> 8) as u8,
    ];

    let mut rest = [l.rest, p.rest, q.rest].concat();
    if clear {
        let a = waves(3, 5, 5);
        hash.push((bits(a.mean, 15.0) | (bits(a.scale, 15.0) << 4)) as u8);
        rest.extend(a.rest);
    }
    let nibbles: Vec<u8> = rest.iter().map(|&value| bits(value, 15.0) as u8).collect();
    hash.extend(
        nibbles
            .chunks(2)
            .map(|pair| pair[0] | (pair.get(1).copied().unwrap_or(0) << 4)),
    );
    hash
}

/// Brightness, yellow-blue, red-green and alpha, laid over the mean colour.
fn channels(pixels: &[[f64; 4]]) -> [Vec<f64>; 4] {
    let alpha: f64 = pixels.iter().map(|pixel| pixel[3]).sum();
    let mean = [0, 1, 2].map(|channel| {
        let sum: f64 = pixels.iter().map(|pixel| pixel[channel] * pixel[3]).sum();
        if alpha > 0.0 { sum / alpha } else { 0.0 }
    });
    let mut channels = [const { Vec::new() }; 4];
    for pixel in pixels {
        let [r, g, b] = [0, 1, 2].map(|channel| mean[channel] * (1.0 - pixel[3]) + pixel[channel] * pixel[3]);
        let values = [(r + g + b) / 3.0, f64::midpoint(r, g) - b, r - g, pixel[3]];
        channels
            .iter_mut()
            .zip(values)
            .for_each(|(channel, value)| channel.push(value));
    }
    channels
}

fn waves(channel: &[f64], width: usize, nx: usize, ny: usize) -> Waves {
    let height = channel.len() / width;
    let cosines = |n: usize, length: usize| -> Vec<f64> {
        (0..length)
            .map(|at| (PI / length as f64 * n as f64 * (at as f64 + 0.5)).cos())
            .collect()
    };
    let mut all = Vec::new();
    for cy in 0..ny {
        let down = cosines(cy, height);
        for cx in (0..nx).take_while(|cx| cx * ny < nx * (ny - cy)) {
            let across = cosines(cx, width);
            // In the reference's order: ties between two steps fall to the same side.
            let rows = channel.chunks_exact(width).zip(&down);
            let terms =
                rows.flat_map(|(row, fy)| row.iter().zip(&across).map(move |(value, fx)| value * fx * fy));
            let sum: f64 = terms.sum();
            all.push(sum / channel.len() as f64);
        }
    }
    let mean = all.remove(0);
    let scale = all.iter().fold(0.0_f64, |max, value| max.max(value.abs()));
    if scale > 0.0 {
        for value in &mut all {
            *value = 0.5 + 0.5 / scale * *value;
        }
    }
    Waves {
        mean,
        scale,
        rest: all,
    }
}

/// 0..=1 to an integer of 0..=`top`.
fn bits(value: f64, top: f64) -> u32 {
    (value.clamp(0.0, 1.0) * top + 0.5).floor() as u32
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine};

    use super::*;

    fn pattern(width: usize, height: usize, clear: bool) -> String {
        let at = |y| (0..width).map(move |x| (x, y));
        let pixel = |(x, y): (usize, usize)| {
            let alpha = if clear { (x * 9 + y * 7) % 256 } else { 255 };
            [
                x * 255 / (width - 1),
                y * 255 / (height - 1),
                (x * 5 + y * 11) % 256,
                alpha,
            ]
            .map(|value| value as u8)
        };
        let rgba: Vec<u8> = (0..height).flat_map(at).flat_map(pixel).collect();
        BASE64_STANDARD.encode(thumbhash(width, height, &rgba))
    }

    /// From the npm package `thumbhash` 0.1.1, by the format's author, on the same pixels.
    #[test]
    fn equals_the_reference() {
        assert_eq!(pattern(32, 24, false), "H/gJRZqAh4dRd3dliWh5d3HADPh3");
        assert_eq!(pattern(20, 30, false), "XwgKPRpwh3F3R4ZXiXlnd4KQDvh4");
        assert_eq!(pattern(16, 16, true), "ZQiGDQ4nooewiIp4iKCNBvpncHdyeHd4eA==");
        assert_eq!(pattern(100, 40, false), "3/cJO5qAd3dweIeIcIAH+Hc=");
        assert_eq!(pattern(40, 100, true), "4PeFGg4IgIGHd4mBgAf3eJhwhGGJOpg=");
    }
}
