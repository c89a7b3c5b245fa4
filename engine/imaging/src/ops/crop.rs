//! `crop`: a rectangle of whole pixels, without resampling.

use std::sync::Arc;

use workflow::failure::Failure;
use workflow::op::{Anchor, Crop, Position};

use super::resize::geometry::{Share, Side, share};
use super::{focus, invalid, raster};
use crate::colour;
use crate::frame::{Frame, Picture, Pixels, Planes};

/// The rectangle `width` x `height` at `x`, `y`. Planes stay planes where the corner falls on a chroma
/// sample. `InvalidParams` when it does not lie inside the frame.
pub fn crop_frame(frame: &Frame, x: u32, y: u32, width: u32, height: u32) -> Result<Frame, Failure> {
    let frame = &raster::whole(frame)?;
    let inside = |start: u32, length: u32, whole: u32| {
        length > 0 && start.checked_add(length).is_some_and(|end| end <= whole)
    };
    if !inside(x, width, frame.width) || !inside(y, height, frame.height) {
        return Err(invalid(format!(
            "a region of {width} x {height} pixels at {x}, {y} does not lie inside the picture of {} x {}",
            frame.width, frame.height
        )));
    }
    if (width, height) == (frame.width, frame.height) {
        return Ok(frame.clone());
    }
    if let Pixels::Ycc(planes) = &frame.pixels {
        let (rx, ry) = planes.subsampling(frame.width, frame.height);
        if !x.is_multiple_of(rx) || !y.is_multiple_of(ry) {
            return crop_frame(&colour::to_rgb8(frame), x, y, width, height);
        }
        let size = (width.div_ceil(rx), height.div_ceil(ry));
        let chroma = |plane| raster::cut(plane, planes.chroma_width, 1, (x / rx, y / ry), size);
        let planes = Planes {
            y: raster::cut(&planes.y, frame.width, 1, (x, y), (width, height)),
            cb: chroma(&planes.cb),
            cr: chroma(&planes.cr),
            chroma_width: size.0,
            chroma_height: size.1,
        };
        return Ok(Frame::new(width, height, Pixels::Ycc(Arc::new(planes))));
    }
    let (bytes, size) = raster::view(frame);
    let cut = raster::cut(bytes, frame.width, size, (x, y), (width, height));
    Ok(raster::frame_of(width, height, size, cut))
}

pub(super) fn apply(op: &Crop, picture: &Picture) -> Result<Picture, Failure> {
    let first = &raster::whole(picture.first())?;
    let (x, y) = corner(op, first)?;
    picture.try_map(|frame| crop_frame(frame, x, y, op.width, op.height))
}

/// The corner as given, or where `position` puts it.
fn corner(op: &Crop, frame: &Frame) -> Result<(u32, u32), Failure> {
    if let (Some(x), Some(y)) = (op.x, op.y) {
        return Ok((x, y));
    }
    let window = (
        f64::from(op.width) / f64::from(frame.width),
        f64::from(op.height) / f64::from(frame.height),
    );
    let interest = match op.position {
        Position::Anchor(Anchor::Attention) => Some(focus::Interest::Attention),
        Position::Anchor(Anchor::Entropy) => Some(focus::Interest::Entropy),
        _ => None,
    };
    let position = match interest {
        Some(interest) if window.0 <= 1.0 && window.1 <= 1.0 => {
            Position::Focus(focus::find(frame, window, interest)?)
        }
        _ => op.position,
    };
    let place = |whole: u32, part: u32, side| {
        let rest = f64::from(whole.saturating_sub(part));
        match share(position, side) {
            Share::OfRest(share) => (rest * share).floor() as u32,
            Share::Centre(at) => (f64::from(whole) * at - f64::from(part) / 2.0)
                .round()
                .clamp(0.0, rest) as u32,
        }
    };
    Ok((
        op.x.unwrap_or_else(|| place(frame.width, op.width, Side::X)),
        op.y.unwrap_or_else(|| place(frame.height, op.height, Side::Y)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::samples;

    #[test]
    fn the_region_comes_out_unchanged() {
        let frame = samples::rgb(7, 5);
        let part = crop_frame(&frame, 2, 1, 4, 3).unwrap();
        let (all, _) = raster::view(&frame);
        let (cut, _) = raster::view(&part);
        assert_eq!(cut[..12], all[(7 + 2) * 3..(7 + 6) * 3]);
        assert_eq!(cut.len(), 4 * 3 * 3);
    }

    #[test]
    fn a_region_outside_says_both_sizes() {
        let error = crop_frame(&samples::rgb(7, 5), 4, 0, 4, 3).unwrap_err();
        assert!(
            error.message.contains("4 x 3") && error.message.contains("7 x 5"),
            "{error}"
        );
        for (x, y, w, h) in [(0, 3, 1, 3), (u32::MAX, 0, 1, 1), (0, 0, 0, 1)] {
            assert!(crop_frame(&samples::rgb(7, 5), x, y, w, h).is_err());
        }
    }

    #[test]
    fn planes_stay_planes_where_chroma_allows() {
        let frame = samples::planes(12, 9, 2, 2);
        let rgb = colour::to_rgb8(&crop_frame(&frame, 3, 2, 6, 6).unwrap());
        assert!(matches!(
            crop_frame(&frame, 3, 2, 6, 6).unwrap().pixels,
            Pixels::Rgb8(_)
        ));
        let even = crop_frame(&frame, 2, 2, 7, 7).unwrap();
        let Pixels::Ycc(planes) = &even.pixels else {
            panic!("planes")
        };
        assert_eq!(
            (planes.chroma_width, planes.chroma_height, planes.cb.len()),
            (4, 4, 16)
        );
        assert_eq!((rgb.width, rgb.height), (6, 6));
    }

    #[test]
    fn a_position_finds_the_corner() {
        let frame = samples::rgb(10, 6);
        let at = |position, x| {
            corner(
                &Crop {
                    x,
                    y: None,
                    width: 4,
                    height: 2,
                    position,
                },
                &frame,
            )
            .unwrap()
        };
        assert_eq!(at(Position::default(), None), (3, 2));
        assert_eq!(at(Position::Anchor(Anchor::BottomRight), None), (6, 4));
        assert_eq!(at(Position::Anchor(Anchor::Bottom), Some(1)), (1, 4));
        let focus = workflow::op::Focus { x: 0.9, y: 0.5 };
        assert_eq!(at(Position::Focus(focus), None), (6, 2));
    }
}
