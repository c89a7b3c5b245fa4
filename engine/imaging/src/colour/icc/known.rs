//! Profiles that were met lately, with what was made of them.
//!
//! To parse one, to find out whether it is sRGB and to build a transform takes a third of a millisecond and
//! more, and a handful of them is in nearly all files. What is remembered never changes a result.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use moxcms::{
    CmsError, ColorProfile, DataColorSpace, Layout, RenderingIntent, Transform8BitExecutor,
    Transform16BitExecutor, TransformOptions,
};

/// Profiles remembered, and the size in bytes up to which they are.
const MOST: usize = 8;
const LARGEST: usize = 1 << 20;

pub(super) struct Known {
    profile: ColorProfile,
    /// For notes.
    pub(super) name: String,
    /// Its colours are sRGB's.
    pub(super) srgb: bool,
    eight: Mutex<Vec<Made<Transform8BitExecutor>>>,
    sixteen: Mutex<Vec<Made<Transform16BitExecutor>>>,
}

type Made<T> = ((Layout, Layout), Arc<T>);

impl Known {
    fn new(profile: ColorProfile, name: String) -> Self {
        let mut known = Self {
            profile,
            name,
            srgb: false,
            eight: Mutex::default(),
            sixteen: Mutex::default(),
        };
        known.srgb = known.is_srgb();
        known
    }

    pub(super) fn space(&self) -> DataColorSpace {
        self.profile.color_space
    }

    /// To sRGB in 8 bits.
    pub(super) fn eight(&self, from: Layout, to: Layout) -> Result<Arc<Transform8BitExecutor>, CmsError> {
        made(&self.eight, (from, to), || {
            self.profile
                .create_transform_8bit(from, &ColorProfile::new_srgb(), to, options())
        })
    }

    /// To sRGB in 16 bits.
    pub(super) fn sixteen(&self, from: Layout, to: Layout) -> Result<Arc<Transform16BitExecutor>, CmsError> {
        made(&self.sixteen, (from, to), || {
            self.profile
                .create_transform_16bit(from, &ColorProfile::new_srgb(), to, options())
        })
    }

    /// Whether colours of a coarse grid all stay where they are.
    fn is_srgb(&self) -> bool {
        const LEVELS: [u8; 6] = [0, 32, 64, 128, 192, 255];
        if self.space() != DataColorSpace::Rgb {
            return false;
        }
        let level = |i: usize| LEVELS[i % LEVELS.len()];
        let grid: Vec<u8> = (0..216)
            .flat_map(|i| [level(i / 36), level(i / 6), level(i)])
            .collect();
        let mut out = vec![0; grid.len()];
        self.eight(Layout::Rgb, Layout::Rgb)
            .and_then(|transform| transform.transform(&grid, &mut out))
            .is_ok_and(|()| out.iter().zip(&grid).all(|(a, b)| a.abs_diff(*b) <= 1))
    }
}

fn made<T: ?Sized>(
    list: &Mutex<Vec<Made<T>>>,
    layouts: (Layout, Layout),
    make: impl FnOnce() -> Result<Arc<T>, CmsError>,
) -> Result<Arc<T>, CmsError> {
    let find = |list: &Vec<Made<T>>| {
        let found = list.iter().find(|made| made.0 == layouts);
        found.map(|made| Arc::clone(&made.1))
    };
    if let Some(transform) = list.lock().ok().and_then(|list| find(&list)) {
        return Ok(transform);
    }
    let transform = make()?;
    if let Ok(mut list) = list.lock() {
        list.push((layouts, Arc::clone(&transform)));
    }
    Ok(transform)
}

fn options() -> TransformOptions {
    TransformOptions {
        rendering_intent: RenderingIntent::RelativeColorimetric,
        ..TransformOptions::default()
    }
}

/// The one used last stands last.
static KNOWN: Mutex<Vec<(Bytes, Arc<Known>)>> = Mutex::new(Vec::new());

/// What is known of a profile, which `parse` reads and names where it was not met lately.
pub(super) fn known(
    icc: &[u8],
    parse: impl FnOnce() -> Option<(ColorProfile, String)>,
) -> Option<Arc<Known>> {
    if let Some(known) = recall(icc) {
        return Some(known);
    }
    let (profile, name) = parse()?;
    let known = Arc::new(Known::new(profile, name));
    remember(icc, &known);
    Some(known)
}

fn recall(icc: &[u8]) -> Option<Arc<Known>> {
    let mut list = KNOWN.lock().ok()?;
    let at = list.iter().position(|(other, _)| other == icc)?;
    let entry = list.remove(at);
    let known = Arc::clone(&entry.1);
    list.push(entry);
    Some(known)
}

fn remember(icc: &[u8], known: &Arc<Known>) {
    if let Ok(mut list) = KNOWN.lock()
        && icc.len() <= LARGEST
    {
        if list.len() == MOST {
            list.remove(0);
        }
        list.push((Bytes::copy_from_slice(icc), Arc::clone(known)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_once_until_others_drive_it_out() {
        let icc = |i: u8| {
            ColorProfile::new_gray_with_gamma(1.1 + f32::from(i) / 10.0)
                .encode()
                .unwrap()
        };
        let parse = |icc: &[u8]| Some((ColorProfile::new_from_slice(icc).unwrap(), String::new()));
        let first = icc(0);
        let one = known(&first, || parse(&first)).unwrap();
        let again = known(&first, || panic!("parsed again")).unwrap();
        assert!(Arc::ptr_eq(&one, &again));
        let transform = one.eight(Layout::Gray, Layout::Rgb).unwrap();
        assert!(Arc::ptr_eq(
            &transform,
            &again.eight(Layout::Gray, Layout::Rgb).unwrap()
        ));
        for i in 1..=MOST as u8 {
            let other = icc(i);
            known(&other, || parse(&other)).unwrap();
        }
        assert!(recall(&first).is_none(), "driven out");
    }
}
