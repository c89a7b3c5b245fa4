//! Frames being made: where each write goes, and whether every row has come.

use std::collections::BTreeMap;
use std::io;

use super::buffer::Buffer;
use super::v1::{Error, ImageInfo, PixelFormat, Rect};

/// A frame that a guest is writing.
pub(crate) struct Builder {
    pub(crate) info: ImageInfo,
    pub(crate) pixels: Buffer,
    rows: Rows,
}

/// Which pixels have been written.
struct Rows {
    whole: Vec<bool>,
    /// Spans of rows that came in pieces: sorted, disjoint, not touching.
    parts: BTreeMap<u32, Vec<(u32, u32)>>,
    /// A row had more of them than are kept.
    scattered: bool,
}

/// Pieces of a row that lie apart; more are not remembered.
const PIECES: usize = 64;

impl Builder {
    /// An error when there is no memory for it.
    pub(crate) fn new(info: ImageInfo) -> io::Result<Self> {
        let rows = Rows {
            whole: vec![false; info.height as usize],
            parts: BTreeMap::new(),
            scattered: false,
        };
        Ok(Self {
            info,
            pixels: Buffer::new(info.byte_len() as usize)?,
            rows,
        })
    }

    /// Of no pixels: what stands in for a builder that is being written.
    pub(crate) fn empty() -> Self {
        Self {
            info: ImageInfo {
                width: 0,
                height: 0,
                format: PixelFormat::Gray8,
            },
            pixels: Buffer::Small(Vec::new()),
            rows: Rows {
                whole: Vec::new(),
                parts: BTreeMap::new(),
                scattered: false,
            },
        }
    }

    /// Checks a write; its bytes are copied by `copy`.
    pub(crate) fn check(&self, region: Rect, bytes: usize) -> Result<(), Error> {
        region.check(self.info)?;
        let expected = region.width as usize * region.height as usize * self.info.format.bytes();
        if bytes != expected {
            return Err(Error::Internal(format!(
                "a region of {}x{} takes {expected} bytes, not {bytes}",
                region.width, region.height
            )));
        }
        Ok(())
    }

    /// Copies what `check` has passed.
    pub(crate) fn copy(&mut self, region: Rect, bytes: &[u8]) {
        let pixel = self.info.format.bytes();
        let row = self.info.width as usize * pixel;
        let width = region.width as usize * pixel;
        if width == row {
            let start = region.y as usize * row;
            self.pixels[start..start + bytes.len()].copy_from_slice(bytes);
        } else {
            for (y, line) in bytes.chunks_exact(width.max(1)).enumerate() {
                let start = (region.y as usize + y) * row + region.x as usize * pixel;
                self.pixels[start..start + width].copy_from_slice(line);
            }
        }
        self.rows.mark(region, self.info.width);
    }

    /// Whether a row was written in more pieces than are remembered.
    pub(crate) fn is_scattered(&self) -> bool {
        self.rows.scattered
    }

    /// The first row that is not whole.
    pub(crate) fn missing(&self) -> Option<u32> {
        if self.info.width == 0 {
            return None;
        }
        self.rows
            .whole
            .iter()
            .position(|whole| !whole)
            .map(|row| row as u32)
    }
}

impl Rows {
    fn mark(&mut self, region: Rect, width: u32) {
        for y in region.y..region.y + region.height {
            if region.width == width || self.add_part(y, region.x, region.x + region.width) == (0, width) {
                self.whole[y as usize] = true;
                self.parts.remove(&y);
            }
        }
    }

    /// Adds a span to a row and gives back the merged span that it is now part of.
    fn add_part(&mut self, row: u32, mut start: u32, mut end: u32) -> (u32, u32) {
        let parts = self.parts.entry(row).or_default();
        parts.retain(|(from, to)| {
            let apart = *to < start || *from > end;
            if !apart {
                start = start.min(*from);
                end = end.max(*to);
            }
            apart
        });
        if parts.len() < PIECES {
            parts.push((start, end));
        } else {
            self.scattered = true;
        }
        (start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> Builder {
        Builder::new(ImageInfo {
            width: 4,
            height: 2,
            format: PixelFormat::Gray8,
        })
        .unwrap()
    }

    fn write(builder: &mut Builder, x: u32, y: u32, width: u32, height: u32) {
        let region = Rect { x, y, width, height };
        let bytes = vec![9; (width * height) as usize];
        builder.check(region, bytes.len()).unwrap();
        builder.copy(region, &bytes);
    }

    #[test]
    fn whole_rows_and_pieces_both_count() {
        let mut builder = builder();
        write(&mut builder, 0, 1, 4, 1);
        assert_eq!(builder.missing(), Some(0));
        write(&mut builder, 0, 0, 1, 1);
        write(&mut builder, 2, 0, 2, 1);
        write(&mut builder, 3, 0, 1, 1);
        assert_eq!(builder.missing(), Some(0));
        write(&mut builder, 1, 0, 1, 1);
        assert_eq!(builder.missing(), None);
        assert_eq!(*builder.pixels, [9; 8]);
    }

    #[test]
    fn a_row_in_crumbs_is_not_remembered_for_ever() {
        let mut builder = Builder::new(ImageInfo {
            width: 1000,
            height: 1,
            format: PixelFormat::Gray8,
        })
        .unwrap();
        (0..1000).step_by(2).for_each(|x| write(&mut builder, x, 0, 1, 1));
        assert!(builder.is_scattered() && builder.missing() == Some(0));
        assert!(builder.rows.parts[&0].len() <= PIECES);
        write(&mut builder, 0, 0, 1000, 1);
        assert_eq!(builder.missing(), None);
    }

    #[test]
    fn writes_outside_or_of_the_wrong_length_are_refused() {
        let builder = builder();
        let wide = Rect {
            x: 1,
            y: 0,
            width: 4,
            height: 1,
        };
        let wraps = Rect {
            x: u32::MAX,
            y: 0,
            width: 2,
            height: 1,
        };
        assert!(builder.check(wide, 4).is_err());
        assert!(builder.check(wraps, 2).is_err());
        assert!(
            builder
                .check(
                    Rect {
                        x: 0,
                        y: 0,
                        width: 4,
                        height: 1
                    },
                    3
                )
                .is_err()
        );
    }
}
