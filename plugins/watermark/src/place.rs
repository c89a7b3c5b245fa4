//! Where the mark lies in the image.

use crate::Position;

/// The places of one mark, in pixels of the image.
#[derive(Debug)]
pub(crate) struct Places {
    left: i64,
    top: i64,
    mark: (i64, i64),
    /// Distance between tiles from corner to corner, and the image's width.
    tiles: Option<(i64, i64, i64)>,
}

impl Places {
    pub(crate) fn new(position: Position, image: (u32, u32), mark: (u32, u32), margin: u32) -> Self {
        let [image, mark] = [image, mark].map(|(width, height)| (i64::from(width), i64::from(height)));
        let margin = i64::from(margin);
        let along = |part: i64, whole: i64, length: i64| match part {
            0 => margin,
            1 => (whole - length) / 2,
            _ => whole - length - margin,
        };
        let (column, row) = match position {
            Position::TopLeft => (0, 0),
            Position::Top => (1, 0),
            Position::TopRight => (2, 0),
            Position::Left => (0, 1),
            Position::Center | Position::Tile => (1, 1),
            Position::Right => (2, 1),
            Position::BottomLeft => (0, 2),
            Position::Bottom => (1, 2),
            Position::BottomRight => (2, 2),
        };
        let tiles = (position == Position::Tile).then_some((mark.0 + margin, mark.1 + margin, image.0));
        Self {
            left: along(column, image.0, mark.0),
            top: along(row, image.1, mark.1),
            mark,
            tiles,
        }
    }

    /// The marks that row `y` crosses: where each begins, and which of its lines.
    pub(crate) fn in_row(&self, y: u32) -> impl Iterator<Item = (i64, usize)> {
        let down = i64::from(y) - self.top;
        let (line, first, step, end) = match self.tiles {
            None => (down, self.left, 1, self.left + 1),
            Some((across, height, width)) => {
                let shift = if down.div_euclid(height) % 2 == 0 {
                    0
                } else {
                    across / 2
                };
                let first = (self.left + shift).rem_euclid(across) - across;
                (down.rem_euclid(height), first, across, width)
            }
        };
        let end = if (0..self.mark.1).contains(&line) {
            end
        } else {
            first
        };
        (first..end)
            .step_by(step as usize)
            .map(move |x| (x, line as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(position: Position) -> Places {
        Places::new(position, (100, 50), (20, 10), 5)
    }

    #[test]
    fn nine_anchors() {
        let corner = |position| {
            let places = places(position);
            (0..50)
                .find_map(|y| places.in_row(y).next().map(|(x, line)| (x, y, line)))
                .unwrap()
        };
        assert_eq!(corner(Position::TopLeft), (5, 5, 0));
        assert_eq!(corner(Position::Top), (40, 5, 0));
        assert_eq!(corner(Position::TopRight), (75, 5, 0));
        assert_eq!(corner(Position::Left), (5, 20, 0));
        assert_eq!(corner(Position::Center), (40, 20, 0));
        assert_eq!(corner(Position::Right), (75, 20, 0));
        assert_eq!(corner(Position::BottomLeft), (5, 35, 0));
        assert_eq!(corner(Position::Bottom), (40, 35, 0));
        assert_eq!(corner(Position::BottomRight), (75, 35, 0));
    }

    #[test]
    fn only_the_rows_of_the_mark_are_crossed() {
        let places = places(Position::BottomRight);
        let lines: Vec<_> = (0..50).filter(|&y| places.in_row(y).next().is_some()).collect();
        assert_eq!(lines, (35..45).collect::<Vec<_>>());
    }

    #[test]
    fn tiles_cover_the_row_and_shift() {
        let places = places(Position::Tile);
        let row = |y| places.in_row(y).map(|(x, _)| x).collect::<Vec<_>>();
        assert_eq!(row(20), [-10, 15, 40, 65, 90]);
        assert_eq!(row(36), [-23, 2, 27, 52, 77]);
        assert!(row(31).is_empty(), "the gap between two rows");
    }
}
