//! S3: a server to test with, a bad way to it, and what Stopbath must stand meanwhile.
//!
//! The server is moto in a Python environment that `STOPBATH_S3` names. It keeps everything in memory, has one bucket
//! and lets anybody read it.

mod storm;
mod way;

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::Builder;

pub use storm::{Weathered, storm};
pub use way::{BadWay, Weather};

/// A running server; it ends when dropped, and with the test that started it.
#[derive(Debug)]
pub struct S3 {
    /// Its input is held open: when that closes, the server ends.
    process: Child,
    url: String,
}

impl S3 {
    pub fn start() -> Self {
        let mut command = Command::new(crate::variable("STOPBATH_S3"));
        command
            .arg(crate::root().join("tests/fixtures/s3/server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        // A group of its own: Ctrl-C is for the test.
        let mut process = command
            .process_group(0)
            .spawn()
            .expect("STOPBATH_S3 can be started");
        let output = process.stdout.take().expect("standard output is a pipe");
        let mut url = String::new();
        BufReader::new(output)
            .read_line(&mut url)
            .expect("the server says where it listens");
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://"), "the S3 server does not start");
        Self { process, url }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// What lies there, past Stopbath.
    pub fn object(&self, prefix: &str, digest: &str) -> Vec<u8> {
        let url = format!("{}/blobs/{prefix}/{}/{digest}", self.url, &digest[..2]);
        let mut found = ureq::get(url.as_str())
            .call()
            .unwrap_or_else(|error| panic!("{url}: {error}"));
        found
            .body_mut()
            .read_to_vec()
            .expect("an object that can be read")
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// For `--blobs`. An outage counts as one after about `timeout` seconds.
pub fn address(endpoint: &str, prefix: &str, timeout: u32) -> String {
    format!("s3://blobs/{prefix}?endpoint={endpoint}&region=us-east-1&timeout={timeout}")
}

/// Any keys do; what matters is that requests are signed.
#[must_use]
pub fn with_keys(builder: Builder) -> Builder {
    builder
        .env("AWS_ACCESS_KEY_ID", "tests")
        .env("AWS_SECRET_ACCESS_KEY", "no secret")
}
