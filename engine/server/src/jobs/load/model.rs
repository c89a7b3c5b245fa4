//! What a job of one pipeline takes, by its size: `ms = base + slope * size`.
//!
//! The size is the picture's number of pixels, which is what steps work on. It is known of jobs that ran. Of one that did
//! not it is guessed from the original's length and from how many pixels a byte held in the pipeline's originals so
//! far: the pixels stand in the file, and this process reads no original. See `decisions/0007-admission.md`.
//!
//! Least squares over the jobs that ran, in which each counts a little less than the next one. A single job that took
//! very long or no time at all moves it no further than one that took a few times as long as was expected.

use workflow::plan::Plan;

use crate::outcome::Report;

/// The weight of the newest job.
const NEWEST: f64 = 0.05;
/// So many times more or less than was expected is as much as one job may say.
const SURPRISE: f64 = 4.0;
/// From this weight on there is an expectation; five jobs have it.
const KNOWN: f64 = 4.0;
/// Sizes that differ by less, relative and squared, say nothing about size.
const ALIKE: f64 = 1e-6;

/// Pixels that a byte of an ordinary photo holds.
const ORDINARY: f64 = 4.0;

/// How much there is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Steps and renditions of its pipeline.
    pub(super) steps: usize,
    /// Of the original.
    pub(super) bytes: u64,
    /// Of the picture, once it was seen.
    pub(super) pixels: Option<u64>,
}

impl Size {
    pub(crate) fn new(plan: &Plan, bytes: u64) -> Self {
        let steps = plan.steps.len() + plan.renditions.len();
        Self {
            steps,
            bytes,
            pixels: None,
        }
    }

    /// With the pixels that the report of a finished job tells of.
    #[must_use]
    pub(crate) fn seen(self, report: &Report) -> Self {
        let decoded = report.steps.iter().find(|step| step.uses == "decode");
        let pixels = decoded.and_then(|step| pixels(&step.output)).or(self.pixels);
        Self { pixels, ..self }
    }

    /// In MiB that an ordinary photo of as many pixels would have. `density`: how many times as many pixels as in an
    /// ordinary photo a byte holds.
    fn mib(self, density: f64) -> f64 {
        let pixels = self.pixels.map(|pixels| pixels as f64 / ORDINARY);
        pixels.unwrap_or(self.bytes as f64 * density) / f64::from(1 << 20)
    }

    /// How much there is to do, as far as that can be said without having seen it done.
    pub(super) fn units(self) -> f64 {
        self.steps.max(1) as f64 * (1.0 + self.mib(1.0))
    }
}

/// Of a picture that a report describes like `1600x1200 rgb8`.
fn pixels(output: &str) -> Option<u64> {
    let (width, height) = output.split_whitespace().next()?.split_once('x')?;
    width.parse::<u64>().ok()?.checked_mul(height.parse().ok()?)
}

/// Sums over the jobs that ran, older ones weighing less: of weights, sizes, times, and their products.
#[derive(Debug, Default)]
pub(super) struct Model {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    units: f64,
    /// Of jobs whose pixels were seen: the pixels, and the bytes that held them.
    pixels: f64,
    bytes: f64,
}

impl Model {
    pub(super) fn learn(&mut self, size: Size, ms: f64) {
        let y = if self.n < KNOWN {
            ms
        } else {
            let expected = self.predict(size).max(1.0);
            ms.clamp(expected / SURPRISE, expected * SURPRISE)
        };
        let x = size.mib(self.density());
        let add = |sum: &mut f64, new: f64| *sum = *sum * (1.0 - NEWEST) + new;
        add(&mut self.n, 1.0);
        add(&mut self.x, x);
        add(&mut self.y, y);
        add(&mut self.xx, x * x);
        add(&mut self.xy, x * y);
        add(&mut self.units, size.units());
        if let Some(pixels) = size.pixels {
            add(&mut self.pixels, pixels as f64);
            add(&mut self.bytes, size.bytes as f64);
        }
    }

    fn density(&self) -> f64 {
        if self.bytes > 0.0 {
            self.pixels / self.bytes / ORDINARY
        } else {
            1.0
        }
    }

