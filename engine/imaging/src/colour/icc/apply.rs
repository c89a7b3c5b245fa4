//! Pixels changed to sRGB where they lie, a run at a time, so that no second picture is needed.

use bytes::Bytes;
use moxcms::{CmsError, DataColorSpace, Layout};

use super::known::Known;
use crate::colour::{luma, repack, to_gray8, to_rgb8};
use crate::frame::{Frame, Pixels};

/// Pixels changed at a time.
const RUN: usize = 4096;

/// The frame in sRGB, in the layout that it has; planes become RGB. A gray profile is for gray pixels.
pub(super) fn to_srgb(known: &Known, frame: Frame) -> Result<Frame, CmsError> {
    let gray = known.space() == DataColorSpace::Gray;
    let frame = match (&frame.pixels, gray) {
        (Pixels::Ycc(_), false) => to_rgb8(&frame),
        (Pixels::Ycc(_) | Pixels::Rgb8(_), true) => to_gray8(&frame),
        _ => frame,
    };
    let pixels = match frame.pixels {
        Pixels::Gray8(bytes) if gray => Pixels::Gray8(shades(bytes, known, Layout::Gray, |y| vec![y])?),
        Pixels::Gray8(bytes) => Pixels::Gray8(shades(bytes, known, Layout::Rgb, |y| vec![y; 3])?),
        Pixels::Rgba8(bytes) if gray => {
            let transform = known.eight(Layout::GrayAlpha, Layout::Rgba)?;
            Pixels::Rgba8(runs(bytes, 4, |run| {
                transform.transform(&repack::<4, 2>(run, |[y, _, _, a]| [y, a]), run)
            })?)
        }
        Pixels::Rgba8(bytes) => Pixels::Rgba8(eight(bytes, known, Layout::Rgba)?),
        Pixels::Rgba16(bytes) => Pixels::Rgba16(sixteen(bytes, known, gray)?),
        Pixels::Rgb8(bytes) => Pixels::Rgb8(eight(bytes, known, Layout::Rgb)?),
        Pixels::Ycc(_) => frame.pixels,
    };
    Ok(Frame { pixels, ..frame })
}

/// Each run of so many bytes a pixel changed. Copies only what someone else holds, too.
fn runs(
    bytes: Bytes,
    size: usize,
    change: impl FnMut(&mut [u8]) -> Result<(), CmsError>,
) -> Result<Bytes, CmsError> {
    let mut bytes = Vec::from(bytes);
    bytes.chunks_mut(RUN * size).try_for_each(change)?;
    Ok(bytes.into())
}

/// Gray becomes the gray that its shade does: there are but 256.
fn shades(
    bytes: Bytes,
    known: &Known,
    layout: Layout,
    spell: impl Fn(u8) -> Vec<u8>,
) -> Result<Bytes, CmsError> {
    let all: Vec<u8> = (0..=255).flat_map(spell).collect();
    let mut out = vec![0; 3 * 256];
    known.eight(layout, Layout::Rgb)?.transform(&all, &mut out)?;
    let table = repack::<3, 1>(&out, |[r, g, b]| [luma(r, g, b)]);
    runs(bytes, 1, |run| {
        for shade in run {
            *shade = table[usize::from(*shade)];
        }
        Ok(())
    })
}

fn eight(bytes: Bytes, known: &Known, layout: Layout) -> Result<Bytes, CmsError> {
    let transform = known.eight(layout, layout)?;
    let mut source = Vec::new();
    runs(bytes, layout.channels(), |run| {
        source.clear();
        source.extend_from_slice(run);
        transform.transform(&source, run)
    })
}

fn sixteen(bytes: Bytes, known: &Known, gray: bool) -> Result<Bytes, CmsError> {
    let layout = if gray { Layout::GrayAlpha } else { Layout::Rgba };
    let transform = known.sixteen(layout, Layout::Rgba)?;
    let (mut source, mut out) = (Vec::new(), Vec::new());
    runs(bytes, 8, |run| {
        source.clear();
        out.resize(run.len() / 2, 0);
        for pixel in run.as_chunks::<8>().0 {
            let [r, g, b, a] = [0, 2, 4, 6].map(|at| u16::from_le_bytes([pixel[at], pixel[at + 1]]));
            if gray {
                source.extend_from_slice(&[r, a]);
            } else {
                source.extend_from_slice(&[r, g, b, a]);
            }
        }
        transform.transform(&source, &mut out)?;
        for (to, number) in run.as_chunks_mut::<2>().0.iter_mut().zip(&out) {
            *to = number.to_le_bytes();
        }
        Ok(())
    })
}
