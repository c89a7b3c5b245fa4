//! Names of files: what is kept of those that callers say, and how they are said to others.
//!
//! They are for people to recognise a file by; nothing here is opened by them.

use axum::http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::Url;

/// In characters.
const LONGEST: usize = 255;
/// What RFC 8187 wants encoded, and a little more.
pub(crate) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a caller says, without what no name needs.
pub(crate) fn plain(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    (!name.is_empty()).then_some(name)
}

/// The last part of an address' path.
pub(crate) fn of_address(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let last = url.path_segments()?.next_back()?;
    plain(&percent_decode_str(last).decode_utf8_lossy())
}

/// `Content-Disposition` of a file to be saved (RFC 6266): the name in ASCII for all, and as it is for who can read it.
pub(crate) fn attachment(name: Option<&str>) -> HeaderValue {
    let value = name.and_then(last_part).map(|name| {
        let safe = |c: char| c.is_ascii_alphanumeric() || "-._ ()".contains(c);
        let ascii: String = name.chars().map(|c| if safe(c) { c } else { '_' }).collect();
        format!(
            "attachment; filename=\"{ascii}\"; filename*=UTF-8''{}",
            utf8_percent_encode(name, ENCODED)
        )
    });
    let value = value.and_then(|value| HeaderValue::try_from(value).ok());
    value.unwrap_or_else(|| HeaderValue::from_static("attachment"))
}

/// Without the folders that some callers send along.
fn last_part(name: &str) -> Option<&str> {
    let last = name.rsplit(['/', '\\']).next()?.trim();
    (!last.is_empty() && !last.chars().all(|c| c == '.')).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_for_people() {
        assert_eq!(plain("été/plage 1.jpg").as_deref(), Some("été/plage 1.jpg"));
        assert_eq!(plain("a\0b\r\nc").as_deref(), Some("abc"));
        assert_eq!(plain("\u{7}"), None);
        assert_eq!(plain(&"é".repeat(1000)).unwrap().chars().count(), 255);
    }

    #[test]
    fn an_address_names_its_file() {
        for (address, name) in [
            ("https://example.com/a/cat.jpg?size=2#top", Some("cat.jpg")),
            ("https://example.com/%C3%A9t%C3%A9%201.jpg", Some("été 1.jpg")),
            ("https://example.com/100%.png", Some("100%.png")),
            ("https://example.com/a%0Ab", Some("ab")),
            ("https://example.com/", None),
            ("https://example.com", None),
            ("cat.jpg", None),
        ] {
            assert_eq!(of_address(address).as_deref(), name, "{address}");
        }
    }

    #[test]
    fn a_name_is_no_path_and_ends_no_header() {
        let said = |name| attachment(Some(name)).to_str().unwrap().to_owned();
        assert_eq!(
            said("../été \"1\".jpg"),
            "attachment; filename=\"_t_ _1_.jpg\"; filename*=UTF-8''%C3%A9t%C3%A9%20%221%22.jpg"
        );
        assert_eq!(
            said("C:\\pictures\\cat.jpg"),
            "attachment; filename=\"cat.jpg\"; filename*=UTF-8''cat.jpg"
        );
        for nothing in ["", "..", "a/", " "] {
            assert_eq!(said(nothing), "attachment", "{nothing:?}");
        }
        assert_eq!(attachment(None), "attachment");
    }
}
