//! YCbCr to RGB as libjpeg does it: 16 bits of fraction, rounded once.

/// Pixels that are computed before they are interleaved, so that the computing becomes vectors.
const CHUNK: usize = 32;

/// Interleaved pixels of three planes, as many as there is room for.
pub(super) fn rgb([y, cb, cr]: [&[u8]; 3], out: &mut [u8]) {
    let (pixels, _) = out.as_chunks_mut::<3>();
    let planes = y.chunks(CHUNK).zip(cb.chunks(CHUNK)).zip(cr.chunks(CHUNK));
    for (pixels, ((y, cb), cr)) in pixels.chunks_mut(CHUNK).zip(planes) {
        let converted = interleaved(&convert([y, cb, cr].map(filled)));
        pixels.copy_from_slice(&converted.as_chunks().0[..pixels.len()]);
    }
}

/// Four pixels are put together as one number: fewer stores than one for each channel.
#[inline(always)]
fn interleaved([red, green, blue]: &[[u8; CHUNK]; 3]) -> [u8; CHUNK * 3] {
    let mut pixels = [0; CHUNK];
    for (at, pixel) in pixels.iter_mut().enumerate() {
        *pixel = u32::from(red[at]) | u32::from(green[at]) << 8 | u32::from(blue[at]) << 16;
    }
    let mut out = [0; CHUNK * 3];
    let fours = pixels.as_chunks::<4>().0.iter();
    for (out, pixels) in out.as_chunks_mut::<12>().0.iter_mut().zip(fours) {
        let [a, b, c, d] = pixels.map(u64::from);
        let (low, high) = (a | b << 24 | c << 48, c >> 16 | d << 8);
        out[..8].copy_from_slice(&low.to_le_bytes());
        out[8..].copy_from_slice(&(high as u32).to_le_bytes());
    }
    out
}

fn filled(part: &[u8]) -> [u8; CHUNK] {
    part.try_into().unwrap_or_else(|_| {
        let mut whole = [0; CHUNK];
        whole[..part.len()].copy_from_slice(part);
        whole
    })
}

/// The factors are 1.402, 0.34414, 0.71414 and 1.772 times 65536; whole numbers are taken out of those that
/// 16 bits do not hold.
#[inline(always)]
fn convert([y, cb, cr]: [[u8; CHUNK]; 3]) -> [[u8; CHUNK]; 3] {
    const HALF: i32 = 1 << 15;
    let mut out = [[0; CHUNK]; 3];
    for at in 0..CHUNK {
        let [y, cb, cr] = [i32::from(y[at]), i32::from(cb[at]) - 128, i32::from(cr[at]) - 128];
        let red = cr + ((26_345 * cr + HALF) >> 16);
        let green = ((18_734 * cr - 22_554 * cb + HALF) >> 16) - cr;
        let blue = 2 * cb + ((HALF - 14_942 * cb) >> 16);
        out[0][at] = (y + red).clamp(0, 255) as u8;
        out[1][at] = (y + green).clamp(0, 255) as u8;
        out[2][at] = (y + blue).clamp(0, 255) as u8;
    }
    out
}
