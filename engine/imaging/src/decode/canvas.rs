//! The canvas on which the frames of an animation are put together.
//!
//! GIF and APNG store parts of the picture with a rule for what becomes of each part afterwards; what
//! flows through a pipeline are whole frames.

use crate::colour::frame8;
use crate::frame::{Frame, Pixels};

/// RGBA, transparent at first.
pub(super) struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

/// A stored part.
pub(super) struct Part<'a> {
    pub(super) x: u32,
    pub(super) y: u32,
    /// In RGBA.
    pub(super) pixels: &'a Frame,
    pub(super) blend: Blend,
    pub(super) dispose: Dispose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blend {
    /// Takes the place of what was there, transparency and all.
    Replace,
    Over,
}

/// What becomes of the part before the next one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dispose {
    Keep,
    /// Becomes transparent.
    Clear,
    /// What was there before comes back.
    Restore,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            pixels: vec![0; width as usize * height as usize * 4],
        }
    }

    /// The whole frame with the part on it; `None` if the part reaches outside.
    pub(super) fn show(&mut self, part: &Part<'_>) -> Option<Frame> {
        let Pixels::Rgba8(source) = &part.pixels.pixels else {
            return None;
        };
        let (width, height) = (part.pixels.width, part.pixels.height);
        if part.x.checked_add(width)? > self.width || part.y.checked_add(height)? > self.height {
            return None;
        }
        let before = (part.dispose == Dispose::Restore).then(|| self.pixels.clone());
        for (row, line) in source.chunks_exact((width as usize * 4).max(1)).enumerate() {
            let target = self.line(part, row);
            match part.blend {
                Blend::Replace => target.copy_from_slice(line),
                Blend::Over => {
                    let pixels = target.as_chunks_mut::<4>().0.iter_mut();
                    pixels
                        .zip(line.as_chunks::<4>().0)
                        .for_each(|(under, over)| *under = blend(*under, *over));
                }
            }
        }
        let shown = frame8(self.width, self.height, 4, self.pixels.clone());
        match (part.dispose, before) {
            (Dispose::Clear, _) => (0..height as usize).for_each(|row| self.line(part, row).fill(0)),
            (_, Some(before)) => self.pixels = before,
            _ => {}
        }
        Some(shown)
    }

    fn line(&mut self, part: &Part<'_>, row: usize) -> &mut [u8] {
        let start = ((part.y as usize + row) * self.width as usize + part.x as usize) * 4;
        &mut self.pixels[start..start + part.pixels.width as usize * 4]
    }
}

/// Straight alpha, as the APNG specification has it.
fn blend(under: [u8; 4], over: [u8; 4]) -> [u8; 4] {
    let (a, b) = (u32::from(over[3]), u32::from(under[3]));
    if a == 255 || b == 0 {
        return over;
    }
    if a == 0 {
        return under;
    }
    // Both weights in 255 * 255.
    let (top, bottom) = (a * 255, (255 - a) * b);
    let whole = top + bottom;
    let mix =
        |at: usize| ((u32::from(over[at]) * top + u32::from(under[at]) * bottom + whole / 2) / whole) as u8;
    [mix(0), mix(1), mix(2), ((whole + 127) / 255) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(frame: &Frame) -> Vec<u8> {
        let Pixels::Rgba8(pixels) = &frame.pixels else {
            panic!()
        };
        pixels.to_vec()
    }

    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 255];
    const NONE: [u8; 4] = [0; 4];

    fn show(canvas: &mut Canvas, x: u32, colour: [u8; 4], blend: Blend, dispose: Dispose) -> Vec<u8> {
        shown(
            &canvas
                .show(&Part {
                    x,
                    y: 0,
                    pixels: &frame8(1, 1, 4, colour.to_vec()),
                    blend,
                    dispose,
                })
                .unwrap(),
        )
    }

    #[test]
    fn parts_are_kept_cleared_or_restored() {
        let mut canvas = Canvas::new(2, 1);
        assert_eq!(
            show(&mut canvas, 0, RED, Blend::Over, Dispose::Keep),
            [RED, NONE].concat()
        );
        assert_eq!(
            show(&mut canvas, 1, BLUE, Blend::Over, Dispose::Clear),
            [RED, BLUE].concat()
        );
        assert_eq!(
            show(&mut canvas, 0, BLUE, Blend::Over, Dispose::Restore),
            [BLUE, NONE].concat()
        );
        assert_eq!(
            show(&mut canvas, 1, NONE, Blend::Over, Dispose::Keep),
            [RED, NONE].concat()
        );
        assert_eq!(
            show(&mut canvas, 0, NONE, Blend::Replace, Dispose::Keep),
            [NONE, NONE].concat()
        );
    }

    #[test]
    fn half_transparent_parts_mix() {
        assert_eq!(blend([0, 0, 0, 255], [255, 255, 255, 128]), [128, 128, 128, 255]);
        assert_eq!(blend([200, 0, 0, 128], [200, 0, 0, 128])[3], 192);
    }

    #[test]
    fn parts_outside_are_refused() {
        let part = frame8(2, 1, 4, vec![0; 8]);
        let mut canvas = Canvas::new(2, 1);
        for (x, y) in [(1, 0), (0, 1), (u32::MAX, 0)] {
            assert!(
                canvas
                    .show(&Part {
                        x,
                        y,
                        pixels: &part,
                        blend: Blend::Over,
                        dispose: Dispose::Keep
                    })
                    .is_none()
            );
        }
    }
}
