//! One pixel layout made into another.
//!
//! All conversions are per pixel and keep size and extent; a frame that already has the layout asked for
//! is handed back as it is, without a copy. Gray is BT.601 luma, so that the gray of a JPEG is its Y plane.
//! What profiles mean is in `icc`, how planes become RGB in `ycc`.

pub(crate) mod icc;
mod ycc;

use bytes::Bytes;

use crate::frame::{Frame, Pixels};

pub(crate) use ycc::neighbours;
pub use ycc::ycc_to_rgb;

/// Three bytes a pixel. Alpha is dropped, not blended: put the picture on a background first.
#[must_use]
pub fn to_rgb8(frame: &Frame) -> Frame {
    let pixels = match &frame.pixels {
        Pixels::Rgb8(_) => return frame.clone(),
        Pixels::Gray8(gray) => repack::<1, 3>(gray, |[y]| [y; 3]),
        Pixels::Rgba8(rgba) => repack::<4, 3>(rgba, |[r, g, b, _]| [r, g, b]),
        Pixels::Rgba16(wide) => repack::<8, 3>(wide, |p| {
            let [r, g, b, _] = narrow_pixel(p);
            [r, g, b]
        }),
        Pixels::Ycc(planes) => ycc_to_rgb(frame.width, frame.height, planes),
    };
    with_pixels(frame, Pixels::Rgb8(pixels.into()))
}

/// Four bytes a pixel; what has no alpha becomes opaque.
#[must_use]
pub fn to_rgba8(frame: &Frame) -> Frame {
    let pixels = match &frame.pixels {
        Pixels::Rgba8(_) => return frame.clone(),
        Pixels::Gray8(gray) => repack::<1, 4>(gray, |[y]| [y, y, y, 255]),
        Pixels::Rgb8(rgb) => repack::<3, 4>(rgb, |[r, g, b]| [r, g, b, 255]),
        Pixels::Rgba16(wide) => repack::<8, 4>(wide, narrow_pixel),
        Pixels::Ycc(_) => return to_rgba8(&to_rgb8(frame)),
    };
    with_pixels(frame, Pixels::Rgba8(pixels.into()))
}

/// One byte a pixel. Alpha is dropped, not blended.
#[must_use]
pub fn to_gray8(frame: &Frame) -> Frame {
    let pixels = match &frame.pixels {
        Pixels::Gray8(_) => return frame.clone(),
        Pixels::Rgb8(rgb) => repack::<3, 1>(rgb, |[r, g, b]| [luma(r, g, b)]),
        Pixels::Rgba8(rgba) => repack::<4, 1>(rgba, |[r, g, b, _]| [luma(r, g, b)]),
        Pixels::Rgba16(wide) => repack::<8, 1>(wide, |p| {
            let [r, g, b, _] = narrow_pixel(p);
            [luma(r, g, b)]
        }),
        Pixels::Ycc(planes) => planes.y.clone(),
    };
    with_pixels(frame, Pixels::Gray8(pixels.into()))
}

/// Four little-endian 16-bit numbers a pixel; 255 becomes 65535.
#[must_use]
pub fn to_rgba16(frame: &Frame) -> Frame {
    let pixels = match &frame.pixels {
        Pixels::Rgba16(_) => return frame.clone(),
        Pixels::Rgba8(rgba) => repack::<4, 8>(rgba, |[r, g, b, a]| [r, r, g, g, b, b, a, a]),
        _ => return to_rgba16(&to_rgba8(frame)),
    };
    with_pixels(frame, Pixels::Rgba16(pixels.into()))
}

/// Whether the layout carries alpha at all.
pub fn has_alpha(frame: &Frame) -> bool {
    matches!(frame.pixels, Pixels::Rgba8(_) | Pixels::Rgba16(_))
}

/// Whether no pixel is transparent, be it for want of an alpha channel.
pub fn is_opaque(frame: &Frame) -> bool {
    match &frame.pixels {
        Pixels::Rgba8(rgba) => rgba.as_chunks::<4>().0.iter().all(|p| p[3] == u8::MAX),
        Pixels::Rgba16(wide) => wide.as_chunks::<8>().0.iter().all(|p| p[6] & p[7] == u8::MAX),
        Pixels::Gray8(_) | Pixels::Rgb8(_) | Pixels::Ycc(_) => true,
    }
}

