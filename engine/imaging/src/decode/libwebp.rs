//! libwebp's still decoder, wrapped so that nothing outside this file is unsafe.
//!
//! It is two to three times as fast as the safe decoders. Only buffers of our own are written to; sizes
//! come from libwebp's own reading of the same bytes.
#![expect(unsafe_code, reason = "calls into libwebp; each block says why it is sound")]

use std::ptr::null_mut;

use libwebp_sys as raw;

/// Interleaved pixels of three channels, or four with alpha.
pub(crate) struct Still {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) channels: usize,
    pub(crate) pixels: Vec<u8>,
}

/// The size that the header of a still or an animation gives.
pub(crate) fn size(webp: &[u8]) -> Option<(u32, u32)> {
    let features = features(webp)?;
    u32::try_from(features.width)
        .ok()
        .zip(u32::try_from(features.height).ok())
}

/// Decodes a still of this size; `None` where it has another or libwebp finds anything wrong or missing.
pub(crate) fn decode(webp: &[u8], size: (u32, u32)) -> Option<Still> {
    let mut still = prepare(webp, size)?;
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
pub(super) fn salvage(webp: &[u8], size: (u32, u32)) -> Option<(Still, u32)> {
    let mut still = prepare(webp, size)?;
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

/// The planes of a lossy still.
pub(crate) struct Yuv {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Y, then Cb and Cr of half the size, rounded up.
    pub(crate) planes: [Vec<u8>; 3],
}

/// The planes of a lossy still without alpha, in WebP's narrow range and before the loop filter: enough to
/// see whether a picture is the right one. `None` for other kinds and where libwebp finds anything wrong.
pub(crate) fn rough_planes(webp: &[u8]) -> Option<Yuv> {
    const LOSSY: i32 = 1;
    let features = features(webp)?;
    if features.has_alpha != 0 || features.has_animation != 0 || features.format != LOSSY {
        return None;
    }
    let (wide, high) = (features.width as usize, features.height as usize);
    let half = wide.div_ceil(2);
    let chroma = || vec![0; half * high.div_ceil(2)];
    let mut planes = [vec![0; wide * high], chroma(), chroma()];
    let mut config = raw::WebPDecoderConfig::new().ok()?;
    config.options.bypass_filtering = 1;
    config.output.colorspace = raw::WEBP_CSP_MODE::MODE_YUV;
    config.output.is_external_memory = 1;
    let [y, u, v] = &mut planes;
    config.output.u.YUVA = raw::WebPYUVABuffer {
        y: y.as_mut_ptr(),
        u: u.as_mut_ptr(),
        v: v.as_mut_ptr(),
        a: null_mut(),
        y_stride: wide as i32,
        u_stride: half as i32,
        v_stride: half as i32,
        a_stride: 0,
        y_size: y.len(),
        u_size: u.len(),
        v_size: v.len(),
        a_size: 0,
    };
    // SAFETY: the planes have the sizes stated and outlive the call; libwebp checks them against the picture.
    let status = unsafe { raw::WebPDecode(webp.as_ptr(), webp.len(), &raw mut config) };
    (status == raw::VP8StatusCode::VP8_STATUS_OK).then_some(Yuv {
        width: features.width as u32,
        height: features.height as u32,
        planes,
    })
}

/// Room for a still; none is taken for one of another size than told.
fn prepare(webp: &[u8], (width, height): (u32, u32)) -> Option<Still> {
    let features = features(webp)?;
    let channels = if features.has_alpha != 0 { 4 } else { 3 };
    (size(webp)? == (width, height)).then(|| Still {
        width,
        height,
        channels,
        pixels: vec![0; width as usize * height as usize * channels],
    })
}

/// What the header says.
fn features(webp: &[u8]) -> Option<raw::WebPBitstreamFeatures> {
    let mut features = std::mem::MaybeUninit::<raw::WebPBitstreamFeatures>::zeroed();
    // SAFETY: libwebp fills the struct; all of its fields are plain numbers, so zeroes are valid, too.
    unsafe {
        let status = raw::WebPGetFeatures(webp.as_ptr(), webp.len(), features.as_mut_ptr());
        (status == raw::VP8StatusCode::VP8_STATUS_OK).then(|| features.assume_init())
    }
}
