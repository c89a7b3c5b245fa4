//! `blur`: a Gaussian over the whole picture.

use workflow::failure::Failure;
use workflow::op::Blur;

use super::{invalid, raster, smooth};
use crate::frame::Picture;

pub(super) fn apply(op: &Blur, picture: &Picture) -> Result<Picture, Failure> {
    if !(0.3..=100.0).contains(&op.sigma) {
        return Err(invalid(format!("`sigma: {}`: write 0.3 to 100", op.sigma)));
    }
    picture.try_map(|frame| smooth::gaussian(&raster::interleaved(frame)?, op.sigma))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::samples;

    #[test]
    fn planes_and_their_rgb_are_blurred_alike() {
        let frame = samples::planes(20, 14, 2, 2);
        let blurred = |frame| {
            apply(&Blur { sigma: 2.0 }, &Picture::still(frame))
                .unwrap()
                .frames
                .remove(0)
        };
        let rgb = blurred(crate::colour::to_rgb8(&frame));
        assert!(samples::psnr(&blurred(frame), &rgb).is_infinite());
    }

    #[test]
    fn a_sigma_out_of_range_is_refused() {
        let picture = Picture::still(samples::rgb(2, 2));
        for sigma in [0.0, -1.0, 101.0, f32::NAN] {
            assert!(apply(&Blur { sigma }, &picture).is_err(), "{sigma}");
        }
    }
}
