//! Progress of longer commands: drawn on standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// `bar` as `template` says, or nothing that is seen.
pub(super) fn styled(bar: ProgressBar, template: &str, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
