//! Colours of the command line; `anstream` drops them where no terminal reads.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

pub(crate) fn error(text: impl Display) -> String {
    paint(AnsiColor::Red.on_default().bold(), text)
}

pub(crate) fn good(text: impl Display) -> String {
    paint(AnsiColor::Green.on_default().bold(), text)
}

pub(crate) fn warning(text: impl Display) -> String {
    paint(AnsiColor::Yellow.on_default().bold(), text)
}

pub(crate) fn dim(text: impl Display) -> String {
    paint(Style::new().dimmed(), text)
}

fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
