//! The AV1 decoder rav1d, wrapped so that nothing outside this file is unsafe.
//!
//! rav1d is dav1d in Rust and offers dav1d's C interface only. One picture is decoded, and its planes are
//! copied out.
#![expect(
    unsafe_code,
    reason = "rav1d has dav1d's C interface; each block says why it is sound"
)]

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use rav1d::include::dav1d::data::Dav1dData;
use rav1d::include::dav1d::dav1d::{Dav1dContext, Dav1dLogger, Dav1dSettings};
use rav1d::include::dav1d::headers::{
    DAV1D_PIXEL_LAYOUT_I400, DAV1D_PIXEL_LAYOUT_I420, DAV1D_PIXEL_LAYOUT_I422,
};
use rav1d::include::dav1d::picture::Dav1dPicture;
use rav1d::src::lib as raw;

use crate::header::Nclx;

/// Planes as 16-bit numbers of `bits` bits.
pub(super) struct Av1 {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) bits: u32,
    /// Y alone, or Y, Cb and Cr.
    pub(super) planes: Vec<Vec<u16>>,
    pub(super) chroma: (usize, usize),
    /// What the stream says of its colours.
    pub(super) colours: Nclx,
}

/// Decodes the first picture of a stream; `None` where anything is wrong or more pixels come than told.
pub(super) fn decode(stream: &[u8], max_pixels: u32) -> Option<Av1> {
    let mut decoder = Decoder::open(max_pixels)?;
    decoder.send(stream)?;
    decoder.picture()
}

struct Decoder(Option<Dav1dContext>);

impl Decoder {
    fn open(max_pixels: u32) -> Option<Self> {
        let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
        // SAFETY: the function writes the whole struct.
        let mut settings = unsafe {
            raw::dav1d_default_settings(NonNull::from(&mut settings).cast());
            settings.assume_init()
        };
        // On a single frame context, rav1d 1.1 aborts the process at the first error in a stream, because it
        // asks for a header that it has just dropped. With two contexts errors take the way they should.
        settings.n_threads = 2;
        settings.max_frame_delay = 2;
        settings.frame_size_limit = max_pixels;
        settings.strict_std_compliance = 1;
        // SAFETY: without a callback there is nothing to be called from several threads. Damaged files are
        // not worth a line on standard error each.
        settings.logger = unsafe { Dav1dLogger::new(None, None) };
        let mut decoder = Self(None);
        // SAFETY: both point to live values for the time of the call.
        let code = unsafe {
            raw::dav1d_open(
                Some(NonNull::from(&mut decoder.0)),
                Some(NonNull::from(&mut settings)),
            )
        };
        (code.0 == 0).then_some(decoder)
    }

    fn send(&mut self, stream: &[u8]) -> Option<()> {
        let mut data = Dav1dData::default();
        // SAFETY: the buffer that comes back has the length asked for, and is released below whether or
        // not the decoder has taken it.
        let code = unsafe {
            let buffer = raw::dav1d_data_create(Some(NonNull::from(&mut data)), stream.len());
            NonNull::new(buffer)?
                .as_ptr()
                .copy_from_nonoverlapping(stream.as_ptr(), stream.len());
            let code = raw::dav1d_send_data(self.0, Some(NonNull::from(&mut data)));
            raw::dav1d_data_unref(Some(NonNull::from(&mut data)));
            code
        };
        (code.0 == 0).then_some(())
    }

    /// The first call without new data only begins to drain the decoder, hence a second one.
    fn picture(&mut self) -> Option<Av1> {
        (0..2).find_map(|_| {
            let mut picture = Dav1dPicture::default();
            // SAFETY: the picture lives until it is released; it is read only where the call succeeded.
            unsafe {
                let code = raw::dav1d_get_picture(self.0, Some(NonNull::from(&mut picture)));
                let copied = if code.0 == 0 { copy(&picture) } else { None };
                raw::dav1d_picture_unref(Some(NonNull::from(&mut picture)));
                copied
            }
        })
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the context came from `dav1d_open` or is none.
        unsafe { raw::dav1d_close(Some(NonNull::from(&mut self.0))) }
    }
}

/// # Safety
/// The picture must have come from `dav1d_get_picture` and not be released.
unsafe fn copy(picture: &Dav1dPicture) -> Option<Av1> {
    // SAFETY: a decoded picture has its sequence header for as long as it lives.
    let sequence = unsafe { picture.seq_hdr?.as_ref() };
    let (width, height) = (
        usize::try_from(picture.p.w).ok()?,
        usize::try_from(picture.p.h).ok()?,
    );
    let chroma = match picture.p.layout {
        DAV1D_PIXEL_LAYOUT_I400 => (0, 0),
        DAV1D_PIXEL_LAYOUT_I420 => (width.div_ceil(2), height.div_ceil(2)),
        DAV1D_PIXEL_LAYOUT_I422 => (width.div_ceil(2), height),
        _ => (width, height),
    };
    let sizes = [(width, height), chroma, chroma];
    let mut planes = Vec::new();
    for (i, (width, height)) in sizes
        .into_iter()
        .enumerate()
        .take(if chroma.0 == 0 { 1 } else { 3 })
    {
        let (start, stride) = (picture.data[i]?.cast::<u8>(), picture.stride[i.min(1)]);
        let mut plane = Vec::with_capacity(width * height);
        for row in 0..height {
            // SAFETY: the decoder gives `height` rows of at least `width` samples, `stride` bytes apart.
            unsafe {
                let line = start.offset(stride * row as isize);
                if picture.p.bpc == 8 {
                    plane.extend(
                        std::slice::from_raw_parts(line.as_ptr(), width)
                            .iter()
                            .map(|v| u16::from(*v)),
                    );
                } else {
                    plane.extend_from_slice(std::slice::from_raw_parts(line.cast::<u16>().as_ptr(), width));
                }
            }
        }
        planes.push(plane);
    }
    Some(Av1 {
        width,
        height,
        bits: picture.p.bpc.unsigned_abs(),
        planes,
        chroma,
        colours: Nclx {
            primaries: sequence.pri as u8,
            transfer: sequence.trc as u8,
            matrix: sequence.mtrx as u8,
            full_range: sequence.color_range != 0,
        },
    })
}
