//! The Lanczos window with three lobes, without the C library's sine.
//!
//! Weights are made anew for each resize, some thousands of them, and the sines were a twentieth of a
//! thumbnail's time. Plain multiplications also give the same weights on every machine, where sines may
//! differ in the last bit from one library to the next.

use fast_image_resize::{Filter, FilterType};

const LOBES: f64 = 3.0;

pub(super) fn filter() -> FilterType {
    Filter::new("lanczos3", weight, LOBES).map_or(FilterType::Lanczos3, FilterType::Custom)
}

/// `sinc(x) sinc(x / 3)`. Both sines come from one: `sin 3t = 3 sin t - 4 sin³ t`.
fn weight(x: f64) -> f64 {
    let x = x.abs();
    if x >= LOBES {
        return 0.0;
    }
    if x < 1e-8 {
        return 1.0;
    }
    let angle = x * (std::f64::consts::PI / LOBES);
    let sine = sine(angle);
    (3.0 - 4.0 * sine * sine) * sine * sine / (LOBES * angle * angle)
}

/// For 0 to pi; the series is good to 1e-12 up to a quarter of the circle.
fn sine(angle: f64) -> f64 {
    const SERIES: [f64; 7] = [
        -1.0 / 6.0,
        1.0 / 120.0,
        -1.0 / 5_040.0,
        1.0 / 362_880.0,
        -1.0 / 39_916_800.0,
        1.0 / 6_227_020_800.0,
        -1.0 / 1_307_674_368_000.0,
    ];
    let angle = angle.min(std::f64::consts::PI - angle);
    let square = angle * angle;
    let tail = SERIES.iter().rev().fold(0.0, |sum, term| (sum + term) * square);
    angle + angle * tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_those_of_the_definition() {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { x.sin() / x };
        for step in -3_100..=3_100 {
            let x = f64::from(step) / 1_000.0;
            let expected = if x.abs() < LOBES {
                sinc(x * std::f64::consts::PI) * sinc(x * std::f64::consts::PI / LOBES)
            } else {
                0.0
            };
            assert!(
                (weight(x) - expected).abs() < 1e-10,
                "{x}: {} {expected}",
                weight(x)
            );
        }
    }
}
