//! Turning and mirroring by the eight EXIF orientations.
//!
//! All are exact: pixels move, none is computed anew. Any layout may come in; JPEG planes stay planes
//! unless a chroma sample would come to lie across two pairs of pixels.

use std::sync::Arc;

use crate::colour::to_rgb8;
use crate::frame::{Frame, Pixels, Planes};

/// Side of the squares in which pixels are moved, so that both sides stay in the cache.
const TILE: usize = 32;

/// The frame as a viewer would show it whose file carries this orientation; 1 and unknown numbers change
/// nothing. A fractional extent is taken to end at the right and at the bottom before and after.
#[must_use]
pub fn apply(frame: &Frame, orientation: u8) -> Frame {
    if !(2..=8).contains(&orientation) {
        return frame.clone();
    }
    let turn = Turn::new(frame.width as usize, frame.height as usize, orientation);
    let pixels = match &frame.pixels {
        Pixels::Gray8(b) => Pixels::Gray8(turn.pixels::<1>(b).into()),
        Pixels::Rgb8(b) => Pixels::Rgb8(turn.pixels::<3>(b).into()),
        Pixels::Rgba8(b) => Pixels::Rgba8(turn.pixels::<4>(b).into()),
        Pixels::Rgba16(b) => Pixels::Rgba16(turn.pixels::<8>(b).into()),
        Pixels::Ycc(planes) if chroma_stays(frame, planes, orientation) => {
            Pixels::Ycc(Arc::new(turn_planes(&turn, planes, orientation)))
        }
        Pixels::Ycc(_) => return apply(&to_rgb8(frame), orientation),
    };
    let (width, height) = (turn.width as u32, turn.height as u32);
    let extent = frame
        .extent
        .map(|(w, h)| if orientation >= 5 { (h, w) } else { (w, h) });
    Frame {
        extent,
        ..Frame::new(width, height, pixels)
    }
}

/// Which stored axes an orientation reverses: (x, y).
pub(crate) fn reverses(orientation: u8) -> (bool, bool) {
    (
        matches!(orientation, 2 | 3 | 7 | 8),
        matches!(orientation, 3 | 4 | 6 | 7),
    )
}

/// Reversing an odd number of pixels would shift subsampled chroma by one.
fn chroma_stays(frame: &Frame, planes: &Planes, orientation: u8) -> bool {
    let (x, y) = reverses(orientation);
    let whole = |side: u32, chroma: u32| side == chroma || side == 2 * chroma;
    (!x || whole(frame.width, planes.chroma_width)) && (!y || whole(frame.height, planes.chroma_height))
}

fn turn_planes(luma: &Turn, planes: &Planes, orientation: u8) -> Planes {
    let chroma = Turn::new(
        planes.chroma_width as usize,
        planes.chroma_height as usize,
        orientation,
    );
    Planes {
        y: luma.pixels::<1>(&planes.y),
        cb: chroma.pixels::<1>(&planes.cb),
        cr: chroma.pixels::<1>(&planes.cr),
        chroma_width: chroma.width as u32,
        chroma_height: chroma.height as u32,
    }
}

/// Where each pixel comes from: `start + x * across + y * down`, in pixels of the source.
struct Turn {
    width: usize,
    height: usize,
    start: isize,
    across: isize,
    down: isize,
}

impl Turn {
    fn new(width: usize, height: usize, orientation: u8) -> Self {
        let (reverse_x, reverse_y) = reverses(orientation);
        let row = width as isize;
        let step_x = if reverse_x { -1 } else { 1 };
        let step_y = if reverse_y { -row } else { row };
        let start =
            if reverse_x { row - 1 } else { 0 } + if reverse_y { row * (height as isize - 1) } else { 0 };
        if orientation >= 5 {
            Self {
                width: height,
                height: width,
                start,
                across: step_y,
                down: step_x,
            }
        } else {
            Self {
                width,
                height,
                start,
                across: step_x,
                down: step_y,
            }
        }
    }

    fn pixels<const N: usize>(&self, source: &[u8]) -> Vec<u8> {
        let (source, _) = source.as_chunks::<N>();
        let mut out = vec![0; source.len() * N];
        let (to, _) = out.as_chunks_mut::<N>();
        for top in (0..self.height).step_by(TILE) {
            for left in (0..self.width).step_by(TILE) {
                let right = (left + TILE).min(self.width);
                for y in top..(top + TILE).min(self.height) {
                    let mut from = self.start + left as isize * self.across + y as isize * self.down;
                    for pixel in &mut to[y * self.width + left..y * self.width + right] {
                        *pixel = source[from as usize];
                        from += self.across;
                    }
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colour::frame8;

    fn gray(width: u32, rows: &[u8]) -> Frame {
        frame8(width, rows.len() as u32 / width, 1, rows.to_vec())
    }

    fn bytes(frame: &Frame) -> Vec<u8> {
        match &frame.pixels {
            Pixels::Gray8(b) | Pixels::Rgb8(b) => b.to_vec(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn the_eight_orientations_move_pixels_as_exif_says() {
        let frame = gray(3, &[1, 2, 3, 4, 5, 6]);
        let expected: [(u32, [u8; 6]); 8] = [
            (3, [1, 2, 3, 4, 5, 6]),
            (3, [3, 2, 1, 6, 5, 4]),
            (3, [6, 5, 4, 3, 2, 1]),
            (3, [4, 5, 6, 1, 2, 3]),
            (2, [1, 4, 2, 5, 3, 6]),
            (2, [4, 1, 5, 2, 6, 3]),
            (2, [6, 3, 5, 2, 4, 1]),
            (2, [3, 6, 2, 5, 1, 4]),
        ];
        for (orientation, (width, pixels)) in (1..).zip(expected) {
            let turned = apply(&frame, orientation);
            assert_eq!(
                (turned.width, bytes(&turned)),
                (width, pixels.to_vec()),
                "{orientation}"
            );
        }
    }

    #[test]
    fn large_frames_turn_back_exactly() {
        let pixels: Vec<u8> = (0..67 * 45 * 3u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let frame = frame8(67, 45, 3, pixels);
        for (there, back) in [(2, 2), (3, 3), (4, 4), (5, 5), (6, 8), (7, 7), (8, 6)] {
            assert_eq!(
                bytes(&apply(&apply(&frame, there), back)),
                bytes(&frame),
                "{there}"
            );
        }
    }

    #[test]
    fn planes_stay_planes_only_where_chroma_keeps_its_place() {
        let planes = |width: u32, height: u32| {
            let chroma = (width.div_ceil(2) * height.div_ceil(2)) as usize;
            let planes = Planes {
                y: vec![9; (width * height) as usize],
                cb: vec![1; chroma],
                cr: vec![2; chroma],
                chroma_width: width.div_ceil(2),
                chroma_height: height.div_ceil(2),
            };
            Frame {
                extent: Some((width as f64, 1.5)),
                ..Frame::new(width, height, Pixels::Ycc(Arc::new(planes)))
            }
        };
        let turned = apply(&planes(4, 3), 8);
        assert!(matches!(turned.pixels, Pixels::Ycc(_)));
        assert_eq!(
            (turned.width, turned.height, turned.extent),
            (3, 4, Some((1.5, 4.0)))
        );
        assert!(matches!(apply(&planes(4, 3), 6).pixels, Pixels::Rgb8(_)));
        assert!(matches!(apply(&planes(3, 4), 5).pixels, Pixels::Ycc(_)));
    }
}
