//! YCbCr to RGB as libjpeg does it: 16 bits of fraction, rounded once.

/// What 16 bits make of a factor.
const fn fix(factor: f64) -> i32 {
    (factor * 65_536.0 + 0.5) as i32
}

/// Interleaved pixels of three planes of the same size.
pub(super) fn rgb(y: &[u8], cb: &[u8], cr: &[u8]) -> Vec<u8> {
    let mut out = vec![0; y.len() * 3];
    for (pixel, ((y, cb), cr)) in out
        .as_chunks_mut::<3>()
        .0
        .iter_mut()
        .zip(y.iter().zip(cb).zip(cr))
    {
        *pixel = convert(i32::from(*y), i32::from(*cb) - 128, i32::from(*cr) - 128);
    }
    out
}

#[inline(always)]
fn convert(y: i32, cb: i32, cr: i32) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let red = (fix(1.402) * cr + HALF) >> 16;
    let green = (HALF - fix(0.344_14) * cb - fix(0.714_14) * cr) >> 16;
    let blue = (fix(1.772) * cb + HALF) >> 16;
    [y + red, y + green, y + blue].map(|value| value.clamp(0, 255) as u8)
}
