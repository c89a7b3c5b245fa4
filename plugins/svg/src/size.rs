//! The size to draw in.

use resvg::usvg::Size;
use stopbath_plugin::prelude::*;

use crate::Params;

/// Pixels at most: 32 MB, and layers of the same size for groups and filters.
const MOST: f64 = 8_000_000.0;

/// Width and height in pixels for a picture of this stated size.
pub(crate) fn of(stated: Size, params: &Params) -> Result<(u32, u32), Error> {
    let (width, height) = (f64::from(stated.width()), f64::from(stated.height()));
    let across = params.width.map(|wanted| f64::from(wanted) / width);
    let down = params.height.map(|wanted| f64::from(wanted) / height);
    let scale = match (across, down) {
        (Some(across), Some(down)) => across.min(down),
        (Some(scale), None) | (None, Some(scale)) => scale,
        (None, None) => f64::from(params.scale),
    };
    let (width, height) = (
        (width * scale).round().max(1.0),
        (height * scale).round().max(1.0),
    );
    if width * height > MOST {
        return Err(Error::Unsupported(format!(
            "the picture would be {width} x {height}, more than 8 megapixels; set a smaller `width`, `height` or `scale`"
        )));
    }
    Ok((width as u32, height as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: Option<u32>, height: Option<u32>, scale: f32) -> Result<(u32, u32), Error> {
        of(
            Size::from_wh(200.0, 100.0).unwrap(),
            &Params {
                width,
                height,
                scale,
                background: None,
            },
        )
    }

    #[test]
    fn the_shape_is_kept() {
        assert_eq!(size(None, None, 1.0).unwrap(), (200, 100));
        assert_eq!(size(None, None, 2.5).unwrap(), (500, 250));
        assert_eq!(size(Some(50), None, 9.0).unwrap(), (50, 25));
        assert_eq!(size(None, Some(50), 9.0).unwrap(), (100, 50));
        assert_eq!(size(Some(300), Some(50), 9.0).unwrap(), (100, 50));
        assert_eq!(size(Some(1), None, 1.0).unwrap(), (1, 1));
    }

    #[test]
    fn too_large_is_refused() {
        let error = size(Some(10_000), None, 1.0).unwrap_err();
        assert!(error.message().contains("10000 x 5000"), "{error:?}");
    }
}
