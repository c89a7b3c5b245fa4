//! Which part of a picture becomes how many pixels: the arithmetic of `resize`, without pixels.
//!
//! Sizes are rounded as libvips rounds them, so that results have the sizes people know from sharp. The
//! region of the source is fractional: what `cover` cuts off is never computed, and what stays is centred
//! to the fraction of a pixel.

use workflow::failure::Failure;
use workflow::op::{Anchor, Fit, Position, Resize};

use crate::ops::invalid;

/// No result has a longer side, in pixels.
pub const LARGEST_SIDE: u32 = 16_384;

/// What `resize` does to a picture of a given size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// The region taken from the source: left, top, width, height in its pixels.
    pub source: (f64, f64, f64, f64),
    /// What the region becomes; never 0.
    pub width: u32,
    pub height: u32,
    /// With `contain`, and only if something is left to fill.
    pub canvas: Option<Canvas>,
}

/// A larger picture and where in it the resized one lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    pub width: u32,
    pub height: u32,
    pub left: u32,
    pub top: u32,
}

/// The geometry for a source of `w` x `h`. `attention` and `entropy` look at pixels and count as `center`
/// here. `InvalidParams` when no side is given or a side lies outside 1 to 16384.
pub fn geometry(w: f64, h: f64, resize: &Resize) -> Result<Geometry, Failure> {
    let (scale_x, scale_y) = scales(w, h, resize)?;
    let width = rounded(w * scale_x)?;
    let height = rounded(h * scale_y)?;
    let whole = Geometry {
        source: (0.0, 0.0, w, h),
        width,
        height,
        canvas: None,
    };
    let (box_width, box_height) = (resize.width.unwrap_or(width), resize.height.unwrap_or(height));
    Ok(match resize.fit {
        Fit::Inside | Fit::Outside | Fit::Fill => whole,
        Fit::Cover => {
            let (width, height) = (width.min(box_width), height.min(box_height));
            let (x, wide) = cut(w, whole.width, width, scale_x, share(resize.position, Side::X));
            let (y, high) = cut(h, whole.height, height, scale_y, share(resize.position, Side::Y));
            Geometry {
                source: (x, y, wide, high),
                width,
                height,
                canvas: None,
            }
        }
        Fit::Contain => Geometry {
            canvas: canvas(&whole, box_width, box_height, resize.position),
            ..whole
        },
    })
}

/// Result pixels by source pixels, along each side.
fn scales(w: f64, h: f64, resize: &Resize) -> Result<(f64, f64), Failure> {
    for side in [resize.width, resize.height].into_iter().flatten() {
        if !(1..=LARGEST_SIDE).contains(&side) {
            return Err(invalid(format!(
                "a side of {side} pixels: write 1 to {LARGEST_SIDE}"
            )));
        }
    }
    let x = resize.width.map(|width| f64::from(width) / w);
    let y = resize.height.map(|height| f64::from(height) / h);
    let (x, y) = match (x, y, resize.fit) {
        (None, None, _) => return Err(invalid("`resize` needs `width`, `height` or both")),
        (x, y, Fit::Fill) => (x.unwrap_or(1.0), y.unwrap_or(1.0)),
        (Some(both), None, _) | (None, Some(both), _) => (both, both),
        (Some(x), Some(y), Fit::Inside | Fit::Contain) => (x.min(y), x.min(y)),
        (Some(x), Some(y), Fit::Outside | Fit::Cover) => (x.max(y), x.max(y)),
    };
    Ok(if resize.enlarge {
        (x, y)
    } else {
        (x.min(1.0), y.min(1.0))
    })
}

fn rounded(side: f64) -> Result<u32, Failure> {
    let side = side.round().max(1.0);
    if side > f64::from(LARGEST_SIDE) {
        return Err(invalid(format!(
            "a side would become {side} pixels; the most is {LARGEST_SIDE}"
        )));
    }
    Ok(side as u32)
}

/// Where the kept part of one side starts and how long it is, in source pixels.
fn cut(length: f64, whole: u32, kept: u32, scale: f64, share: Share) -> (f64, f64) {
    if whole == kept {
        return (0.0, length);
    }
    let wide = (f64::from(kept) / scale).min(length);
    let start = match share {
        Share::OfRest(share) => (length - wide) * share,
        Share::Centre(at) => (length * at - wide / 2.0).clamp(0.0, length - wide),
    };
    (start, wide)
}

fn canvas(inner: &Geometry, width: u32, height: u32, position: Position) -> Option<Canvas> {
    let place = |outer: u32, inner: u32, side| match share(position, side) {
        Share::OfRest(share) | Share::Centre(share) => (f64::from(outer - inner) * share).floor() as u32,
    };
    (width != inner.width || height != inner.height).then(|| Canvas {
        width,
        height,
        left: place(width, inner.width, Side::X),
        top: place(height, inner.height, Side::Y),
    })
}

#[derive(Clone, Copy)]
pub(crate) enum Side {
    X,
    Y,
}

/// A position along one side.
#[derive(Clone, Copy)]
pub(crate) enum Share {
    /// So much of what is left over lies before.
    OfRest(f64),
    /// The middle lies at this share of the source, as far as its edges allow.
    Centre(f64),
}

