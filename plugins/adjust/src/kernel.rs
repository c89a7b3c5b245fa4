//! The arithmetic, row by row and in place; alpha is never touched.
//!
//! A kernel is a colour matrix, where channels mix, and then a curve, where one is needed. Without mixing all is
//! in the curve, which is a table. The 8-bit matrix is fixed-point over whole pixels as `u32`: of the ways tried,
//! the one that LLVM turns into the fewest SIMD instructions for both `simd128` and SSE2.

use crate::Params;

/// Weights of red, green, blue and a constant, for each channel; values from 0 to 1.
type Matrix = [[f32; 4]; 3];

const IDENTITY: Matrix = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
/// Lightness by ITU-R BT.601, as the host's own conversion to grey.
const LUMA: [f32; 4] = [0.299, 0.587, 0.114, 0.0];
/// The sepia of the CSS filter: W3C, Filter Effects Module Level 1.
const SEPIA: Matrix = [
    [0.393, 0.769, 0.189, 0.0],
    [0.349, 0.686, 0.168, 0.0],
    [0.272, 0.534, 0.131, 0.0],
];
/// Binary digits after the point. A weight is at most 4, so three products with 255 fit in 31 bits.
const POINT: u32 = 16;

/// Params made ready for pixels.
#[derive(Debug)]
pub struct Kernel {
    /// Present when a channel depends on another.
    mix: Option<Matrix>,
    tone: Tone,
    fixed: [[i32; 4]; 3],
    table: [u8; 256],
}

impl Kernel {
    /// For colour. The curve for `rgba16` is apart, see [`Self::curve16`].
    pub fn new(params: &Params) -> Self {
        let tone = Tone {
            scale: 1.0 + params.contrast,
            shift: shift(params),
            power: 1.0 / params.gamma,
        };
        let mix = colour(params).map(|colour| multiply(&colour, &tone.matrix()));
        let tone = if mix.is_some() {
            Tone {
                scale: 1.0,
                shift: 0.0,
                ..tone
            }
        } else {
            tone
        };
        let fixed = mix.unwrap_or(IDENTITY).map(fixed_point);
        let table = std::array::from_fn(|value| (tone.at(value as f32 / 255.0) * 255.0).round() as u8);
        Self {
            mix,
            tone,
            fixed,
            table,
        }
    }

    /// For grey, where saturation and grayscale change nothing. Sepia needs colour.
    pub fn of_gray(params: &Params) -> Self {
        let Params {
            brightness,
            contrast,
            gamma,
            ..
        } = *params;
        Self::new(&Params {
            brightness,
            contrast,
            gamma,
            ..Params::default()
        })
    }

    /// Changes a row of grey pixels.
    pub fn gray8(&self, row: &mut [u8]) {
        for value in row {
            *value = self.table[*value as usize];
        }
    }

    /// Changes a row of 8-bit pixels.
    pub fn rgba8(&self, row: &mut [u8]) {
        if self.mix.is_some() {
            mix8(&self.fixed, row);
        }
        if self.mix.is_none() || !self.tone.is_flat() {
            for pixel in row.as_chunks_mut::<4>().0 {
                let [r, g, b, a] = *pixel;
                *pixel = [
                    self.table[r as usize],
                    self.table[g as usize],
                    self.table[b as usize],
                    a,
                ];
            }
        }
    }

    /// Changes a row of 16-bit pixels; `curve` from [`Self::curve16`].
    pub fn rgba16(&self, row: &mut [u8], curve: Option<&[u16]>) {
        for pixel in row.as_chunks_mut::<8>().0 {
            let [r, g, b, a] = [0, 2, 4, 6].map(|at| u16::from_le_bytes([pixel[at], pixel[at + 1]]));
            let mut values = [r, g, b];
            if let Some(matrix) = &self.mix {
                values = matrix.map(|weights| mix16(weights, [r, g, b]));
            }
            if let Some(curve) = curve {
                values = values.map(|value| curve[value as usize]);
            }
            let [r, g, b] = values;
            for (bytes, value) in pixel.as_chunks_mut::<2>().0.iter_mut().zip([r, g, b, a]) {
                *bytes = value.to_le_bytes();
            }
        }
    }