    /// In milliseconds; of a pipeline of which at least one job ran.
    pub(super) fn predict(&self, size: Size) -> f64 {
        let x = size.mib(self.density());
        let spread = self.n * self.xx - self.x * self.x;
        if spread <= ALIKE * self.n * self.xx {
            return self.mean();
        }
        let slope = (self.n * self.xy - self.x * self.y) / spread;
        let base = (self.y - slope * self.x) / self.n;
        if slope <= 0.0 {
            self.mean()
        } else if base < 0.0 {
            self.xy / self.xx * x
        } else {
            base + slope * x
        }
    }

    pub(super) fn mean(&self) -> f64 {
        self.y / self.n
    }

    /// Milliseconds for one of [`Size::units`].
    pub(super) fn per_unit(&self) -> f64 {
        self.y / self.units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mib(n: u64) -> Size {
        Size {
            steps: 3,
            bytes: n << 20,
            pixels: None,
        }
    }

    /// A picture of so many megapixels in a file of one byte for each hundred.
    fn flat(megapixels: u64) -> Size {
        Size {
            pixels: Some(megapixels * 1_000_000),
            bytes: megapixels * 10_000,
            ..mib(0)
        }
    }

    #[test]
    fn small_files_with_many_pixels_are_costly() {
        let mut model = Model::default();
        for n in 0..100 {
            let megapixels = 1 + n % 7;
            model.learn(flat(megapixels), 10.0 * megapixels as f64);
        }
        let unseen = Size {
            pixels: None,
            ..flat(100)
        };
        close(model.predict(unseen), 1000.0);
        close(model.predict(flat(100)), 1000.0);
    }

    #[test]
    fn a_report_tells_the_pixels() {
        let mut report = Report::default();
        assert_eq!(mib(1).seen(&report).pixels, None);
        for (uses, output) in [("decode", "1600x1200 rgb8"), ("resize", "10x10 rgb8")] {
            report.steps.push(crate::outcome::StepReport {
                uses: uses.into(),
                output: output.into(),
                ..Default::default()
            });
        }
        assert_eq!(mib(1).seen(&report).pixels, Some(1_920_000));
        assert_eq!(pixels("7130 bytes"), None);
        assert_eq!(pixels("json"), None);
    }

    fn close(is: f64, should: f64) {
        assert!((is - should).abs() < should * 0.01, "{is} is not {should}");
    }

    #[test]
    fn small_and_large_originals_are_told_apart() {
        let mut model = Model::default();
        for n in 0..100 {
            let n = n % 7;
            model.learn(mib(n), 20.0 + 30.0 * n as f64);
        }
        close(model.predict(mib(0)), 20.0);
        close(model.predict(mib(3)), 110.0);
        close(model.predict(mib(20)), 620.0);
    }

    #[test]
    fn nothing_is_cheaper_than_nothing_and_no_size_makes_it_quicker() {
        let mut model = Model::default();
        for (size, ms) in [(10, 10.0), (20, 110.0)] {
            model.learn(mib(size), ms);
        }
        assert!(model.predict(mib(1)) > 0.0, "the line meets zero at nine");
        let mut model = Model::default();
        for (size, ms) in [(1, 100.0), (5, 50.0)] {
            model.learn(mib(size), ms);
        }
        close(model.predict(mib(100)), model.mean());
    }

    #[test]
    fn one_odd_job_changes_little_and_many_change_all() {
        let mut model = Model::default();
        for _ in 0..100 {
            model.learn(mib(2), 100.0);
        }
        model.learn(mib(2), 1e9);
        assert!(model.predict(mib(2)) < 120.0, "{}", model.predict(mib(2)));
        for _ in 0..200 {
            model.learn(mib(2), 900.0);
        }
        close(model.predict(mib(2)), 900.0);
    }

    #[test]
    fn time_that_was_not_measured_does_not_stick() {
        let mut model = Model::default();
        for _ in 0..100 {
            model.learn(mib(2), 0.0);
        }
        for _ in 0..200 {
            model.learn(mib(2), 500.0);
        }
        close(model.predict(mib(2)), 500.0);
    }
}
