//! An S3 server for as long as the tests run, a prefix of its own for every test, and what only S3 can get wrong.
//!
//! The server ends with its input: however the tests end, their end of the pipe closes.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use storage::blobs::{Blobs, blob};
use workflow::ports::StoreError;

struct Server {
    url: String,
    /// Its input is held open: when that closes, the server ends.
    _process: Child,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static PREFIXES: AtomicU32 = AtomicU32::new(0);

/// A place that nobody has used.
pub(crate) async fn fresh_prefix() -> Blobs {
    let url = tokio::task::spawn_blocking(server).await.unwrap();
    let prefix = PREFIXES.fetch_add(1, Ordering::Relaxed);
    open(&format!("s3://blobs/tests/{prefix}"), url, 15)
}

fn open(place: &str, endpoint: &str, timeout: u32) -> Blobs {
    // The client wants to know whose TLS it would use.
    rustls::crypto::ring::default_provider().install_default().ok();
    let options = format!("region=us-east-1&skip_signature=true&timeout={timeout}");
    Blobs::open(&format!("{place}?endpoint={endpoint}&{options}")).unwrap()
}

fn server() -> &'static str {
    &SERVER.get_or_init(start).url
}

fn start() -> Server {
    let Some(python) = std::env::var_os("STOPBATH_S3") else {
        panic!("STOPBATH_S3 is not set: run these tests by `cargo xtask test`");
    };
    let mut process = Command::new(python)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/s3/server.py"
        ))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // A group of its own: Ctrl-C is for the tests.
        .process_group(0)
        .spawn()
        .unwrap();
    let mut url = String::new();
    let output = process.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut url).unwrap();
    assert!(
        url.starts_with("http://"),
        "the S3 server does not start; see above"
    );
    Server {
        url: url.trim().to_owned(),
        _process: process,
    }
}

#[tokio::test]
async fn a_bucket_that_is_missing_is_told() {
    let url = tokio::task::spawn_blocking(server).await.unwrap();
    let blobs = open("s3://nobody-made-this/tests", url, 15);
    let told = blobs.check().await.unwrap_err().to_string();
    assert!(
        told.starts_with("s3://nobody-made-this/tests cannot be used: there is no such bucket"),
        "{told}"
    );
    // It is not said that the blob is gone.
    let blob = blob(b"some bytes");
    for error in [
        blobs.get(&blob).await.unwrap_err(),
        blobs
            .put(&blob, Bytes::from_static(b"some bytes"))
            .await
            .unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_outage_is_told_in_time() {
    // Somebody listens there and never answers; or nobody does.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [silent.local_addr().unwrap(), gone] {
        let blobs = open("s3://blobs/tests", &format!("http://{address}"), 2);
        let begun = Instant::now();
        let blob = blob(b"some bytes");
        let put = blobs.put(&blob, Bytes::from_static(b"some bytes")).await;
        let error = put.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
