//! Mirroring and quarter turns: every pixel moves, none changes.

use workflow::failure::Failure;
use workflow::op::Axis;

use super::raster;
use crate::frame::Frame;
use crate::orient;

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
    Ok(orient::apply(&raster::whole(frame)?, turn.orientation()))
}

impl Turn {
    /// The EXIF orientation that asks for the same.
    fn orientation(self) -> u8 {
        match self {
            Self::Mirror(Axis::Horizontal) => 2,
            Self::Mirror(Axis::Vertical) => 4,
            Self::Quarters(1) => 6,
            Self::Quarters(2) => 3,
            Self::Quarters(_) => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colour;
    use crate::frame::Pixels;
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
        let odd = turn(&samples::planes(16, 7, 2, 2), Turn::Quarters(1)).unwrap();
        assert!(matches!(odd.pixels, Pixels::Rgb8(_)));
    }
}
