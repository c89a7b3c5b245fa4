//! What the report of a run says of a step, in a few words.

use imaging::Pixels;
use workflow::plan::Action;

use super::{Value, native};

/// What a step handed on.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Picture(picture) => {
            let first = picture.first();
            let layout = match first.pixels {
                Pixels::Gray8(_) => "gray8",
                Pixels::Rgb8(_) => "rgb8",
                Pixels::Rgba8(_) => "rgba8",
                Pixels::Rgba16(_) => "rgba16",
                Pixels::Ycc(_) => "ycbcr",
            };
            let frames = if picture.is_animated() {
                format!(" x{}", picture.frames.len())
            } else {
                String::new()
            };
            format!("{}x{} {layout}{frames}", first.width, first.height)
        }
        Value::Bytes(bytes, _) => format!("{} bytes", bytes.len()),
        Value::Json(json) => {
            let text = json.to_string();
            let short: String = text.chars().take(60).collect();
            if short.len() < text.len() {
                format!("{short}…")
            } else {
                text
            }
        }
        Value::Nothing => "nothing".to_owned(),
    }
}

/// The step's action as `uses:` would name it.
pub(crate) fn uses(action: &Action) -> String {
    match action {
        Action::Builtin(op) => native::name(op).to_owned(),
        Action::Plugin(plugin) => plugin.title(),
    }
}
