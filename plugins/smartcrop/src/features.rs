//! How much each small square of an image draws the eye: edges, strong colour and skin, weighted as in Jonas
//! Wagner's smartcrop (<https://github.com/jwagner/smartcrop.js>). Where a crop should lie is in `choose`.

/// Side of a square, in pixels of the small copy.
pub(crate) const CELL: usize = 4;

/// One weight for each cell, row by row.
pub(crate) struct Map {
    pub(crate) columns: usize,
    pub(crate) weights: Vec<f32>,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Map {
    /// From RGBA pixels.
    pub(crate) fn new(width: usize, rgba: &[u8]) -> Self {
        let pixels: Vec<[f32; 4]> = rgba
            .as_chunks::<4>()
            .0
            .iter()
            .map(|pixel| pixel.map(|value| f32::from(value) / 255.0))
            .collect();
        let height = pixels.len() / width;
        let light: Vec<f32> = pixels.iter().map(|pixel| luma(pixel) * pixel[3]).collect();
        let columns = width.div_ceil(CELL);
        let mut weights = vec![0.0; columns * height.div_ceil(CELL)];
        for y in 0..height {
            for x in 0..width {
                let at = y * width + x;
                let detail = edge(&light, width, height, x, y);
                let weight = 0.2 * detail
                    + 1.8 * skin(&pixels[at]) * (detail + 0.01)
                    + 0.1 * strength(&pixels[at]) * (detail + 0.2);
                weights[y / CELL * columns + x / CELL] += weight * pixels[at][3];
            }
        }
        Self {
            columns,
            weights,
            width,
            height,
        }
    }
}

fn luma([r, g, b, _]: &[f32; 4]) -> f32 {
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// How far a pixel's lightness is from that of its four neighbours; beyond the border the image repeats.
fn edge(light: &[f32], width: usize, height: usize, x: usize, y: usize) -> f32 {
    let at = |x: usize, y: usize| light[y * width + x];
    let around = at(x.saturating_sub(1), y)
        + at((x + 1).min(width - 1), y)
        + at(x, y.saturating_sub(1))
        + at(x, (y + 1).min(height - 1));
    (4.0 * at(x, y) - around).abs().min(1.0)
}

/// 0 up to 1 for colours in the direction of skin, of light and dark people alike.
fn skin(pixel: &[f32; 4]) -> f32 {
    let [r, g, b, _] = pixel;
    let length = (r * r + g * g + b * b).sqrt();
    if length == 0.0 || luma(pixel) < 0.2 {
        return 0.0;
    }
    // smartcrop.js has (0.78, 0.57, 0.44), which is longer than 1, so that no colour could be all skin.
    let away = [r / length - 0.735, g / length - 0.537, b / length - 0.415];
    let likeness = 1.0 - away.iter().map(|value| value * value).sum::<f32>().sqrt();
    ((likeness - 0.8) / 0.2).max(0.0)
}

/// 0 up to 1 for saturated colours that are neither nearly black nor nearly white.
fn strength(pixel: &[f32; 4]) -> f32 {
    let [r, g, b, _] = *pixel;
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    if max <= min || !(0.05..=0.9).contains(&luma(pixel)) {
        return 0.0;
    }
    let spread = if max + min > 1.0 {
        2.0 - max - min
    } else {
        max + min
    };
    (((max - min) / spread - 0.4) / 0.6).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(pixel: [u8; 4]) -> f32 {
        Map::new(4, &pixel.repeat(16)).weights[0]
    }

    #[test]
    fn colour_and_skin_weigh_more_than_grey() {
        assert!(weight([128, 128, 128, 255]).abs() < f32::EPSILON);
        assert!(weight([230, 20, 20, 255]) > 0.0);
        assert!(skin(&[0.87, 0.63, 0.49, 1.0]) > 0.9 && skin(&[0.45, 0.33, 0.255, 1.0]) > 0.9);
        assert!(skin(&[0.2, 0.4, 0.9, 1.0]).abs() < f32::EPSILON);
    }

    #[test]
    fn clear_pixels_weigh_nothing() {
        assert!(weight([230, 20, 20, 0]).abs() < f32::EPSILON);
    }

    #[test]
    fn an_edge_weighs_where_it_is() {
        let rgba: Vec<u8> = (0..256)
            .flat_map(|at| [if at % 16 < 10 { 0 } else { 200 }; 3].into_iter().chain([255]))
            .collect();
        let map = Map::new(16, &rgba);
        assert_eq!((map.columns, map.weights.len()), (4, 16));
        assert!(map.weights[2] > 0.0);
        assert_eq!((map.weights[0], map.weights[3]), (0.0, 0.0));
    }
}
