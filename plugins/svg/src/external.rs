//! References to what is not in the file.

use resvg::usvg::roxmltree::{Document, Node};

/// The first reference to the outside, as it stands in the file. Links (`<a>`) are not loaded, so they may stay.
pub(crate) fn first(document: &Document<'_>) -> Option<String> {
    document.descendants().find_map(in_element)
}

fn in_element(node: Node<'_, '_>) -> Option<String> {
    let name = node.tag_name().name();
    let style = (name == "style").then(|| node.text().unwrap_or_default());
    let attribute = node.attributes().find_map(|attribute| {
        let value = attribute.value().trim();
        match attribute.name() {
            "href" if name != "a" => (!is_inside(value)).then(|| quoted(value)),
            _ => in_css(value),
        }
    });
    attribute.or_else(|| in_css(style?))
}

/// `url(…)` of something else than a part of the file, or `@import`.
fn in_css(css: &str) -> Option<String> {
    if css.contains("@import") {
        return Some("a style sheet by `@import`".to_owned());
    }
    css.split("url(").skip(1).find_map(|rest| {
        let target = rest.split(')').next().unwrap_or_default();
        let target = target.trim().trim_matches(['"', '\'']);
        (!is_inside(target)).then(|| quoted(target))
    })
}

fn is_inside(reference: &str) -> bool {
    reference.is_empty() || reference.starts_with('#') || reference.starts_with("data:")
}

fn quoted(reference: &str) -> String {
    let short: String = reference.chars().take(80).collect();
    format!("`{short}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(inner: &str) -> Option<String> {
        let text = format!("<svg xmlns:xlink='http://www.w3.org/1999/xlink'>{inner}</svg>");
        first(&Document::parse(&text).unwrap())
    }

    #[test]
    fn the_outside_is_found_wherever_it_is_named() {
        for (inner, named) in [
            ("<image href='photo.jpg'/>", "`photo.jpg`"),
            (
                "<g><image xlink:href=' http://a.example/b.png'/></g>",
                "`http://a.example/b.png`",
            ),
            ("<use href='other.svg#part'/>", "`other.svg#part`"),
            (
                "<rect style='fill: url(\"file:///etc/passwd\")'/>",
                "`file:///etc/passwd`",
            ),
            ("<rect filter='url(f.svg#x)'/>", "`f.svg#x`"),
            ("<style>@import 'a.css';</style>", "a style sheet by `@import`"),
            ("<style>text { src: url(font.woff) }</style>", "`font.woff`"),
        ] {
            assert_eq!(found(inner).as_deref(), Some(named), "{inner}");
        }
    }

    #[test]
    fn the_inside_and_links_are_fine() {
        for inner in [
            "<use href='#part'/><image href='data:image/png;base64,AA=='/>",
            "<a href='https://a.example'><rect fill='url(#g)'/></a>",
            "<style>.a { fill: url('#g') }</style><text>url(really)</text>",
        ] {
            assert_eq!(found(inner), None, "{inner}");
        }
    }
}
