//! JPEG planes made into interleaved RGB.
//!
//! The arithmetic is that of libjpeg-turbo: full-range BT.601 in 16-bit fixed point, and a triangle filter for
//! subsampled chroma (its "fancy upsampling"). The loops run over plain slices row by row, so that the
//! compiler makes vector code of them.

use crate::frame::Planes;

/// `width` x `height` pixels of three bytes.
pub fn ycc_to_rgb(width: u32, height: u32, planes: &Planes) -> Vec<u8> {
    let (width, height) = (width as usize, height as usize);
    let chroma = Chroma::new(width, height, planes);
    let mut out = vec![0; width * height * 3];
    let (mut cb, mut cr) = (vec![0; width], vec![0; width]);
    let mut mixed = vec![0; chroma.width];
    for (row, (y, rgb)) in planes
        .y
        .chunks_exact(width)
        .zip(out.chunks_exact_mut(width * 3))
        .enumerate()
    {
        chroma.row(&planes.cb, row, &mut mixed, &mut cb);
        chroma.row(&planes.cr, row, &mut mixed, &mut cr);
        convert_row(y, &cb, &cr, rgb);
    }
    out
}

/// In 16-bit numbers, which every processor multiplies many at a time, and plane by plane: interleaving
/// as it goes would keep the compiler from doing so.
fn convert_row(y: &[u8], cb: &[u8], cr: &[u8], rgb: &mut [u8]) {
    for (((y, cb), cr), rgb) in y
        .chunks(RUN)
        .zip(cb.chunks(RUN))
        .zip(cr.chunks(RUN))
        .zip(rgb.chunks_mut(3 * RUN))
    {
        let [mut red, mut green, mut blue] = [[0; RUN]; 3];
        let out = red.iter_mut().zip(&mut green).zip(&mut blue);
        for (((&y, &cb), &cr), ((red, green), blue)) in y.iter().zip(cb).zip(cr).zip(out) {
            let (y, cb, cr) = (i16::from(y), i16::from(cb) - 128, i16::from(cr) - 128);
            *red = byte(y + cr + part(cr, 26_345));
            *green = byte(y - cr + part(cr, 18_734) - part(cb, 22_554));
            *blue = byte(y + 2 * cb - part(cb, 14_942));
        }
        let planes = red.iter().zip(&green).zip(&blue);
        for (out, ((&red, &green), &blue)) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(planes) {
            *out = [red, green, blue];
        }
    }
}

/// Pixels converted at a time.
const RUN: usize = 64;

/// `value` times `weight / 65536`, rounded.
fn part(value: i16, weight: i16) -> i16 {
    let double = ((i32::from(2 * value) * i32::from(weight)) >> 16) as i16;
    (double + 1) >> 1
}

fn byte(value: i16) -> u8 {
    value.clamp(0, 255) as u8
}

/// How the chroma planes lie under the luma plane.
struct Chroma {
    width: usize,
    height: usize,
    across: usize,
    down: usize,
}

impl Chroma {
    fn new(width: usize, height: usize, planes: &Planes) -> Self {
        let (chroma_width, chroma_height) = (planes.chroma_width as usize, planes.chroma_height as usize);
        Self {
            width: chroma_width,
            height: chroma_height,
            across: factor(width, chroma_width),
            down: factor(height, chroma_height),
        }
    }

    /// Row `row` of the full-size plane. `mixed` is scratch space of the chroma width.
    fn row(&self, plane: &[u8], row: usize, mixed: &mut [u16], out: &mut [u8]) {
        let (upper, lower, weight) = neighbours(row, self.down, self.height);
        let line = |at: usize| &plane[at * self.width..(at + 1) * self.width];
        if self.across == 1 && self.down == 1 {
            return out.copy_from_slice(line(row));
        }
        let whole = 2 * self.down as u16;
        for ((mix, &a), &b) in mixed.iter_mut().zip(line(upper)).zip(line(lower)) {
            *mix = u16::from(a) * (whole - weight) + u16::from(b) * weight;
        }
        match self.across {
            1 => {
                for (out, &mix) in out.iter_mut().zip(&*mixed) {
                    *out = ((mix + whole / 2) / whole) as u8;
                }
            }
            2 => double(mixed, whole, out),
            _ => self.stretch(mixed, whole, out),
        }
    }

