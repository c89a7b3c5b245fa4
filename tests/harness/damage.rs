//! Files that are not what they say.

/// Cut off after every `step`th byte.
pub fn truncations(file: &[u8], step: usize) -> impl Iterator<Item = Vec<u8>> {
    (step..file.len())
        .step_by(step)
        .map(|length| file[..length].to_vec())
}

/// One bit turned over, at `count` places spread over the file.
pub fn bit_flips(file: &[u8], count: usize) -> impl Iterator<Item = Vec<u8>> {
    let step = (file.len() / count).max(1);
    (0..file.len()).step_by(step).enumerate().map(|(index, at)| {
        let mut damaged = file.to_vec();
        damaged[at] ^= 1 << (index % 8);
        damaged
    })
}

/// A PNG whose header says one size and whose data is next to nothing.
pub fn png_header_lie(width: u32, height: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 6, 0, 0, 0]);
    chunk(&mut file, *b"IHDR", &header);
    chunk(&mut file, *b"IDAT", b"\x78\x9c\x03\x00\x00\x00\x00\x01");
    chunk(&mut file, *b"IEND", b"");
    file
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let checked = [kind.as_slice(), data].concat();
    file.extend(&checked);
    file.extend(crc32(&checked).to_be_bytes());
}

/// As in PNG's specification, annex D.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 {
                0xedb8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            }
        })
    })
}

/// A JPEG whose frame header says another size.
pub fn jpeg_header_lie(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let at = jpeg
        .windows(2)
        .position(|w| w == [0xff, 0xc0])
        .expect("a baseline JPEG");
    let mut lie = jpeg.to_vec();
    lie[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    lie[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    lie
}

/// A GIF whose screen says another size.
pub fn gif_header_lie(gif: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut lie = gif.to_vec();
    lie[6..8].copy_from_slice(&width.to_le_bytes());
    lie[8..10].copy_from_slice(&height.to_le_bytes());
    lie
}

/// A BMP whose header says another size.
pub fn bmp_header_lie(bmp: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut lie = bmp.to_vec();
    lie[18..22].copy_from_slice(&width.to_le_bytes());
    lie[22..26].copy_from_slice(&height.to_le_bytes());
    lie
}

/// A QOI whose header says another size.
pub fn qoi_header_lie(qoi: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut lie = qoi.to_vec();
    lie[4..8].copy_from_slice(&width.to_be_bytes());
    lie[8..12].copy_from_slice(&height.to_be_bytes());
    lie
}

/// A small file of very many equal pixels.
pub fn png_bomb(width: u32, height: u32) -> Vec<u8> {
    let picture = image::DynamicImage::from(image::GrayImage::new(width, height));
    crate::pictures::encode(&picture, image::ImageFormat::Png)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_png() {
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
    }

    #[test]
    fn damage_is_damage() {
        let file = [0_u8; 100];
        assert_eq!(
            truncations(&file, 37).map(|f| f.len()).collect::<Vec<_>>(),
            [37, 74]
        );
        assert!(bit_flips(&file, 10).all(|f| f.iter().map(|b| b.count_ones()).sum::<u32>() == 1));
        assert_eq!(bit_flips(&file, 10).count(), 10);
    }
}
