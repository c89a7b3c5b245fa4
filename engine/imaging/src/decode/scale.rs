//! How coarsely a JPEG may be decoded.
//!
//! The coarsest of 1/8, 1/4 and 1/2 that still leaves every resize at least as many pixels as it wants
//! (the choice that sharp makes), so that the resampler never has to invent any. The answer depends on
//! the pipeline and on the picture's size alone.

use workflow::op::{Fit, Resize};

use super::Consumer;
use crate::header::Header;
use crate::orient::reverses;

/// The denominator: 8, 4, 2 or 1.
pub(super) fn choose(header: &Header, orientation: u8, consumers: &[Consumer<'_>]) -> u8 {
    let (width, height) = if orientation >= 5 {
        (header.height, header.width)
    } else {
        (header.width, header.height)
    };
    let needed = consumers.iter().map(|consumer| match consumer {
        Consumer::Resize(resize) => needed_scale(width, height, resize),
        Consumer::Full => 1.0,
    });
    // Without a consumer nothing says how small is too small.
    let needed = needed.reduce(f64::max).unwrap_or(1.0);
    [8, 4, 2]
        .into_iter()
        .find(|n| needed * f64::from(*n) <= 1.0 && divides(header, orientation, *n))
        .unwrap_or(1)
}

/// The part of the upright picture's pixels, by side, that a resize needs; at most 1.
fn needed_scale(width: u32, height: u32, resize: &Resize) -> f64 {
    let ratio = |target: Option<u32>, side: u32| target.map(|target| f64::from(target) / f64::from(side));
    let (x, y) = (ratio(resize.width, width), ratio(resize.height, height));
    let scale = match (x, y, resize.fit) {
        (Some(x), Some(y), Fit::Inside | Fit::Contain) => x.min(y),
        (Some(x), Some(y), Fit::Outside | Fit::Cover | Fit::Fill) => x.max(y),
        // Filling one side alone leaves the other at its full size.
        (_, _, Fit::Fill) | (None, None, _) => 1.0,
        (Some(one), None, _) | (None, Some(one), _) => one,
    };
    scale.min(1.0)
}

/// A fractional last pixel must stay at the right or at the bottom: where an axis is to be reversed, only
/// a scale that divides it evenly will do.
fn divides(header: &Header, orientation: u8, n: u8) -> bool {
    let (x, y) = reverses(orientation);
    (!x || header.width.is_multiple_of(n.into())) && (!y || header.height.is_multiple_of(n.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sniff::InputType;

    fn scale(size: (u32, u32), orientation: u8, resize: &Resize) -> u8 {
        choose(
            &Header::plain(InputType::Jpeg, size.0, size.1),
            orientation,
            &[Consumer::Resize(resize)],
        )
    }

    fn to(width: Option<u32>, height: Option<u32>, fit: Fit) -> Resize {
        Resize {
            width,
            height,
            fit,
            ..Resize::default()
        }
    }

    #[test]
    fn the_coarsest_scale_that_leaves_enough() {
        for (width, expected) in [
            (500, 8),
            (501, 4),
            (1000, 4),
            (1001, 2),
            (2000, 2),
            (2001, 1),
            (9000, 1),
        ] {
            assert_eq!(
                scale((4000, 3000), 1, &to(Some(width), None, Fit::Inside)),
                expected,
                "{width}"
            );
        }
    }

    #[test]
    fn fits_differ_in_which_side_counts() {
        let size = (4000, 1000);
        let sides = |fit| to(Some(500), Some(500), fit);
        assert_eq!(scale(size, 1, &sides(Fit::Inside)), 8);
        assert_eq!(scale(size, 1, &sides(Fit::Contain)), 8);
        for fit in [Fit::Outside, Fit::Cover, Fit::Fill] {
            assert_eq!(scale(size, 1, &sides(fit)), 2, "{fit:?}");
        }
        assert_eq!(scale(size, 1, &to(None, Some(125), Fit::Fill)), 1);
    }

    #[test]
    fn turned_pictures_are_measured_upright() {
        assert_eq!(scale((4000, 3000), 6, &to(Some(375), None, Fit::Inside)), 8);
        assert_eq!(scale((4000, 3000), 6, &to(Some(376), None, Fit::Inside)), 4);
    }

    #[test]
    fn reversed_axes_need_an_even_division() {
        let small = to(Some(100), None, Fit::Inside);
        assert_eq!(scale((4004, 3001), 1, &small), 8);
        assert_eq!(scale((4004, 3001), 2, &small), 4);
        assert_eq!(scale((4004, 3001), 4, &small), 1);
        assert_eq!(scale((4001, 3000), 6, &small), 8);
    }

    #[test]
    fn the_largest_consumer_decides() {
        let header = Header::plain(InputType::Jpeg, 4000, 3000);
        let (small, large) = (
            to(Some(100), None, Fit::Inside),
            to(Some(1500), None, Fit::Inside),
        );
        assert_eq!(
            choose(&header, 1, &[Consumer::Resize(&small), Consumer::Resize(&large)]),
            2
        );
        assert_eq!(choose(&header, 1, &[Consumer::Resize(&small), Consumer::Full]), 1);
        assert_eq!(choose(&header, 1, &[]), 1);
    }
}
