//! libwebp's still decoder, wrapped so that nothing outside this file is unsafe.
//!
//! It is two to three times as fast as the safe decoders. Only whole-file calls into buffers of our own
//! are used; sizes come from libwebp's own reading of the same bytes.
#![expect(unsafe_code, reason = "calls into libwebp; each block says why it is sound")]

use std::ptr::null_mut;

use libwebp_sys as raw;

/// Interleaved pixels of three channels, or four with alpha.
pub(super) struct Still {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: usize,
    pub(super) pixels: Vec<u8>,
}

/// Decodes a still; `None` where libwebp finds anything wrong or missing.
pub(super) fn decode(webp: &[u8]) -> Option<Still> {
    let mut still = prepare(webp)?;
    let stride = still.width as usize * still.channels;
    let into = if still.channels == 4 {
        raw::WebPDecodeRGBAInto
    } else {
        raw::WebPDecodeRGBInto
    };
    // SAFETY: the buffer is as large as stated and outlives the call; libwebp checks the size again.
    let end = unsafe {
        into(
            webp.as_ptr(),
            webp.len(),
            still.pixels.as_mut_ptr(),
            still.pixels.len(),
            stride as i32,
        )
    };
    (!end.is_null()).then_some(still)
}

/// Decodes as many rows as the bytes give; the rest stays 0. `None` if not even one comes out.
pub(super) fn salvage(webp: &[u8]) -> Option<(Still, u32)> {
    let mut still = prepare(webp)?;
    let stride = still.width as usize * still.channels;
    let mode = if still.channels == 4 {
        raw::WEBP_CSP_MODE::MODE_RGBA
    } else {
        raw::WEBP_CSP_MODE::MODE_RGB
    };
    let mut rows = 0;
    // SAFETY: buffer and bytes outlive the decoder, which is deleted before either is used again; a null
    // decoder is not used.
    unsafe {
        let decoder = raw::WebPINewRGB(mode, still.pixels.as_mut_ptr(), still.pixels.len(), stride as i32);
        if decoder.is_null() {
            return None;
        }
        // Whether this says "suspended" or "damaged" does not matter: the rows count.
        raw::WebPIUpdate(decoder, webp.as_ptr(), webp.len());
        raw::WebPIDecGetRGB(decoder, &raw mut rows, null_mut(), null_mut(), null_mut());
        raw::WebPIDelete(decoder);
    }
    (rows > 0).then_some((still, rows as u32))
}

fn prepare(webp: &[u8]) -> Option<Still> {
    let (mut width, mut height) = (0, 0);
    // SAFETY: the slice is valid for its length and the results are written to locals.
    if unsafe { raw::WebPGetInfo(webp.as_ptr(), webp.len(), &raw mut width, &raw mut height) } == 0 {
        return None;
    }
    let channels = if has_alpha(webp)? { 4 } else { 3 };
    let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    Some(Still {
        width,
        height,
        channels,
        pixels: vec![0; width as usize * height as usize * channels],
    })
}

fn has_alpha(webp: &[u8]) -> Option<bool> {
    let mut features = std::mem::MaybeUninit::<raw::WebPBitstreamFeatures>::zeroed();
    // SAFETY: libwebp fills the struct; all of its fields are plain numbers, so zeroes are valid, too.
    let features = unsafe {
        let status = raw::WebPGetFeatures(webp.as_ptr(), webp.len(), features.as_mut_ptr());
        (status == raw::VP8StatusCode::VP8_STATUS_OK).then(|| features.assume_init())
    };
    features.map(|features| features.has_alpha != 0)
}
