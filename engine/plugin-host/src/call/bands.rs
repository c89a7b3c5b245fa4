//! Horizontal bands of one frame, an instance each, and their results put together.

use workflow::failure::{Failure, FailureKind};

use super::{Call, CallReport, Outcome};
use crate::abi::buffer::Buffer;
use crate::abi::frames::{GuestFrame, frame};
use crate::abi::v1;
use crate::engine::Host;
use crate::limits::Limits;
use crate::load::Plugin;
use imaging::Frame;

impl Host {
    pub(super) fn filter_bands(
        &self,
        plugin: &Plugin,
        source: &GuestFrame,
        call: &Call<'_>,
        bands: u32,
    ) -> Outcome<Frame> {
        let info = source.info();
        let edge = |band: u32| (u64::from(info.height) * u64::from(band) / u64::from(bands)) as u32;
        let run = |band: u32| {
            let (y, height) = (edge(band), edge(band + 1) - edge(band));
            let part = v1::ImageInfo { height, ..info };
            let rows = part.byte_len() as usize / height as usize;
            let pixels = source.share(y as usize * rows..(y + height) as usize * rows);
            let (report, made) = self.filter_whole(plugin, GuestFrame(frame(part, pixels)), call);
            (report, made.and_then(|made| same_size(made, part)))
        };
        let parts: Vec<Outcome<Frame>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (1..bands).map(|band| scope.spawn(move || run(band))).collect();
            let first = run(0);
            std::iter::once(first)
                .chain(
                    threads
                        .into_iter()
                        .map(|t| t.join().unwrap_or_else(|_| panicked())),
                )
                .collect()
        });
        join(parts)
    }
}

impl CallReport {
    /// Whether bands, all together, spent no more than one call may, in silence.
    pub(super) fn is_within(&self, limits: &Limits, pixels: u64) -> bool {
        self.fuel <= limits.fuel(pixels)
            && self.memory <= limits.memory
            && self.frame_bytes <= limits.frame_bytes
            && self.logs.is_empty()
            && self.emitted.is_empty()
    }
}

/// A filter that maps each pixel alone gives back as many as it got.
fn same_size(made: Frame, band: v1::ImageInfo) -> Result<Frame, Failure> {
    if (made.width, made.height) == (band.width, band.height) {
        return Ok(made);
    }
    let text = format!(
        "the plugin says that it maps each pixel alone, but made {}x{} of a band of {}x{}",
        made.width, made.height, band.width, band.height
    );
    Err(Failure::new(FailureKind::BadOutput, text))
}

/// Puts bands together, in order; the first failure wins.
fn join(parts: Vec<Outcome<Frame>>) -> Outcome<Frame> {
    let mut report = CallReport::default();
    let mut frames = Vec::new();
    let mut failure = None;
    for (part, result) in parts {
        report.fuel += part.fuel;
        report.peak_memory = report.peak_memory.max(part.peak_memory);
        report.memory += part.memory;
        report.frame_bytes += part.frame_bytes;
        report.logs.extend(part.logs);
        report.emitted.extend(part.emitted);
        match result {
            Ok(frame) => frames.push(GuestFrame(frame)),
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    if let Some(failure) = failure {
        return (report, Err(failure));
    }
    let first = frames[0].info();
    if frames
        .iter()
        .any(|f| (f.info().width, f.info().format) != (first.width, first.format))
    {
        let text = "the plugin says that it maps each pixel alone, but its bands differ in width or format";
        return (report, Err(Failure::new(FailureKind::BadOutput, text)));
    }
    let height = frames.iter().map(|f| f.info().height).sum();
    let Ok(mut pixels) = Buffer::new(frames.iter().map(|f| f.bytes().len()).sum()) else {
        let text = "there is no memory to put the bands of the plugin's frame together";
        return (report, Err(Failure::new(FailureKind::HostLimit, text)));
    };
    let mut rest = &mut pixels[..];
    for frame in &frames {
        let (place, below) = rest.split_at_mut(frame.bytes().len());
        place.copy_from_slice(frame.bytes());
        rest = below;
    }
    (
        report,
        Ok(frame(v1::ImageInfo { height, ..first }, pixels.freeze())),
    )
}

fn panicked() -> Outcome<Frame> {
    (
        CallReport::default(),
        Err(Failure::new(
            FailureKind::Internal,
            "the engine panicked while it ran a band",
        )),
    )
}
