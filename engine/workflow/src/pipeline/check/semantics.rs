//! What a built-in's params must make sense of together, beyond what its schema can say.

use super::{fields::Fields, report::Report};
use crate::op::{Anchor, Crop, Fit, Op, Pad, Position, Resize};

/// False when there was an error; warnings leave it true.
pub(super) fn check(op: &Op, step: Fields<'_>, report: &mut Report) -> bool {
    match op {
        Op::Resize(resize) => check_resize(resize, step, report),
        Op::Crop(crop) => check_crop(crop, step, report),
        Op::Pad(pad) => check_pad(pad, step, report),
        Op::Rotate(rotate) => {
            if rotate.angle % 360.0 == 0.0 {
                warn(step, "angle", "this turns the picture by nothing", report);
            }
            if rotate.angle % 90.0 == 0.0 {
                let message = "`background` does nothing at right angles: they leave no corner empty";
                warn(step, "background", message, report);
            }
            true
        }
        Op::Decode(_) | Op::Flip(_) | Op::Sharpen(_) | Op::Blur(_) => true,
    }
}

fn check_resize(resize: &Resize, step: Fields<'_>, report: &mut Report) -> bool {
    let exact = matches!(resize.fit, Fit::Cover | Fit::Contain | Fit::Fill);
    match (resize.width, resize.height) {
        (None, None) => {
            error(step, "", "`resize` needs `width`, `height` or both", report);
            return false;
        }
        (Some(_), Some(_)) => {}
        _ if exact => {
            let missing = if resize.width.is_none() { "width" } else { "height" };
            let fit = step
                .get("with")
                .and_then(|w| w.get("fit"))
                .map(|(_, n)| n.text())
                .unwrap_or_default();
            error(
                step,
                "fit",
                &format!("`fit: {fit}` needs both sides of the box; `{missing}` is missing"),
                report,
            );
            return false;
        }
        _ => {}
    }
    if !matches!(resize.fit, Fit::Cover | Fit::Contain) {
        warn(
            step,
            "position",
            "`position` does nothing here; it is for `fit: cover` and `fit: contain`",
            report,
        );
    }
    if resize.fit == Fit::Contain {
        let message = match resize.position {
            Position::Focus(_) => Some("`contain` keeps the whole picture, so a focal point only moves it"),
            Position::Anchor(Anchor::Attention | Anchor::Entropy) => Some(
                "`contain` keeps the whole picture, so there is nothing to choose: it is centred; use `fit: cover`, or an anchor such as `top-left`",
            ),
            Position::Anchor(_) => None,
        };
        if let Some(message) = message {
            warn(step, "position", message, report);
        }
    }
    if resize.fit != Fit::Contain {
        warn(
            step,
            "background",
            "`background` does nothing here; it is for `fit: contain`",
            report,
        );
    }
    true
}

fn check_crop(crop: &Crop, step: Fields<'_>, report: &mut Report) -> bool {
    if crop.x.is_some() != crop.y.is_some() {
        let (there, missing) = if crop.x.is_some() { ("x", "y") } else { ("y", "x") };
        error(
            step,
            there,
            &format!("`crop` takes `x` and `y` together; `{missing}` is missing"),
            report,
        );
        return false;
    }
    if crop.x.is_some() {
        warn(
            step,
            "position",
            "`position` does nothing where `x` and `y` are given",
            report,
        );
    }
    true
}

fn check_pad(pad: &Pad, step: Fields<'_>, report: &mut Report) -> bool {
    let nothing = pad.top == 0 && pad.right == 0 && pad.bottom == 0 && pad.left == 0;
    // A background alone is of use: it flattens transparency.
    if nothing && pad.background.a == 0 {
        error(
            step,
            "",
            "`pad` needs a border (`top`, `right`, `bottom`, `left`) or a `background`",
            report,
        );
        return false;
    }
    true
}

/// At the key of `with`, else at `with`, else at `uses`.
fn error(step: Fields<'_>, key: &str, message: &str, report: &mut Report) {
    let with = step.get("with");
    if let Some((key, _)) = with.and_then(|w| w.get(key)) {
        report.error(key.at, &key.text, message);
    } else if let Some(key) = step.key("with").filter(|_| with.is_some()) {
        report.error(key.at, "with", message);
    } else if let Some(node) = step.get("uses") {
        report.error(node.at, &node.text(), message);
    }
}

/// Only where the key was written.
fn warn(step: Fields<'_>, key: &str, message: &str, report: &mut Report) {
    if let Some((key, _)) = step.get("with").and_then(|w| w.get(key)) {
        report.warn(key.at, &key.text, message);
    }
}
