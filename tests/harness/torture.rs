//! The kill test: a client keeps a ledger of all that was acknowledged, and the server is killed over and over, at
//! named places, before system calls and at any time. After each restart a part of the ledger is checked, in the end
//! all of it.

mod death;
mod tally;

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::command::signal;
use crate::dice::Dice;
use crate::ledger::{PIPELINE, endpoint, half_written};
use crate::strace::{dies_soon, has_died};
use crate::{Ledger, Server, children, sqlite};
use death::{Death, Deaths};

pub use death::PLACES;
pub use tally::Tally;

/// From so many cycles on, each kind of death must have happened.
const LONG: u32 = 100;
/// Originals of before that are looked at after each restart.
const OTHERS: u32 = 20;
/// Jobs after the last restart, so that what stays half-written is this server's.
const AFTERWARDS: usize = 50;
/// For jobs to be taken, and for all of them to end.
const PATIENCE: Duration = Duration::from_mins(1);
const MUCH_PATIENCE: Duration = Duration::from_mins(30);
const KILL: i32 = 9;

#[derive(Debug, Clone)]
pub struct Torture {
    pub cycles: u32,
    pub seed: u64,
    /// `--store`; SQLite in a folder of its own if there is none.
    pub store: Option<String>,
}

/// One server, over and over.
struct Run {
    server: Server,
    ledger: Ledger,
    dice: Dice,
    tally: Tally,
    folder: TempDir,
}

impl Torture {
    pub fn run(&self) -> Tally {
        let begun = Instant::now();
        let folder = TempDir::new().expect("a temporary folder can be made");
        let server = Server::of([("torture", PIPELINE)])
            .store(self.store.clone().unwrap_or_else(|| sqlite(folder.path())))
            .args(&["--heartbeat", "1", "--webhook-private"])
            .start();
        let mut run = Run {
            server,
            ledger: Ledger::small(),
            dice: Dice::new(self.seed),
            tally: Tally::default(),
            folder,
        };
        let endpoint = endpoint(&run.server);
        let mut deaths = Deaths::of(self.store.is_none());
        for cycle in 0..self.cycles {
            let death = deaths.next(cycle, &mut run.dice);
            let own = run.cycle(&death);
            run.tally.note(death.name(), own);
        }
        run.end(&endpoint);
        run.tally.took = begun.elapsed();
        if self.cycles >= LONG {
            run.tally.all_happened();
        }
        run.tally
    }
}

impl Run {
    /// Whether the server died where it was to die, and not by the harness.
    fn cycle(&mut self, death: &Death) -> bool {
        self.server.end();
        if !self.restart(&[("STOPBATH_CRASH_AT", &death.environment())]) {
            // While it looked after the jobs of before.
            assert!(!self.server.lives(), "it is not healthy:\n{}", self.server.log());
            self.was_killed();
            return true;
        }
        self.tally.checked += self.ledger.check_some(&self.server, OTHERS, &mut self.dice);
        let again = death
            .needs_original()
            .then(|| self.one_original())
            .map(|job| (digest(&self.server, &job), job));
        let digest = again.as_ref().map(|(digest, _)| digest.as_str());
        let strace = death.strace(&self.server, self.folder.path(), digest);
        let executors_too = death.is_any_time() && self.dice.below(2) == 0;
        let load = Load {
            server: &self.server,
            ledger: &self.ledger,
            after: death.after(&mut self.dice),
            executors_too,
            again: again.as_ref().map(|(_, job)| job.as_str()),
        };
        let (own, unanswered) = load.run();
        drop(strace);
        self.tally.unanswered += unanswered;
        self.was_killed();
        own
    }

    /// What others left half-written is gone then.
    fn restart(&mut self, environment: &[(&str, &str)]) -> bool {
        let left = half_written(&self.server.blobs());
        self.tally.half_written += left.len();
        let is_back = self.server.kill_and_restart(environment);
        let now = half_written(&self.server.blobs());
        for (file, written) in left.into_iter().filter(|_| is_back) {
            assert_ne!(now.get(&file), Some(&written), "{} stayed", file.display());
        }
        is_back
    }

    /// An end of another kind is a bug, even where it was to die.
    fn was_killed(&mut self) {
        let ended = self.server.end();
        assert_eq!(
            ended.signal(),
            Some(KILL),
            "it ended by itself, {ended}:\n{}",
            self.server.log()
        );
    }

    fn one_original(&self) -> String {
        if self.ledger.is_empty() {
            self.ledger.take(&self.server, 1, PATIENCE);
        }
        self.ledger.newest()
    }

    fn end(&mut self, endpoint: &str) {
        self.server.end();
        assert!(self.restart(&[]), "it does not come back:\n{}", self.server.log());
        self.tally.checked += self.ledger.check_some(&self.server, OTHERS, &mut self.dice);
        self.ledger.take(&self.server, AFTERWARDS, PATIENCE);
        self.tally.redriven = self.ledger.settle(&self.server, MUCH_PATIENCE);
        self.tally.acknowledged = self.ledger.len();
        self.tally.ends = self.ledger.check(&self.server);
        self.ledger.check_ends(&self.server, endpoint);
    }
}

/// Clients submit until the server is dead; it is killed after a while if it did not die by itself.
struct Load<'a> {
    server: &'a Server,
    ledger: &'a Ledger,
    after: Duration,
    executors_too: bool,
    /// A job whose original is submitted all the time, too.
    again: Option<&'a str>,
}

impl Load<'_> {
    /// Whether it died by itself, and how many requests were cut off.
    fn run(&self) -> (bool, usize) {
        let dead = AtomicBool::new(false);
        let submit_again = |job: &str| while !self.ledger.submit_again(self.server, job).is_over(&dead) {};
        std::thread::scope(|threads| {
            let clients = threads.spawn(|| self.ledger.load_until_dead(self.server, &dead));
            if let Some(job) = self.again {
                threads.spawn(move || submit_again(job));
            }
            let own = self.watch(&dead);
            signal("KILL", &[self.server.pid()]);
            dead.store(true, Ordering::Relaxed);
            let load = clients.join().expect("no client panicked");
            (own, load.unanswered)
        })
    }

    fn watch(&self, dead: &AtomicBool) -> bool {
        let (pid, begun) = (self.server.pid(), Instant::now());
        while begun.elapsed() < self.after && !dead.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
            if self.executors_too && begun.elapsed() > self.after / 2 {
                let executors = children(pid);
                signal("KILL", &executors[..executors.len().min(1)]);
            }
        }
        // Its connections may be gone a moment before it is.
        if dead.load(Ordering::Relaxed) {
            dies_soon(pid)
        } else {
            has_died(pid)
        }
    }
}

fn digest(server: &Server, job: &str) -> String {
    let job = server.get(&format!("/v1/jobs/{job}")).ok().json();
    job["original"]["digest"].as_str().expect("a digest").to_owned()
}