pub(crate) fn share(position: Position, side: Side) -> Share {
    use Anchor as A;
    let anchor = match position {
        Position::Anchor(anchor) => anchor,
        Position::Focus(focus) => {
            let at = f64::from(if matches!(side, Side::X) { focus.x } else { focus.y });
            return Share::Centre(at.clamp(0.0, 1.0));
        }
    };
    let (first, last) = match side {
        Side::X => (
            [A::Left, A::TopLeft, A::BottomLeft],
            [A::Right, A::TopRight, A::BottomRight],
        ),
        Side::Y => (
            [A::Top, A::TopLeft, A::TopRight],
            [A::Bottom, A::BottomLeft, A::BottomRight],
        ),
    };
    Share::OfRest(match anchor {
        _ if first.contains(&anchor) => 0.0,
        _ if last.contains(&anchor) => 1.0,
        _ => 0.5,
    })
}

#[cfg(test)]
mod tests {
    use workflow::op::Focus;

    use super::*;

    fn fit(fit: Fit, width: u32, height: u32) -> Resize {
        let side = |side| (side > 0).then_some(side);
        Resize {
            width: side(width),
            height: side(height),
            fit,
            ..Resize::default()
        }
    }

    fn size(w: f64, h: f64, resize: &Resize) -> (u32, u32) {
        let g = geometry(w, h, resize).unwrap();
        g.canvas.map_or((g.width, g.height), |c| (c.width, c.height))
    }

    #[test]
    fn sizes_are_those_of_sharp() {
        for (fit, result) in [
            (fit(Fit::Inside, 720, 0), (720, 588)),
            (fit(Fit::Inside, 720, 720), (720, 588)),
            (fit(Fit::Inside, 320, 240), (294, 240)),
            (fit(Fit::Inside, 0, 320), (392, 320)),
            (fit(Fit::Outside, 320, 240), (320, 261)),
            (fit(Fit::Cover, 320, 240), (320, 240)),
            (fit(Fit::Cover, 320, 0), (320, 261)),
            (fit(Fit::Contain, 320, 240), (320, 240)),
            (fit(Fit::Fill, 320, 240), (320, 240)),
            (fit(Fit::Fill, 320, 0), (320, 2225)),
            (fit(Fit::Inside, 5000, 5000), (2725, 2225)),
            (fit(Fit::Fill, 5000, 200), (2725, 200)),
        ] {
            assert_eq!(size(2725.0, 2225.0, &fit), result, "{fit:?}");
        }
    }

    #[test]
    fn no_side_is_ever_zero_or_too_long() {
        assert_eq!(size(10_000.0, 3.0, &fit(Fit::Inside, 10, 10)), (10, 1));
        let huge = Resize {
            enlarge: true,
            ..fit(Fit::Outside, 1000, 1000)
        };
        assert!(geometry(100.0, 1.0, &huge).is_err());
        assert!(geometry(9.0, 9.0, &Resize::default()).is_err());
        assert!(geometry(9.0, 9.0, &fit(Fit::Fill, 16_385, 1)).is_err());
    }

    #[test]
    fn a_fractional_source_counts_as_what_it_stands_for() {
        assert_eq!(size(1362.5, 1112.5, &fit(Fit::Inside, 720, 0)), (720, 588));
        let g = geometry(500.5, 10.0, &fit(Fit::Inside, 250, 0)).unwrap();
        assert_eq!(g.source, (0.0, 0.0, 500.5, 10.0));
    }

    #[test]
    fn cover_keeps_the_part_that_the_position_names() {
        let source = |position| {
            let g = geometry(
                400.0,
                100.0,
                &Resize {
                    position,
                    ..fit(Fit::Cover, 50, 50)
                },
            )
            .unwrap();
            assert_eq!((g.width, g.height), (50, 50));
            g.source
        };
        let anchor = |anchor| source(Position::Anchor(anchor));
        for (name, x) in [
            (Anchor::TopLeft, 0.0),
            (Anchor::Left, 0.0),
            (Anchor::BottomLeft, 0.0),
            (Anchor::Top, 150.0),
            (Anchor::Center, 150.0),
            (Anchor::Bottom, 150.0),
            (Anchor::TopRight, 300.0),
            (Anchor::Right, 300.0),
            (Anchor::BottomRight, 300.0),
        ] {
            assert_eq!(anchor(name), (x, 0.0, 100.0, 100.0), "{name:?}");
        }
        let focus = |x| source(Position::Focus(Focus { x, y: 0.0 })).0;
        assert_eq!((focus(0.0), focus(0.25), focus(1.0)), (0.0, 50.0, 300.0));
    }

    #[test]
    fn cover_of_a_small_picture_cuts_but_does_not_enlarge() {
        let g = geometry(300.0, 200.0, &fit(Fit::Cover, 400, 100)).unwrap();
        assert_eq!(
            (g.width, g.height, g.source),
            (300, 100, (0.0, 50.0, 300.0, 100.0))
        );
        let larger = Resize {
            enlarge: true,
            ..fit(Fit::Cover, 400, 100)
        };
        assert_eq!(size(300.0, 200.0, &larger), (400, 100));
    }

    #[test]
    fn contain_fills_what_is_left() {
        let g = |position| {
            let g = geometry(
                400.0,
                100.0,
                &Resize {
                    position,
                    ..fit(Fit::Contain, 100, 100)
                },
            )
            .unwrap();
            assert_eq!((g.width, g.height), (100, 25));
            g.canvas.unwrap()
        };
        let centre = g(Position::default());
        assert_eq!(
            (centre.width, centre.height, centre.left, centre.top),
            (100, 100, 0, 37)
        );
        assert_eq!(g(Position::Anchor(Anchor::Top)).top, 0);
        assert_eq!(g(Position::Anchor(Anchor::BottomRight)).top, 75);
        let exact = geometry(400.0, 100.0, &fit(Fit::Contain, 100, 25)).unwrap();
        assert_eq!(exact.canvas, None);
    }
}
