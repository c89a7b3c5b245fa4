//! Texts put into messages: lists of choices, and what others wrote.

use std::borrow::Cow;

/// Characters of a text from outside that a message repeats at most.
const LONGEST: usize = 200;

/// A text from outside, as a message repeats it: without what is too long of it.
pub fn clip(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// "`a`", "`a` or `b`", "`a`, `b` or `c`".
pub(crate) fn one_of(names: &[&str]) -> String {
    let mut quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match quoted.pop() {
        None => "nothing".to_owned(),
        Some(only) if quoted.is_empty() => only,
        Some(last) => format!("{} or {last}", quoted.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_clipped_at_a_character() {
        let fits = "é".repeat(LONGEST);
        assert_eq!(clip(&fits), fits);
        assert_eq!(clip(&format!("{fits}é")), format!("{fits}…"));
    }
}
