//! ICC profiles: what the numbers of an original mean, made into sRGB.
//!
//! Conversion is relative colorimetric, without black point compensation. A profile that is sRGB in all
//! but name is found by trying it, so that the common case costs no conversion. A profile that cannot be
//! read, or is for another kind of pixels, is left aside with a note, as browsers do.

use std::sync::Mutex;

use bytes::Bytes;
use moxcms::{ColorProfile, DataColorSpace, Layout, RenderingIntent, TransformOptions};
use workflow::failure::Failure;

use super::{frame8, repack, to_gray8, to_rgb8, with_pixels};
use crate::frame::{Frame, Pixels};

/// What a file says about its colours.
pub(crate) struct Profile {
    /// As found; empty where there is none.
    pub(crate) bytes: Bytes,
    meaning: Meaning,
}

enum Meaning {
    Srgb,
    Unreadable,
    Other(Box<ColorProfile>),
}

impl Profile {
    pub(crate) fn none() -> Self {
        Self {
            bytes: Bytes::new(),
            meaning: Meaning::Srgb,
        }
    }

    pub(crate) fn read(icc: impl Into<Bytes>) -> Self {
        let bytes = icc.into();
        if bytes.is_empty() {
            return Self::none();
        }
        if known_srgb(&bytes) {
            return Self {
                bytes,
                meaning: Meaning::Srgb,
            };
        }
        let meaning = match ColorProfile::new_from_slice(&bytes) {
            Err(_) => Meaning::Unreadable,
            Ok(profile) if is_srgb(&profile) => {
                remember_srgb(&bytes);
                Meaning::Srgb
            }
            Ok(profile) => Meaning::Other(Box::new(profile)),
        };
        Self { bytes, meaning }
    }

    /// A gamma other than sRGB's curve, with sRGB's primaries, as a PNG's `gAMA` says.
    pub(crate) fn gamma(exponent: f32) -> Self {
        let mut profile = ColorProfile::new_srgb();
        let curve = moxcms::curve_from_gamma(exponent);
        profile.red_trc = Some(curve.clone());
        profile.green_trc = Some(curve.clone());
        profile.blue_trc = Some(curve);
        profile.cicp = None;
        Self {
            bytes: Bytes::new(),
            meaning: Meaning::Other(Box::new(profile)),
        }
    }

    /// Whether pixels must be changed to be sRGB.
    pub(crate) fn converts(&self) -> bool {
        matches!(self.meaning, Meaning::Other(_))
    }

    /// The frames in sRGB, with a sentence on what was done.
    pub(crate) fn to_srgb(&self, frames: &mut [Frame]) -> Result<Option<String>, Failure> {
        let profile = match &self.meaning {
            Meaning::Srgb => return Ok(None),
            Meaning::Unreadable => return Ok(Some("ICC profile cannot be read: taken as sRGB".to_owned())),
            Meaning::Other(profile) => profile,
        };
        let name = name(profile);
        if !matches!(profile.color_space, DataColorSpace::Rgb | DataColorSpace::Gray) {
            return Ok(Some(format!("{name} is not for such pixels: taken as sRGB")));
        }
        for frame in frames {
            *frame = convert(profile, frame)
                .map_err(|e| Failure::bad_input(format!("{name} cannot be applied: {e}")))?;
        }
        Ok(Some(format!("{name} converted to sRGB")))
    }

    /// Interleaved CMYK, 255 for full ink, as sRGB bytes, with a sentence on what was done.
    pub(crate) fn cmyk_to_srgb(&self, cmyk: &[u8]) -> Result<(Vec<u8>, String), Failure> {
        if let Meaning::Other(profile) = &self.meaning
            && profile.color_space == DataColorSpace::Cmyk
        {
            let name = name(profile);
            let mut out = vec![0; cmyk.len() / 4 * 3];
            profile
                // moxcms counts the four inks of CMYK as the layout of four channels.
                .create_transform_8bit(Layout::Rgba, &ColorProfile::new_srgb(), Layout::Rgb, options())
                .and_then(|transform| transform.transform(cmyk, &mut out))
                .map_err(|e| Failure::bad_input(format!("{name} cannot be applied: {e}")))?;
            return Ok((out, format!("CMYK by {name} converted to sRGB")));
        }
        let rest = |ink: u8, key: u8| (u32::from(255 - ink) * u32::from(255 - key) + 127) / 255;
        let out = repack::<4, 3>(cmyk, |[c, m, y, k]| [c, m, y].map(|ink| rest(ink, k) as u8));
        Ok((
            out,
            "CMYK without a profile converted to sRGB by simple subtraction".to_owned(),
        ))
    }
}

