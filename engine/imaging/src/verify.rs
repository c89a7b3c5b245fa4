//! The gate before a rendition is published: its bytes are read again and held against the picture.
//!
//! Checked are format, size, frames, that nothing is cut off, and that no part of it is far from what was
//! encoded, such as a gray band where a picture should be. JPEG is read at an eighth of its size, which
//! costs little, and of an opaque WebP only the luma.

mod coarse;
mod reread;

use workflow::failure::{Failure, FailureKind};
use workflow::rendition::{Encode, Format};

use self::coarse::Coarse;
use crate::colour::to_rgb8;
use crate::encode::on_background;
use crate::frame::{Frame, Picture, Pixels};
use crate::ops::whole;

/// `BadOutput` unless `bytes` are `picture`, encoded as `options` say.
pub fn verify(bytes: &[u8], picture: &Picture, options: &Encode) -> Result<(), Failure> {
    let name = options.format.name();
    check(bytes, picture, options)
        .map_err(|wrong| Failure::new(FailureKind::BadOutput, format!("the encoded {name} {wrong}")))
}

/// Says what is wrong, as the end of a sentence.
fn check(bytes: &[u8], picture: &Picture, options: &Encode) -> Result<(), String> {
    let first = whole(picture.first()).map_err(|failure| failure.message)?;
    let read = match options.format {
        Format::Jpeg => reread::jpeg(bytes)?,
        Format::Png => reread::png(bytes, picture.frames.len())?,
        Format::Webp => reread::webp(bytes, picture.is_animated())?,
        Format::Gif => reread::gif(bytes, picture.frames.len())?,
        Format::Avif => reread::avif(bytes)?,
    };
    if read.size != (first.width, first.height) {
        let (w, h) = read.size;
        return Err(format!(
            "has {w} x {h} pixels, not {} x {}",
            first.width, first.height
        ));
    }
    compare(&read.first, &first, options)
}

fn compare(read: &Coarse, frame: &Frame, options: &Encode) -> Result<(), String> {
    let expected = match options.format {
        Format::Jpeg => Coarse::of(&on_background(frame, options)),
        Format::Gif => Coarse::of(&reread::cut_out(frame)),
        // Planes may hold colours that RGB does not have; lossy WebP keeps them, the others get RGB.
        Format::Webp if !options.lossless => Coarse::of(frame),
        _ if matches!(frame.pixels, Pixels::Ycc(_)) => Coarse::of(&to_rgb8(frame)),
        _ => Coarse::of(frame),
    };
    match read.strange_band(&expected, tolerance(options)) {
        None => Ok(()),
        Some((from, to)) => Err(format!(
            "differs from the picture between {from} % and {to} % of its height"
        )),
    }
}

/// How far the shades of a band may be off on average, of 255. Coarse quantisation shifts them.
fn tolerance(options: &Encode) -> f32 {
    match options.quality.unwrap_or(80) {
        0..10 => 40.0,
        10..40 => 20.0,
        40.. => 12.0,
    }
}

#[cfg(test)]
mod tests {
    use workflow::rendition::Format;

    use super::*;
    use crate::encode::encode;
    use crate::ops::{frame_of, samples, view};

    fn frame() -> Frame {
        samples::smooth(150, 131)
    }

    fn options(format: Format) -> Encode {
        Encode {
            effort: (format == Format::Avif).then_some(0),
            ..Encode::new(format)
        }
    }

    #[test]
    fn what_was_encoded_passes_in_every_format() {
        let clear = frame_of(150, 131, 4, [90, 200, 30, 60].repeat(150 * 131));
        let planes = samples::planes(151, 130, 2, 2);
        for format in Format::ALL {
            for frame in [
                frame(),
                clear.clone(),
                crate::colour::to_gray8(&frame()),
                planes.clone(),
            ] {
                let picture = Picture::still(frame);
                let bytes = encode(&picture, &options(format)).unwrap();
                verify(&bytes, &picture, &options(format)).unwrap();
            }
        }
    }

    #[test]
    fn the_lowest_quality_passes_too() {
        let picture = Picture::still(samples::rgb(150, 131));
        for format in [Format::Jpeg, Format::Webp] {
            let options = Encode {
                quality: Some(1),
                ..options(format)
            };
            verify(&encode(&picture, &options).unwrap(), &picture, &options).unwrap();
        }
    }

    #[test]
    fn a_file_cut_short_is_caught_wherever_it_ends() {
        let picture = Picture::still(frame());
        for format in Format::ALL {
            let bytes = encode(&picture, &options(format)).unwrap();
            for end in [
                0,
                10,
                bytes.len() / 2,
                bytes.len() * 9 / 10,
                bytes.len() - 2,
                bytes.len() - 1,
            ] {
                let error = verify(&bytes[..end], &picture, &options(format)).unwrap_err();
                assert_eq!(error.kind, FailureKind::BadOutput, "{format:?} {end}");
            }
        }
    }

    #[test]
    fn a_wrong_size_or_format_is_caught() {
        let (small, large) = (Picture::still(samples::smooth(150, 130)), Picture::still(frame()));
        for format in Format::ALL {
            let bytes = encode(&small, &options(format)).unwrap();
            let error = verify(&bytes, &large, &options(format)).unwrap_err();
            assert!(error.message.contains("150 x 130"), "{error}");
            let other = if format == Format::Png {
                Format::Jpeg
            } else {
                Format::Png
            };
            assert!(verify(&bytes, &small, &options(other)).is_err());
        }
    }

    #[test]
    fn a_gray_band_that_the_picture_does_not_have_is_caught() {
        let good = frame();
        let (pixels, _) = view(&good);
        let mut half = pixels.to_vec();
        half[pixels.len() / 2..].fill(128);
        let half = Picture::still(frame_of(good.width, good.height, 3, half));
        let good = Picture::still(good);
        for format in Format::ALL {
            let bytes = encode(&half, &options(format)).unwrap();
            let error = verify(&bytes, &good, &options(format)).unwrap_err();
            assert!(error.message.contains("differs"), "{error}");
            verify(&bytes, &half, &options(format)).unwrap();
        }
    }

    #[test]
    fn animations_pass_whole_and_fail_cut_short() {
        let frames = [frame(), samples::smooth(150, 131), samples::rgb(150, 131)];
        let picture = Picture {
            frames: frames.to_vec(),
            delays: vec![50, 60, 70],
            ..Picture::still(frame())
        };
        for format in [Format::Png, Format::Webp, Format::Gif] {
            let bytes = encode(&picture, &options(format)).unwrap();
            verify(&bytes, &picture, &options(format)).unwrap();
            assert!(verify(&bytes[..bytes.len() - 900], &picture, &options(format)).is_err());
        }
    }
}
