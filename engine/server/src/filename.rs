//! Names of files: what is kept of those that callers say, and how they are said to others.
//!
//! They are for people to recognise a file by; nothing here is opened by them.

use std::fmt::Write;

use axum::http::HeaderValue;
use reqwest::Url;

/// In characters.
const LONGEST: usize = 255;

/// What a caller says, without what no name needs.
pub(crate) fn plain(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    (!name.is_empty()).then_some(name)
}

/// The last part of an address' path.
pub(crate) fn of_address(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let last = url.path_segments()?.next_back()?;
    plain(&decoded(last))
}

/// `Content-Disposition` of a file to be saved (RFC 6266): the name in ASCII for all, and as it is for who can read it.
pub(crate) fn attachment(name: Option<&str>) -> HeaderValue {
    let value = name.and_then(last_part).map(|name| {
        let safe = |c: char| c.is_ascii_alphanumeric() || "-._ ()".contains(c);
        let ascii: String = name.chars().map(|c| if safe(c) { c } else { '_' }).collect();
        format!(
            "attachment; filename=\"{ascii}\"; filename*=UTF-8''{}",
            encoded(name)
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

/// RFC 8187.
fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(byte.into());
        } else {
            write!(text, "%{byte:02X}").ok();
        }
    }
    text
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = tail.get(..2).filter(|_| *first == b'%');
        let mut byte = [0_u8];
        let is_escape = escape.is_some_and(|digits| hex::decode_to_slice(digits, &mut byte).is_ok());
        bytes.push(if is_escape { byte[0] } else { *first });
        rest = if is_escape { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
