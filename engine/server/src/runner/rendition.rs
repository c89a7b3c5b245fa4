//! The renditions of a run: encoded, read back, and given their keys.

use std::time::Instant;

use bytes::Bytes;
use workflow::failure::Failure;
use workflow::key;
use workflow::rendition::Encode;

use super::{Run, Value, millis};
use crate::outcome::{Rendition, StepReport};

impl Run<'_> {
    /// Whether the node is one that this job wants.
    pub(super) fn wants(&self, node: usize) -> bool {
        let only = self.job.only.as_deref();
        node < self.plan().steps.len() || only.is_none_or(|only| only == self.name(node))
    }

    pub(super) fn rendition(&self, node: usize, input: Option<&Value>) -> Result<Value, Failure> {
        let index = node - self.plan().steps.len();
        let planned = &self.plan().renditions[index];
        let begun = Instant::now();
        let (bytes, width, height) = match (input, &planned.encode) {
            (Some(Value::Picture(picture)), Some(options)) => {
                let bytes = imaging::encode(picture, options)?;
                imaging::verify(&bytes, picture, options)?;
                (Bytes::from(bytes), picture.first().width, picture.first().height)
            }
            (Some(Value::Bytes(bytes, (width, height))), _) => (bytes.clone(), *width, *height),
            _ => return Ok(Value::Nothing),
        };
        let uses = planned
            .encode
            .as_ref()
            .map_or("publish".to_owned(), |e| format!("encode {}", e.format.name()));
        let report = StepReport {
            id: planned.name.clone(),
            uses,
            ms: millis(begun),
            output: format!("{} bytes", bytes.len()),
            notes: planned
                .encode
                .as_ref()
                .and_then(|e| left_out(input, e))
                .into_iter()
                .collect(),
            ..StepReport::default()
        };
        let mut made = self.made();
        let rendition = Rendition {
            name: planned.name.clone(),
            media_type: planned.media_type.clone(),
            width,
            height,
            key: key::rendition_key(&made.keys, self.plan(), index),
            length: bytes.len() as u64,
            bytes,
        };
        made.step_reports.insert(node, report);
        made.renditions.insert(node, rendition);
        Ok(Value::Nothing)
    }
}

/// Where the format keeps one frame of several.
fn left_out(input: Option<&Value>, encode: &Encode) -> Option<String> {
    let Some(Value::Picture(picture)) = input else {
        return None;
    };
    let (frames, format) = (picture.frames.len(), encode.format);
    let loses = frames > 1 && !imaging::keeps_frames(format);
    loses.then(|| {
        format!(
            "{frames} frames, only the first is kept: {} has no animation here",
            format.name()
        )
    })
}
