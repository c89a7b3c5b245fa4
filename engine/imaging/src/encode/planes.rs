//! The planes of a JPEG as 4:2:0, which is what both JPEG and WebP take.
//!
//! Finer chroma is averaged; JPEG and WebP both centre a chroma sample among its four pixels, so that
//! nothing moves.

use std::borrow::Cow;

use crate::frame::Planes;

/// Luma of the frame's size, chroma of half of it, rounded up.
pub(super) struct Quarter<'a> {
    pub(super) y: &'a [u8],
    pub(super) cb: Cow<'a, [u8]>,
    pub(super) cr: Cow<'a, [u8]>,
}

/// How many chroma samples make one along each side; none for chroma coarser than 4:2:0.
fn ratios(planes: &Planes, width: u32, height: u32) -> Option<(u32, u32)> {
    let ratio = |chroma: u32, whole: u32| match chroma {
        _ if chroma == whole.div_ceil(2) => Some(1),
        _ if chroma == whole => Some(2),
        _ => None,
    };
    Some((
        ratio(planes.chroma_width, width)?,
        ratio(planes.chroma_height, height)?,
    ))
}

/// Whether `quarter` takes them.
pub(super) fn fit(planes: &Planes, width: u32, height: u32) -> bool {
    ratios(planes, width, height).is_some()
}

/// None for chroma coarser than 4:2:0 along a side.
pub(super) fn quarter(planes: &Planes, width: u32, height: u32) -> Option<Quarter<'_>> {
    let size = (width.div_ceil(2), height.div_ceil(2));
    let (by_x, by_y) = ratios(planes, width, height)?;
    let shrink = |plane| {
        averaged(
            plane,
            (planes.chroma_width, planes.chroma_height),
            (by_x, by_y),
            size,
        )
    };
    Some(Quarter {
        y: &planes.y,
        cb: shrink(&planes.cb),
        cr: shrink(&planes.cr),
    })
}

fn averaged(plane: &[u8], from: (u32, u32), by: (u32, u32), to: (u32, u32)) -> Cow<'_, [u8]> {
    if by == (1, 1) {
        return Cow::Borrowed(plane);
    }
    let at = |x: u32, y: u32| {
        let (x, y) = (x.min(from.0 - 1), y.min(from.1 - 1));
        u32::from(plane[(y * from.0 + x) as usize])
    };
    let mut out = Vec::with_capacity((to.0 * to.1) as usize);
    for y in (0..to.1).map(|y| y * by.1) {
        for x in (0..to.0).map(|x| x * by.0) {
            let (right, below) = (x + by.0 - 1, y + by.1 - 1);
            let sum = at(x, y) + at(right, y) + at(x, below) + at(right, below);
            out.push(((sum + 2) / 4) as u8);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planes(chroma_width: u32, chroma_height: u32, cb: &[u8]) -> Planes {
        Planes {
            y: vec![0; 9],
            cb: cb.to_vec(),
            cr: cb.to_vec(),
            chroma_width,
            chroma_height,
        }
    }

    #[test]
    fn finer_chroma_is_averaged_and_edges_repeat() {
        let full = planes(3, 3, &[0, 4, 9, 8, 12, 11, 20, 40, 50]);
        assert_eq!(quarter(&full, 3, 3).unwrap().cb[..], [6, 10, 30, 50]);
        let wide = planes(2, 3, &[0, 10, 20, 30, 40, 50]);
        assert_eq!(quarter(&wide, 3, 3).unwrap().cr[..], [10, 20, 40, 50]);
        let half = planes(2, 2, &[1, 2, 3, 4]);
        assert!(matches!(
            quarter(&half, 3, 3).unwrap().cb,
            Cow::Borrowed([1, 2, 3, 4])
        ));
        assert!(quarter(&planes(1, 3, &[0; 3]), 3, 3).is_none());
    }
}
