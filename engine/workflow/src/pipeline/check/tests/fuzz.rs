//! `check` must never panic, and every problem must stand where it can be shown.

use proptest::prelude::*;

use super::*;

fn must_hold(source: &str) {
    for problem in problems(source) {
        assert!(problem.line >= 1 && problem.column >= 1);
        assert!(!problem.message.is_empty());
        assert!(problem.render(source).contains("test.yaml:"));
    }
}

/// Pieces that mean something to YAML or to us.
const PIECES: &[&str] = &[
    "\n",
    "  ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "|",
    ">",
    "'",
    "\"",
    "#",
    "---",
    "\t",
    "~",
    "from: ",
    "uses: ",
    "decode",
    "original",
    "watermark@",
    "^1",
    "99999999999999999999",
    "-0",
    "1e999",
    "é",
    "\u{feff}",
    "\0",
    "<<",
    "? ",
    "!!x ",
    "%",
    "@",
    "`",
    "on_failure: { fallback: photo }",
    "from: thumb",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text(source in "\\PC{0,200}") {
        must_hold(&source);
    }

    #[test]
    fn any_pieces(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        must_hold(&pieces.concat());
    }

    #[test]
    fn mutated_examples(
        which in 0..EXAMPLES.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..8, prop::sample::select(PIECES)), 1..4),
    ) {
        let mut chars: Vec<char> = EXAMPLES[which].1.chars().collect();
        for (at, delete, insert) in edits {
            let at = at.index(chars.len() + 1);
            let end = (at + delete).min(chars.len());
            chars.splice(at..end, insert.chars());
        }
        must_hold(&chars.into_iter().collect::<String>());
    }
}
