//! `BlurHash` as specified at <https://github.com/woltapp/blurhash/blob/master/Algorithm.md>: the image in linear
//! light as a sum of cosine waves, the first exactly, the others in 19 steps a channel, in base 83.

use std::f64::consts::PI;

const DIGITS: &[u8; 83] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

/// Pixels in linear light.
pub(crate) struct Picture {
    width: usize,
    pixels: Vec<[f64; 3]>,
}

impl Picture {
    /// From RGBA, 8 bits each, laid over white: the format has no alpha.
    pub(crate) fn on_white(width: usize, rgba: &[u8]) -> Self {
        let over = |value: u8, alpha: u8| {
            let alpha = f64::from(alpha) / 255.0;
            to_linear(f64::from(value) / 255.0 * alpha + 1.0 - alpha)
        };
        let pixels = rgba.as_chunks::<4>().0.iter();
        let pixels = pixels
            .map(|&[r, g, b, a]| [over(r, a), over(g, a), over(b, a)])
            .collect();
        Self { width, pixels }
    }

    /// The hash with `nx` by `ny` waves, 1 to 9 each.
    pub(crate) fn blurhash(&self, nx: u32, ny: u32) -> String {
        let waves: Vec<[f64; 3]> = (0..ny)
            .flat_map(|y| (0..nx).map(move |x| (x, y)))
            .map(|(x, y)| self.wave(x, y))
            .collect();
        let mut hash = String::new();
        push(&mut hash, nx - 1 + (ny - 1) * 9, 1);

        let largest = waves[1..]
            .iter()
            .flatten()
            .fold(0.0_f64, |max, value| max.max(value.abs()));
        let step = (largest * 166.0 - 0.5).floor().clamp(0.0, 82.0);
        push(&mut hash, if waves.len() > 1 { step as u32 } else { 0 }, 1);

        let [r, g, b] = waves[0].map(to_srgb);
        push(&mut hash, (r << 16) | (g << 8) | b, 4);
        for wave in &waves[1..] {
            let [r, g, b] = wave.map(|value| quantize(value / ((step + 1.0) / 166.0)));
            push(&mut hash, (r * 19 + g) * 19 + b, 2);
        }
        hash
    }

    /// The mean of the image times one cosine wave.
    fn wave(&self, nx: u32, ny: u32) -> [f64; 3] {
        let height = self.pixels.len() / self.width;
        let cosines = |n: u32, length: usize| -> Vec<f64> {
            (0..length)
                .map(|at| (PI * f64::from(n) * at as f64 / length as f64).cos())
                .collect()
        };
        let (across, down) = (cosines(nx, self.width), cosines(ny, height));
        let mut sum = [0.0; 3];
        for (row, fy) in self.pixels.chunks_exact(self.width).zip(down) {
            for (pixel, fx) in row.iter().zip(&across) {
                for channel in 0..3 {
                    sum[channel] += pixel[channel] * fx * fy;
                }
            }
        }
        let weight = if nx + ny == 0 { 1.0 } else { 2.0 };
        sum.map(|value| value * weight / self.pixels.len() as f64)
    }
}

/// From -1..=1 to 0..=18, finer around zero.
fn quantize(value: f64) -> u32 {
    let root = value.abs().sqrt().copysign(value);
    (root * 9.0 + 9.5).floor().clamp(0.0, 18.0) as u32
}

fn to_linear(value: f64) -> f64 {
    if value <= 0.04045 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

fn to_srgb(value: f64) -> u32 {
    let value = value.clamp(0.0, 1.0);
    let curved = if value <= 0.003_130_8 {
        value * 12.92
    } else {
        1.055 * value.powf(1.0 / 2.4) - 0.055
    };
    (curved * 255.0 + 0.5) as u32
}

fn push(hash: &mut String, value: u32, digits: u32) {
    for place in (0..digits).rev() {
        hash.push(char::from(DIGITS[(value / 83_u32.pow(place) % 83) as usize]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(width: usize, height: usize) -> Picture {
        let at = |y| (0..width).map(move |x| (x, y));
        let pixel = |(x, y): (usize, usize)| {
            [
                x * 255 / (width - 1),
                y * 255 / (height - 1),
                (x * 5 + y * 11) % 256,
                255,
            ]
            .map(|value| value as u8)
        };
        Picture::on_white(
            width,
            &(0..height).flat_map(at).flat_map(pixel).collect::<Vec<u8>>(),
        )
    }

    /// From the Python package `blurhash` 1.1.5 on the same pixels.
    #[test]
    fn equals_the_reference() {
        assert_eq!(pattern(32, 24).blurhash(4, 3), "L$Hewb2swyX8l}W8jqe:gDfhfUfk");
        assert_eq!(pattern(16, 16).blurhash(1, 1), "00Hx$i");
        assert_eq!(pattern(24, 24).blurhash(3, 4), "T$HoI32swxl[W8jrgCfmfUn.Wtjq");
        assert_eq!(
            pattern(20, 30).blurhash(9, 9),
            "|$HoE.2=wxbuWqt6SMt6SLl}WAjre:fPe:a{jGa{gCfgfSfifQfifPfifQniWujvfQfSfRa~jta}fBfOfNfPfPfPfPfPfPobWmjvfSfPf\
             Ra{jua{e:fTfTfOfRfRfRfQfRocW;jqfhfRfia{j?a|e:f5fRfAfRf8fRf8fR"
        );
    }

    #[test]
    fn black_is_zeros_and_clear_is_white() {
        let flat = |pixel: [u8; 4]| Picture::on_white(8, &pixel.repeat(64));
        assert_eq!(flat([0, 0, 0, 255]).blurhash(1, 1), "000000");
        assert_eq!(
            flat([9, 9, 9, 0]).blurhash(4, 3),
            flat([255, 255, 255, 255]).blurhash(4, 3)
        );
    }
}
