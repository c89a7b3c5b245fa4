//! A connection whose bytes a test writes itself: for clients that do what no library would.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Answer;

/// One connection to a server.
#[derive(Debug)]
pub struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        let patience = Some(Duration::from_mins(1));
        stream.set_read_timeout(patience).expect("a timeout can be set");
        stream.set_write_timeout(patience).expect("a timeout can be set");
        Self(stream)
    }

    /// The head of a `POST` to a pipeline, after which the connection is to be closed.
    pub fn post(&mut self, pipeline: &str, headers: &str) {
        let head = format!(
            "POST /v1/pipelines/{pipeline}/process HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n"
        );
        self.send(head.as_bytes()).expect("a head is taken");
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// One chunk of a body with `Transfer-Encoding: chunked`.
    pub fn send_chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send(format!("{:x}\r\n", bytes.len()).as_bytes())?;
        self.send(bytes)?;
        self.send(b"\r\n")
    }

    /// The next bytes of the answer; none once the server has closed the connection, or reset it.
    pub fn read(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset ends the answer as well as a close does.
        (&self.0).take(most as u64).read_to_end(&mut bytes).ok();
        bytes
    }

    /// Everything until the connection ends; the body must not be chunked.
    pub fn answer(mut self) -> Answer {
        let bytes = self.read(usize::MAX);
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let headers = lines.filter_map(|line| line.split_once(": "));
        Answer {
            status: status.and_then(|s| s.parse().ok()).expect("a status"),
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }
}