fn convert(profile: &ColorProfile, frame: &Frame) -> Result<Frame, moxcms::CmsError> {
    let gray = profile.color_space == DataColorSpace::Gray;
    if let Pixels::Rgba16(wide) = &frame.pixels {
        return convert_wide(profile, frame, wide, gray);
    }
    match (&frame.pixels, gray) {
        (Pixels::Gray8(source), true) => {
            let out = transform(profile, Layout::Gray, Layout::Rgb, source)?;
            Ok(to_gray8(&with_pixels(
                frame,
                frame8(frame.width, frame.height, 3, out).pixels,
            )))
        }
        (Pixels::Rgba8(source), false) => Ok(with_pixels(
            frame,
            Pixels::Rgba8(transform(profile, Layout::Rgba, Layout::Rgba, source)?.into()),
        )),
        (Pixels::Rgba8(source), true) => {
            let gray = repack::<4, 2>(source, |[y, _, _, a]| [y, a]);
            Ok(with_pixels(
                frame,
                Pixels::Rgba8(transform(profile, Layout::GrayAlpha, Layout::Rgba, &gray)?.into()),
            ))
        }
        (_, true) => convert(profile, &to_gray8(frame)).map(|gray| to_rgb8(&gray)),
        (_, false) => {
            let Pixels::Rgb8(source) = to_rgb8(frame).pixels else {
                return Ok(frame.clone());
            };
            Ok(with_pixels(
                frame,
                Pixels::Rgb8(transform(profile, Layout::Rgb, Layout::Rgb, &source)?.into()),
            ))
        }
    }
}

fn transform(
    profile: &ColorProfile,
    from: Layout,
    to: Layout,
    source: &[u8],
) -> Result<Vec<u8>, moxcms::CmsError> {
    let mut out = vec![0; source.len() / from.channels() * to.channels()];
    profile
        .create_transform_8bit(from, &ColorProfile::new_srgb(), to, options())?
        .transform(source, &mut out)?;
    Ok(out)
}

fn convert_wide(
    profile: &ColorProfile,
    frame: &Frame,
    wide: &[u8],
    gray: bool,
) -> Result<Frame, moxcms::CmsError> {
    let (pixels, _) = wide.as_chunks::<8>();
    let number = |p: &[u8; 8], at: usize| u16::from_le_bytes([p[2 * at], p[2 * at + 1]]);
    let (layout, source): (_, Vec<u16>) = if gray {
        (
            Layout::GrayAlpha,
            pixels.iter().flat_map(|p| [number(p, 0), number(p, 3)]).collect(),
        )
    } else {
        (
            Layout::Rgba,
            pixels
                .iter()
                .flat_map(|p| [0, 1, 2, 3].map(|at| number(p, at)))
                .collect(),
        )
    };
    let mut out = vec![0u16; pixels.len() * 4];
    profile
        .create_transform_16bit(layout, &ColorProfile::new_srgb(), Layout::Rgba, options())?
        .transform(&source, &mut out)?;
    let bytes: Vec<u8> = out.into_iter().flat_map(u16::to_le_bytes).collect();
    Ok(with_pixels(frame, Pixels::Rgba16(bytes.into())))
}

fn options() -> TransformOptions {
    TransformOptions {
        rendering_intent: RenderingIntent::RelativeColorimetric,
        ..TransformOptions::default()
    }
}

/// Profiles that have proved to be sRGB. Trying one takes a third of a millisecond, and a handful of them
/// is in nearly all files.
static SRGB: Mutex<Vec<Bytes>> = Mutex::new(Vec::new());

fn known_srgb(icc: &Bytes) -> bool {
    SRGB.lock().is_ok_and(|known| known.contains(icc))
}

