//! `rotate`: quarter turns exactly, other angles by cubic interpolation.
//!
//! The result grows to hold the whole picture. Interpolation runs on premultiplied colours, with the
//! background all around, so that edges come out smooth and without fringes.

use workflow::failure::Failure;
use workflow::op::{Colour, Rotate};

use super::flip::{Turn, turn};
use super::pad::{narrow_bytes, wide_pixel};
use super::resize::LARGEST_SIDE;
use super::{invalid, raster};
use crate::colour;
use crate::frame::{Frame, Picture, Pixels};

pub(super) fn apply(op: &Rotate, picture: &Picture) -> Result<Picture, Failure> {
    if !op.angle.is_finite() || op.angle.abs() > 360.0 {
        return Err(invalid(format!("an angle of {}: write -360 to 360", op.angle)));
    }
    let angle = f64::from(op.angle).rem_euclid(360.0);
    let quarters = angle / 90.0;
    if quarters.fract() == 0.0 {
        return match quarters as u8 % 4 {
            0 => Ok(picture.clone()),
            quarters => picture.try_map(|frame| turn(frame, Turn::Quarters(quarters))),
        };
    }
    picture.try_map(|frame| rotated(frame, angle.to_radians(), op.background))
}

fn rotated(frame: &Frame, angle: f64, background: Colour) -> Result<Frame, Failure> {
    let frame = raster::interleaved(frame)?;
    let (w, h) = (f64::from(frame.width), f64::from(frame.height));
    let (sin, cos) = angle.sin_cos();
    let grown = |a: f64, b: f64| (a.abs() + b.abs() - 1e-6).ceil() as u32;
    let size = (grown(w * cos, h * sin), grown(w * sin, h * cos));
    if size.0.max(size.1) > LARGEST_SIDE {
        return Err(invalid(format!(
            "the turned picture would have {} x {} pixels",
            size.0, size.1
        )));
    }
    let (middle_x, middle_y) = (f64::from(size.0) / 2.0, f64::from(size.1) / 2.0);
    let source = |x: u32, y: u32| {
        let (dx, dy) = (f64::from(x) + 0.5 - middle_x, f64::from(y) + 0.5 - middle_y);
        (
            dx * cos + dy * sin + w / 2.0 - 0.5,
            dy * cos - dx * sin + h / 2.0 - 0.5,
        )
    };
    let result = if let Pixels::Rgba16(wide) = &frame.pixels {
        let fetch = |at: usize| wide_pixel(wide.as_chunks().0[at]).map(|part| f32::from(part) / 257.0);
        let texture = Texture::new(&frame, background, &fetch);
        paint::<8>(size, |x, y| {
            narrow_bytes(
                texture
                    .straight(source(x, y))
                    .map(|part| (part * 257.0 + 0.5) as u16),
            )
        })
    } else {
        let rgba = colour::to_rgba8(&frame);
        let pixels = raster::view(&rgba).0.as_chunks::<4>().0;
        let fetch = |at: usize| pixels[at].map(f32::from);
        let texture = Texture::new(&frame, background, &fetch);
        paint::<4>(size, |x, y| {
            texture.straight(source(x, y)).map(|part| (part + 0.5) as u8)
        })
    };
    let result = raster::frame_of(size.0, size.1, if frame_is_wide(&frame) { 8 } else { 4 }, result);
    let opaque = background.a == 255 && !colour::has_alpha(&frame);
    Ok(if opaque { colour::to_rgb8(&result) } else { result })
}

fn frame_is_wide(frame: &Frame) -> bool {
    matches!(frame.pixels, Pixels::Rgba16(_))
}

fn paint<const N: usize>((width, height): (u32, u32), colour: impl Fn(u32, u32) -> [u8; N]) -> Vec<u8> {
    let mut out = vec![0; width as usize * height as usize * N];
    for (y, row) in (0..height).zip(out.chunks_exact_mut(width as usize * N)) {
        for (x, pixel) in (0..width).zip(row.as_chunks_mut::<N>().0) {
            *pixel = colour(x, y);
        }
    }
    out
}

/// A picture in an endless background, read between its pixels.
struct Texture<'a, F> {
    width: i64,
    height: i64,
    /// Premultiplied, 0 to 255.
    background: [f32; 4],
    /// A pixel by its number, straight alpha, 0 to 255.
    fetch: &'a F,
}

impl<'a, F: Fn(usize) -> [f32; 4]> Texture<'a, F> {
    fn new(frame: &Frame, c: Colour, fetch: &'a F) -> Self {
        Self {
            width: i64::from(frame.width),
            height: i64::from(frame.height),
            background: premultiplied([c.r, c.g, c.b, c.a].map(f32::from)),
            fetch,
        }
    }

    fn pixel(&self, x: i64, y: i64) -> [f32; 4] {
        if x < 0 || y < 0 || x >= self.width || y >= self.height {
            return self.background;
        }
        premultiplied((self.fetch)((y * self.width + x) as usize))
    }

