//! A client that keeps its connections: raw HTTP/1.1 from plain threads, one request at a time each.
//!
//! It runs on the same cores as the server, so what it costs is part of the figures.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const TIMEOUT: Duration = Duration::from_mins(1);

/// How long to go on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    Requests(usize),
    Time(Duration),
}

/// The answers to many requests, all with the status that was wanted.
pub(super) struct Answers {
    /// In milliseconds, sorted.
    times: Vec<f64>,
    seconds: f64,
}

impl Answers {
    pub(super) fn count(&self) -> usize {
        self.times.len()
    }

    pub(super) fn rate(&self) -> f64 {
        self.times.len() as f64 / self.seconds
    }

    /// So many in a hundred took no longer.
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        let place = (self.times.len() * percent).div_ceil(100).max(1) - 1;
        self.times.get(place).copied().unwrap_or_default()
    }
}

/// Keeps `concurrency` requests under way. `write(n, request)` writes request `n`; every answer must have `status`.
pub(super) fn drive(
    address: SocketAddr,
    concurrency: usize,
    until: Until,
    status: u16,
    write: &(dyn Fn(usize, &mut Vec<u8>) + Sync),
) -> Result<Answers> {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let goes_on = |n: usize| match until {
        Until::Requests(requests) => n < requests,
        Until::Time(time) => begun.elapsed() < time,
    };
    let caller = || -> Result<Vec<f64>> {
        let mut connection = Connection::open(address)?;
        let (mut request, mut times) = (Vec::new(), Vec::new());
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if !goes_on(n) {
                return Ok(times);
            }
            request.clear();
            write(n, &mut request);
            let sent = Instant::now();
            let got = connection.send(&request)?;
            times.push(sent.elapsed().as_secs_f64() * 1000.0);
            if got != status {
                bail!(
                    "answered with {got}: {}",
                    String::from_utf8_lossy(connection.body())
                );
            }
        }
    };
    let times = std::thread::scope(|scope| -> Result<Vec<f64>> {
        let callers: Vec<_> = (0..concurrency).map(|_| scope.spawn(caller)).collect();
        let mut times = Vec::new();
        for caller in callers {
            let own = caller.join();
            times.extend(own.unwrap_or_else(|_| bail!("a client thread panicked"))?);
        }
        Ok(times)
    });
    let seconds = begun.elapsed().as_secs_f64();
    let mut times = times?;
    times.sort_by(f64::total_cmp);
    Ok(Answers { times, seconds })
}

/// The body of a 200.
pub(super) fn get(address: SocketAddr, path: &str) -> Result<Vec<u8>> {
    let mut connection = Connection::open(address)?;
    let mut request = Vec::new();
    write_get(path, &mut request);
    let status = connection.send(&request)?;
    if status != 200 {
        bail!("{path} is answered with {status}");
    }
    Ok(connection.body)
}

pub(super) fn write_get(path: &str, request: &mut Vec<u8>) {
    request.extend_from_slice(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
}

struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self {
            stream: BufReader::new(stream),
            line: String::new(),
            body: Vec::new(),
        })
    }

    fn body(&self) -> &[u8] {
        &self.body
    }

    /// Sends a request and reads the whole answer. Gives back its status.
    fn send(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.get_mut().write_all(request)?;
        let status = self
            .next_line()?
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse::<u16>().ok());
        let status = status.context("a status")?;
        let mut length = None;
        loop {
            let line = self.next_line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse::<usize>().ok();
            }
        }
        self.body
            .resize(length.context("an answer says how long it is")?, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(status)
    }

    fn next_line(&mut self) -> Result<&str> {
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            bail!("the server closed the connection");
        }
        Ok(self.line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn percentiles_are_taken_from_above() {
        let answers = |times: &[f64]| Answers {
            times: times.to_vec(),
            seconds: 2.0,
        };
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        let percentile = |times: &[f64], percent| answers(times).percentile(percent) as u32;
        assert_eq!(percentile(&hundred, 99), 99);
        assert_eq!(percentile(&hundred, 50), 50);
        assert_eq!(percentile(&[3.0, 7.0], 99), 7);
        assert_eq!(percentile(&[], 99), 0);
        assert_eq!(answers(&[3.0, 7.0]).rate() as u32, 1);
    }

    #[test]
    fn a_connection_serves_many_requests() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = BufReader::new(stream);
            let mut served = 0;
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap() > 0 {
                if line.trim_end().is_empty() {
                    served += 1;
                    let answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok";
                    stream.get_mut().write_all(answer).unwrap();
                }
                line.clear();
            }
            served
        });
        let write = |n: usize, request: &mut Vec<u8>| write_get(&format!("/{n}"), request);
        let answers = drive(address, 1, Until::Requests(3), 202, &write).unwrap();
        assert_eq!((answers.count(), server.join().unwrap()), (3, 3));
    }
}
