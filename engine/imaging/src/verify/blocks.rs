//! Means over blocks of pixels.
//!
//! Means of colours are taken before anything is made of them, which is the same as the other way round and
//! far cheaper.

/// Pixels a side: what libjpeg makes one of at an eighth of the size.
pub(super) const BLOCK: usize = 8;

/// How a block is filled that reaches over the right or the lower edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// Not at all: the mean is that of the pixels that are there.
    Open,
    /// By the last column and row again and again, as JPEG does.
    Repeated,
}

/// Mean red, green and blue of each block, row by row, of rows of `width` pixels of `N` bytes.
pub(super) fn means<const N: usize>(
    bytes: &[u8],
    width: usize,
    edge: Edge,
    colour: impl Fn([u8; N]) -> [u32; 3],
) -> Vec<[f32; 3]> {
    let columns = width.div_ceil(BLOCK);
    let missing = |there: usize| match edge {
        Edge::Open => 0,
        Edge::Repeated => BLOCK - there,
    };
    let last_wide = width - (columns - 1) * BLOCK;
    let mut means = Vec::new();
    let mut sums = vec![[0_u32; 3]; columns];
    for rows in bytes.chunks(width * N * BLOCK) {
        sums.fill([0; 3]);
        let high = rows.len() / (width * N);
        for (y, row) in rows.chunks_exact(width * N).enumerate() {
            let weight = if y + 1 == high { 1 + missing(high) } else { 1 } as u32;
            for (sum, part) in sums.iter_mut().zip(row.as_chunks::<N>().0.chunks(BLOCK)) {
                let mut line = [0; 3];
                for &pixel in part {
                    add(&mut line, colour(pixel), 1);
                }
                if let Some(&last) = part.last() {
                    add(&mut line, colour(last), missing(part.len()) as u32);
                }
                add(sum, line, weight);
            }
        }
        let high = high + missing(high);
        means.extend(sums.iter().enumerate().map(|(column, sum)| {
            let wide = if column + 1 == columns { last_wide } else { BLOCK };
            let count = ((wide + missing(wide)) * high) as f32;
            sum.map(|sum| sum as f32 / count)
        }));
    }
    means
}

fn add(sum: &mut [u32; 3], part: [u32; 3], weight: u32) {
    for (sum, part) in sum.iter_mut().zip(part) {
        *sum += part * weight;
    }
}

/// Means of a plane in `grid` blocks of `block` samples; what lies beyond the grid is left out.
pub(super) fn plane(samples: &[u8], width: usize, block: (usize, usize), grid: (usize, usize)) -> Vec<f32> {
    let mut means = Vec::with_capacity(grid.0 * grid.1);
    for rows in samples.chunks(width * block.1).take(grid.1) {
        for column in 0..grid.0 {
            let (mut sum, mut count) = (0, 0);
            for row in rows.chunks_exact(width) {
                let part = &row[(column * block.0).min(width)..((column + 1) * block.0).min(width)];
                sum += part.iter().map(|&sample| u32::from(sample)).sum::<u32>();
                count += part.len();
            }
            means.push(sum as f32 / count.max(1) as f32);
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shades(edge: Edge) -> Vec<f32> {
        let shades = (0..9_u8)
            .flat_map(|y| (0..9_u8).map(move |x| x + y))
            .collect::<Vec<_>>();
        let means = means::<1>(&shades, 9, edge, |[shade]| [shade.into(); 3]);
        means.into_iter().map(|[shade, ..]| shade).collect()
    }

    #[test]
    fn blocks_are_means_also_at_the_edges() {
        assert_eq!(shades(Edge::Open), [7.0, 11.5, 11.5, 16.0]);
        assert_eq!(shades(Edge::Repeated), [7.0, 11.5, 11.5, 16.0]);
        // Rows 0 and 1, the second seven times.
        let two = means::<1>(&[0, 0, 80, 80], 2, Edge::Repeated, |[shade]| [shade.into(); 3]);
        assert_eq!(two, [[70.0; 3]]);
    }

    #[test]
    fn planes_are_averaged_inside_of_the_grid() {
        let samples = (0..15).collect::<Vec<_>>();
        assert_eq!(plane(&samples, 5, (2, 2), (2, 1)), [3.0, 5.0]);
        assert_eq!(plane(&samples, 5, (8, 8), (1, 1)), [7.0]);
    }
}