    /// The curve over all 16-bit values, where there is one. Costs about a millisecond: make it once an image.
    pub fn curve16(&self) -> Option<Vec<u16>> {
        let at = |value: u16| (self.tone.at(f32::from(value) / 65535.0) * 65535.0).round() as u16;
        (!self.tone.is_flat()).then(|| (0..=u16::MAX).map(at).collect())
    }
}

/// Clamping as the last step makes the constant term carry the rounding.
fn mix8(matrix: &[[i32; 4]; 3], row: &mut [u8]) {
    let matrix = *matrix;
    for pixel in row.as_chunks_mut::<4>().0 {
        let word = u32::from_le_bytes(*pixel);
        let [r, g, b] = [word, word >> 8, word >> 16].map(|value| (value & 255) as i32);
        let [r, g, b] = matrix.map(|[of_r, of_g, of_b, constant]| {
            ((r * of_r + g * of_g + b * of_b + constant) >> POINT).clamp(0, 255) as u32
        });
        *pixel = ((word & 0xff00_0000) | r | (g << 8) | (b << 16)).to_le_bytes();
    }
}

fn mix16([of_r, of_g, of_b, constant]: [f32; 4], [r, g, b]: [u16; 3]) -> u16 {
    let sum = f32::from(r) * of_r + f32::from(g) * of_g + f32::from(b) * of_b + constant * 65535.0;
    (sum + 0.5).clamp(0.0, 65535.0) as u16
}

fn fixed_point(weights: [f32; 4]) -> [i32; 4] {
    let one = (1 << POINT) as f32;
    let [r, g, b, constant] = weights;
    let whole = |value: f32| (value * one).round() as i32;
    [
        whole(r),
        whole(g),
        whole(b),
        whole(constant * 255.0) + (1 << (POINT - 1)),
    ]
}

/// What happens to a channel by itself: `(value * scale + shift) ^ power`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tone {
    scale: f32,
    shift: f32,
    power: f32,
}

impl Tone {
    fn at(self, value: f32) -> f32 {
        (value * self.scale + self.shift).clamp(0.0, 1.0).powf(self.power)
    }

    fn is_flat(self) -> bool {
        self == Self {
            scale: 1.0,
            shift: 0.0,
            power: 1.0,
        }
    }

    /// All but the power.
    fn matrix(self) -> Matrix {
        let mut matrix = IDENTITY;
        for (channel, weights) in matrix.iter_mut().enumerate() {
            weights[channel] = self.scale;
            weights[3] = self.shift;
        }
        matrix
    }
}

/// Brightness first, then contrast around the middle: `(v + b - ½)·s + ½`.
fn shift(params: &Params) -> f32 {
    let scale = 1.0 + params.contrast;
    params.brightness * scale + 0.5 * (1.0 - scale)
}

/// Saturation, then grayscale, then sepia; nothing when channels do not mix.
fn colour(params: &Params) -> Option<Matrix> {
    let colour = (1.0 + params.saturation) * (1.0 - params.grayscale.0);
    let saturated = blend([LUMA; 3], IDENTITY, colour);
    let toned = multiply(&blend(IDENTITY, SEPIA, params.sepia.0), &saturated);
    (toned != IDENTITY).then_some(toned)
}

/// From `a` at 0 to `b` at 1, and on in that direction.
fn blend(a: Matrix, b: Matrix, part: f32) -> Matrix {
    std::array::from_fn(|row| std::array::from_fn(|at| a[row][at] * (1.0 - part) + b[row][at] * part))
}

/// The matrix that does `first` and then `second`.
fn multiply(second: &Matrix, first: &Matrix) -> Matrix {
    second.map(|weights| {
        std::array::from_fn(|at| {
            let sum: f32 = (0..3).map(|channel| weights[channel] * first[channel][at]).sum();
            if at == 3 { sum + weights[3] } else { sum }
        })
    })
}
