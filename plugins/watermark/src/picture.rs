//! The picture of `image`: base64, PNG, RGBA.

use std::io::Cursor;

use base64::prelude::{BASE64_STANDARD, Engine};
use png::{ColorType, Transformations};
use stopbath_plugin::prelude::*;

/// Pixels at most; checked before anything is decoded.
const MOST: u64 = 4_000_000;

/// The decoded picture as a frame in the host, which resizes it.
pub(crate) fn decode(base64: &str) -> Result<Frame, Error> {
    let wrong = |reason: String| Error::InvalidParams(format!("`image`: {reason}"));
    let letters: String = base64.split_whitespace().collect();
    let letters = letters.strip_prefix("data:image/png;base64,").unwrap_or(&letters);
    let file = BASE64_STANDARD
        .decode(letters)
        .map_err(|error| wrong(format!("expected a PNG file in base64: {error}")))?;

    let mut decoder = png::Decoder::new(Cursor::new(&file));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder
        .read_info()
        .map_err(|error| wrong(format!("not a PNG file: {error}")))?;
    let (width, height) = reader.info().size();
    if u64::from(width) * u64::from(height) > MOST {
        return Err(wrong(format!("{width} x {height} is more than 4 megapixels")));
    }
    let size = reader
        .output_buffer_size()
        .ok_or_else(|| wrong("too large".to_owned()))?;
    let mut pixels = vec![0; size];
    let found = reader
        .next_frame(&mut pixels)
        .map_err(|error| wrong(format!("damaged PNG: {error}")))?;
    pixels.truncate(found.buffer_size());
    let rgba = to_rgba(found.color_type, pixels);
    Frame::from_pixels(ImageInfo::new(width, height, PixelFormat::Rgba8), &rgba)
}

fn to_rgba(color: ColorType, pixels: Vec<u8>) -> Vec<u8> {
    match color {
        ColorType::Rgba => pixels,
        ColorType::Grayscale => pixels
            .into_iter()
            .flat_map(|light| [light, light, light, 255])
            .collect(),
        ColorType::GrayscaleAlpha => pixels
            .as_chunks::<2>()
            .0
            .iter()
            .flat_map(|&[light, alpha]| [light, light, light, alpha])
            .collect(),
        ColorType::Rgb | ColorType::Indexed => pixels
            .as_chunks::<3>()
            .0
            .iter()
            .flat_map(|&[r, g, b]| [r, g, b, 255])
            .collect(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use stopbath_plugin::testing::pixels;

    use super::*;

    /// A PNG in base64 with every pixel the same.
    pub(crate) fn png(width: u32, height: u32, color: ColorType, pixel: &[u8]) -> String {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(color);
        let mut writer = encoder.write_header().unwrap();
        writer
            .write_image_data(&pixel.repeat((width * height) as usize))
            .unwrap();
        writer.finish().unwrap();
        BASE64_STANDARD.encode(file)
    }

    #[test]
    fn every_colour_type_becomes_rgba() {
        let first = |color, pixel: &[u8]| pixels(&decode(&png(3, 2, color, pixel)).unwrap())[..4].to_vec();
        assert_eq!(first(ColorType::Rgba, &[1, 2, 3, 4]), [1, 2, 3, 4]);
        assert_eq!(first(ColorType::Rgb, &[1, 2, 3]), [1, 2, 3, 255]);
        assert_eq!(first(ColorType::Grayscale, &[7]), [7, 7, 7, 255]);
        assert_eq!(first(ColorType::GrayscaleAlpha, &[7, 8]), [7, 7, 7, 8]);
    }

    #[test]
    fn whatever_is_not_a_small_png_is_refused_by_name() {
        let whole = png(9, 9, ColorType::Rgb, &[1, 2, 3]);
        let file = BASE64_STANDARD.decode(&whole).unwrap();
        let cut = BASE64_STANDARD.encode(&file[..file.len() / 2]);
        for (image, reason) in [
            ("%%%", "base64"),
            ("aGVsbG8=", "not a PNG"),
            (cut.as_str(), "PNG"),
            (
                &png(3000, 2000, ColorType::Grayscale, &[0]),
                "3000 x 2000 is more than 4 megapixels",
            ),
        ] {
            let error = decode(image).unwrap_err();
            assert_eq!(error.kind(), "invalid-params");
            assert!(
                error.message().starts_with("`image`: ") && error.message().contains(reason),
                "{error:?}"
            );
        }
    }
}
