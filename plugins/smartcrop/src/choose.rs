//! Tries every place for the crop and takes the best: much weight inside, near the middle or the thirds, little
//! on its border or left outside. The curve is that of smartcrop.js.

use crate::features::{CELL, Map};

/// Places tried along a side.
const PLACES: usize = 32;
/// Steps in which the crop shrinks.
const ZOOM_STEP: f32 = 0.1;

/// Top left corner in pixels of the copy; `scale` of the largest crop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Crop {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) scale: f32,
}

/// The best crop of the given shape. Of equals the one nearest to the middle, so a flat image is cut there.
pub(crate) fn best(map: &Map, (width, height): (f32, f32), min_scale: f32) -> Crop {
    let mut best = (
        f32::NEG_INFINITY,
        f32::INFINITY,
        Crop {
            x: 0.0,
            y: 0.0,
            scale: 1.0,
        },
    );
    let mut scale = 1.0;
    while scale >= min_scale - 1e-4 {
        let (w, h) = (width * scale, height * scale);
        let (room_x, room_y) = ((map.width as f32 - w).max(0.0), (map.height as f32 - h).max(0.0));
        for y in places(room_y) {
            for x in places(room_x) {
                let score = score(map, x, y, w, h) / (w * h);
                let away = (x - room_x / 2.0).abs() + (y - room_y / 2.0).abs();
                if score > best.0 || (score >= best.0 && away < best.1) {
                    best = (score, away, Crop { x, y, scale });
                }
            }
        }
        scale -= ZOOM_STEP;
    }
    best.2
}

/// From one end to the other, in steps of at least a pixel.
fn places(room: f32) -> impl Iterator<Item = f32> {
    let steps = (room.ceil() as usize).min(PLACES);
    (0..=steps).map(move |step| room * step as f32 / steps.max(1) as f32)
}

fn score(map: &Map, x: f32, y: f32, width: f32, height: f32) -> f32 {
    let centre = |cell: usize| (cell * CELL) as f32 + CELL as f32 / 2.0;
    let rows = map.weights.chunks_exact(map.columns).enumerate();
    rows.map(|(row, weights)| {
        let v = (centre(row) - y) / height;
        let cells = weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
        cells
            .map(|(column, weight)| weight * importance((centre(column) - x) / width, v))
            .sum::<f32>()
    })
    .sum()
}

/// What a point is worth at a place in the crop, from 0 to 1 across and down.
fn importance(u: f32, v: f32) -> f32 {
    if !(0.0..1.0).contains(&u) || !(0.0..1.0).contains(&v) {
        return -0.5;
    }
    let (px, py) = ((0.5 - u).abs() * 2.0, (0.5 - v).abs() * 2.0);
    let border = |p: f32| (p - 0.6).max(0.0).powi(2);
    let edge = (border(px) + border(py)) * -20.0;
    let middle = std::f32::consts::SQRT_2 - px.hypot(py);
    middle + edge + (middle + edge + 0.5).max(0.0) * 1.2 * (third(px) + third(py))
}

/// 1 on the lines of thirds, falling quickly to 0.
fn third(p: f32) -> f32 {
    let away = (p - 1.0 / 3.0) * 8.0;
    (1.0 - away * away).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(weights: Vec<f32>, columns: usize) -> Map {
        let rows = weights.len() / columns;
        Map {
            columns,
            weights,
            width: columns * CELL,
            height: rows * CELL,
        }
    }

    #[test]
    fn nothing_to_see_is_cut_in_the_middle() {
        let crop = best(&map(vec![0.0; 100], 20), (20.0, 20.0), 1.0);
        assert_eq!(
            crop,
            Crop {
                x: 30.0,
                y: 0.0,
                scale: 1.0
            }
        );
    }

    #[test]
    fn the_crop_goes_to_the_weight() {
        for (column, range) in [(1, 0.0..=4.0), (18, 56.0..=60.0)] {
            let mut weights = vec![0.0; 100];
            weights[2 * 20 + column] = 1.0;
            let crop = best(&map(weights, 20), (20.0, 20.0), 1.0);
            assert!(range.contains(&crop.x), "{column}: {crop:?}");
        }
    }

    #[test]
    fn inside_is_worth_more_than_the_border_and_that_more_than_outside_in_the_middle() {
        assert!(importance(0.5, 0.5) > importance(0.9, 0.5));
        assert!((importance(1.2, 0.5) + 0.5).abs() < 1e-6);
        assert!(importance(1.0 / 3.0, 1.0 / 3.0) > importance(0.5, 0.5));
    }
}
