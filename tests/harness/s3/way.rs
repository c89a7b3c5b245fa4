//! A bad way to an S3 server: most requests pass; others are refused, get lost before they arrive or after they were
//! done, are answered in part, or late.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::S3;
use crate::dice::Dice;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    Good,
    /// Every third request meets with something.
    Bad,
    /// Nothing gets through.
    Outage,
}

/// Listens on a port of its own.
#[derive(Debug)]
pub struct BadWay {
    address: SocketAddr,
    way: Arc<Way>,
}

#[derive(Debug)]
struct Way {
    /// Host and port of the server.
    to: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    weather: Weather,
    dice: Dice,
    met: BTreeMap<Fate, u32>,
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Pass,
    SlowDown,
    InternalError,
    LostBefore,
    LostAfter,
    CutShort,
    Late,
}

const MISFORTUNES: [Fate; 6] = [
    Fate::SlowDown,
    Fate::InternalError,
    Fate::LostBefore,
    Fate::LostAfter,
    Fate::CutShort,
    Fate::Late,
];

/// For a request or an answer to come.
const PATIENCE: Duration = Duration::from_secs(30);

impl BadWay {
    /// In good weather at first.
    pub fn to(server: &S3, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
        let address = listener.local_addr().expect("a listener has an address");
        let way = Arc::new(Way {
            to: server.url().trim_start_matches("http://").to_owned(),
            state: Mutex::new(State {
                weather: Weather::Good,
                dice: Dice::new(seed),
                met: BTreeMap::new(),
            }),
        });
        let taken = Arc::clone(&way);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let way = Arc::clone(&taken);
                // A client that goes away is none of our business.
                std::thread::spawn(move || drop(way.carry(client)));
            }
        });
        Self { address, way }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn set(&self, weather: Weather) {
        self.way.state().weather = weather;
    }

    /// Of every misfortune at least so many have happened.
    pub fn has_met(&self, each: u32) -> bool {
        let state = self.way.state();
        MISFORTUNES
            .iter()
            .all(|fate| state.met.get(fate).is_some_and(|met| *met >= each))
    }

    /// How many requests met with something.
    pub fn met(&self) -> u32 {
        self.way.state().met.values().sum()
    }
}

impl Way {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with the state")
    }

    /// One request, and then the connection ends.
    fn carry(&self, mut client: TcpStream) -> io::Result<()> {
        if self.state().weather == Weather::Outage {
            return Ok(());
        }
        client.set_nodelay(true)?;
        client.set_read_timeout(Some(PATIENCE))?;
        let request = read_request(&mut client)?;
        match self.fate() {
            Fate::Pass => client.write_all(&self.ask(&request)?),
            Fate::SlowDown => client.write_all(&refusal("503 Service Unavailable", "SlowDown")),
            Fate::InternalError => client.write_all(&refusal("500 Internal Server Error", "InternalError")),
            Fate::LostBefore => Ok(()),
            Fate::LostAfter => self.ask(&request).map(drop),
            Fate::CutShort => {
                let answer = self.ask(&request)?;
                client.write_all(&answer[..middle(&answer)])
            }
            Fate::Late => {
                std::thread::sleep(Duration::from_millis(200));
                client.write_all(&self.ask(&request)?)
            }
        }
    }

    fn fate(&self) -> Fate {
        let mut state = self.state();
        if state.weather == Weather::Good || state.dice.below(3) != 0 {
            return Fate::Pass;
        }
        let fate = MISFORTUNES[state.dice.below(MISFORTUNES.len() as u32) as usize];
        *state.met.entry(fate).or_default() += 1;
        fate
    }

    /// The server ends the connection after its answer.
    fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(&self.to)?;
        server.set_nodelay(true)?;
        server.set_read_timeout(Some(PATIENCE))?;
        server.write_all(request)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// Head and body; the body has a stated length or is none.
fn read_request(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        if let Some(head) = head_of(&request)
            && request.len() >= head + length(&request[..head])
        {
            return Ok(request);
        }
        match client.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => request.extend_from_slice(&piece[..read]),
        }
    }
}

/// The length of the head, with the empty line that ends it.
fn head_of(message: &[u8]) -> Option<usize> {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// In the middle of the body, or of the head where that is all.
fn middle(answer: &[u8]) -> usize {
    let head = head_of(answer).unwrap_or(answer.len());
    let body = answer.len() - head;
    if body == 0 { head / 2 } else { head + body / 2 }
}

fn refusal(status: &str, code: &str) -> Vec<u8> {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Bad weather</Message></Error>");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_measured_and_cut() {
        let request = b"PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\nbody";
        let head = head_of(request).unwrap();
        assert_eq!((head, length(&request[..head])), (request.len() - 4, 4));
        assert_eq!(middle(request), head + 2);
        assert_eq!(middle(&request[..head]), head / 2);
        assert_eq!((head_of(b"PUT /a"), length(b"GET / HTTP/1.1\r\n\r\n")), (None, 0));
    }
}
