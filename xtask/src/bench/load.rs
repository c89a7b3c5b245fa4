//! The load generator: raw HTTP/1.1 from plain threads, a new connection for each request, the same for all servers.
//!
//! It asks for `Connection: close`, so that a server with several processes spreads the load over them. The
//! client runs on the same cores as the server and costs each of them the same.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub(super) const CONCURRENCY: usize = 4;
const TIMEOUT: Duration = Duration::from_secs(30);

/// One request, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    head: String,
    body: Arc<Vec<u8>>,
}

impl Request {
    pub(super) fn get(path: &str) -> Self {
        Self {
            head: head("GET", path, ""),
            body: Arc::default(),
        }
    }

    pub(super) fn post(path: &str, accept: &str, body: &Arc<Vec<u8>>) -> Self {
        let more = format!(
            "Accept: {accept}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n",
            body.len()
        );
        Self {
            head: head("POST", path, &more),
            body: Arc::clone(body),
        }
    }
}

fn head(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n")
}

/// Keeps `CONCURRENCY` originals in work for `period`; `work(n)` gives the requests of original `n`, sent one
/// after another. Returns originals a second; the last ones are waited for and counted.
pub(super) fn drive(
    address: SocketAddr,
    period: Duration,
    counter: &AtomicUsize,
    work: &(dyn Fn(usize) -> Vec<Request> + Sync),
) -> Result<f64> {
    let begun = Instant::now();
    let worker = || -> Result<usize> {
        let mut done = 0;
        let mut buffer = Vec::new();
        while begun.elapsed() < period {
            for request in work(counter.fetch_add(1, Ordering::Relaxed)) {
                send(address, &request, &mut buffer)?;
            }
            done += 1;
        }
        Ok(done)
    };
    let done: Result<usize> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..CONCURRENCY).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| bail!("a client thread panicked"))
            })
            .sum()
    });
    Ok(done? as f64 / begun.elapsed().as_secs_f64())
}

/// Sends one request and returns the body of a 200; anything else is an error.
pub(super) fn fetch(address: SocketAddr, request: &Request) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    let body = send(address, request, &mut buffer)?;
    Ok(buffer.split_off(body))
}

/// The answer lands in `buffer`; returns where its body begins.
fn send(address: SocketAddr, request: &Request, buffer: &mut Vec<u8>) -> Result<usize> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(request.head.as_bytes())?;
    stream.write_all(&request.body)?;
    buffer.clear();
    stream.read_to_end(buffer)?;
    let first_line = || request.head.lines().next().unwrap_or_default().to_owned();
    let body = body_of(buffer).with_context(|| format!("{} answers {}", first_line(), start_of(buffer)))?;
    Ok(body)
}

/// Where the body begins, of a complete answer 200.
fn body_of(answer: &[u8]) -> Result<usize> {
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .context("no end of the head")?;
    let head = std::str::from_utf8(&answer[..end])?;
    if !head.starts_with("HTTP/1.1 200") {
        bail!("not a 200");
    }
    let body = end + 4;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    if length.is_some_and(|length| length != answer.len() - body) || answer.len() == body {
        bail!("the body is cut short");
    }
    Ok(body)
}

fn start_of(answer: &[u8]) -> String {
    String::from_utf8_lossy(&answer[..answer.len().min(300)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_successes_count() {
        let body = |answer: &str| body_of(answer.as_bytes()).ok();
        assert_eq!(body("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"), Some(38));
        assert_eq!(body("HTTP/1.1 200 OK\r\n\r\nab"), Some(19));
        assert_eq!(body("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"), None);
        assert_eq!(body("HTTP/1.1 200 OK\r\n\r\n"), None);
        assert_eq!(body("HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nab"), None);
    }
}
