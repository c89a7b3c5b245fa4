//! Multipart bodies, made and read by a second, plain implementation.

use crate::Part;

/// A form with one file: the header's value and the body.
pub fn form(field: &str, file_name: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    form_of(field, [(file_name, bytes)])
}

/// A form with several files, by name.
pub fn form_of<'a>(field: &str, files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> (String, Vec<u8>) {
    let boundary = "a-boundary-that-no-picture-has";
    let mut body = Vec::new();
    for (file_name, bytes) in files {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{file_name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

pub(crate) fn read(body: &[u8], boundary: &str) -> Vec<Part> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = after(body, delimiter.as_bytes()).expect("a first boundary");
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = find(part, format!("\r\n{delimiter}").as_bytes()).expect("a boundary after each part");
        parts.push(read_part(&part[..end]));
        rest = &part[end + 2 + delimiter.len()..];
    }
    assert!(rest.starts_with(b"--"), "the last boundary ends the body");
    parts
}

fn read_part(part: &[u8]) -> Part {
    let end = find(part, b"\r\n\r\n").expect("headers, then a body");
    let head = String::from_utf8_lossy(&part[..end]);
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    };
    let disposition = header("content-disposition");
    let name = disposition
        .split_once("filename=\"")
        .and_then(|(_, rest)| rest.split('"').next());
    let body = part[end + 4..].to_vec();
    assert_eq!(header("content-length"), body.len().to_string(), "{head}");
    Part {
        name: name.unwrap_or_default().to_owned(),
        media_type: header("content-type").to_owned(),
        body,
    }
}

fn after<'a>(bytes: &'a [u8], pattern: &[u8]) -> Option<&'a [u8]> {
    find(bytes, pattern).map(|at| &bytes[at + pattern.len()..])
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_parts() {
        let body = b"--x\r\nContent-Type: a/b\r\nContent-Disposition: attachment; filename=\"n\"\r\n\
            Content-Length: 4\r\n\r\n\r\n--\r\n--x--\r\n";
        let parts = read(body, "x");
        assert_eq!(
            (parts.len(), parts[0].name.as_str(), parts[0].media_type.as_str()),
            (1, "n", "a/b")
        );
        assert_eq!(parts[0].body, b"\r\n--");
    }
}
