//! `sharpen`: an unsharp mask on all colours; alpha is left alone.

use workflow::failure::Failure;
use workflow::op::Sharpen;

use super::pad::{narrow_bytes, wide_pixel};
use super::{invalid, raster, smooth};
use crate::colour;
use crate::frame::{Frame, Picture, Pixels};

pub(super) fn apply(op: &Sharpen, picture: &Picture) -> Result<Picture, Failure> {
    for (name, value, range) in [
        ("sigma", op.sigma, 0.3..=10.0),
        ("amount", op.amount, 0.0..=10.0),
        ("threshold", op.threshold, 0.0..=255.0),
    ] {
        if !range.contains(&value) {
            return Err(invalid(format!(
                "`{name}: {value}`: write {} to {}",
                range.start(),
                range.end()
            )));
        }
    }
    picture.try_map(|frame| {
        let frame = raster::interleaved(frame)?;
        Ok(unsharp(&frame, &smooth::gaussian(&frame, op.sigma)?, op))
    })
}

fn unsharp(frame: &Frame, blurred: &Frame, op: &Sharpen) -> Frame {
    let (bytes, size) = raster::view(frame);
    let (soft, _) = raster::view(blurred);
    let mut out = bytes.to_vec();
    if let Pixels::Rgba16(_) = frame.pixels {
        let pixels = out.as_chunks_mut::<8>().0.iter_mut().zip(soft.as_chunks::<8>().0);
        for (pixel, soft) in pixels {
            let (mut parts, soft) = (wide_pixel(*pixel), wide_pixel(*soft));
            for (part, soft) in parts.iter_mut().zip(soft).take(3) {
                *part = sharper((*part).into(), soft.into(), op, 257.0) as u16;
            }
            *pixel = narrow_bytes(parts);
        }
    } else if colour::has_alpha(frame) {
        for (pixel, soft) in out.as_chunks_mut::<4>().0.iter_mut().zip(soft.as_chunks::<4>().0) {
            for (part, soft) in pixel.iter_mut().zip(soft).take(3) {
                *part = sharper((*part).into(), (*soft).into(), op, 1.0) as u8;
            }
        }
    } else {
        for (part, soft) in out.iter_mut().zip(soft) {
            *part = sharper((*part).into(), (*soft).into(), op, 1.0) as u8;
        }
    }
    raster::frame_of(frame.width, frame.height, size, out)
}

/// One sample; `step` is what one of 255 is worth.
fn sharper(part: f32, soft: f32, op: &Sharpen, step: f32) -> f32 {
    let edge = part - soft;
    if edge.abs() < op.threshold * step {
        return part;
    }
    (part + edge * op.amount + 0.5).clamp(0.0, 255.0 * step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::samples;

    fn sharpened(frame: &Frame, op: &Sharpen) -> Frame {
        apply(op, &Picture::still(frame.clone()))
            .unwrap()
            .frames
            .remove(0)
    }

    fn step() -> Frame {
        let row: Vec<u8> = (0..16).map(|x| if x < 8 { 100 } else { 140 }).collect();
        raster::frame_of(16, 16, 1, row.repeat(16))
    }

    #[test]
    fn both_sides_of_an_edge_move_apart_and_flat_parts_stay() {
        let out = sharpened(&step(), &Sharpen::default());
        let row = &raster::view(&out).0[128..144];
        assert!(row[7] < 95 && row[8] > 145, "{row:?}");
        assert_eq!((row[0], row[15]), (100, 140));
    }

    #[test]
    fn amount_and_threshold_are_heeded() {
        let still = raster::view(&step()).0.to_vec();
        for op in [
            Sharpen {
                amount: 0.0,
                ..Sharpen::default()
            },
            Sharpen {
                threshold: 40.0,
                ..Sharpen::default()
            },
        ] {
            assert_eq!(raster::view(&sharpened(&step(), &op)).0, still);
        }
    }

    #[test]
    fn eight_and_sixteen_bits_agree_and_alpha_stays() {
        let frame = colour::to_rgba8(&samples::smooth(32, 24));
        let eight = sharpened(&frame, &Sharpen::default());
        let wide = sharpened(&colour::to_rgba16(&frame), &Sharpen::default());
        assert!(samples::psnr(&eight, &colour::to_rgba8(&wide)) > 45.0);
        assert!(colour::is_opaque(&eight) && colour::is_opaque(&wide));
        assert!(
            apply(
                &Sharpen {
                    sigma: 11.0,
                    ..Sharpen::default()
                },
                &Picture::still(frame)
            )
            .is_err()
        );
    }
}
