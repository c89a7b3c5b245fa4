//! What the numbers of an original mean, made into sRGB: by an ICC profile, or by what else a file says.
//!
//! Conversion is relative colorimetric, without black point compensation. A profile that is sRGB in all
//! but name is found by trying it, so that the common case costs no conversion. A profile that cannot be
//! read, or is for another kind of pixels, is left aside with a note, as browsers do.

mod apply;
mod known;

use std::sync::Arc;

use bytes::Bytes;
use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, TransferCharacteristics,
};
use workflow::failure::{Failure, FailureKind};

use self::known::{Known, known};
use super::repack;
use crate::frame::{Frame, Pixels};

/// What a file says about its colours.
pub(crate) struct Profile {
    /// As found, or made up for what the file says in another way; empty where it says nothing.
    bytes: Bytes,
    meaning: Meaning,
}

enum Meaning {
    Srgb,
    Unreadable,
    Other(Arc<Known>),
}

/// A white point or a primary colour: x and y.
type Point = (f32, f32);

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
        let known = known(&bytes, || {
            let profile = ColorProfile::new_from_slice(&bytes).ok()?;
            let name = name(&profile);
            Some((profile, name))
        });
        Self::of(bytes, known)
    }

    fn of(bytes: Bytes, known: Option<Arc<Known>>) -> Self {
        let meaning = match known {
            None => Meaning::Unreadable,
            Some(known) if known.srgb => Meaning::Srgb,
            Some(known) => Meaning::Other(known),
        };
        Self { bytes, meaning }
    }

    /// A profile for what a file says without one.
    fn made(profile: ColorProfile, name: String) -> Self {
        let bytes: Bytes = profile.encode().unwrap_or_default().into();
        let known = known(&bytes, || Some((profile, name)));
        Self::of(bytes, known)
    }

    /// Primaries and transfer in the codes of ITU-T H.273. The curves for video (1, 6, 14, 15) are taken as
    /// sRGB's, as browsers do with stills; so is what is unspecified.
    ///
    /// # Errors
    /// `unsupported` for PQ and HLG, whose brightness no 8-bit picture holds without an artist's choice.
    pub(crate) fn cicp(primaries: u8, transfer: u8) -> Result<Self, Failure> {
        if let 16 | 18 = transfer {
            let curve = if transfer == 16 { "PQ" } else { "HLG" };
            return Err(Failure::new(
                FailureKind::Unsupported,
                format!(
                    "pictures of high dynamic range ({curve}) are not read; store it in sRGB or Display P3"
                ),
            ));
        }
        let unspecified = CicpColorPrimaries::Unspecified;
        let colours = match CicpColorPrimaries::try_from(primaries).unwrap_or(unspecified) {
            CicpColorPrimaries::Reserved | CicpColorPrimaries::Unspecified => CicpColorPrimaries::Bt709,
            colours => colours,
        };
        let curve = match transfer {
            4 | 5 | 7..=12 | 17 => TransferCharacteristics::try_from(transfer).ok(),
            _ => None,
        };
        let curve = curve.unwrap_or(TransferCharacteristics::Srgb);
        if (colours, curve) == (CicpColorPrimaries::Bt709, TransferCharacteristics::Srgb) {
            return Ok(Self::none());
        }
        let profile = ColorProfile::new_from_cicp(CicpProfile {
            color_primaries: colours,
            transfer_characteristics: curve,
            matrix_coefficients: MatrixCoefficients::Identity,
            full_range: true,
        });
        let name = if colours == CicpColorPrimaries::Smpte432 && curve == TransferCharacteristics::Srgb {
            "Display P3".to_owned()
        } else {
            format!("colours by the codes {primaries} and {transfer}")
        };
        Ok(Self::made(profile, name))
    }

    /// By an exponent for encoding and by the white point, red, green and blue, as a PNG's `gAMA` and
    /// `cHRM` say; sRGB stands for what is missing or makes no sense.
    pub(crate) fn measured(gamma: Option<f32>, points: Option<[Point; 4]>) -> Self {
        let gamma = gamma.filter(|gamma| *gamma > 0.0 && (gamma - 0.454_55).abs() > 0.02);
        let points = points.filter(|points| triangle(*points) && *points != SRGB);
        if gamma.is_none() && points.is_none() {
            return Self::none();
        }
        let mut profile = ColorProfile::new_srgb();
        profile.cicp = None;
        if let Some([white, red, green, blue]) =
            points.map(|points| points.map(|(x, y)| Chromaticity::new(x, y)))
        {
            profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
        }
        if let Some(gamma) = gamma {
            let curve = moxcms::curve_from_gamma((1.0 / gamma).clamp(0.1, 10.0));
            profile.red_trc = Some(curve.clone());
            profile.green_trc = Some(curve.clone());
            profile.blue_trc = Some(curve);
        }
        Self::made(profile, "colours by gAMA and cHRM".to_owned())
    }

    /// Whether pixels with colours must be changed to be sRGB.
    pub(crate) fn converts(&self) -> bool {
        matches!(&self.meaning, Meaning::Other(known) if known.space() == DataColorSpace::Rgb)
    }

    /// The profile for pixels that stay as they are; none that is for another kind of pixels.
    pub(crate) fn fitting(&self, gray: bool) -> Option<Bytes> {
        let fits = match &self.meaning {
            Meaning::Srgb => true,
            Meaning::Unreadable => false,
            Meaning::Other(known) => match known.space() {
                DataColorSpace::Rgb => true,
                DataColorSpace::Gray => gray,
                _ => false,
            },
        };
        Some(self.bytes.clone()).filter(|bytes| fits && !bytes.is_empty())
    }

    /// The frames in sRGB, with a sentence on what was done. `gray` is whether the file stores gray.
    pub(crate) fn to_srgb(&self, frames: &mut [Frame], gray: bool) -> Result<Option<String>, Failure> {
        let known = match &self.meaning {
            Meaning::Srgb => return Ok(None),
            Meaning::Unreadable => return Ok(Some("ICC profile cannot be read: taken as sRGB".to_owned())),
            Meaning::Other(known) => known,
        };
        let name = &known.name;
        let fits = match known.space() {
            DataColorSpace::Rgb => true,
            DataColorSpace::Gray => gray,
            _ => false,
        };
        if !fits {
            return Ok(Some(format!("{name} is not for such pixels: taken as sRGB")));
        }
        for frame in frames {
            let nothing = Frame::new(0, 0, Pixels::Gray8(Bytes::new()));
            *frame = apply::to_srgb(known, std::mem::replace(frame, nothing))
                .map_err(|e| Failure::bad_input(format!("{name} cannot be applied: {e}")))?;
        }
        Ok(Some(format!("{name} converted to sRGB")))
    }

    /// Interleaved CMYK, 255 for full ink, as sRGB bytes, with a sentence on what was done.
    pub(crate) fn cmyk_to_srgb(&self, cmyk: &[u8]) -> Result<(Vec<u8>, String), Failure> {
        if let Meaning::Other(known) = &self.meaning
            && known.space() == DataColorSpace::Cmyk
        {
            let name = &known.name;
            let mut out = vec![0; cmyk.len() / 4 * 3];
            // moxcms counts the four inks of CMYK as the layout of four channels.
            known
                .eight(Layout::Rgba, Layout::Rgb)
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

/// White point, red, green and blue of sRGB as a PNG writes them.
const SRGB: [Point; 4] = [(0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06)];

/// Whether colours can be mixed of these: a white inside of a triangle that is not flat.
fn triangle([white, red, green, blue]: [Point; 4]) -> bool {
    let area = |a: Point, b: Point, c: Point| (b.0 - a.0) * (c.1 - a.1) - (c.0 - a.0) * (b.1 - a.1);
    let parts = [
        area(red, green, white),
        area(green, blue, white),
        area(blue, red, white),
    ];
    let likely = |(x, y): Point| x >= 0.0 && y > 0.001 && x + y <= 1.001;
    [white, red, green, blue].into_iter().all(likely)
        && (parts.iter().all(|part| *part > 0.001) || parts.iter().all(|part| *part < -0.001))
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
mod tests;
