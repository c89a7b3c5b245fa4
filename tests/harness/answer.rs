//! What the server answered, and ways to look into it.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use image::RgbaImage;
use serde_json::Value;
use ureq::Body;
use ureq::http::Response;

/// One answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// One part of a multipart answer.
#[derive(Debug, Clone)]
pub struct Part {
    pub name: String,
    pub media_type: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub(crate) fn read(response: Response<Body>) -> Self {
        Self::try_read(response).expect("the answer is whole")
    }

    /// Nothing if it breaks off.
    pub(crate) fn try_read(mut response: Response<Body>) -> Option<Self> {
        let text = |v: &ureq::http::HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
        let body = response.body_mut().with_config().limit(256 << 20);
        let body = body.read_to_vec().ok()?;
        let headers = response.headers().iter();
        Some(Self {
            status: response.status().as_u16(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body,
        })
    }

    /// A header's value, empty where it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Demands that all went well.
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("not JSON ({error}): {}", String::from_utf8_lossy(&self.body));
        })
    }

    /// The error kind, after all that every problem must have has been checked.
    pub fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "status {}",
            self.status
        );
        let problem = self.json();
        let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        let kind = text("kind");
        assert_eq!(text("type"), format!("/problems/{kind}"));
        assert_eq!(problem["status"], self.status);
        assert!(
            !kind.is_empty() && !text("title").is_empty() && text("detail").len() > 10,
            "{problem}"
        );
        kind
    }

    /// The error kind, or `ok`.
    pub fn outcome(&self) -> String {
        if self.status == 200 {
            "ok".to_owned()
        } else {
            self.problem()
        }
    }

    pub fn picture(&self) -> RgbaImage {
        crate::pictures::read(&self.body)
    }

    /// The parts of a `multipart/mixed` answer.
    pub fn parts(&self) -> Vec<Part> {
        let media_type = self.header("content-type");
        let boundary = media_type.strip_prefix("multipart/mixed; boundary=");
        crate::multipart::read(
            &self.body,
            boundary.unwrap_or_else(|| panic!("not multipart: {media_type}")),
        )
    }

    /// Names and contents of an `application/zip` answer.
    pub fn zip(&self) -> Vec<(String, Vec<u8>)> {
        assert_eq!(self.header("content-type"), "application/zip");
        let mut archive = zip::ZipArchive::new(Cursor::new(&self.body)).expect("a whole ZIP");
        let mut files = Vec::new();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).expect("an entry");
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).expect("an entry that can be read");
            files.push((file.name().expect("a name in UTF-8").into_owned(), bytes));
        }
        files
    }
}