/// 65535 becomes 255, what lies between is rounded to the nearest.
pub(crate) fn narrow(wide: u16) -> u8 {
    ((u32::from(wide) * 255 + 32_895) >> 16) as u8
}

fn narrow_pixel(p: [u8; 8]) -> [u8; 4] {
    [0, 2, 4, 6].map(|at| narrow(u16::from_le_bytes([p[at], p[at + 1]])))
}

fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 32_768) >> 16) as u8
}

/// Every pixel of `FROM` bytes made into one of `TO` bytes.
pub(crate) fn repack<const FROM: usize, const TO: usize>(
    source: &[u8],
    change: impl Fn([u8; FROM]) -> [u8; TO],
) -> Vec<u8> {
    let (pixels, _) = source.as_chunks::<FROM>();
    let mut out = vec![0; pixels.len() * TO];
    for (to, &from) in out.as_chunks_mut::<TO>().0.iter_mut().zip(pixels) {
        *to = change(from);
    }
    out
}

fn with_pixels(frame: &Frame, pixels: Pixels) -> Frame {
    Frame {
        extent: frame.extent,
        ..Frame::new(frame.width, frame.height, pixels)
    }
}

/// A frame of interleaved bytes, by the number of 8-bit channels: 1, 3 or 4.
pub(crate) fn frame8(width: u32, height: u32, channels: usize, pixels: Vec<u8>) -> Frame {
    let pixels = Bytes::from(pixels);
    let pixels = match channels {
        1 => Pixels::Gray8(pixels),
        3 => Pixels::Rgb8(pixels),
        _ => Pixels::Rgba8(pixels),
    };
    Frame::new(width, height, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rgba(pixels: &[u8]) -> Frame {
        frame8((pixels.len() / 4) as u32, 1, 4, pixels.to_vec())
    }

    fn bytes(frame: &Frame) -> &[u8] {
        match &frame.pixels {
            Pixels::Gray8(b) | Pixels::Rgb8(b) | Pixels::Rgba8(b) | Pixels::Rgba16(b) => b,
            Pixels::Ycc(p) => &p.y,
        }
    }

    #[test]
    fn sixteen_bits_are_rounded_to_the_nearest_eight() {
        for wide in 0..=u16::MAX {
            assert_eq!(narrow(wide), (f64::from(wide) / 257.0).round() as u8, "{wide}");
        }
    }

    #[test]
    fn widening_and_narrowing_give_the_same_picture() {
        let frame = rgba(&[0, 1, 127, 128, 254, 255, 10, 0]);
        let wide = to_rgba16(&frame);
        assert_eq!(bytes(&to_rgba8(&wide)), bytes(&frame));
        assert_eq!(bytes(&to_rgb8(&wide)), [0, 1, 127, 254, 255, 10]);
        assert_eq!(bytes(&to_gray8(&wide)), bytes(&to_gray8(&frame)));
    }

    #[test]
    fn gray_survives_a_turn_through_rgb() {
        let gray = frame8(256, 1, 1, (0..=255).collect());
        assert_eq!(bytes(&to_gray8(&to_rgb8(&gray))), bytes(&gray));
        assert_eq!(bytes(&to_gray8(&to_rgba16(&gray))), bytes(&gray));
    }

    #[test]
    fn opacity_is_judged_by_every_pixel() {
        assert!(is_opaque(&rgba(&[1, 2, 3, 255, 4, 5, 6, 255])));
        let nearly = rgba(&[1, 2, 3, 255, 4, 5, 6, 254]);
        assert!(!is_opaque(&nearly) && !is_opaque(&to_rgba16(&nearly)));
        assert!(has_alpha(&nearly) && !has_alpha(&to_rgb8(&nearly)));
        assert!(is_opaque(&to_rgb8(&nearly)));
    }

    #[test]
    fn the_extent_stays() {
        let mut frame = rgba(&[1, 2, 3, 255]);
        frame.extent = Some((0.5, 1.0));
        assert_eq!(to_rgb8(&frame).extent, Some((0.5, 1.0)));
        assert_eq!(to_gray8(&frame).extent, Some((0.5, 1.0)));
    }
}
