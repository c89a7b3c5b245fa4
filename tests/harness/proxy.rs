//! A bad line to PostgreSQL: it carries what comes and goes, and now and then breaks a connection, be it before a
//! statement arrives or before its answer does.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::dice::Dice;

/// One piece of what is carried in so many breaks its connection; a job takes some dozens of pieces.
const ODDS: u32 = 2_000;

/// A TCP port before the socket of a database.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
}

#[derive(Debug)]
struct Line {
    socket: PathBuf,
    bad: AtomicBool,
    breaks: AtomicU32,
    dice: Mutex<Dice>,
}

/// Both ends of one connection.
struct Pair {
    client: TcpStream,
    database: UnixStream,
}

impl Proxy {
    /// A good line at first. `store` is the address of a database with a socket: `postgres:///…?host=FOLDER&…`.
    pub fn before(store: &str, seed: u64) -> Self {
        let folder = store
            .split(['?', '&'])
            .find_map(|part| part.strip_prefix("host="));
        let folder = folder.unwrap_or_else(|| panic!("{store} names no folder of a socket"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
        let address = listener.local_addr().expect("a listener has an address");
        let line = Arc::new(Line {
            socket: Path::new(folder).join(".s.PGSQL.5432"),
            bad: AtomicBool::new(false),
            breaks: AtomicU32::new(0),
            dice: Mutex::new(Dice::new(seed)),
        });
        let carried = Arc::clone(&line);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A database that is gone is a connection that ends.
                drop(carry(&carried, client));
            }
        });
        Self { address, line }
    }

    /// For `--store`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres?sslmode=disable", self.address)
    }

    /// Whether connections break from now on.
    pub fn set_bad(&self, bad: bool) {
        self.line.bad.store(bad, Ordering::Relaxed);
    }

    /// How many connections it has broken.
    pub fn breaks(&self) -> u32 {
        self.line.breaks.load(Ordering::Relaxed)
    }
}

/// Both directions, each in a thread of its own.
fn carry(line: &Arc<Line>, client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let database = UnixStream::connect(&line.socket)?;
    let pair = Arc::new(Pair { client, database });
    for to_database in [true, false] {
        let (line, pair) = (Arc::clone(line), Arc::clone(&pair));
        std::thread::spawn(move || {
            if to_database {
                line.pump(&pair.client, &pair.database);
            } else {
                line.pump(&pair.database, &pair.client);
            }
            pair.end();
        });
    }
    Ok(())
}

impl Line {
    /// Until one end closes, or the line breaks.
    fn pump(&self, mut from: impl Read, mut to: impl Write) {
        let mut piece = vec![0; 16 << 10];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            if self.breaks_now() || to.write_all(&piece[..read]).is_err() {
                return;
            }
        }
    }

    fn breaks_now(&self) -> bool {
        let unlucky = || self.dice.lock().expect("nobody panics with the dice").below(ODDS) == 0;
        let breaks = self.bad.load(Ordering::Relaxed) && unlucky();
        if breaks {
            self.breaks.fetch_add(1, Ordering::Relaxed);
        }
        breaks
    }
}

impl Pair {
    fn end(&self) {
        drop(self.client.shutdown(Shutdown::Both));
        drop(self.database.shutdown(Shutdown::Both));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// A database that says back what it is told.
    fn echo(folder: &Path) {
        let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).unwrap();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                std::thread::spawn(move || drop(io::copy(&mut &client, &mut &client)));
            }
        });
    }

    fn carried(client: &mut TcpStream) -> bool {
        let mut answer = [0; 4];
        client.write_all(b"ping").is_ok() && client.read_exact(&mut answer).is_ok() && answer == *b"ping"
    }

    #[test]
    fn a_good_line_carries_and_a_bad_one_breaks() {
        let folder = tempfile::tempdir().unwrap();
        echo(folder.path());
        let proxy = Proxy::before(
            &format!(
                "postgres:///postgres?host={}&user=postgres",
                folder.path().display()
            ),
            7,
        );
        assert!(proxy.url().starts_with("postgres://postgres@127.0.0.1:"));
        let mut client = TcpStream::connect(proxy.address).unwrap();
        for _ in 0..100 {
            assert!(carried(&mut client));
        }
        proxy.set_bad(true);
        let broken = (0..100 * ODDS).any(|_| !carried(&mut client));
        assert!(broken && proxy.breaks() == 1);
        proxy.set_bad(false);
        assert!(carried(&mut TcpStream::connect(proxy.address).unwrap()));
    }
}
