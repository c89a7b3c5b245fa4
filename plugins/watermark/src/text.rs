//! Text as coverage, by the font in `font/`.

use ab_glyph::{Font, FontRef, GlyphId, OutlinedGlyph, Point, PxScale, Rect, ScaleFont};
use stopbath_plugin::prelude::*;

static FONT: &[u8] = include_bytes!("../font/DejaVuSans-Bold.ttf");
/// Height of the font at which proportions are measured.
const MEASURE: f32 = 100.0;

/// How opaque each pixel is.
#[derive(Clone, Debug)]
pub(crate) struct Coverage {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) values: Vec<u8>,
}

/// A text that the font can write.
pub(crate) struct Text<'a> {
    font: FontRef<'static>,
    text: &'a str,
}

impl<'a> Text<'a> {
    /// Refuses characters that the font does not have, and text without ink.
    pub(crate) fn new(text: &'a str) -> Result<Self, Error> {
        let font = FontRef::try_from_slice(FONT)
            .map_err(|error| Error::Internal(format!("the built-in font cannot be read: {error}")))?;
        let missing = |letter: &char| *letter != '\n' && font.glyph_id(*letter) == GlyphId(0);
        if let Some(letter) = text.chars().find(missing) {
            return Err(Error::InvalidParams(format!(
                "`text`: the font has no {letter:?} (U+{:04X}); it has Latin, Greek and Cyrillic letters",
                u32::from(letter)
            )));
        }
        let text = Self { font, text };
        if text.ink(MEASURE).is_none() {
            return Err(Error::InvalidParams(
                "`text`: nothing in it can be seen".to_owned(),
            ));
        }
        Ok(text)
    }

    /// Width by height.
    pub(crate) fn aspect(&self) -> f32 {
        self.ink(MEASURE)
            .map_or(1.0, |(_, ink)| ink.width() / ink.height())
    }

    /// Drawn as large as fits `width`, cut to its ink.
    pub(crate) fn draw(&self, width: f32) -> Coverage {
        let measured = self.ink(MEASURE).map_or(MEASURE, |(_, ink)| ink.width());
        let Some((glyphs, ink)) = self.ink(MEASURE * width.max(1.0) / measured) else {
            return Coverage {
                width: 1,
                height: 1,
                values: vec![0],
            };
        };
        let (width, height) = (
            ink.width().ceil().max(1.0) as u32,
            ink.height().ceil().max(1.0) as u32,
        );
        let mut values = vec![0_u8; (width * height) as usize];
        for glyph in glyphs {
            let bounds = glyph.px_bounds();
            let (left, top) = (
                (bounds.min.x - ink.min.x) as u32,
                (bounds.min.y - ink.min.y) as u32,
            );
            glyph.draw(|x, y, coverage| {
                let (x, y) = (left + x, top + y);
                if x < width && y < height {
                    let value = &mut values[(y * width + x) as usize];
                    *value = value.saturating_add((coverage.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
                }
            });
        }
        Coverage {
            width,
            height,
            values,
        }
    }

    /// The glyphs at a size, and the box around them.
    fn ink(&self, size: f32) -> Option<(Vec<OutlinedGlyph>, Rect)> {
        let font = self.font.as_scaled(PxScale::from(size));
        let mut glyphs = Vec::new();
        for (line, text) in self.text.split('\n').enumerate() {
            let y = line as f32 * (font.height() + font.line_gap());
            let (mut x, mut last) = (0.0, None);
            for letter in text.chars() {
                let id = font.glyph_id(letter);
                x += last.map_or(0.0, |last| font.kern(last, id));
                let glyph = id.with_scale_and_position(size, Point { x, y });
                glyphs.extend(font.outline_glyph(glyph));
                x += font.h_advance(id);
                last = Some(id);
            }
        }
        let boxes = glyphs.iter().map(OutlinedGlyph::px_bounds);
        let ink = boxes.reduce(|a, b| Rect {
            min: Point {
                x: a.min.x.min(b.min.x),
                y: a.min.y.min(b.min.y),
            },
            max: Point {
                x: a.max.x.max(b.max.x),
                y: a.max.y.max(b.max.y),
            },
        })?;
        Some((glyphs, ink))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ink_has_the_wanted_width() {
        for (text, width) in [("© Stopbath 2024", 300.0), ("Ж", 40.0), ("Größe\nΩ", 120.0)] {
            let drawn = Text::new(text).unwrap().draw(width);
            assert!(
                (drawn.width as f32 - width).abs() <= 3.0,
                "{text}: {}",
                drawn.width
            );
            assert_eq!(drawn.values.len(), (drawn.width * drawn.height) as usize);
            assert!(drawn.values.iter().filter(|value| **value > 200).count() > 50);
        }
    }

    #[test]
    fn a_missing_letter_is_named() {
        let error = Text::new("Hi 漢").err().unwrap();
        assert!(
            error
                .message()
                .starts_with("`text`: the font has no '漢' (U+6F22)"),
            "{error:?}"
        );
        assert!(Text::new("tab\there").is_err());
        assert!(Text::new("  \n ").err().unwrap().message().contains("nothing"));
    }

    #[test]
    fn kerning_brings_letters_together() {
        let aspect = |text: &str| Text::new(text).unwrap().aspect();
        assert!(aspect("AVAVAV") < aspect("HVHVHV"));
    }
}
