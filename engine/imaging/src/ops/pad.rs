//! Borders and backgrounds: `pad`, and the rest that `contain` leaves.
//!
//! The result has alpha only if it must: an opaque background under an opaque picture gives RGB, or gray if
//! both are gray.

use workflow::failure::Failure;
use workflow::op::{Colour, Pad};

use super::resize::{Canvas, LARGEST_SIDE};
use super::{invalid, raster};
use crate::colour;
use crate::frame::{Frame, Pixels};

pub(super) fn apply(op: &Pad, frame: &Frame) -> Result<Frame, Failure> {
    let frame = raster::interleaved(frame)?;
    let width = frame.width.saturating_add(op.left).saturating_add(op.right);
    let height = frame.height.saturating_add(op.top).saturating_add(op.bottom);
    if width.max(height) > LARGEST_SIDE {
        return Err(invalid(format!(
            "the padded picture would have {width} x {height} pixels; the longest side is {LARGEST_SIDE}"
        )));
    }
    let canvas = Canvas {
        width,
        height,
        left: op.left,
        top: op.top,
    };
    Ok(on_canvas(&flatten(&frame, op.background), canvas, op.background))
}

/// The background shown through transparent pixels; a transparent one changes nothing. An opaque one
/// leaves no alpha.
pub(crate) fn flatten(frame: &Frame, background: Colour) -> Frame {
    if background.a == 0 || !colour::has_alpha(frame) {
        return frame.clone();
    }
    let under = f32::from(background.a) / 255.0;
    let colours = [background.r, background.g, background.b].map(f32::from);
    let over = |part: [f32; 4], full: f32| {
        let alpha = part[3] / full;
        let below = under * (1.0 - alpha);
        let total = (alpha + below).max(f32::EPSILON);
        let mix = |c: usize| (part[c] * alpha + colours[c] * full / 255.0 * below) / total + 0.5;
        [mix(0), mix(1), mix(2), (alpha + below) * full + 0.5]
    };
    let blended = if let Pixels::Rgba16(wide) = &frame.pixels {
        let pixels = colour::repack::<8, 8>(wide, |p| {
            let [r, g, b, a] = over(wide_pixel(p).map(f32::from), 65_535.0);
            narrow_bytes([r as u16, g as u16, b as u16, a as u16])
        });
        raster::frame_of(frame.width, frame.height, 8, pixels)
    } else {
        let (bytes, _) = raster::view(frame);
        let pixels = colour::repack::<4, 4>(bytes, |p| match p[3] {
            255 => p,
            _ => over(p.map(f32::from), 255.0).map(|part| part as u8),
        });
        raster::frame_of(frame.width, frame.height, 4, pixels)
    };
    let narrow = background.a == 255 && matches!(blended.pixels, Pixels::Rgba8(_));
    if narrow {
        colour::to_rgb8(&blended)
    } else {
        blended
    }
}

/// The frame put on a larger canvas.
pub(super) fn on_canvas(frame: &Frame, canvas: Canvas, background: Colour) -> Frame {
    let frame = fitting(frame, background);
    let (bytes, size) = raster::view(&frame);
    let pixel = background_pixel(background, size);
    let row = canvas.width as usize * size;
    let mut out = pixel[..size].repeat(canvas.width as usize * canvas.height as usize);
    let start = canvas.left as usize * size;
    let length = frame.width as usize * size;
    let lines = out.chunks_exact_mut(row).skip(canvas.top as usize);
    for (line, source) in lines.zip(bytes.chunks_exact(length)) {
        line[start..start + length].copy_from_slice(source);
    }
    raster::frame_of(canvas.width, canvas.height, size, out)
}

/// The frame in the narrowest layout that can also show the background.
fn fitting(frame: &Frame, background: Colour) -> Frame {
    let gray = background.r == background.g && background.g == background.b;
    match &frame.pixels {
        Pixels::Rgba8(_) | Pixels::Rgba16(_) => frame.clone(),
        _ if background.a < 255 => colour::to_rgba8(frame),
        Pixels::Gray8(_) if gray => frame.clone(),
        _ => colour::to_rgb8(frame),
    }
}

/// A pixel of `size` bytes, in the first so many of eight.
fn background_pixel(c: Colour, size: usize) -> [u8; 8] {
    match size {
        8 => [c.r, c.r, c.g, c.g, c.b, c.b, c.a, c.a],
        _ => [c.r, c.g, c.b, c.a, 0, 0, 0, 0],
    }
}

pub(super) fn wide_pixel(p: [u8; 8]) -> [u16; 4] {
    [0, 2, 4, 6].map(|at| u16::from_le_bytes([p[at], p[at + 1]]))
}

pub(super) fn narrow_bytes(p: [u16; 4]) -> [u8; 8] {
    let [r, g, b, a] = p.map(u16::to_le_bytes);
    [r[0], r[1], g[0], g[1], b[0], b[1], a[0], a[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Colour = Colour {
        r: 255,
        g: 0,
        b: 0,
        a: 255,
    };

    fn padded(frame: &Frame, background: Colour) -> Frame {
        apply(
            &Pad {
                top: 1,
                left: 2,
                background,
                ..Pad::default()
            },
            frame,
        )
        .unwrap()
    }

    #[test]
    fn the_border_lies_where_it_should() {
        let gray = raster::frame_of(1, 1, 1, vec![9]);
        let frame = padded(&gray, Colour::WHITE);
        assert!(matches!(&frame.pixels, Pixels::Gray8(b) if b[..] == [255, 255, 255, 255, 255, 9]));
        let frame = padded(&gray, RED);
        assert!(matches!(&frame.pixels, Pixels::Rgb8(b) if b[..3] == [255, 0, 0] && b[15..] == [9, 9, 9]));
        let frame = padded(&gray, Colour::default());
        assert!(matches!(&frame.pixels, Pixels::Rgba8(b) if b[..4] == [0; 4] && b[20..] == [9, 9, 9, 255]));
    }

    #[test]
    fn the_background_shows_through() {
        let half = raster::frame_of(2, 1, 4, vec![0, 0, 255, 128, 7, 7, 7, 0]);
        assert!(matches!(&flatten(&half, RED).pixels, Pixels::Rgb8(b) if b[..] == [127, 0, 128, 255, 0, 0]));
        assert_eq!(
            raster::view(&flatten(&half, Colour::default())).0,
            raster::view(&half).0
        );
        let wide = flatten(&colour::to_rgba16(&half), RED);
        assert_eq!(raster::view(&colour::to_rgb8(&wide)).0, [127, 0, 128, 255, 0, 0]);
        let glass = Colour { a: 128, ..RED };
        let Pixels::Rgba8(b) = flatten(&half, glass).pixels else {
            panic!("alpha")
        };
        assert_eq!(b[4..], [255, 0, 0, 128]);
        assert!((i32::from(b[3]) - 192).abs() <= 1, "{b:?}");
    }

    #[test]
    fn too_large_a_border_is_refused() {
        let gray = raster::frame_of(1, 1, 1, vec![9]);
        assert!(
            apply(
                &Pad {
                    right: u32::MAX,
                    ..Pad::default()
                },
                &gray
            )
            .is_err()
        );
    }
}