    /// The colour at a point, in pixel centres, alpha straight again.
    fn straight(&self, (x, y): (f64, f64)) -> [f32; 4] {
        let (left, top) = (x.floor() as i64, y.floor() as i64);
        if left < -2 || top < -2 || left > self.width || top > self.height {
            return unmultiplied(self.background);
        }
        let (across, down) = (cubic((x - x.floor()) as f32), cubic((y - y.floor()) as f32));
        let mut sum = [0.0; 4];
        for (dy, weight_y) in (-1..3).zip(down) {
            for (dx, weight_x) in (-1..3).zip(across) {
                let pixel = self.pixel(left + dx, top + dy);
                for (sum, part) in sum.iter_mut().zip(pixel) {
                    *sum += part * weight_x * weight_y;
                }
            }
        }
        unmultiplied(sum)
    }
}

fn premultiplied([r, g, b, a]: [f32; 4]) -> [f32; 4] {
    let share = a / 255.0;
    [r * share, g * share, b * share, a]
}

fn unmultiplied([r, g, b, a]: [f32; 4]) -> [f32; 4] {
    if a < 0.5 / 257.0 {
        return [0.0; 4];
    }
    let share = 255.0 / a;
    [r * share, g * share, b * share, a].map(|part| part.clamp(0.0, 255.0))
}

/// Catmull-Rom weights of four neighbours, for a point this far after the second.
fn cubic(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [
        (-t3 + 2.0 * t2 - t) / 2.0,
        1.5 * t3 - 2.5 * t2 + 1.0,
        (-3.0 * t3 + 4.0 * t2 + t) / 2.0,
        (t3 - t2) / 2.0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::samples;

    fn by(frame: &Frame, angle: f32, background: Colour) -> Frame {
        let picture = Picture::still(frame.clone());
        apply(&Rotate { angle, background }, &picture)
            .unwrap()
            .frames
            .remove(0)
    }

    #[test]
    fn quarter_turns_are_exact_both_ways() {
        let frame = samples::rgb(7, 4);
        let turned = by(&by(&frame, 90.0, Colour::BLACK), -90.0, Colour::BLACK);
        assert_eq!(raster::view(&turned).0, raster::view(&frame).0);
        assert_eq!(by(&frame, 270.0, Colour::BLACK).width, 4);
        assert_eq!(
            raster::view(&by(&frame, 360.0, Colour::BLACK)).0,
            raster::view(&frame).0
        );
    }

    #[test]
    fn the_result_holds_the_whole_picture_on_its_background() {
        let white = raster::frame_of(40, 40, 1, vec![200; 1600]);
        let turned = by(&white, 45.0, Colour::default());
        assert_eq!((turned.width, turned.height), (57, 57));
        let Pixels::Rgba8(pixels) = &turned.pixels else {
            panic!("alpha")
        };
        assert_eq!(pixels[..4], [0; 4]);
        let middle = (28 * 57 + 28) * 4;
        assert_eq!(pixels[middle..middle + 4], [200, 200, 200, 255]);
        // No fringe: what is visible at all has the picture's colour.
        assert!(
            pixels
                .as_chunks::<4>()
                .0
                .iter()
                .all(|p| p[3] < 8 || p[0].abs_diff(200) <= 2)
        );
        assert!(matches!(by(&white, 45.0, Colour::WHITE).pixels, Pixels::Rgb8(_)));
    }

    #[test]
    fn what_lies_between_pixels_is_interpolated() {
        let scene = |x: f32, y: f32| [(128.0 + 90.0 * (x * 0.11).sin() * (y * 0.07).cos()).round() as u8; 3];
        let turned = by(&samples::painted(64, 48, scene), 30.0, Colour::BLACK);
        let (w, h) = (turned.width as f32, turned.height as f32);
        let (sin, cos) = 30_f32.to_radians().sin_cos();
        let expected = samples::painted(turned.width, turned.height, |x, y| {
            let (dx, dy) = (x + 0.5 - w / 2.0, y + 0.5 - h / 2.0);
            scene(dx * cos + dy * sin + 31.5, dy * cos - dx * sin + 23.5)
        });
        let middle = |frame| crate::ops::crop_frame(frame, 25, 20, 30, 30).unwrap();
        let got = samples::psnr(&middle(&turned), &middle(&expected));
        assert!(got > 50.0, "{got:.1} dB");
    }

    #[test]
    fn sixteen_bits_stay() {
        let wide = colour::to_rgba16(&samples::smooth(16, 16));
        let turned = by(&wide, 10.0, Colour::WHITE);
        let eight = by(&colour::to_rgba8(&wide), 10.0, Colour::WHITE);
        assert!(matches!(turned.pixels, Pixels::Rgba16(_)));
        assert!(samples::psnr(&colour::to_rgba8(&turned), &eight) > 48.0);
        assert!(
            apply(
                &Rotate {
                    angle: f32::NAN,
                    background: Colour::BLACK
                },
                &Picture::still(wide)
            )
            .is_err()
        );
    }
}
