//! What each step made, as files for people to look at, where the job asks for them.
//!
//! Pictures become PNGs of the same depth (animations APNGs, and the planes of a JPEG RGB), JSON and bytes stay what
//! they are. Making files takes time that the job's limits do not count, and what cannot be kept is told in the
//! step's notes: a run that is looked at ends as it would alone.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use imaging::Picture;
use workflow::failure::Failure;
use workflow::plan::PlannedStep;
use workflow::rendition::{Encode, Format};

use super::{Run, Value};
use crate::outcome::{Kept, StepReport};

impl Run<'_> {
    pub(super) fn keep_value(&self, node: usize, step: &PlannedStep, value: &Value, report: &mut StepReport) {
        if !self.job.keep_steps {
            return;
        }
        let begun = Instant::now();
        match file(step, value) {
            Ok(Some((bytes, ending))) => {
                let spent = begun.elapsed().as_micros() as u64;
                self.keeping.fetch_add(spent, Ordering::Relaxed);
                (self.on_kept)(Kept {
                    place: node,
                    report: report.clone(),
                    ending,
                    length: bytes.len() as u64,
                    spent,
                    bytes,
                });
            }
            Ok(None) => {}
            Err(failure) => report.notes.push(format!("what it made is not kept: {failure}")),
        }
    }

    /// When the job must have ended.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline + Duration::from_micros(self.keeping.load(Ordering::Relaxed))
    }
}

/// Bytes and the ending of their name; `None` if the step made nothing.
fn file(step: &PlannedStep, value: &Value) -> Result<Option<(Bytes, String)>, Failure> {
    Ok(match value {
        Value::Picture(picture) => Some((png(picture)?, "png".to_owned())),
        Value::Json(json) => Some((format!("{json:#}").into(), "json".to_owned())),
        Value::Bytes(bytes, _) => Some((bytes.clone(), ending(step))),
        Value::Nothing => None,
    })
}

fn png(picture: &Picture) -> Result<Bytes, Failure> {
    Ok(imaging::encode(picture, &Encode::new(Format::Png))?.into())
}

/// By the media type that an encoder says it makes.
fn ending(step: &PlannedStep) -> String {
    let media_type = step.plugin().and_then(|plugin| plugin.media_types.first());
    let subtype = media_type.and_then(|media_type| media_type.rsplit_once('/'));
    let plain = |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
    let ending = subtype.map(|(_, subtype)| subtype.trim_start_matches("x-"));
    ending.filter(plain).unwrap_or("bin").to_owned()
}
