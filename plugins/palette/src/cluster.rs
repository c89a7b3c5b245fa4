//! Groups of alike colours by k-means. It starts from the mean and then, each time, from the pixel farthest from
//! all groups so far: no randomness, and a small but striking colour gets its group.

use crate::oklab::Lab;

const ROUNDS: usize = 12;
/// Squared distance below which two colours look the same.
const SAME: f32 = 0.03 * 0.03;

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) centre: Lab,
    pub(crate) pixels: usize,
}

/// At most `count` groups, the largest first; none of no pixels.
pub(crate) fn groups(pixels: &[Lab], count: usize) -> Vec<Group> {
    let mut centres = start(pixels, count);
    let mut sizes = vec![0; centres.len()];
    for _ in 0..ROUNDS {
        let (means, members) = regroup(pixels, &centres);
        sizes = members;
        if means == centres {
            break;
        }
        centres = means;
    }
    let groups = centres
        .into_iter()
        .zip(sizes)
        .map(|(centre, pixels)| Group { centre, pixels });
    let mut groups: Vec<_> = groups.filter(|group| group.pixels > 0).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.pixels));
    groups
}

/// The mean of all, if there are any.
pub(crate) fn mean(pixels: &[Lab]) -> Option<Lab> {
    let sum = pixels.iter().fold([0.0; 3], |sum, pixel| add(sum, *pixel));
    (!pixels.is_empty()).then(|| sum.map(|value| value / pixels.len() as f32))
}

fn start(pixels: &[Lab], count: usize) -> Vec<Lab> {
    let Some(mean) = mean(pixels) else {
        return Vec::new();
    };
    // The first centre is the pixel nearest to the mean: a mean that no pixel has would be a group of none.
    let nearest = pixels
        .iter()
        .copied()
        .min_by(|a, b| distance(*a, mean).total_cmp(&distance(*b, mean)));
    let mut centres: Vec<Lab> = nearest.into_iter().collect();
    let mut gaps = vec![f32::INFINITY; pixels.len()];
    while centres.len() < count {
        let last = centres[centres.len() - 1];
        gaps.iter_mut()
            .zip(pixels)
            .for_each(|(gap, pixel)| *gap = gap.min(distance(*pixel, last)));
        match gaps.iter().zip(pixels).max_by(|a, b| a.0.total_cmp(b.0)) {
            Some((gap, pixel)) if *gap > SAME => centres.push(*pixel),
            _ => break,
        }
    }
    centres
}

/// Each pixel to its nearest centre; the means and the sizes of what came together.
fn regroup(pixels: &[Lab], centres: &[Lab]) -> (Vec<Lab>, Vec<usize>) {
    let mut sums = vec![[0.0; 3]; centres.len()];
    let mut sizes = vec![0_usize; centres.len()];
    for pixel in pixels {
        let by_distance =
            |a: &usize, b: &usize| distance(*pixel, centres[*a]).total_cmp(&distance(*pixel, centres[*b]));
        if let Some(nearest) = (0..centres.len()).min_by(by_distance) {
            sums[nearest] = add(sums[nearest], *pixel);
            sizes[nearest] += 1;
        }
    }
    let means = sums.iter().zip(&sizes).zip(centres).map(|((sum, &size), &old)| {
        if size == 0 {
            old
        } else {
            sum.map(|value| value / size as f32)
        }
    });
    (means.collect(), sizes)
}

fn add(a: Lab, b: Lab) -> Lab {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

fn distance(a: Lab, b: Lab) -> f32 {
    let square = |channel: usize| (a[channel] - b[channel]).powi(2);
    square(0) + square(1) + square(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_striking_group_is_found() {
        let mut pixels = vec![[0.5, 0.0, 0.0]; 990];
        pixels.extend([[0.6, 0.2, 0.1]; 10]);
        let groups = groups(&pixels, 2);
        assert_eq!(
            groups.iter().map(|group| group.pixels).collect::<Vec<_>>(),
            [990, 10]
        );
    }

    #[test]
    fn colours_that_look_the_same_are_one() {
        let pixels: Vec<Lab> = (0..100).map(|at| [0.5 + at as f32 * 1e-4, 0.0, 0.0]).collect();
        assert_eq!(groups(&pixels, 8).len(), 1);
    }

    #[test]
    fn nothing_has_no_groups() {
        assert!(groups(&[], 5).is_empty());
        assert_eq!(mean(&[]), None);
    }
}