fn remember_srgb(icc: &Bytes) {
    const MOST: usize = 16;
    const LARGEST: usize = 8 << 10;
    if let Ok(mut known) = SRGB.lock()
        && known.len() < MOST
        && icc.len() <= LARGEST
    {
        known.push(Bytes::copy_from_slice(icc));
    }
}

/// The grid on which profiles are tried.
const LEVELS: [u8; 6] = [0, 32, 64, 128, 192, 255];

/// Whether colours of a coarse grid all stay where they are.
fn is_srgb(profile: &ColorProfile) -> bool {
    if profile.color_space != DataColorSpace::Rgb {
        return false;
    }
    let level = |i: usize| LEVELS[i % LEVELS.len()];
    let grid: Vec<u8> = (0..216)
        .flat_map(|i| [level(i / 36), level(i / 6), level(i)])
        .collect();
    transform(profile, Layout::Rgb, Layout::Rgb, &grid)
        .is_ok_and(|out| out.iter().zip(&grid).all(|(a, b)| a.abs_diff(*b) <= 1))
}

fn name(profile: &ColorProfile) -> String {
    use moxcms::ProfileText;
    let text = match &profile.description {
        Some(ProfileText::PlainString(text)) => text.clone(),
        Some(ProfileText::Localizable(texts)) => texts.first().map(|t| t.value.clone()).unwrap_or_default(),
        Some(ProfileText::Description(text)) => text.ascii_string.clone(),
        None => String::new(),
    };
    let text: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    if text.is_empty() {
        "ICC profile".to_owned()
    } else {
        format!("ICC profile `{text}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn srgb_is_recognised_by_what_it_does() {
        let srgb = ColorProfile::new_srgb().encode().unwrap();
        let profile = Profile::read(srgb);
        assert!(!profile.converts() && !profile.bytes.is_empty());
        let wide = Profile::read(ColorProfile::new_display_p3().encode().unwrap());
        assert!(wide.converts());
    }

    #[test]
    fn wide_gamut_becomes_more_saturated_numbers_in_both_depths() {
        let wide = Profile::read(ColorProfile::new_adobe_rgb().encode().unwrap());
        let eight = frame8(1, 1, 3, vec![60, 200, 60]);
        let mut frames = [eight.clone(), super::super::to_rgba16(&eight)];
        let note = wide.to_srgb(&mut frames).unwrap().unwrap();
        assert!(
            note.starts_with("ICC profile") && note.ends_with("converted to sRGB"),
            "{note}"
        );
        let [narrow, wide] = frames.map(|f| to_rgb8(&f));
        let (Pixels::Rgb8(a), Pixels::Rgb8(b)) = (narrow.pixels, wide.pixels) else {
            panic!()
        };
        assert!(a[0] < 20 && a[1].abs_diff(201) <= 3, "{a:?}");
        assert!(a.iter().zip(&b).all(|(a, b)| a.abs_diff(*b) <= 1), "{a:?} {b:?}");
    }

    #[test]
    fn gray_stays_neutral() {
        let mut frames = [frame8(3, 1, 1, vec![0, 128, 255])];
        let profile = Profile::read(ColorProfile::new_gray_with_gamma(1.0).encode().unwrap());
        profile.to_srgb(&mut frames).unwrap();
        let Pixels::Gray8(out) = &frames[0].pixels else {
            panic!()
        };
        assert!(
            out[0] == 0 && out[1].abs_diff(188) <= 1 && out[2] == 255,
            "{out:?}"
        );
    }

    #[test]
    fn rubbish_is_left_aside_with_a_note() {
        let profile = Profile::read(vec![7; 200]);
        assert!(!profile.converts());
        assert!(
            profile
                .to_srgb(&mut [])
                .unwrap()
                .unwrap()
                .contains("cannot be read")
        );
    }

    #[test]
    fn ink_without_a_profile_is_subtracted() {
        let (out, _) = Profile::none()
            .cmyk_to_srgb(&[0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255])
            .unwrap();
        assert_eq!(out, [255, 255, 255, 0, 255, 255, 0, 0, 0]);
    }
}
