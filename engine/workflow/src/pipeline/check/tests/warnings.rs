//! What is pointed out without stopping anything.

use super::messages::around;
use super::*;

#[test]
fn warnings_do_not_stop_a_pipeline() {
    let cases = [
        (
            "- { id: b, uses: resize, with: { width: 5, position: top } }",
            "",
            "`position` does nothing here",
        ),
        (
            "- { id: b, uses: resize, with: { width: 5, height: 5, fit: contain, position: attention } }",
            "",
            "so there is nothing to choose: it is centred",
        ),
        (
            "- { id: b, uses: resize, with: { width: 5, height: 5, fit: contain, position: entropy } }",
            "",
            "so there is nothing to choose: it is centred",
        ),
        (
            "- { id: b, uses: resize, with: { width: 5, height: 5, fit: contain, position: { x: 0.1, y: 0.2 } } }",
            "",
            "a focal point only moves it",
        ),
        (
            "- { id: b, uses: rotate, with: { angle: 90, background: black } }",
            "",
            "`background` does nothing at right angles",
        ),
        (
            "- { id: b, uses: watermark@^1, limits: { memory: 1GiB } }",
            "",
            "no call of a plugin gets more than 512MiB of memory, so this means 512MiB",
        ),
        (
            "",
            "- { name: x.jpg, format: jpeg, effort: 9 }",
            "an `effort` below 10 changes nothing for jpeg",
        ),
        (
            "- { id: b, from: photo, uses: qoi@^1 }",
            "",
            "nothing uses the result of `b`",
        ),
        (
            "",
            "- { name: x.webp, format: jpeg }",
            "the name ends in `.webp`, but the format is jpeg",
        ),
        ("", "- { name: x, format: jpeg }", "the name has no extension"),
    ];
    for (step, rendition, expected) in cases {
        let indent = |line: &str| {
            if line.is_empty() {
                String::new()
            } else {
                format!("  {line}\n")
            }
        };
        let checked = check(
            &around(&indent(step), &indent(rendition)),
            "test.yaml",
            &catalog(),
        )
        .unwrap();
        assert_eq!(
            checked.warnings.len(),
            1,
            "{step} {rendition}: {:?}",
            checked.warnings
        );
        assert!(
            checked.warnings[0].message.contains(expected),
            "{}",
            checked.warnings[0]
        );
    }
}
