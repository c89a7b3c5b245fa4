//! The kill test: a client keeps a ledger of all that was acknowledged, and the server is killed over and over, at
//! named places and at any time. In the end every entry of the ledger is checked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::command::signal;
use crate::dice::Dice;
use crate::ledger::{Ends, PIPELINE};
use crate::{Ledger, Server, Told, children};

/// Where the server is made to die.
pub const PLACES: [&str; 8] = [
    "original-received",
    "original-written",
    "before-commit",
    "job-committed",
    "job-claimed",
    "renditions-made",
    "rendition-written",
    "job-settled",
];

#[derive(Debug, Clone)]
pub struct Torture {
    pub cycles: u32,
    pub seed: u64,
    /// `--store`; SQLite in a folder of its own if there is none.
    pub store: Option<String>,
}

/// What came of it; every number that must be zero is checked already.
#[derive(Debug, Default)]
pub struct Tally {
    kills: BTreeMap<String, u32>,
    acknowledged: usize,
    unanswered: usize,
    ends: Ends,
    redriven: usize,
    took: Duration,
}

impl Torture {
    pub fn run(&self) -> Tally {
        let begun = Instant::now();
        let mut tally = Tally::default();
        let mut dice = Dice::new(self.seed);
        let ledger = Ledger::small();
        let mut builder = Server::of([("torture", PIPELINE)]);
        if let Some(store) = &self.store {
            builder = builder.store(store);
        }
        let mut server = builder.start();
        for cycle in 0..self.cycles {
            let (place, environment) = plan(cycle, &mut dice);
            *tally.kills.entry(place).or_default() += 1;
            if !server.kill_and_restart(&[("STOPBATH_CRASH_AT", &environment)]) {
                // It died while it looked after the jobs of before.
                continue;
            }
            let after = Duration::from_millis(u64::from(dice.below(900) + 50));
            tally.unanswered += load(&server, after, dice.below(4) == 0, &ledger);
        }
        assert!(
            server.kill_and_restart(&[]),
            "it does not come back:\n{}",
            server.log()
        );
        tally.acknowledged = ledger.len();
        tally.redriven = ledger.settle(&server, Duration::from_mins(5));
        tally.ends = ledger.check(&server);
        tally.took = begun.elapsed();
        tally
    }
}

/// Named places in turn, and every third cycle at any time.
fn plan(cycle: u32, dice: &mut Dice) -> (String, String) {
    if cycle % 3 == 2 {
        return ("at any time".to_owned(), String::new());
    }
    let place = PLACES[(cycle - cycle / 3) as usize % PLACES.len()];
    (place.to_owned(), format!("{place}:{}", dice.below(6) + 1))
}

/// Clients submit until the server is dead; it is killed after a while if it did not die by itself. How many requests
/// were cut off.
fn load(server: &Server, after: Duration, executors_too: bool, ledger: &Ledger) -> usize {
    let dead = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let clients = threads.spawn(|| {
            ledger.load_until(server, |told| {
                if matches!(told, Told::Nothing) {
                    dead.store(true, Ordering::Relaxed);
                }
                dead.load(Ordering::Relaxed)
            })
        });
        let begun = Instant::now();
        while begun.elapsed() < after && !dead.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
            if executors_too && begun.elapsed() > after / 2 {
                let executors = children(server.pid());
                signal("KILL", &executors[..executors.len().min(1)]);
            }
        }
        signal("KILL", &[server.pid()]);
        dead.store(true, Ordering::Relaxed);
        let load = clients.join().expect("no client panicked");
        assert!(load.refused.keys().all(|status| *status == 503), "{load:?}");
        load.unanswered
    })
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<22} kills", "killed")?;
        for (place, kills) in &self.kills {
            writeln!(f, "{place:<22} {kills}")?;
        }
        writeln!(f, "acknowledged           {}", self.acknowledged)?;
        writeln!(f, "  succeeded            {}", self.ends.succeeded)?;
        writeln!(f, "  poison, dead         {}", self.ends.poison)?;
        writeln!(f, "  lost                 0")?;
        writeln!(f, "sent through again     {}", self.redriven)?;
        writeln!(f, "requests cut off       {}", self.unanswered)?;
        write!(f, "in                     {:.0} s", self.took.as_secs_f32())
    }
}
