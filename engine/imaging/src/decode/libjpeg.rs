//! libjpeg-turbo, wrapped so that nothing outside this file is unsafe.
//!
//! Called directly because the safe binding can neither stop at the first warning nor tell a warning from
//! a fatal error, and knows no planes without padding. Buffers are allocated here from the sizes that
//! the library itself reports, so that it cannot write past them.
#![expect(
    unsafe_code,
    reason = "calls into libjpeg-turbo; each block says why it is sound"
)]

use std::ffi::{CStr, c_void};
use std::ptr::{NonNull, null_mut};

use turbojpeg::raw;

/// Progressive files with more scans than this are made to waste time.
const MAX_SCANS: i32 = 500;

/// One JPEG being read.
pub(super) struct Decoder<'a> {
    handle: NonNull<c_void>,
    jpeg: &'a [u8],
    strict: bool,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) space: Space,
    subsampling: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Gray,
    Ycc,
    Rgb,
    Cmyk,
}

/// Pixels, and what was wrong with them where damage is put up with.
pub(super) type Read<T> = Result<(T, Option<String>), String>;

/// Y, Cb and Cr without padding, and the size of the last two.
pub(super) struct Ycc {
    pub(super) planes: [Vec<u8>; 3],
    pub(super) chroma: (usize, usize),
}

impl<'a> Decoder<'a> {
    /// Reads the header. `strict` makes every warning an error.
    pub(super) fn open(jpeg: &'a [u8], strict: bool) -> Result<Self, String> {
        // SAFETY: no preconditions; null is handled.
        let handle = unsafe { raw::tj3Init(raw::TJINIT_TJINIT_DECOMPRESS as i32) };
        let handle = NonNull::new(handle).ok_or("libjpeg-turbo has no memory")?;
        let mut decoder = Self {
            handle,
            jpeg,
            strict,
            width: 0,
            height: 0,
            space: Space::Rgb,
            subsampling: raw::TJSAMP_TJSAMP_UNKNOWN,
        };
        decoder.set(raw::TJPARAM_TJPARAM_STOPONWARNING, strict.into());
        decoder.set(raw::TJPARAM_TJPARAM_SCANLIMIT, MAX_SCANS);
        // SAFETY: the handle is live and the slice outlives the decoder.
        let code = unsafe { raw::tj3DecompressHeader(decoder.pointer(), jpeg.as_ptr(), jpeg.len() as _) };
        decoder.outcome(code, ())?;
        decoder.width = decoder.get(raw::TJPARAM_TJPARAM_JPEGWIDTH) as usize;
        decoder.height = decoder.get(raw::TJPARAM_TJPARAM_JPEGHEIGHT) as usize;
        decoder.subsampling = decoder.get(raw::TJPARAM_TJPARAM_SUBSAMP);
        decoder.space = match decoder.get(raw::TJPARAM_TJPARAM_COLORSPACE) as raw::TJCS {
            raw::TJCS_TJCS_GRAY => Space::Gray,
            raw::TJCS_TJCS_YCbCr => Space::Ycc,
            raw::TJCS_TJCS_RGB => Space::Rgb,
            _ => Space::Cmyk,
        };
        Ok(decoder)
    }

    /// Whether the planes are of a kind that the rest of the engine works on: 4:4:4 or 4:2:0.
    pub(super) fn has_planes(&self) -> bool {
        self.space == Space::Ycc
            && matches!(self.subsampling, raw::TJSAMP_TJSAMP_444 | raw::TJSAMP_TJSAMP_420)
    }

    /// Decodes at `1/denominator` (1, 2, 4 or 8) from now on; both sides are rounded up.
    pub(super) fn scale(&mut self, denominator: u8) {
        let factor = raw::tjscalingfactor {
            num: 1,
            denom: denominator.into(),
        };
        // SAFETY: the handle is live.
        let code = unsafe { raw::tj3SetScalingFactor(self.pointer(), factor) };
        if code == 0 {
            self.width = self.width.div_ceil(denominator.into());
            self.height = self.height.div_ceil(denominator.into());
        }
    }

