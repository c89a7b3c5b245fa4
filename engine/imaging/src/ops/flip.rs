//! Mirroring and quarter turns: every pixel moves, none changes.

use std::sync::Arc;

use workflow::failure::Failure;
use workflow::op::Axis;

use super::raster;
use crate::colour;
use crate::frame::{Frame, Pixels, Planes};

/// A movement of all pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Mirror(Axis),
    /// So many quarters clockwise: 1, 2 or 3.
    Quarters(u8),
}

pub(super) fn flip(frame: &Frame, axis: Axis) -> Result<Frame, Failure> {
    turn(frame, Turn::Mirror(axis))
}

/// Planes stay planes unless a chroma sample would come to lie between two places.
pub(super) fn turn(frame: &Frame, turn: Turn) -> Result<Frame, Failure> {
    let frame = &raster::whole(frame)?;
    let from = (frame.width, frame.height);
    let (width, height) = turn.size(from);
    if let Pixels::Ycc(planes) = &frame.pixels {
        let (rx, ry) = planes.subsampling(frame.width, frame.height);
        if frame.width % rx != 0 || frame.height % ry != 0 {
            return self::turn(&colour::to_rgb8(frame), turn);
        }
        let size = (planes.chroma_width, planes.chroma_height);
        let (chroma_width, chroma_height) = turn.size(size);
        let planes = Planes {
            y: turn.moved(&planes.y, from, 1),
            cb: turn.moved(&planes.cb, size, 1),
            cr: turn.moved(&planes.cr, size, 1),
            chroma_width,
            chroma_height,
        };
        return Ok(Frame::new(width, height, Pixels::Ycc(Arc::new(planes))));
    }
    let (bytes, size) = raster::view(frame);
    Ok(raster::frame_of(
        width,
        height,
        size,
        turn.moved(bytes, from, size),
    ))
}

impl Turn {
    fn size(self, (w, h): (u32, u32)) -> (u32, u32) {
        match self {
            Self::Quarters(1 | 3) => (h, w),
            Self::Quarters(_) | Self::Mirror(_) => (w, h),
        }
    }

    fn moved(self, bytes: &[u8], (w, h): (u32, u32), size: usize) -> Vec<u8> {
        let to = self.size((w, h));
        match self {
            Self::Mirror(Axis::Horizontal) => raster::moved(bytes, w, size, to, |x, y| (w - 1 - x, y)),
            Self::Mirror(Axis::Vertical) => raster::moved(bytes, w, size, to, |x, y| (x, h - 1 - y)),
            Self::Quarters(1) => raster::moved(bytes, w, size, to, |x, y| (y, h - 1 - x)),
            Self::Quarters(2) => raster::moved(bytes, w, size, to, |x, y| (w - 1 - x, h - 1 - y)),
            Self::Quarters(_) => raster::moved(bytes, w, size, to, |x, y| (w - 1 - y, x)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::samples;

    /// 0 1 2
    /// 3 4 5
    fn six() -> Frame {
        raster::frame_of(3, 2, 1, vec![0, 1, 2, 3, 4, 5])
    }

    #[test]
    fn every_turn_moves_pixels_to_their_place() {
        for (by, size, result) in [
            (Turn::Mirror(Axis::Horizontal), (3, 2), [2, 1, 0, 5, 4, 3]),
            (Turn::Mirror(Axis::Vertical), (3, 2), [3, 4, 5, 0, 1, 2]),
            (Turn::Quarters(1), (2, 3), [3, 0, 4, 1, 5, 2]),
            (Turn::Quarters(2), (3, 2), [5, 4, 3, 2, 1, 0]),
            (Turn::Quarters(3), (2, 3), [2, 5, 1, 4, 0, 3]),
        ] {
            let frame = turn(&six(), by).unwrap();
            assert_eq!((frame.width, frame.height), size, "{by:?}");
            assert_eq!(raster::view(&frame).0, result, "{by:?}");
        }
    }

    #[test]
    fn planes_turn_as_their_rgb_does() {
        for by in [
            Turn::Mirror(Axis::Horizontal),
            Turn::Mirror(Axis::Vertical),
            Turn::Quarters(2),
        ] {
            let frame = samples::planes(16, 8, 2, 2);
            let turned = turn(&frame, by).unwrap();
            assert!(matches!(turned.pixels, Pixels::Ycc(_)));
            let rgb = turn(&colour::to_rgb8(&frame), by).unwrap();
            assert!(samples::psnr(&colour::to_rgb8(&turned), &rgb) > 45.0, "{by:?}");
        }
        let odd = turn(&samples::planes(15, 8, 2, 2), Turn::Quarters(1)).unwrap();
        assert!(matches!(odd.pixels, Pixels::Rgb8(_)));
    }
}
