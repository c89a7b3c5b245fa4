//! Draws a text or a picture, or both side by side, over an image: in one place or all over.
//!
//! `params` is what the pipeline writes, `mark` turns it into a small RGBA picture (by `text` and `picture`),
//! `place` says where it goes, `blend` lays it over the rows. Large images pass through in strips.

mod blend;
mod mark;
mod params;
mod picture;
mod place;
mod text;

pub use params::{Effect, Params, Position};
use stopbath_plugin::prelude::*;

/// The plugin.
#[derive(Debug)]
pub struct Watermark;

impl Filter for Watermark {
    type Params = Params;
    const INFO: Info = Info::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_DESCRIPTION"),
    );

    fn apply(source: Frame, params: Params) -> Result<Frame, Error> {
        let (width, height) = (source.width(), source.height());
        let margin = params::length("margin", &params.margin, width)?;
        let mark = mark::make(&params, width, height, margin)?;
        let places = place::Places::new(
            params.position,
            (width, height),
            (mark.width, mark.height),
            margin,
        );
        let format = source.format();
        source.map_rows(|y, row| {
            for (x, line) in places.in_row(y) {
                blend::over(format, row, x, mark.line(line));
            }
        })
    }
}
stopbath_plugin::export_filter!(Watermark);
