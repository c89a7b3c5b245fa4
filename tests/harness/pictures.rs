//! Pictures to send, and measures of how alike two are.

use std::io::Cursor;
use std::path::PathBuf;

use image::{DynamicImage, ImageFormat, RgbaImage, imageops};

/// The committed photographs; their README names their sources.
pub fn path(name: &str) -> PathBuf {
    crate::root().join("tests/fixtures/images").join(name)
}

/// One of the committed photographs.
pub fn photo(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Formats that both the engine and this harness can handle.
pub const FORMATS: [ImageFormat; 8] = [
    ImageFormat::Jpeg,
    ImageFormat::Png,
    ImageFormat::WebP,
    ImageFormat::Gif,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
    ImageFormat::Qoi,
    ImageFormat::Ico,
];

/// A part of a photograph with much detail, encoded.
pub fn small(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let photo = image::load_from_memory(&photo("chelsea.jpg")).expect("a whole photograph");
    encode(&photo.crop_imm(120, 60, width, height), format)
}

pub fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    // These formats of the `image` crate take an alpha channel only, or none.
    let picture = match format {
        ImageFormat::Ico => DynamicImage::from(picture.to_rgba8()),
        ImageFormat::Jpeg => DynamicImage::from(picture.to_rgb8()),
        _ => picture.clone(),
    };
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, format)
        .unwrap_or_else(|error| panic!("encode {format:?}: {error}"));
    bytes.into_inner()
}

/// The type is found by content.
pub fn read(bytes: &[u8]) -> RgbaImage {
    image::load_from_memory(bytes)
        .unwrap_or_else(|error| panic!("not a picture: {error}"))
        .to_rgba8()
}

/// The mean absolute difference of all channels, 0 to 255; different sizes are as different as can be.
pub fn difference(a: &RgbaImage, b: &RgbaImage) -> f64 {
    if a.dimensions() != b.dimensions() {
        return 255.0;
    }
    let sum: u64 = a
        .as_raw()
        .iter()
        .zip(b.as_raw())
        .map(|(&a, &b)| u64::from(a.abs_diff(b)))
        .sum();
    sum as f64 / a.as_raw().len() as f64
}

/// The picture as a viewer shows it that follows an EXIF orientation.
pub fn oriented(picture: &RgbaImage, orientation: u16) -> RgbaImage {
    let transposed = || imageops::flip_horizontal(&imageops::rotate90(picture));
    match orientation {
        2 => imageops::flip_horizontal(picture),
        3 => imageops::rotate180(picture),
        4 => imageops::flip_vertical(picture),
        5 => transposed(),
        6 => imageops::rotate90(picture),
        7 => imageops::rotate180(&transposed()),
        8 => imageops::rotate270(picture),
        _ => picture.clone(),
    }
}

/// A JPEG with an EXIF orientation put in after its first marker.
pub fn with_orientation(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    let mut exif =
        b"\xff\xe1\x00\x22Exif\0\0MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01"
            .to_vec();
    exif.extend(orientation.to_be_bytes());
    exif.extend([0; 6]);
    [&jpeg[..2], &exif, &jpeg[2..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientations_are_eight_different_pictures() {
        let picture = RgbaImage::from_fn(3, 2, |x, y| image::Rgba([x as u8 * 80, y as u8 * 200, 7, 255]));
        let all: Vec<RgbaImage> = (1..=8).map(|o| oriented(&picture, o)).collect();
        for (i, a) in all.iter().enumerate() {
            assert!(
                all.iter().skip(i + 1).all(|b| difference(a, b) > 1.0),
                "{}",
                i + 1
            );
        }
        // Row 0 on the left side, column 0 at the top.
        assert_eq!(all[4].get_pixel(1, 2), picture.get_pixel(2, 1));
        assert_eq!(all[5].get_pixel(1, 0), picture.get_pixel(0, 0));
    }
}