    fn stretch(&self, mixed: &[u16], whole: u16, out: &mut [u8]) {
        let total = u32::from(whole) * 2 * self.across as u32;
        for (column, out) in out.iter_mut().enumerate() {
            let (left, right, weight) = neighbours(column, self.across, self.width);
            let sum = u32::from(mixed[left]) * (2 * self.across as u32 - u32::from(weight))
                + u32::from(mixed[right]) * u32::from(weight);
            *out = ((sum + total / 2) / total) as u8;
        }
    }
}

/// Twice as wide: three quarters of the nearer sample, one of the farther.
fn double(mixed: &[u16], whole: u16, out: &mut [u8]) {
    // `whole` is 2 or 4, so the sum is scaled by 8 or 16.
    let shift = (whole * 4).trailing_zeros();
    let (low, high) = (2 * whole, 2 * whole - 1);
    let last = mixed.len() - 1;
    let pair = |before: u16, here: u16, after: u16| {
        [
            ((3 * here + before + low) >> shift) as u8,
            ((3 * here + after + high) >> shift) as u8,
        ]
    };
    let (pairs, single) = out.as_chunks_mut::<2>();
    if let Some(first) = pairs.first_mut() {
        *first = pair(mixed[0], mixed[0], mixed[1.min(last)]);
    }
    for (window, out) in mixed.windows(3).zip(pairs.iter_mut().skip(1)) {
        *out = pair(window[0], window[1], window[2]);
    }
    if last > 0 {
        let end = pair(mixed[last - 1], mixed[last], mixed[last]);
        if let Some(out) = pairs.get_mut(last) {
            *out = end;
        }
        if let [out] = single {
            *out = end[0];
        }
    } else if let [out] = single {
        *out = pair(mixed[0], mixed[0], mixed[0])[0];
    }
}

/// The samples on both sides of a pixel centre and the weight of the second in `2 * factor`.
pub(crate) fn neighbours(at: usize, factor: usize, count: usize) -> (usize, usize, u16) {
    let twice = 2 * factor as isize;
    let position = 2 * at as isize + 1 - factor as isize;
    let first = position.div_euclid(twice);
    let within = |i: isize| i.clamp(0, count as isize - 1) as usize;
    (
        within(first),
        within(first + 1),
        position.rem_euclid(twice) as u16,
    )
}

/// By how much the chroma plane is smaller.
fn factor(full: usize, chroma: usize) -> usize {
    [1, 2, 4]
        .into_iter()
        .find(|f| full.div_ceil(*f) == chroma)
        .unwrap_or_else(|| full.div_ceil(chroma))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planes(y: Vec<u8>, cb: Vec<u8>, cr: Vec<u8>, size: (u32, u32)) -> Planes {
        Planes {
            y,
            cb,
            cr,
            chroma_width: size.0,
            chroma_height: size.1,
        }
    }

    #[test]
    fn the_primaries_come_out() {
        let out = ycc_to_rgb(
            3,
            1,
            &planes(vec![76, 150, 29], vec![85, 44, 255], vec![255, 21, 107], (3, 1)),
        );
        let expected: [u8; 9] = [254, 0, 0, 0, 255, 1, 0, 0, 254];
        assert!(
            out.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1),
            "{out:?}"
        );
    }

    #[test]
    fn flat_chroma_stays_flat_at_every_size_and_sampling() {
        for (width, height) in [(1, 1), (2, 2), (3, 5), (8, 1), (17, 9)] {
            for (across, down) in [(1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (1, 4)] {
                let size = (u32::div_ceil(width, across), u32::div_ceil(height, down));
                let count = (size.0 * size.1) as usize;
                let y = vec![100; (width * height) as usize];
                let out = ycc_to_rgb(
                    width,
                    height,
                    &planes(y, vec![128; count], vec![128; count], size),
                );
                assert!(out.iter().all(|v| *v == 100), "{width}x{height} {across}:{down}");
            }
        }
    }

    #[test]
    fn doubling_matches_the_slow_way() {
        let chroma = Chroma {
            width: 9,
            height: 1,
            across: 2,
            down: 1,
        };
        let mixed: Vec<u16> = [0, 255, 3, 200, 90, 90, 255, 255, 7].map(|v: u16| v * 2).to_vec();
        for width in [17, 18] {
            let (mut fast, mut slow) = (vec![0; width], vec![0; width]);
            double(&mixed, 2, &mut fast);
            chroma.stretch(&mixed, 2, &mut slow);
            assert!(
                fast.iter()
                    .zip(&slow)
                    .all(|(a, b): (&u8, &u8)| a.abs_diff(*b) <= 1),
                "{fast:?} {slow:?}"
            );
        }
    }
}
