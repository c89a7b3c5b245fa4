//! Whether a file is SVG, from its first bytes.

/// What may stand before the root, the more special first.
const WRAPPINGS: [(&str, &str); 3] = [("<?", "?>"), ("<!--", "-->"), ("<!", ">")];

/// Looks for `<svg` after a byte order mark, white space, the XML prolog, comments and the document type. When
/// the bytes end inside one of these the answer is yes: no other kind of image begins like that.
pub(crate) fn is_svg(head: &[u8]) -> bool {
    let mut rest = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    while let Some((start, end)) = WRAPPINGS
        .iter()
        .find(|(start, _)| rest.starts_with(start.as_bytes()))
    {
        match skip(&rest[start.len()..], end.as_bytes()) {
            Some(after) => rest = after.trim_ascii_start(),
            None => return true,
        }
    }
    [&b"<svg"[..], b"<svg:svg"]
        .iter()
        .any(|root| rest.strip_prefix(*root).is_some_and(ends_name))
}

/// What follows `end`; a document type's declarations in brackets belong to it.
fn skip<'a>(bytes: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let from = match (end, position(bytes, b"["), position(bytes, b">")) {
        (b">", Some(open), Some(close)) if open < close => open + position(&bytes[open..], b"]")?,
        _ => 0,
    };
    let at = from + position(&bytes[from..], end)?;
    Some(&bytes[at + end.len()..])
}

fn position(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn ends_name(rest: &[u8]) -> bool {
    rest.first()
        .is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn svg_in_its_many_wrappings() {
        for head in [
            "<svg>",
            "<svg",
            "\u{feff}  <svg xmlns='http://www.w3.org/2000/svg'/>",
            "<?xml version='1.0'?>\n<!-- made by hand --><!-- > twice -->\n<svg width='1'>",
            "<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'svg11.dtd'><svg>",
            "<!-- a --><!DOCTYPE svg [ <!ENTITY a 'b'> ]>\r\n<svg:svg xmlns:svg='…'>",
            "<?xml version='1.0' encod",
        ] {
            assert!(is_svg(head.as_bytes()), "{head}");
        }
    }

    #[test]
    fn others() {
        for head in [
            "",
            "<html>",
            "<svgx>",
            "<?xml version='1.0'?><rss>",
            "\u{89}PNG",
            "<!DOCTYPE html><html>",
            "text <svg>",
        ] {
            assert!(!is_svg(head.as_bytes()), "{head}");
        }
    }
}