    /// Interleaved pixels: one channel for gray, four for CMYK, three else.
    pub(super) fn pixels(&mut self) -> Read<Vec<u8>> {
        let (format, channels) = match self.space {
            Space::Gray => (raw::TJPF_TJPF_GRAY, 1),
            Space::Ycc | Space::Rgb => (raw::TJPF_TJPF_RGB, 3),
            Space::Cmyk => (raw::TJPF_TJPF_CMYK, 4),
        };
        let mut out = vec![0; self.width * self.height * channels];
        // SAFETY: the buffer holds `height` rows of the scaled width without padding (pitch 0), and the
        // sizes come from the header of the same bytes by the same library.
        let code = unsafe {
            raw::tj3Decompress8(
                self.pointer(),
                self.jpeg.as_ptr(),
                self.jpeg.len() as _,
                out.as_mut_ptr(),
                0,
                format,
            )
        };
        self.outcome(code, out)
    }

    /// The planes as stored; only where `has_planes` says so.
    pub(super) fn planes(&mut self) -> Read<Ycc> {
        let size = |component| self.plane_size(component);
        let (luma, chroma) = (size(0), size(1));
        let mut planes = [luma, chroma, chroma].map(|(width, height)| vec![0; width * height]);
        let mut pointers = planes.each_mut().map(Vec::as_mut_ptr);
        // SAFETY: each plane has the size that the library gives for it, rows without padding (no
        // strides); `has_planes` means that there are three.
        let code = unsafe {
            raw::tj3DecompressToYUVPlanes8(
                self.pointer(),
                self.jpeg.as_ptr(),
                self.jpeg.len() as _,
                pointers.as_mut_ptr(),
                null_mut(),
            )
        };
        // With subsampling the luma plane is padded to whole chroma samples.
        planes[0] = trim(std::mem::take(&mut planes[0]), luma.0, (self.width, self.height));
        self.outcome(code, Ycc { planes, chroma })
    }

    fn plane_size(&self, component: i32) -> (usize, usize) {
        // SAFETY: pure arithmetic on numbers.
        let (width, height) = unsafe {
            (
                raw::tj3YUVPlaneWidth(component, self.width as i32, self.subsampling),
                raw::tj3YUVPlaneHeight(component, self.height as i32, self.subsampling),
            )
        };
        (width as usize, height as usize)
    }

    /// The value, if the call went well or if only warnings were raised and are put up with.
    fn outcome<T>(&self, code: i32, value: T) -> Read<T> {
        if code == 0 {
            return Ok((value, None));
        }
        // SAFETY: the handle is live; the string belongs to it and is copied at once.
        let (message, kind) = unsafe {
            let text = CStr::from_ptr(raw::tj3GetErrorStr(self.pointer()));
            (
                text.to_string_lossy().into_owned(),
                raw::tj3GetErrorCode(self.pointer()),
            )
        };
        let warning = kind == raw::TJERR_TJERR_WARNING as i32;
        if warning && !self.strict {
            Ok((value, Some(message)))
        } else {
            Err(message)
        }
    }

    fn get(&self, param: raw::TJPARAM) -> i32 {
        // SAFETY: the handle is live.
        unsafe { raw::tj3Get(self.pointer(), param as i32) }
    }

    fn set(&mut self, param: raw::TJPARAM, value: i32) {
        // SAFETY: the handle is live.
        let code = unsafe { raw::tj3Set(self.pointer(), param as i32, value) };
        debug_assert_eq!(code, 0);
    }

    fn pointer(&self) -> raw::tjhandle {
        self.handle.as_ptr()
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is live and is not used again.
        unsafe { raw::tj3Destroy(self.pointer()) }
    }
}

/// The upper left part of a plane.
fn trim(mut plane: Vec<u8>, stride: usize, (width, height): (usize, usize)) -> Vec<u8> {
    if stride != width {
        for row in 0..height {
            plane.copy_within(row * stride..row * stride + width, row * width);
        }
    }
    plane.truncate(width * height);
    plane
}
