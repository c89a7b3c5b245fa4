//! The one place that calls libwebp's encoder. Everything unsafe is here; nothing of it shows outside.
//!
//! Buffers are checked against the size that they claim before C sees them, and every object of the library
//! has an owner that frees it.

#![expect(
    unsafe_code,
    reason = "libwebp is a C library; this file alone talks to its encoder"
)]

use std::ffi::{CStr, c_int};
use std::ptr;

use libwebp_sys as sys;

/// Interleaved pixels, or planes in WebP's own range, chroma halved along both sides and rounded up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    Rgb(&'a [u8]),
    Rgba(&'a [u8]),
    Yuv { y: &'a [u8], u: &'a [u8], v: &'a [u8] },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Image<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) source: Source<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Settings {
    /// Quality 1 to 100, method 0 to 6.
    Lossy { quality: u8, method: u8 },
    /// Level 0 to 9.
    Lossless { level: u8 },
}

pub(super) fn still(image: &Image<'_>, settings: Settings) -> Result<Vec<u8>, String> {
    let config = settings.config()?;
    let mut picture = Picture::of(image, config.lossless != 0)?;
    let mut writer = Writer::new();
    picture.0.writer = Some(sys::WebPMemoryWrite);
    picture.0.custom_ptr = ptr::from_mut(&mut *writer.0).cast();
    // SAFETY: the config is valid, the picture's buffers outlive the call, and `custom_ptr` is the writer
    // that `WebPMemoryWrite` expects, boxed so that it does not move.
    if unsafe { sys::WebPEncode(&raw const config, &raw mut picture.0) } == 0 {
        return Err(format!("{:?}", picture.0.error_code));
    }
    Ok(writer.bytes().to_vec())
}

/// Each image with the milliseconds that it shows. They are RGB or RGBA, all of one size.
pub(super) fn animation(
    images: &[(Image<'_>, u32)],
    loops: u32,
    settings: Settings,
) -> Result<Vec<u8>, String> {
    let config = settings.config()?;
    let (first, _) = images.first().ok_or("no frames")?;
    let mut encoder = Animation::new(first.width, first.height, loops)?;
    let mut time: c_int = 0;
    for (image, delay) in images {
        let mut picture = Picture::of(image, true)?;
        encoder.add(&raw mut picture.0, time, &raw const config)?;
        time = time.saturating_add(c_int::try_from(*delay).unwrap_or(c_int::MAX));
    }
    encoder.add(ptr::null_mut(), time, ptr::null())?;
    encoder.finish()
}

impl Settings {
    fn config(self) -> Result<sys::WebPConfig, String> {
        let mut config = sys::WebPConfig::new().map_err(|()| "versions of libwebp differ")?;
        match self {
            Self::Lossy { quality, method } => {
                config.quality = quality.into();
                config.method = method.into();
            }
            Self::Lossless { level } => {
                // SAFETY: `config` is initialised.
                if unsafe { sys::WebPConfigLosslessPreset(&raw mut config, level.into()) } == 0 {
                    return Err(format!("no lossless level {level}"));
                }
            }
        }
        // SAFETY: `config` is initialised.
        let valid = unsafe { sys::WebPValidateConfig(&raw const config) } != 0;
        valid
            .then_some(config)
            .ok_or_else(|| "settings out of range".into())
    }
}

/// Owns what libwebp allocates for a picture; planes that were handed over stay the caller's.
struct Picture(sys::WebPPicture);

impl Picture {
    /// `argb` keeps interleaved pixels as they are; otherwise they become planes on the way in.
    fn of(image: &Image<'_>, argb: bool) -> Result<Self, String> {
        let mut picture = sys::WebPPicture::new().map_err(|()| "versions of libwebp differ")?;
        picture.use_argb = argb.into();
        picture.width = c_int::try_from(image.width).map_err(|_| "too wide")?;
        picture.height = c_int::try_from(image.height).map_err(|_| "too high")?;
        let mut picture = Self(picture);
        let (wide, high) = (image.width as usize, image.height as usize);
        let imported = match image.source {
            Source::Rgb(bytes) => {
                fits(bytes, wide * 3, high)?;
                // SAFETY: the buffer holds `height` rows of the stride given.
                unsafe { sys::WebPPictureImportRGB(&raw mut picture.0, bytes.as_ptr(), stride(wide * 3)?) }
            }
            Source::Rgba(bytes) => {
                fits(bytes, wide * 4, high)?;
                // SAFETY: as above.
                unsafe { sys::WebPPictureImportRGBA(&raw mut picture.0, bytes.as_ptr(), stride(wide * 4)?) }
            }
            Source::Yuv { y, u, v } => {
                let (half_wide, half_high) = (wide.div_ceil(2), high.div_ceil(2));
                fits(y, wide, high)?;
                fits(u, half_wide, half_high)?;
                fits(v, half_wide, half_high)?;
                // The encoder only reads these; it would write through `a` alone, which stays null.
                picture.0.colorspace = sys::WebPEncCSP::WEBP_YUV420;
                picture.0.y = y.as_ptr().cast_mut();
                picture.0.u = u.as_ptr().cast_mut();
                picture.0.v = v.as_ptr().cast_mut();
                picture.0.y_stride = stride(wide)?;
                picture.0.uv_stride = stride(half_wide)?;
                c_int::from(!argb)
            }
        };
        if imported == 0 {
            Err("the picture could not be imported".into())
        } else {
            Ok(picture)
        }
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: initialised by `WebPPicture::new`; frees only what the library itself allocated.
        unsafe { sys::WebPPictureFree(&raw mut self.0) }
    }
}

fn fits(buffer: &[u8], row: usize, rows: usize) -> Result<(), String> {
    if buffer.len() == row * rows {
        Ok(())
    } else {
        Err("a buffer does not have the picture's size".into())
    }
}

fn stride(row: usize) -> Result<c_int, String> {
    c_int::try_from(row).map_err(|_| "too wide".into())
}

struct Writer(Box<sys::WebPMemoryWriter>);

impl Writer {
    fn new() -> Self {
        let mut writer = Box::new(sys::WebPMemoryWriter {
            mem: ptr::null_mut(),
            size: 0,
            max_size: 0,
            pad: [0],
        });
        // SAFETY: the pointer is valid; the call only resets the fields.
        unsafe { sys::WebPMemoryWriterInit(&raw mut *writer) };
        Self(writer)
    }

    fn bytes(&self) -> &[u8] {
        if self.0.mem.is_null() {
            return &[];
        }
        // SAFETY: the writer holds `size` initialised bytes at `mem` until it is cleared.
        unsafe { std::slice::from_raw_parts(self.0.mem, self.0.size) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`.
        unsafe { sys::WebPMemoryWriterClear(&raw mut *self.0) }
    }
}

struct Animation(*mut sys::WebPAnimEncoder);

impl Animation {
    fn new(width: u32, height: u32, loops: u32) -> Result<Self, String> {
        let mut options = std::mem::MaybeUninit::<sys::WebPAnimEncoderOptions>::zeroed();
        let version = sys::WebPGetMuxABIVersion();
        let (width, height) = (width as c_int, height as c_int);
        // SAFETY: the call fills the options in, or says that it could not.
        let mut options = unsafe {
            if sys::WebPAnimEncoderOptionsInitInternal(options.as_mut_ptr(), version) == 0 {
                return Err("versions of libwebp differ".into());
            }
            options.assume_init()
        };
        options.anim_params.loop_count = c_int::try_from(loops).unwrap_or(0).min(0xffff);
        // SAFETY: the options are initialised; sides out of range give null.
        let encoder = unsafe { sys::WebPAnimEncoderNewInternal(width, height, &raw const options, version) };
        if encoder.is_null() {
            Err("no animation of that size".into())
        } else {
            Ok(Self(encoder))
        }
    }

    /// A frame from `time` on; null ends the last one.
    fn add(
        &mut self,
        picture: *mut sys::WebPPicture,
        time: c_int,
        config: *const sys::WebPConfig,
    ) -> Result<(), String> {
        // SAFETY: the encoder is alive, the others are null or valid for the call.
        if unsafe { sys::WebPAnimEncoderAdd(self.0, picture, time, config) } == 0 {
            return Err(self.error());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<u8>, String> {
        let mut data = sys::WebPData {
            bytes: ptr::null(),
            size: 0,
        };
        // SAFETY: the encoder is alive; on success `data` owns `size` bytes, which are copied, then freed.
        unsafe {
            if sys::WebPAnimEncoderAssemble(self.0, &raw mut data) == 0 || data.bytes.is_null() {
                return Err(self.error());
            }
            let bytes = std::slice::from_raw_parts(data.bytes, data.size).to_vec();
            sys::WebPFree(data.bytes.cast_mut().cast());
            Ok(bytes)
        }
    }

    fn error(&self) -> String {
        // SAFETY: the library gives a string of its own, valid while the encoder is.
        let text = unsafe { CStr::from_ptr(sys::WebPAnimEncoderGetError(self.0)) };
        text.to_string_lossy().into_owned()
    }
}

impl Drop for Animation {
    fn drop(&mut self) {
        // SAFETY: made by `WebPAnimEncoderNewInternal` and deleted nowhere else.
        unsafe { sys::WebPAnimEncoderDelete(self.0) }
    }
}
